"""What a tenant's policies and facts allow to be promised, and whether they back one statement of a reply.

A policy backs a promise when it is on the same topic, gives at least the same terms, and its condition is not left
out. It is compared across languages: by numbers with their units, and by the things they are about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from agent.folding import words_of
from agent.guardrails.backing_statements import (
    AVERAGE,
    BEFORE,
    BY_OTHERS,
    ITEM,
    SENTENCE,
    TRIAL,
    Statement,
    extras_of,
    read_statement,
    stems_of,
    subjects,
    validity_of,
)
from agent.guardrails.patterns import load_patterns
from agent.guardrails.published_once import once_for
from agent.guardrails.required_words import starts_in
from agent.guardrails.sentences import Sentence, read_sentences
from agent.guardrails.terms import Term, anchors_of, days_of, parts_of, spans_of
from agent.types import CatalogueItem, Tenant

_WORDS = load_patterns("promises_words")
_COVERED_BY = {"replacement": frozenset({"guarantee"}), "redo": frozenset({"guarantee"})}
"""Policies of another topic that may give the same."""
_ANCHOR = re.compile(
    r"\b(?:despues|depois|after|tras|antes|before|desde|since|from|following|prior to|of)"
    r"(?: (?:de|del|da|do|dos|of|the|a|la|el|o|que|su|tu|your|primera?|first|primeira))*(?P<what> (?!\d)\w+(?: \w+)?)"
)
_PIECE_END = re.compile(r"(?<!\d),|,(?!\d)|;| (?:y|e|and) ")
_TIME_END = re.compile(r"[;:]|(?<!\d),|,(?!\d)| (?:y|e|and) (?!\d)")
"""Where a sentence may go on to the time of something else."""
_DECLINES = re.compile(
    r"\b(?:no|nao|not|can't|cannot|won't|couldn't|sin|sem|without)\b.{0,20}\b(?:promis|promet|garant"
    r"|guarant|asegur|assegur"
    r"|commit|compromet|confirm|jur|certain|sure|segur|llega|cheg|mak)"
)
_REFUSES = re.compile(
    r"\b(?:sin|sem|without|unless)\b.{0,40}\b(?:no|nao|not)(?: \w+){0,2} (?:pued|pod|poss|consig|conseg|reserv|guard"
    r"|apart|separ|segur|hold|keep|save|able|tenho como|hay plaza|hay lugar)"
)
"""A clause that says what there is not without a payment: it widens nothing."""
_NEAR_DAY = re.compile(
    r"\b(?:hoy|hoje|today|tonight|tomorrow|amanha|manana|noon|midday|mediodia|meio dia)\b|\d$|\d ?(?:am|pm|h)$"
)
_LISTED = 4
"""A piece of so many words goes on with a list: "25 years for the panels, the battery and the frame"."""
_IN_A_YEAR = re.compile(r"\b(?:en|em|in|during|durante) 20\d\d\b")
_TO_READER = re.compile(r"\b(?:you|your|te|tu|tus|su|le|seu|sua|voce|vai|will|ll|vas)\b")
_TIMES = frozenset({"hour", "day", "month", "minute"})
_LONG_DAYS = 30
_COUNTED = frozenset({"class", "session"})


@dataclass(frozen=True)
class Backing:
    """All that a tenant has published, read for what it backs."""

    statements: tuple[Statement, ...]
    words: str
    catalogue: tuple[CatalogueItem, ...]

    @cached_property
    def days(self) -> frozenset[Term]:
        """All days that are published."""
        return frozenset(day for statement in self.statements for day in statement.days)

    def warrants(self, said: Sentence, language: str) -> bool:
        """Whether a sentence tells of some part for how long something is warranted: it need not name the warranty."""
        warranties = [each for each in self.statements if "guarantee" in each.topics]
        if not warranties or not parts_of(said.words):
            return False
        spans = frozenset(span for span in spans_of(said.text, language) if span[0] == "month" or _is_long(span))
        return len(spans) == 1 and any(spans <= each.spans for each in warranties)

    def tells_time(self, said: Sentence, language: str) -> bool:
        """Whether a time in a sentence is published of what it speaks of."""
        spans, stems = spans_of(said.text, language), stems_of(said.words)
        return any(
            spans & each.spans and (each.language != language or stems & each.stems)
            for each in self.statements
            if not each.topics & {"refund", "cancellation", "reservation"}
        )

    def repeats(self, words: str) -> bool:
        """Whether a sentence stands word for word in what is published."""
        return f"|{words}|" in self.words

    def grants(self, topic: str) -> bool:
        """Whether anything published says that there is such a thing."""
        return any(topic in statement.topics for statement in self.statements)

    def states(self, words: str) -> bool:
        """Whether a published text says mostly the same, with the same numbers."""
        stems, spans = stems_of(words), frozenset(re.findall(r"\d+", words))
        return any(len(stems & s.stems) >= 2 and spans <= s.numbers for s in self.statements)

    def backs(self, topic: str, said: Sentence, match: re.Match[str], whole: str, language: str) -> bool:
        """Whether the promise on `topic` that `match` found in a sentence follows from what is published."""
        claim = self._without_asides(_Said.read(said, match, whole, language, self.catalogue), topic)
        topics = _COVERED_BY.get(topic, frozenset()) | {topic}
        on_topic = [s for s in self.statements if topics & s.topics or topic in s.denies]
        if topic == "deadline":
            return _is_published_time(claim, self.statements)
        if topic == "guarantee":
            return any(_gives_guarantee(statement, claim) for statement in on_topic)
        if topic == "certainty":
            return any(_is_sure_of(statement, claim) for statement in self.statements)
        if topic in {"result", "exclusivity", "visa", "tax", "legal", "medical"}:
            return (topic == "result" and _is_past_figure(claim, self.statements)) or any(
                _says_the_same(statement, claim) for statement in self.statements if topic not in statement.denies
            )
        if topic == "refund" and BY_OTHERS.search(said.words):
            return True
        free = topic == "replacement" and any(_gives_free(statement, claim) for statement in self.statements)
        return free or any(_gives(topic, statement, claim, self.days) for statement in on_topic)

    def _without_asides(self, said: "_Said", topic: str) -> "_Said":
        """Leave out published terms of other things the sentence tells: "it lasts 12 weeks, and 14 days to …"."""
        others = [each for each in self.statements if not each.is_part and topic not in each.topics]
        aside = {
            span
            for piece in _PIECE_END.split(said.sentence.text)
            if not starts_in(said.match[0]) & starts_in(words_of(piece))
            for span in spans_of(piece, said.language) & said.spans
            if any(span in other.spans and stems_of(words_of(piece)) & other.stems for other in others)
        }
        return replace(said, spans=said.spans - aside)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """A sentence of a reply, read for its terms."""

    sentence: Sentence
    match: re.Match[str]
    language: str
    spans: frozenset[Term]
    days: frozenset[Term]
    parts: frozenset[str]
    extras: frozenset[str]
    whole: str
    """The whole reply: its other sentences may tell the condition."""
    catalogue: tuple[CatalogueItem, ...]

    @classmethod
    def read(
        cls,
        sentence: Sentence,
        match: re.Match[str],
        whole: str,
        language: str,
        catalogue: tuple[CatalogueItem, ...],
    ) -> "_Said":
        return cls(
            sentence=sentence,
            match=match,
            language=language,
            spans=spans_of(sentence.text, language),
            days=days_of(sentence.text),
            parts=parts_of(sentence.words),
            extras=extras_of(" , ".join(c for c in sentence.words.split(" , ") if not _REFUSES.search(c))),
            whole=whole,
            catalogue=catalogue,
        )


@once_for
def backing_of(tenant: Tenant) -> Backing:
    """Return what `tenant` has published, read once."""
    passages = (
        ("" if p.kind == "fact" else p.id, code, text) for p in tenant.passages for code, text in p.text.items()
    )
    items = (texts for item in tenant.catalogue for texts in (item.name, item.description))
    texts = (*passages, *(("", code, text) for texts in items for code, text in texts.items()))
    sentences = [sentence.words for _, _, text in texts for sentence in read_sentences(text)]
    parts = [("", code, part) for _, code, text in texts if len(found := SENTENCE.findall(text)) > 1 for part in found]
    catalogue = tuple(tenant.catalogue)
    statements = [read_statement(*each, catalogue, is_part=False) for each in texts]
    statements += [read_statement(*each, catalogue, is_part=True) for each in parts]
    statements += [validity_of(item) for item in tenant.catalogue]
    return Backing(tuple(statements), f"|{'|'.join(sentences)}|", catalogue)


# --- the comparisons --------------------------------------------------------------------------------------


def _is_published_time(said: _Said, statements: tuple[Statement, ...]) -> bool:
    """Say whether every time in the sentence is a published one; a sentence without any sets no deadline."""
    spans = frozenset(term for term in said.spans if term[0] in _TIMES)
    days = frozenset() if said.sentence.has(_WORDS["habitual"]) else said.days - _declined_days(said.sentence)
    if said.sentence.asks or not (spans or days):
        return True
    times = [each for each in statements if not each.topics & {"refund", "guarantee", "cancellation", "reservation"}]
    told = [(spans_of(piece, said.language) & spans, piece) for piece in _TIME_END.split(said.sentence.text)]
    pieces = [(each, anchors_of(piece) & {"installation", "delivery"}) for each, piece in told if each]
    return all(any(each <= time.spans and acts <= time.anchors for time in times) for each, acts in pieces) and (
        not days or any(days <= time.days for time in times)
    )


def _declined_days(sentence: Sentence) -> frozenset[Term]:
    """Return the days that a sentence refuses to name for certain: "so I can't promise Friday"."""
    pieces = (piece for piece in _PIECE_END.split(sentence.text) if _DECLINES.search(piece))
    return frozenset(day for piece in pieces for day in days_of(piece))


def _gives_guarantee(statement: Statement, said: _Said) -> bool:
    """Say whether a guarantee is the published one: its terms, for the thing it is published for."""
    if "guarantee" in statement.denies or not said.extras - {"full", "unhappy", "unpaid"} <= statement.extras:
        return False
    if said.spans:
        return said.spans <= statement.spans and all(_belongs(*pair, statement) for pair in _pairs(said))
    if said.parts & statement.parts or len(stems_of(said.sentence.words) & statement.stems) > 1:
        return True
    is_mention = re.search(r"\b(?:garantias?|warranty|guarantee)$", said.match[0])  # "sí, tiene garantía"
    return is_mention is not None and not said.parts


def _is_sure_of(statement: Statement, said: _Said) -> bool:
    """Say whether a statement gives for certain what the sentence gives its word for."""
    if "guarantee" in statement.topics and said.spans:
        return _gives_guarantee(statement, said)
    return frozenset(re.findall(r"\d+", said.sentence.words)) <= statement.numbers and _says_the_same(statement, said)


def _pairs(said: _Said) -> Iterator[tuple[Term, frozenset[str]]]:
    """Yield each span of the sentence with the parts it is said of: those just before it, or around it."""
    waiting: frozenset[str] = frozenset()
    told = True
    for piece in _PIECE_END.split(said.sentence.text):
        parts, spans = subjects(piece, said.catalogue), spans_of(piece, said.language) & said.spans
        waiting = parts if told and parts else waiting | parts
        told = bool(spans)
        for span in spans:
            yield span, waiting
    yield from _listed_behind(said)


def _listed_behind(said: _Said) -> Iterator[tuple[Term, frozenset[str]]]:
    """Yield the last span with the parts of a list behind it: "25 years for the panels, the battery and the frame"."""
    last: frozenset[Term] = frozenset()
    behind: list[str] = []
    for piece in _PIECE_END.split(said.sentence.text):
        spans = spans_of(piece, said.language) & said.spans
        last, behind = (spans, []) if spans else (last, [*behind, piece])
    listed = [piece for piece in behind if len(piece.split()) <= _LISTED]
    if not re.search(r"\d", " ".join(behind)):
        yield from ((span, parts) for piece in listed if (parts := subjects(piece, said.catalogue)) for span in last)


def _is_long(span: Term) -> bool:
    """Say whether a span of days is long enough for a warranty."""
    return span[0] == "day" and span[1].isdigit() and int(span[1]) >= _LONG_DAYS


def _belongs(span: Term, parts: frozenset[str], statement: Statement) -> bool:
    """Say whether the statement gives `span` for these parts, as far as it tells parts apart."""
    if not parts or not statement.parts:
        return "everything" not in parts
    if any(not part.startswith(ITEM) for part in parts - statement.parts):
        return False  # "the battery, too", of which it gives none
    known = parts & statement.parts
    if known != parts and not _are_named(parts, statement):
        known = frozenset(part for part in known if not part.startswith(ITEM))
        parts = frozenset(part for part in parts if not part.startswith(ITEM))
        if not parts:
            return True  # it tells no items apart
    if not known or "everything" in parts - statement.parts:
        return False
    return all(any(span in spans and part in names for spans, names in statement.told_of) for part in known)


def _are_named(parts: frozenset[str], statement: Statement) -> bool:
    """Say whether any of the items among parts stands in a statement, or it tells of other items."""
    return any(part.startswith(ITEM) for part in parts) and any(part.startswith(ITEM) for part in statement.parts)


def _is_past_figure(said: _Said, statements: tuple[Statement, ...]) -> bool:
    """Say whether a clause tells a published figure of a past year, and of nobody who reads it."""
    clause = (
        said.sentence.words[: said.match.end()].rpartition(" , ")[2]
        + said.sentence.words[said.match.end() :].partition(" , ")[0]
    )
    shares = frozenset(f"{number}" for number in re.findall(r"(\d+(?: \d+)?) percent", clause))
    told = bool(shares) and bool(_IN_A_YEAR.search(clause)) and not _TO_READER.search(clause)
    return told and any(shares <= frozenset(n for unit, n in each.spans if unit == "percent") for each in statements)


def _says_the_same(statement: Statement, said: _Said) -> bool:
    """Say whether a statement says what the sentence says: the same terms, and mostly the same words."""
    if statement.average and not AVERAGE.search(said.sentence.words):
        return False
    shared = stems_of(said.sentence.words) & statement.stems
    enough = len(shared) >= 3 or (bool(said.spans) and (len(shared) >= 2 or statement.average))
    return enough and said.spans <= statement.spans and said.extras - {"full"} <= statement.extras


def _gives_free(statement: Statement, said: _Said) -> bool:
    """Say whether what is told to be "on us" is published as free."""
    tries = bool(TRIAL.search(said.sentence.words)) and statement.trial
    alike = len(stems_of(said.sentence.words) & statement.stems) > 1 or (tries and statement.language != said.language)
    return statement.free and alike and said.spans <= statement.spans and said.extras <= statement.extras


def _is_translated(statement: Statement, said: _Said) -> bool:
    """Say whether a condition is told in another language than it is published in: only terms can be compared."""
    return statement.language != said.language and statement.conditional and said.sentence.has(_WORDS["conditions"])


_PAYS_LATER = re.compile(
    r"\b(?:pag(?:as?|ais|an|ar|am|ue\w*)|pay)(?: \w+)? (?:(?:cuando|quando|when|whenever)(?: you)?"
    r" (?:cobr|pued|pud|quier|quis|receb|veng|vier|can|get|like|want|come)|later|luego|despues|depois|mas adelante"
    r"|a fin|no fim|at the end|next)"
    r"|\b(?:sort|settle|acert\w+|arregl\w+|liquid\w+|ves|vemos|ve|dejas|deixa)(?: \w+){0,3} (?:when|cuando"
    r"|quando|later|luego|despues"
    r"|depois|on arrival|al llegar|na chegada)\b"
)
"""What is held against a payment is not held for one that is put off."""


def _is_on_payment(said: _Said) -> bool:
    """Say whether a reply tells of a payment, and not of one that is put off."""
    return "payment" in anchors_of(said.whole) and not _PAYS_LATER.search(said.whole)


def _gives(topic: str, statement: Statement, said: _Said, published: frozenset[Term]) -> bool:
    """Say whether a policy gives what the sentence promises: its terms, its condition, and nothing beyond.

    `published` are all days the tenant has published: a term may be told with the day it counts from.
    """
    alike = topic in statement.topics | statement.denies or len(stems_of(said.sentence.words) & statement.stems) > 1
    if not (alike or _is_translated(statement, said)):
        return False
    if topic in statement.denies:  # "no places are held without payment"
        paid = "unpaid" not in said.extras and _is_on_payment(said)
        return "unpaid" in statement.extras and paid and not said.days and not said.spans
    days = statement.days
    if said.spans and said.spans <= statement.spans:
        days = days | published | frozenset(day for day in said.days if _is_told_of_span(day))
    if not (said.extras - {"unhappy"} <= statement.extras and said.days <= days):
        return False
    anchors = frozenset(each for m in _ANCHOR.finditer(said.sentence.words) for each in anchors_of(m["what"]))
    if statement.anchors - {"payment"} and not anchors - {"payment"} <= statement.anchors:
        return False
    spans = frozenset(span for span in said.spans if not _is_within(span, statement, said))
    return spans <= statement.spans and _is_right_tier(statement, said) and _states_condition(topic, statement, said)


def _is_told_of_span(day: Term) -> bool:
    """Say whether a day may only tell where a stated span ends: "48 hours, so until Thursday"; no week or month is."""
    return day[0] == "weekday" or (day[0] == "near" and bool(_NEAR_DAY.search(day[1])))


def _is_right_tier(statement: Statement, said: _Said) -> bool:
    """Say whether a share is told with the days it is published for: "80 % with 30 days, 50 % with 15 to 29"."""
    shares = frozenset(term for term in said.spans if term[0] == "percent")
    days = [int(number) for unit, number in said.spans if unit == "day" and number.isdigit()]
    tiers = [spans for spans, _ in statement.told_of if any(unit == "percent" for unit, _ in spans)]
    if len(tiers) < 2 or not (shares and days):
        return True
    bounds = [sorted(int(number) for unit, number in tier if unit == "day" and number.isdigit()) for tier in tiers]
    return any(
        shares <= tier and (not ends or all(ends[0] <= day <= (ends[-1] if len(ends) > 1 else day) for day in days))
        for tier, ends in zip(tiers, bounds, strict=True)
    )


def _is_within(span: Term, statement: Statement, said: _Said) -> bool:
    """Say whether a number of days is inside the published ones: 20 where "29 to 15" are, 40 where "30 before" is."""
    unit, number = span
    bounds = [int(value) for kind, value in statement.spans if kind == unit and value.isdigit()]
    if unit not in _TIMES | _COUNTED or not number.isdigit() or not bounds:
        return False
    if statement.counts_back:
        least = max(bounds) if "full" in said.extras else min(bounds)
        return bool(BEFORE.search(said.sentence.words)) and int(number) >= least
    ends = statement.bounded and "replacement" not in statement.topics  # we may be no quicker than published
    return (len(bounds) > 1 or ends) and (0 if ends else min(bounds)) <= int(number) <= max(bounds)


def _states_condition(topic: str, statement: Statement, said: _Said) -> bool:
    """Say whether the reply tells on what condition the policy gives it."""
    if "payment" in statement.anchors and topic == "reservation" and _is_on_payment(said):
        return True
    terms = frozenset(term for term in statement.spans if term[0] != "percent")
    if terms:
        return any(term in terms or _is_within(term, statement, said) for term in spans_of(said.whole, said.language))
    if "payment" in statement.anchors and topic in {"reservation", "price_lock"}:
        return _is_on_payment(said)
    return "unhappy" not in said.extras or "unhappy" in statement.extras
