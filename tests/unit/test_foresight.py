"""What another policy would have done with turns of yesterday."""

from dataclasses import replace

import pytest

from agent.ids import new_id
from agent.trust.foresight import DecidedTurn, answerer, foresee
from agent.types import Policy, TurnId
from tests.factories import make_classification


def turn_of(intent: str = "pricing", confidence: float = 0.9, draft: float | None = 0.8) -> DecidedTurn:
    classification = make_classification(intent=intent, confidence=confidence, source="claude")
    return DecidedTurn(id=TurnId(new_id()), classification=classification, draft_confidence=draft)


@pytest.mark.parametrize(
    ("turn", "policy", "who"),
    [
        (turn_of(), Policy(), "agent"),
        (turn_of("complaint"), Policy(), "person"),
        (turn_of(confidence=0.6), Policy(min_confidence=0.7), "person"),
        (turn_of(draft=0.6), Policy(min_confidence=0.7), "person"),
        (turn_of(draft=None), Policy(min_confidence=0.7), "agent"),
        (replace(turn_of(), draft_needs_human=True), Policy(), "person"),
        (turn_of("acknowledgement", confidence=0.95, draft=None), Policy(), "nobody"),
    ],
    ids=["usual", "complaint", "not understood", "unsure draft", "no draft", "asks for a person", "thanks"],
)
def test_who_answers_under_a_policy(turn: DecidedTurn, policy: Policy, who: str) -> None:
    assert answerer(turn, policy)[0] == who


def test_only_what_would_have_gone_elsewhere_is_told() -> None:
    turns = [turn_of(), turn_of(draft=0.6), turn_of("payment"), turn_of("complaint")]
    after = Policy(min_confidence=0.7, human_intents=frozenset({"human_request", "payment"}))
    found = foresee(turns, Policy(), after)
    assert found.turns == 4
    assert {each.turn.id for each in found.changes} >= {turns[1].id, turns[2].id}
    assert turns[0].id not in {each.turn.id for each in found.changes}
    assert found.count("person") >= 2
