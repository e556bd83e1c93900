"""Files that come with messages: what was announced, and what became of it. The migration describes their states.

A pending row that is due is work; the queue job only wakes a worker. Whoever claims one has until `due_at`; should two
fetch the same file, both store the same bytes, and the first to finish counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.message_details import MessageKind, details_to_json
from agent.store.db import Tx, fetch_one
from agent.types import Channel, ContactId, InboundMessage, MediaId, MediaState, MessageId, TenantId

CLAIM_S = 90.0
"""So long a worker has for a file; then another may try."""
MAX_QUOTED_CHARS = 500
DUE_LIMIT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingMedia:
    """A file to be fetched, under a claim."""

    id: MediaId
    message_id: MessageId
    position: int
    """Its place among the files of its message, from 0."""
    url: str
    announced_type: str
    filename: str | None
    attempt: int
    """Counts the claims, this one included."""
    channel: Channel
    kind: MessageKind


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """What has been stored of a file."""

    sha256: str
    size: int
    content_type: str
    filename: str | None
    transcript: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedMedia:
    """A stored file, as a link shows it."""

    content_type: str
    filename: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A file as staff look for it."""

    id: MediaId
    tenant_id: TenantId
    message_id: MessageId
    contact_address: str
    state: MediaState
    reason: str
    content_type: str
    filename: str | None
    size: int | None
    transcript: str | None
    created_at: datetime


