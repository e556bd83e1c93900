"""What the example tenants publish, and what we say in their name, passes every rule."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from agent.escalation.handoff import handoff_text
from agent.guardrails import build_rules, check_all
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.screening.texts import bot_text, help_text, opt_in_text, opt_out_text
from agent.tenant.file import load_tenant_file
from agent.types import Candidate, Purpose, Tenant
from tests.factories import NOW
from tests.trades import later_turn

EXAMPLES = sorted((Path(__file__).parents[2] / "agent/example_tenants").glob("*.yaml"))
NAMES = ["Escuela 24 Horas", "Ana Ruiz & Hijos, S.L.", "100% Sonrisas", "Grupo 8", "Le Café", "Marca.example"]
"""Names of businesses that read like something else."""


@cache
def example(path: Path) -> Tenant:
    """Return an example tenant that may write at any hour."""
    tenant = load_tenant_file(path).tenant
    return replace(tenant, policy=replace(tenant.policy, send_hours=()))


@cache
def called(name: str) -> Tenant:
    """Return an example tenant under another name."""
    return replace(example(EXAMPLES[0]), name=name)


@pytest.fixture(scope="module")
def rules(detector: LanguageDetector) -> tuple[Rule, ...]:
    return build_rules(detector.detect)


def own_texts(tenant: Tenant, language: str) -> Iterator[tuple[str, Purpose]]:
    """Yield what may be said in `language` word for word, and what for."""
    yield from ((passage.text[language], "reply") for passage in tenant.passages if language in passage.text)
    yield from ((item.description[language], "reply") for item in tenant.catalogue if language in item.description)
    yield from fixed_texts(tenant, language)


def fixed_texts(tenant: Tenant, language: str) -> Iterator[tuple[str, Purpose]]:
    """Yield what is said without any model."""
    yield handoff_text(tenant, language), "reply"
    yield bot_text(tenant, language), "reply"
    yield tenant.disclosure[language], "reply"
    yield help_text(tenant, language), "help"
    yield opt_out_text(tenant, language), "opt_out_confirmation"
    yield opt_in_text(tenant, language), "opt_in_confirmation"


def objections(rules: tuple[Rule, ...], tenant: Tenant, language: str, text: str, purpose: Purpose) -> list[str]:
    """Return which rules object."""
    turn = later_turn("¿y eso?", tenant)
    candidate = Candidate(text=text, language=language, channel="whatsapp", purpose=purpose)
    verdicts = check_all(rules, candidate, turn, tenant, NOW)
    return [f"{v.rule}: {v.evidence}" for v in verdicts if v.outcome != "pass" and v.rule != "send_window"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_own_texts_pass(rules: tuple[Rule, ...], path: Path, language: str) -> None:
    tenant = example(path)
    for text, purpose in own_texts(tenant, language):
        assert objections(rules, tenant, language, text, purpose) == [], text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_fixed_texts_pass_whatever_the_business_is_called(rules: tuple[Rule, ...], name: str, language: str) -> None:
    tenant = called(name)
    for text, purpose in fixed_texts(tenant, language):
        assert objections(rules, tenant, language, text, purpose) == [], text


@pytest.mark.parametrize(
    "text",
    [
        "Escuela Sol. Llámanos al +34 910 555 777 de lunes a viernes de 9:00 a 14:00. Escribe STOP para parar.",
        "Escuela Sol, hola@sol.example, calle Mayor 12. Responde STOP para parar.",
        "Escuela Sol: te atiende Marta Ríos, Tel. 910 555 777. Pueden aplicarse tarifas de mensajes y datos.",
        "Sol Alerts. Msg frequency varies. Msg & data rates may apply. Reply STOP to cancel. Help: (415) 555-0134.",
        "Sol School. For help call 1-800-555-0199 or write to help@sol.example. Text STOP to opt out.",
    ],
)
def test_help_says_what_the_tenant_wrote_though_it_is_published_nowhere_else(
    rules: tuple[Rule, ...], text: str
) -> None:
    tenant = replace(example(EXAMPLES[0]), help_text={"es": text})
    assert objections(rules, tenant, "es", text, "help") == []
