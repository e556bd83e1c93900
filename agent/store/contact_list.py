"""Contacts as staff look for them, and all that was said with one, over every conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.store.db import Tx
from agent.types import Channel, ContactId, ConversationId, MessageId

PAGE = 50
DIGITS = 4
"""So many digits at least are looked for as part of a number; fewer are part of too many."""


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


async def list_contacts(
    tx: Tx, search: str = "", *, before: UUID | None = None, limit: int = PAGE
) -> Sequence[ListedContact]:
    """Return contacts, the newest first, that have all words of `search` in their name, or it in an address (one
    with a point or an @, or four digits).

    Those who are part of another are not listed. `before`: the last one of the page before.
    """
    found = await _find_ids(tx, search, before, limit) if search.strip() else None
    cursor = await tx.execute(
        """with found as (
               select id, name, language from contacts
               where tenant_id = (select current_tenant()) and merged_into is null
                 and (%(before)s::uuid is null or id < %(before)s)
                 and (%(found)s::uuid[] is null or id = any(%(found)s::uuid[]))
               order by id desc limit %(limit)s)
           select f.*,
               array(select p.address from contact_points p where p.contact_id = f.id order by p.id) as addresses,
               array(select distinct a.channel from conversations c join channel_accounts a
                     on a.id = c.channel_account_id where c.contact_id = f.id order by 1) as channels,
               (select max(c.last_inbound_at) from conversations c where c.contact_id = f.id) as last_inbound_at,
               exists (select from suppressions s where s.tenant_id = (select current_tenant())
                       and s.contact_id = f.id and s.lifted_at is null) as is_suppressed
           from found f order by f.id desc""",
        {"found": found, "before": before, "limit": limit},
    )
    return [
        ListedContact(**{**row, "addresses": tuple(row["addresses"]), "channels": tuple(row["channels"])})
        for row in await cursor.fetchall()
    ]


async def _find_ids(tx: Tx, search: str, before: UUID | None, limit: int) -> list[UUID]:
    """Return the newest contacts found by name or by address: a number is no name."""
    digits = "".join(each for each in search if each.isdecimal())
    is_number = len(digits) >= DIGITS and not any(each.isalpha() for each in search)
    part = digits if is_number else search.strip().lower()
    ids = [] if is_number else await _find_by_name(tx, search, before, limit)
    if is_number or "@" in part or "." in part:
        addresses = await tx.execute(
            """select distinct contact_id as id from contact_points
               where tenant_id = (select current_tenant()) and (kind = 'phone') = %(is_number)s
                 and (%(before)s::uuid is null or contact_id < %(before)s) and normalised like %(part)s
               order by contact_id desc limit %(limit)s""",
            {"is_number": is_number, "part": f"%{_like(part)}%", "before": before, "limit": limit},
        )
        ids += [row["id"] for row in await addresses.fetchall()]
    return ids


async def _find_by_name(tx: Tx, search: str, before: UUID | None, limit: int) -> list[UUID]:
    cursor = await tx.execute(
        """with wanted as materialized (select array_agg(fold_name(word)) as words from unnest(%(words)s::text[]) word)
           select id from contacts where tenant_id = (select current_tenant()) and merged_into is null
             and (%(before)s::uuid is null or id < %(before)s)
             and name_folded like all ((select words from wanted)::text[])
           order by id desc limit %(limit)s""",
        {"words": [f"%{_like(word)}%" for word in search.split()[:8]], "before": before, "limit": limit},
    )
    return [row["id"] for row in await cursor.fetchall()]


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


def _like(text: str) -> str:
    """Return a text for `like`, in which it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
