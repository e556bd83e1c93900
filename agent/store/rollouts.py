"""Rollouts as stored: their terms, who has which version, what was measured, how they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.rollouts.criteria import MEASURES, Arms, Measure
from agent.rollouts.sequential import Sample
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, TenantId

RolloutState = Literal["canary", "expanded", "rolled_back", "stopped"]
Arm = Literal["candidate", "control"]

_ROLLOUT = """id, tenant_id, base, version, state, share_percent, hold_hours, min_exposed, criteria, looks, findings,
              reason, actor, started_at, looked_at, ended_at"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutRow:
    """A rollout. `criteria` and `findings` are as `agent.rollouts.rollout` writes them."""

    id: UUID
    tenant_id: TenantId
    base: str
    version: str
    state: RolloutState
    share_percent: int
    hold_hours: int
    min_exposed: int
    criteria: Sequence[Mapping[str, Any]]
    looks: Sequence[int]
    findings: Sequence[Mapping[str, Any]]
    reason: str
    actor: str
    started_at: datetime
    looked_at: datetime | None = None
    ended_at: datetime | None = None


async def insert_rollout(tx: Tx, row: RolloutRow) -> None:
    """Begin a rollout.

    Raises:
        psycopg.errors.UniqueViolation: the tenant has one under way.
    """
    await tx.execute(
        """insert into rollouts (id, tenant_id, base, version, share_percent, hold_hours, min_exposed, criteria, actor,
                                 started_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            *(row.id, row.tenant_id, row.base, row.version, row.share_percent, row.hold_hours, row.min_exposed),
            *(Jsonb(list(row.criteria)), row.actor, row.started_at),
        ),
    )


async def find_open_rollout(tx: Tx, tenant_id: TenantId) -> RolloutRow | None:
    """Return the rollout under way; None: there is none."""
    row = await fetch_one(
        tx,
        f"select {_ROLLOUT} from rollouts where tenant_id = %s and state = 'canary'",  # noqa: S608 — a constant
        (tenant_id,),
    )
    return None if row is None else RolloutRow(**row)


async def lock_rollout(tx: Tx, rollout_id: UUID) -> RolloutRow | None:
    """Return a rollout under way, for this transaction alone; None: it has ended, or somebody else is at it."""
    row = await fetch_one(
        tx,
        f"""select {_ROLLOUT} from rollouts where id = %s and state = 'canary'
            for update skip locked""",  # noqa: S608 — a constant
        (rollout_id,),
    )
    return None if row is None else RolloutRow(**row)


async def list_rollouts(tx: Tx, tenant_id: TenantId, *, limit: int = 20) -> list[RolloutRow]:
    """Return a tenant's rollouts, newest first."""
    cursor = await tx.execute(
        f"select {_ROLLOUT} from rollouts where tenant_id = %s order by started_at desc, id desc limit %s",  # noqa: S608
        (tenant_id, limit),
    )
    return [RolloutRow(**row) for row in await cursor.fetchall()]


async def list_open_rollouts(tx: Tx) -> list[tuple[TenantId, UUID]]:
    """Return the rollouts under way of all tenants."""
    cursor = await tx.execute("select * from open_rollouts()")
    return [(row["open_tenant_id"], row["open_id"]) for row in await cursor.fetchall()]


async def assign_arm(tx: Tx, rollout: RolloutRow, conversation_id: ConversationId, drawn: Arm) -> Arm:
    """Return which arm a conversation is in: the one it has had, else the one that was drawn, from now on."""
    row = await fetch_one(
        tx,
        """with kept as (
               insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm) values (%s, %s, %s, %s)
               on conflict do nothing returning arm)
           select arm from kept union all
           select arm from rollout_arms where rollout_id = %s and conversation_id = %s limit 1""",
        (rollout.id, conversation_id, rollout.tenant_id, drawn, rollout.id, conversation_id),
    )
    return drawn if row is None else row["arm"]


async def find_tried_version(tx: Tx, conversation_id: ConversationId) -> str | None:
    """Return the version that is being tried on a conversation; None: none is."""
    row = await fetch_one(
        tx,
        """select r.version from rollout_arms a join rollouts r on r.id = a.rollout_id
           where a.conversation_id = %s and a.arm = 'candidate' and r.state = 'canary'""",
        (conversation_id,),
    )
    return row["version"] if row else None


async def count_arms(tx: Tx, rollout_id: UUID) -> Mapping[Arm, int]:
    """Return how many conversations are in each arm, whether or not they have been answered."""
    cursor = await tx.execute(
        "select arm, count(*)::int as n from rollout_arms where rollout_id = %s group by arm", (rollout_id,)
    )
    found = {row["arm"]: row["n"] for row in await cursor.fetchall()}
    return {"candidate": found.get("candidate", 0), "control": found.get("control", 0)}


_IN_TRIAL = "select arm, conversation_id, assigned_at as since from rollout_arms where rollout_id = %(rollout)s"
_LATELY = """select distinct 'control' as arm, conversation_id, %(since)s::timestamptz as since
             from turns where tenant_id = %(tenant)s and created_at >= %(since)s"""
_MEASURED = """
    answered as (
        select a.arm, a.conversation_id, t.id, t.state, t.decision, t.intent,
               extract(epoch from t.finished_at - t.created_at)::float8 as seconds,
               (select coalesce(sum(cost_microusd), 0) from model_calls where turn_id = t.id)::float8 as cost,
               exists (select from scores where turn_id = t.id and name = 'review' and word = 'rejected') as rejected,
               exists (select from scores where turn_id = t.id and name in ('opt_out', 'complaint')) as complained,
               exists (select from scores where turn_id = t.id and name in ('booked', 'won')) as converted
        from watched a
        join turns t on t.conversation_id = a.conversation_id and t.created_at >= a.since
                    and t.state in ('done', 'failed')),
    seen as (
        select arm, conversation_id,
               bool_or(state = 'failed')::int as errors,
               least(avg(seconds) / %(latency)s, 1) as latency,
               least(avg(cost) / %(cost)s, 1) as cost,
               coalesce(bool_or(decision = 'escalate'), false)::int as escalation,
               bool_or(rejected)::int as disapproval,
               (bool_or(complained) or coalesce(bool_or(intent in ('complaint', 'opt_out')), false))::int as complaints,
               (not bool_or(converted))::int as no_conversion
        from answered group by arm, conversation_id)
    select arm, measure, count(*)::int as n, sum(value)::float8 as total, sum(value ^ 2)::float8 as squares,
           sum(value ^ 3)::float8 as cubes
    from seen cross join lateral (values
        ('errors', errors::float8), ('latency', latency), ('cost', cost), ('escalation', escalation),
        ('disapproval', disapproval), ('complaints', complaints), ('no_conversion', no_conversion))
        as measured (measure, value)
    group by arm, measure"""
"""What was seen of each measure in each arm of `watched` (arm, conversation_id, since)."""
_NOTHING = Sample(n=0, total=0, squares=0, cubes=0)


async def read_arms(tx: Tx, rollout_id: UUID, caps: Mapping[Measure, float]) -> Arms:
    """Return what was seen of each measure in both arms, over conversations that were answered since they are in it.

    `caps` are the seconds and micro-dollars that count as 1.
    """
    parameters = {"rollout": rollout_id, **_caps_of(caps)}
    cursor = await tx.execute(f"with watched as ({_IN_TRIAL}), {_MEASURED}", parameters)
    found = {(row["arm"], row["measure"]): _sample(row) for row in await cursor.fetchall()}
    return {
        each: (found.get(("candidate", each), _NOTHING), found.get(("control", each), _NOTHING)) for each in MEASURES
    }


async def read_measures(
    tx: Tx, tenant_id: TenantId, since: datetime, caps: Mapping[Measure, float]
) -> Mapping[Measure, Sample]:
    """Return what was seen of each measure over all conversations of a tenant that were answered since a moment."""
    parameters = {"tenant": tenant_id, "since": since, **_caps_of(caps)}
    cursor = await tx.execute(f"with watched as ({_LATELY}), {_MEASURED}", parameters)
    found = {row["measure"]: _sample(row) for row in await cursor.fetchall()}
    return {each: found.get(each, _NOTHING) for each in MEASURES}


def _caps_of(caps: Mapping[Measure, float]) -> Mapping[str, float]:
    return {"latency": caps.get("latency", 1.0), "cost": caps.get("cost", 1.0)}


def _sample(row: Mapping[str, Any]) -> Sample:
    return Sample(n=row["n"], total=row["total"], squares=row["squares"], cubes=row["cubes"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """What a turn usually takes; None: too little is known."""

    seconds: float | None
    microusd: float | None


async def read_usual(tx: Tx, tenant_id: TenantId, since: datetime) -> Usual:
    """Return the mean seconds and micro-dollars of a tenant's turns since a moment."""
    row = await fetch_one(
        tx,
        """select avg(extract(epoch from t.finished_at - t.created_at))::float8 as seconds,
                  avg(c.cost)::float8 as microusd
           from turns t cross join lateral (
               select coalesce(sum(cost_microusd), 0) as cost from model_calls where turn_id = t.id) c
           where t.tenant_id = %s and t.created_at >= %s and t.state = 'done'""",
        (tenant_id, since),
    )
    return Usual(seconds=row["seconds"] if row else None, microusd=row["microusd"] if row else None)


async def save_look(
    tx: Tx, rollout_id: UUID, looks: Sequence[int], findings: Sequence[Mapping[str, Any]], at: datetime
) -> None:
    """Keep what a look found."""
    await tx.execute(
        "update rollouts set looks = %s, findings = %s, looked_at = %s where id = %s and state = 'canary'",
        (list(looks), Jsonb(list(findings)), at, rollout_id),
    )


async def end_rollout(tx: Tx, rollout_id: UUID, state: RolloutState, reason: str, at: datetime) -> bool:
    """End a rollout; False: it has ended already."""
    cursor = await tx.execute(
        "update rollouts set state = %s, reason = %s, ended_at = %s where id = %s and state = 'canary'",
        (state, reason, at, rollout_id),
    )
    return cursor.rowcount == 1
