"""What a tenant's catalogue implies on one day: the amounts that a reply may state (P5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import combinations, islice
from typing import Literal, NamedTuple

from agent.folding import fold
from agent.guardrails.conditions import Said, condition_of, is_met
from agent.guardrails.mentions import MONTH_NAMES, MONTH_NUMBERS, says_date
from agent.guardrails.unit_cues import UnitCue, sold_units
from agent.prices import is_valid, less_percent, valid_discounts, valid_prices
from agent.types import CatalogueItem, Discount, Price, Tenant, Unit

ALL = 100
"""Percent: a discount that is a waiver."""
MAX_NAMED = 5
"""Sums over more items than this are not worked out."""
MAX_COSTS = 40
"""So many totals of a price are added to those of other items."""
MAX_PRODUCT = 10_000
"""The most people times months that a total is believed for."""
MAX_TOGETHER = 6
"""For more people than this, a total in which only some pay less is not worked out."""

Role = Literal["price", "discounted", "part", "saving", "past"]


class Implied(NamedTuple):
    """An amount that follows from the price of one item."""

    amount_minor: int
    currency: str
    item: int
    """Place in the catalogue."""
    units: frozenset[UnitCue]
    """What it may be said to be the price of."""
    role: Role = "price"
    """`saving` is what one saves, `past` is no longer valid: both need to be said so."""
    quantity: int = 1
    """How many units it pays for."""
    parts: int = 0
    """Into how many instalments the total is split."""


UNITS: Mapping[Unit, frozenset[UnitCue]] = {
    "month": frozenset({"", "month"}),
    "seat_month": frozenset({"", "month"}),
    "course": frozenset({"", "course", "once"}),
    "session": frozenset({"", "session", "once"}),
    "one_time": frozenset({"", "once", "session"}),
    "item": frozenset({"", "once"}),
}
_IN_MONTH = re.compile(
    rf"(?<!\d )(?<!\d de )(?<!\d of )(?<!ate )(?<!hasta )(?<!until )(?<!till )"
    rf"\b({MONTH_NAMES})\b(?! (?:the )?\d)"
)
"""A month by itself, whatever stands before it: "pra abril", "April's price"; not a day of it."""
_BY_THEN = re.compile(
    r"\b(?:entonces|entao|then|ai ja|a essa altura"
    r"|nesse caso|nesse mes|en ese caso|ese mes|para esas fechas|in that case"
    r"|that month)\b"
)
"""How a reply takes up the month that the prospect has named."""
_NEXT_MONTH = re.compile(r"\b(?:mes que v(?:iene|em)|proximo mes|mes proximo|next month)\b")
_PER_MONTH = frozenset({"month", "seat_month"})
_SEVERAL_TIMES = frozenset({"month", "seat_month", "session"})
"""What several people may buy several of: both numbers multiply."""
_TIMES = frozenset({"day", "night", "hour", "week"})
_ONE_AND_ANOTHER = 2
_PARTS: frozenset[UnitCue] = frozenset({"", "month"})
_YEAR: frozenset[UnitCue] = frozenset({"", "year", "once"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is known when the amounts of a catalogue are worked out."""

    tenant: Tenant
    today: date
    said: Said
    counts: Sequence[int]
    """Of how many people, sessions, seats or months totals may be."""
    parts: Sequence[int]
    """Into how many instalments they may be split."""
    wanted: frozenset[int]
    """The amounts, in minor units, that are to be explained."""


def implied_by(item: int, question: Question) -> Iterator[Implied]:
    """Yield what the prices of catalogue[item] imply on the day: each price, and what else is wanted.

    A future price counts only when its first day is said, a discount only when its condition is.
    """
    product = question.tenant.catalogue[item]
    for price in _quotable_prices(product, question):
        for amount, count, role in _totals(price, item, question):
            if amount in question.wanted or (count == 1 and role == "price"):
                yield Implied(amount, price.currency, item, _units(price, count), role, count)
            if role != "saving":
                yield from _instalments(item, price, amount, question)
    for price in product.prices:
        if price.valid_to and price.valid_to < question.today:
            yield Implied(price.amount_minor, price.currency, item, UNITS[price.unit], "past")


def costs_of(item: int, question: Question) -> frozenset[tuple[int, str]]:
    """Return all that catalogue[item] may cost on the day, in minor units, with and without discounts."""
    return frozenset(
        (amount, price.currency)
        for price in _quotable_prices(question.tenant.catalogue[item], question)
        for amount, _, role in islice(_totals(price, item, question), MAX_COSTS)
        if role != "saving"
    )


def _quotable_prices(product: CatalogueItem, question: Question) -> tuple[Price, ...]:
    today, words = question.today, question.said.reply
    if _BY_THEN.search(words):
        words = f"{words} | {question.said.asked}"
    later = (p for p in product.prices if p.valid_from and p.valid_from > today)
    future = (p for p in later if p.valid_from and (_says_start(words, p.valid_from) or _is_of_month(p, words, today)))
    return (*valid_prices(product, today), *future)


def _is_of_month(price: Price, words: str, today: date) -> bool:
    """Say whether words name a month to come in which a price holds from the first day: "en mayo son 590 €"."""
    months = [MONTH_NUMBERS[match[1]] for match in _IN_MONTH.finditer(words)]
    months += [today.month % 12 + 1] if _NEXT_MONTH.search(words) else []
    return any(is_valid(price, date(today.year + (month < today.month), month, 1)) for month in months)