async def insert_arrived(tx: Tx, tenant_id: TenantId, message_id: MessageId, message: InboundMessage) -> None:
    """Keep what came with the text of a message just stored, and have its files fetched."""
    details = details_to_json(message.details)
    await tx.execute(
        """update messages m set kind = %(kind)s, details = %(details)s::jsonb || coalesce(
               (select jsonb_build_object('quoted', left(q.body, %(most)s), 'quotes_us', q.direction = 'outbound')
                from messages q where q.conversation_id = m.conversation_id and q.provider_id = %(reply_to)s
                order by q.seq desc limit 1), '{}')
           where m.id = %(id)s""",
        {
            "id": message_id,
            "kind": message.kind,
            "details": Jsonb(details),
            "reply_to": message.details.reply_to or None,
            "most": MAX_QUOTED_CHARS,
        },
    )
    for position, media in enumerate(message.media):
        await tx.execute(
            """insert into media (id, tenant_id, message_id, position, url, announced_type, filename, size)
               values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            (new_id(), tenant_id, message_id, position, media.url, media.content_type, media.filename, media.size),
        )
    if message.media:
        arguments = {"tenant_id": str(tenant_id), "message_id": str(message_id)}
        await tx.execute("select defer_job('media', %s, 0)", (Jsonb(arguments),))


async def claim_media(tx: Tx, message_id: MessageId) -> list[PendingMedia]:
    """Take the files of a message that are due, in order."""
    cursor = await tx.execute(
        """with due as (
               update media set attempt = attempt + 1, due_at = clock_timestamp() + %s * interval '1 s'
               where message_id = %s and state = 'pending' and due_at <= clock_timestamp()
               returning id, message_id, position, url, announced_type, filename, attempt)
           select due.*, a.channel, m.kind from due
           join messages m on m.id = due.message_id
           join channel_accounts a on a.id = m.channel_account_id order by due.position""",
        (CLAIM_S, message_id),
    )
    return [PendingMedia(**row) for row in await cursor.fetchall()]


async def mark_media_stored(tx: Tx, media_id: MediaId, stored: StoredFile) -> bool:
    """Record that a file is in the store; False: somebody was faster. What was heard becomes its message's text."""
    cursor = await tx.execute(
        """update media set state = 'stored', sha256 = %(sha256)s, size = %(size)s, content_type = %(content_type)s,
               filename = %(filename)s, transcript = %(transcript)s, finished_at = clock_timestamp()
           where id = %(id)s and state = 'pending'""",
        {
            "id": media_id,
            "sha256": stored.sha256,
            "size": stored.size,
            "content_type": stored.content_type,
            "filename": stored.filename,
            "transcript": stored.transcript,
        },
    )
    if cursor.rowcount and stored.transcript:
        await tx.execute(
            """update messages set details = (details - 'wordless') || '{"transcribed": true}',
                   body = case when body = '' or details ? 'wordless' then %(said)s
                               else body || E'\\n' || %(said)s end
               where id = (select message_id from media where id = %(id)s)""",
            {"said": stored.transcript, "id": media_id},
        )
    return cursor.rowcount == 1


async def mark_media_ended(tx: Tx, media_id: MediaId, state: MediaState, reason: str) -> bool:
    """Record that a file is refused or could not be had, and why; False: somebody was faster."""
    cursor = await tx.execute(
        """update media set state = %s, reason = %s, finished_at = clock_timestamp()
           where id = %s and state = 'pending'""",
        (state, reason[:500], media_id),
    )
    return cursor.rowcount == 1


async def postpone_media(tx: Tx, media_id: MediaId, delay_s: float) -> None:
    """Have a file fetched again in `delay_s` seconds."""
    await tx.execute(
        "update media set due_at = clock_timestamp() + %s * interval '1 s' where id = %s and state = 'pending'",
        (delay_s, media_id),
    )


async def count_stored_bytes(tx: Tx, message_id: MessageId, *, within_s: float) -> int:
    """Return how many bytes of files the sender of a message has had stored in the last `within_s` seconds."""
    row = await fetch_one(
        tx,
        """select coalesce(sum(f.size), 0)::bigint as stored
           from messages told
           join conversations here on here.id = told.conversation_id
           join conversations c on c.tenant_id = here.tenant_id and c.contact_id = here.contact_id
           join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
           join media f on f.message_id = m.id
           where told.id = %s and f.state = 'stored' and f.finished_at > clock_timestamp() - %s * interval '1 s'""",
        (message_id, within_s),
    )
    return int(row["stored"]) if row else 0


async def give_up_waiting(tx: Tx, message_ids: Sequence[MessageId]) -> None:
    """Record that a turn goes on without the files of some messages whose fate is open."""
    await tx.execute(
        "update media set given_up = true where message_id = any(%s) and state = 'pending'", (list(message_ids),)
    )


async def count_pending_media(tx: Tx, message_ids: Sequence[MessageId]) -> int:
    """Count the files of some messages whose fate is open."""
    row = await fetch_one(
        tx,
        "select count(*) as n from media where message_id = any(%s) and state = 'pending'",
        (list(message_ids),),
    )
    return int(row["n"]) if row else 0


async def find_served_media(tx: Tx, media_id: UUID) -> ServedMedia | None:
    """Return a stored file of this tenant; None: there is none by this id, or it is not stored."""
    row: DictRow | None = await fetch_one(
        tx, "select content_type, filename from media where id = %s and state = 'stored'", (media_id,)
    )
    return ServedMedia(**row) if row else None


async def list_files(tx: Tx, contact_id: ContactId | None = None, *, limit: int = DUE_LIMIT) -> list[SentFile]:
    """Return the tenant's newest files, or those of one contact, newest first."""
    cursor = await tx.execute(
        """select f.id, f.tenant_id, f.message_id, p.address as contact_address, f.state, f.reason,
                  coalesce(f.content_type, f.announced_type) as content_type, f.filename, f.size, f.transcript,
                  f.created_at
           from media f
           join messages m on m.id = f.message_id
           join conversations c on c.id = m.conversation_id
           join contact_points p on p.id = c.contact_point_id
           where f.tenant_id = (select current_tenant()) and (%(contact)s::uuid is null or c.contact_id = %(contact)s)
           order by f.created_at desc, f.position desc limit %(limit)s""",
        {"contact": contact_id, "limit": limit},
    )
    return [SentFile(**row) for row in await cursor.fetchall()]


async def list_discarded_media(tx: Tx, *, after_s: float, limit: int = DUE_LIMIT) -> list[tuple[TenantId, MediaId]]:
    """Return files, over all tenants, whose rows went more than `after_s` seconds ago and whose bytes must go too."""
    cursor = await tx.execute("select * from list_discarded_media(%s::float8, %s)", (after_s, limit))
    return [(row["discarded_tenant_id"], row["discarded_id"]) for row in await cursor.fetchall()]


async def forget_discarded_media(tx: Tx, media_id: MediaId) -> None:
    """Record that a discarded file's bytes are gone."""
    await tx.execute("delete from media_discarded where media_id = %s", (media_id,))


async def list_due_media(tx: Tx, *, overdue_s: float, limit: int = DUE_LIMIT) -> list[tuple[TenantId, MessageId]]:
    """Return messages with files whose job was lost, over all tenants."""
    cursor = await tx.execute("select * from due_media(%s::float8, %s)", (overdue_s, limit))
    return [(row["due_tenant_id"], row["due_message_id"]) for row in await cursor.fetchall()]
