"""Prices: the only place where an amount becomes text (promise P5: no invented price).

A draft names a price, it never types one. The references, each part separated by a colon:

- `{price:SKU[:CUR[:UNIT]]}` the price valid today;
- `{total:SKU:N[:CUR[:UNIT]]}` the price of N units (people, sessions, months …);
- `{instalments:SKU:N[:CUR[:UNIT]]}` the price in N interest-free parts;
- `{discounted:SKU:WHICH[:CUR[:UNIT]]}` the price less a published discount, named by its code or by its
  place in the list, counted from 1.

Without CUR the currency of the conversation is taken, or the tenant's where the item has no price in it;
a CUR that is written must be published. UNIT is needed only where several are. The unit itself is never
rendered: the words around the reference say "a month" or "per course".

Amounts are integers of minor units; no float and no conversion between currencies appears anywhere.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale
from babel.core import UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision, get_territory_currencies

from agent.errors import NightshiftError
from agent.types import CatalogueItem, Discount, Price, Tenant

KINDS = ("price", "total", "instalments", "discounted")
MAX_UNITS = 9999

_REFERENCE = re.compile(r"\{([^{}]*)\}")
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,4}))?")
_WHATSAPP_USER = re.compile(r"([A-Z]{2})\.[0-9A-Za-z]+")
# Portuguese is always written with Brazil's separators: CLDR groups by spaces for Portugal, which splits an
# amount in two on a small screen. The euro sign stands behind, as in Portugal.
_PORTUGUESE_EURO = "#,##0.00 ¤"


class PriceReferenceError(NightshiftError):
    """The model acts: a price reference is wrong. `reference` is as written, the message says what exists."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"Bad price reference {reference[:80]!r}: {reason}")
        self.reference = reference
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceReference:
    """A reference as written. `argument` is the N or WHICH of every kind but `price`."""

    raw: str
    kind: str
    sku: str
    argument: str = ""
    currency: str | None = None
    unit: str | None = None


# --- amounts ------------------------------------------------------------------------------------------------


def local_date(tenant: Tenant, now: datetime) -> date:
    """Return the day it is for the tenant; validity of prices is counted in it."""
    return now.astimezone(ZoneInfo(tenant.timezone)).date()


def to_minor(amount: str, currency: str) -> int:
    """Read a plain decimal such as `1299.90` as minor units of a currency, exactly.

    Raises:
        ValueError: not a plain decimal, or more decimals than the currency has.
    """
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise ValueError('expected an amount such as "1299.90": digits, a point for decimals, no separators')
    decimals = get_currency_precision(currency)
    fraction = match[2] or ""
    if len(fraction) > decimals:
        raise ValueError(f"{currency} has {decimals} decimals, this amount has {len(fraction)}")
    return int(match[1] + fraction.ljust(decimals, "0"))


def to_amount(amount_minor: int, currency: str) -> str:
    """Write minor units as a plain decimal, the inverse of `to_minor`."""
    return f"{_major(amount_minor, currency):f}"


def format_money(amount_minor: int, currency: str, language: str, country: str) -> str:
    """Write an amount as people of that language and market do, with plain spaces.

    `country` is the business's (ISO 3166). It decides the number format only for its own currencies; others
    are written as at home: `$7,990.00 MXN` for a Mexican reading a school in Madrid. A bare `$` means twenty
    currencies, so the ISO code follows it. Examples: `399,00 €` (es, pt), `€399.00` (en), `R$ 2.390,00` (pt),
    `$429.00 USD` (es, en), `US$ 429,00` (pt). Decimals are always written out.
    """
    pattern = _PORTUGUESE_EURO if (language, currency) == ("pt", "EUR") else None
    text = format_currency(
        _major(amount_minor, currency),
        currency,
        format=pattern,
        locale=_locale(language, currency, country),
    )
    text = re.sub(r"\s", " ", text)
    return f"{text} {currency}" if re.fullmatch(r"-?\$ ?[0-9].*", text) else text


def _major(amount_minor: int, currency: str) -> Decimal:
    """Return an amount in whole units, exactly, with as many decimals as the currency has."""
    sign, digits, _ = Decimal(amount_minor).as_tuple()
    return Decimal((sign, digits, -get_currency_precision(currency)))


