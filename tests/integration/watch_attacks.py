"""What sealing, outcomes and drift read and write, tried as another tenant."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from agent.event_chain import Head, Seal
from agent.store import event_chain
from agent.store.db import Tx
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[Any]]
SEAL = Seal(seq=99, event_id=10**9, salt=bytes(16), data_hash=bytes(32), hash=bytes(32))
CUT = Head(seq=99, hash=bytes(32))


async def in_conversation(tx: Tx, b: Rows) -> list[int]:
    """Return the events of B's conversation that wait to be sealed."""
    return [each.id for each in await event_chain.list_unsealed(tx, limit=999) if each.conversation_id == b.idle]


async def linked(tx: Tx, b: Rows) -> bool:
    """Whether a link of B's chain is told."""
    return any(event and event.tenant_id == b.tenant for _, event in await event_chain.list_links(tx, 0, limit=999))


WATCH_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    event_chain.list_unsealed: lambda tx, _, b: in_conversation(tx, b),
    event_chain.list_links: lambda tx, _, b: linked(tx, b),
    event_chain.insert_seals: lambda tx, tenant, b: event_chain.insert_seals(tx, tenant, [SEAL]),
    event_chain.insert_checkpoint: lambda tx, tenant, b: event_chain.insert_checkpoint(
        tx, tenant, CUT, 1, AT - timedelta(days=9)
    ),
    event_chain.forget_events: lambda tx, _, b: event_chain.forget_events(tx, b.contact),
}
"""Calls each function with B's ids; where it also wants a tenant's id, with the one given."""

_SEES = "takes no ids: reads what the transaction sees (test_isolation.py)"
WATCH_WITHOUT_ATTACK: Mapping[Callable[..., Any], str] = {
    event_chain.list_unsealed_tenants: "tells operators counts over all tenants",
    event_chain.lock_chain: _SEES,
    event_chain.find_head: _SEES,
    event_chain.find_start: _SEES,
    event_chain.list_unsealed_accounts: _SEES,
    event_chain.list_never_sealed: _SEES,
    event_chain.find_cut: _SEES,
    event_chain.prune_events: "removes for the transaction's tenant: test_event_chain.py",
}
