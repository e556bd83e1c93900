"""Suppressions: standing "do not write" rows, per person and per address, with their proof."""

from datetime import datetime

from agent.ids import new_id
from agent.store.db import Tx
from agent.types import ConversationId, MessageId


async def suppress(
    tx: Tx, conversation_id: ConversationId, *, reason: str, evidence: MessageId | None, at: datetime
) -> list[ConversationId]:
    """Suppress every address of the conversation's contact; return all conversations this silences.

    An opt-out holds for the person: on all channels, until they ask to come back.
    """
    cursor = await tx.execute(
        """select p.kind, p.normalised, p.contact_id, p.tenant_id from contact_points p
           join conversations c on c.contact_id = p.contact_id where c.id = %s""",
        (conversation_id,),
    )
    for point in await cursor.fetchall():
        await tx.execute(
            """insert into suppressions
                   (id, tenant_id, contact_id, kind, normalised, reason, evidence_message_id, created_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (tenant_id, kind, normalised) where lifted_at is null do nothing""",
            (
                new_id(),
                point["tenant_id"],
                point["contact_id"],
                point["kind"],
                point["normalised"],
                reason,
                evidence,
                at,
            ),
        )
    siblings = await tx.execute(
        """select s.id from conversations s join conversations c on c.contact_id = s.contact_id
           where c.id = %s and s.tenant_id = (select current_tenant())""",
        (conversation_id,),
    )
    return [row["id"] for row in await siblings.fetchall()]


async def lift_suppressions(tx: Tx, conversation_id: ConversationId, *, at: datetime) -> int:
    """Lift all suppressions of the conversation's contact, who asked to come back; return how many."""
    cursor = await tx.execute(
        """update suppressions s set lifted_at = %s from conversations c
           where c.id = %s and s.contact_id = c.contact_id and s.lifted_at is null""",
        (at, conversation_id),
    )
    return cursor.rowcount
