"""The tenant file: what is accepted, what is refused and how, round trips, differences, the shipped tenants."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Misconfigured
from agent.tenant.diff import diff
from agent.tenant.file import (
    ChannelAccount,
    TenantFile,
    dump_tenant_file,
    from_document,
    load_tenant_file,
    parse_tenant_file,
    tenant_id,
    to_document,
)
from agent.tenant.yaml import MAX_BYTES, read_yaml
from agent.types import Budget, OpeningHours, Price, usual_budgets
from tests.factories import make_tenant

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "agent" / "example_tenants").glob("*.yaml"))

MINIMAL = """\
slug: school
name: School
country: ES
timezone: Europe/Madrid
languages: [es, en]
default_language: es
currency: EUR
voice: Brief.
disclosure: {es: Soy un asistente., en: I am an assistant.}
help: {es: Ayuda., en: Help.}
"""

FULL: dict[str, Any] = {
    **yaml.safe_load(MINIMAL),
    "channels": [{"channel": "whatsapp", "address": "+34910555012", "provider": "twilio"}],
    "hours": [{"days": "mon-fri", "from": "09:00", "to": "20:00"}],
    "settings": {"reply_grace_minutes": 30},
    "catalogue": [
        {
            "sku": "EN-INT",
            "name": {"es": "Inglés"},
            "description": {"es": "Un curso."},
            "prices": [
                {"amount": "399.00", "currency": "EUR", "unit": "course", "valid_to": "2026-12-31"},
                {"amount": "429.00", "currency": "EUR", "unit": "course", "valid_from": "2027-01-01"},
                {"amount": 2390, "currency": "BRL", "unit": "course"},
            ],
            "instalments": {"max": 6, "interest_free": True, "min_amount": "100"},
            "discounts": [{"code": "EARLY10", "percent": 10, "condition": {"es": "pago completo"}}],
        }
    ],
    "policies": {"trial": {"text": {"es": "Clase gratis."}}, "visa": None},
    "facts": [{"id": "size", "text": {"es": "Ocho alumnos."}, "questions": ["¿Cuántos son?"]}],
}


def full(change: Callable[[dict[str, Any]], object] = lambda _: None) -> str:
    """Return the text of a complete file after one change."""
    data = deepcopy(FULL)
    change(data)
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def setter(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets the value at a dotted path."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]

    def change(data: Any) -> None:
        for part in parents:
            data = data[part]
        if isinstance(data, list) and last == len(data):
            data.append(value)
        else:
            data[last] = value

    return change


def test_minimal_file_has_the_defaults() -> None:
    tenant = parse_tenant_file(MINIMAL).tenant
    assert (tenant.slug, tenant.country, tenant.languages) == ("school", "ES", ("es", "en"))
    assert tenant.policy.send_hours == ()
    assert tenant.policy.human_intents == {"complaint", "human_request"}
    assert tenant.id == tenant_id("school")


def test_full_file_becomes_core_types() -> None:
    file = parse_tenant_file(full())
    item = file.tenant.catalogue[0]
    assert item.prices == (
        Price(amount_minor=39900, currency="EUR", unit="course", valid_to=date(2026, 12, 31)),
        Price(amount_minor=42900, currency="EUR", unit="course", valid_from=date(2027, 1, 1)),
        Price(amount_minor=239000, currency="BRL", unit="course"),
    )
    assert item.instalments is not None
    assert item.instalments.min_amount_minor == 10000
    assert file.channels == (ChannelAccount(channel="whatsapp", address="+34910555012", provider="twilio"),)
    assert file.tenant.policy.send_hours[0] == OpeningHours(weekday=0, start=time(9), end=time(20))
    assert [(p.kind, p.id) for p in file.tenant.passages] == [("policy", "trial"), ("fact", "size")]


def test_yaml_traps_stay_text() -> None:
    text = MINIMAL.replace("country: ES", "country: NO").replace("currency: EUR", "currency: NOK")
    text += "hours: [{days: sat, from: 10:00, to: 20:00}]\n"
    tenant = parse_tenant_file(text).tenant
    assert tenant.country == "NO"
    assert tenant.policy.send_hours == (OpeningHours(weekday=5, start=time(10), end=time(20)),)


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [("mon-fri", [0, 1, 2, 3, 4]), ("sat", [5]), ("mon, wed-thu,sun", [0, 2, 3, 6])],
)
def test_days_are_expanded(days: str, weekdays: list[int]) -> None:
    tenant = parse_tenant_file(full(setter("hours.0.days", days))).tenant
    assert [opening.weekday for opening in tenant.policy.send_hours] == weekdays


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        pytest.param("country", "XX", "country: expected a two-letter ISO 3166", id="country"),
        pytest.param("timezone", "Europe/Madird", "timezone: expected an IANA time zone", id="zone"),
        pytest.param("currency", "ESP", "currency: expected an ISO 4217", id="currency of the past"),
        pytest.param("slug", "My School", "slug: String should match", id="slug"),
        pytest.param("default_language", "pt", "default_language: expected one of", id="default language"),
        pytest.param("languages", ["es", "en", "es"], "languages[2]: es is given twice", id="language twice"),
        pytest.param("languages", ["es", "xx"], "languages[1]: expected a two-letter ISO 639", id="language"),
        pytest.param("disclosure", {"es": "Soy IA."}, "disclosure: the text in en is missing", id="disclosure"),
        pytest.param("help.pt", "Ajuda", "help.pt: expected one of `languages`", id="text in another language"),
        pytest.param("holding", {"pt": "Já volto."}, "holding.pt: expected one of", id="holding line"),
        pytest.param("settings.max_model_wait_minutes", 1, "greater than or equal to 5", id="wait for a model"),
        pytest.param("voice", " ", "voice: String should have at least 1", id="empty text"),
        pytest.param("voice", "a\x00b", "voice: the text holds an invisible control", id="control character"),
        pytest.param("links", ["https://x.example/"], "links[0]: String should match", id="link with a path"),
        pytest.param("curency", "EUR", "curency: unknown key; did you mean `currency`?", id="unknown key"),
        pytest.param("channels.0.adress", "x", "did you mean `address`?", id="unknown key of a channel"),
        pytest.param("catalogue.0.installments", {}, "did you mean `instalments`?", id="other spelling"),
        pytest.param("catalogue.0.prices.0.vat", 1, "expected one of valid_from", id="unknown key, no idea"),
        pytest.param("policies.trial.txt", "x", "did you mean `text`?", id="unknown key of a policy"),
        pytest.param("channels.0.address", "910 555 012", "expected a phone number in E.164", id="phone"),
        pytest.param("channels.0.address", 34910555012, "expected text; put it in quotes", id="unquoted phone"),
        pytest.param("channels.0.provider", "email", "does not carry whatsapp", id="provider"),
        pytest.param(
            "catalogue.0.file", "http://school.example/a.pdf", "file: String should match", id="file in clear"
        ),
        pytest.param("catalogue.0.file", "https://evil.example/a.pdf", "a domain under `links`", id="file elsewhere"),
        pytest.param("channels.0.segment_usd", "0.01", "only SMS is billed by parts", id="price of no SMS"),
        pytest.param(
            "channels.1",
            {"channel": "sms", "address": "+34910555012", "provider": "twilio", "segment_usd": "1,5"},
            "channels[1]: expected dollars such as",
            id="price of an SMS",
        ),
        pytest.param("channels.0.messages_per_second", 0, "greater than 0", id="rate"),
        pytest.param("channels.0.channel", "fax", "channels[0].channel: Input should be", id="channel"),
        pytest.param(
            "channels.1",
            {"channel": "email", "address": "Hola", "provider": "email"},
            "channels[1]: expected an e-mail address",
            id="e-mail",
        ),
        pytest.param("channels.1", FULL["channels"][0], "channels[1]: whatsapp +34910555012 is", id="same"),
        pytest.param("hours.0.to", "08:00", "hours[0]: `from` must be before `to`", id="backwards hours"),
        pytest.param("hours.0.days", "fri-mon", 'write "fri-sun,mon-mon"', id="backwards days"),
        pytest.param("hours.0.days", "lunes", "hours[0].days: expected days such as", id="days"),
        pytest.param(
            "hours.1",
            {"days": "fri", "from": "19:59", "to": "22:00"},
            "hours[1]: overlaps hours given above",
            id="overlapping hours",
        ),
        pytest.param("settings.max_wait_s", 1, "`max_wait_s` must not be below `quiet_s`", id="waits"),
        pytest.param("settings.max_per_week", 39, "`max_per_week` must not be below `max_per_day`", id="limits"),
        pytest.param("settings.max_unanswered", 6, "settings.max_unanswered: Input should be", id="pushy"),
        pytest.param("settings.human_intents", ["anger"], "settings.human_intents[0]: Input", id="intent"),
        pytest.param("settings.min_confidence", 2, "settings.min_confidence: Input should be", id="share"),
        pytest.param("catalogue.0.name", {"en": "English"}, "name: the text in es is missing", id="default"),
        pytest.param("catalogue.0.sku", "EN:INT", "catalogue[0].sku: String should match", id="sku"),
        pytest.param("catalogue.1", FULL["catalogue"][0], "catalogue[1]: EN-INT is given twice", id="sku twice"),
        pytest.param("catalogue.0.description.es", "{price:A}", "braces are reserved", id="braces"),
        pytest.param("catalogue.0.prices.0.amount", 399.0, 'quote the amount, as in "399.00"', id="float"),
        pytest.param("catalogue.0.prices.0.amount", True, "quote the amount", id="boolean amount"),
        pytest.param("catalogue.0.prices.0.amount", "1.299", "EUR has 2 decimals", id="thousands point"),
        pytest.param("catalogue.0.prices.0.amount", "1,299.00", "no separators", id="thousands comma"),
        pytest.param("catalogue.0.prices.0.amount", "-1", "expected an amount such as", id="negative"),
        pytest.param("catalogue.0.prices.0.unit", "week", "prices[0].unit: Input should be", id="unit"),
        pytest.param("catalogue.0.prices.0.valid_to", "31/12/2026", "prices[0].valid_to: Input", id="date"),
        pytest.param(
            "catalogue.0.prices.1.valid_from", "2026-12-31", "prices[1]: overlaps another price", id="overlap"
        ),
        pytest.param("catalogue.0.prices.0.valid_from", "2027-01-01", "`valid_from` is after", id="period backwards"),
        pytest.param("catalogue.0.instalments.max", 1, "instalments.max: Input should be", id="instalments"),
        pytest.param("catalogue.0.instalments.min_amount", "9.999", "EUR has 2 decimals", id="least amount"),
        pytest.param("catalogue.0.discounts.0.amount", "5", "exactly one of `percent`", id="both kinds"),
        pytest.param("catalogue.0.discounts.0.percent", None, "exactly one of `percent`", id="no kind"),
        pytest.param("catalogue.0.discounts.0.percent", 101, "percent: Input should be", id="over 100 %"),
        pytest.param("catalogue.0.discounts.0.code", "10", "digits only", id="code of digits"),
        pytest.param(
            "catalogue.0.discounts.1", FULL["catalogue"][0]["discounts"][0], "EARLY10 is given twice", id="code"
        ),
        pytest.param("facts.1", FULL["facts"][0], "facts[1]: size is given twice", id="fact twice"),
        pytest.param("facts", "none", "facts: Input should be a valid tuple", id="not a list"),
        pytest.param("disclosure", "Hola", "disclosure: expected entries of the form", id="not a mapping"),
    ],
)
def test_wrong_value_is_refused_by_place_and_expectation(path: str, value: Any, says: str) -> None:
    with pytest.raises(Misconfigured) as error:
        parse_tenant_file(full(setter(path, value)))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "expected entries of the form `key: value`", id="empty"),
        pytest.param("just text", "expected entries of the form", id="no mapping"),
        pytest.param(MINIMAL + "name: Other\n", "line 11, name: this key is already given", id="repeated key"),
        pytest.param("a: &x [1]\nb: *x\n", "anchors", id="anchor"),
        pytest.param("a: *x\n", "aliases", id="alias"),
        pytest.param("a: !!python/object:os.system {}\n", "tags", id="tag"),
        pytest.param("[" * 100_000, "nested deeper than 12", id="deep"),
        pytest.param("? [a]\n: b\n", "a key must be plain text", id="complex key"),
        pytest.param("a: 1\n---\nb: 1\n", "a second document", id="two documents"),
        pytest.param("a: [1\nb: 2\n", "line 2: not valid YAML", id="syntax"),
        pytest.param("a: \x07\n", "not valid YAML", id="control character"),
        pytest.param("a" * (MAX_BYTES + 1), "larger than 1,000,000 bytes", id="too large"),
    ],
)
def test_unreadable_yaml_is_refused(text: str, says: str) -> None:
    with pytest.raises(Misconfigured, match="tenant file has") as error:
        parse_tenant_file(text)
    assert says in str(error.value)


def test_all_problems_are_listed_with_name_and_line_in_order() -> None:
    text = MINIMAL.replace("country: ES", "country: XX").replace("currency: EUR", "currency: euro")
    with pytest.raises(Misconfigured) as error:
        parse_tenant_file(f"{text}name: Twice\n", "school.yaml")
    assert error.value.problem.splitlines() == [
        "school.yaml has 3 problems:",
        "  line 3, country: expected a two-letter ISO 3166 country such as ES or MX (got 'XX')",
        "  line 7, currency: expected an ISO 4217 currency in use, such as EUR or MXN (got 'euro')",
        "  line 11, name: this key is already given above",
    ]


def test_offending_value_is_bounded() -> None:
    with pytest.raises(Misconfigured) as error:
        parse_tenant_file(full(setter("timezone", "x" * 5000)))
    assert len(error.value.problem) < 300


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"Cannot read none\.yaml"):
        load_tenant_file(tmp_path / "none.yaml")


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("name: Inglés".encode("latin-1"))
    with pytest.raises(Misconfigured, match="UTF-8"):
        load_tenant_file(file)


# Without the line breaks that YAML 1.1 knows beyond "\n": a tenant file may not hold control characters anyway.
CHARACTERS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
TEXTS = st.text(CHARACTERS, min_size=1, max_size=40).map(str.strip).filter(bool)


@given(st.recursive(TEXTS | st.integers(0, 10**6) | st.booleans() | st.none(), st.lists, max_leaves=8))
def test_whatever_yaml_is_written_reads_back(value: Any) -> None:
    document = read_yaml(yaml.safe_dump({"value": value}, allow_unicode=True))
    if not document.problems:  # an alias for a repeated list, or nested too deep: refused, not misread
        assert document.data == {"value": value}
    else:
        assert document.problems[0].line


@given(st.text(max_size=200) | st.text(alphabet="{}[]:-,&*!|> \n\"'ab1", max_size=60))
def test_any_text_is_read_or_refused_without_a_crash(text: str) -> None:
    document = read_yaml(text)
    assert document.problems or document.data is None or document.lines


PUBLISHABLE = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="{}"), min_size=1, max_size=60
).filter(str.strip)


@given(PUBLISHABLE, PUBLISHABLE)
def test_any_publishable_text_survives_the_round_trip(name: str, question: str) -> None:
    fact = {**FULL["facts"][0], "questions": [question]}
    file = from_document({**FULL, "name": name, "facts": [fact]})
    assert file.tenant.name == name.strip()
    assert parse_tenant_file(dump_tenant_file(file)) == file


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_tenant_round_trips_through_text_and_document(path: Path) -> None:
    file = load_tenant_file(path)
    assert parse_tenant_file(dump_tenant_file(file)) == file
    assert from_document(json.loads(json.dumps(to_document(file)))) == file
    assert diff(file, parse_tenant_file(dump_tenant_file(file))) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_tenant_says_everything_in_each_of_its_languages(path: Path) -> None:
    tenant = load_tenant_file(path).tenant
    texts = [item.name for item in tenant.catalogue] + [item.description for item in tenant.catalogue]
    texts += [discount.condition for item in tenant.catalogue for discount in item.discounts]
    texts += [passage.text for passage in tenant.passages]
    assert [text for text in texts if set(text) != set(tenant.languages)] == []
    assert [passage.id for passage in tenant.passages if not passage.questions] == []


def test_two_tenants_of_different_trades_and_countries_ship() -> None:
    files = [load_tenant_file(path) for path in SHIPPED]
    assert {file.tenant.country for file in files} == {"ES", "MX"}
    addresses = [(account.channel, account.address) for file in files for account in file.channels]
    assert len(addresses) == len(set(addresses)) == 6


def test_rate_and_price_of_a_number_are_read_and_written_back() -> None:
    def add(data: dict[str, Any]) -> None:
        number = {"channel": "sms", "address": "+34910555012", "provider": "twilio"}
        data["channels"].append({**number, "messages_per_second": 10, "segment_usd": "0.0790"})

    file = parse_tenant_file(full(add))
    assert (file.channels[1].messages_per_second, file.channels[1].segment_microusd) == (10, 79000)
    assert parse_tenant_file(dump_tenant_file(file)) == file


def test_same_slug_is_the_same_tenant_everywhere() -> None:
    assert str(tenant_id("lumen")) == "ddbd1c99-2c56-5a2e-a722-07bb87968b1a"
    assert tenant_id("lumen") != tenant_id("verdesolar")


def test_diff_reads_like_a_sentence_per_change() -> None:
    def change(data: dict[str, Any]) -> None:
        item = data["catalogue"][0]
        item["prices"][2]["amount"] = "2490.00"
        item["prices"][0]["valid_to"] = "2026-12-30"
        item["prices"].append({"amount": "7990", "currency": "MXN", "unit": "course"})
        item["discounts"] = []
        data["links"] = ["school.example"]
        data["facts"][0]["text"]["es"] = "Seis alumnos."
        data["channels"][0]["provider"] = "simulator"
        data["hours"][0]["to"] = "21:00"

    changes = [str(each) for each in diff(parse_tenant_file(full()), parse_tenant_file(full(change)))]
    assert changes == [
        "+ links: school.example",
        "channels[whatsapp +34910555012]: twilio → simulator",
        "hours[mon-fri from 09:00]: to 20:00 → to 21:00",
        "catalogue.EN-INT.prices[EUR/course].valid_to: 2026-12-31 → 2026-12-30",
        "catalogue.EN-INT.prices[BRL/course]: 2390.00 → 2490.00",
        "+ catalogue.EN-INT.prices[MXN/course]: 7990.00",
        "facts.size.text.es: Ocho alumnos. → Seis alumnos.",
        "- catalogue.EN-INT.discounts[EARLY10].condition.es: pago completo",
        "- catalogue.EN-INT.discounts[EARLY10].percent: 10",
        "- catalogue.EN-INT.discounts[EARLY10].code: EARLY10",
    ]


def test_diff_of_a_new_tenant_adds_everything() -> None:
    changes = diff(None, parse_tenant_file(full()))
    assert {change.old for change in changes} == {None}
    assert "+ catalogue.EN-INT.prices[EUR/course from 2027-01-01]: 429.00" in [str(each) for each in changes]


def test_reordering_is_no_change() -> None:
    def reverse(data: dict[str, Any]) -> None:
        data["catalogue"][0]["prices"].reverse()

    assert diff(parse_tenant_file(full()), parse_tenant_file(full(reverse))) == []


def test_tenant_built_in_code_can_be_written_and_read() -> None:
    tenant = make_tenant()
    tenant = replace(tenant, id=tenant_id(tenant.slug))
    assert parse_tenant_file(dump_tenant_file(TenantFile(tenant=tenant))).tenant == tenant


def test_budgets_left_out_are_the_usual_and_a_null_one_has_no_limit() -> None:
    stated = {"message": {"soft": "0", "hard": "0.000001"}, "tenant_month": None, "tenant_day": {"soft": 5, "hard": 9}}
    file = parse_tenant_file(full(setter("settings.budgets", stated)))
    budgets = file.tenant.policy.budgets
    assert budgets == {
        "message": Budget(soft_microusd=0, hard_microusd=1),
        "contact_day": usual_budgets()["contact_day"],
        "tenant_day": Budget(soft_microusd=5_000_000, hard_microusd=9_000_000),
    }
    assert parse_tenant_file(dump_tenant_file(file)) == file


def test_the_demo_tenant_states_the_usual_budgets() -> None:
    lumen = next(path for path in SHIPPED if path.stem == "lumen")
    assert load_tenant_file(lumen).tenant.policy.budgets == usual_budgets()


@pytest.mark.parametrize(
    ("budgets", "says"),
    [
        pytest.param({"message": {"soft": 0.05, "hard": "1"}}, "quote the amount", id="unquoted"),
        pytest.param({"message": {"soft": "0.0000001", "hard": "1"}}, "six decimals at most", id="too fine"),
        pytest.param({"message": {"soft": "1,5", "hard": "2"}}, "expected dollars such as", id="comma"),
        pytest.param({"message": {"soft": "-1", "hard": "2"}}, "expected dollars such as", id="negative"),
        pytest.param({"message": {"soft": "2", "hard": "1"}}, "`soft` must not be above `hard`", id="order"),
        pytest.param({"message": {"soft": "1"}}, "settings.budgets.message.hard: is required", id="half"),
        pytest.param({"message": {"soft": "1", "hart": "2"}}, "did you mean `hard`", id="unknown key"),
        pytest.param({"tenant_year": {"soft": "1", "hard": "2"}}, "settings.budgets.tenant_year", id="unknown scope"),
    ],
)
def test_bad_budget_is_explained(budgets: Any, says: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(says)):
        parse_tenant_file(full(setter("settings.budgets", budgets)))
