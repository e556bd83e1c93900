"""Reads a reply against what is published and what was said, and finds what is not borne out."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agent.folding import fold
from agent.guardrails.dates_text import CalendarDate
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import MAX_CHARS
from agent.guardrails.grounding_answers import invented_answers, left_to_them, misplaced
from agent.guardrails.grounding_facts import Facts, facts_of
from agent.guardrails.grounding_hours import judge_slot
from agent.guardrails.grounding_inclusion import wrong_parts
from agent.guardrails.grounding_limits import unmet_limits
from agent.guardrails.grounding_numbers import without_money
from agent.guardrails.grounding_people import unpublished_standing
from agent.guardrails.grounding_reading import Mention, Reading, Topics, as_set, items_of, read, read_slots
from agent.guardrails.grounding_scopes import misplaced_things
from agent.guardrails.grounding_starts import false_starts
from agent.guardrails.grounding_statement import (
    MANNER,
    WEAK,
    Conversation,
    Finding,
    Sentence,
    Statement,
    asks_for,
    written_in,
)
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_support import judge
from agent.guardrails.grounding_tax import false_taxes
from agent.guardrails.grounding_travel import wrong_ways
from agent.guardrails.grounding_unlimited import endless
from agent.guardrails.grounding_windows import is_between, read_windows
from agent.guardrails.grounding_words import ZONES, pattern
from agent.types import Candidate, Tenant, Turn

HISTORY = 12
"""How many of the last messages of a conversation count as said."""

_SCARCE = compiled_on_use(pattern("scarce"))
_ANSWERS = 2
"""So many sentences of a reply are about what was asked, unless they say otherwise."""
MAX_SENTENCE = 1_000
"""Of one sentence, so many characters tell what it is about."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the facts do not bear out, and where in the text."""

    kind: str
    """That of the mention, or `slot`, `scarcity`, `answer`."""
    finding: Finding
    start: int
    end: int


