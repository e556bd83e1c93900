"""Facts that come later are scores of the turn's trace: written with the fact, sent once, by whoever works."""

from datetime import timedelta
from typing import Literal

import pytest

from agent.ids import new_id
from agent.screening.opt_out import Wish, stop_writing
from agent.store import scores
from agent.tracing.scores import record_score
from agent.turn import record_status
from agent.types import DeliveryStatus, TurnId
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


async def facts(agent: Agent) -> set[tuple[str, object]]:
    rows = await agent.rows("select name, coalesce(to_jsonb(word), to_jsonb(number)) as value from scores")
    return {(row["name"], row["value"]) for row in rows}


@pytest.mark.parametrize("states", [("delivered",), ("delivered", "read"), ("read", "delivered"), ("failed",)])
async def test_what_became_of_a_message_is_a_score_of_the_turn_it_answers(
    agent: Agent, states: tuple[Literal["delivered", "read", "failed"], ...]
) -> None:
    turn_id = await turn_of(agent)
    sent = await agent.value("select provider_id from messages where turn_id = %s and direction = 'outbound'", turn_id)
    for state in states:
        status = DeliveryStatus(provider="simulator", provider_id=sent, state=state, message_id=None)
        await record_status(agent.tenant_id, status, agent.deps)
    assert ("delivery", "read" if "read" in states else states[-1]) in await facts(agent)


async def test_a_reply_and_an_opt_out_are_scores_of_the_turn_whose_answer_came_before(agent: Agent) -> None:
    turn_id = await turn_of(agent)
    await agent.answer(await agent.hear("STOP"))
    assert {("replied", 1), ("opt_out", 1)} <= await facts(agent)
    assert {row["turn_id"] for row in await agent.rows("select turn_id from scores")} == {turn_id}


async def test_an_opt_out_before_any_answer_is_a_score_of_the_turn_that_asked(agent: Agent) -> None:
    await agent.answer(await agent.hear("STOP"))
    assert await facts(agent) == {("opt_out", 1)}


async def test_a_complaint_is_a_score_of_the_turn_of_the_message_complained_of(agent: Agent) -> None:
    first = await turn_of(agent)
    await agent.answer(await agent.hear("¿y el horario?"))
    sent = await agent.value("select id from messages where turn_id = %s and direction = 'outbound'", first)
    conversation_id = await agent.value("select id from conversations")
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        wish = Wish(reason="complained about our mail", actor="email", evidence=sent, is_complaint=True)
        await stop_writing(tx, agent.tenant_id, conversation_id, wish, agent.deps.now())
    assert await agent.value("select turn_id from scores where name = 'complaint'") == first
