"""Prices (P5): references, amounts, locales and currencies."""

from dataclasses import replace
from datetime import date

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from agent.prices import (
    PriceReferenceError,
    choose_currency,
    country_of,
    find_references,
    format_money,
    instalment_parts,
    item_currency,
    less_percent,
    render,
    to_amount,
    to_minor,
    valid_price,
)
from agent.types import CatalogueItem, Discount, Instalments, Price, Tenant
from tests.factories import make_item, make_tenant

TODAY = date(2026, 11, 21)

LESSON = make_item(
    "PRIV",
    prices=(
        Price(amount_minor=2850, currency="EUR", unit="session"),
        Price(amount_minor=10000, currency="EUR", unit="month"),
        Price(amount_minor=54900, currency="MXN", unit="session"),
    ),
    instalments=Instalments(max=12, interest_free=False),
    discounts=(),
)
EXAM = make_item(
    "DELE-B2",
    prices=(
        Price(amount_minor=48000, currency="EUR", unit="course", valid_to=date(2026, 11, 20)),
        Price(
            amount_minor=54000,
            currency="EUR",
            unit="course",
            valid_from=date(2026, 11, 21),
            valid_to=date(2026, 11, 21),
        ),
        Price(amount_minor=59000, currency="EUR", unit="course", valid_from=date(2026, 11, 22)),
        Price(amount_minor=59500, currency="USD", unit="course"),
        Price(amount_minor=799000, currency="MXN", unit="course", valid_to=date(2026, 1, 1)),
    ),
    instalments=Instalments(max=12, interest_free=True, min_amount_minor=50000),
    discounts=(
        Discount(condition={"es": "x"}, percent=15, code="VERANO", valid_to=date(2026, 8, 31)),
        Discount(condition={"es": "y"}, amount_minor=4000),
        Discount(condition={"es": "z"}, percent=100, code="BECA"),
        Discount(condition={"es": "w"}, amount_minor=99_999_999, code="ALL"),
    ),
)


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant(catalogue=(make_item(), LESSON, EXAM))


def rendered(text: str, tenant: Tenant, language: str = "es", currency: str = "EUR") -> str:
    return render(text, tenant, language=language, currency=currency, today=TODAY)


@pytest.mark.parametrize(
    ("text", "language", "currency", "expected"),
    [
        pytest.param("Cuesta {price:EN-INT}.", "es", "EUR", "Cuesta 399,00 €.", id="price"),
        pytest.param("Custa {price:EN-INT}.", "pt", "BRL", "Custa R$ 2.390,00.", id="in the prospect's"),
        pytest.param("{price:EN-INT:BRL}", "pt", "EUR", "R$ 2.390,00", id="named currency"),
        pytest.param("{price:EN-INT:BRL:course}", "pt", "EUR", "R$ 2.390,00", id="named unit"),
        pytest.param("{ price : EN-INT }", "en", "EUR", "€399.00", id="spaces are forgiven"),
        pytest.param("{price:EN-INT}", "es", "MXN", "399,00 €", id="falls back to the tenant's currency"),
        pytest.param("{price:DELE-B2}", "es", "MXN", "540,00 €", id="falls back when expired in that currency"),
        pytest.param("{price:PRIV}", "es", "MXN", "$549.00 MXN", id="one unit in that currency"),
        pytest.param("{price:PRIV:EUR:month}", "es", "MXN", "100,00 €", id="unit tells prices apart"),
        pytest.param("{price:DELE-B2}", "es", "EUR", "540,00 €", id="the period that holds today, both ends in"),
        pytest.param("{total:EN-INT:3}", "es", "EUR", "1.197,00 €", id="total"),
        pytest.param("{total:PRIV:10:EUR:session}", "es", "EUR", "285,00 €", id="total of a unit"),
        pytest.param("{instalments:EN-INT:6}", "es", "EUR", "6 x 66,50 €", id="equal parts"),
        pytest.param(
            "{instalments:EN-INT:6}",
            "pt",
            "BRL",
            "5 x R$ 398,33 + 1 x R$ 398,35",
            id="unequal parts add up",
        ),
        pytest.param("{instalments:DELE-B2:2}", "en", "USD", "2 x $297.50 USD", id="least amount met at home"),
        pytest.param("{discounted:EN-INT:EARLY10}", "es", "EUR", "359,10 €", id="discount by code"),
        pytest.param("{discounted:EN-INT:1:BRL}", "pt", "EUR", "R$ 2.151,00", id="discount by place"),
        pytest.param("{discounted:DELE-B2:2}", "es", "EUR", "500,00 €", id="discount as an amount"),
        pytest.param("{discounted:DELE-B2:BECA}", "es", "EUR", "0,00 €", id="waiver"),
        pytest.param("{price:EN-INT} y {price:DELE-B2}", "es", "EUR", "399,00 € y 540,00 €", id="two"),
        pytest.param("Sin precios.", "es", "EUR", "Sin precios.", id="none"),
    ],
)
def test_reference_is_rendered(tenant: Tenant, text: str, language: str, currency: str, expected: str) -> None:
    assert rendered(text, tenant, language, currency) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("{price:NOPE}", "no such item; there are EN-INT, PRIV, DELE-B2", id="unknown item"),
        pytest.param("{price:en-int}", "no such item", id="case matters"),
        pytest.param("{price:EN-INT:MXN}", "EN-INT has EUR:course, BRL:course", id="unpublished currency"),
        pytest.param("{price:EN-INT:EUR:month}", "no such price today", id="unpublished unit"),
        pytest.param("{price:DELE-B2:MXN}", "no such price today", id="expired price"),
        pytest.param("{price:PRIV}", "several units", id="ambiguous unit"),
        pytest.param("{price:}", "expected {price:SKU}", id="no item"),
        pytest.param("{price:EN-INT:EUR:course:x}", "expected {price:SKU}", id="too many parts"),
        pytest.param("{cost:EN-INT}", "unknown kind; there are price, total", id="unknown kind"),
        pytest.param("{}", "unknown kind", id="empty"),
        pytest.param("{total:EN-INT}", "expected {total:SKU:…}", id="total of nothing"),
        pytest.param("{total:EN-INT:0}", "from 1 to 9999", id="total of zero"),
        pytest.param("{total:EN-INT:1.5}", "from 1 to 9999", id="total of a fraction"),
        pytest.param("{total:EN-INT:10000}", "from 1 to 9999", id="total of too many"),
        pytest.param("{total:EN-INT:٣}", "from 1 to 9999", id="total in other digits"),
        pytest.param("{instalments:EN-INT:7}", "from 2 to 6", id="more parts than published"),
        pytest.param("{instalments:EN-INT:1}", "from 2 to 6", id="one part"),
        pytest.param("{instalments:PRIV:2:MXN}", "no interest-free", id="with interest"),
        pytest.param("{discounted:DELE-B2:VERANO}", "no such discount today; DELE-B2 has 2", id="expired code"),
        pytest.param("{discounted:DELE-B2:1}", "no such discount today", id="expired place"),
        pytest.param("{discounted:EN-INT:FREE}", "EN-INT has 1, EARLY10", id="unknown code"),
        pytest.param("{discounted:DELE-B2:2:USD}", "an amount in EUR", id="amount in another currency"),
        pytest.param("{discounted:DELE-B2:ALL}", "an amount in EUR", id="amount above the price"),
        pytest.param("{{price:EN-INT}}", "brace without its pair", id="doubled braces"),
        pytest.param("Son {price:EN-INT", "brace without its pair", id="open brace"),
        pytest.param("Son 3}", "brace without its pair", id="closing brace"),
    ],
)
def test_wrong_reference_is_refused_and_says_what_exists(tenant: Tenant, text: str, says: str) -> None:
    with pytest.raises(PriceReferenceError) as error:
        rendered(text, tenant)
    assert says in str(error.value)


