"""Facts that come later are scores of the turn's trace: written with the fact, sent once, by whoever works."""

from datetime import timedelta

import pytest

from agent.ids import new_id
from agent.scores import record_score
from agent.store import scores
from agent.types import TurnId
from tests.integration.agents import Agent


async def turn_of(agent: Agent) -> TurnId:
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
    return TurnId(await agent.value("select id from turns"))


async def record(agent: Agent, turn_id: TurnId, name: str, value: float | str, **more: str) -> None:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await record_score(tx, turn_id, name, value, at=agent.deps.now(), **more)


async def told(agent: Agent, name: str) -> list[tuple[str, object, int]]:
    rows = await agent.rows(
        "select subject, coalesce(to_jsonb(word), to_jsonb(number)) as value, revision from scores where name = %s",
        name,
    )
    return [(row["subject"], row["value"], row["revision"]) for row in rows]


@pytest.mark.parametrize(("first", "later"), [("approved", "rejected"), (1, 0.25), ("2", 2)])
async def test_a_later_value_replaces_the_score_and_the_same_value_changes_nothing(
    agent: Agent, first: float | str, later: float | str
) -> None:
    turn_id = await turn_of(agent)
    for value in (first, first, later, later):
        await record(agent, turn_id, "verdict", value)
    assert await told(agent, "verdict") == [("", later, 2)]


async def test_scores_of_one_name_about_different_subjects_are_kept_apart(agent: Agent) -> None:
    turn_id = await turn_of(agent)
    for subject in ("a", "b"):
        await record(agent, turn_id, "verdict", "yes", subject=subject)
    assert sorted(await told(agent, "verdict")) == [("a", "yes", 1), ("b", "yes", 1)]


async def test_a_turn_that_is_not_there_gets_no_score(agent: Agent) -> None:
    await record(agent, TurnId(new_id()), "verdict", "yes")
    assert await told(agent, "verdict") == []


async def test_a_claimed_score_is_due_again_later_unless_it_was_settled(agent: Agent) -> None:
    turn_id = await turn_of(agent)
    await agent.change("update turns set trace = 'sent'")
    await agent.change("delete from scores")
    await record(agent, turn_id, "verdict", "yes")
    async with agent.deps.db.system() as tx:
        ((tenant_id, score_id),) = await scores.claim_due_scores(tx, retry_s=60, limit=10)
        assert await scores.claim_due_scores(tx, retry_s=60, limit=10) == []
    assert tenant_id == agent.tenant_id
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        (due,) = await scores.list_sendable(tx, [score_id])
        await record_score(tx, turn_id, "verdict", "no", at=agent.deps.now() + timedelta(seconds=1))
        await scores.settle_score(tx, due, at=agent.deps.now())
    assert await agent.value("select sent_at from scores") is None, "it has changed since it was claimed"
