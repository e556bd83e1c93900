"""Watching for drift: each tenant's last week against its baseline.

The baseline is taken once there are enough messages older than that week, and stays until a person says that what is
now is well (`nightshift drift rebase`). Operators and the tenant hear of a feature when it begins to drift, once.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

from agent.alerts import alert
from agent.drift import FEATURES, LEAST_BEFORE, Drift, Feature, compare
from agent.store import drift
from agent.store.db import Database, Tx
from agent.store.drift import Baseline
from agent.store.events import insert_event
from agent.types import TenantId

NOW = timedelta(days=7)
BEFORE = timedelta(days=28)


async def watch_drift(tenant_id: TenantId, db: Database, now: datetime) -> dict[Feature, Drift]:
    """Measure a tenant's drift and keep it; return what could be measured."""
    async with db.tenant(tenant_id) as tx:
        baselines = await drift.list_baselines(tx)
        if len(baselines) < len(FEATURES):
            baselines |= await _take_missing(tx, tenant_id, baselines, now)
        counts = await drift.count_features(tx, now - NOW, now)
        levels = {each.feature: each.level for each in await drift.list_latest_readings(tx, now)}
        found: dict[Feature, Drift] = {}
        for feature, baseline in baselines.items():
            measured = compare(baseline.counts, counts.get(feature, {}))
            if measured:
                found[feature] = measured
                await drift.save_reading(tx, tenant_id, feature, counts[feature], measured, at=now)
        begun = {
            name: each for name, each in found.items() if each.level == "drifted" and levels.get(name) != "drifted"
        }
        for feature, measured in begun.items():
            await _tell(tx, tenant_id, feature, levels.get(feature), measured)
    if begun:
        async with db.system() as connection:
            data = {"tenant": str(tenant_id), "features": sorted(begun)}
            await alert(
                connection, "drift.detected", data, fix="See the operations page: what changed, and is it well?"
            )
    return found


async def _tell(tx: Tx, tenant_id: TenantId, feature: Feature, before: str | None, measured: Drift) -> None:
    data = {
        "feature": feature,
        "before": before,
        "after": measured.level,
        "psi": round(measured.psi, 3),
        "moved": [asdict(each) for each in measured.moved],
    }
    await insert_event(tx, tenant_id, "drift.detected", actor="clock", data=data)


async def _take_missing(
    tx: Tx, tenant_id: TenantId, known: dict[Feature, Baseline], now: datetime
) -> dict[Feature, Baseline]:
    """Take baselines that a tenant has not, from the four weeks before the last, if there is enough in them."""
    since, until = now - NOW - BEFORE, now - NOW
    counts = await drift.count_features(tx, since, until)
    taken = [
        Baseline(feature=feature, counts=counts[feature], since=since, until=until)
        for feature in FEATURES
        if feature not in known and sum(counts.get(feature, {}).values()) >= LEAST_BEFORE
    ]
    for each in taken:
        await drift.save_baseline(tx, tenant_id, each)
    return {each.feature: each for each in taken}


async def rebase(tx: Tx, tenant_id: TenantId, now: datetime, *, actor: str) -> dict[Feature, int]:
    """Say that what is now is well: the last week becomes the baseline, or two or four where it has too little.

    Returns of how many messages or turns each is made; a feature of which even four weeks have too little stays.
    """
    taken: dict[Feature, int] = {}
    for weeks in (1, 2, 4):
        since = now - weeks * NOW
        for feature, counts in (await drift.count_features(tx, since, now)).items():
            total = sum(counts.values())
            if feature not in taken and total >= LEAST_BEFORE:
                taken[feature] = total
                baseline = Baseline(feature=feature, counts=counts, since=since, until=now)
                await drift.save_baseline(tx, tenant_id, baseline)
    if taken:
        await insert_event(tx, tenant_id, "drift.rebased", actor=actor, data={"features": taken})
    return taken