def test_instalments_below_the_least_amount_are_refused(tenant: Tenant) -> None:
    cheap = replace(EXAM, prices=(Price(amount_minor=49999, currency="EUR", unit="course"),))
    with pytest.raises(PriceReferenceError, match=r"at least €500\.00"):
        rendered("{instalments:DELE-B2:2}", replace(tenant, catalogue=(cheap,)))


def test_references_are_found_in_order() -> None:
    found = find_references("{price:A} {total:B:2:EUR} {instalments:C:3} {discounted:D:CODE:USD:month}")
    assert [(r.kind, r.sku, r.argument, r.currency, r.unit) for r in found] == [
        ("price", "A", "", None, None),
        ("total", "B", "2", "EUR", None),
        ("instalments", "C", "3", None, None),
        ("discounted", "D", "CODE", "USD", "month"),
    ]


@pytest.mark.parametrize(
    ("amount_minor", "currency", "language", "country", "expected"),
    [
        (129990, "EUR", "es", "ES", "1.299,90 €"),
        (129990, "EUR", "es", "MX", "1.299,90 €"),
        (129990, "EUR", "pt", "ES", "1.299,90 €"),
        (129990, "EUR", "pt", "PT", "1.299,90 €"),
        (129990, "EUR", "en", "ES", "€1,299.90"),
        (129990, "BRL", "pt", "ES", "R$ 1.299,90"),
        (129990, "MXN", "es", "ES", "$1,299.90 MXN"),
        (129990, "MXN", "en", "MX", "MX$1,299.90"),
        (129990, "USD", "es", "MX", "$1,299.90 USD"),
        (129990, "USD", "es", "EC", "$1.299,90 USD"),
        (129990, "USD", "en", "ES", "$1,299.90 USD"),
        (129990, "USD", "pt", "BR", "US$ 1.299,90"),
        (129990, "ARS", "es", "AR", "$1.299,90 ARS"),
        (129990, "GBP", "en", "GB", "£1,299.90"),
        (1299, "CLP", "es", "CL", "$1.299 CLP"),
        (1299, "JPY", "en", "JP", "¥1,299"),
        (1299900, "KWD", "en", "KW", "KWD1,299.900"),
        (10490000, "MXN", "es", "MX", "$104,900.00 MXN"),
        (5, "EUR", "es", "ES", "0,05 €"),
        (0, "EUR", "es", "ES", "0,00 €"),
    ],
)
def test_money_is_written_as_in_its_market(
    amount_minor: int, currency: str, language: str, country: str, expected: str
) -> None:
    assert format_money(amount_minor, currency, language, country) == expected


