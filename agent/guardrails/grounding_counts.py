"""Decides whether a count or a measure of a reply is published, the prospect's own, or follows by plain arithmetic."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from agent.guardrails.dates_text import DAY_MINUTES
from agent.guardrails.grounding_ages import is_taken_age, is_wrong_age
from agent.guardrails.grounding_facts import BASES, INSTALMENTS, MINUTES, Facts, dimension
from agent.guardrails.grounding_numbers import MONEY
from agent.guardrails.grounding_ranges import (
    alike,
    is_close,
    is_told_together,
    is_up_to_the_next,
    number_of,
    same_amount,
)
from agent.guardrails.grounding_reading import Mention, Slot, as_set, items_of
from agent.guardrails.grounding_statement import Conversation, Finding, Statement, closeness, is_rival
from agent.guardrails.number_words import parse_digits

_TIMES_A_WEEK = frozenset({"units:day", "units:session", "units:kind_of", "units:night"})
_LOOSE_COUNTS = frozenset(
    {"units:branch", "units:kind_of", "units:country", "units:city", "units:course", "units:project", "units:point"}
)
_CENTS = -2
_ADDRESS = "topics:address_topic"
_FEW = 12
"""So many unnamed things may be told in passing."""


def judge_quantity(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a number with what it counts."""
    mention = statement.mention
    if _is_no_fact(statement, facts) or _is_rate(statement):
        return "undecided"
    comparable = facts.quantities.get(dimension(mention.unit), ())
    if is_wrong_age(statement, comparable):
        return "contradicted"
    equal = [f for f in comparable if same_amount(mention, f)]
    if equal and (
        mention.unit == "percent"  # what a percentage is of, the rule `pricing` reads
        or not is_rival(equal, alike(mention, equal, comparable), statement)
        or is_told_together(mention, comparable, talk)
    ):
        return "supported"
    if _said_by_prospect(statement, comparable, talk):
        return "undecided"
    if not equal and _is_derived(statement, comparable, facts, talk):
        return "supported"
    open_ended = not equal and not _exceeds(statement, comparable)
    open_ended = open_ended and _is_loose(mention, comparable, facts.of("quantity"))
    return "contradicted" if equal else "undecided" if open_ended else "unsupported"


def _exceeds(statement: Statement, comparable: Sequence[Mention]) -> bool:
    """Say whether there is said to be more of a thing than is published of it: nine boats where there are six."""
    unit = statement.mention.unit
    if not unit.startswith("word:"):
        return False  # a unit that is known may be one of several things: "10 meeting room hours"
    counts = [number_of(f) for f in comparable if f.unit == unit]
    return bool(counts) and number_of(statement.mention) > max(counts) and not MONEY.search(statement.sentence.text)


# --- numbers that state nothing ---------------------------------------------------------------------------------

_PRICED_BY = frozenset({"units:month", "units:session", "units:person", "units:staff", "units:seat"})
_RATES = {
    "units:hour": re.compile(r"\b(?:por|per|an|each|cada|a la) (?:hora|hour)\b"),
    "units:day": re.compile(r"\b(?:por|per|a|each|cada|al|ao) (?:dia|day)\b"),
    "units:night": re.compile(r"\b(?:por|per|a|each|cada|la) (?:noche|noite|night)\b"),
    "units:week": re.compile(r"\b(?:por|per|a|each|cada) (?:semana|week)\b"),
    "units:kilometre": re.compile(r"\b(?:por|per|a|each|cada) (?:km|kilomet|quilomet|kilometro)"),
}
"""How a text says that something is sold by a unit that mostly is none of a price."""
_BESIDE = 20
"""Characters behind a clause in which its price may stand."""
_BEFOREHAND = re.compile(r"\b(?:antes|before|early|beforehand|antecedencia|anticipacion|antelacion)\b")
_DISCOUNT = re.compile(
    r"\b(?:off|descuentos?|descontos?|discounts?|menos|less|rebaja\w*|ahorr\w+|codigo|code|cupon|cupom|promo\w*)\b|[€$£]"
)


