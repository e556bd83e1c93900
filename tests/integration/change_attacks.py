"""Attacks on the query functions of versions, the trust dial and rollouts, for the tests of isolation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.store import turns, versions
from agent.store.db import Tx
from agent.types import TenantId
from tests.integration.tenant_rows import Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[object]]

THEIRS = "0123456789ab"
"""The version that every tenant of the tests has."""
OTHER = versions.VersionRow(digest="ffffffffffff", prompts={}, models={}, thresholds={}, policies={})


async def knows_pinned(tx: Tx, b: Rows) -> bool:
    return f"Secret of {b.slug}" in str(await versions.find_pinned(tx, b.tenant))


CHANGE_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    turns.begin_again: lambda tx, _, b: turns.begin_again(tx, b.turn, THEIRS),
    versions.has_version: lambda tx, _, b: versions.has_version(tx, b.tenant, THEIRS),
    versions.insert_version: lambda tx, _, b: versions.insert_version(tx, b.tenant, OTHER),
    versions.find_version: lambda tx, _, b: versions.find_version(tx, b.tenant, THEIRS),
    versions.list_versions: lambda tx, _, b: versions.list_versions(tx, b.tenant),
    versions.find_pinned: lambda tx, _, b: knows_pinned(tx, b),
    versions.pin_version: lambda tx, _, b: versions.pin_version(tx, b.tenant, THEIRS),
    versions.unpin_version: lambda tx, _, b: versions.unpin_version(tx, b.tenant),
}
