"""Order and once-only when an answer is in doubt while the prospect goes on writing (promises P2 and P3)."""

import asyncio

import pytest

from agent.delivery import handover
from agent.errors import Ambiguous, Retryable
from agent.turn import deliver, take_turn
from agent.types import ConversationId, OutboundMessage
from tests.factories import make_classification
from tests.integration.agents import Agent

FIRST, SECOND = "¿cuánto cuesta?", "¿y los horarios?"
BOTH = f"{FIRST}\n{SECOND}"


async def fail_first_answer(agent: Agent, failure: Exception) -> ConversationId:
    """Hear the first message and answer it; the provider, which does not take it, fails so."""
    agent.sender.lost_answer = False
    agent.sender.failures = [failure]
    conversation = await agent.hear(FIRST)
    await agent.answer(conversation)
    assert agent.sender.taken == []
    return conversation


async def retry_delivery_in_doubt(agent: Agent) -> None:
    """Let another worker ask the provider about the message in doubt; then deliver what is pending."""
    await agent.lapse_claims()
    for row in await agent.rows("select id from messages where state = 'sending'"):
        await deliver(agent.tenant_id, row["id"], agent.deps)
    await agent.send_all()


async def test_answer_the_provider_did_not_take_is_withdrawn_when_the_prospect_goes_on(agent: Agent) -> None:
    conversation = await fail_first_answer(agent, Retryable("429"))
    await agent.hear(SECOND)
    await agent.answer(conversation)
    assert agent.models.drafted[-1] == BOTH
    assert len(agent.sender.taken) == 1


async def test_answer_waits_for_an_earlier_one_in_doubt(agent: Agent) -> None:
    agent.models.texts = ("Uno: {price:EN-INT}.", "Dos: {price:EN-INT}.")
    conversation = await fail_first_answer(agent, Ambiguous("timeout"))
    await agent.hear(SECOND)
    await agent.answer(conversation)
    assert agent.sender.taken == [], "the first may have to be sent again, and must not come second"
    await retry_delivery_in_doubt(agent)
    await agent.send_all()
    assert ["Uno" in message.text for message in agent.sender.taken] == [True, False]


async def test_answer_waits_for_an_earlier_notice_whose_job_was_lost(agent: Agent) -> None:
    agent.models.classification = make_classification(intent="human_request", confidence=0.95)
    conversation = await agent.hear("quiero hablar con una persona")
    await agent.take(await agent.claim(conversation))
    agent.models.classification = make_classification(intent="pricing", confidence=0.95)
    await agent.hear(FIRST)
    await agent.take(await agent.claim(conversation))
    notice, answer = await agent.rows("select id from messages where direction = 'outbound' order by seq")
    for message in (answer, notice):
        await deliver(agent.tenant_id, message["id"], agent.deps)
    assert [message.id for message in agent.sender.taken] == [notice["id"]]
    await agent.send_all()
    assert [message.id for message in agent.sender.taken] == [notice["id"], answer["id"]]


async def test_third_message_does_not_overtake_a_second_that_waits_for_the_first(agent: Agent) -> None:
    conversation = await fail_first_answer(agent, Ambiguous("timeout"))
    agent.models.classification = make_classification(intent="human_request", confidence=0.95)
    await agent.hear("quiero hablar con una persona")
    await agent.answer(conversation)
    agent.models.classification = make_classification(intent="pricing", confidence=0.95)
    await agent.hear(SECOND)
    await agent.answer(conversation)
    first, second, third = await agent.rows("select id from messages where direction = 'outbound' order by seq")
    await agent.lapse_claims()
    for message in (first, third, second, first, third, second, third):
        await deliver(agent.tenant_id, message["id"], agent.deps)
    assert [message.id for message in agent.sender.taken] == [first["id"], second["id"], third["id"]]


async def test_answer_withdrawn_while_the_next_turn_runs_is_given_with_the_next_answer(agent: Agent) -> None:
    conversation = await fail_first_answer(agent, Ambiguous("timeout"))
    await agent.hear(SECOND)
    under_way = await agent.claim(conversation)
    assert under_way.turn.text == SECOND
    await agent.change("update messages set claimed_until = now() - interval '1 s' where state = 'sending'")
    for _ in range(2):  # ask the provider, which does not have it; then find that the prospect has gone on
        await deliver(agent.tenant_id, await agent.value("select id from messages where attempt > 0"), agent.deps)
    await take_turn(under_way, agent.deps)
    assert agent.sender.taken == []
    await agent.answer(conversation)
    assert agent.models.drafted[-1] == BOTH
    assert len(agent.sender.taken) == 1


async def test_turn_of_a_dead_worker_is_not_resumed_when_an_older_message_has_come_back(agent: Agent) -> None:
    conversation = await fail_first_answer(agent, Ambiguous("timeout"))
    await agent.hear(SECOND)
    await agent.claim(conversation)
    await retry_delivery_in_doubt(agent)
    await agent.answer(conversation)
    assert agent.models.classified[-1] == BOTH
    assert len(agent.sender.taken) == 1
    assert await agent.rows("select first_seq, last_seq from turns where state = 'done'") == await agent.rows(
        "select min(seq) as first_seq, max(seq) as last_seq from messages where direction = 'inbound'"
    )


async def test_provider_that_hangs_is_given_up_well_before_the_claim_lapses(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: OutboundMessage) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(handover, "CALL_S", 0.2)
    agent.sender.before_send = hang
    await agent.answer(await agent.hear(FIRST))
    assert await agent.value("select state from deliveries") == "ambiguous"
    assert await agent.value("select state from messages where direction = 'outbound'") == "sending"


async def test_answer_that_says_what_an_earlier_one_said_is_not_taken_for_it(agent: Agent) -> None:
    conversation = await agent.hear(FIRST)
    await agent.answer(conversation)
    agent.sender.lost_answer = False
    agent.sender.failures = [Ambiguous("timeout")]
    await agent.hear(FIRST)
    await agent.answer(conversation)
    await retry_delivery_in_doubt(agent)
    assert agent.sender.told == {f"SM{agent.sender.taken[0].id.hex}"}
    assert len(agent.sender.taken) == 2
