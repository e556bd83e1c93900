"""What a tenant's catalogue implies on one day: the amounts, percentages and free things a reply may state (P5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from agent.folding import words_of
from agent.guardrails.mentions import mentions_discount, says_date, shares_topic
from agent.guardrails.money_text import MoneyExpression, UnitCue, read_money
from agent.prices import less_percent, valid_discounts, valid_prices
from agent.types import CatalogueItem, Discount, Price, Tenant, Unit

MAX_NAMED = 6
"""Sums over more items than this are not worked out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Implied:
    """An amount that follows from the catalogue, and what it may be said to be the price of."""

    amount_minor: int
    currency: str
    units: frozenset[UnitCue]


_UNITS: Mapping[Unit, frozenset[UnitCue]] = {
    "month": frozenset({"", "month"}),
    "seat_month": frozenset({"", "month"}),
    "course": frozenset({"", "course"}),
    "session": frozenset({"", "session"}),
    "one_time": frozenset({"", "session"}),
    "item": frozenset({""}),
}
_PARTS: frozenset[UnitCue] = frozenset({"", "month"})
_YEAR: frozenset[UnitCue] = frozenset({"", "year"})


def implied_amounts(
    items: Sequence[CatalogueItem], tenant: Tenant, today: date, *, words: str, counts: frozenset[int]
) -> frozenset[Implied]:
    """Return what the prices of `items` imply on `today`, in the tenant's time zone.

    That is: prices; totals of a number in `counts`; published discounts whose percentage, code or condition is
    mentioned; interest-free instalments. A future price counts only when its first day is said. `words` are the folded
    words of draft and inbound.
    """
    return frozenset(
        implied
        for item in items
        for price in _quotable_prices(item, today, words)
        for implied in _of_price(price, item, tenant, today, words=words, counts=counts)
    )


def _quotable_prices(item: CatalogueItem, today: date, words: str) -> tuple[Price, ...]:
    future = (p for p in item.prices if p.valid_from and p.valid_from > today and says_date(words, p.valid_from))
    return (*valid_prices(item, today), *future)


def _of_price(
    price: Price, item: CatalogueItem, tenant: Tenant, today: date, *, words: str, counts: frozenset[int]
) -> Iterator[Implied]:
    """Yield the amounts one price implies."""
    discounts = [d for d in valid_discounts(item, today) if mentions_discount(words, d)]
    for count in counts:
        total = price.amount_minor * count
        lowered = [_discounted(total, price, each, count, tenant) for each in discounts]
        for amount in (total, *lowered):
            yield Implied(amount_minor=amount, currency=price.currency, units=_UNITS[price.unit])
            if count == 12 and price.unit in {"month", "seat_month"}:
                yield Implied(amount_minor=amount, currency=price.currency, units=_YEAR)
            for part in _instalment_amounts(item, price, amount, tenant, counts):
                yield Implied(amount_minor=part, currency=price.currency, units=_PARTS)
    for each in valid_discounts(item, today):
        if each.amount_minor and price.currency == tenant.currency:
            yield Implied(amount_minor=each.amount_minor, currency=price.currency, units=frozenset({""}))


def _discounted(total: int, price: Price, discount: Discount, count: int, tenant: Tenant) -> int:
    if discount.percent is not None:
        return less_percent(total, discount.percent)
    if price.currency == tenant.currency and discount.amount_minor:
        return max(0, total - discount.amount_minor * count)
    return total


def _instalment_amounts(
    item: CatalogueItem, price: Price, total: int, tenant: Tenant, counts: frozenset[int]
) -> Iterator[int]:
    """Yield what each of 2 to `max` interest-free parts is, in the numbers of parts that are mentioned."""
    terms = item.instalments
    if terms is None or not terms.interest_free:
        return
    if terms.min_amount_minor and price.currency == tenant.currency and total < terms.min_amount_minor:
        return
    for count in counts:
        if 2 <= count <= terms.max:
            rounded = (2 * total + count) // (2 * count)
            yield rounded
            yield total // count
            yield total - rounded * (count - 1)  # the last part makes the sum exact


def implied_sums(items: Sequence[CatalogueItem], today: date, counts: frozenset[int]) -> frozenset[Implied]:
    """Return a × one item + b × another, where `items` are the few that a text names."""
    if not 2 <= len(items) <= MAX_NAMED:
        return frozenset()
    prices = [(item.sku, price) for item in items for price in valid_prices(item, today)]
    return frozenset(
        Implied(
            amount_minor=a * one.amount_minor + b * other.amount_minor, currency=one.currency, units=frozenset({""})
        )
        for sku, one in prices
        for other_sku, other in prices
        if sku < other_sku and one.currency == other.currency
        for a in counts
        for b in counts
    )


# --- percentages, free things and passages ----------------------------------------------------------------


def published_percents(items: Iterable[CatalogueItem], today: date) -> frozenset[Decimal]:
    """Return the percentages of the discounts of `items` that hold today."""
    return frozenset(
        Decimal(d.percent) for item in items for d in valid_discounts(item, today) if d.percent is not None
    )


def expired_codes(tenant: Tenant, today: date) -> frozenset[str]:
    """Return the discount codes, as folded words, that have ended."""
    every = {words_of(d.code) for item in tenant.catalogue for d in item.discounts if d.code}
    return frozenset(
        every - {words_of(d.code) for item in tenant.catalogue for d in valid_discounts(item, today) if d.code}
    )


def passages_money(tenant: Tenant) -> tuple[MoneyExpression, ...]:
    """Return the money expressions in everything the tenant has published as text."""
    texts = [passage.text for passage in tenant.passages]
    texts += [item.description for item in tenant.catalogue]
    texts += [d.condition for item in tenant.catalogue for d in item.discounts]
    return tuple(each for text in texts for language, version in text.items() for each in _money_of(version, language))


def is_free(tenant: Tenant, items: Sequence[CatalogueItem], today: date, words: str) -> bool:
    """Say whether something that `words` (of draft and inbound) talk about is published as free.

    Either an item with a waiver (a discount of 100 percent), or a passage that says so about the same thing.
    """
    if any(Decimal(100) in published_percents((item,), today) for item in items):
        return True
    return any(e.kind == "free" and shares_topic(words, words_of(e.sentence)) for e in passages_money(tenant))


@lru_cache(maxsize=4096)
def _money_of(text: str, language: str) -> tuple[MoneyExpression, ...]:
    """Read a published text once: it is the same at every check."""
    return read_money(text, language)
