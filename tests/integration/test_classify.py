"""Step `classify` in a turn: the local cascade, the second opinion, and what is saved and paid for."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from agent.classify import classify, is_clear, needs_second_opinion, settle_opinions
from agent.errors import ModelRefused, ModelUnavailable
from agent.ports import Classified
from agent.route import LimitLevel
from agent.steps import Steps
from agent.types import Classification, Policy, Turn
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.agents import Agent

DOWN = ModelUnavailable("down")
REFUSED = ModelRefused("no usable answer")


def claude(**fields: Any) -> Classification:
    return make_classification(**{"source": "claude", "confidence": 0.95, **fields})


@dataclass(slots=True, kw_only=True)
class LocalEngine(ScriptedModels):
    """The local engine's answer, scripted."""

    async def classify(self, turn: Turn, language: str, **_: Any) -> Classified:
        self.classified.append(turn.text)
        return Classified(classification=replace(self.classification, language=language))


@dataclass(slots=True, kw_only=True)
class Scene:
    """A turn about to be classified, by scripted engines."""

    steps: Steps
    models: ScriptedModels
    local: LocalEngine

    async def classify(self, limit: LimitLevel = "none") -> Classification:
        return await classify(self.steps, "es", limit)


async def stage(
    agent: Agent,
    first: Classification,
    *,
    second: Classification | None = None,
    local: Classification | None = None,
    policy: Policy | None = None,
) -> Scene:
    """Let a message wait to be classified under `policy`."""
    gathered = await agent.claim(await agent.hear("¿cuánto cuesta?"))
    turn = replace(gathered.turn, tenant=replace(gathered.turn.tenant, policy=policy or Policy()))
    models = ScriptedModels(classification=first, second_opinion=second)
    engine = LocalEngine(classification=local or make_classification(confidence=0.5))
    deps = replace(agent.deps, models=models, fallback=engine)
    return Scene(
        steps=Steps(turn=turn, lease=gathered.lease, saved={}, deps=deps),
        models=models,
        local=engine,
    )


async def test_sure_answer_decides_alone(agent: Agent) -> None:
    scene = await stage(agent, claude())
    assert (await scene.classify()).source == "claude"
    assert (len(scene.models.classified), len(scene.local.classified)) == (1, 0)


async def test_unsure_answer_is_asked_again_of_a_stronger_model_and_both_are_paid_for(agent: Agent) -> None:
    second = claude(intent="payment", confidence=0.9)
    scene = await stage(agent, claude(confidence=0.6), second=second)
    assert (await scene.classify()).intent == "payment"
    assert await agent.value("select count(*) from model_calls") == 2
    scene.steps = replace(scene.steps, saved=await agent.value("select steps from turns"))
    assert (await scene.classify()).intent == "payment"
    assert len(scene.models.classified) == 2  # a retry resumes instead of paying again


@pytest.mark.parametrize("failure", [DOWN, REFUSED])
async def test_first_opinion_stands_where_the_second_fails(agent: Agent, failure: Exception) -> None:
    scene = await stage(agent, claude(confidence=0.6))
    await scene.classify()
    scene.steps = replace(scene.steps, saved={"classify": (await agent.value("select steps from turns"))["classify"]})
    scene.models.failures = [failure]
    assert (await scene.classify()).confidence == 0.6


async def test_no_second_opinion_when_money_is_short(agent: Agent) -> None:
    scene = await stage(agent, claude(confidence=0.6), second=claude(intent="payment"))
    assert (await scene.classify("soft")).intent == "pricing"
    assert len(scene.models.classified) == 1


async def test_spent_budget_leaves_classification_to_the_local_engine(agent: Agent) -> None:
    scene = await stage(agent, claude())
    assert (await scene.classify("hard")).source == "local"
    assert scene.models.classified == []


async def test_tenants_own_tier_classifies_and_the_ablest_is_not_asked_twice(agent: Agent) -> None:
    scene = await stage(agent, claude(), second=claude(confidence=0.6), policy=Policy(tiers={"classify": "expert"}))
    assert (await scene.classify()).confidence == 0.6
    assert len(scene.models.classified) == 1


@pytest.mark.parametrize("failure", [DOWN, REFUSED])
async def test_local_engine_classifies_where_no_model_does(agent: Agent, failure: Exception) -> None:
    scene = await stage(agent, claude(), local=make_classification(intent="complaint", confidence=0.8))
    scene.models.failures = [failure]
    assert (await scene.classify()).intent == "complaint"


async def test_cascade_decides_clear_messages_locally_at_no_cost(agent: Agent) -> None:
    policy = Policy(classify_locally_above=0.9)
    scene = await stage(agent, claude(), local=make_classification(confidence=0.93), policy=policy)
    assert (await scene.classify()).source == "local"
    assert scene.models.classified == []
    assert await agent.value("select count(*) from model_calls") == 0


async def test_cascade_leaves_the_rest_to_the_model(agent: Agent) -> None:
    policy = Policy(classify_locally_above=0.9)
    scene = await stage(agent, claude(), local=make_classification(confidence=0.89), policy=policy)
    assert (await scene.classify()).source == "claude"


@pytest.mark.parametrize(
    ("fields", "clear"),
    [
        pytest.param({"confidence": 0.9}, True, id="sure"),
        pytest.param({"confidence": 0.89}, False, id="unsure"),
        pytest.param({"intent": "opt_out", "confidence": 0.94}, False, id="a legal intent must be surer"),
        pytest.param({"intent": "opt_out", "confidence": 0.95}, True, id="a sure legal intent"),
        pytest.param({"confidence": 0.95, "secondary": ("complaint",)}, False, id="perhaps a legal intent"),
        pytest.param({"confidence": 0.95, "secondary": ("payment",)}, True, id="perhaps another intent"),
        pytest.param({"confidence": 0.95, "complexity": "medium"}, False, id="several matters"),
    ],
)
def test_clear_is_sure_plain_and_without_a_doubt_about_legal_intents(fields: dict[str, Any], clear: bool) -> None:
    assert is_clear(make_classification(**fields), 0.9) == clear


@pytest.mark.parametrize(
    ("first", "needed"),
    [
        pytest.param(claude(confidence=0.75), False, id="sure"),
        pytest.param(claude(confidence=0.74), True, id="unsure"),
        pytest.param(claude(secondary=("opt_out",)), True, id="perhaps an opt-out"),
        pytest.param(make_classification(confidence=0.2), False, id="without a model there is no second"),
    ],
)
def test_second_opinion_is_needed_by_the_unsure(first: Classification, needed: bool) -> None:
    assert needs_second_opinion(first, Policy()) == needed


def test_agreement_is_as_sure_as_the_surer_and_disagreement_is_the_strongers() -> None:
    weak, strong = claude(confidence=0.7), claude(confidence=0.6)
    assert settle_opinions(weak, strong).confidence == 0.7
    other = claude(intent="payment", confidence=0.6)
    assert settle_opinions(weak, other) == other
