"""Contacts as staff look for them, and all that was said with one, over every conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.store.db import Tx
from agent.types import Channel, ContactId, ConversationId, MessageId

PAGE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedContact:
    """A contact in a list."""

    id: ContactId
    name: str | None
    language: str | None
    addresses: tuple[str, ...]
    channels: tuple[Channel, ...]
    last_inbound_at: datetime | None
    is_suppressed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidMessage:
    """A message of a contact's timeline, its text cut short."""

    id: MessageId
    conversation_id: ConversationId
    seq: int
    channel: Channel
    direction: str
    author: str
    member: str | None
    """Who of the staff sent it."""
    text: str
    subject: str | None
    state: str | None
    files: int
    created_at: datetime


_NEWEST = """select id, name, language from contacts
    where tenant_id = (select current_tenant()) and merged_into is null
      and (%(before)s::uuid is null or id < %(before)s)
    order by id desc limit %(limit)s"""
_FOUND = """select id, name, language from contacts
    where id = any(array(select find_contacts(%(search)s, %(before)s, %(limit)s)))"""
_DETAILED = """with found as ({})
    select f.*,
        array(select p.address from contact_points p where p.contact_id = f.id order by p.id) as addresses,
        array(select distinct a.channel from conversations c join channel_accounts a
              on a.id = c.channel_account_id where c.contact_id = f.id order by 1) as channels,
        (select max(c.last_inbound_at) from conversations c where c.contact_id = f.id) as last_inbound_at,
        exists (select from suppressions s where s.tenant_id = (select current_tenant())
                and s.contact_id = f.id and s.lifted_at is null) as is_suppressed
    from found f order by f.id desc"""


async def list_contacts(
    tx: Tx, search: str = "", *, before: UUID | None = None, limit: int = PAGE
) -> Sequence[ListedContact]:
    """Return contacts, the newest first, that have all words of `search`, or words that begin so, in their name or
    addresses, or a number with its four digits or more.

    Those who are part of another are not listed. `before`: the last one of the page before.
    """
    query = _DETAILED.format(_FOUND if search.strip() else _NEWEST)
    values = {"search": search.strip(), "before": before, "limit": limit}
    cursor = await tx.execute(query.encode(), values)
    return [
        ListedContact(**{**row, "addresses": tuple(row["addresses"]), "channels": tuple(row["channels"])})
        for row in await cursor.fetchall()
    ]


async def list_timeline(
    tx: Tx, contact_id: ContactId, *, before: int | None = None, limit: int = PAGE
) -> Sequence[SaidMessage]:
    """Return what was said with a contact in all conversations, newest first. `before`: number of the last one seen."""
    cursor = await tx.execute(
        """select m.id, m.conversation_id, m.seq, a.channel, m.direction, m.author, b.name as member,
                  left(m.body, 600) as text, m.subject, m.state, m.created_at,
                  (select count(*) from media f where f.message_id = m.id)::int as files
           from messages m join conversations c on c.id = m.conversation_id
           join channel_accounts a on a.id = m.channel_account_id
           left join members b on b.tenant_id = m.tenant_id and b.id = m.member_id
           where c.contact_id = %(id)s and (%(before)s::bigint is null or m.seq < %(before)s)
           order by m.seq desc limit %(limit)s""",
        {"id": contact_id, "before": before, "limit": limit},
    )
    return [SaidMessage(**row) for row in await cursor.fetchall()]
