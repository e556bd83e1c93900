"""What sealing, outcomes and drift read and write, tried as another tenant."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.drift import Drift
from agent.events.chain import Head, Seal
from agent.ids import new_id
from agent.store import drift, event_chain, operations, outcomes
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


async def reported(tx: Tx, b: Rows) -> list[str]:
    """Return what is told of outcomes that are B's."""
    found = [*await outcomes.list_outcomes(tx, limit=99), *await outcomes.list_unmatched(tx, AT)]
    found += [each for each in [await outcomes.find_outcome(tx, "1")] if each]
    return [
        each.reason for each in [*found, *await outcomes.list_standing_of_deal(tx, "deal")] if b.slug in each.reason
    ]


async def attributed(tx: Tx, b: Rows) -> object:
    """Whether B's contact leads to a conversation."""
    return (await outcomes.find_attribution(tx, b.contact, AT + timedelta(days=1))).conversation_id


async def signs(tx: Tx, b: Rows) -> bool:
    """Whether a secret of B's is told."""
    return any(b.slug in each for each in await outcomes.list_secrets(tx, "webhook", AT))


def outcome_of(b: Rows) -> outcomes.Outcome:
    """Return a new outcome of B's contact."""
    number = new_id()
    return outcomes.Outcome(
        id=number,
        source="csv",
        external_id="new",
        kind="booked",
        amount_minor=None,
        currency=None,
        reason="",
        occurred_at=AT,
        named="x",
        deal="",
        root_id=number,
        created_at=AT,
        contact_id=b.contact,
    )


async def matches(tx: Tx, b: Rows) -> None:
    """Give an outcome of B's that nobody was known for to B's contact."""
    await outcomes.set_attribution(tx, replace(outcome_of(b), id=b.turn))


async def read_of(tx: Tx, b: Rows) -> bool:
    """Whether a baseline or a reading of B's is told."""
    told = str(await drift.list_baselines(tx)) + str(await drift.list_latest_readings(tx, AT))
    return b.slug in told


BASELINE = drift.Baseline(feature="length", counts={"10": 1}, since=AT, until=AT)
STEADY = Drift(psi=0, level="steady", moved=())

WATCH_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    event_chain.list_unsealed: lambda tx, _, b: in_conversation(tx, b),
    event_chain.list_links: lambda tx, _, b: linked(tx, b),
    event_chain.insert_seals: lambda tx, tenant, b: event_chain.insert_seals(tx, tenant, [SEAL]),
    event_chain.insert_checkpoint: lambda tx, tenant, b: event_chain.insert_checkpoint(
        tx, tenant, CUT, 1, AT - timedelta(days=9)
    ),
    outcomes.list_outcomes: lambda tx, _, b: reported(tx, b),
    outcomes.list_unmatched: lambda tx, _, b: reported(tx, b),
    outcomes.find_outcome: lambda tx, _, b: reported(tx, b),
    outcomes.list_standing_of_deal: lambda tx, _, b: reported(tx, b),
    outcomes.find_attribution: lambda tx, _, b: attributed(tx, b),
    outcomes.insert_outcome: lambda tx, tenant, b: outcomes.insert_outcome(tx, tenant, outcome_of(b)),
    outcomes.mark_corrected: lambda tx, _, b: outcomes.mark_corrected(tx, b.done, b.turn),
    outcomes.set_attribution: lambda tx, _, b: matches(tx, b),
    outcomes.delete_outcomes_named: lambda tx, _, b: outcomes.delete_outcomes_named(tx, b.other),
    outcomes.list_secrets: lambda tx, _, b: signs(tx, b),
    outcomes.replace_secret: lambda tx, tenant, b: outcomes.replace_secret(
        tx, tenant, "webhook", 20 * "x", old_until=AT
    ),
    drift.list_baselines: lambda tx, _, b: read_of(tx, b),
    drift.list_latest_readings: lambda tx, _, b: read_of(tx, b),
    drift.save_baseline: lambda tx, tenant, b: drift.save_baseline(tx, tenant, BASELINE),
    drift.save_reading: lambda tx, tenant, b: drift.save_reading(tx, tenant, "length", {}, STEADY, at=AT),
    event_chain.forget_events: lambda tx, _, b: event_chain.forget_events(tx, b.contact),
}
"""Calls each function with B's ids; where it also wants a tenant's id, with the one given."""

_SEES = "takes no ids: reads what the transaction sees (test_isolation.py)"
WATCH_WITHOUT_ATTACK: Mapping[Callable[..., Any], str] = {
    operations.count_open_requests: "tells operators counts over all tenants",
    event_chain.list_unsealed_tenants: "tells operators counts over all tenants",
    event_chain.lock_chain: _SEES,
    outcomes.lock_outcomes: _SEES,
    drift.count_features: _SEES,
    drift.list_drifted: "tells operators counts over all tenants",
    event_chain.find_head: _SEES,
    event_chain.find_start: _SEES,
    event_chain.list_unsealed_accounts: _SEES,
    event_chain.list_never_sealed: _SEES,
    event_chain.find_cut: _SEES,
    event_chain.prune_events: "removes for the transaction's tenant: test_event_chain.py",
}
