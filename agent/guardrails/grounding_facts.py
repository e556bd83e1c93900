"""What a tenant has published, read once: the ground on which a reply is judged."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from agent.folding import fold
from agent.guardrails.dates_text import CalendarDate
from agent.guardrails.grounding_reading import ItemNames, Mention, Slot, read, read_slots
from agent.guardrails.grounding_words import family, find_concepts
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


def dimension(unit: str) -> str:
    """Return what units have in common that can be compared: time, people, or the unit itself."""
    return "time" if unit in MINUTES else "people" if unit in _PEOPLE else unit


# --- what a tenant has published ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything published, by kind."""

    mentions: Mapping[str, tuple[Mention, ...]]
    quantities: Mapping[str, tuple[Mention, ...]]
    """By what they measure (`dimension`)."""
    slots: tuple[Slot, ...]
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
    return _facts(tuple(_texts(tenant)), items, tuple(_catalogue_facts(tenant.catalogue)))


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
            yield about, "quantity", Decimal(item.instalments.max), "units:month"
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
    for mention in (*(m for reading in readings for m in reading.mentions), *map(_extra_mention, extra)):
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
        words=words,
        families=frozenset(family(word) for word in words if len(word) >= 4),
        sounds=_by_sound(words),
        concepts=concepts,
        compact="\n".join(re.sub(r"[^a-z0-9.]", "", text) for text in folded),
        digits=tuple("".join(map(str, m.value)) for m in mentions.get("phone", ()) if isinstance(m.value, tuple)),
        text="\n".join(folded),
        items=items,
    )


def _joined(one: Facts, other: Facts) -> Facts:
    """Return the facts of both, which are about the same items."""
    return Facts(
        mentions=_merged(one.mentions, other.mentions),
        quantities=_merged(one.quantities, other.quantities),
        slots=one.slots + other.slots,
        words=one.words | other.words,
        families=one.families | other.families,
        sounds=_merged(one.sounds, other.sounds),
        concepts=one.concepts | other.concepts,
        compact=f"{one.compact}\n{other.compact}",
        digits=one.digits + other.digits,
        text=f"{one.text}\n{other.text}",
        items=one.items,
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
    return Mention(
        kind=kind, value=value, clause=0, start=0, end=0, topics=topics, wide=topics, subject=topics, unit=unit
    )
