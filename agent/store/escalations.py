"""Escalations: requests for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.escalation.urgency import Urgency
from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.store.templates import dump_proposal
from agent.templates.types import Proposal
from agent.types import Channel, ConversationId, MessageId, TenantId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalation:
    """A request for a person, with what they need to decide."""

    tenant_id: TenantId
    conversation_id: ConversationId
    turn_id: TurnId | None
    reason: str
    message_id: MessageId | None = None
    detail: str = ""
    draft: str | None = None
    verdicts: Sequence[Mapping[str, Any]] = ()
    """As `agent.check.dump_verdicts` writes them."""
    proposal: Proposal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What is known of a conversation when somebody is asked for."""

    channel: Channel
    last_inbound_at: datetime | None
    is_urgent: bool
    classification: Mapping[str, Any] | None
    """Of the turn, as its row keeps it; None: it has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenEscalation:
    """A request that nobody has settled, as far as its urgency goes."""

    id: UUID
    turn_id: TurnId | None
    reason: str
    verdicts: Sequence[Mapping[str, Any]]
    waiting_since: datetime


async def insert_escalation(tx: Tx, escalation: Escalation, urgency: Urgency) -> None:
    """Ask for a person.

    A conversation has one open request: an earlier one is replaced. How long the prospect has waited stays, and so does
    the earlier deadline.
    """
    replaced = await fetch_one(
        tx,
        """update escalations set state = 'replaced', resolved_at = clock_timestamp()
           where conversation_id = %s and state = 'open' returning waiting_since, due_at""",
        (escalation.conversation_id,),
    )
    await tx.execute(
        """insert into escalations (id, tenant_id, conversation_id, turn_id, message_id, reason, detail, draft,
                                    verdicts, proposal, waiting_since, due_at, risk, cause, value)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, clock_timestamp()), %s, %s, %s, %s)""",
        (
            new_id(),
            escalation.tenant_id,
            escalation.conversation_id,
            escalation.turn_id,
            escalation.message_id,
            escalation.reason,
            escalation.detail,
            escalation.draft,
            Jsonb(list(escalation.verdicts)),
            dump_proposal(escalation.proposal),
            replaced["waiting_since"] if replaced else None,
            min(urgency.due_at, replaced["due_at"]) if replaced else urgency.due_at,
            urgency.risk,
            urgency.cause,
            urgency.value,
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


async def find_open_escalation(tx: Tx, conversation_id: ConversationId) -> OpenEscalation | None:
    """Return a conversation's open request; None: there is none."""
    row = await fetch_one(
        tx,
        """select id, turn_id, reason, verdicts, waiting_since from escalations
           where conversation_id = %s and state = 'open'""",
        (conversation_id,),
    )
    return None if row is None else OpenEscalation(**row)


async def set_urgency(tx: Tx, escalation_id: UUID, urgency: Urgency) -> None:
    """Give a request another place in the queue."""
    await tx.execute(
        "update escalations set due_at = %s, risk = %s, cause = %s, value = %s where id = %s",
        (urgency.due_at, urgency.risk, urgency.cause, urgency.value, escalation_id),
    )


async def get_circumstances(tx: Tx, conversation_id: ConversationId, turn_id: TurnId | None) -> Circumstances:
    """Return what bears on how urgent a request about a conversation is.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    row = await fetch_one(
        tx,
        """select a.channel, c.last_inbound_at, c.is_urgent, t.steps->'classification' as classification
           from conversations c join channel_accounts a on a.id = c.channel_account_id
           left join turns t on t.id = %s and t.conversation_id = c.id where c.id = %s""",
        (turn_id, conversation_id),
    )
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    return Circumstances(**row)