@cache
def _locale(language: str, currency: str, country: str) -> Locale:
    """Return the locale in which an amount is written."""
    # English and Portuguese have one format each. Spanish differs by country: the first two letters of an
    # ISO 4217 code name it; those of a union's currency (EUR, XOF) do not, and the plain language is right.
    if language in {"en", "pt"}:
        return Locale(language)
    home = country if currency in get_territory_currencies(country) else currency[:2]
    try:
        return Locale(language, home)
    except UnknownLocaleError:
        return Locale(language)


def less_percent(amount_minor: int, percent: int) -> int:
    """Return an amount less a percentage, rounded half up to the minor unit."""
    return (amount_minor * (100 - percent) + 50) // 100


def instalment_parts(amount_minor: int, count: int) -> tuple[int, ...]:
    """Split an amount into parts that add up to it: all equal, rounded half up, and the last makes it exact.

    Raises:
        ValueError: the amount is too small to be split so.
    """
    part = (2 * amount_minor + count) // (2 * count)
    last = amount_minor - part * (count - 1)
    if part < 1 or last < 1:
        raise ValueError(f"{amount_minor} minor units cannot be split into {count} parts")
    return (*[part] * (count - 1), last)


# --- what is published --------------------------------------------------------------------------------------


def is_valid(price: Price, today: date) -> bool:
    """Say whether a price holds on a day (of the tenant's time zone), both ends included."""
    return (price.valid_from or date.min) <= today <= (price.valid_to or date.max)


def valid_prices(item: CatalogueItem, today: date, currency: str | None = None) -> tuple[Price, ...]:
    """Return the prices of an item that hold today, in all currencies or one."""
    return tuple(p for p in item.prices if is_valid(p, today) and currency in {None, p.currency})


def valid_price(item: CatalogueItem, currency: str, unit: str | None, today: date) -> Price | None:
    """Return the price that holds today; None if there is none, or several units are and none is named."""
    found = [p for p in valid_prices(item, today, currency) if unit in {None, p.unit}]
    return found[0] if len({p.unit for p in found}) == 1 else None


def valid_discounts(item: CatalogueItem, today: date) -> tuple[Discount, ...]:
    """Return the discounts of an item that have not expired."""
    return tuple(d for d in item.discounts if today <= (d.valid_to or date.max))


def country_of(address: str) -> str | None:
    """Return the country (ISO 3166) of a phone number or WhatsApp user id, None for anything else."""
    if user := _WHATSAPP_USER.fullmatch(address):
        return user[1]
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region and region.isalpha() and region != "ZZ" else None


def choose_currency(tenant: Tenant, contact_address: str) -> str:
    """Return the currency to quote in: that of the prospect's country if any item has it, else ours."""
    country = country_of(contact_address)
    published = {price.currency for item in tenant.catalogue for price in item.prices}
    local = get_territory_currencies(country) if country else []
    return next((currency for currency in local if currency in published), tenant.currency)


def item_currency(item: CatalogueItem, tenant: Tenant, preferred: str, today: date) -> str:
    """Return `preferred` if the item has a price in it today, else the tenant's currency."""
    return preferred if valid_prices(item, today, preferred) else tenant.currency


# --- references ---------------------------------------------------------------------------------------------


def find_references(text: str) -> tuple[PriceReference, ...]:
    """Return the references of a draft in order.

    Raises:
        PriceReferenceError: one is malformed, or a brace is left over.
    """
    found = tuple(_parse(match[0], match[1]) for match in _REFERENCE.finditer(text))
    rest = _REFERENCE.sub("", text)
    if brace := re.search(r"[{}]", rest):
        start = max(0, brace.start() - 10)
        raise PriceReferenceError(rest[start : start + 30], "a brace without its pair; write {price:SKU}.")
    return found


def render(text: str, tenant: Tenant, *, language: str, currency: str, today: date) -> str:
    """Replace every reference of a draft by its amount.

    `currency` is the conversation's (see `choose_currency`), `today` the date in the tenant's time zone.

    Raises:
        PriceReferenceError: a reference is malformed, or names what is not published or not valid today.
    """
    amounts = [_amount(each, tenant, language, currency, today) for each in find_references(text)]
    remaining = iter(amounts)
    return _REFERENCE.sub(lambda _: next(remaining), text)


def _parse(raw: str, inside: str) -> PriceReference:
    """Read one reference."""
    kind, *parts = (part.strip() for part in inside.split(":"))
    if kind not in KINDS:
        raise PriceReferenceError(raw, f"unknown kind; there are {', '.join(KINDS)}.")
    required = 1 if kind == "price" else 2
    if not required <= len(parts) <= required + 2 or not all(parts):
        example = "{price:SKU}" if kind == "price" else f"{{{kind}:SKU:…}}"
        raise PriceReferenceError(raw, f"expected {example}, then optionally :CURRENCY and :UNIT.")
    sku, argument = parts[0], parts[1] if required == 2 else ""
    currency, unit = [*parts[required:], None, None][:2]
    return PriceReference(raw=raw, kind=kind, sku=sku, argument=argument, currency=currency, unit=unit)