def _is_no_fact(statement: Statement, facts: Facts) -> bool:
    """Say whether a number states nothing of the business: nothing counted, money's business, or advice."""
    mention, text = statement.mention, statement.clause_text
    unit = mention.unit
    if any(f.value == mention.value for f in facts.of("year")):
        return True  # "our 2025 students"
    if unit in _PRICED_BY or (unit in _RATES and _is_sold_by(unit, facts.text)):
        return bool(MONEY.search(_and_next(statement)))  # so many months or people at a price: `pricing` counts
    if unit == "units:hour" and "features:always_open" in mention.topics:
        return True  # "24 hours a day" is judged as such
    if unit == "units:minute":
        return bool(_BEFOREHAND.search(text))  # "come ten minutes early"
    if unit == "percent":
        return bool(_DISCOUNT.search(text))
    is_large = number_of(mention) >= _LARGE_AMOUNT  # "the other 130,130 once the work is done"
    return not unit or (
        (is_large or unit.startswith("word:"))
        and (
            _is_money(number_of(mention), facts)
            or _is_rest(number_of(mention), statement)
            or _is_amount(number_of(mention), statement)
        )
    )


@lru_cache(maxsize=256)
def _is_sold_by(unit: str, published: str) -> bool:
    """Say whether a business sells by a unit; of its folded texts, which stay the same, several numbers ask."""
    return bool(_RATES[unit].search(published))


_RATE = re.compile(
    r"(?:\b(?:every|each|per|cada|toda)|(?:[€$£] ?[\d.,]{1,12}|\d ?[€$£]|\d (?:[a-z]{4,9})) an?)"
    r" (?:single )?(?:hour|day|night|week|month|year|hora|dia|noche|noite|semana|mes|ano)s?\b"
)


_EACH = ("every", "each", "per", "cada", "toda")
"""What they say how often is a statement of its own, but beside a day of the week."""


def _is_rate(statement: Statement) -> bool:
    """Say whether one of a unit of time only says how often, or what for: "every week", "£26 an hour"."""
    mention = statement.mention
    match = _RATE.search(statement.sentence.text) if mention.value == 1 and mention.unit in MINUTES else None
    return match is not None and (bool(statement.sentence.days) or not match[0].startswith(_EACH))


def _is_money(value: Decimal, facts: Facts) -> bool:
    """Say whether a bare number in front of an unknown word is a price, "445 against 395": `pricing` reads it."""
    return value in facts.prices or value.as_tuple().exponent == _CENTS


_MOST_AMOUNTS = 8
_LEAST_REST = 13
"""Smaller numbers count things."""
_DIGITS = re.compile(r"\d[\d.,']*")


_LEAST_AMOUNT = 100
_LARGE_AMOUNT = 1000
"""Beside what is paid, a number so large counts nothing."""


def _is_amount(value: Decimal, statement: Statement) -> bool:
    """Say whether a large number in front of no noun we know is what is paid, told without its currency."""
    said = statement.sentence.text
    return value >= _LEAST_AMOUNT and bool(MONEY.search(said) or _PAYS.search(said))


def _is_rest(value: Decimal, statement: Statement) -> bool:
    """Say whether a bare number is what amounts of its sentence come to: "1,785 USD, and then the other 4,165"."""
    if value < _LEAST_REST:
        return False
    said = statement.sentence.text
    if not MONEY.search(said):
        return False
    numbers = [
        parse_digits(match[0].rstrip(".,'")) for match in itertools.islice(_DIGITS.finditer(said), _MOST_AMOUNTS)
    ]
    return any(value in (one + other, abs(one - other)) for one, other in itertools.combinations(numbers, 2))


def _and_next(statement: Statement) -> str:
    """Return a clause and the little that follows in its sentence: "three lessons (€78)", "in 12 months, $178,800"."""
    clause, sentence = statement.clause_text, statement.sentence.text
    start = max(sentence.find(clause), 0)
    return f"{clause} {sentence[start : start + len(clause) + _BESIDE]}"


# --- the prospect's own -----------------------------------------------------------------------------------------


