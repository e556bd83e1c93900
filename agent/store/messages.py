"""Messages: what a turn reads, and the outbox (outbound rows in state `pending` or `sending`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.store.db import Tx, fetch_one
from agent.types import (
    Candidate,
    ContactId,
    ConversationId,
    DeliveryState,
    Media,
    Message,
    MessageId,
    OutboundMessage,
    Source,
    TenantId,
    TurnId,
)

_COLUMNS = """id, seq, direction, author, body, created_at, language, subject, media, provider_id,
              provider_handled_opt_out, automatic, thread_references"""
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
        media=tuple(Media(**media) for media in row["media"]),
        provider_id=row["provider_id"],
        provider_handled_opt_out=row["provider_handled_opt_out"],
        automatic=row["automatic"],
        references=tuple(row["thread_references"]),
    )


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


async def list_of_turn(tx: Tx, turn_id: TurnId) -> tuple[Message, ...]:
    """Return the inbound messages a turn has handled, oldest first."""
    cursor = await tx.execute(
        f"select {_COLUMNS} from messages where turn_id = %s and direction = 'inbound' order by seq",  # noqa: S608
        (turn_id,),
    )
    return tuple(_message(row) for row in await cursor.fetchall())


async def withdraw_unsent_replies(tx: Tx, conversation_id: ConversationId) -> int:
    """Supersede answers of the agent that have not left yet, and take their turns' messages back as unread.

    Notices of ours (a hand-over, an opt-out confirmation) have source `rule` and stay. Returns how many went.
    """
    cursor = await tx.execute(
        """with withdrawn as (
               update messages set state = 'superseded', error = 'newer message'
               where tenant_id = (select current_tenant()) and conversation_id = %s and direction = 'outbound'
                 and state = 'pending' and author = 'agent' and source <> 'rule'
               returning turn_id),
           reopened as (
               update turns set state = 'superseded', reason = 'newer message'
               where id in (select turn_id from withdrawn))
           update messages set turn_id = null
           where direction = 'inbound' and turn_id in (select turn_id from withdrawn)""",
        (conversation_id,),
    )
    return cursor.rowcount


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxEntry:
    """An outbound row, locked for delivery."""

    message: OutboundMessage
    candidate: Candidate
    conversation_id: ConversationId
    turn_id: TurnId | None
    state: str
    attempt: int
    source: Source
    not_before: datetime
    is_claimed: bool
    """Another worker is handing it over right now."""
    is_behind: bool
    """An earlier message to this prospect was due or attempted, and is still to leave."""


async def insert_outbound(
    tx: Tx,
    *,
    message_id: MessageId,
    tenant_id: TenantId,
    conversation_id: ConversationId,
    turn_id: TurnId | None,
    candidate: Candidate,
    source: Source,
    draft: dict[str, Any] | None,
    subject: str | None,
    created_at: datetime,
    not_before: datetime,
) -> None:
    """Put a message into the outbox. Its delivery job must be deferred in the same transaction."""
    await tx.execute(
        """insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, subject,
                                 language, turn_id, created_at, purpose, source, state, draft, not_before)
           select %(id)s, tenant_id, id, channel_account_id, 'outbound', %(author)s, %(body)s, %(subject)s,
                  %(language)s, %(turn_id)s, %(created_at)s, %(purpose)s, %(source)s, 'pending', %(draft)s,
                  %(not_before)s
           from conversations where id = %(conversation_id)s and tenant_id = %(tenant_id)s""",
        {
            "id": message_id,
            "tenant_id": tenant_id,
            "conversation_id": conversation_id,
            "author": candidate.author,
            "body": candidate.text,
            "subject": subject,
            "language": candidate.language,
            "turn_id": turn_id,
            "created_at": created_at,
            "purpose": candidate.purpose,
            "source": source,
            "draft": Jsonb(draft) if draft is not None else None,
            "not_before": not_before,
        },
    )


async def find_conversation_of(tx: Tx, message_id: MessageId) -> ConversationId | None:
    """Return the conversation an outbound message belongs to."""
    row = await fetch_one(
        tx, "select conversation_id from messages where id = %s and direction = 'outbound'", (message_id,)
    )
    return None if row is None else row["conversation_id"]


async def lock_outbox_entry(tx: Tx, message_id: MessageId) -> OutboxEntry | None:
    """Lock an outbound message that is still to be sent; None: nothing is left to do."""
    row = await fetch_one(
        tx,
        """select m.*, coalesce(m.claimed_until > clock_timestamp(), false) as is_claimed,
                  exists (select from messages earlier
                          where earlier.tenant_id = m.tenant_id and earlier.conversation_id = m.conversation_id
                            and earlier.seq < m.seq and earlier.direction = 'outbound'
                            and (earlier.state = 'sending' or (earlier.state = 'pending' and
                                 (earlier.attempt > 0 or earlier.not_before <= m.not_before)))) as is_behind,
                  a.provider, a.channel, a.address as our_address, p.address as contact_address,
                  last.provider_id as reply_to, last.thread_references as reply_references,
                  last.subject as reply_subject
           from messages m
           join conversations c on c.id = m.conversation_id
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id
           left join lateral (
               select provider_id, thread_references, subject from messages
               where tenant_id = m.tenant_id and conversation_id = m.conversation_id and direction = 'inbound'
                 and seq < m.seq
               order by seq desc limit 1) last on true
           where m.id = %s and m.direction = 'outbound' and m.state in ('pending', 'sending')
           for update of m""",
        (message_id,),
    )
    return None if row is None else _outbox_entry(row)


def _outbox_entry(row: DictRow) -> OutboxEntry:
    is_email = row["channel"] == "email"
    return OutboxEntry(
        message=OutboundMessage(
            id=row["id"],
            tenant_id=row["tenant_id"],
            provider=row["provider"],
            channel=row["channel"],
            sender=row["our_address"],
            recipient=row["contact_address"],
            text=row["body"],
            subject=row["subject"] or row["reply_subject"],
            in_reply_to=row["reply_to"] if is_email else None,
            references=tuple(row["reply_references"] or ()) if is_email else (),
        ),
        candidate=Candidate(
            text=row["body"],
            language=row["language"],
            channel=row["channel"],
            purpose=row["purpose"],
            author=row["author"],
        ),
        conversation_id=row["conversation_id"],
        turn_id=row["turn_id"],
        state=row["state"],
        attempt=row["attempt"],
        source=row["source"],
        not_before=row["not_before"],
        is_claimed=row["is_claimed"],
        is_behind=row["is_behind"],
    )


async def claim_outbox_entry(tx: Tx, message_id: MessageId, token: UUID, claim_s: float) -> int:
    """Mark a message as being sent for `claim_s` seconds; return the number of this attempt."""
    row = await fetch_one(
        tx,
        """update messages set state = 'sending', claim_token = %s, attempt = attempt + 1,
               claimed_until = clock_timestamp() + %s * interval '1 s'
           where id = %s returning attempt""",
        (token, claim_s, message_id),
    )
    if row is None:
        raise LookupError(f"message {message_id} vanished while it was locked")
    return int(row["attempt"])


async def extend_claim(tx: Tx, message_id: MessageId, token: UUID, claim_s: float) -> None:
    """Let a claim whose outcome is still unknown lapse `claim_s` seconds from now."""
    await tx.execute(
        """update messages set claimed_until = clock_timestamp() + %s * interval '1 s'
           where id = %s and state = 'sending' and claim_token = %s""",
        (claim_s, message_id, token),
    )


async def close_outbox_entry(
    tx: Tx,
    message_id: MessageId,
    state: str,
    *,
    token: UUID | None = None,
    provider_id: str | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> bool:
    """Take a message out of the outbox; with `token`, only for the claim that holds it. False: it did not."""
    cursor = await tx.execute(
        """update messages set state = %(state)s, provider_id = coalesce(%(provider_id)s, provider_id),
               error_code = %(code)s, error = %(error)s, claim_token = null, claimed_until = null
           where id = %(id)s and state in ('pending', 'sending')
             and (%(token)s::uuid is null or claim_token = %(token)s)""",
        {
            "id": message_id,
            "state": state,
            "provider_id": provider_id,
            "code": error_code,
            "error": error,
            "token": token,
        },
    )
    return cursor.rowcount == 1


async def postpone_outbox_entry(tx: Tx, message_id: MessageId, until: datetime, token: UUID | None = None) -> bool:
    """Put a message back to wait until `until`; with `token`, only for the claim that holds it."""
    cursor = await tx.execute(
        """update messages set state = 'pending', not_before = %(until)s, claim_token = null, claimed_until = null
           where id = %(id)s and state in ('pending', 'sending')
             and (%(token)s::uuid is null or claim_token = %(token)s)""",
        {"id": message_id, "until": until, "token": token},
    )
    return cursor.rowcount == 1


async def cancel_outbox(tx: Tx, conversation_ids: Sequence[ConversationId], reason: str) -> int:
    """Withdraw messages that wait in the outbox, for example after an opt-out; return how many."""
    cursor = await tx.execute(
        """update messages set state = 'superseded', error = %s
           where tenant_id = (select current_tenant()) and conversation_id = any(%s)
             and direction = 'outbound' and state = 'pending'""",
        (reason, list(conversation_ids)),
    )
    return cursor.rowcount


async def list_provider_ids(tx: Tx, conversation_id: ConversationId) -> frozenset[str]:
    """Return the provider's ids of the messages we know to have left in a conversation."""
    cursor = await tx.execute(
        """select provider_id from messages where tenant_id = (select current_tenant()) and conversation_id = %s
           and direction = 'outbound' and provider_id is not null""",
        (conversation_id,),
    )
    return frozenset(row["provider_id"] for row in await cursor.fetchall())