def _says_start(words: str, first: date) -> bool:
    """Say whether words name the first day of a price, or the last before it: "until 31 March; after that …"."""
    return says_date(words, first) or says_date(words, first - timedelta(days=1))


def _units(price: Price, count: int) -> frozenset[UnitCue]:
    """Return what a total of `count` may be said to be the price of: twelve months may be a year."""
    units = UNITS[price.unit]
    return units | _YEAR if price.unit in _PER_MONTH and count % 12 == 0 else units


def _totals(price: Price, item: int, question: Question) -> Iterator[tuple[int, int, Role]]:
    """Yield (amount, of how many, role): n times the price, less each discount, and what is saved."""
    tenant = question.tenant
    product = tenant.catalogue[item]
    valid = valid_discounts(product, question.today)
    met = [each for each in valid if is_met(each, item, tenant.catalogue, question.said)]
    discounts = [(each, condition_of(each, item, tenant.catalogue)) for each in met]
    for count in _counts(price, product, question.counts):
        total = price.amount_minor * count
        yield total, count, "price"
        for discount, condition in discounts:
            if not (1 < count < condition.least or (count > 1 and condition.not_first)):
                for reduction in _reductions(total, price, discount, count, tenant):
                    yield total - reduction, count, "discounted"
                    yield reduction, count, "saving"
            if discount.percent == ALL and 0 < condition.months < count:
                yield price.amount_minor * (count - condition.months), count, "discounted"
            if count >= condition.least:
                yield from _for_some(price, discount, count, tenant)


def _counts(price: Price, product: CatalogueItem, counts: Sequence[int]) -> Sequence[int]:
    """Return the numbers a total may be of: also people times months or sessions, or what is hired times days."""
    if price.unit not in _SEVERAL_TIMES and not (len(counts) > _ONE_AND_ANOTHER and _is_sold_by_time(product)):
        return counts
    products = {one * other for one, other in combinations(counts, 2) if one * other <= MAX_PRODUCT}
    return (*counts, *sorted(products - set(counts)))


def _is_sold_by_time(product: CatalogueItem) -> bool:
    """Say whether a description says that a price is that of a day, a night or an hour."""
    return any(map(_says_time, product.description.values()))


@lru_cache(maxsize=4096)
def _says_time(description: str) -> bool:
    return not sold_units(fold(description)).isdisjoint(_TIMES)


def _reductions(total: int, price: Price, discount: Discount, count: int, tenant: Tenant) -> Iterator[int]:
    """Yield by how much a discount lowers a total; an amount may be off each unit, or off the whole."""
    if discount.percent is not None:
        reduction = total - less_percent(total, discount.percent)
        each = price.amount_minor - less_percent(price.amount_minor, discount.percent)
        yield from {reduction, each * count}  # rounded once, or unit by unit
    elif price.currency == tenant.currency and discount.amount_minor and discount.amount_minor <= total:
        yield discount.amount_minor
        if count > 1 and discount.amount_minor * count <= total:
            yield discount.amount_minor * count


def _for_some(price: Price, discount: Discount, count: int, tenant: Tenant) -> Iterator[tuple[int, int, Role]]:
    """Yield the totals in which some pay the full price and others less: a sibling's fee."""
    if not 2 <= count <= MAX_TOGETHER:
        return
    for full in range(1, count):
        for reduction in _reductions(price.amount_minor, price, discount, 1, tenant):
            yield price.amount_minor * count - reduction * (count - full), count, "discounted"


def _instalments(item: int, price: Price, total: int, question: Question) -> Iterator[Implied]:
    """Yield what each of 2 to `max` interest-free parts is, in the numbers of parts that are mentioned."""
    terms = question.tenant.catalogue[item].instalments
    if terms is None or not terms.interest_free:
        return
    at_home = price.currency == question.tenant.currency
    if terms.min_amount_minor and at_home and total < terms.min_amount_minor:
        return
    for parts in question.parts:
        if 2 <= parts <= terms.max:
            rounded = (2 * total + parts) // (2 * parts)
            last = total - rounded * (parts - 1)  # it makes the sum exact
            for amount in question.wanted & {rounded, total // parts, last}:
                yield Implied(amount, price.currency, item, _PARTS, "part", parts=parts)


# --- several items ----------------------------------------------------------------------------------------------


def find_sums(
    money: frozenset[tuple[int, str]], groups: Sequence[frozenset[tuple[int, str]]]
) -> frozenset[tuple[int, str]]:
    """Return which of `money` (minor units, currency) are sums over 2 or 3 items of what each may cost.

    `groups` has, for each item that the text names, the amounts it may cost.
    """
    if not 2 <= len(groups) <= MAX_NAMED:
        return frozenset()
    return frozenset(each for each in money if _is_sum(each, groups))


def _is_sum(money: tuple[int, str], groups: Sequence[frozenset[tuple[int, str]]]) -> bool:
    total, currency = money
    costs = [{amount for amount, its in group if its == currency} for group in groups]
    if any(not other.isdisjoint([total - amount for amount in one]) for one, other in combinations(costs, 2)):
        return True
    return any(
        not last.isdisjoint([total - first - second for second in other])
        for one, other, last in combinations(costs, 3)
        for first in one
    )
