"""The conversation row: lock, lease and debounce of its turns (promises P1–P3).

States and columns are described in the migration `…_conversations.sql`. Time for leases and wake-ups is the
database's `clock_timestamp()`, never a worker's: after a wait for a lock even `now()` would lie in the past.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.store.consent import STANDING
from agent.store.db import Tx, fetch_one
from agent.types import Contact, Conversation, ConversationId, Suppression, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """A worker's right to a conversation. Whoever takes over gets another token, which fences this one."""

    tenant_id: TenantId
    conversation_id: ConversationId
    token: UUID
    attempt: int
    is_resumed: bool = False
    """Its turn has waited for a model, and shows whether the models bear more such turns."""
    is_overdue: bool = False
    """Its turn has waited for a model as long as the tenant allows."""


async def claim(
    tx: Tx,
    tenant_id: TenantId,
    conversation_id: ConversationId,
    token: UUID,
    lease_s: float,
    *,
    leave_resumed: bool = False,
) -> Lease | None:
    """Take the lease if a turn is due, or if its holder's lease has lapsed; None: not now.

    `leave_resumed`: not if it has waited for a model and may go on waiting for a worker that reaches one.
    """
    row = await fetch_one(
        tx,
        """update conversations set turn_state = 'running', lease_token = %(token)s, attempt = attempt + 1,
               lease_until = clock_timestamp() + %(lease_s)s * interval '1 s', wake_at = null, first_unread_at = null,
               is_resumed = is_resumed and turn_state = 'queued'
           where id = %(id)s and ((turn_state = 'queued' and wake_at <= clock_timestamp())
                               or (turn_state = 'running' and lease_until < clock_timestamp()))
             and not (%(leave_resumed)s and is_resumed and wait_until > clock_timestamp())
           returning attempt, is_resumed, coalesce(wait_until <= clock_timestamp(), false) as is_overdue""",
        {"id": conversation_id, "token": token, "lease_s": lease_s, "leave_resumed": leave_resumed},
    )
    if row is None:
        return None
    return Lease(tenant_id=tenant_id, conversation_id=conversation_id, token=token, **row)


async def seconds_until_due(tx: Tx, conversation_id: ConversationId) -> float | None:
    """Return how long a queued conversation still waits; None when it is not queued."""
    row = await fetch_one(
        tx,
        """select greatest(extract(epoch from wake_at - clock_timestamp()), 0)::float8 as seconds
           from conversations where id = %s and turn_state = 'queued'""",
        (conversation_id,),
    )
    return None if row is None else float(row["seconds"])


async def renew(tx: Tx, tokens: Collection[UUID], lease_s: float) -> set[UUID]:
    """Renew the leases of this process, over all tenants; return the tokens that still hold."""
    cursor = await tx.execute("select renew_leases(%s, %s::float8) as token", (list(tokens), lease_s))
    return {row["token"] for row in await cursor.fetchall()}


async def lock(tx: Tx, lease: Lease) -> bool:
    """Lock the row for the deciding transaction; False: the lease was lost, write nothing."""
    row = await fetch_one(
        tx,
        """select 1 as held from conversations
           where id = %s and turn_state = 'running' and lease_token = %s for update""",
        (lease.conversation_id, lease.token),
    )
    return row is not None


async def release(tx: Tx, conversation_id: ConversationId) -> float | None:
    """End the turn, as the last statement of its transaction; return the delay if more is unread."""
    row = await fetch_one(
        tx,
        """update conversations c set lease_token = null, lease_until = null, attempt = 0, is_resumed = false,
               turn_state = case when unread.more then 'queued' else 'idle' end,
               wake_at = case when unread.more then coalesce(c.wake_at, clock_timestamp()) end,
               first_unread_at = case when unread.more then coalesce(c.first_unread_at, clock_timestamp()) end,
               waiting_since = case when unread.more then c.waiting_since end
           from (select exists (select from messages where conversation_id = %(id)s
                                and direction = 'inbound' and turn_id is null) as more) unread
           where c.id = %(id)s
           returning unread.more, greatest(extract(epoch from c.wake_at - clock_timestamp()), 0)::float8 as delay""",
        {"id": conversation_id},
    )
    return float(row["delay"]) if row and row["more"] else None


