"""What a tenant has published, read once: the ground on which a reply is judged."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from agent.folding import fold
from agent.guardrails.dates_text import CalendarDate
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_inclusion import Part, read_parts
from agent.guardrails.grounding_reading import ItemNames, Mention, Reading, Slot, Topics, items_of, read, read_slots
from agent.guardrails.grounding_scopes import Branches, read_branches
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_windows import Window, read_windows
from agent.guardrails.grounding_words import LISTS, family, find_concepts, pattern
from agent.guardrails.published_once import once_for
from agent.types import CatalogueItem, Tenant

T = TypeVar("T")
_read_fact = lru_cache(maxsize=4096)(read.__wrapped__)
"""What is published is the same at every check, and what was said at the next turn."""


# --- units ----------------------------------------------------------------------------------------------------

MINUTES: Mapping[str, Decimal] = {
    "units:minute": Decimal(1), "units:hour": Decimal(60), "units:day": Decimal(1440), "units:night": Decimal(1440),
    "units:workday": Decimal(2016), "units:week": Decimal(10080), "units:month": Decimal(43830),
    "units:year": Decimal(525960),
}  # fmt: skip
"""The minutes in each unit of time; a working day is a fifth of a week."""
_PEOPLE = frozenset(f"units:{key}" for key in ("person", "staff", "team", "seat", "group"))


_MEASURES: Mapping[str, Mapping[str, Decimal]] = {
    "time": MINUTES,
    "length": {
        "units:metre": Decimal(1), "units:kilometre": Decimal(1000), "units:centimetre": Decimal("0.01"),
        "units:mile": Decimal(1609), "units:foot": Decimal("0.3048"), "units:inch": Decimal("0.0254"),
    },
    "weight": {
        "units:gram": Decimal(1), "units:kilogram": Decimal(1000), "units:pound": Decimal("453.6"),
        "units:ounce": Decimal("28.35"),
    },
    "volume": {"units:litre": Decimal(1000), "units:millilitre": Decimal(1)},
    "area": {"units:square_metre": Decimal(1), "units:square_foot": Decimal("0.0929")},
    "power": {"units:watt": Decimal(1), "units:kilowatt": Decimal(1000)},
    "people": dict.fromkeys(_PEOPLE, Decimal(1)),
}  # fmt: skip
_DIMENSIONS = {unit: name for name, units in _MEASURES.items() for unit in units}
BASES: Mapping[str, Decimal] = {unit: factor for units in _MEASURES.values() for unit, factor in units.items()}
"""How much a unit is of its dimension's own."""


def dimension(unit: str) -> str:
    """Return what units have in common that can be compared: time, length, people …, or the unit itself."""
    return _DIMENSIONS.get(unit, unit)


# --- what a tenant has published ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything published, by kind."""

    mentions: Mapping[str, tuple[Mention, ...]]
    quantities: Mapping[str, tuple[Mention, ...]]
    """By what they measure (`dimension`)."""
    slots: tuple[Slot, ...]
    windows: tuple[Window, ...]
    """From when to when it is open."""
    words: frozenset[str]
    families: frozenset[str]
    sounds: Mapping[str, tuple[str, ...]]
    """How its words sound, by their first two letters (`sound`)."""
    concepts: frozenset[str]
    compact: str
    """All of it folded, letters and digits only, one text a line: where codes are looked up."""
    digits: tuple[str, ...]
    """Telephone numbers."""
    text: str
    items: ItemNames
    prices: frozenset[Decimal]
    """Of the catalogue, in whole units of their currencies."""
    totals: frozenset[tuple[str, Decimal]]
    """What numbers that stand together come to, with their unit: four sessions of 3 hours are 12 hours."""
    notices: tuple[Mention, ...]
    """How long before something else: "30 days before departure"."""
    lacking: tuple[frozenset[str], ...]
    """Of each thing that is published as what there is not, how its words begin."""
    denied_names: frozenset[str]
    """Words of names that are published as what there is not."""
    branches: Branches
    """Of which items and branches things are published."""
    parts: tuple[Part, ...]
    """What is published as part of a price, and what as paid apart."""

    def of(self, kind: str) -> tuple[Mention, ...]:
        """Return the mentions of one kind."""
        return self.mentions.get(kind, ())


