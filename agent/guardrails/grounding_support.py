"""Decides whether what a reply mentions follows from what the tenant has published."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from agent.guardrails.dates_text import DAY_MINUTES
from agent.guardrails.grounding_facts import MINUTES, Facts, dimension
from agent.guardrails.grounding_hours import judge_date, judge_part, judge_time, judge_weekday, judge_year
from agent.guardrails.grounding_naming import judge_code, judge_email, judge_name, judge_phone
from agent.guardrails.grounding_numbers import MONEY
from agent.guardrails.grounding_reading import Mention, Slot, as_set
from agent.guardrails.grounding_statement import WEAK, Conversation, Finding, Statement, closeness, settle
from agent.guardrails.grounding_words import IMPLIED, family, pattern


def judge(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Say whether the published facts, or the conversation, bear out one mention."""
    decide = _JUDGES.get(statement.mention.kind)
    return decide(statement, facts, talk) if decide else "undecided"


# --- counts and measures --------------------------------------------------------------------------------------

_LOOSE = Decimal("0.09")
"""Twelve weeks are three months: durations in different units agree within this share."""
_MULTIPLIED = frozenset(
    {"units:hour", "units:session", "units:watt", "units:kilowatt", "units:module", "units:kilometre"}
)
_TIMES_A_WEEK = frozenset({"units:day", "units:session", "units:kind_of", "units:night"})
_LOOSE_COUNTS = frozenset(
    {"units:branch", "units:kind_of", "units:country", "units:city", "units:course", "units:project", "units:point"}
)


