"""Requests for a person get their place in the queue, and keep it when a newer one replaces them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.agents import Agent


async def ask_for_person(agent: Agent, **entities: str) -> ConversationId:
    """A prospect asks for a person, and is told that one will answer."""
    agent.models.classification = replace(
        agent.models.classification, intent="human_request", needs_human=True, entities=entities
    )
    conversation_id = await agent.hear("Somos 12. Quiero hablar con una persona")
    await agent.answer(conversation_id)
    return conversation_id


async def escalations_of(agent: Agent) -> list[dict[str, Any]]:
    return await agent.rows("select * from escalations order by created_at, id")


async def test_a_request_knows_its_cause_value_and_deadline(agent: Agent, clock: FakeClock) -> None:
    await ask_for_person(agent, quantity="12", product="inglés")
    (asked,) = await escalations_of(agent)
    assert (asked["cause"], asked["risk"], asked["value"]) == ("asked", 2, "12")
    assert asked["due_at"] == clock.now + timedelta(minutes=30)


async def test_a_newer_request_keeps_the_earlier_deadline_and_the_wait(agent: Agent, clock: FakeClock) -> None:
    conversation_id = await ask_for_person(agent)
    clock.now += timedelta(minutes=20)
    await agent.hear("¿Hola?")
    await agent.answer(conversation_id)
    first, second = await escalations_of(agent)
    assert (first["state"], second["state"]) == ("replaced", "open")
    assert second["due_at"] == first["due_at"]
    assert second["waiting_since"] == first["waiting_since"]


async def test_a_window_that_closes_before_the_promise_is_the_deadline(agent: Agent, clock: FakeClock) -> None:
    conversation_id = await agent.hear("¿Cuánto cuesta?")
    clock.now += timedelta(hours=23, minutes=50)
    agent.models.classification = replace(agent.models.classification, intent="human_request", needs_human=True)
    await agent.answer(conversation_id)
    (asked,) = await escalations_of(agent)
    assert asked["due_at"] == clock.now + timedelta(minutes=5)