async def requeue(tx: Tx, lease: Lease, *, delay_s: float, refund_attempt: bool = False) -> bool:
    """Give the turn back to be taken again after `delay_s`; False: the lease was already lost."""
    cursor = await tx.execute(
        """update conversations set turn_state = 'queued', lease_token = null, lease_until = null,
               attempt = attempt - %(refund)s, is_resumed = is_resumed and %(refund)s = 1,
               wake_at = clock_timestamp() + %(delay_s)s * interval '1 s'
           where id = %(id)s and lease_token = %(token)s""",
        {
            "id": lease.conversation_id,
            "token": lease.token,
            "delay_s": delay_s,
            "refund": int(refund_attempt),
        },
    )
    return cursor.rowcount == 1


async def wake_now(tx: Tx, conversation_id: ConversationId) -> bool:
    """Mark an idle conversation due at once; True: the caller must wake a worker."""
    cursor = await tx.execute(
        """update conversations set turn_state = 'queued', wake_at = clock_timestamp(),
               first_unread_at = coalesce(first_unread_at, clock_timestamp())
           where id = %s and turn_state = 'idle'""",
        (conversation_id,),
    )
    return cursor.rowcount == 1


async def sweep(tx: Tx, *, overdue_s: float, limit: int = 200) -> list[tuple[TenantId, ConversationId]]:
    """Requeue what lost queue jobs and dead workers left, over all tenants."""
    cursor = await tx.execute("select * from sweep_conversations(%s::float8, %s)", (overdue_s, limit))
    return [(row["swept_tenant_id"], row["swept_id"]) for row in await cursor.fetchall()]


async def get_conversation(tx: Tx, conversation_id: ConversationId) -> Conversation:
    """Load a conversation with its contact and standing suppression.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    row = await fetch_one(
        tx,
        f"""select c.*, a.channel, a.provider, a.address as our_address,
                  coalesce(c.contact_address, p.address) as reply_address,
                  k.name, k.language as contact_language, k.timezone,
                  s.reason as suppression_reason, s.created_at as suppressed_at
           from conversations c
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id
           join contacts k on k.id = c.contact_id
           {STANDING}
           where c.id = %s""",  # noqa: S608 — a constant of `consent`
        (conversation_id,),
    )
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    return _conversation(row)


def _conversation(row: DictRow) -> Conversation:
    suppression = (
        Suppression(reason=row["suppression_reason"], since=row["suppressed_at"]) if row["suppressed_at"] else None
    )
    return Conversation(
        id=row["id"],
        tenant_id=row["tenant_id"],
        contact=Contact(
            id=row["contact_id"], name=row["name"], language=row["contact_language"], timezone=row["timezone"]
        ),
        provider=row["provider"],
        channel=row["channel"],
        our_address=row["our_address"],
        contact_address=row["reply_address"],
        owner=row["owner"],
        language=row["language"],
        language_posterior=row["language_posterior"],
        last_inbound_at=row["last_inbound_at"],
        suppression=suppression,
    )


async def lock_for_delivery(tx: Tx, conversation_id: ConversationId) -> None:
    """Lock the row so that no inbound message can arrive between the last check and the claim."""
    await tx.execute("select 1 from conversations where id = %s for update", (conversation_id,))


async def set_language(tx: Tx, conversation: Conversation, language: str, posterior: dict[str, float]) -> None:
    """Keep the language of the conversation, and of the contact for their other channels."""
    await tx.execute(
        "update conversations set language = %s, language_posterior = %s where id = %s",
        (language, Jsonb(posterior), conversation.id),
    )
    await tx.execute(
        "update contacts set language = %s where id = %s and language is distinct from %s",
        (language, conversation.contact.id, language),
    )


async def count_superseded(tx: Tx, conversation_id: ConversationId, *, superseded: bool) -> int:
    """Count turns superseded in a row (an answered one sets it back to 0); return the new count."""
    row = await fetch_one(
        tx,
        """update conversations set superseded_in_a_row = case when %s then superseded_in_a_row + 1 else 0 end
           where id = %s returning superseded_in_a_row""",
        (superseded, conversation_id),
    )
    return int(row["superseded_in_a_row"]) if row else 0
