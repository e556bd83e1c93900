"""Attacks on the query functions of versions, the trust dial and rollouts, for the tests of isolation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store import decided, rollouts, trust, turns, versions
from agent.store.db import Tx
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[object]]

THEIRS = "0123456789ab"
"""The version that every tenant of the tests has."""
OTHER = versions.VersionRow(digest="ffffffffffff", prompts={}, models={}, thresholds={}, policies={})


async def knows_pinned(tx: Tx, b: Rows) -> bool:
    return f"Secret of {b.slug}" in str(await versions.find_pinned(tx, b.tenant))


async def begins_another(tx: Tx, tenant: TenantId, b: Rows) -> None:
    """Begin a rollout that names B's tenant, once the one under way has ended."""
    await tx.execute("update rollouts set state = 'stopped', ended_at = now()")
    for found in await rollouts.list_rollouts(tx, tenant):
        await rollouts.insert_rollout(tx, replace(found, id=new_id(), tenant_id=b.tenant))


async def assigns_theirs(tx: Tx, b: Rows) -> object:
    rollout = await rollouts.find_open_rollout(tx, b.tenant)
    return rollout and await rollouts.assign_arm(tx, rollout, b.running, "candidate")


async def has_arms(tx: Tx, b: Rows) -> bool:
    return (await rollouts.count_arms(tx, b.done))["candidate"] > 0


async def has_measures(tx: Tx, b: Rows) -> bool:
    await tx.execute("update rollout_arms set assigned_at = '2020-01-01'")
    return (await rollouts.read_arms(tx, b.done, {}))["errors"][0].n > 0


async def has_had_measures(tx: Tx, b: Rows) -> bool:
    return (await rollouts.read_measures(tx, b.tenant, datetime(2020, 1, 1, tzinfo=UTC), {}))["errors"].n > 0


async def has_usual(tx: Tx, b: Rows) -> bool:
    return (await rollouts.read_usual(tx, b.tenant, datetime(2020, 1, 1, tzinfo=UTC))).seconds is not None


async def finds_decided(tx: Tx, b: Rows) -> object:
    labels = {"intent": "pricing", "language": "es", "confidence": 0.9, "needs_human": False, "source": "claude"}
    await tx.execute("update turns set steps = %s", (Jsonb({"classification": labels}),))
    ever = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    return await decided.list_decided(tx, b.tenant, since=ever[0], until=ever[1])


async def counts_reviews(tx: Tx, b: Rows) -> int:
    ever = datetime(2020, 1, 1, tzinfo=UTC)
    return (await trust.read_reviews(tx, b.tenant, channel="email", intent="", since=ever)).drafts


async def knows_intent(tx: Tx, b: Rows) -> str:
    await tx.execute("update turns set steps = jsonb_build_object('classification', jsonb_build_object('intent', 'x'))")
    return await trust.find_turn_intent(tx, b.done, b.idle)


CHANGE_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    decided.list_decided: lambda tx, _, b: finds_decided(tx, b),
    rollouts.insert_rollout: begins_another,
    rollouts.find_open_rollout: lambda tx, _, b: rollouts.find_open_rollout(tx, b.tenant),
    rollouts.lock_rollout: lambda tx, _, b: rollouts.lock_rollout(tx, b.done),
    rollouts.list_rollouts: lambda tx, _, b: rollouts.list_rollouts(tx, b.tenant),
    rollouts.assign_arm: lambda tx, _, b: assigns_theirs(tx, b),
    rollouts.find_tried_version: lambda tx, _, b: rollouts.find_tried_version(tx, b.idle),
    rollouts.count_arms: lambda tx, _, b: has_arms(tx, b),
    rollouts.read_arms: lambda tx, _, b: has_measures(tx, b),
    rollouts.read_measures: lambda tx, _, b: has_had_measures(tx, b),
    rollouts.read_usual: lambda tx, _, b: has_usual(tx, b),
    rollouts.save_look: lambda tx, _, b: rollouts.save_look(tx, b.done, [20], [], AT),
    rollouts.end_rollout: lambda tx, _, b: rollouts.end_rollout(tx, b.done, "stopped", "x", AT),
    trust.read_channel: lambda tx, _, b: trust.read_channel(tx, b.tenant, "email"),
    trust.set_level: lambda tx, _, b: trust.set_level(
        tx, b.tenant, channel="email", intent="", level="off", actor="x", at=AT
    ),
    trust.read_reviews: lambda tx, _, b: counts_reviews(tx, b),
    trust.find_turn_intent: lambda tx, _, b: knows_intent(tx, b),
    turns.begin_again: lambda tx, _, b: turns.begin_again(tx, b.turn, THEIRS),
    versions.has_version: lambda tx, _, b: versions.has_version(tx, b.tenant, THEIRS),
    versions.insert_version: lambda tx, _, b: versions.insert_version(tx, b.tenant, OTHER),
    versions.find_version: lambda tx, _, b: versions.find_version(tx, b.tenant, THEIRS),
    versions.list_versions: lambda tx, _, b: versions.list_versions(tx, b.tenant),
    versions.find_pinned: lambda tx, _, b: knows_pinned(tx, b),
    versions.pin_version: lambda tx, _, b: versions.pin_version(tx, b.tenant, THEIRS),
    versions.unpin_version: lambda tx, _, b: versions.unpin_version(tx, b.tenant),
}
