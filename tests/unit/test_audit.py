"""Auditing texts: the tenants' format with all that may be missing, and rows to verdicts."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.audit import AuditedText, audit, objections
from agent.audit_tenants import AuditedTenant, load_tenants, read_tenant
from agent.batch import annotate_file, check_fields
from agent.errors import Misconfigured
from agent.guardrails import content_rules
from agent.guardrails.rule import Rule
from agent.types import Candidate, DetectedLanguage, Instalments, Price, Tenant, Turn, Verdict

TODAY = date(2026, 11, 21)
LEAST: dict[str, Any] = {"name": "Clínica Sol", "timezone": "America/Bogota", "languages": ["es"], "currency": "COP"}
FULL: dict[str, Any] = LEAST | {
    "country": "CO",
    "as_of": "2026-03-10",
    "catalogue": [
        {
            "sku": "LIMP",
            "name": {"es": "Limpieza dental", "en": "Dental cleaning"},
            "description": "Sesión de 40 minutos.",
            "prices": [
                {"amount_minor": 12000000, "currency": "COP", "unit": "session", "valid_to": "2026-03-31"},
                {"amount_minor": 15000000, "currency": "COP", "unit": "session", "valid_from": "2026-04-01"},
            ],
            "installments": {"max": 3, "interest_free": True, "min_amount_minor": 10000000},
            "discounts": [{"code": "SOL", "percent": 10, "condition": "pago de contado", "valid_to": "2026-12-31"}],
        }
    ],
    "policies": {"refund": "Devolución hasta 24 horas antes.", "guarantee": None},
    "facts": ["Abrimos de lunes a viernes."],
    "links": ["sol.example"],
    "forbidden": ["diagnósticos"],
    "ai_disclosure": "Soy Sol, asistente con IA.",
    "invented_later": 1,
}


def detect(text: str, *, languages: tuple[str, ...]) -> DetectedLanguage:
    return DetectedLanguage(language=None, confidence=0.0)


def text(draft: str = "La limpieza dental cuesta $120.000.", **fields: Any) -> AuditedText:
    return AuditedText(**({"text": draft, "language": "es", "channel": "whatsapp"} | fields))


# --- tenants ---------------------------------------------------------------------------------------------------


def test_everything_stated_is_read() -> None:
    audited = read_tenant("clinica", FULL, TODAY)
    tenant = audited.tenant
    (item,) = tenant.catalogue
    assert audited.as_of == date(2026, 3, 10)
    assert (tenant.slug, tenant.default_language, tenant.links) == ("clinica", "es", ("sol.example",))
    assert item.description == {"es": "Sesión de 40 minutos."}
    assert item.prices[0] == Price(amount_minor=12000000, currency="COP", unit="session", valid_to=date(2026, 3, 31))
    assert item.instalments == Instalments(max=3, interest_free=True, min_amount_minor=10000000)
    assert item.discounts[0].condition == {"es": "pago de contado"}
    assert [(p.kind, p.text["es"]) for p in tenant.passages] == [
        ("fact", "Abrimos de lunes a viernes."),
        ("policy", "Devolución hasta 24 horas antes."),
    ]


def test_what_is_missing_says_nothing() -> None:
    audited = read_tenant("clinica", LEAST, TODAY)
    assert audited.as_of == TODAY
    assert (audited.tenant.catalogue, audited.tenant.passages, audited.tenant.disclosure) == ((), (), {})


@pytest.mark.parametrize("key", ["catalogue", "policies", "facts", "links", "forbidden", "ai_disclosure", "as_of"])
def test_null_is_as_good_as_missing(key: str) -> None:
    assert read_tenant("clinica", LEAST | {key: None}, TODAY) == read_tenant("clinica", LEAST, TODAY)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param("Sin devolución.", {"es": "Sin devolución."}, id="text"),
        pytest.param({"es": "Sí.", "en": "Yes."}, {"es": "Sí.", "en": "Yes."}, id="by language"),
        pytest.param({"text": "Sí."}, {"es": "Sí."}, id="in an object"),
        pytest.param({"text": {"en": "Yes."}}, {"en": "Yes."}, id="in an object, by language"),
        pytest.param({"days": 14, "fee": None}, {"es": "days: 14"}, id="as data"),
        pytest.param(["14 días", "con factura"], {"es": "14 días; con factura"}, id="as a list"),
    ],
)
def test_policy_may_be_written_in_several_ways(policy: Any, said: dict[str, str]) -> None:
    (passage,) = read_tenant("clinica", LEAST | {"policies": {"refund": policy}}, TODAY).tenant.passages
    assert passage.text == said


@pytest.mark.parametrize("key", ["installments", "discounts", "prices", "description"])
def test_item_may_lack_or_null_its_terms(key: str) -> None:
    item = {"sku": "A", "name": "Consulta"}
    tenants = [read_tenant("x", LEAST | {"catalogue": [each]}, TODAY) for each in (item, item | {key: None})]
    assert tenants[0] == tenants[1]
    assert tenants[0].tenant.catalogue[0].name == {"es": "Consulta"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"languages": []}, "languages"),
        ({"languages": "es"}, "languages"),
        ({"catalogue": [{"sku": "A", "name": "B", "prices": [{"amount_minor": 1.5}]}]}, "amount_minor"),
        ({"as_of": "yesterday"}, "as_of"),
    ],
)
def test_mistake_is_named_with_tenant_and_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(Misconfigured, match=rf"'clinica'.*{place}"):
        read_tenant("clinica", LEAST | change, TODAY)


def test_file_holds_any_number_of_tenants(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    path.write_text("\ufeff" + json.dumps({f"t{n}": FULL for n in range(30)}), encoding="utf-8")
    tenants = load_tenants(path, TODAY)
    assert len({each.tenant.id for each in tenants.values()}) == 30


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "{", "\xff"])
def test_file_that_is_no_object_of_tenants_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tenants.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(Misconfigured, match=r"tenants\.json"):
        load_tenants(path, TODAY)


# --- rows ------------------------------------------------------------------------------------------------------


def test_row_is_judged_at_noon_of_the_tenants_day() -> None:
    seen: list[tuple[datetime, Turn]] = []

    def look(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
        seen.append((now, turn))
        return Verdict(rule="look", outcome="pass")

    audit(text(inbound="¿cuánto?"), read_tenant("clinica", FULL, TODAY), [Rule(name="look", version=1, check=look)])
    ((now, turn),) = seen
    assert now == datetime(2026, 3, 10, 17, tzinfo=UTC)  # Bogotá is five hours behind
    assert (turn.text, turn.is_first_contact) == ("¿cuánto?", False)


def test_price_that_begins_later_is_a_violation_on_the_day() -> None:
    rules, tenant = content_rules(detect), read_tenant("clinica", FULL, TODAY)
    assert objections(audit(text(), tenant, rules)) == ()
    early = objections(audit(text("La limpieza dental cuesta $150.000."), tenant, rules))
    assert [verdict.rule for verdict in early] == ["pricing"]


def test_objections_come_worst_first_then_in_order() -> None:
    verdicts = [
        Verdict(rule="pricing", outcome="pass"),
        Verdict(rule="tone", outcome="revise", reason="r"),
        Verdict(rule="pii", outcome="hold", reason="r"),
        Verdict(rule="format", outcome="revise", reason="r"),
    ]
    assert [verdict.rule for verdict in objections(verdicts)] == ["pii", "tone", "format"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"tenant": "nobody"}, "the tenant 'nobody' is not in the tenants' file", id="unknown tenant"),
        pytest.param({"tenant": None}, '"tenant" must be a string', id="no tenant"),
        pytest.param({"draft": None}, '"draft" must be a string', id="no draft"),
        pytest.param({"language": 3}, '"language" must be a string', id="language"),
        pytest.param({"channel": "fax"}, '"channel" must be one of', id="channel"),
        pytest.param({"channel": ["sms"]}, '"channel" must be one of', id="channel list"),
        pytest.param({"inbound": 3}, '"inbound" must be a string', id="inbound"),
    ],
)
async def test_bad_row_is_reported_by_line_and_the_rest_goes_on(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    good = {"id": 1, "tenant": "clinica", "channel": "sms", "language": "es", "draft": "Cuesta $120.000."}
    source = tmp_path / "in"
    source.write_text("\n".join(json.dumps(row) for row in (good, good | change, good)))
    annotate = check_fields({"clinica": read_tenant("clinica", FULL, TODAY)}, content_rules(detect))
    result = await annotate_file(source, tmp_path / "out", annotate)
    assert result.written == 2
    assert [(bad.line, reason in bad.reason) for bad in result.rejected] == [(2, True)]


async def test_every_row_gets_outcome_rules_and_verdicts(tmp_path: Path) -> None:
    row = {"tenant": "clinica", "channel": None, "language": "es", "inbound": None, "note": "kept"}
    drafts = ["Cuesta $120.000.", "Cuesta $99.000 y **ya**."]
    source = tmp_path / "in"
    source.write_text("\n".join(json.dumps(row | {"id": n, "draft": draft}) for n, draft in enumerate(drafts)))
    tenants: dict[str, AuditedTenant] = {"clinica": read_tenant("clinica", FULL, TODAY)}
    await annotate_file(source, tmp_path / "out", check_fields(tenants, content_rules(detect)))
    good, bad = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert (good["outcome"], good["rules"], good["verdicts"], good["note"]) == ("pass", [], [], "kept")
    assert (bad["outcome"], bad["rules"]) == ("violation", ["pricing", "format"])
    assert set(bad["verdicts"][0]) == {"rule", "outcome", "reason", "evidence", "span", "version"}
    assert bad["verdicts"][0]["rule"] == "pricing"