Texts = tuple[tuple[str, str], ...]
"""Texts with their languages."""


def facts_of(tenant: Tenant, said: Texts = ()) -> Facts:
    """Return what `tenant` has published, and what it has `said` in this conversation."""
    published = _published(tenant)
    return _joined(published, _facts(said, published.items)) if said else published


@once_for
def _published(tenant: Tenant) -> Facts:
    items = tuple((item.sku, (*item.name.values(), *item.aliases)) for item in tenant.catalogue)
    prices = (price.amount_minor for item in tenant.catalogue for price in item.prices)
    read = _facts(tuple(_texts(tenant)), items, tuple(_catalogue_facts(tenant.catalogue)))
    return replace(read, prices=frozenset(Decimal(minor) / 100 for minor in prices), branches=_branches(tenant, items))


def _branches(tenant: Tenant, items: ItemNames) -> Branches:
    passages = (text for passage in tenant.passages for text in passage.text.items())
    described = ((f"item:{item.sku}", text) for item in tenant.catalogue for text in item.description.items())
    return read_branches(
        [(_read_fact(text, language, items), language) for language, text in passages],
        [(item, _read_fact(text, language, items), language) for item, (language, text) in described],
    )


def _texts(tenant: Tenant) -> Iterator[tuple[str, str]]:
    yield tenant.default_language, tenant.name
    for texts in (tenant.disclosure, tenant.help_text):
        yield from texts.items()
    for item in tenant.catalogue:
        yield from item.name.items()
        yield from item.description.items()
        yield from ((language, f"{item.name.get(language, '')}: {text}") for language, text in item.description.items())
        for discount in item.discounts:
            yield from (
                (language, f"{item.name.get(language, '')}: {text}") for language, text in discount.condition.items()
            )
            if discount.code:
                yield tenant.default_language, discount.code
    for passage in tenant.passages:
        yield from passage.text.items()


INSTALMENTS = "extra_topics:instalments"
_CatalogueFact = tuple[str, str, object, str]


def _catalogue_facts(catalogue: Sequence[CatalogueItem]) -> Iterator[_CatalogueFact]:
    """Yield what the catalogue says outside its texts: dates, numbers of instalments, monthly prices."""
    for item in catalogue:
        about = f"item:{item.sku}"
        for price in item.prices:
            yield from _ends(about, price.valid_from, price.valid_to)
        for discount in item.discounts:
            yield from _ends(about, None, discount.valid_to)
        if item.instalments:
            yield about, "quantity", Decimal(item.instalments.max), INSTALMENTS
        if any(price.unit in {"month", "seat_month"} for price in item.prices):
            yield about, "quantity", Decimal(1), "units:month"
        yield from ((about, "quantity", Decimal(each.percent), "percent") for each in item.discounts if each.percent)


def _ends(about: str, first: date | None, last: date | None) -> Iterator[_CatalogueFact]:
    if first:
        yield about, "date", _calendar(first), "from"
    if last:
        yield about, "date", _calendar(last), "to"


def _calendar(day: date) -> CalendarDate:
    return CalendarDate(start=0, end=0, day=day.day, months=frozenset({day.month}), year=day.year)


def _facts(texts: Texts, items: ItemNames, extra: Sequence[_CatalogueFact] = ()) -> Facts:
    readings = [_read_fact(text, language, items) for language, text in texts]
    mentions: dict[str, list[Mention]] = {}
    for mention in (*(m for reading in readings for m in _with_subject(reading)), *map(_extra_mention, extra)):
        mentions.setdefault(mention.kind, []).append(mention)
    folded = [fold(text) for _, text in texts]
    words = frozenset(word for text in folded for word in re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text))
    concepts = frozenset(
        f.concept for reading, (language, _) in zip(readings, texts, strict=True)
        for clause in reading.clauses for f in find_concepts(clause.words, language)
    )  # fmt: skip
    return Facts(
        mentions={kind: tuple(found) for kind, found in mentions.items()},
        quantities=_by_dimension(mentions.get("quantity", ())),
        slots=tuple(slot for reading in readings for slot in read_slots(reading)),
        windows=tuple(window for reading in readings for window in read_windows(reading)),
        words=words,
        families=frozenset(family(word) for word in words if len(word) >= 4),
        sounds=_by_sound(words),
        concepts=concepts,
        compact="\n".join(re.sub(r"[^a-z0-9.]", "", text) for text in folded),
        digits=tuple("".join(map(str, m.value)) for m in mentions.get("phone", ()) if isinstance(m.value, tuple)),
        text="\n".join(folded),
        items=items,
        prices=frozenset(),
        totals=frozenset(total for reading in readings for total in _totals(reading)),
        notices=tuple(notice for reading in readings for notice in _notices(reading)),
        lacking=tuple(_lacking(readings)),
        denied_names=_denied_names(readings),
        branches=Branches((), frozenset()),
        parts=read_parts([(reading, language) for reading, (language, _) in zip(readings, texts, strict=True)]),
    )


