"""Whether any host's spool is being drained: while one is, nobody else may bring in messages that came later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.store.db import Tx, fetch_one

DRAIN_KEY = 0x73706F6F6C
"""Advisory lock ("spool"): shared by all who drain."""


@asynccontextmanager
async def holding(tx: Tx) -> AsyncIterator[None]:
    """Let others know that we drain. Ends with the connection at the latest."""
    await tx.execute("select pg_advisory_lock_shared(%s)", (DRAIN_KEY,))
    try:
        yield
    finally:
        if not tx.broken:
            await tx.execute("select pg_advisory_unlock_shared(%s)", (DRAIN_KEY,))


async def is_draining(tx: Tx) -> bool:
    """Say whether anybody drains. Needs a connection outside a transaction."""
    row = await fetch_one(tx, "select pg_try_advisory_xact_lock(%s) as free", (DRAIN_KEY,))
    return row is None or not row["free"]
