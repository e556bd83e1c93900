"""STOP, START and HELP on a real PostgreSQL: confirmed once, and effective at once for whatever waits to be sent."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from agent.gather import Gathered
from agent.turn import deliver, take_turn
from agent.types import ConversationId, MessageId
from tests.conftest import FakeClock
from tests.factories import make_classification
from tests.integration.agents import Agent
from tests.integration.follow_ups import FOLLOW_UP, queue_follow_up

MORNINGS = '{"hours": [{"days": "mon-sun", "from": "09:00", "to": "12:00"}]}'


async def talk(agent: Agent, text: str, **fields: Any) -> ConversationId:
    """Say something and get what it is answered with."""
    conversation = await agent.hear(text, **fields)
    await agent.answer(conversation)
    return conversation


async def state_of(agent: Agent, message_id: MessageId | UUID) -> str:
    return str(await agent.value("select state from messages where id = %s", message_id))


def texts(agent: Agent) -> list[str]:
    return [message.text for message in agent.sender.taken]


# --- one confirmation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["STOP", "baja", "PARAR", "no me escriban más", "para de me mandar mensagem"])
async def test_opt_out_is_confirmed_once(agent: Agent, word: str) -> None:
    for _ in range(3):
        await talk(agent, word)
    assert len(agent.sender.taken) == 1
    assert "START" in texts(agent)[0]
    assert await agent.value("select count(*) from suppressions where lifted_at is null") == 1
    assert agent.models.classified == []


async def test_opt_out_is_confirmed_also_while_staff_answer(agent: Agent) -> None:
    conversation = await agent.hear("STOP")
    await agent.change("update conversations set owner = 'staff'")
    await agent.answer(conversation)
    assert ["START" in text for text in texts(agent)] == [True]


async def test_return_is_confirmed_once_and_the_agent_answers_again(agent: Agent) -> None:
    for word in ("STOP", "START", "¿cuánto cuesta el intensivo?"):
        await talk(agent, word)
    stopped, back, answer = texts(agent)
    assert "START" in stopped
    assert "STOP" in back
    assert "399,00 €" in answer
    assert await agent.value("select count(*) from suppressions where lifted_at is null") == 0


async def test_return_without_an_opt_out_is_an_ordinary_message(agent: Agent) -> None:
    await talk(agent, "START")
    assert agent.models.classified == ["START"]


async def test_help_is_answered_before_and_after_an_opt_out(agent: Agent) -> None:
    for word in ("HELP", "STOP", "HELP"):
        await talk(agent, word)
    help_before, stopped, help_after = texts(agent)
    assert help_before == help_after
    assert "START" in stopped
    assert agent.models.classified == []


async def test_last_wish_of_a_burst_counts(agent: Agent) -> None:
    await talk(agent, "STOP")
    await agent.hear("START")
    await talk(agent, "STOP")
    assert await agent.value("select count(*) from suppressions where lifted_at is null") == 1
    assert len(agent.sender.taken) == 1, "the opt-out stood before and stands after"


# --- what waits -------------------------------------------------------------------------------------------------


async def test_opt_out_cancels_the_delayed_answer_and_the_follow_up(agent: Agent, clock: FakeClock) -> None:
    conversation = await talk(agent, "¿cuánto cuesta el intensivo?")
    follow_up = await queue_follow_up(agent, conversation, clock)
    await agent.change("update tenants set updated_at = now(), profile = profile || %s::jsonb", MORNINGS)
    await talk(agent, "¿y el horario?", provider_id="delayed")  # 16:00 in Madrid: waits for the morning
    waiting = await agent.value("select id from messages where state = 'pending' and purpose = 'reply'")
    await agent.change("update tenants set updated_at = now() + interval '1 s', profile = profile - 'hours'")
    await talk(agent, "no me escriban más")
    assert [await state_of(agent, each) for each in (waiting, follow_up)] == ["superseded", "superseded"]
    clock.advance(timedelta(days=1).total_seconds())
    await agent.send_all()
    for message_id in (waiting, follow_up):
        await deliver(agent.tenant_id, message_id, agent.deps)
    assert len(agent.sender.taken) == 2, "the first answer, and the confirmation"


async def test_opt_out_cancels_what_waits_in_the_contacts_other_conversations(agent: Agent, clock: FakeClock) -> None:
    await agent.change(
        """insert into channel_accounts (id, tenant_id, channel, address, provider)
           values (gen_random_uuid(), %s, 'sms', '+34910555099', 'simulator')""",
        agent.tenant_id,
    )
    other = await talk(agent, "¿cuánto cuesta el intensivo?", channel="sms", recipient="+34910555099")
    follow_up = await queue_follow_up(agent, other, clock, channel="sms")
    await talk(agent, "STOP")
    assert await state_of(agent, follow_up) == "superseded"
    assert await agent.value("select error from messages where id = %s", follow_up) == "the contact opted out"


async def test_opt_out_in_the_contacts_own_words_cancels_it_too(agent: Agent, clock: FakeClock) -> None:
    follow_up = await queue_follow_up(agent, await talk(agent, "¿cuánto cuesta el intensivo?"), clock)
    agent.models.classification = make_classification(intent="opt_out", confidence=0.95)
    await talk(agent, "ya me cansé de ustedes, borren mi contacto de su agenda")
    assert await state_of(agent, follow_up) == "superseded"


async def test_return_brings_nothing_back(agent: Agent, clock: FakeClock) -> None:
    follow_up = await queue_follow_up(agent, await talk(agent, "¿cuánto cuesta el intensivo?"), clock)
    await talk(agent, "STOP")
    await talk(agent, "START")
    assert await state_of(agent, follow_up) == "superseded"


async def test_follow_up_queued_after_an_opt_out_is_not_sent(agent: Agent, clock: FakeClock) -> None:
    await talk(agent, "¿cuánto cuesta el intensivo?")
    follow_up = await queue_follow_up(agent, await talk(agent, "STOP"), clock, after=timedelta(0))
    sent = len(agent.sender.taken)
    await agent.send_all()
    assert len(agent.sender.taken) == sent
    assert await state_of(agent, follow_up) == "superseded"
    assert "asked us" in await agent.value("select reason from escalations")


async def test_opt_out_that_arrives_with_a_reply_in_hand_wins_at_sending(agent: Agent) -> None:
    gathered: Gathered = await agent.claim(await agent.hear("¿cuánto cuesta el intensivo?"))
    await take_turn(gathered, agent.deps)
    await agent.change(
        """insert into suppressions (id, tenant_id, contact_id, kind, normalised, reason, created_at)
           select gen_random_uuid(), tenant_id, contact_id, kind, normalised, 'STOP', now() from contact_points"""
    )
    await agent.send_all()
    assert agent.sender.taken == []


# --- follow-ups -------------------------------------------------------------------------------------------------


async def test_follow_up_is_stored_checked_and_sent(agent: Agent, clock: FakeClock) -> None:
    follow_up = await queue_follow_up(agent, await talk(agent, "¿cuánto cuesta el intensivo?"), clock)
    clock.advance(timedelta(hours=20).total_seconds())
    await agent.send_all()
    assert texts(agent)[-1] == FOLLOW_UP, "the conversation has begun: no disclosure is asked for"
    verdicts = await agent.value("select verdicts from messages where id = %s", follow_up)
    assert {verdict["outcome"] for verdict in verdicts} == {"pass"}


async def test_follow_up_is_taken_back_when_the_contact_writes_and_only_the_new_message_is_answered(
    agent: Agent, clock: FakeClock
) -> None:
    follow_up = await queue_follow_up(agent, await talk(agent, "¿cuánto cuesta el intensivo?"), clock)
    await talk(agent, "¿y el horario?")
    assert await state_of(agent, follow_up) == "superseded"
    assert agent.models.drafted == ["¿cuánto cuesta el intensivo?", "¿y el horario?"]


async def test_follow_up_that_is_due_while_a_message_is_unread_is_taken_back(agent: Agent, clock: FakeClock) -> None:
    conversation = await talk(agent, "¿cuánto cuesta el intensivo?")
    follow_up = await queue_follow_up(agent, conversation, clock, after=timedelta(0))
    await agent.hear("¿y el horario?")
    await agent.send_all()
    assert await state_of(agent, follow_up) == "superseded"
    await agent.answer(conversation)
    assert agent.models.drafted[-1] == "¿y el horario?"


async def test_unanswered_texts_count_for_the_next_follow_up(agent: Agent, clock: FakeClock) -> None:
    conversation = await talk(agent, "¿cuánto cuesta el intensivo?")
    for number in range(3):
        clock.advance(3600)
        await queue_follow_up(agent, conversation, clock, text=f"{FOLLOW_UP} ({number})", after=timedelta(0))
        await agent.send_all()
    assert len(agent.sender.taken) == 3, "the answer and two follow-ups; a third one needs a person"
    assert "without an answer" in await agent.value("select reason from escalations")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("El intensivo cuesta 250 €.", "pricing"),
        ("No te lo pienses más, que eres idiota.", "tone"),
        ("Did you have any other question about the course we talked about?", "language"),
        ("Soy una persona real y te espero.", "disclosure"),
        ("Mira bit.ly/oferta", "links"),
    ],
)
async def test_follow_up_passes_the_same_rules_as_a_reply(agent: Agent, clock: FakeClock, text: str, rule: str) -> None:
    conversation = await talk(agent, "¿cuánto cuesta el intensivo?")
    await queue_follow_up(agent, conversation, clock, text=text, after=timedelta(0))
    await agent.send_all()
    assert len(agent.sender.taken) == 1
    verdicts = await agent.value("select verdicts from escalations")
    assert rule in [verdict["rule"] for verdict in verdicts if verdict["outcome"] != "pass"]


async def test_follow_up_of_which_the_writer_is_unsure_is_not_sent(agent: Agent, clock: FakeClock) -> None:
    conversation = await talk(agent, "¿cuánto cuesta el intensivo?")
    follow_up = await queue_follow_up(agent, conversation, clock, after=timedelta(0))
    await agent.change("""update messages set draft = '{"confidence": 0.2}' where id = %s""", follow_up)
    await agent.send_all()
    assert await state_of(agent, follow_up) == "superseded"
