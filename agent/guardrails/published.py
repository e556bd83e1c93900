"""What a tenant has published as text about money: amounts, percentages, terms, what is free (P5)."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files

from agent.folding import words_of
from agent.guardrails.mentions import stem
from agent.guardrails.money_text import MoneyExpression, money_in, numbers_in
from agent.guardrails.plain_text import read_plain
from agent.guardrails.published_once import once_for
from agent.guardrails.unit_cues import priced_units
from agent.guardrails.word_lists import load_words
from agent.prices import valid_discounts
from agent.types import Tenant

_TOPICS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{'|'.join(line for line in lines.splitlines() if line)})(?!\w)")
    for name, lines in tomllib.loads(files("agent.guardrails").joinpath("giveaways.toml").read_text("utf-8")).items()
}
_ASIDE = frozenset({"period", "seats"})
"""Topics that say how much, never what is given away."""
_GENERIC = frozenset(stem(word) for word in load_words("money_words")["generic"])
_UNIT = r"(dias?|days?|mes(?:es)?|months?|semanas?|weeks?|anos?|years?|horas?|hours?|minutos?|minutes?|min)\b"
_PERIOD = re.compile(
    rf"\b(\d{{1,3}})(?: (?:primeros|primeiros|first))? ?-?{_UNIT}|\b(?:primer|primeir[oa]|primera|first|un|um|uma|una"
    rf"|a|one) {_UNIT}"
)
_UNIT_NAMES = {
    "me": "month",
    "mo": "month",
    "mi": "minute",
    "an": "year",
    "ye": "year",
    "se": "week",
    "we": "week",
    "di": "day",
    "da": "day",
    "ho": "hour",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeThing:
    """Something a text calls free."""

    topics: frozenset[str]
    stems: frozenset[str]
    periods: frozenset[tuple[str, str]]
    """How long it says: number and unit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTexts:
    """The money in everything a tenant has published as text."""

    money: tuple[MoneyExpression, ...]
    numbers: frozenset[Decimal]
    free: tuple[FreeThing, ...]
    units: frozenset[str]
    """Units that prices are published by and the catalogue has no word for: the night, the hour."""

    def of_kind(self, kind: str) -> tuple[MoneyExpression, ...]:
        """Return the statements of one kind."""
        return tuple(each for each in self.money if each.kind == kind)


@once_for
def published_texts(tenant: Tenant) -> PublishedTexts:
    """Return what facts, policies and descriptions state; read once as long as they stay the same."""
    texts = [passage.text for passage in tenant.passages]
    texts += [item.description for item in tenant.catalogue]
    texts += [discount.condition for item in tenant.catalogue for discount in item.discounts]
    return _read(tuple(version for text in texts for version in text.items()))


def free_thing(sentence: str) -> FreeThing:
    """Return what a folded sentence that calls something free is about."""
    words = words_of(sentence)
    return FreeThing(
        topics=frozenset(name for name, pattern in _TOPICS.items() if pattern.search(words)),
        stems=frozenset(stem(word) for word in words.split() if len(word) > 4) - _GENERIC,
        periods=frozenset(_periods(sentence)),
    )


def _periods(sentence: str) -> Iterator[tuple[str, str]]:
    for number, unit, one in _PERIOD.findall(sentence):
        yield number or "1", _UNIT_NAMES[(unit or one)[:2]]


def is_same_thing(said: FreeThing, published: FreeThing) -> bool:
    """Say whether what a reply calls free is what a text calls free, and for no longer."""
    units = {unit for _, unit in published.periods}
    if any((number, unit) not in published.periods for number, unit in said.periods if unit in units):
        return False
    topics = said.topics - _ASIDE
    if topics or published.topics - _ASIDE:
        return bool(topics & published.topics)
    return bool(said.stems & published.stems)


def has_subject(said: FreeThing) -> bool:
    """Say whether a sentence tells what is free, by a topic."""
    return bool(said.topics)


@once_for
def currencies_in(tenant: Tenant) -> frozenset[str]:
    """Return the currencies that anything is priced in, and the tenant's own."""
    return frozenset(price.currency for item in tenant.catalogue for price in item.prices) | {tenant.currency}


def expired_codes(tenant: Tenant, today: date) -> frozenset[str]:
    """Return the discount codes, in capitals, that have ended."""
    return known_codes(tenant) - {
        d.code.upper() for item in tenant.catalogue for d in valid_discounts(item, today) if d.code
    }


@once_for
def known_codes(tenant: Tenant) -> frozenset[str]:
    """Return all discount codes of the catalogue in capitals."""
    return frozenset(d.code.upper() for item in tenant.catalogue for d in item.discounts if d.code)


def _read(texts: tuple[tuple[str, str], ...]) -> PublishedTexts:
    plains = [read_plain(text, language) for language, text in texts]
    money = tuple(each for plain in plains for each in money_in(plain))
    return PublishedTexts(
        money=money,
        numbers=frozenset(number for plain in plains for number in numbers_in(plain)),
        free=tuple(free_thing(each.sentence) for each in money if each.kind == "free"),
        units=frozenset(unit for plain in plains for unit in priced_units(plain.text)),
    )
