"""Suppressions: standing "do not write" rows, per person and per address, with their proof."""

from collections.abc import Mapping
from datetime import datetime

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx
from agent.types import ConversationId, MessageId

STANDING = """left join lateral (
               select reason, created_at from suppressions
               where tenant_id = c.tenant_id and lifted_at is null
                 and (contact_id = c.contact_id or (kind = p.kind and normalised = p.normalised))
               order by created_at limit 1) s on true"""
"""Joins the suppression `s` that stands for conversation `c` at address `p`: the person's, or the address's own."""


async def suppress(
    tx: Tx,
    conversation_id: ConversationId,
    *,
    reason: str,
    evidence: MessageId | None,
    at: datetime,
    proof: Mapping[str, str] | None = None,
) -> list[ConversationId]:
    """Suppress every address of the conversation's contact; return all conversations this silences.

    An opt-out holds for the person: on all channels, until they ask to come back. One that stands keeps its proof.
    """
    cursor = await tx.execute(
        """select p.kind, p.normalised, p.contact_id, p.tenant_id from contact_points p
           join conversations c on c.contact_id = p.contact_id where c.id = %s""",
        (conversation_id,),
    )
    for point in await cursor.fetchall():
        await tx.execute(
            """insert into suppressions
                   (id, tenant_id, contact_id, kind, normalised, reason, evidence_message_id, proof, created_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (tenant_id, kind, normalised) where lifted_at is null do nothing""",
            (
                new_id(),
                point["tenant_id"],
                point["contact_id"],
                point["kind"],
                point["normalised"],
                reason,
                evidence,
                Jsonb(dict(proof or {})),
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
    """Lift all suppressions of the conversation's contact, who asked to come back; return how many.

    Also those on an address of theirs that was another contact's when it opted out.
    """
    cursor = await tx.execute(
        """update suppressions s set lifted_at = %s from conversations c
           where c.id = %s and s.lifted_at is null and s.tenant_id = c.tenant_id
             and (s.contact_id = c.contact_id
                  or exists (select from contact_points p where p.contact_id = c.contact_id
                             and p.kind = s.kind and p.normalised = s.normalised))""",
        (at, conversation_id),
    )
    return cursor.rowcount
