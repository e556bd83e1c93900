"""Turns that wait for a model, the outage they wait for, and the line that says so (promise P6).

The migration `…_waiting.sql` describes the states. Everything here that several workers do at once is decided by the
lock of one row: the conversation's, or the outage's.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.ids import new_id
from agent.store.conversations import Lease
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, TenantId

SAME_OUTAGE_S = 30 * 60.0
"""Models that fail again this soon after an outage are the same outage: no prospect gets a second line for it."""
OVERDUE_LIMIT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A time in which no model answers, over all workers. Recovering: a probe has succeeded."""

    id: UUID
    reason: str
    started_at: datetime
    recovering_at: datetime | None
    at_once: int
    """How many waiting turns may be tried at a time while it recovers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingTurns:
    """How many turns of one priority wait, and since when the oldest does."""

    priority: int
    turns: int
    oldest_since: datetime


async def find_outage(tx: Tx) -> Outage | None:
    """Return the outage that is not over."""
    row = await fetch_one(
        tx, "select id, reason, started_at, recovering_at, at_once from outages where ended_at is null"
    )
    return None if row is None else Outage(**row)


async def open_outage(tx: Tx, reason: str) -> UUID:
    """Return the outage to wait for, begun or begun again where there is none; it cannot end before `tx` does."""
    row = await fetch_one(tx, "select open_outage(%s, %s, %s::float8) as id", (new_id(), reason, SAME_OUTAGE_S))
    if row is None or row["id"] is None:
        raise RuntimeError("no outage could be opened; are the migrations applied?")
    outage_id: UUID = row["id"]
    return outage_id


async def widen(tx: Tx) -> None:
    """A model has answered a resumed turn: one more may be tried at a time, so that their number doubles."""
    await tx.execute(
        """update outages set at_once = least(at_once + 1, 1000)
           where ended_at is null and recovering_at is not null"""
    )


async def narrow(tx: Tx) -> None:
    """No model has answered a resumed turn: half as many at a time, and below one none until a probe succeeds."""
    await tx.execute(
        """update outages set at_once = greatest(at_once / 2, 1),
               recovering_at = case when at_once > 1 then recovering_at end
           where ended_at is null and recovering_at is not null"""
    )


async def wait(tx: Tx, lease: Lease, *, priority: int, limit_s: float) -> float | None:
    """Give the lease back and let the turn wait, for `limit_s` seconds since it first did.

    If the prospect has written meanwhile the turn is queued instead: what they want may need no model. Then this
    returns the delay in seconds after which a worker must be woken. The attempt does not count as failed.
    """
    row = await fetch_one(
        tx,
        """update conversations c set lease_token = null, lease_until = null, attempt = greatest(c.attempt - 1, 0),
               is_resumed = false, priority = %(priority)s,
               waiting_since = coalesce(c.waiting_since, clock_timestamp()),
               wait_until = coalesce(c.wait_until, clock_timestamp() + %(limit_s)s * interval '1 s'),
               turn_state = case when unread.newer then 'queued' else 'waiting' end,
               wake_at = case when unread.newer then coalesce(c.wake_at, clock_timestamp()) end
           from (select exists (
                     select from messages m where m.conversation_id = %(id)s and m.direction = 'inbound'
                       and m.turn_id is null and m.seq > t.last_seq) as newer
                 from turns t where t.conversation_id = %(id)s and t.state = 'running') unread
           where c.id = %(id)s
           returning unread.newer, greatest(extract(epoch from c.wake_at - clock_timestamp()), 0)::float8 as delay""",
        {"id": lease.conversation_id, "priority": priority, "limit_s": limit_s},
    )
    if row is None:
        raise LookupError(f"conversation {lease.conversation_id} has no running turn that could wait")
    return float(row["delay"]) if row["newer"] else None


async def end_wait(tx: Tx, conversation_id: ConversationId) -> None:
    """Forget that a turn waited, because it is decided; a line that has not left yet stays unsaid."""
    await tx.execute(
        """update conversations set waiting_since = null, wait_until = null, priority = null
           where id = %s and waiting_since is not null""",
        (conversation_id,),
    )
    await tx.execute(
        """with unsaid as (
               update messages m set state = 'superseded', error = 'answered before it left'
               from holding_lines h
               where h.conversation_id = %s and m.id = h.message_id and m.state = 'pending' returning m.id)
           delete from holding_lines where message_id in (select id from unsaid)""",
        (conversation_id,),
    )


async def has_holding_line(tx: Tx, conversation_id: ConversationId, outage_id: UUID) -> bool:
    """Whether the prospect has got, or will get, the line about this outage."""
    row = await fetch_one(
        tx,
        "select 1 as found from holding_lines where conversation_id = %s and outage_id = %s",
        (conversation_id, outage_id),
    )
    return row is not None


async def insert_holding_line(tx: Tx, lease: Lease, outage_id: UUID, message_id: MessageId) -> None:
    """Note which message is the line of a conversation about an outage.

    Raises:
        psycopg.errors.UniqueViolation: there is one already; the transaction must not commit another.
    """
    await tx.execute(
        "insert into holding_lines (tenant_id, conversation_id, outage_id, message_id) values (%s, %s, %s, %s)",
        (lease.tenant_id, lease.conversation_id, outage_id, message_id),
    )


async def resume_waiting(tx: Tx) -> list[tuple[TenantId, ConversationId]]:
    """Put as many waiting turns back into the queue as may be tried now; end the outage when none is left.

    Only a worker that reaches a model calls this, in a transaction that also wakes each.
    """
    cursor = await tx.execute("select * from resume_waiting()")
    return [(row["resumed_tenant_id"], row["resumed_id"]) for row in await cursor.fetchall()]


async def resume_overdue(tx: Tx) -> list[tuple[TenantId, ConversationId]]:
    """Put turns back into the queue that have waited as long as their tenant allows."""
    cursor = await tx.execute("select * from resume_overdue(%s)", (OVERDUE_LIMIT,))
    return [(row["overdue_tenant_id"], row["overdue_id"]) for row in await cursor.fetchall()]


async def list_waiting(tx: Tx) -> list[WaitingTurns]:
    """Return what waits for a model over all tenants, most urgent first."""
    cursor = await tx.execute("select * from waiting_turns()")
    return [WaitingTurns(**row) for row in await cursor.fetchall()]
