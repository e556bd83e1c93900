"""Who answers, as a table: intent × confidence × needs_human × policy."""

from typing import Any

import pytest

from agent.route import choose_route
from agent.types import INTENTS, Intent, Policy, Tier
from tests.factories import make_classification


@pytest.mark.parametrize(
    ("fields", "tier", "reason"),
    [
        pytest.param({"intent": "pricing"}, "standard", "routine", id="a price is routine"),
        pytest.param({"intent": "product_question"}, "standard", "routine", id="so is a question"),
        pytest.param({"intent": "negotiation"}, "expert", "hard", id="negotiation is hard"),
        pytest.param({"intent": "pricing", "complexity": "high"}, "expert", "hard", id="a complex turn is hard"),
        pytest.param({"intent": "pricing", "confidence": 0.3}, "expert", "unsure", id="unsure"),
        pytest.param({"intent": "acknowledgement"}, "none", "nothing", id="thanks ask for nothing"),
        pytest.param({"intent": "off_topic"}, "none", "nothing", id="spam asks for nothing"),
        pytest.param({"intent": "off_topic", "confidence": 0.3}, "expert", "unsure", id="unless unsure"),
        pytest.param({"intent": "complaint"}, "person", "person", id="a complaint"),
        pytest.param({"intent": "human_request"}, "person", "asked for a person", id="a request for a person"),
        pytest.param({"intent": "negotiation", "needs_human": True}, "person", "harm", id="a figure of their own"),
        pytest.param({"intent": "acknowledgement", "needs_human": True}, "person", "harm", id="harm comes first"),
        pytest.param({"intent": "human_request", "confidence": 0.2}, "person", "asked", id="in doubt, a person"),
    ],
)
def test_route(fields: dict[str, Any], tier: Tier, reason: str) -> None:
    route = choose_route(make_classification(**{"confidence": 0.95, **fields}), Policy())
    assert route.tier == tier
    assert reason in route.reason


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("confidence", [0.0, 0.55, 1.0])
@pytest.mark.parametrize("needs_human", [False, True])
def test_what_could_do_harm_is_never_answered_by_a_model(intent: Intent, confidence: float, needs_human: bool) -> None:
    route = choose_route(
        make_classification(intent=intent, confidence=confidence, needs_human=needs_human), Policy(min_confidence=0.55)
    )
    assert (route.tier == "person") >= needs_human
    assert route.reason


def test_tenant_decides_which_intents_go_to_a_person() -> None:
    policy = Policy(human_intents=frozenset({"negotiation"}))
    assert choose_route(make_classification(intent="negotiation", confidence=0.9), policy).tier == "person"
    assert choose_route(make_classification(intent="complaint", confidence=0.9), policy).tier == "expert"