def _said_by_prospect(statement: Statement, comparable: Sequence[Mention], talk: Conversation) -> bool:
    """Say whether the number is the prospect's own and nothing published about the subject says otherwise."""
    mention = statement.mention
    said = any(m.value == mention.value and _may_be_same(m.unit, mention.unit) for m in talk.asked)
    if not said or not statement.sentence.is_yes:
        return said
    told = any(m.value != mention.value and dimension(m.unit) == dimension(mention.unit) for m in talk.told)
    return told or not any(f.topics & mention.topics for f in comparable)  # "up to 50 miles, so 30 is fine"


_EXTENT = frozenset({"length", "area"})
"""People ask for a room "of 40 metres" and mean square ones."""


def _may_be_same(asked: str, told: str) -> bool:
    """Say whether a number asked with one unit may be meant with the other."""
    kinds = {dimension(asked), dimension(told)}
    return asked.startswith("word:") or len(kinds - {""}) < 2 or kinds <= _EXTENT


# --- arithmetic -------------------------------------------------------------------------------------------------

_MOST_NUMBERS = 12
"""So many numbers of a conversation are combined, the smallest first: nobody reckons with more in one reply."""
_AT_MOST = re.compile(
    r"\b(?:under|less than|fewer than|below|menos de|abaixo de|menos que)(?: an?| unos| unas| uns)? $"
)
_AT_LEAST = re.compile(
    r"\b(?:over|more than|above|at least|mas de|al menos|por lo menos|mais de|pelo menos|acima de) $"
)


def _is_derived(statement: Statement, comparable: Sequence[Mention], facts: Facts, talk: Conversation) -> bool:
    """Say whether a number follows: years since, the length of a class, days a week, sums and products."""
    mention = statement.mention
    value, unit = number_of(mention), mention.unit
    if unit == "units:year" and any(
        _is_age(value, talk.today.year - f.value) for f in facts.of("year") if isinstance(f.value, int)
    ):
        return True
    if unit in _TIMES_A_WEEK and any(len(as_set(f)) == value for f in facts.of("weekday")):
        return True
    if (
        _is_timetabled(value, unit, facts)
        or _is_paid_over(statement, facts)
        or is_taken_age(statement, comparable)
        or (unit, value) in facts.totals
        or _is_in_a_name(mention, facts)
        or _is_interval(statement, facts)
        or _is_walked(statement, facts)
        or is_up_to_the_next(mention, facts, talk)
        or _is_difference(statement, comparable)
        or _is_product(value, statement)
    ):
        return True
    if unit in BASES and any(m.unit in BASES and same_amount(mention, m) for m in talk.asked):
        return True  # the prospect's own, in another unit
    return _is_bound(statement, comparable) or _follows(mention, comparable, talk)


_DIFFERS = re.compile(
    r"\b(?:mas|mais|menos|more|fewer|less|extras?|additional|longer|shorter|bigger|smaller|larger|larg[oa]s?|long[oa]s?"
    r"|diferen\w+|difference|adicionales?|adicionais)\b"
)


def _is_difference(statement: Statement, comparable: Sequence[Mention]) -> bool:
    """Say whether two published measures of one kind differ by so much: "four more panels", "11 m² a mais"."""
    mention = statement.mention
    if not _DIFFERS.search(statement.clause_text):
        return False
    numbers = {number_of(f) for f in comparable if f.unit == mention.unit}
    return any(abs(one - other) == mention.value for one, other in itertools.combinations(numbers, 2))


_SMALL_NUMBER = re.compile(r"(?<![\d.,:/])\d{1,3}(?![\d.,:/]\d|\d)")


def _is_product(value: Decimal, statement: Statement) -> bool:
    """Say whether other numbers of its sentence make it, the one in an item's name too: "20 a week for 4 weeks: 80"."""
    numbers = [Decimal(each) for each in _SMALL_NUMBER.findall(statement.sentence.text)[:_MOST_AMOUNTS]]
    return any(min(one, other) > 1 and one * other == value for one, other in itertools.combinations(numbers, 2))


