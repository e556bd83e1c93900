"""Search: messages by their words, and conversations by their labels. Contacts are looked for in `contact_list`.

What is found is found by functions that tell ids (`…_search.sql`); the rows are read under row level security.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.store.db import Tx
from agent.types import Author, Channel, ConversationId, MessageId

PAGE = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageFilter:
    """Which messages are wanted; None: any."""

    channel: Channel | None = None
    author: Author | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a list goes on: the time and the number of the last message that was shown."""

    at: datetime
    seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundMessage:
    """A message, and whose conversation it is in."""

    id: MessageId
    conversation_id: ConversationId
    seq: int
    at: datetime
    author: Author
    member: str | None
    """Who of staff sent it."""
    subject: str | None
    body: str
    channel: Channel
    contact: str
    """Their name, else their address."""

    @property
    def place(self) -> Place:
        """Where the list goes on after it."""
        return Place(at=self.at, seq=self.seq)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledConversation:
    """A conversation with a label that was looked for."""

    id: ConversationId
    contact: str
    channel: Channel
    labels: Sequence[str]
    last_inbound_at: datetime | None


async def find_messages(
    tx: Tx, text: str, wanted: MessageFilter, *, after: Place | None = None, limit: int = PAGE
) -> Sequence[FoundMessage]:
    """Return messages that have all words of a text, or words that begin so, the newest first, from after a place on.

    Of words under three letters only the whole word counts. What was written and never sent is not found.
    """
    cursor = await tx.execute(
        """select m.id, m.conversation_id, m.seq, m.created_at as at, m.author, who.name as member, m.subject, m.body,
                  a.channel, coalesce(k.name, c.contact_address, p.address) as contact
           from find_messages(%(text)s, %(channel)s, %(author)s, %(since)s, %(until)s, %(seq)s, %(limit)s) f
           cross join lateral (select * from messages where id = f.found_id limit 1) m
           cross join lateral (select * from conversations where id = m.conversation_id limit 1) c
           cross join lateral (select channel from channel_accounts where id = c.channel_account_id limit 1) a
           cross join lateral (select address from contact_points where id = c.contact_point_id limit 1) p
           cross join lateral (select name from contacts where id = c.contact_id limit 1) k
           left join members who on who.id = m.member_id
           order by f.found_at desc, f.found_seq desc""",
        {
            "text": text,
            "channel": wanted.channel,
            "author": wanted.author,
            "since": wanted.since,
            "until": after.at if after else wanted.until,
            "seq": after.seq if after else None,
            "limit": limit,
        },
    )
    return [FoundMessage(**row) for row in await cursor.fetchall()]


async def find_labelled(tx: Tx, text: str, *, limit: int) -> Sequence[LabelledConversation]:
    """Return conversations with a label that begins with a text, whatever its case and accents, the newest first."""
    cursor = await tx.execute(
        """select c.id, coalesce(k.name, c.contact_address, p.address) as contact, a.channel, c.labels,
                  c.last_inbound_at
           from (
               select * from conversations
               where tenant_id = (select current_tenant()) and labels <> '{}' and labels && array(
                   select name from labels
                   where tenant_id = (select current_tenant()) and starts_with(fold_text(name), fold_text(%(text)s)))
               order by last_inbound_at desc nulls last, id limit %(limit)s) c
           cross join lateral (select channel from channel_accounts where id = c.channel_account_id limit 1) a
           cross join lateral (select address from contact_points where id = c.contact_point_id limit 1) p
           cross join lateral (select name from contacts where id = c.contact_id limit 1) k
           order by c.last_inbound_at desc nulls last, c.id""",
        {"text": text.strip(), "limit": limit},
    )
    return [LabelledConversation(**row) for row in await cursor.fetchall()]