def _with_subject(reading: Reading) -> Iterator[Mention]:
    """Yield the mentions of a published text, its dates with the item it begins with: "Diving: … Next start: 3 May"."""
    lead = items_of(reading.topics[0]) if reading.topics else frozenset()
    for mention in reading.mentions:
        is_bare = lead and mention.kind == "date" and not items_of(mention.wide)
        yield mention._replace(wide=mention.wide | lead) if is_bare else mention


_LACKS = compiled_on_use(rf"\b{pattern('lacks')} (?P<things>[a-z][^,.;:()]{{2,60}})$")
_GOES_ON = re.compile(r"(?:(?:ni|nem|nor|or|and|y|e) )?[a-z]+(?: [a-z]+){0,3}")
"""A clause that may only go on with a list: a few words."""
_OR = re.compile(r" (?:ni|nem|nor|or|o|ou|and|y|e) ")


def _told_lacking(reading: Reading) -> list[tuple[Clause, str]]:
    """Return the clauses that name what there is not, and what; a list may go on: "no food, plants or animals"."""
    found: list[tuple[Clause, str]] = []
    for clause, topics in zip(reading.clauses, reading.topics, strict=True):
        last = found[-1][0] if found else None
        match = _LACKS.search(clause.plain) if clause.is_denied and not _is_of_an_item(topics) else None
        if match:
            found.append((clause, match["things"]))
        elif last is not None and last.sentence == clause.sentence and _GOES_ON.fullmatch(clause.plain.strip(" .")):
            found.append((clause, clause.plain.strip(" .")))
    return found


def _lacking(readings: Sequence[Reading]) -> Iterator[frozenset[str]]:
    """Yield the things that are denied without any restriction: "We do no gas work", not "no phone support on Core"."""
    told = [_told_lacking(reading) for reading in readings]
    listed = {id(clause) for each in told for clause, _ in each}
    clauses = [clause for reading in readings for clause in reading.clauses if id(clause) not in listed]
    affirmed = [frozenset(map(family, clause.words)) for clause in clauses if not clause.is_denied]
    for _, things in (pair for each in told for pair in each):
        for thing in _OR.split(things):
            words = [word for word in thing.split() if word not in LISTS["links"] and word not in _WITH]
            named = frozenset(family(word) for word in words if len(word) >= _LEAST_LETTERS)
            is_plain = all(word.isalpha() and word not in LISTS["stops"] for word in words)
            if named and is_plain and len(words) <= _LONG_THING and not any(named <= there for there in affirmed):
                yield named


def _is_of_an_item(topics: Topics) -> bool:
    return any(topic.startswith("item:") for topic in topics)


_WITH = frozenset({"con", "com", "with"})
_LEAST_LETTERS = 3
_LONG_THING = 3


_BEFORE = re.compile(
    r"\b(?:antes|before|prior|ahead|advance|antelacion|anticipacion|antecedencia|notice|aviso|preaviso|previ[oa]s?)\b"
)


def _notices(reading: Reading) -> Iterator[Mention]:
    """Yield the times that are told of as before something else."""
    return (m for m in reading.of("quantity") if m.unit in MINUTES and _BEFORE.search(reading.clauses[m.clause].plain))


_TOTALLED = frozenset(
    f"units:{key}" for key in ("minute", "hour", "day", "night", "week", "session", "watt", "kilowatt", "kilometre")
)


