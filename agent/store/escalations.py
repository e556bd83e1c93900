"""Escalations: requests for a person."""

from typing import Any

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.store.templates import dump_proposal
from agent.template_types import Proposal
from agent.types import ConversationId, MessageId, TenantId, TurnId


async def insert_escalation(
    tx: Tx,
    *,
    tenant_id: TenantId,
    conversation_id: ConversationId,
    turn_id: TurnId | None,
    message_id: MessageId | None = None,
    reason: str,
    detail: str = "",
    draft: str | None = None,
    verdicts: list[dict[str, Any]] | None = None,
    proposal: Proposal | None = None,
) -> None:
    """Ask for a person, with what they need to decide."""
    await tx.execute(
        """insert into escalations
               (id, tenant_id, conversation_id, turn_id, message_id, reason, detail, draft, verdicts, proposal)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            new_id(),
            tenant_id,
            conversation_id,
            turn_id,
            message_id,
            reason,
            detail,
            draft,
            Jsonb(verdicts or []),
            dump_proposal(proposal),
        ),
    )


async def has_open_escalation(tx: Tx, conversation_id: ConversationId) -> bool:
    """Whether staff have already been asked about this conversation and have not answered yet."""
    row = await fetch_one(
        tx,
        "select exists (select from escalations where conversation_id = %s and state = 'open') as open",
        (conversation_id,),
    )
    return bool(row and row["open"])