def _amount(reference: PriceReference, tenant: Tenant, language: str, preferred: str, today: date) -> str:
    """Return the text a reference stands for."""
    item = next((each for each in tenant.catalogue if each.sku == reference.sku), None)
    if item is None:
        skus = ", ".join(each.sku for each in tenant.catalogue[:30]) or "none"
        raise PriceReferenceError(reference.raw, f"no such item; there are {skus}.")
    price = _price(reference, item, tenant, preferred, today)

    def money(amount_minor: int) -> str:
        return format_money(amount_minor, price.currency, language, tenant.country)

    match reference.kind:
        case "total":
            return money(price.amount_minor * _count(reference, 1, MAX_UNITS))
        case "instalments":
            parts = _instalments(reference, item, price, tenant, today)
            if parts[0] == parts[-1]:
                return f"{len(parts)} x {money(parts[0])}"
            return f"{len(parts) - 1} x {money(parts[0])} + 1 x {money(parts[-1])}"
        case "discounted":
            return money(_discounted(reference, item, price, tenant, today))
        case _:
            return money(price.amount_minor)


def _price(reference: PriceReference, item: CatalogueItem, tenant: Tenant, preferred: str, today: date) -> Price:
    """Return the price a reference points at."""
    currency = reference.currency or item_currency(item, tenant, preferred, today)
    price = valid_price(item, currency, reference.unit, today)
    if price is None:
        published = ", ".join(f"{p.currency}:{p.unit}" for p in valid_prices(item, today)) or "nothing"
        several = len(valid_prices(item, today, currency)) > 1 and reference.unit is None
        reason = f"{currency} has several units, name one" if several else "no such price today"
        raise PriceReferenceError(reference.raw, f"{reason}; {item.sku} has {published}.")
    return price


def _count(reference: PriceReference, least: int, most: int) -> int:
    """Read the N of a reference."""
    digits = reference.argument
    if not (re.fullmatch(r"[0-9]{1,6}", digits) and least <= int(digits) <= most):
        raise PriceReferenceError(reference.raw, f"expected a whole number from {least} to {most}.")
    return int(digits)


def _instalments(
    reference: PriceReference, item: CatalogueItem, price: Price, tenant: Tenant, today: date
) -> tuple[int, ...]:
    """Return the parts of a price that the tenant lets people pay without interest."""
    terms = item.instalments
    if terms is None or not terms.interest_free:
        raise PriceReferenceError(reference.raw, f"{item.sku} has no interest-free instalments to quote.")
    count = _count(reference, 2, terms.max)
    # The least amount is published in the tenant's currency; without a rate, the item's own price in that
    # currency is the only honest thing to compare with.
    basis = valid_price(item, tenant.currency, price.unit, today)
    if terms.min_amount_minor and (basis is None or basis.amount_minor < terms.min_amount_minor):
        least = format_money(terms.min_amount_minor, tenant.currency, "en", tenant.country)
        raise PriceReferenceError(reference.raw, f"only amounts of at least {least} can be split.")
    try:
        return instalment_parts(price.amount_minor, count)
    except ValueError as exc:
        raise PriceReferenceError(reference.raw, f"{exc}.") from exc


def _discounted(reference: PriceReference, item: CatalogueItem, price: Price, tenant: Tenant, today: date) -> int:
    """Return a price less the discount that a reference names, in minor units."""
    named = {str(place): discount for place, discount in enumerate(item.discounts, start=1)}
    named |= {discount.code: discount for discount in item.discounts if discount.code}
    valid = valid_discounts(item, today)
    discount = named.get(reference.argument)
    if discount is None or discount not in valid:
        names = ", ".join(name for name, each in named.items() if each in valid) or "none"
        raise PriceReferenceError(reference.raw, f"no such discount today; {item.sku} has {names}.")
    if discount.percent is not None:
        return less_percent(price.amount_minor, discount.percent)
    amount = discount.amount_minor or 0
    if price.currency != tenant.currency or amount > price.amount_minor:
        raise PriceReferenceError(
            reference.raw, f"this discount is an amount in {tenant.currency}; name {tenant.currency}."
        )
    return price.amount_minor - amount
