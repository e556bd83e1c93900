"""Conversations and open requests as staff review them: who it is, how long we may still write freely, what waits.

The inbox and the command line read from here, so that both count the same time down.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from agent.reply_window import OPEN_FOR, ReplyWindow, reply_window_of
from agent.store.db import Tx, fetch_one
from agent.store.templates import read_proposal
from agent.template_types import Proposal
from agent.types import Channel, ConversationId, TurnId

MAX_ROWS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewedConversation:
    """A conversation in short."""

    id: ConversationId
    channel: Channel
    our_address: str
    contact_address: str
    contact_name: str | None
    owner: str
    """Who answers: `agent` or `staff`."""
    language: str | None
    last_inbound_at: datetime | None
    open_escalations: int
    unsent: int
    """Messages of ours that have not left yet."""

    def window(self, now: datetime) -> ReplyWindow | None:
        """Return how long we may still write freely; None: the channel has no limit."""
        return reply_window_of(self.channel, self.last_inbound_at, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRequest:
    """A request for a person that nobody has settled yet."""

    id: UUID
    conversation_id: ConversationId
    turn_id: TurnId | None
    reason: str
    detail: str
    draft: str | None
    created_at: datetime
    proposal: Proposal | None


async def list_conversations(
    tx: Tx, now: datetime, *, closing_within: timedelta | None = None, only: ConversationId | None = None
) -> tuple[ReviewedConversation, ...]:
    """Return the tenant's conversations, or `only` that one, those with the newest word first.

    With `closing_within`, only those whose reply window is open and closes within that time, the soonest first.
    """
    closing = closing_within is not None
    cursor = await tx.execute(
        """select c.id, a.channel, a.address as our_address, coalesce(c.contact_address, p.address) as contact_address,
                  contact.name as contact_name, c.owner, c.language, c.last_inbound_at, e.open_escalations, m.unsent
           from conversations c
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id
           join contacts contact on contact.id = c.contact_id
           cross join lateral (select count(*)::int as open_escalations from escalations
                               where conversation_id = c.id and state = 'open') e
           cross join lateral (select count(*)::int as unsent from messages
                               where tenant_id = c.tenant_id and conversation_id = c.id and direction = 'outbound'
                                 and state in ('pending', 'sending')) m
           where c.tenant_id = (select current_tenant()) and (%(only)s::uuid is null or c.id = %(only)s)
             and (not %(closing)s
                  or (a.channel = 'whatsapp' and c.last_inbound_at > %(opened)s and c.last_inbound_at <= %(until)s))
           order by case when %(closing)s then c.last_inbound_at end, c.last_inbound_at desc nulls last, c.id
           limit %(limit)s""",
        {
            "only": only,
            "closing": closing,
            "opened": now - OPEN_FOR,
            "until": now - OPEN_FOR + (closing_within or timedelta()),
            "limit": MAX_ROWS,
        },
    )
    return tuple(ReviewedConversation(**row) for row in await cursor.fetchall())


async def list_open_requests(tx: Tx, conversation_id: ConversationId) -> tuple[OpenRequest, ...]:
    """Return what a person is asked about a conversation, oldest first."""
    cursor = await tx.execute(
        """select id, conversation_id, turn_id, reason, detail, draft, created_at, proposal from escalations
           where conversation_id = %s and state = 'open' order by created_at, id""",
        (conversation_id,),
    )
    return tuple(_request(**row) for row in await cursor.fetchall())


async def lock_open_request(tx: Tx, escalation_id: UUID) -> OpenRequest | None:
    """Return a request that is still open, until the transaction ends for us alone; None: it is settled, or none."""
    row = await fetch_one(
        tx,
        """select id, conversation_id, turn_id, reason, detail, draft, created_at, proposal from escalations
           where id = %s and state = 'open' for update""",
        (escalation_id,),
    )
    return _request(**row) if row else None


async def settle_request(tx: Tx, escalation_id: UUID, at: datetime) -> None:
    """Close a request: somebody has seen to it."""
    await tx.execute(
        "update escalations set state = 'resolved', resolved_at = %s where id = %s and state = 'open'",
        (at, escalation_id),
    )


async def find_latest_turn(tx: Tx, conversation_id: ConversationId) -> TurnId | None:
    """Return the last turn that was taken of a conversation; None: none ever was."""
    row = await fetch_one(
        tx,
        """select t.id from turns t where t.conversation_id = %s
             and exists (select from messages m where m.turn_id = t.id and m.direction = 'inbound')
           order by t.last_seq desc limit 1""",
        (conversation_id,),
    )
    return row["id"] if row else None


def _request(proposal: dict[str, object] | None, **row: object) -> OpenRequest:
    known: dict[str, object] = {**row, "proposal": read_proposal(proposal)}
    return OpenRequest(**known)  # type: ignore[arg-type]  # a row with exactly these columns
