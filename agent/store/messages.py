"""Messages: what a turn reads. Those still to be sent are in `outbox.py`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from agent.message_details import details_from_json
from agent.store.db import Tx, fetch_one
from agent.types import (
    ContactId,
    ConversationId,
    Media,
    MediaId,
    Message,
    MessageId,
    TurnId,
)

_COLUMNS = """id, seq, direction, author, body, created_at, language, subject, provider_id,
              provider_handled_opt_out, automatic, thread_references, trust, hold, kind, details,
              case when media = '[]' then media else coalesce(
                  (select jsonb_agg(jsonb_build_object(
                       'id', f.id, 'url', f.url, 'content_type', coalesce(f.content_type, f.announced_type),
                       'filename', f.filename, 'size', f.size, 'state', f.state, 'reason', f.reason,
                       'heard', f.transcript is not null) order by f.position)
                   from media f where f.message_id = messages.id), media) end as media"""
BURST_LIMIT = 100
"""More unread messages than this are answered in a further turn."""


async def list_unread(tx: Tx, conversation_id: ConversationId) -> tuple[Message, ...]:
    """Return the unread inbound messages, oldest first, at most `BURST_LIMIT`."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from messages
            where conversation_id = %s and direction = 'inbound' and turn_id is null
            order by seq limit {BURST_LIMIT}""",  # noqa: S608 — constants of this module
        (conversation_id,),
    )
    return tuple(_message(row) for row in await cursor.fetchall())


async def list_unread_of_contact(tx: Tx, conversation_id: ConversationId) -> tuple[Message, ...]:
    """Return what the conversation's contact has written, on any channel, and no turn has handled yet."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from messages
            where tenant_id = (select current_tenant()) and direction = 'inbound' and turn_id is null
              and conversation_id in (
                  select s.id from conversations s
                  join conversations c on c.tenant_id = s.tenant_id and c.contact_id = s.contact_id where c.id = %s)
            order by seq limit {BURST_LIMIT}""",  # noqa: S608 — constants of this module
        (conversation_id,),
    )
    return tuple(_message(row) for row in await cursor.fetchall())


async def list_history(tx: Tx, conversation_id: ConversationId, before_seq: int, limit: int) -> tuple[Message, ...]:
    """Return the last `limit` messages before `before_seq` that the prospect wrote or could read, oldest first."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from messages
            where tenant_id = (select current_tenant()) and conversation_id = %s and seq < %s
              and (direction = 'inbound' or state in ('sending', 'queued', 'sent', 'delivered', 'read', 'unknown'))
            order by seq desc limit %s""",  # noqa: S608
        (conversation_id, before_seq, limit),
    )
    return tuple(_message(row) for row in reversed(await cursor.fetchall()))


async def list_sent_at(tx: Tx, contact_id: ContactId, since: datetime, limit: int = 500) -> tuple[datetime, ...]:
    """Return when our texts since `since` went to a contact, in all conversations, oldest first, at most `limit`."""
    cursor = await tx.execute(
        """select m.created_at from conversations c
           join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
           where c.tenant_id = (select current_tenant()) and c.contact_id = %s and m.direction = 'outbound'
             and m.created_at >= %s and m.state in ('queued', 'sent', 'delivered', 'read', 'unknown')
           order by m.created_at desc limit %s""",
        (contact_id, since, limit),
    )
    return tuple(row["created_at"] for row in reversed(await cursor.fetchall()))


def _message(row: DictRow) -> Message:
    return Message(
        id=row["id"],
        seq=row["seq"],
        direction=row["direction"],
        author=row["author"],
        text=row["body"],
        created_at=row["created_at"],
        language=row["language"],
        subject=row["subject"],
        media=tuple(map(_media, row["media"])),
        provider_id=row["provider_id"],
        provider_handled_opt_out=row["provider_handled_opt_out"],
        automatic=row["automatic"],
        references=tuple(row["thread_references"]),
        trust=row["trust"],
        hold=row["hold"],
        kind=row["kind"],
        details=details_from_json(row["details"]),
    )


def _media(kept: dict[str, Any]) -> Media:
    media_id = kept.pop("id", None)
    return Media(**kept, id=MediaId(UUID(media_id)) if media_id else None)


async def has_newer_unread(tx: Tx, conversation_id: ConversationId, seq: int) -> bool:
    """Whether the prospect has written since message number `seq`."""
    row = await fetch_one(
        tx,
        """select exists (select from messages where conversation_id = %s and direction = 'inbound'
                          and turn_id is null and seq > %s) as newer""",
        (conversation_id, seq),
    )
    return bool(row and row["newer"])


async def has_unread_beside(tx: Tx, conversation_id: ConversationId, burst: Sequence[Message]) -> bool:
    """Whether more is unread than this burst: newer messages, or older ones whose answer was withdrawn."""
    row = await fetch_one(
        tx,
        """select exists (select from messages where conversation_id = %s and direction = 'inbound'
                          and turn_id is null and id <> all(%s)) as more""",
        (conversation_id, [message.id for message in burst]),
    )
    return bool(row and row["more"])


async def mark_read(tx: Tx, turn_id: TurnId, burst: Sequence[Message], language: str | None) -> None:
    """Give a turn the inbound messages it has handled: those it saw, and no others."""
    await tx.execute(
        """update messages set turn_id = %s, language = %s
           where id = any(%s) and direction = 'inbound' and turn_id is null""",
        (turn_id, language, [message.id for message in burst]),
    )


async def mark_unread(tx: Tx, turn_id: TurnId) -> None:
    """Take a superseded turn's inbound messages back: the next turn answers them too."""
    await tx.execute("update messages set turn_id = null where turn_id = %s and direction = 'inbound'", (turn_id,))


async def list_latest(tx: Tx, conversation_id: ConversationId) -> tuple[Message, ...]:
    """Return the unread inbound messages, or else the newest one, oldest first."""
    unread = await list_unread(tx, conversation_id)
    if unread:
        return unread
    row = await fetch_one(
        tx,
        f"""select {_COLUMNS} from messages where conversation_id = %s and direction = 'inbound'
            order by seq desc limit 1""",  # noqa: S608
        (conversation_id,),
    )
    return () if row is None else (_message(row),)


async def list_messages(tx: Tx, message_ids: Sequence[MessageId]) -> tuple[Message, ...]:
    """Return some messages as they stand now, oldest first."""
    cursor = await tx.execute(
        f"select {_COLUMNS} from messages where id = any(%s) order by seq",  # noqa: S608
        (list(message_ids),),
    )
    return tuple(_message(row) for row in await cursor.fetchall())


async def find_passed_over(tx: Tx, message_id: MessageId) -> tuple[ConversationId, Message] | None:
    """Return an inbound message with its conversation if a turn has handled it, or has not waited for its files."""
    row = await fetch_one(
        tx,
        f"""select conversation_id, {_COLUMNS} from messages where id = %s and direction = 'inbound' and (
                turn_id is not null or exists (select from media where message_id = messages.id and given_up))""",  # noqa: S608
        (message_id,),
    )
    return (ConversationId(row["conversation_id"]), _message(row)) if row else None


async def list_of_turn(tx: Tx, turn_id: TurnId) -> tuple[Message, ...]:
    """Return the inbound messages a turn has handled, oldest first."""
    cursor = await tx.execute(
        f"select {_COLUMNS} from messages where turn_id = %s and direction = 'inbound' order by seq",  # noqa: S608
        (turn_id,),
    )
    return tuple(_message(row) for row in await cursor.fetchall())
