"""Sealing 100,000 events: whether whoever inserts waits for it, how fast they are sealed and verified.

On a PostgreSQL with fsync on. Run alone: `python -m tests.benchmarks.event_chain`.
"""

import asyncio
from datetime import UTC, datetime
from time import perf_counter

from agent.events.sealing import seal_events, verify_events
from agent.store.db import Database
from agent.store.event_chain import lock_chain
from agent.tenant.file import tenant_id
from agent.types import TenantId
from tests.stores import create_store, durable_home

EVENTS = 100_000
SINGLE = 200
"""Events inserted in a transaction each, as turns do."""
INSERT = """
insert into events (tenant_id, kind, actor, data)
select current_tenant(), 'turn.decided', 'agent',
       jsonb_build_object('decision', 'send', 'reason', 'asks for a price', 'inbound', n) from generate_series(1, %s) n
"""


async def insert(db: Database, tenant: TenantId, count: int) -> float:
    """Insert events in a transaction each; return how many seconds one takes."""
    begun = perf_counter()
    for _ in range(count):
        async with db.tenant(tenant) as tx:
            await tx.execute(INSERT.encode(), (1,))
    return (perf_counter() - begun) / count


async def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    with durable_home() as home:
        store, tenant = await create_store(home, "chain", quiet_s=3, max_wait_s=12), tenant_id("lumen")
        async with Database(store.app_url, max_size=4) as db:
            alone = await insert(db, tenant, SINGLE)
            async with db.tenant(tenant) as sealing:
                await lock_chain(sealing)
                beside = await insert(db, tenant, SINGLE)
            async with db.tenant(tenant) as tx:
                await tx.execute(INSERT.encode(), (EVENTS,))
            begun = perf_counter()
            sealed = await seal_events(tenant, db)
            sealed_s = perf_counter() - begun
            begun = perf_counter()
            verified = await verify_events(tenant, db, datetime.now(UTC))
            verified_s = perf_counter() - begun
    return [
        ("events: an insert while the chain is locked", f"{beside / alone:.2f} times as long as else"),
        ("events: sealed", f"{sealed / sealed_s:,.0f} events/s"),
        ("events: verified", f"{verified.events / verified_s:,.0f} events/s, {len(verified.breaks)} breaks"),
    ]


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:50} {figure}")  # noqa: T201 — its output
