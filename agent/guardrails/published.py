"""What a tenant has published as text about money: amounts, percentages, terms, what is free (P5)."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from importlib.resources import files

from babel.numbers import get_currency_precision

from agent.folding import fold
from agent.guardrails.conditions import least_in
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.item_names import stem
from agent.guardrails.mentions import Mention, find_mentions
from agent.guardrails.money_text import MoneyExpression, money_in, numbers_in
from agent.guardrails.not_money import measured_in
from agent.guardrails.own_figures import is_denied
from agent.guardrails.plain_text import read_plain
from agent.guardrails.published_once import once_for
from agent.guardrails.required_words import Lookup, needs_of, starts_in
from agent.guardrails.unit_cues import named_units, priced_units, sold_units, unit_class
from agent.guardrails.word_lists import load_words
from agent.prices import valid_discounts
from agent.types import CatalogueItem, Tenant

_TOPICS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (name, compiled_on_use(rf"\b(?:{line})\b"))
    for name, lines in tomllib.loads(files("agent.guardrails").joinpath("giveaways.toml").read_text("utf-8")).items()
    for line in lines.splitlines()
    if line
)
"""By the name of what is given away, the ways to call it."""
_TOPIC_LOOKUP = Lookup(lambda: (needs_of(pattern.pattern) for _, pattern in _TOPICS))
_NOT_A_WORD = re.compile(r"[\W_]+")
_LIMITS = frozenset({"first"})
"""Topics that say of which alone it is free: a reply has to say so, too."""
ASIDE = frozenset({"period", "seats", "way_back"}) | _LIMITS
"""Topics that say how much, never what is given away."""
_HOLDERS = frozenset({"plan"})
"""Topics that beside others only say whose something is: "the annual plan can be frozen"."""
_GENERIC = frozenset(stem(word) for word in load_words("money_words")["generic"])
_CLAUSE_END = re.compile(
    r"[;:()\n—–]|,? (?:pero|but|mas|porem|aunque|mientras|while|whereas|y que|e que)\b|, (?:and|y|e) "
)
_EACH_DISTANCE = re.compile(r"\b(?:cada|each|every|per|por) (km|[kq]uilometro|kilomet|milla|milha|mile)")
_DOUBLED = re.compile(r"(.)\1")
_LEAST_ALIKE = 4
"""Letters that two stems must share to be one word in two languages."""
_UNIT = (
    r"(dias?|days?|mes(?:es)?|months?|semanas?|weeks?|anos?|years?|horas?|hours?|minutos?|minutes?|min|km"
    r"|[kq]uilometros?|kilomet(?:er|re)s?|milhas?|millas?|miles?)\b"
)
_PERIOD = re.compile(
    rf"\b(\d{{1,3}})(?: (?:primeros|primeiros|first))? ?-?{_UNIT}|\b(?:primer|primeir[oa]|primera|first|un|um|uma|una"
    rf"|a|one)(?: (?:free|whole|full))?[ -]{_UNIT}"
)
_ALL_DAY = re.compile(r"\b(?:todo (?:el|o) dia|o dia (?:todo|inteiro)|el dia entero|all day|the whole day)\b")
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
    "km": "kilometre",
    "ki": "kilometre",
    "qu": "kilometre",
    "mil": "mile",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeThing:
    """Something a text calls free."""

    topics: frozenset[str]
    stems: frozenset[str]
    items: frozenset[int]
    """Places in the catalogue of the items it names."""
    periods: frozenset[tuple[str, str]]
    """How long it says: number and unit."""
    least: int = 0
    """Of how many at least it is free; 0: not said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTexts:
    """The money in everything a tenant has published as text."""

    money: tuple[MoneyExpression, ...]
    numbers: frozenset[Decimal]
    free: tuple[FreeThing, ...]
    units: frozenset[str]
    """Units that prices are published by and the catalogue has no word for: the night, the hour."""
    counted: frozenset[str]
    """Units of which a price may be multiplied: those, and the ones that names of items have: "day pass"."""

    def of_kind(self, kind: str) -> tuple[MoneyExpression, ...]:
        """Return the statements of one kind."""
        return tuple(each for each in self.money if each.kind == kind)


@once_for
def published_texts(tenant: Tenant) -> PublishedTexts:
    """Return what facts, policies and descriptions state; read once as long as they stay the same."""
    texts = [passage.text for passage in tenant.passages]
    texts += [item.description for item in tenant.catalogue]
    conditions = [discount.condition for item in tenant.catalogue for discount in item.discounts]
    plains = [read_plain(text, language) for each in (*texts, *conditions) for language, text in each.items()]
    stated = [money_in(plain) for plain in plains]
    money = tuple(each for found in stated for each in found)
    unconditional = (each for found in stated[: sum(map(len, texts))] for each in found)
    names = (fold(name) for item in tenant.catalogue if item.prices for name in item.name.values())
    units = frozenset(unit for plain in plains for unit in priced_units(plain.text))
    sold = [fold(text) for item in tenant.catalogue for text in item.description.values()]
    by = frozenset(unit for text in sold for unit in sold_units(text))
    met = [fold(text) for condition in conditions for text in condition.values()]
    return PublishedTexts(
        money=money,
        numbers=frozenset(number for plain in plains for number in numbers_in(plain)).union(
            number for each in texts for text in each.values() for number in measured_in(fold(text))
        ),
        free=tuple(_given(each, tenant.catalogue) for each in unconditional if _is_given(each)),
        units=units,
        counted=units.union(by, _rates(money)).union(unit for text in (*names, *met) for unit in named_units(text)),
    )


