"""The outbox: outbound messages in state `pending` or `sending`, their claims, and how far the others have got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.guardrails.segments import count_segments
from agent.media.attachments import media_of
from agent.store.db import Tx, fetch_one
from agent.store.templates import dump_filled, read_filled
from agent.types import (
    Candidate,
    ConversationId,
    MessageId,
    OutboundMessage,
    Source,
    TenantId,
    TurnId,
)


async def withdraw_unsent_replies(tx: Tx, conversation_id: ConversationId) -> int:
    """Supersede what the agent has not sent yet, and take back as unread the messages that were to be answered by it.

    Notices of ours (a hand-over, an opt-out confirmation) have source `rule` and stay. A follow-up answers nothing.
    Returns how many messages are unread again.
    """
    cursor = await tx.execute(
        """with withdrawn as (
               update messages set state = 'superseded', error = 'newer message'
               where tenant_id = (select current_tenant()) and conversation_id = %s and direction = 'outbound'
                 and state = 'pending' and author = 'agent' and (source <> 'rule' or purpose = 'follow_up')
               returning turn_id, purpose),
           unanswered as (select turn_id from withdrawn where purpose <> 'follow_up'),
           reopened as (
               update turns set state = 'superseded', reason = 'newer message'
               where id in (select turn_id from unanswered))
           update messages set turn_id = null
           where direction = 'inbound' and turn_id in (select turn_id from unanswered)""",
        (conversation_id,),
    )
    return cursor.rowcount


HoldState = Literal["waits", "is_tried", "is_over"]


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
    account_id: UUID
    seq: int
    segments: int | None = None
    """SMS: parts it is carried as, each of which counts against the sender's rate."""
    carriage_microusd: int | None = None
    """What they cost, where that is known."""
    messages_per_second: float | None = None
    """The sender's rate as the tenant's file gives it; None: as is usual for such a number."""
    unusable_reason: str = ""
    """Why nothing can be delivered at the address; empty: nothing is known against it."""
    first_claimed_at: datetime | None = None
    """When a provider was first called for it."""
    has_waited: bool = False
    """It was to leave later than its writer wrote it, and has not been tried."""
    holds: HoldState | None = None
    """For a line that tells of an outage: what the turn does that it speaks of."""


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
    verdicts: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Put a message into the outbox. Its delivery job must be deferred in the same transaction.

    `verdicts` are those of its check, as JSON-safe data.
    """
    await tx.execute(
        """insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, subject,
                                 language, turn_id, created_at, purpose, source, state, draft, not_before, verdicts,
                                 template, segments, carriage_microusd, media)
           select %(id)s, tenant_id, id, channel_account_id, 'outbound', %(author)s, %(body)s, %(subject)s,
                  %(language)s, %(turn_id)s, %(created_at)s, %(purpose)s, %(source)s, 'pending', %(draft)s,
                  %(not_before)s, %(verdicts)s, %(template)s, %(segments)s::smallint,
                  %(segments)s::smallint * (
                      select segment_microusd::bigint from channel_accounts where id = channel_account_id), %(media)s
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
            "verdicts": Jsonb(list(verdicts)),
            "template": dump_filled(candidate.template),
            "media": Jsonb([media_of(url) for url in candidate.media_urls]),
            "segments": count_segments(candidate.text) or None if candidate.channel == "sms" else None,
        },
    )


async def save_verdicts(tx: Tx, message_id: MessageId, verdicts: Sequence[Mapping[str, Any]]) -> None:
    """Keep the verdicts of a message's latest check, in place of those before."""
    await tx.execute(
        "update messages set verdicts = %s where id = %s and direction = 'outbound'",
        (Jsonb(list(verdicts)), message_id),
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
                  m.attempt = 0 and m.not_before > m.created_at + interval '15 s' as has_waited,
                  case when h.message_id is null then null when c.turn_state = 'waiting' then 'waits'
                       when c.waiting_since is not null then 'is_tried' else 'is_over' end as holds,
                  a.provider, a.channel, a.address as our_address, a.messages_per_second, p.unusable_reason,
                  (select min(d.claimed_at) from deliveries d where d.message_id = m.id) as first_claimed_at,
                  coalesce(c.contact_address, p.address) as contact_address,
                  last.provider_id as reply_to, last.thread_references as reply_references,
                  last.subject as reply_subject
           from messages m
           join conversations c on c.id = m.conversation_id
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id
           left join holding_lines h on h.message_id = m.id
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
    template = read_filled(row["template"])
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
            purpose=row["purpose"],
            media_urls=tuple(media["url"] for media in row["media"]),  # outbound: links the provider may fetch
            template=template,
        ),
        candidate=Candidate(
            text=row["body"],
            language=row["language"],
            channel=row["channel"],
            purpose=row["purpose"],
            author=row["author"],
            template=template,
            media_urls=tuple(media["url"] for media in row["media"]),
            **_certainty(row["draft"]),
        ),
        conversation_id=row["conversation_id"],
        turn_id=row["turn_id"],
        state=row["state"],
        attempt=row["attempt"],
        source=row["source"],
        not_before=row["not_before"],
        account_id=row["channel_account_id"],
        seq=row["seq"],
        segments=row["segments"],
        carriage_microusd=row["carriage_microusd"],
        messages_per_second=row["messages_per_second"],
        unusable_reason=row["unusable_reason"],
        first_claimed_at=row["first_claimed_at"],
        is_claimed=row["is_claimed"],
        is_behind=row["is_behind"],
        has_waited=row["has_waited"],
        holds=row["holds"],
    )


def _certainty(draft: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return how sure the writer of a draft was; a fixed text has none, and is certain."""
    return {key: draft[key] for key in ("confidence", "needs_human") if key in draft} if draft else {}


async def claim_outbox_entry(tx: Tx, message_id: MessageId, token: UUID, claim_s: float) -> int:
    """Mark a message as being sent for `claim_s` seconds; return the number of this attempt."""
    row = await fetch_one(
        tx,
        """update messages set state = 'sending', claim_token = %s, attempt = attempt + 1, slot_at = null,
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
        """update messages set state = 'pending', not_before = %(until)s, slot_at = null, claim_token = null,
               claimed_until = null
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
