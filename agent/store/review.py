"""Conversations as the command line lists them: who it is, how long we may still write freely, what waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.reply_window import OPEN_FOR, ReplyWindow, reply_window_of
from agent.store.db import Tx
from agent.types import Channel, ConversationId

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