def _rates(money: Sequence[MoneyExpression]) -> frozenset[str]:
    """Return the classes of the units by which an amount is published: "28.000 pesos por día"."""
    amounts = [each for each in money if each.kind == "amount"]
    told = (match[1] for each in amounts for match in _EACH_DISTANCE.finditer(each.sentence))
    return frozenset(unit_class(each.unit_words) for each in amounts if each.unit == "other").union(
        map(unit_class, told)
    )


def _is_given(expression: MoneyExpression) -> bool:
    return expression.kind == "free" and not is_denied(expression.before, expression.after)


def _given(expression: MoneyExpression, catalogue: Sequence[CatalogueItem]) -> FreeThing:
    """Return what a text gives away; where the clause does not name it, the sentence does: "Courtesy cars: 4, free"."""
    thing = free_thing(clause_of(expression), catalogue)
    told = thing if thing.topics or thing.items else free_thing(expression.sentence, catalogue)
    return replace(told, least=least_in(_NOT_A_WORD.sub(" ", clause_of(expression))))


def free_thing(sentence: str, catalogue: Sequence[CatalogueItem] = ()) -> FreeThing:
    """Return what a folded sentence that calls something free is about; items only where a catalogue is given."""
    words = _NOT_A_WORD.sub(" ", sentence).strip()
    places = _TOPIC_LOOKUP.places(starts_in(words))
    return FreeThing(
        topics=frozenset(_TOPICS[place][0] for place in places if _TOPICS[place][1].search(words)),
        stems=frozenset(stem(word) for word in words.split() if len(word) > 4) - _GENERIC,
        items=frozenset(
            item
            for mention in find_mentions(catalogue, sentence)
            if not (mention.is_aside or mention.weak)
            for item in mention.items
        ),
        periods=frozenset(_periods(sentence)),
    )


def _periods(sentence: str) -> Iterator[tuple[str, str]]:
    if _ALL_DAY.search(sentence):
        yield "1", "day"
    for number, unit, one in _PERIOD.findall(sentence):
        yield number or "1", _UNIT_NAMES.get((unit or one)[:3]) or _UNIT_NAMES[(unit or one)[:2]]


@once_for
def mentions_in_published(tenant: Tenant) -> Mapping[str, tuple[Mention, ...]]:
    """Return which items each published sentence about money names."""
    return {each.sentence: find_mentions(tenant.catalogue, each.sentence) for each in published_texts(tenant).money}


def clause_of(expression: MoneyExpression) -> str:
    """Return the part of its sentence in which something is called free."""
    start = max((match.end() for match in _CLAUSE_END.finditer(expression.before)), default=0)
    end = _CLAUSE_END.search(expression.after)
    after = expression.after[: end.start()] if end else expression.after
    return f"{expression.before[start:]}{expression.text}{after}"


def is_same_thing(said: FreeThing, published: FreeThing) -> bool:
    """Say whether what a reply calls free is what a text calls free, and for no longer."""
    if not lasts_as_long(said, published) or not published.topics & _LIMITS <= said.topics:
        return False
    if said.items & published.items and not published.topics - ASIDE:
        return True
    if said.items and published.items and not said.items & published.items:
        return False
    topics, others = said.topics - ASIDE, published.topics - ASIDE
    if topics or others:
        return bool(topics & (others - _HOLDERS or others))
    if said.stems & published.stems:
        return True
    return bool(published.periods & said.periods) and any(is_cognate(one, published.stems) for one in said.stems)


def is_cognate(word: str, stems: frozenset[str]) -> bool:
    """Say whether a stem sounds as one of another language: "galler(y)" and "galeri(a)"."""
    own = _DOUBLED.sub(r"\1", word)
    return any(
        len(own) > _LEAST_ALIKE and own[:_LEAST_ALIKE] == _DOUBLED.sub(r"\1", each)[:_LEAST_ALIKE] for each in stems
    )


def sounds_alike(one: str, other: str) -> bool:
    """Say whether two folded sentences share a longer word, be it as another language has it."""
    stems, others = (
        frozenset(stem(word) for word in _NOT_A_WORD.sub(" ", each).split() if len(word) > 4) - _GENERIC
        for each in (one, other)
    )
    return any(is_cognate(each, others) for each in stems)


def lasts_as_long(said: FreeThing, published: FreeThing) -> bool:
    """Say whether a reply names no other period than the text, if that names one."""
    return not published.periods or said.periods <= published.periods


@once_for
def price_values(tenant: Tenant) -> frozenset[Decimal]:
    """Return the values of all prices in whole units."""
    return frozenset(
        Decimal(price.amount_minor).scaleb(-get_currency_precision(price.currency))
        for item in tenant.catalogue
        for price in item.prices
    )


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
