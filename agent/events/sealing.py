"""Sealing, verifying and retiring a tenant's events. `agent.events.chain` says what a seal is.

The clock seals every minute and verifies every night; what is older than retention allows is removed only from a chain
that holds, behind a checkpoint, and an event in the chain says so.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes

from agent.events.chain import PRUNED, Break, Head, Seal, StoredEvent, Verifier, seal_event
from agent.store import event_chain
from agent.store.db import Database, Tx
from agent.store.events import insert_event
from agent.types import TenantId

AT_A_TIME = 1000
UNSEALED_FOR = timedelta(minutes=10)
"""An event that is not sealed by then is one to look at: sealing has stopped, or was got round."""
MOST_BREAKS = 100
"""So many are told of one chain; it is as broken with more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What came of verifying a chain: it holds if there are no breaks."""

    events: int
    forgotten: int
    """Events whose data were forgotten because their contact was erased."""
    start: Head
    """What retention has removed ends here; number 0: nothing."""
    head: Head
    breaks: list[Break] = field(default_factory=list)


async def seal_events(tenant_id: TenantId, db: Database) -> int:
    """Seal all events of a tenant that are committed; return how many."""
    sealed = 0
    while True:
        async with db.tenant(tenant_id) as tx:
            done = await _seal_some(tx, tenant_id)
        sealed += done
        if done < AT_A_TIME:
            return sealed


async def _seal_some(tx: Tx, tenant_id: TenantId) -> int:
    await event_chain.lock_chain(tx)
    head = await event_chain.find_head(tx)
    seals: list[Seal] = []
    for event in await event_chain.list_unsealed(tx, limit=AT_A_TIME):
        seals.append(seal_event(event, head, token_bytes(16)))
        head = Head(seq=seals[-1].seq, hash=seals[-1].hash)
    if seals:
        await event_chain.insert_seals(tx, tenant_id, seals)
    return len(seals)


async def list_chain(tenant_id: TenantId, start: Head, db: Database) -> AsyncIterator[tuple[Seal, StoredEvent | None]]:
    """Yield a tenant's links and events from behind `start` on, in short transactions."""
    after = start.seq
    while True:
        async with db.tenant(tenant_id) as tx:
            links = await event_chain.list_links(tx, after, limit=AT_A_TIME)
        for each in links:
            yield each
        if len(links) < AT_A_TIME:
            return
        after = links[-1][0].seq


async def verify_events(tenant_id: TenantId, db: Database, now: datetime, *, noted: Head | None = None) -> Verified:
    """Follow a tenant's chain from its beginning to its end. `noted` is a head that it must contain.

    Raises:
        ValueError: retention has removed the noted head since.
    """
    async with db.tenant(tenant_id) as tx:
        start = await event_chain.find_start(tx)
    if noted and noted.seq < start.seq:
        raise ValueError(f"seal {noted.seq} was removed by retention; the chain begins after {start.seq}")
    verifier = Verifier(start=start, noted=noted)
    breaks: list[Break] = []
    async for seal, event in list_chain(tenant_id, start, db):
        breaks += verifier.check(seal, event)
        del breaks[MOST_BREAKS:]
    async with db.tenant(tenant_id) as tx:
        for account in await event_chain.list_unsealed_accounts(tx):
            verifier.account_for(account)
        never = await event_chain.list_never_sealed(tx, now - UNSEALED_FOR, limit=MOST_BREAKS)
    breaks += verifier.finish()
    breaks += [Break(fault="unsealed", seq=None, event_id=each) for each in never]
    return Verified(
        events=verifier.events,
        forgotten=verifier.forgotten,
        start=start,
        head=verifier.head,
        breaks=breaks[:MOST_BREAKS],
    )


async def retire_events(tenant_id: TenantId, before: datetime, db: Database) -> int:
    """Remove a tenant's sealed events older than `before`; return how many. The rest of the chain stays verifiable.

    Call it on a chain that holds: what is removed can be verified no more.
    """
    async with db.tenant(tenant_id) as tx:
        await event_chain.lock_chain(tx)
        start, found = await event_chain.find_start(tx), await event_chain.find_cut(tx, before)
        if found:
            cut, last_at = found
            removed = cut.seq - start.seq
            await event_chain.insert_checkpoint(tx, tenant_id, cut, removed, last_at)
            data = {"head": str(cut), "removed": removed, "last_at": last_at.isoformat()}
            await insert_event(tx, tenant_id, PRUNED, actor="retention", data=data)
    total = 0
    while True:  # also what an earlier run has left when it was interrupted
        async with db.tenant(tenant_id) as tx:
            done = await event_chain.prune_events(tx, limit=AT_A_TIME)
        total += done
        if done < AT_A_TIME:
            return total