def _totals(reading: Reading) -> Iterator[tuple[str, Decimal]]:
    """Yield the sums of like measures of a sentence, and products of counts and measures: "4 classes of 3 hours"."""
    for _, group in itertools.groupby(reading.of("quantity"), lambda m: reading.clauses[m.clause].sentence):
        numbers = [(m, m.value) for m in group if isinstance(m.value, Decimal)][:_MOST_NUMBERS]
        for (one, value), (other, other_value) in itertools.combinations(numbers, 2):
            if one.unit in _TOTALLED and one.unit == other.unit:
                yield one.unit, value + other_value
        for (count, value), (measure, measured) in itertools.pairwise(numbers):
            if (
                measure.unit in _TOTALLED
                and measure.unit != count.unit
                and _OF.match(_between(reading, count, measure))
            ):
                yield measure.unit, value * measured


_OF = re.compile(r"^(?: [^\W\d]{1,20}){1,3} (?:de|of|x|×|at|a) $")
"""What stands between a count and a measure of each."""


def _between(reading: Reading, one: Mention, other: Mention) -> str:
    clause = reading.clauses[one.clause]
    return clause.raw[one.end - clause.start : other.start - clause.start] if one.clause == other.clause else ""


_MOST_NUMBERS = 8
"""Of one sentence, so many numbers are combined."""


def _denied_names(readings: Iterable[Reading]) -> frozenset[str]:
    """Return the words of names that only stand where something is denied: "There is no NetSuite integration"."""
    denied: set[str] = set()
    affirmed: set[str] = set()
    for reading in readings:
        for name in reading.of("name"):
            is_lacking = name.is_denied_nearby and "inclu" not in reading.clauses[name.clause].plain
            (denied if is_lacking else affirmed).update(name.value if isinstance(name.value, tuple) else ())
        affirmed.update(word for clause in reading.clauses if not clause.is_denied for word in clause.words)
    return frozenset(denied - affirmed)


def _joined(one: Facts, other: Facts) -> Facts:
    """Return the facts of both, which are about the same items."""
    return Facts(
        mentions=_merged(one.mentions, other.mentions),
        quantities=_merged(one.quantities, other.quantities),
        slots=one.slots + other.slots,
        windows=one.windows + other.windows,
        words=one.words | other.words,
        families=one.families | other.families,
        sounds=_merged(one.sounds, other.sounds),
        concepts=one.concepts | other.concepts,
        compact=f"{one.compact}\n{other.compact}",
        digits=one.digits + other.digits,
        text=f"{one.text}\n{other.text}",
        items=one.items,
        prices=one.prices | other.prices,
        totals=one.totals | other.totals,
        notices=one.notices + other.notices,
        lacking=one.lacking + other.lacking,
        denied_names=one.denied_names - other.words,
        branches=one.branches,
        parts=one.parts + other.parts,
    )


def _merged(one: Mapping[str, tuple[T, ...]], other: Mapping[str, tuple[T, ...]]) -> Mapping[str, tuple[T, ...]]:
    return {**one, **{key: (*one.get(key, ()), *found) for key, found in other.items()}}


_SOUNDS = (
    ("qu", "k"),
    ("ch", "x"),
    ("ph", "f"),
    ("th", "t"),
    ("c", "k"),
    ("q", "k"),
    ("y", "i"),
    ("z", "s"),
    ("w", "v"),
)
_DOUBLED = re.compile(r"(.)\1")


def sound(word: str) -> str:
    """Return a folded word spelt as it sounds, roughly, in any of the three languages."""
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    return _DOUBLED.sub(r"\1", word)


def _by_sound(words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in map(sound, words):
        found[word[:2]] = (*found.get(word[:2], ()), word)
    return found


def _by_dimension(quantities: Iterable[Mention]) -> Mapping[str, tuple[Mention, ...]]:
    found: dict[str, tuple[Mention, ...]] = {}
    for quantity in quantities:
        key = dimension(quantity.unit)
        found[key] = (*found.get(key, ()), quantity)
    return found


def _extra_mention(fact: _CatalogueFact) -> Mention:
    about, kind, value, unit = fact
    topics = frozenset({about})
    if unit == INSTALMENTS:
        unit, topics = "units:month", topics | {INSTALMENTS}
    return Mention(
        kind=kind, value=value, clause=0, start=0, end=0, topics=topics, wide=topics, subject=topics, unit=unit
    )
