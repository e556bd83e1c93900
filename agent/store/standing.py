"""How a tenant stands at this moment: what waits for staff, what waits to leave, and what its senders are up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.store.db import Tx, fetch_one
from agent.types import Channel, Provider

MOST_SENDERS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What waits for somebody or something."""

    requests: int
    """Open requests for a person, put off or not."""
    oldest_request_at: datetime | None
    overdue: int
    """Of them, those whose deadline has passed and that nobody has put off."""
    outbox: int
    """Texts that have not left."""


async def read_standing(tx: Tx, now: datetime) -> Standing:
    """Count what waits."""
    row = await fetch_one(
        tx,
        """select count(*)::int as requests, min(waiting_since) as oldest_request_at,
                  count(*) filter (where due_at < %(now)s
                                   and (snoozed_until is null or snoozed_until <= %(now)s))::int as overdue,
                  ((select count(*) from messages where tenant_id = (select current_tenant()) and state = 'pending')
                   + (select count(*) from messages where tenant_id = (select current_tenant())
                      and state = 'sending'))::int as outbox  -- one by one: each has its index
           from escalations where tenant_id = (select current_tenant()) and state = 'open'""",
        {"now": now},
    )
    if row is None:
        raise RuntimeError("a count returned no row")
    return Standing(**row)


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderStanding:
    """A number or address of the tenant."""

    channel: Channel
    address: str
    provider: Provider
    trouble: str
    """Why the provider refuses it; empty: it does not."""
    swept_until: datetime
    sweep_problem: str
    """Why the provider could not be asked for missed messages the last time; empty: it could."""


async def list_senders(tx: Tx) -> Sequence[SenderStanding]:
    """Return the tenant's numbers and addresses, those in trouble first."""
    cursor = await tx.execute(
        """select channel, address, provider, trouble, swept_until, sweep_problem from channel_accounts
           where tenant_id = (select current_tenant())
           order by trouble = '', sweep_problem = '', channel, address limit %s""",
        (MOST_SENDERS,),
    )
    return [SenderStanding(**row) for row in await cursor.fetchall()]
