"""What workers tell operators: the health of their circuits, and their counters, added up over all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from agent.metrics import Sample
from agent.store.db import Tx, fetch_one

if TYPE_CHECKING:
    from agent.models.circuit import CircuitHealth

FRESH_S = 30.0
"""A worker that has not reported its circuits for this long is gone, or stuck."""
MAX_ERROR = 200
LANES = 3
"""As so many procrastinate counts each of our workers: one for turns and deliveries, one for files, one for replays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedCircuit:
    """One circuit, over all workers that report it: the worst state any of them has, since when, and of how many."""

    provider: str
    model: str
    state: str
    since: datetime
    error: str
    workers: int


async def report_circuits(tx: Tx, worker: str, circuits: "Iterable[CircuitHealth]") -> None:
    """Write what a worker knows of its circuits, in place of what it knew; forget workers that are long gone."""
    for each in sorted(circuits, key=lambda circuit: (circuit.provider, circuit.model)):
        await tx.execute(
            """insert into model_health (worker, provider, model, state, since, error) values (%s, %s, %s, %s, %s, %s)
               on conflict (worker, provider, model) do update set state = excluded.state, since = excluded.since,
                   error = excluded.error, updated_at = clock_timestamp()""",
            (worker, each.provider, each.model, each.state, each.since, each.last_error[:MAX_ERROR]),
        )
    await tx.execute(
        "delete from model_health where updated_at < clock_timestamp() - 10 * %s * interval '1 s'", (FRESH_S,)
    )


async def list_circuits(tx: Tx) -> list[ReportedCircuit]:
    """Return every circuit that a living worker reports, each at its worst."""
    cursor = await tx.execute(
        """select distinct on (provider, model) provider, model, state, since, error,
                  count(*) over (partition by provider, model)::int as workers
           from model_health where updated_at > clock_timestamp() - %s * interval '1 s'
           order by provider, model, array_position(array['capped', 'open', 'half_open', 'closed'], state), since""",
        (FRESH_S,),
    )
    return [ReportedCircuit(**row) for row in await cursor.fetchall()]


async def add_totals(tx: Tx, grown: Mapping[Sample, float]) -> None:
    """Add what a worker has counted since it last said so. Always in one order: several workers do this at once."""
    for name, labels in sorted(grown):
        await tx.execute(
            """insert into metric_totals as t (sample, labels, value) values (%s, %s, %s)
               on conflict (sample, labels) do update set value = t.value + excluded.value""",
            (name, Jsonb(dict(labels)), grown[name, labels]),
        )


async def list_totals(tx: Tx) -> Sequence[tuple[Sample, float]]:
    """Return all counters of all workers."""
    cursor = await tx.execute("select sample, labels, value from metric_totals order by sample, labels")
    return [((row["sample"], tuple(sorted(row["labels"].items()))), row["value"]) for row in await cursor.fetchall()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Work in hand over all tenants."""

    queued: int
    running: int
    oldest_wake_at: datetime | None
    """When the turn that is due longest became due."""
    outbox: int


async def read_backlog(tx: Tx) -> Backlog:
    """Count the work in hand."""
    row = await fetch_one(tx, "select * from backlog()")
    if row is None:
        raise RuntimeError("backlog() returned no row; are the migrations applied?")
    return Backlog(**row)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRequests:
    """Requests for a person over all tenants."""

    open: int
    late: int
    """Nobody has looked at them in the time that their tenant promises."""


async def count_open_requests(tx: Tx, now: datetime) -> OpenRequests:
    """Count the requests for a person that nobody has settled."""
    row = await fetch_one(tx, "select * from open_requests(%s)", (now,))
    return OpenRequests(**(row or {"open": 0, "late": 0}))


async def count_workers(tx: Tx) -> int:
    """Return how many workers are alive. Fails where the queue cannot be read."""
    row = await fetch_one(
        tx,
        """select ceil(count(*)::numeric / %s)::int as alive from jobs.procrastinate_workers
           where last_heartbeat > clock_timestamp() - interval '15 s'""",
        (LANES,),
    )
    return int(row["alive"]) if row else 0