def _is_timetabled(value: Decimal, unit: str, facts: Facts) -> bool:
    """Say whether it is how long a lesson lasts, or what the lessons of a week or of the whole course come to."""
    for slot in facts.slots:
        weeks = {
            Decimal(1),
            *(number_of(f) for f in facts.of("quantity") if f.unit == "units:week" and f.wide & slot.wide),
        }
        if unit == "units:session" and any(value == len(slot.days) * n for n in weeks):
            return True
        if unit in MINUTES and any(value * MINUTES[unit] == length * n for length in _lengths(slot) for n in weeks):
            return True
    return False


_PAYS = re.compile(
    r"\b(?:interes\w*|interest|juros|plazos?|mensualidad\w*|mensalidad\w*|cuotas?|parcel\w+|in[sx]tal\w*ments?|pag[aou]\w*"
    r"|pay\w*|divid\w+|financ\w+)\b"
)
_FEWEST_PAYMENTS = 2
_PAID_OVER = frozenset({"units:month", "units:kind_of"})
"""Months or times: "em até 24 vezes"."""


def _is_paid_over(statement: Statement, facts: Facts) -> bool:
    """Say whether a price may be paid over so many months: up to as many as its item is published with."""
    mention, said = statement.mention, statement.sentence.text
    is_paid = mention.unit in _PAID_OVER and (_PAYS.search(said) or MONEY.search(said))
    if not is_paid or number_of(mention) < _FEWEST_PAYMENTS:
        return False
    most = [f for f in facts.quantities.get(dimension("units:month"), ()) if INSTALMENTS in f.topics]
    of_item = [f for f in most if f.topics & mention.subject - {INSTALMENTS}]
    return any(number_of(mention) <= number_of(f) for f in of_item or most)


_ON_FOOT = re.compile(r"\b(?:caminando|a pie|andando|caminhando|a pe|walk\w*|on foot|stroll)\b")
_PACE = (Decimal(60), Decimal(100))
"""Metres that people walk in a minute."""


def _is_walked(statement: Statement, facts: Facts) -> bool:
    """Say whether a published distance is so many minutes on foot, to a minute."""
    if statement.mention.unit != "units:minute" or not _ON_FOOT.search(statement.clause_text):
        return False
    minutes = number_of(statement.mention)
    lengths = (number_of(f) * BASES[f.unit] for f in facts.quantities.get("length", ()))
    return any(length / _PACE[1] - 1 <= minutes <= length / _PACE[0] + 1 for length in lengths)


def _is_in_a_name(mention: Mention, facts: Facts) -> bool:
    """Say whether an item's name has a measure: "150 litres" of the "150 L water heater"."""
    return mention.unit in BASES.keys() - MINUTES.keys() and any(
        number_of(mention) in _numbers_in(name) for _, names in facts.items for name in names
    )


@lru_cache(maxsize=512)
def _numbers_in(name: str) -> frozenset[Decimal]:
    return frozenset(map(Decimal, re.findall(r"(?<![\d.,])\d{1,6}(?![\d.,])", name)))


def _is_age(said: Decimal, years: int) -> bool:
    """Say whether somebody may say so of what is `years` old: to a year, or a round number nearby."""
    return abs(years - said) <= (3 if said % 5 == 0 else 1)


def _lengths(slot: Slot) -> set[int]:
    if len(slot.times) != 2:
        return set()
    length = (max(slot.times[1]) - max(slot.times[0])) % DAY_MINUTES
    return {length, length * len(slot.days)}


_EVERY = re.compile(r"\b(?:cada|every|each|a cada)(?: \w+)? $")
_SPANS = ("units:year", "units:month", "units:week")
_CAN_REPEAT = Decimal(60)


def _is_interval(statement: Statement, facts: Facts) -> bool:
    """Say whether "every six months" is a published number of times a year, a month or a week."""
    mention = statement.mention
    if mention.unit not in MINUTES or not _EVERY.search(statement.clause_text.partition(f"{mention.value}")[0]):
        return False
    length = number_of(mention) * MINUTES[mention.unit]
    counts = {number_of(f) for f in facts.of("quantity") if 1 <= number_of(f) <= _CAN_REPEAT}
    return any(is_close(length * count, MINUTES[span]) for count in counts for span in _SPANS)


