"""Deliveries: one row for each hand-over to a provider."""

from datetime import datetime

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import MessageId, TenantId


async def insert_delivery(tx: Tx, tenant_id: TenantId, message_id: MessageId, attempt: int, at: datetime) -> None:
    """Record that we are about to call the provider."""
    await tx.execute(
        """insert into deliveries (id, tenant_id, message_id, attempt, state, claimed_at)
           values (%s, %s, %s, %s, 'claimed', %s)""",
        (new_id(), tenant_id, message_id, attempt, at),
    )


async def close_delivery(
    tx: Tx,
    message_id: MessageId,
    attempt: int,
    state: str,
    *,
    at: datetime,
    provider_id: str | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """Record how a hand-over ended: accepted, reconciled, failed or ambiguous."""
    await tx.execute(
        """update deliveries set state = %s, provider_id = %s, error_code = %s, error = %s, finished_at = %s
           where message_id = %s and attempt = %s""",
        (state, provider_id, error_code, error, at, message_id, attempt),
    )


async def first_claimed_at(tx: Tx, message_id: MessageId) -> datetime | None:
    """Return when a provider was first called for this message."""
    row = await fetch_one(tx, "select min(claimed_at) as at from deliveries where message_id = %s", (message_id,))
    return row["at"] if row else None