def _quantity(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    mention = statement.mention
    if _is_no_fact(mention.unit, statement.clause_text):
        return "undecided"
    published = facts.of("quantity")
    comparable = facts.quantities.get(dimension(mention.unit), ())
    equal = [f for f in comparable if _same_amount(mention, f)]
    if equal:
        return settle(equal, comparable, statement.topics)
    if _is_derived(mention, facts, talk):
        return "supported"
    open_ended = _said_by_prospect(statement, comparable, talk) or _is_loose(mention, comparable, published)
    return "undecided" if open_ended else "unsupported"


def _is_no_fact(unit: str, text: str) -> bool:
    """Say whether a number states nothing of the business: nothing counted, money's business, or advice."""
    if unit in _PRICED_BY:
        return bool(MONEY.search(text))  # so many months, classes or people at a price: the rule `pricing` counts
    if unit == "units:minute":
        return bool(_BEFOREHAND.search(text))  # "come ten minutes early"
    return not unit or (unit == "percent" and bool(_DISCOUNT.search(text)))


_PRICED_BY = frozenset({"units:month", "units:session", "units:person", "units:staff"})
_BEFOREHAND = re.compile(r"\b(?:antes|before|early|beforehand|antecedencia|anticipacion|antelacion)\b")
_DISCOUNT = re.compile(
    r"\b(?:off|descuentos?|descontos?|discounts?|menos|less|rebaja\w*|ahorr\w+|codigo|code|cupon|cupom|promo\w*)\b|[€$£]"
)


def _number(mention: Mention) -> Decimal:
    return mention.value if isinstance(mention.value, Decimal) else Decimal(-1)


def _same_amount(one: Mention, other: Mention) -> bool:
    if one.unit == other.unit or dimension(one.unit) != "time":
        return one.value == other.value
    return _close(_number(one) * MINUTES[one.unit], _number(other) * MINUTES[other.unit])


def _close(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _LOOSE * max(one, other)


def _is_derived(mention: Mention, facts: Facts, talk: Conversation) -> bool:
    """Say whether a number follows: years since, the length of a class, days a week, products."""
    value, unit = _number(mention), mention.unit
    if unit == "units:year" and any(
        _is_age(value, talk.today.year - f.value) for f in facts.of("year") if isinstance(f.value, int)
    ):
        return True
    if unit in _TIMES_A_WEEK and any(len(as_set(f)) == value for f in facts.of("weekday")):
        return True
    if unit in MINUTES:
        minutes = value * MINUTES[unit]
        if any(minutes == length for slot in facts.slots for length in _lengths(slot)):
            return True
    return unit in _MULTIPLIED and _is_product(mention, facts, talk)


def _is_product(mention: Mention, facts: Facts, talk: Conversation) -> bool:
    """Say whether a number is a published measure times a published count that is mentioned."""
    same = facts.quantities.get(dimension(mention.unit), ())
    counts = {_number(f) for f in facts.of("quantity") if f not in same} & talk.said_numbers
    return any(_number(mention) == _number(f) * count for f in same for count in counts if count > 1 and f.value != 1)


def _is_age(said: Decimal, years: int) -> bool:
    """Say whether somebody may say so of what is `years` old: to a year, or a round number nearby."""
    return abs(years - said) <= (3 if said % 5 == 0 else 1)


def _lengths(slot: Slot) -> set[int]:
    if len(slot.times) != 2:
        return set()
    length = (max(slot.times[1]) - max(slot.times[0])) % DAY_MINUTES
    return {length, length * len(slot.days)}


def _said_by_prospect(statement: Statement, comparable: Sequence[Mention], talk: Conversation) -> bool:
    """Say whether the number is the prospect's own and nothing published about the subject says otherwise."""
    said = any(
        m.value == statement.mention.value
        and (m.unit.startswith("word:") or dimension(m.unit) in {"", dimension(statement.mention.unit)})
        for m in talk.inbound.of("quantity")
    )
    rivals = any(f.topics & statement.mention.topics for f in comparable)
    return said and not (statement.sentence.is_yes and rivals)


def _is_loose(mention: Mention, comparable: Sequence[Mention], published: Sequence[Mention]) -> bool:
    """Say whether code cannot tell: a small count of unnamed things, or a number published of an unknown thing."""
    if mention.unit in _LOOSE_COUNTS and _number(mention) <= 12 and not comparable:
        return True
    if mention.unit == "units:kind_of" and _number(mention) <= 12:
        return True
    if mention.unit in MINUTES or mention.unit == "percent":
        return False
    if any(f.value == mention.value and closeness(f.wide, mention.topics) >= 1 for f in published):
        return True
    same_number = any(f.value == mention.value for f in published)
    if mention.unit.startswith("word:"):
        return same_number or _number(mention) <= 12
    return any(f.value == mention.value and (not f.unit or f.unit.startswith("word:")) for f in published)


# --- features -------------------------------------------------------------------------------------------------

_LANGUAGES = {"es": "features:spanish_lang", "pt": "features:portuguese_lang", "en": "features:english_lang"}
_FEATURE_TABLES = ("topics", "extra_topics", "features")
_DENIES_DIRECTLY = re.compile(pattern("denies_directly"))


def _feature(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    concept = str(statement.mention.value)
    published = [f for f in facts.of("feature") if f.value == concept]
    if statement.mention.is_denied:
        return _denied_feature(statement, published)
    spoken = {_LANGUAGES.get(language) for language in talk.languages}
    if concept in spoken or any(not f.is_denied for f in published):
        return "supported"
    if _is_prospects(statement, talk):
        return "undecided"
    if published:
        return "contradicted"
    return "undecided" if _is_shown(concept, facts) or _has_relative(statement.mention.unit, facts) else "unsupported"


def _is_shown(concept: str, facts: Facts) -> bool:
    """Say whether something published may mean that the business has the thing."""
    if any(f.value == concept and not f.is_denied for f in facts.of("loose")):
        return True
    implied = IMPLIED.get(concept, frozenset())
    return any(f"{table}:{topic}" in facts.concepts for topic in implied for table in _FEATURE_TABLES)


def _has_relative(word: str, facts: Facts) -> bool:
    """Say whether the tenant's texts have a word that begins as this one, in whatever language."""
    return len(word) >= 6 and family(word) in facts.families


_YOURS = re.compile(
    r"\b(?:your|tus?|sus?|seus?|suas?|teus?|tuas?|vuestr[oa]s?|my|mi|meu|minha)(?= (?P<next>\w+)(?: (?P<second>\w+))?)"
)
_ADJECTIVE = range(2, 16)
"""Letters of a word that may stand between "your" and the thing."""


@lru_cache(maxsize=512)
def _owned(text: str) -> frozenset[str]:
    """Return the words of folded text that name something of the prospect's: "your restaurant", "tu nuevo local"."""
    found: set[str] = set()
    for match in _YOURS.finditer(text):
        found.add(match["next"])
        if match["second"] and len(match["next"]) in _ADJECTIVE:
            found.add(match["second"])
    return frozenset(found)


def _is_prospects(statement: Statement, talk: Conversation) -> bool:
    """Say whether a feature is the prospect's own ("for your restaurant"), or what they told about themselves."""
    mention = statement.mention
    texts = (statement.clause_text, *(clause.plain for clause in talk.inbound.clauses))
    if any(mention.unit in text and mention.unit in _owned(text) for text in texts):
        return True
    told = any(m.value == mention.value and talk.inbound.clauses[m.clause].is_claim for m in talk.inbound.of("feature"))
    return told and not statement.sentence.serves


def _included(statement: Statement, facts: Facts, talk: Conversation) -> Finding:  # noqa: ARG001 — a judge
    """Judge "X is included": contradicted where it is published that X is not."""
    about = statement.topics
    published = [f for f in facts.of("included") if f.topics & about and not (f.topics & about) <= WEAK]
    if published and all(f.is_denied for f in published):
        return "contradicted"
    return "undecided"


def _all(statement: Statement, facts: Facts, talk: Conversation) -> Finding:  # noqa: ARG001 — a judge
    """Judge "X in every plan": contradicted where X is published for something else only."""
    features = {topic for topic in statement.topics if topic.startswith(("features:", "topics:"))}
    for feature in features:
        clauses = [f.topics for kind in ("only", "feature") for f in facts.of(kind) if feature in f.topics]
        limited = [f.topics for f in facts.of("only") if feature in f.topics]
        rest = statement.topics - {feature}
        if limited and all(topics in limited and not (topics - {feature}) & rest for topics in clauses) and rest:
            return "contradicted"
    return "undecided"


def _denied_feature(statement: Statement, published: Sequence[Mention]) -> Finding:
    """Judge "there are no recordings": contradicted where they are published, without any restriction."""
    if not published or any(f.is_denied for f in published):
        return "undecided"
    before, _, after = statement.clause_text.partition(statement.mention.unit)
    plain_denial = _DENIES_DIRECTLY.search(before) and len(after.split()) <= 2
    return "contradicted" if plain_denial else "undecided"


_Judge = Callable[[Statement, Facts, Conversation], Finding]
_JUDGES: Mapping[str, _Judge] = {
    "time": judge_time,
    "weekday": judge_weekday,
    "date": judge_date,
    "year": judge_year,
    "quantity": _quantity,
    "feature": _feature,
    "part": judge_part,
    "included": _included,
    "all": _all,
    "name": judge_name,
    "code": judge_code,
    "phone": judge_phone,
    "email": judge_email,
}
"""Who judges each kind of mention."""
