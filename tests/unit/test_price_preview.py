"""What managers are shown of an item's prices is what prospects would read, and why something cannot be quoted."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from agent.price_preview import PreviewLine, preview_prices
from agent.tenant.file import load_tenant_file
from agent.types import Discount, Price

LUMEN = load_tenant_file(Path(__file__).parents[2] / "agent/example_tenants/lumen.yaml").tenant
INTENSIVE = next(each for each in LUMEN.catalogue if each.sku == "EN-INT")
TODAY = date(2026, 11, 17)


def lines_of(**changes: object) -> dict[str, PreviewLine]:
    item = replace(INTENSIVE, **changes)  # type: ignore[arg-type]  # fields of the item
    return {each.reference: each for each in preview_prices(item, LUMEN, TODAY)}


def test_a_price_reads_as_in_every_language() -> None:
    line = lines_of(prices=(Price(amount_minor=123_400, currency="EUR", unit="course"),))["{price:EN-INT:EUR:course}"]
    assert dict(line.texts)["es"].replace("\N{NO-BREAK SPACE}", " ") == "1.234,00 €"
    assert dict(line.texts)["en"] == "€1,234.00"


def test_what_cannot_be_quoted_says_why() -> None:
    far = Price(amount_minor=100, currency="EUR", unit="course", valid_from=date(2099, 1, 1))
    assert [(each.texts, "2099-01-01" in each.problem) for each in lines_of(prices=(far,)).values()] == [((), True)]
    own = Discount(condition={"es": "ya"}, amount_minor=10**9)
    price = Price(amount_minor=100, currency="EUR", unit="course")
    broken = lines_of(prices=(price,), discounts=(own,))["{discounted:EN-INT:1:EUR:course}"]
    assert (broken.texts, bool(broken.problem)) == ((), True)
