"""Channel accounts as senders: how fast each may send, over all workers, and what keeps it from sending.

A sender's clock is `busy_until`: every message puts it forward by the time it takes at the sender's rate. Whoever
finds it in the past may send; the others get a time to come back, replies before follow-ups, in order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import Channel

BURST_S = 1.0
"""A fast sender may use up a second's worth at once."""
SOON = timedelta(milliseconds=10)
"""A message that must wait comes back no sooner."""
LATE_S = 5.0
"""A message that has not come back this long after its time is waited for no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Applicant:
    """A message that asks its sender for a slot."""

    message_id: UUID
    account_id: UUID
    seq: int
    is_proactive: bool
    cost_s: float
    """How long the sender is busy with it; 0: as fast as it comes."""


async def take_slot(tx: Tx, applicant: Applicant, now: datetime) -> datetime | None:
    """Let a message leave now (None), or say when its sender is expected to be free for it.

    The sender's row stays locked until the transaction ends: take it last.
    """
    if not applicant.cost_s:
        return await _wait_out(tx, applicant, now)
    values = {
        "account": applicant.account_id,
        "now": now,
        "burst": timedelta(seconds=max(0.0, BURST_S - applicant.cost_s)),
        "cost": timedelta(seconds=applicant.cost_s),
    }
    ahead = await _count_ahead(tx, applicant, now)
    taken = await fetch_one(
        tx,
        """update channel_accounts set busy_until = greatest(busy_until, %(now)s) + %(cost)s
           where id = %(account)s and coalesce(busy_until, '-infinity') <= %(now)s + %(burst)s and %(ahead)s = 0
           returning 1 as taken""",
        {**values, "ahead": ahead},
    )
    if taken:
        return None
    row = await fetch_one(
        tx,
        """update messages m set slot_at = greatest(a.busy_until - %(burst)s, %(now)s) + %(ahead)s * %(cost)s
           from channel_accounts a where a.id = %(account)s and m.id = %(message)s returning m.slot_at""",
        {**values, "ahead": ahead, "message": applicant.message_id},
    )
    if row is None:
        raise LookupError(f"message {applicant.message_id} vanished while it was locked")
    slot_at: datetime = row["slot_at"]
    return max(slot_at, now + SOON)


async def _wait_out(tx: Tx, applicant: Applicant, now: datetime) -> datetime | None:
    """A sender without a rate only waits where its provider takes nothing from it."""
    row = await fetch_one(
        tx,
        """update messages m set slot_at = a.busy_until from channel_accounts a
           where a.id = %s and a.busy_until > %s and m.id = %s returning m.slot_at""",
        (applicant.account_id, now, applicant.message_id),
    )
    slot_at: datetime | None = row["slot_at"] if row else None
    return slot_at


async def _count_ahead(tx: Tx, applicant: Applicant, now: datetime) -> int:
    """Count the messages that wait for the same sender and come first: older ones, and replies before the rest."""
    row = await fetch_one(
        tx,
        """select count(*)::int as ahead from messages
           where channel_account_id = %s and state = 'pending' and slot_at > %s and id <> %s
             and (purpose = 'follow_up', seq) < (%s, %s)""",
        (
            applicant.account_id,
            now - timedelta(seconds=LATE_S),
            applicant.message_id,
            applicant.is_proactive,
            applicant.seq,
        ),
    )
    return int(row["ahead"]) if row else 0


async def hold_sender(tx: Tx, account_id: UUID, until: datetime, trouble: str = "") -> None:
    """Let a sender send nothing before `until`, for all workers; `trouble` says why, for operators."""
    await tx.execute(
        """update channel_accounts set busy_until = greatest(busy_until, %s),
               trouble = coalesce(nullif(%s, ''), trouble) where id = %s""",
        (until, trouble, account_id),
    )


async def clear_trouble(tx: Tx, account_id: UUID) -> None:
    """The provider has taken a message of this sender: whatever was wrong is mended."""
    await tx.execute("update channel_accounts set trouble = '' where id = %s and trouble <> ''", (account_id,))


@dataclass(frozen=True, kw_only=True, slots=True)
class TroubledSender:
    """An account whose messages the provider refuses, and how many wait for it."""

    channel: Channel
    address: str
    trouble: str
    """Class of the failure (`agent.delivery.failures`) and the provider's code."""
    waiting: int


async def list_troubled(tx: Tx) -> list[TroubledSender]:
    """Return, over all tenants, the senders that an operator must mend."""
    cursor = await tx.execute("select * from list_troubled_senders()")
    return [TroubledSender(**row) for row in await cursor.fetchall()]
