"""Rollouts: a version on a share of conversations, for days, by criteria fixed beforehand; back by itself (P10).

A conversation has one arm for as long as a rollout runs (`agent.rollouts.arms`). Both arms are compared at looks
(`agent.rollouts.criteria`), and the first criterion that is broken ends the rollout: from then on every turn has
the current version again. One that held its time over enough conversations goes to everybody. All state is in rows,
so that any worker can go on with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from pydantic import TypeAdapter

from agent.alerts import alert
from agent.errors import NightshiftError
from agent.evaluation.holds import promotion_hold
from agent.ids import new_id
from agent.ports import Deps
from agent.rollouts.criteria import SCHEDULE, Criterion, Finding, breaches, judge, share_alpha
from agent.rollouts.promotion import why_not_evaluated
from agent.rollouts.versions import Version, current_version, find_version, get_version, keep_version, policy_of
from agent.store import rollouts as store
from agent.store import versions as stored_versions
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.rollouts import RolloutRow
from agent.store.settings_changes import lock_published
from agent.store.tenants import get_tenant_file, update_published
from agent.tenant.file import to_document
from agent.tenant.parts import read_part
from agent.tenant.publishing import Publisher, record_change
from agent.types import Tenant, TenantId

ACTOR = "rollout"
USUAL_WITHIN = timedelta(days=14)
"""How far back it is looked what a turn usually takes."""
CAP = 4.0
"""So many times the usual seconds and money of a turn count as 1 …"""
UNKNOWN_S, UNKNOWN_MICROUSD = 20.0, 40_000.0
"""… and this, where nothing is known yet."""
LONGEST = timedelta(days=14)
"""A rollout that has too few conversations even by then ends as it began."""
FIX = "look at the rollouts page: what was broken, by how much; mend the version, evaluate it, start again"

CRITERIA = TypeAdapter(tuple[Criterion, ...])
FINDINGS = TypeAdapter(tuple[Finding, ...])


class RolloutRefused(NightshiftError):  # noqa: N818 — names what is so, as the others do
    """A person acts: a rollout cannot be started or stopped as asked. Nothing has changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What is fixed before a rollout starts."""

    criteria: tuple[Criterion, ...]
    share_percent: int = 10
    hold_hours: int = 48
    min_exposed: int = 200
    """Conversations that must have had the version before it goes to everybody."""

    def problem(self) -> str:
        """Return what is wrong with them, as a sentence; empty: nothing."""
        measures = [each.measure for each in self.criteria]
        if not measures:
            return "A rollout needs criteria: what must not become worse, fixed before it starts."
        if len({*measures}) < len(measures):
            return "Each measure can be a criterion once."
        if not 5 <= self.share_percent <= 10:
            return f"The share must be 5 to 10 % of conversations, not {self.share_percent} %."
        if not 48 <= self.hold_hours <= 72:
            return f"A rollout holds for 48 to 72 hours, not {self.hold_hours}."
        if self.min_exposed < SCHEDULE.first:
            return f"At least {SCHEDULE.first} conversations are needed to tell anything."
        return ""


# --- starting and stopping ---------------------------------------------------------------------------------


async def start_rollout(tx: Tx, tenant: Tenant, digest: str, terms: Terms, *, actor: str, deps: Deps) -> RolloutRow:
    """Begin to try a version on a share of a tenant's conversations.

    Raises:
        RolloutRefused: the terms are wrong, the version is unknown, current or not proven, or another one is under way.
    """
    if problem := terms.problem():
        raise RolloutRefused(problem)
    base = await current_version(tx, tenant, deps.release)
    if base.digest == digest:
        raise RolloutRefused(f"Version {digest} is the current one: everybody has it.")
    if await find_version(tx, tenant.id, digest) is None:
        raise RolloutRefused(f"{tenant.slug} has no version {digest}: see `nightshift versions list`.")
    if why := await why_not_evaluated(tx, tenant.id, digest, min_accuracy=tenant.policy.min_accuracy):
        raise RolloutRefused(why)
    await keep_version(tx, tenant.id, base)
    row = RolloutRow(
        id=new_id(),
        tenant_id=tenant.id,
        base=base.digest,
        version=digest,
        state="canary",
        share_percent=terms.share_percent,
        hold_hours=terms.hold_hours,
        min_exposed=terms.min_exposed,
        criteria=CRITERIA.dump_python(await _fix(tx, tenant.id, terms.criteria, deps), mode="json"),
        looks=(),
        findings=(),
        reason="",
        actor=actor,
        started_at=deps.now(),
    )
    try:
        async with tx.transaction():
            await store.insert_rollout(tx, row)
    except UniqueViolation as exc:
        raise RolloutRefused("A rollout is under way: let it end, or stop it first.") from exc
    data = {"criteria": list(row.criteria), "share_percent": row.share_percent, "hold_hours": row.hold_hours}
    await _tell(tx, tenant, row, "rollout.started", data=data, actor=actor)
    return row


async def _fix(tx: Tx, tenant_id: TenantId, criteria: Sequence[Criterion], deps: Deps) -> tuple[Criterion, ...]:
    """Fix by what has been usual of late what seconds and money count as, and how surely each criterion must speak."""
    since = deps.now() - USUAL_WITHIN
    capped = await _with_caps(tx, tenant_id, criteria, since)
    usual = await store.read_measures(tx, tenant_id, since, {each.measure: each.cap for each in capped})
    return share_alpha(capped, usual)


async def _with_caps(
    tx: Tx, tenant_id: TenantId, criteria: Sequence[Criterion], since: datetime
) -> tuple[Criterion, ...]:
    """Give seconds and money their caps by what a turn usually takes, where the criterion names none."""
    usual = await store.read_usual(tx, tenant_id, since)
    caps = {
        "latency": CAP * usual.seconds if usual.seconds else UNKNOWN_S,
        "cost": CAP * usual.microusd if usual.microusd else UNKNOWN_MICROUSD,
    }
    return tuple(
        replace(each, cap=caps[each.measure]) if each.measure in caps and each.cap == 1 else each for each in criteria
    )


async def stop_rollout(tx: Tx, tenant: Tenant, actor: str, deps: Deps, *, reason: str = "") -> RolloutRow:
    """End the rollout under way; every conversation has the current version again.

    Raises:
        RolloutRefused: none is under way.
    """
    row = await store.find_open_rollout(tx, tenant.id)
    why = reason or "stopped by a person"
    if row is None or not await store.end_rollout(tx, row.id, "stopped", why, deps.now()):
        raise RolloutRefused("No rollout is under way.")
    await _tell(tx, tenant, row, "rollout.stopped", data={"reason": why}, actor=actor)
    return row


# --- watching ----------------------------------------------------------------------------------------------


async def watch_rollout(tenant_id: TenantId, rollout_id: UUID, deps: Deps) -> str:
    """Look at a rollout if that is due, and act: returns `canary`, `rolled_back` or `expanded`; empty: not ours now."""
    async with deps.db.tenant(tenant_id) as tx:
        row = await store.lock_rollout(tx, rollout_id)
        if row is None:
            return ""
        tenant = await deps.tenants.get(tx, tenant_id)
        if (await current_version(tx, tenant, deps.release)).digest != row.base:
            return await _roll_back(tx, tenant, row, "what it was compared with is no longer the current version", deps)
        row, findings = await _look(tx, tenant, row, deps)
        if broken := breaches(findings):
            return await _roll_back(tx, tenant, row, "; ".join(map(_sentence, broken)), deps)
        return await _perhaps_expand(tx, tenant, row, deps)


async def _look(tx: Tx, tenant: Tenant, row: RolloutRow, deps: Deps) -> tuple[RolloutRow, tuple[Finding, ...]]:
    """Compare both arms, where enough conversations have come since the last look."""
    criteria = criteria_of(row)
    due = SCHEDULE.next_look(row.looks)
    if (await store.count_arms(tx, row.id))["candidate"] < due:
        return row, ()
    arms = await store.read_arms(tx, row.id, {each.measure: each.cap for each in criteria})
    exposed = min(arms[each.measure][0].n for each in criteria)
    if exposed < due:  # some have not been answered yet
        return row, ()
    row = replace(row, looks=(*row.looks, exposed))
    findings = judge(criteria, arms, row.looks)
    dumped = FINDINGS.dump_python(findings, mode="json")
    await store.save_look(tx, row.id, row.looks, dumped, deps.now())
    z = {each.criterion.measure: round(each.difference.z, 2) for each in findings}
    critical = {each.criterion.measure: round(each.difference.critical, 2) for each in findings}
    data = {"rollout": str(row.id), "exposed": exposed, "z": z, "critical": critical}
    await insert_event(tx, tenant.id, "rollout.looked", actor=ACTOR, data=data)
    return row, findings


async def _roll_back(tx: Tx, tenant: Tenant, row: RolloutRow, reason: str, deps: Deps) -> str:
    if await store.end_rollout(tx, row.id, "rolled_back", reason, deps.now()):
        await _tell(tx, tenant, row, "rollout.rolled_back", data={"reason": reason, "looks": len(row.looks)})
    return "rolled_back"


async def _perhaps_expand(tx: Tx, tenant: Tenant, row: RolloutRow, deps: Deps) -> str:
    """Give a version to everybody that has held; end one that too few conversations came to."""
    age = deps.now() - row.started_at
    exposed = row.looks[-1] if row.looks else 0
    if age < timedelta(hours=row.hold_hours):
        return "canary"
    if exposed < row.min_exposed:
        if age < LONGEST:
            return "canary"
        return await _roll_back(tx, tenant, row, f"only {exposed} conversations in {LONGEST.days} days", deps)
    if hold := await promotion_hold(tx, tenant.id):
        return await _roll_back(tx, tenant, row, f"promotions are on hold: {hold.reason}", deps)
    version = await get_version(tx, tenant.id, row.version)
    await store.end_rollout(tx, row.id, "expanded", f"held over {exposed} conversations", deps.now())
    await give_to_everybody(tx, tenant.id, version, ACTOR, deps)
    await _tell(tx, tenant, row, "rollout.expanded", data={"exposed": exposed})
    return "expanded"


async def give_to_everybody(tx: Tx, tenant_id: TenantId, version: Version, actor: str, deps: Deps) -> None:
    """Make a version the current one: its thresholds and policies are published, its prompts and models pinned."""
    await lock_published(tx, tenant_id)
    file = await get_tenant_file(tx, tenant_id)
    changed = replace(file, tenant=replace(file.tenant, policy=policy_of(version, file.tenant.policy)))
    if changed != file:
        await update_published(tx, changed)
        before, after = read_part(to_document(file), "settings"), read_part(to_document(changed), "settings")
        await record_change(tx, Publisher(tenant_id=tenant_id, actor=actor), "settings", before, after)
    if version.release.key == deps.release.key:
        await stored_versions.unpin_version(tx, tenant_id)
    else:
        await stored_versions.pin_version(tx, tenant_id, version.digest)


async def _tell(
    tx: Tx, tenant: Tenant, row: RolloutRow, kind: str, *, data: dict[str, Any], actor: str = ACTOR
) -> None:
    """Record a step of a rollout, and tell operators."""
    told = {"rollout": str(row.id), "version": row.version, "base": row.base, **data}
    await insert_event(tx, tenant.id, kind, actor=actor, data=told)
    await alert(tx, kind, {"tenant": tenant.slug, **told}, fix=FIX)


def criteria_of(row: RolloutRow) -> tuple[Criterion, ...]:
    """Return a rollout's criteria."""
    return CRITERIA.validate_python(row.criteria)


def findings_of(row: RolloutRow) -> tuple[Finding, ...]:
    """Return what the last look found; nothing before the first."""
    return FINDINGS.validate_python(row.findings)


def _sentence(finding: Finding) -> str:
    seen = f"{finding.candidate.mean:.1%} instead of {finding.control.mean:.1%}"
    return f"{finding.criterion.measure}: {seen} over {finding.candidate.n} conversations"
