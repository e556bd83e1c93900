"""Drift in the database: how messages are spread, the baselines, and what was measured against them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from agent.drift import LENGTHS, Counts, Drift, Feature, Level
from agent.store.db import Tx
from agent.types import TenantId

KEPT = timedelta(days=90)
FRESH = timedelta(days=2)
"""An older reading says nothing of today."""

_COUNT = """
with turn as materialized (
    select t.id, t.intent, coalesce(t.steps -> 'classification' ->> 'confidence',
                                    t.steps -> 'classify' -> 'classification' ->> 'confidence')::float as confidence
    from turns t
    where t.tenant_id = (select current_tenant()) and t.created_at >= %(since)s and t.created_at < %(until)s
), message as (
    select m.language, char_length(m.body) as length from turn t join messages m on m.turn_id = t.id
    where m.direction = 'inbound' and not m.automatic
), class as (
    select 'language' as feature, language as label from message where language is not null
    union all
    select 'length', coalesce(
        (select min(upto)::text from unnest(%(lengths)s::int[]) upto where upto >= length), 'more') from message
    union all
    select 'intent', intent from turn where intent is not null
    union all
    select 'confidence', (floor(least(greatest(confidence, 0), 0.9999) * 10) / 10)::numeric(2, 1)::text
        from turn where confidence is not null
)
select feature, label, count(*) as count from class group by feature, label
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """How a feature was spread in a stretch of time when all was well."""

    feature: Feature
    counts: Counts
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How far a feature was from its baseline."""

    feature: Feature
    measured_at: datetime
    counts: Counts
    psi: float
    level: Level


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftedTenants:
    """How many tenants are at a level of drift of a feature."""

    feature: Feature
    level: Level
    tenants: int


async def count_features(tx: Tx, since: datetime, until: datetime) -> dict[Feature, dict[str, int]]:
    """Count the tenant's turns and messages from `since` to before `until` by class of each feature."""
    cursor = await tx.execute(_COUNT, {"since": since, "until": until, "lengths": list(LENGTHS)})
    found: dict[Feature, dict[str, int]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row["feature"], {})[row["label"]] = row["count"]
    return found


async def list_baselines(tx: Tx) -> dict[Feature, Baseline]:
    """Return the tenant's baselines."""
    cursor = await tx.execute(
        "select feature, counts, since, until from drift_baselines where tenant_id = (select current_tenant())"
    )
    return {row["feature"]: Baseline(**row) for row in await cursor.fetchall()}


async def save_baseline(tx: Tx, tenant_id: TenantId, baseline: Baseline) -> None:
    """Keep a baseline, in place of the one before."""
    await tx.execute(
        """insert into drift_baselines (tenant_id, feature, counts, since, until) values (%s, %s, %s, %s, %s)
           on conflict (tenant_id, feature) do update set counts = excluded.counts, since = excluded.since,
               until = excluded.until, created_at = clock_timestamp()""",
        (tenant_id, baseline.feature, Jsonb(dict(baseline.counts)), baseline.since, baseline.until),
    )


async def save_reading(
    tx: Tx, tenant_id: TenantId, feature: Feature, counts: Counts, drift: Drift, *, at: datetime
) -> None:
    """Keep what was measured, and forget what was measured long ago."""
    await tx.execute(
        """insert into drift_readings (tenant_id, feature, measured_at, counts, psi, level)
           values (%s, %s, %s, %s, %s, %s) on conflict do nothing""",
        (tenant_id, feature, at, Jsonb(dict(counts)), drift.psi, drift.level),
    )
    await tx.execute(
        "delete from drift_readings where tenant_id = (select current_tenant()) and measured_at < %s", (at - KEPT,)
    )


async def list_latest_readings(tx: Tx, now: datetime) -> Sequence[Reading]:
    """Return the tenant's last reading of each feature; one that is not fresh is left out."""
    cursor = await tx.execute(
        """select distinct on (feature) feature, measured_at, counts, psi, level from drift_readings
           where tenant_id = (select current_tenant()) and measured_at > %s order by feature, measured_at desc""",
        (now - FRESH,),
    )
    return [Reading(**row) for row in await cursor.fetchall()]


async def list_drifted(tx: Tx, now: datetime) -> Sequence[DriftedTenants]:
    """Return how many tenants are at which level, by feature, as last measured: for operators."""
    cursor = await tx.execute(
        "select drifted_feature as feature, drifted_level as level, tenants from drifted_features(%s)", (now - FRESH,)
    )
    return [DriftedTenants(**row) for row in await cursor.fetchall()]
