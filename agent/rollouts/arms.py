"""Which version answers a conversation: the current one, or the one that a rollout tries on a share of them (P10).

A conversation keeps its arm for as long as a rollout runs: it is drawn from a hash of its id, and stored.
"""

import hashlib
from dataclasses import dataclass, replace
from uuid import UUID

from agent.rollouts.versions import Release, Version, current_version, find_version, get_version, policy_of
from agent.store import rollouts as store
from agent.store.db import Tx
from agent.store.rollouts import Arm
from agent.types import ConversationId, Tenant


def arm_of(rollout_id: UUID, conversation_id: UUID, share_percent: int) -> Arm:
    """Draw a conversation's arm: the same at every call, and independent of its arms in other rollouts."""
    digest = hashlib.sha256(rollout_id.bytes + conversation_id.bytes).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    return "candidate" if place < share_percent / 100 else "control"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The version that answers a conversation, and the rollout that tries it there, if one does."""

    version: Version
    trial_id: UUID | None = None


async def choose_version(tx: Tx, tenant: Tenant, conversation_id: ConversationId, release: Release) -> Chosen:
    """Return the version that answers a conversation now. A rollout under way keeps which arm it is in.

    When the current version is no more the one that a rollout compares with, everybody has the current one.
    """
    current = await current_version(tx, tenant, release)
    rollout = await store.find_open_rollout(tx, tenant.id)
    if rollout is None or rollout.base != current.digest:
        return Chosen(version=current)
    arm = await store.assign_arm(
        tx, rollout, conversation_id, arm_of(rollout.id, conversation_id, rollout.share_percent)
    )
    if arm == "control":
        return Chosen(version=current)
    return Chosen(version=await get_version(tx, tenant.id, rollout.version), trial_id=rollout.id)


async def behaving_now(tx: Tx, tenant: Tenant, conversation_id: ConversationId) -> Tenant:
    """Return a tenant with the policies under which a conversation is answered now; changes nothing."""
    digest = await store.find_tried_version(tx, conversation_id)
    tried = await find_version(tx, tenant.id, digest) if digest else None
    return tenant if tried is None else replace(tenant, policy=policy_of(tried, tenant.policy))
