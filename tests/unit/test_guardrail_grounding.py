"""The rule `grounding`: drafts of invented businesses, what the facts bear out and what they do not."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.guardrails import grounding
from agent.types import Author, Candidate, CatalogueItem, Passage, Price, Tenant, Turn
from tests.factories import make_contact, make_conversation, make_message, make_tenant, make_turn
from tests.hostile import assert_linear
from tests.tables import each_row

TUESDAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
CASES: dict[str, dict[str, Any]] = {
    key: case
    for name in ("grounding_cases", "grounding_trades", "grounding_fresh", "grounding_figures", "grounding_named")
    for key, case in tomllib.loads((Path(__file__).parent / "data" / f"{name}.toml").read_text("utf-8")).items()
}
EXAMPLES = sorted((Path(grounding.__file__).parents[1] / "example_tenants").glob("*.yaml"))


def tenant_of(raw: dict[str, Any]) -> Tenant:
    language = raw["language"]
    prices = {
        sku: Price(amount_minor=minor, currency=cur, unit=unit) for sku, minor, cur, unit in raw.get("prices", ())
    }
    items = (
        CatalogueItem(
            sku=sku,
            name={"es": es, "pt": pt, "en": en},
            description={language: description},
            prices=(prices[sku],) if sku in prices else (),
        )
        for sku, es, pt, en, description in raw["items"]
    )
    texts = [*raw["facts"], *raw["policies"]]
    return make_tenant(
        name=raw["name"],
        country=raw["country"],
        timezone=raw["timezone"],
        default_language=language,
        disclosure={language: raw["disclosure"]},
        help_text={},
        catalogue=tuple(items),
        passages=tuple(Passage(id=str(n), kind="fact", text={language: text}) for n, text in enumerate(texts)),
    )


TENANTS = {key: tenant_of(raw) for key, raw in CASES.items()}


def rows(kind: str) -> list[Any]:
    lines = [(key, line) for key, raw in CASES.items() for line in raw.get(kind, "").strip().splitlines()]
    return [pytest.param(key, *line.split(" | ", 2), id=f"{key}: {line[:70]}") for key, line in lines]


def outcome(tenant: Tenant, language: str, inbound: str, draft: str) -> str:
    return grounding.check(reply(draft, language), turn_of(tenant, inbound), tenant, TUESDAY).outcome


def reply(text: str, language: str = "es") -> Candidate:
    return Candidate(text=text, language=language, channel="whatsapp")


def turn_of(tenant: Tenant, inbound: str = "Hola") -> Turn:
    earlier = make_message("…", direction="outbound", author="agent")
    return make_turn(inbound, tenant=tenant, history=(earlier,))


@each_row(("key", "language", "inbound", "draft"), rows("pass"))
def test_what_follows_from_the_facts_passes(key: str, language: str, inbound: str, draft: str) -> None:
    assert outcome(TENANTS[key], language, inbound, draft) == "pass"


@each_row(("key", "language", "inbound", "draft"), rows("violation"))
def test_what_the_facts_do_not_say_is_revised(key: str, language: str, inbound: str, draft: str) -> None:
    assert outcome(TENANTS[key], language, inbound, draft) == "revise"


@each_row(("key", "language", "inbound", "draft"), rows("undecided"))
def test_what_code_cannot_tell_goes_to_the_judge_or_is_known_to_be_missed(
    key: str, language: str, inbound: str, draft: str
) -> None:
    tenant = TENANTS[key]
    assert outcome(tenant, language, inbound, draft) == "pass"
    claims = grounding.claims_to_judge(reply(draft, language), turn_of(tenant, inbound), tenant)
    assert all(claim in draft for claim in claims)


def example_passages() -> Iterator[Any]:
    for path in EXAMPLES:
        raw = yaml.safe_load(path.read_text("utf-8"))
        entries = [*raw["facts"], *(entry for entry in raw["policies"].values() if entry)]
        for published in ("es", "pt", "en"):
            yield pytest.param(raw, [entry["text"] for entry in entries], published, id=f"{path.stem}-{published}")


@pytest.mark.parametrize(("raw", "texts", "published"), list(example_passages()))
def test_a_published_passage_passes_in_every_language_whatever_language_it_is_published_in(
    raw: dict[str, Any], texts: list[dict[str, str]], published: str
) -> None:
    tenant = make_tenant(
        name=raw["name"],
        country=raw["country"],
        timezone=raw["timezone"],
        default_language=published,
        disclosure={published: raw["disclosure"][published]},
        help_text={published: raw["help"][published]},
        catalogue=tuple(
            CatalogueItem(sku=item["sku"], name=item["name"], description={published: item["description"][published]})
            for item in raw["catalogue"]
        ),
        passages=tuple(Passage(id=str(n), kind="fact", text={published: t[published]}) for n, t in enumerate(texts)),
    )
    refused = [
        (language, text)
        for each in texts
        for language, text in each.items()
        if outcome(tenant, language, "Hola", text) != "pass"
    ]
    assert refused == []


def test_the_verdict_shows_what_it_is_about() -> None:
    text = "Abrimos de lunes a viernes. Los domingos abrimos de 10:00 a 14:00."
    tenant = TENANTS["dealer"]
    verdict = grounding.check(reply(text), turn_of(tenant), tenant, TUESDAY)
    assert verdict.evidence == "domingos"
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == "domingos"
    assert "day" in verdict.reason


@pytest.mark.parametrize("author", ["agent", "staff", "system"])
def test_whoever_wrote_it_is_read_alike(author: Author) -> None:
    tenant = TENANTS["dealer"]
    text = Candidate(text="Abrimos los domingos.", language="es", channel="whatsapp", author=author)
    assert grounding.check(text, turn_of(tenant), tenant, TUESDAY).outcome == "revise"


def test_what_we_said_before_counts_as_published() -> None:
    tenant = TENANTS["dealer"]
    draft = reply("Como le decía, este domingo abrimos de 10:00 a 14:00.")
    said = make_message("Este domingo abrimos de 10:00 a 14:00.", direction="outbound", author="staff", language="es")
    before = turn_of(tenant, "¿abren el domingo?")
    after = make_turn("¿abren el domingo?", tenant=tenant, history=(said,))
    assert grounding.check(draft, before, tenant, TUESDAY).outcome == "revise"
    assert grounding.check(draft, after, tenant, TUESDAY).outcome == "pass"


def test_the_contacts_name_is_no_invention() -> None:
    tenant = TENANTS["dealer"]
    draft = reply("Con gusto, señor Echeverri: la Quimera tiene 7 asientos.")
    conversation = make_conversation(contact=make_contact(name="Julián Echeverri"))
    known = make_turn("Hola", tenant=tenant, conversation=conversation)
    assert grounding.check(draft, turn_of(tenant), tenant, TUESDAY).outcome == "revise"
    assert grounding.check(draft, known, tenant, TUESDAY).outcome == "pass"


@pytest.mark.parametrize(
    ("language", "draft", "expected"),
    [
        ("en", "Support runs from 9:00 to 17:30 Irish time, which is 10:00 to 18:30 in Madrid.", "pass"),
        ("en", "Support runs from 9:00 to 17:30 Irish time, which is 11:00 to 19:30 in Madrid.", "revise"),
        ("es", "El soporte es de 9:00 a 17:30 en Irlanda, o sea de 3:00 a 11:30 en Ciudad de México.", "pass"),
        ("es", "El soporte es de 9:00 a 17:30 en Irlanda, o sea de 5:00 a 13:30 en Ciudad de México.", "revise"),
    ],
)
def test_hours_in_another_zone_pass_when_the_conversion_is_right(language: str, draft: str, expected: str) -> None:
    assert outcome(TENANTS["software"], language, "hours?", draft) == expected


@pytest.mark.parametrize(
    "draft",
    [
        "¿Le gustaría venir el domingo?",
        "No sé si abrimos el domingo; lo confirmo con el equipo.",
        "Si prefiere el domingo, lo consulto.",
        "El domingo no abrimos.",
        "Entiendo que busca un carro eléctrico.",
    ],
)
def test_what_states_nothing_of_the_business_passes(draft: str) -> None:
    assert outcome(TENANTS["dealer"], "es", "hola", draft) == "pass"


@pytest.mark.parametrize(
    ("inbound", "draft", "expected"),
    [
        ("¿tienen parqueadero?", "Sí, claro.", "revise"),
        ("¿abren los domingos?", "¡Sí! ¿A qué hora le queda bien?", "revise"),
        ("¿abren los sábados?", "Sí, claro.", "pass"),
        ("¿me puede llamar?", "Sí, claro.", "pass"),
    ],
)
def test_a_bare_yes_says_what_was_asked(inbound: str, draft: str, expected: str) -> None:
    assert outcome(TENANTS["dealer"], "es", inbound, draft) == expected


def test_claims_to_judge_are_statements_as_written_without_questions_offers_and_prices() -> None:
    tenant = TENANTS["software"]
    text = (
        "Hi! Our engineers rewrote the reporting module last spring. The Pro plan is €29 a month. "
        "I can send you the brochure. Do you want a call? Ledgerly works in any browser."
    )
    claims = grounding.claims_to_judge(reply(text, "en"), turn_of(tenant), tenant)
    assert claims == ("Our engineers rewrote the reporting module last spring",)


@pytest.mark.parametrize(
    "hostile",
    ["9:00 a ", "1, ", "lunes y ", "no ", "A", "Aa ", "12.", "( ", "parking ", "x@", "+34 ", "¿", "y el 3 ", "\n", "٣"],
)
def test_hostile_texts_are_read_in_linear_time(hostile: str) -> None:
    tenant = TENANTS["clinic"]
    turn = turn_of(tenant, hostile * 1000)
    assert_linear(lambda text: grounding.check(reply(text), turn, tenant, TUESDAY), hostile, 4_000)
