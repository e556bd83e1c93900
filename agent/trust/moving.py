"""Moving the trust dial: up one step at a time and with proof, down at once (promise P10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.errors import NightshiftError
from agent.ports import Deps
from agent.rollouts.promotion import why_not_evaluated
from agent.rollouts.versions import current_version
from agent.store import trust as store
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.trust import Reviewed
from agent.trust.dial import is_up, level_for
from agent.types import INTENTS, TRUST_LEVELS, Channel, Tenant, TrustLevel

REVIEWED_WITHIN = timedelta(days=30)
MIN_DRAFTS = 20
"""Drafts that staff must have seen before any leaves without them …"""
MIN_APPROVAL = 0.90
"""… the share of them that they sent …"""
MAX_DISTANCE = 0.15
"""… and how much of those they changed, on average."""


class TrustRefused(NightshiftError):  # noqa: N818 — names what is so, as the others do
    """A person acts: the dial cannot be moved up so far. Nothing has changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place of the dial: a channel, and an intent or (empty) all that have none of their own."""

    channel: Channel
    intent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where the dial stands at a place, and what speaks for moving it up."""

    place: Place
    level: TrustLevel
    is_own: bool
    """Whether it was set here; else it is the channel's, or the tenant's."""
    reviewed: Reviewed


async def list_standings(tx: Tx, tenant: Tenant, channels: Sequence[Channel], deps: Deps) -> list[Standing]:
    """Return every place of the dial on these channels, the channel as a whole first."""
    found = []
    since = deps.now() - REVIEWED_WITHIN
    for channel in channels:
        levels = await store.read_channel(tx, tenant.id, channel)
        for intent in ("", *INTENTS):
            place = Place(channel=channel, intent=intent)
            reviewed = await store.read_reviews(tx, tenant.id, channel=channel, intent=intent, since=since)
            level = level_for(levels, intent, tenant)
            found.append(Standing(place=place, level=level, is_own=intent in levels, reviewed=reviewed))
    return found


async def move_trust(tx: Tx, tenant: Tenant, place: Place, level: TrustLevel, *, actor: str, deps: Deps) -> TrustLevel:
    """Move the dial at a place; returns where it stood.

    Raises:
        TrustRefused: it would give more freedom than has been earned, or the place is none.
    """
    if level not in TRUST_LEVELS:
        raise TrustRefused(f"{level!r} is no level; there are {', '.join(TRUST_LEVELS)}.")
    if place.intent and place.intent not in INTENTS:
        raise TrustRefused(f"{place.intent!r} is no intent; there are {', '.join(INTENTS)}.")
    await store.lock_dial(tx, tenant.id)
    levels = await store.read_channel(tx, tenant.id, place.channel)
    before = level_for(levels, place.intent, tenant)
    if is_up(before, level) and (why := await why_not_up(tx, tenant, place, before, level, deps=deps)):
        raise TrustRefused(why)
    await store.set_level(
        tx, tenant.id, channel=place.channel, intent=place.intent, level=level, actor=actor, at=deps.now()
    )
    data = {"channel": place.channel, "intent": place.intent, "before": before, "after": level}
    await insert_event(tx, tenant.id, "trust.moved", actor=actor, data=data)
    return before


async def why_not_up(tx: Tx, tenant: Tenant, place: Place, before: TrustLevel, level: TrustLevel, *, deps: Deps) -> str:
    """Return why the dial may not be moved up so far, as a sentence; empty: it may.

    Drafting along, unseen, needs no proof; a person's eyes need an evaluated version; none need reviews, too.
    """
    next_up = TRUST_LEVELS[TRUST_LEVELS.index(before) + 1]
    if level != next_up:
        return f"The dial moves up one step at a time: after {before} comes {next_up}."
    if level == "shadow":
        return ""
    version = await current_version(tx, tenant, deps.release)
    if why := await why_not_evaluated(tx, tenant.id, version.digest, min_accuracy=tenant.policy.min_accuracy):
        return why
    if level == "review":
        return ""
    since = deps.now() - REVIEWED_WITHIN
    return why_not_reviewed(
        await store.read_reviews(tx, tenant.id, channel=place.channel, intent=place.intent, since=since)
    )


def why_not_reviewed(reviewed: Reviewed) -> str:
    """Return what is wanting of what staff made of drafts, as a sentence; empty: nothing."""
    if reviewed.drafts < MIN_DRAFTS:
        return f"Staff have reviewed {reviewed.drafts} drafts of these in 30 days; {MIN_DRAFTS} are needed."
    if reviewed.approval < MIN_APPROVAL:
        return f"Staff sent {reviewed.approval:.0%} of these drafts; {MIN_APPROVAL:.0%} are needed."
    if reviewed.distance > MAX_DISTANCE:
        return f"Staff changed {reviewed.distance:.0%} of what they sent; at most {MAX_DISTANCE:.0%} is allowed."
    return ""
