"""Who is answered first after an outage, and what prospects are told in it."""

from pathlib import Path
from typing import Any

import pytest

from agent.guardrails import build_rules, check_all
from agent.holding import render_holding_line
from agent.language import LanguageDetector
from agent.tenant.file import load_tenant_file
from agent.types import INTENTS
from agent.waiting import priority_of
from tests.factories import NOW, make_classification, make_message, make_tenant, make_turn

EXAMPLES = sorted((Path(__file__).parents[2] / "agent/example_tenants").glob("*.yaml"))
ANSWERED = (make_message("Hola"), make_message("Hola, soy Luma.", seq=2, direction="outbound", author="agent"))


@pytest.mark.parametrize(
    ("fields", "begun", "expected"),
    [
        pytest.param({"intent": "ready_to_buy"}, True, 0, id="buys, in the middle of a conversation"),
        pytest.param({"intent": "ready_to_buy"}, False, 1, id="buys at once"),
        pytest.param({"intent": "negotiation"}, True, 0, id="negotiates"),
        pytest.param({"intent": "payment"}, True, 2, id="asks how to pay"),
        pytest.param({"intent": "scheduling"}, False, 3, id="books, first message"),
        pytest.param({"intent": "objection"}, True, 4, id="holds back"),
        pytest.param({"intent": "pricing"}, False, 5, id="asks for a price, first message"),
        pytest.param({"intent": "product_question"}, True, 6, id="asks about a product"),
        pytest.param({"intent": "greeting"}, False, 7, id="greets"),
        pytest.param({"intent": "greeting", "secondary": ("payment",)}, False, 3, id="the most urgent intent counts"),
        pytest.param({"intent": "pricing", "entities": {"quantity": "20"}}, False, 4, id="names a quantity"),
        pytest.param({"intent": "pricing", "entities": {"budget": "500 €"}}, False, 4, id="names a budget"),
        pytest.param({"intent": "pricing", "stage": "deciding"}, False, 4, id="is about to decide"),
        pytest.param({"intent": "pricing", "entities": {"product": "intensivo"}}, False, 5, id="names a product"),
    ],
)
def test_priority(fields: dict[str, Any], begun: bool, expected: int) -> None:
    turn = make_turn("¿y eso?", history=ANSWERED if begun else ())
    assert priority_of(make_classification(**fields), turn) == expected


@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_has_a_priority_the_database_takes(intent: str) -> None:
    assert 0 <= priority_of(make_classification(intent=intent), make_turn()) <= 9


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("language", "question"),
    [("es", "¿cuánto cuesta?"), ("pt", "quanto custa o curso?"), ("en", "how much is the course?")],
)
@pytest.mark.parametrize("first", [True, False], ids=["first contact", "later"])
def test_line_passes_every_guardrail(
    path: Path, language: str, question: str, first: bool, detector: LanguageDetector
) -> None:
    tenant = load_tenant_file(path).tenant
    turn = make_turn(question, tenant=tenant, history=() if first else ANSWERED)
    candidate = render_holding_line(turn, language)
    verdicts = check_all(build_rules(detector.detect), candidate, turn, tenant, NOW)
    assert [verdict for verdict in verdicts if verdict.outcome not in {"pass", "delay"}] == []
    assert candidate.language == language


@pytest.mark.parametrize(
    ("default", "holding", "language", "expected"),
    [
        pytest.param("es", {}, "fr", "es", id="a language we have no words in: the tenant's own"),
        pytest.param("fr", {}, "de", "en", id="nor in the tenant's: English"),
        pytest.param("es", {"fr": "Un instant."}, "fr", "fr", id="the tenant has words in it"),
    ],
)
def test_line_is_said_in_a_language_it_exists_in(
    default: str, holding: dict[str, str], language: str, expected: str
) -> None:
    tenant = make_tenant(default_language=default, holding=holding, disclosure={default: "IA."})
    assert render_holding_line(make_turn(tenant=tenant, history=ANSWERED), language).language == expected