async def list_due_outbox(
    tx: Tx, now: datetime, *, overdue_s: float, limit: int = 200
) -> list[tuple[TenantId, MessageId]]:
    """Find, over all tenants, messages overdue for a delivery job."""
    cursor = await tx.execute("select * from due_outbox(%s, %s::float8, %s)", (now, overdue_s, limit))
    return [(row["due_tenant_id"], row["due_id"]) for row in await cursor.fetchall()]


# A status only ever moves a message forward in this order; `failed` ends it unless it was already read or delivered.
_RANK: dict[str, int] = {
    "pending": 0,
    "sending": 0,
    "unknown": 0,
    "queued": 1,
    "sent": 2,
    "failed": 3,
    "delivered": 4,
    "read": 5,
}


async def project_status(
    tx: Tx, message_id: MessageId, state: DeliveryState, provider_id: str, error_code: str | None
) -> bool:
    """Move a message's state forward on a provider's report; never back. True: it moved."""
    row = await fetch_one(
        tx,
        "select state, provider_id from messages where id = %s and direction = 'outbound' for update",
        (message_id,),
    )
    if row is None or row["state"] == "superseded" or _RANK[state] <= _RANK[row["state"]]:
        return False
    await tx.execute(
        """update messages set state = %s, provider_id = coalesce(provider_id, %s),
               error_code = coalesce(%s, error_code), claim_token = null, claimed_until = null where id = %s""",
        (state, provider_id, error_code, message_id),
    )
    return True


async def lock_reported(tx: Tx, message_id: MessageId | None, provider_id: str) -> MessageId | None:
    """Find one of our messages by our own id or, where a report lacks it, by the provider's.

    Locked before anything refers to it: reports come all at once, and would deadlock on it.
    """
    row = await fetch_one(
        tx,
        f"""select id from messages where direction = 'outbound' and tenant_id = (select current_tenant())
            and {"id" if message_id else "provider_id"} = %s for update""",  # noqa: S608 — a name of ours
        (message_id or provider_id,),
    )
    return None if row is None else row["id"]
