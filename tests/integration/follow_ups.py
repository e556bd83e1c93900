"""Texts that we start ourselves, put into the outbox as a schedule would."""

from datetime import timedelta

from agent.ids import new_id
from agent.store import outbox
from agent.types import Candidate, Channel, ConversationId, MessageId, Purpose
from tests.conftest import FakeClock
from tests.integration.agents import Agent

FOLLOW_UP = "¿Te quedó alguna duda sobre el intensivo?"


async def queue_follow_up(
    agent: Agent,
    conversation: ConversationId,
    clock: FakeClock,
    *,
    text: str = FOLLOW_UP,
    purpose: Purpose = "follow_up",
    channel: Channel = "whatsapp",
    after: timedelta = timedelta(hours=20),
) -> MessageId:
    """Put a text that we start ourselves into the outbox, after the last turn of the conversation."""
    message_id = MessageId(new_id())
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        turn_id = await agent.value(
            "select id from turns where conversation_id = %s order by created_at desc limit 1", conversation
        )
        await outbox.insert_outbound(
            tx,
            message_id=message_id,
            tenant_id=agent.tenant_id,
            conversation_id=conversation,
            turn_id=turn_id,
            candidate=Candidate(text=text, language="es", channel=channel, purpose=purpose),
            source="claude",
            draft={"confidence": 0.9, "needs_human": False},
            subject=None,
            created_at=clock(),
            not_before=clock() + after,
        )
    return message_id