AMOUNTS = st.integers(min_value=0, max_value=10**14 - 1)
CURRENCIES = st.sampled_from(["EUR", "BRL", "MXN", "USD", "CLP", "JPY", "KWD", "CLF"])


@given(AMOUNTS.filter(lambda amount: amount < 10**12), CURRENCIES)
def test_plain_amount_reads_back_exactly(amount_minor: int, currency: str) -> None:
    assert to_minor(to_amount(amount_minor, currency), currency) == amount_minor


@given(AMOUNTS, CURRENCIES, st.sampled_from([("es", "es_ES"), ("pt", "pt_BR"), ("en", "en_US")]))
def test_written_money_reads_back_exactly(amount_minor: int, currency: str, language: tuple[str, str]) -> None:
    text = format_money(amount_minor, currency, language[0], "ES")
    number = "".join(char for char in text if char.isdigit() or char in ".,").strip(".,")
    # Spanish follows the currency's country: MXN and USD have a point for decimals there.
    locale = "en_US" if language[0] == "es" and currency in {"MXN", "USD", "BRL"} else language[1]
    locale = "es_CL" if language[0] == "es" and currency in {"CLP", "CLF"} else locale
    assert parse_decimal(number, locale=locale) * 10 ** _decimals(currency) == amount_minor


def _decimals(currency: str) -> int:
    return {"CLP": 0, "JPY": 0, "KWD": 3, "CLF": 4}.get(currency, 2)


@pytest.mark.parametrize("amount", ["", "1,299.00", "1.299", "1e3", "-5", " 5", "5.", ".5", "5€", "٣", "9" * 13])
def test_amount_that_is_not_a_plain_decimal_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="decimals"):
        to_minor(amount, "EUR")


@given(st.integers(1, 10**12), st.integers(2, 120))
def test_instalments_add_up_and_all_but_the_last_are_equal(amount_minor: int, count: int) -> None:
    try:
        parts = instalment_parts(amount_minor, count)
    except ValueError:
        assert amount_minor < count * count
        return
    assert sum(parts) == amount_minor
    assert len(parts) == count
    assert len(set(parts[:-1])) == 1
    assert abs(parts[0] * count - amount_minor) * 2 <= count


@given(st.integers(0, 10**12), st.integers(0, 100))
def test_percentage_is_taken_to_the_nearest_minor_unit(amount_minor: int, percent: int) -> None:
    exact_times_100 = amount_minor * (100 - percent)
    assert abs(less_percent(amount_minor, percent) * 100 - exact_times_100) <= 50


@given(st.text(max_size=60) | st.text(alphabet="{}:price1 \n", max_size=40))
def test_any_text_renders_or_is_refused(text: str) -> None:
    tenant = make_tenant()
    try:
        result = rendered(text, tenant)
    except PriceReferenceError:
        assert "{" in text or "}" in text
    else:
        assert result == text


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("+34600000001", "ES"),
        ("+5511987654321", "BR"),
        ("+525555500134", "MX"),
        ("+12025550143", "US"),
        ("+447700900123", "GB"),
        ("BR.1502576394655843", "BR"),
        ("ana@example.com", None),
        ("+88312345678", None),
        ("", None),
        ("not a number", None),
    ],
)
def test_country_of_an_address(address: str, country: str | None) -> None:
    assert country_of(address) == country


@pytest.mark.parametrize(
    ("address", "currency"),
    [
        pytest.param("+5511987654321", "BRL", id="published"),
        pytest.param("+525555500134", "EUR", id="not published"),
        pytest.param("+34600000001", "EUR", id="the tenant's own"),
        pytest.param("ana@example.com", "EUR", id="no country"),
    ],
)
def test_currency_is_the_prospects_if_published(address: str, currency: str) -> None:
    assert choose_currency(make_tenant(), address) == currency


def test_item_without_a_price_in_the_chosen_currency_takes_the_tenants(tenant: Tenant) -> None:
    assert [item_currency(item, tenant, "USD", TODAY) for item in tenant.catalogue] == ["EUR", "EUR", "USD"]


@pytest.mark.parametrize(
    ("item", "currency", "unit", "amount_minor"),
    [
        pytest.param(EXAM, "EUR", "course", 54000, id="valid today"),
        pytest.param(EXAM, "EUR", None, 54000, id="only unit"),
        pytest.param(EXAM, "MXN", None, None, id="expired"),
        pytest.param(LESSON, "EUR", None, None, id="ambiguous"),
        pytest.param(LESSON, "EUR", "month", 10000, id="unit given"),
        pytest.param(LESSON, "BRL", None, None, id="not published"),
    ],
)
def test_valid_price(item: CatalogueItem, currency: str, unit: str | None, amount_minor: int | None) -> None:
    price = valid_price(item, currency, unit, TODAY)
    assert (price and price.amount_minor) == amount_minor