def _is_bound(statement: Statement, comparable: Sequence[Mention]) -> bool:
    """Say whether "under an hour" and "over 600" hold of what is published, and not by far."""
    mention = statement.mention
    before = statement.clause_text.partition(f"{mention.value}")[0]
    said = number_of(mention) * BASES.get(mention.unit, Decimal(1))
    if said <= 0:
        return False
    shares = [number_of(f) * BASES.get(f.unit, Decimal(1)) / said for f in comparable]
    if _AT_MOST.search(before):
        return any(Decimal("0.5") <= share <= 1 for share in shares)
    return bool(_AT_LEAST.search(before)) and any(1 <= share <= Decimal("1.34") for share in shares)


def _follows(mention: Mention, comparable: Sequence[Mention], talk: Conversation) -> bool:
    """Say whether a number is a sum, difference, product or share of what was said and what is published."""
    value = number_of(mention)
    said = sorted(talk.said_numbers - {value})[:_MOST_NUMBERS]
    asked = sorted(talk.asked_numbers - {value})[:_MOST_NUMBERS]
    published = {number_of(f) for f in comparable if f.unit == mention.unit}
    if mention.unit == "percent":
        return 100 - value in talk.said_numbers or value in _shares(said)
    if value in set(_results(said, said)) or value in set(_results(asked, published)):
        return True
    base = BASES.get(mention.unit)
    if base is None:
        return False
    told = [m for m in talk.told if dimension(m.unit) == dimension(mention.unit) and m.value != value]
    measures = {number_of(m) * BASES[m.unit] for m in told if any(same_amount(m, f) for f in comparable)}
    counts = {number_of(m) for m in talk.told if dimension(m.unit) != dimension(mention.unit)}
    if any(value * base == measure * count for measure in measures for count in counts | talk.asked_numbers):
        return True
    spans = [number_of(m) * BASES[m.unit] for m in (*told, *talk.asked) if m.unit in BASES][:_MOST_NUMBERS]
    return any(value * base == span - measure for span in spans for measure in measures)  # two years less 3 months


def _shares(numbers: Sequence[Decimal]) -> Iterator[Decimal]:
    """Yield how many in a hundred one number is of a larger one, and what that leaves: 3 weeks of 12 are 25, or 75."""
    for one, whole in itertools.permutations(numbers, 2):
        if 0 < one < whole:
            share = 100 * one / whole
            yield from (share, 100 - share, share.to_integral_value(), 100 - share.to_integral_value())


def _results(some: Iterable[Decimal], others: Iterable[Decimal]) -> Iterator[Decimal]:
    """Yield what plain arithmetic makes of pairs of numbers; how many of one hold the other is rounded up."""
    others = tuple(others)
    for one in some:
        for other in others:
            if one == other:
                continue
            yield one + other
            yield abs(one - other)
            yield one * other
            if min(one, other) > 1:
                yield -(-max(one, other) // min(one, other))


# --- what code cannot tell --------------------------------------------------------------------------------------


def _is_loose(mention: Mention, comparable: Sequence[Mention], published: Sequence[Mention]) -> bool:
    """Say whether code cannot tell: a small count of unnamed things, or a number published of an unknown thing."""
    is_vague = mention.unit == "units:kind_of" or (mention.unit in _LOOSE_COUNTS and not comparable)
    if is_vague and number_of(mention) <= _FEW:
        return True
    if mention.unit == "percent":
        return False
    unnamed = (f for f in published if not f.unit and f.value == mention.value)
    if mention.unit in MINUTES:  # "2 hours of meeting room a month; the office, 6"
        return any(items_of(f.wide) & items_of(mention.topics) for f in unnamed)
    if any(f.value == mention.value and closeness(f.wide, mention.topics) >= 1 for f in published):
        return True
    same_number = any(f.value == mention.value for f in published)
    if mention.unit.startswith("word:"):
        return same_number or number_of(mention) <= _FEW
    bare = (f for f in published if not f.unit or f.unit.startswith("word:"))
    return any(f.value == mention.value and _ADDRESS not in f.wide for f in bare)
