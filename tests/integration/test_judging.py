"""Judging within a turn, on a real PostgreSQL: who is asked, what is written anew, and what happens without a judge."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from agent.errors import ModelRefused, ModelUnavailable
from agent.gather import Gathered
from agent.ports import Finding, Judged, Judgement
from agent.turn import take_turn
from agent.types import Turn
from tests.doubles.models import a_call
from tests.integration.agents import Agent

OPEN = "Nuestros profesores son pacientes y corrigen con mucho cariño."
PUBLISHED = "Los grupos son de máximo 8 alumnos."


@dataclass(slots=True, kw_only=True)
class ScriptedJudge:
    """Judges by a table of endings; what is not in it is supported."""

    findings: dict[str, Finding] = field(default_factory=dict)
    failure: Exception | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        self.asked.append(tuple(claims))
        if self.failure:
            raise self.failure
        judgements = (Judgement(claim=each, finding=self.findings.get(each, "supported")) for each in claims)
        return Judged(judgements=tuple(judgements), calls=(replace(a_call(), task="judge"),))


@pytest.fixture
def judge(agent: Agent) -> ScriptedJudge:
    judge = ScriptedJudge()
    agent.deps = replace(agent.deps, judge=judge)
    return judge


async def claim(agent: Agent, *, demanded: bool = False) -> Gathered:
    """Claim the turn of a prospect who asks about the teachers."""
    gathered = await agent.claim(await agent.hear("¿cómo son los profesores?"))
    tenant = gathered.turn.tenant
    policy = replace(tenant.policy, demand_judging=demanded)
    return replace(gathered, turn=replace(gathered.turn, tenant=replace(tenant, policy=policy)))


async def sent(agent: Agent) -> str | None:
    """Return what is to be sent, but for the disclosure; nothing if a person was asked."""
    if await agent.value("select count(*) from escalations"):
        return None
    return str(await agent.value("select body from messages where direction = 'outbound'"))


async def test_open_statement_that_stands_is_sent_and_the_call_is_accounted_for(
    agent: Agent, judge: ScriptedJudge
) -> None:
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent), agent.deps)
    assert OPEN in (await sent(agent) or "")
    assert judge.asked == [(OPEN.rstrip("."),)]
    assert await agent.value("select count(*) from model_calls where task = 'judge'") == 1


async def test_published_statement_is_not_judged(agent: Agent, judge: ScriptedJudge) -> None:
    agent.models.texts = (PUBLISHED,)
    await take_turn(await claim(agent), agent.deps)
    assert PUBLISHED in (await sent(agent) or "")
    assert judge.asked == []


@pytest.mark.parametrize("finding", ["unsupported", "contradicted"])
async def test_statement_that_does_not_stand_is_written_anew(
    agent: Agent, judge: ScriptedJudge, finding: Finding
) -> None:
    judge.findings[OPEN.rstrip(".")] = finding
    agent.models.texts = (OPEN, PUBLISHED)
    await take_turn(await claim(agent), agent.deps)
    assert PUBLISHED in (await sent(agent) or "")
    ((), (objection,)) = agent.models.objections
    assert (objection.rule, objection.evidence) == ("grounding", OPEN.rstrip("."))


async def test_statement_that_never_stands_goes_to_a_person(agent: Agent, judge: ScriptedJudge) -> None:
    judge.findings[OPEN.rstrip(".")] = "unsupported"
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent), agent.deps)
    assert await sent(agent) is None
    assert len(judge.asked) == 3


async def test_text_that_code_refuses_is_not_judged(agent: Agent, judge: ScriptedJudge) -> None:
    agent.models.texts = (f"{OPEN} Cuesta 12 €.", PUBLISHED)
    await take_turn(await claim(agent), agent.deps)
    assert judge.asked == []


@pytest.mark.parametrize("demanded", [False, True])
async def test_without_a_judge_the_text_goes_to_a_person_only_if_the_tenant_demands_judging(
    agent: Agent, demanded: bool
) -> None:
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent, demanded=demanded), agent.deps)
    assert (await sent(agent) is None) is demanded
    if demanded:
        assert "judged by a model" in await agent.value("select reason from escalations")


@pytest.mark.parametrize("demanded", [False, True])
async def test_judge_that_gives_no_usable_answer_is_as_good_as_none(
    agent: Agent, judge: ScriptedJudge, demanded: bool
) -> None:
    judge.failure = ModelRefused("no usable answer")
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent, demanded=demanded), agent.deps)
    assert (await sent(agent) is None) is demanded


async def test_turn_waits_for_a_judge_that_is_demanded_and_away(agent: Agent, judge: ScriptedJudge) -> None:
    judge.failure = ModelUnavailable("away")
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent, demanded=True), agent.deps)
    assert await agent.value("select turn_state from conversations") == "waiting"
    assert await agent.value("select count(*) from messages where body like '%%' || %s || '%%'", OPEN) == 0


async def test_judge_that_is_away_delays_nobody_who_did_not_demand_it(agent: Agent, judge: ScriptedJudge) -> None:
    judge.failure = ModelUnavailable("away")
    agent.models.texts = (OPEN,)
    await take_turn(await claim(agent), agent.deps)
    assert OPEN in (await sent(agent) or "")
