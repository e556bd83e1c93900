"""Promises: only what the tenant has published may be promised, in any trade and language."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from agent.guardrails import promises
from agent.types import Candidate, Passage, Tenant, Verdict
from tests.factories import NOW, make_tenant, make_turn
from tests.hostile import assert_linear
from tests.tables import each_row

DATA = Path(__file__).parent / "data"


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def read_tenants() -> dict[str, Tenant]:
    raw = {**read_toml("promises_tenants"), **read_toml("promises_tenants_more")}
    return {name: build_tenant(each) for name, each in raw.items()}


def build_tenant(raw: dict[str, Any]) -> Tenant:
    language = raw["language"]
    facts = [Passage(id=f"fact-{n}", kind="fact", text={language: text}) for n, text in enumerate(raw["facts"])]
    policies = [Passage(id=key, kind="policy", text={language: text}) for key, text in raw["policies"].items()]
    return make_tenant(
        languages=("es", "pt", "en"),
        default_language=language,
        forbidden=tuple(raw["forbidden"]),
        passages=(*facts, *policies),
        catalogue=(),
    )


def read_cases(kind: str) -> Iterator[ParameterSet]:
    for case in (*read_toml("promises_cases")["cases"], *read_toml("promises_cases_more")["cases"]):
        for text in case.get(kind, ()):
            where = f"{case['tenant']}-{case['language']}"
            yield pytest.param(case["tenant"], case["language"], text, id=f"{where}: {text[:60]}")


TENANTS = read_tenants()


def verdict_on(text: str, tenant: Tenant, language: str, inbound: str = "Hola") -> Verdict:
    turn = make_turn(inbound, tenant=tenant)
    return promises.check(Candidate(text=text, language=language, channel="whatsapp"), turn, tenant, NOW)


@each_row(("tenant", "language", "text"), list(read_cases("breaks")))
def test_promise_beyond_what_is_published_is_revised(tenant: str, language: str, text: str) -> None:
    verdict = verdict_on(text, TENANTS[tenant], language)
    assert verdict.outcome == "revise"
    assert verdict.span is not None
    assert text[slice(*verdict.span)].startswith(verdict.evidence[:20])


@each_row(("tenant", "language", "text"), list(read_cases("keeps")))
def test_text_that_promises_nothing_more_passes(tenant: str, language: str, text: str) -> None:
    verdict = verdict_on(text, TENANTS[tenant], language)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)


@pytest.mark.parametrize(
    ("tenant", "language", "inbound", "text"),
    [
        ("school", "es", "¿me guardas una plaza hasta el lunes?", "¡Hecho!"),
        ("school", "es", "me guardas una plaza?", "Claro que sí, cuenta con ello 😊"),
        ("school", "en", "will i pass for sure?", "Yes, absolutely."),
        ("solar", "es", "es deducible?", "Sí, claro."),
        ("solar", "pt", "posso ter exclusividade?", "Combinado!"),
    ],
)
def test_bare_yes_to_a_promise_asked_for_is_revised(tenant: str, language: str, inbound: str, text: str) -> None:
    assert verdict_on(text, TENANTS[tenant], language, inbound).outcome == "revise"


@pytest.mark.parametrize(
    ("inbound", "text"),
    [
        pytest.param("¿hay devolución?", "Sí, claro.", id="there is such a policy"),
        pytest.param("¿me guardas plaza?", "Claro. La plaza se confirma al pagar.", id="condition told"),
        pytest.param("¿me guardas plaza?", "Claro, ¿ya pagaste el curso?", id="asks back"),
        pytest.param("¿tienen clases online?", "¡Sí, claro!", id="no promise asked for"),
    ],
)
def test_yes_that_promises_nothing_more_passes(inbound: str, text: str) -> None:
    assert verdict_on(text, TENANTS["school"], "es", inbound).outcome == "pass"


def test_warranty_backs_no_assurance_of_something_else() -> None:
    mueble = TENANTS["mueble"]
    assert verdict_on("La estructura tiene 3 años de garantía.", mueble, "es").outcome == "pass"
    assert verdict_on("Va a aguantar la humedad, se lo garantizo.", mueble, "es").outcome == "revise"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Con 20 días de anticipación te devolvemos el 50 %.", "pass"),
        ("Con 40 días de anticipación te devolvemos el 80 %.", "pass"),
        ("Con 20 días de anticipación te devolvemos el 80 %.", "revise"),
        ("Con 10 días de anticipación te devolvemos el 50 %.", "revise"),
    ],
)
def test_share_is_backed_only_for_the_days_it_is_published_for(text: str, outcome: str) -> None:
    policy = (
        "Cancelación con 30 días o más de anticipación: se devuelve el 80 % de lo pagado. De 15 a 29 días: el 50 %. "
        "Con menos de 15 días no hay devolución."
    )
    tenant = make_tenant(passages=(Passage(id="refund", kind="policy", text={"es": policy}),), catalogue=())
    assert verdict_on(text, tenant, "es").outcome == outcome


def test_policy_that_reviews_prices_locks_none() -> None:
    assert verdict_on("Membership prices are reviewed every January.", TENANTS["cowork"], "en").outcome == "pass"
    assert verdict_on("Your rate is frozen from the day you join.", TENANTS["cowork"], "en").outcome == "revise"


def test_statement_on_a_forbidden_subject_is_revised_and_declining_it_passes() -> None:
    venue = TENANTS["venue"]
    assert verdict_on("Servimos bebida alcoólica para menores com autorização.", venue, "pt").outcome == "revise"
    assert verdict_on("Não servimos bebida alcoólica para menores.", venue, "pt").outcome == "pass"


def test_verdict_names_the_clause_that_promises() -> None:
    text = "Hola, Ana: el grupo empieza el 13 de abril. Te guardo la plaza hasta el viernes, sin pagar."
    verdict = verdict_on(text, TENANTS["school"], "es")
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == "Te guardo la plaza hasta el viernes"


@pytest.mark.parametrize("tenant", TENANTS)
def test_published_texts_pass(tenant: str) -> None:
    business = TENANTS[tenant]
    for passage in business.passages:
        for language, text in passage.text.items():
            assert verdict_on(text, business, language).outcome == "pass", text


@pytest.mark.parametrize(
    "piece", ["te lo ", "si no te ", "garantía de 5 años ", "hasta el ", "a" * 30 + " ", "1,1 ", ", "]
)
def test_long_hostile_text_is_read_in_linear_time(piece: str) -> None:
    assert_linear(lambda text: verdict_on(text, TENANTS["solar"], "es"), piece, 4_000)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Los 25 años cubren también la batería.", "revise"),
        ("Labour is under the same 10 years as the inverter.", "revise"),
        ("A garantia de 25 anos vale para os painéis, a bateria e a estrutura.", "revise"),
        ("La batería te dura 25 años, como los paneles.", "revise"),
        ("Panels carry 25 years, the inverter 10 and labour 2.", "pass"),
        ("São 25 anos para os painéis, 10 para o inversor e 2 para a mão de obra.", "pass"),
        ("You'd get it all back within 5 days of the deposit, sessions done or not.", "revise"),
        ("Cancelling after 3 days you'd get it all back: it is inside the 5 days.", "pass"),
        ("Dentro de los 5 días te devolvemos todo, da igual lo que hayas usado.", "revise"),
        ("El precio contratado no cambia durante los 12 meses.", "pass"),
        ("El precio no cambia nunca.", "revise"),
        ("Eso no se lo puedo ofrecer.", "pass"),
        ("Devolução do valor é que não há.", "pass"),
        ("Não perde: as aulas ficam gravadas.", "pass"),
        ("I'm glad to put you in touch with the team.", "pass"),
        ("The test won't cost you anything, if you'd like to see where you stand.", "pass"),
        ("On average, in 2025 their bills dropped by 78%.", "pass"),
        ("In 2025 your bill dropped by 78% too, and it will again.", "revise"),
    ],
)
def test_terms_are_compared_with_what_is_published(text: str, outcome: str) -> None:
    policies = {
        "refund": "Cancelación hasta 5 días después del anticipo con devolución completa.",
        "guarantee": "Paneles: 25 años. Inversor: 10 años. Mano de obra: 2 años.",
        "price": "El precio contratado no cambia durante esos 12 meses.",
        "average": "Los clientes de 2025 redujeron su recibo 78 % en promedio.",
    }
    passages = tuple(Passage(id=name, kind="policy", text={"es": each}) for name, each in policies.items())
    tenant = make_tenant(languages=("es", "pt", "en"), passages=passages, catalogue=())
    language = "pt" if "ã" in text else "en" if re.search(r"\b(?:the|you)\b|In 2025|in 2025|Panels", text) else "es"
    assert verdict_on(text, tenant, language).outcome == outcome
