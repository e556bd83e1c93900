"""How the prices of an item read: what a draft's references become, in each language, before anybody is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from agent.prices import PriceReferenceError, format_money, is_valid, render
from agent.types import CatalogueItem, Price, Tenant


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewLine:
    """A reference as drafts write it, and what prospects read."""

    reference: str
    texts: tuple[tuple[str, str], ...]
    """By language. Empty: it cannot be quoted today."""
    problem: str = ""
    """Why not, for whoever edits the item."""


def preview_prices(item: CatalogueItem, tenant: Tenant, today: date) -> Sequence[PreviewLine]:
    """Return all that can be quoted of an item, price by price, with instalments and discounts."""
    alone = replace(tenant, catalogue=(item,))
    return [line for price in item.prices for line in _lines(item, price, alone, today)]


def _lines(item: CatalogueItem, price: Price, tenant: Tenant, today: date) -> Iterator[PreviewLine]:
    where = f"{price.currency}:{price.unit}"
    if not is_valid(price, today):
        amount = format_money(price.amount_minor, price.currency, tenant.default_language, tenant.country)
        period = f"{price.valid_from or '…'} – {price.valid_to or '…'}"
        yield PreviewLine(reference=f"{{price:{item.sku}:{where}}}", texts=(), problem=f"{amount}: {period}")
        return
    yield _line(f"{{price:{item.sku}:{where}}}", tenant, today)
    if item.instalments and item.instalments.interest_free:
        yield _line(f"{{instalments:{item.sku}:{item.instalments.max}:{where}}}", tenant, today)
    for place, discount in enumerate(item.discounts, start=1):
        yield _line(f"{{discounted:{item.sku}:{discount.code or place}:{where}}}", tenant, today)


def _line(reference: str, tenant: Tenant, today: date) -> PreviewLine:
    try:
        texts = tuple(
            (language, render(reference, tenant, language=language, currency=tenant.currency, today=today))
            for language in tenant.languages
        )
    except PriceReferenceError as exc:
        return PreviewLine(reference=reference, texts=(), problem=exc.reason)
    return PreviewLine(reference=reference, texts=texts)