def prepare(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> tuple[Facts, Reading, Conversation]:
    """Return what is published or was said by us, the reply read, and what else decides. `now` is aware, in UTC."""
    said = tuple(
        (message.language or candidate.language, message.text)
        for message in turn.history[-HISTORY:]
        if message.direction == "outbound" and len(message.text) > 3
    )
    facts = facts_of(tenant, said)
    contact = turn.conversation.contact
    written = [m.text for m in turn.history[-HISTORY:] if m.direction == "inbound"] + [turn.text]
    inbound = "\n".join(written)[:MAX_CHARS]
    reading = read(candidate.text[:MAX_CHARS], candidate.language, facts.items)
    asked = read(inbound, candidate.language, facts.items)
    told = _distinct(reading.of("quantity", "date"))
    of_prospect = _distinct(asked.of("quantity", "date", "time"))
    talk = Conversation(
        inbound=asked,
        written=written_in(asked),
        told=told,
        asked=of_prospect,
        said_numbers=_numbers(told) | _numbers(of_prospect),
        asked_numbers=_numbers(of_prospect),
        denied_words=frozenset(
            word for m in reading.of("name") if m.is_denied and isinstance(m.value, tuple) for word in m.value
        ),
        language=candidate.language,
        home=tenant.default_language,
        denied_features=frozenset(str(m.value) for m in reading.of("feature") if m.is_denied),
        inbound_words=frozenset(re.findall(r"[a-z0-9]+(?:'[a-z]+)?", fold(inbound))),
        contact_words=frozenset(fold(contact.name or "").split()),
        languages=tenant.languages,
        country=tenant.country,
        zone=tenant.timezone,
        contact_zone=contact.timezone,
        now=now,
    )
    return facts, reading, talk


_MOST_SAID = 60
"""So many numbers, dates and times of one side of a conversation are reckoned with."""


def _distinct(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    different = {(m.kind, m.value, m.unit): m for m in itertools.islice(mentions, _MOST_SAID)}
    return tuple(different.values())


def _numbers(mentions: Iterable[Mention]) -> frozenset[Decimal]:
    return frozenset(m.value for m in mentions if isinstance(m.value, Decimal))


_MAY_DENY = ("feature", "included")
"""Of these it is judged, too, that they are not so."""
_WRONG: frozenset[Finding] = frozenset({"contradicted", "unsupported"})


def find_faults(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Fault]:
    """Yield what the facts do not bear out: kind, finding and where."""
    findings = judge_all(reading, facts, talk)
    for mention, finding in zip(reading.mentions, findings, strict=True):
        if finding in _WRONG:
            yield Fault(mention.kind, finding, mention.start, mention.end)
    yield from _slot_faults(reading, facts, talk)
    yield from _scarcity(reading, facts)
    yield from (Fault("tax", "contradicted", clause.start, clause.end) for clause in false_taxes(reading, facts))
    yield from (Fault("included", "contradicted", each.start, each.end) for each in left_to_them(reading, facts))
    yield from (Fault("start", "contradicted", each.start, each.end) for each in false_starts(reading, facts, talk))
    yield from (Fault("scope", "contradicted", clause.start, clause.end) for clause in misplaced(reading, facts))
    yield from (
        Fault("included", "contradicted", c.start, c.end) for c in wrong_parts(reading, talk.language, facts.parts)
    )
    yield from _misplaced_things(reading, facts, talk)
    yield from (Fault("people", "unsupported", c.start, c.end) for c in unpublished_standing(reading, facts, talk))
    yield from (Fault("way", "contradicted", c.start, c.end) for c in wrong_ways(reading, facts))
    yield from (Fault("length", "contradicted", c.start, c.end) for c in endless(reading, facts))
    yield from (Fault("limit", "contradicted", c.start, c.end) for c in unmet_limits(reading, facts, talk))
    yield from _plain_yes(reading, facts, talk)
    yield from (Fault("answer", "unsupported", c.start, c.end) for c in invented_answers(reading, facts, talk))


def _misplaced_things(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Fault]:
    asked = items_of(frozenset().union(*talk.inbound.topics))
    for clause in misplaced_things(reading, talk.language, facts.branches, asked):
        yield Fault("scope", "contradicted", clause.start, clause.end)


def judge_all(reading: Reading, facts: Facts, talk: Conversation) -> list[Finding]:
    """Return the finding on each mention; of two readings of one number the better one holds for both."""
    sentences = _sentences(reading)
    findings = [_finding(mention, reading, sentences, facts, talk) for mention in reading.mentions]
    best: dict[tuple[int, int], Finding] = {}
    for mention, finding in zip(reading.mentions, findings, strict=True):
        if mention.other >= 0 and finding not in _WRONG and not _is_clock(mention, reading, sentences, talk):
            best[mention.clause, mention.other] = finding
    return [best.get((m.clause, m.other), finding) for m, finding in zip(reading.mentions, findings, strict=True)]


def _is_clock(mention: Mention, reading: Reading, sentences: Mapping[int, Sentence], talk: Conversation) -> bool:
    """Say whether what may be a duration is none: "16h" where the sentence tells times of another time zone."""
    places = sentences[reading.clauses[mention.clause].sentence].places
    return mention.kind == "quantity" and any(ZONES.get(place, talk.zone) != talk.zone for place in places)


def _finding(
    mention: Mention, reading: Reading, sentences: Mapping[int, Sentence], facts: Facts, talk: Conversation
) -> Finding:
    clause = reading.clauses[mention.clause]
    if not clause.is_claim or (mention.is_denied and mention.kind not in _MAY_DENY):
        return "undecided"
    topics = mention.topics
    if mention.kind == "included" and _only_heads(clause, sentences[clause.sentence]):
        return "undecided"
    if not topics and mention.kind == "quantity" and _leads_in(clause):
        topics = mention.wide
    if topics <= _NO_ITEM and (dated := _dated_items(clause, reading, facts)):
        topics |= dated
    elif not topics and clause.sentence < (1 if mention.kind == "included" else _ANSWERS):
        topics = _asked_topics(talk)
    elif topics <= WEAK | MANNER and "topics:opening" not in topics and not mention.subject - topics:
        topics |= items_of(frozenset().union(*talk.inbound.topics))
    statement = Statement(mention=mention, topics=topics, clause_text=clause.plain, sentence=sentences[clause.sentence])
    return judge(statement, facts, talk)


def _asked_topics(talk: Conversation) -> Topics:
    """Return what was asked about; what may be several items only where nothing names one: "I'm B1 in English"."""
    asked = talk.inbound.topics
    vague = frozenset().union(*(items_of(topics) for topics in asked if len(items_of(topics)) > 1))
    named = frozenset().union(*(items_of(topics) for topics in asked if len(items_of(topics)) == 1))
    every = frozenset().union(*asked)
    return every - (vague - named) if named else every


_LEADS_IN = re.compile(
    r"^\W*(?:y |e |and )?(?:en|em|in|within|dentro de|tras|after|despues de|depois de|despues|apos|a los|aos)\b"
)
_FEW_WORDS = 6


def _leads_in(clause: Clause) -> bool:
    """Say whether a clause only says when of what its sentence is about: "in three weeks, at the latest, …"."""
    return len(clause.words) <= _FEW_WORDS and bool(_LEADS_IN.match(clause.plain))


_NO_ITEM = WEAK | MANNER | {"topics:group_size"}


def _dated_items(clause: Clause, reading: Reading, facts: Facts) -> Topics:
    """Return the items that a published date of the sentence is of: "the group that starts on 13 April meets …"."""
    if "month" not in clause.hints:
        return frozenset()
    told = [m.value for m in reading.of("date") if reading.clauses[m.clause].sentence == clause.sentence]
    dates = {(each.day, each.months) for each in told if isinstance(each, CalendarDate) and each.day is not None}
    return frozenset().union(
        *(
            items_of(f.wide)
            for f in facts.of("date")
            if isinstance(f.value, CalendarDate) and not f.unit and (f.value.day, f.value.months) in dates
        )
    )


def _only_heads(clause: Clause, sentence: Sentence) -> bool:
    """Say whether a clause is no more than the heading of a list: "Included: …"."""
    return len(clause.words) == 1 and not sentence.is_yes and len(sentence.text) > len(clause.text) + 1


def _sentences(reading: Reading) -> Mapping[int, Sentence]:
    numbers = [clause.sentence for clause in reading.clauses]
    timed = {numbers[mention.clause] for mention in reading.of("time")}
    places: dict[int, set[str]] = {}
    for mention in reading.of("place"):
        places.setdefault(numbers[mention.clause], set()).add(str(mention.value))
    windows = tuple(read_windows(reading)) if timed else ()
    days: dict[int, set[int]] = {}
    for mention in reading.of("weekday"):
        days.setdefault(numbers[mention.clause], set()).update(as_set(mention))
    found: dict[int, Sentence] = {}
    for number, group in itertools.groupby(reading.clauses, lambda clause: clause.sentence):
        clauses = tuple(group)
        found[number] = Sentence(
            is_yes=any(clause.is_yes for clause in clauses),
            text=" ".join(clause.text for clause in clauses)[:MAX_SENTENCE],
            places=frozenset(places.get(number, ())),
            tells_time=number in timed,
            days=frozenset(days.get(number, ())),
            windows=tuple(window for window in windows if window.sentence == number),
        )
    return found


def _slot_faults(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Fault]:
    places = [str(mention.value) for mention in (*reading.of("place"), *talk.inbound.of("place"))]
    if any(ZONES.get(place, talk.zone) != talk.zone for place in places):
        return  # times may be told in another zone
    for slot in read_slots(reading):
        clause = reading.clauses[slot.first.clause]
        told = [window for window in read_windows(reading) if window.sentence == clause.sentence]
        if len(slot.times) == 1 and is_between(slot.times[0], told, facts.windows):
            continue
        if clause.is_claim and not clause.is_denied and judge_slot(slot, facts) == "contradicted":
            yield Fault("slot", "contradicted", slot.first.start, slot.first.end)


def _scarcity(reading: Reading, facts: Facts) -> Iterator[Fault]:
    for clause in reading.clauses:
        may_be_scarce = clause.is_claim and "scarce" in clause.hints
        if may_be_scarce and _SCARCE.search(without_money(clause.plain)) and not _SCARCE.search(facts.text):
            yield Fault("scarcity", "unsupported", clause.start, clause.end)


_ASKED_KINDS = ("feature", "weekday", "name")
_SHORT_ANSWER = 14
"""Words in a first sentence that says hardly more than yes."""


def _plain_yes(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Fault]:
    """Yield what was asked where the reply says yes without repeating it: "Do you have parking?" "Yes, of course." """
    if not reading.clauses or not reading.clauses[0].is_yes or not reading.clauses[0].is_claim:
        return
    first = [clause for clause in reading.clauses if clause.sentence == reading.clauses[0].sentence]
    if sum(len(c.words) for c in first) > _SHORT_ANSWER or any(c.is_denied or not c.is_claim for c in first):
        return
    said = {mention.kind for mention in reading.mentions}
    sentence = Sentence(is_yes=True, text="", places=frozenset(), tells_time=False)
    for mention in talk.inbound.of(*_ASKED_KINDS):
        clause = talk.inbound.clauses[mention.clause]
        if (
            (clause.is_claim and not asks_for(clause))
            or clause.is_denied
            or mention.kind in said
            or clause.sentence != talk.inbound.clauses[-1].sentence
        ):
            continue
        statement = Statement(mention=mention, topics=mention.topics, clause_text=clause.plain, sentence=sentence)
        finding = judge(statement, facts, talk)
        if finding in _WRONG:
            yield Fault("answer", finding, first[0].start, first[-1].end)
