"""What operators see: alive, ready, status as JSON, metrics for Prometheus. No prospect, no tenant, no text of either.

Nobody has to sign in for these, so what providers say in their errors is not here: the inbox shows it to managers.

Any web process shows the whole installation, because workers report through the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, get_args

import psycopg
import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily

from agent.drift import FEATURES, Level
from agent.metrics import Metrics, Sample
from agent.ports import Deps
from agent.store import operations, waiting
from agent.store.db import Tx
from agent.store.drift import DriftedTenants, list_drifted
from agent.store.event_chain import Unsealed, list_unsealed_tenants
from agent.store.operations import Backlog, OpenRequests, ReportedCircuit
from agent.store.senders import TroubledSender, list_troubled
from agent.store.sweeps import SweptAccount, list_sweeps
from agent.store.waiting import Outage, WaitingTurns
from channels.intake import Intake, Keeping
from channels.spool import SpoolState

T = TypeVar("T")
log = structlog.get_logger(__name__)

PATIENCE_S = 2.0
AWAY = "PostgreSQL cannot be reached. Webhooks are kept on disk and acknowledged; they are processed when it is back."

CIRCUIT_STATES = ("closed", "half_open", "open", "capped")


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The installation as it stands."""

    workers: int
    backlog: Backlog
    outage: Outage | None
    waiting: Sequence[WaitingTurns]
    circuits: Sequence[ReportedCircuit]
    swept: Sequence[SweptAccount]
    troubled: Sequence[TroubledSender]
    unsealed: Sequence[Unsealed]
    drifted: Sequence[DriftedTenants]
    requests: OpenRequests

    @property
    def oldest_waiting_since(self) -> datetime | None:
        """Since when the turn waits for a model that has waited longest."""
        return min((each.oldest_since for each in self.waiting), default=None)

    @property
    def swept_until(self) -> datetime | None:
        """Up to when every number has been asked for messages that no webhook brought; None: there is no number."""
        return min((each.swept_until for each in self.swept), default=None)

    @property
    def unsealed_since(self) -> datetime | None:
        """Since when the event waits to be sealed that has waited longest."""
        return min((each.oldest_at for each in self.unsealed), default=None)

    @property
    def unswept(self) -> int:
        """How many numbers could not be asked the last time."""
        return sum(bool(each.problem) for each in self.swept)


def build_status(deps: Deps, intake: Intake) -> APIRouter:
    """Return the routes for operators and their tools. While PostgreSQL is away they tell what this process knows."""
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        keeping = await intake.keeping()
        spool = _spool_as_json(keeping.spool)
        try:
            workers = None if keeping.away else await _ask(deps, operations.count_workers)
        except psycopg.ProgrammingError as exc:
            log.warning("web.not_ready", error=type(exc).__name__)
            return JSONResponse({"error": "The queue cannot be read; run `nightshift migrate`."}, status_code=503)
        if workers is None:
            return JSONResponse({"error": AWAY, "spool": spool}, status_code=503)
        return JSONResponse({"status": "ready", "workers": workers, "spool": spool})

    @router.get("/status")
    async def status(response: Response) -> dict[str, object]:
        keeping = await intake.keeping()
        seen = None if keeping.away else await _ask(deps, partial(_read, now=deps.now()))
        response.status_code = 503 if seen is None else 200
        return {
            "database": "away" if seen is None else "there",
            "engine": "claude" if deps.settings.has_models else "local",
            "simulator": deps.settings.simulator_enabled,
            "spool": _spool_as_json(keeping.spool),
            **(_as_json(seen) if seen else {}),
        }

    @router.get("/metrics")
    async def metrics() -> Response:
        keeping = await intake.keeping()
        totals = None if keeping.away else await _ask(deps, operations.list_totals)
        seen = None if totals is None else await _ask(deps, partial(_read, now=deps.now()))
        families = [*_counted(totals or ()), *_kept(keeping, deps.now(), is_there=seen is not None)]
        families += _gauges(seen, deps.now()) if seen else ()
        return Response(generate_latest(_Families(families)), media_type=CONTENT_TYPE_LATEST)

    return router


async def _ask(deps: Deps, question: Callable[[Tx], Awaitable[T]]) -> T | None:
    """Ask the database; None: it is away. Whoever watches us has less patience than a connection pool."""
    try:
        async with asyncio.timeout(PATIENCE_S), deps.db.system() as connection:
            return await question(connection)
    except (psycopg.OperationalError, TimeoutError) as exc:
        log.warning("web.database_away", error=type(exc).__name__)
        return None


def _spool_as_json(spool: SpoolState) -> dict[str, Any]:
    oldest = spool.oldest_at.isoformat() if spool.oldest_at else None
    return {"files": spool.files, "bytes": spool.bytes, "oldest_at": oldest, "set_aside": spool.set_aside}


async def _read(connection: Tx, now: datetime) -> Operations:
    return Operations(
        workers=await operations.count_workers(connection),
        backlog=await operations.read_backlog(connection),
        outage=await waiting.find_outage(connection),
        waiting=await waiting.list_waiting(connection),
        circuits=await operations.list_circuits(connection),
        swept=await list_sweeps(connection, "twilio"),
        troubled=await list_troubled(connection),
        unsealed=await list_unsealed_tenants(connection),
        drifted=await list_drifted(connection, now),
        requests=await operations.count_open_requests(connection, now),
    )


def _as_json(seen: Operations) -> dict[str, Any]:
    return {
        "workers": seen.workers,
        "backlog": asdict(seen.backlog),
        "outage": _without(asdict(seen.outage), "reason") if seen.outage else None,
        "waiting": {
            "turns": sum(each.turns for each in seen.waiting),
            "oldest_since": seen.oldest_waiting_since,
            "by_priority": {str(each.priority): each.turns for each in seen.waiting},
        },
        "missed_messages": {
            "numbers": len(seen.swept),
            "asked_until": seen.swept_until,
            "not_asked": seen.unswept,
        },
        "refused_senders": {
            "numbers": len(seen.troubled),
            "messages": sum(each.waiting for each in seen.troubled),
            "why": sorted({each.trouble for each in seen.troubled}),
        },
        "drifted": {each.feature: each.tenants for each in seen.drifted if each.level == "drifted"},
        "unsealed_events": {"events": sum(each.waiting for each in seen.unsealed), "oldest_at": seen.unsealed_since},
        "providers": _by_provider(seen.circuits),
    }


def _by_provider(circuits: Iterable[ReportedCircuit]) -> dict[str, list[dict[str, Any]]]:
    """Return each provider's circuits, at their worst over all workers."""
    result: dict[str, list[dict[str, Any]]] = {}
    for each in circuits:
        told = _without(asdict(each), "error")
        result.setdefault(told.pop("provider"), []).append(told)
    return result


def _without(told: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what anybody may read: all but a provider's own words."""
    return {key: value for key, value in told.items() if key != name}


@dataclass(frozen=True, slots=True)
class _Families:
    """Metric families, in the shape that `generate_latest` reads."""

    families: Sequence[Metric]

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        yield from self.families


def _counted(totals: Iterable[tuple[Sample, float]]) -> Iterator[Metric]:
    """Yield what all workers have counted, described as `agent.metrics` does."""
    by_name: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for (name, labels), value in totals:
        by_name.setdefault(name, []).append((dict(labels), value))
    for described in Metrics().registry.collect():
        family = Metric(described.name, described.documentation, described.type)
        for sample in described.samples:  # without labels: 0 is told, so that the first one is an increase
            if sample.name.endswith("_total"):
                by_name.setdefault(sample.name, [({}, 0.0)])
        for suffix in ("_total", "_bucket", "_count", "_sum"):
            for labelled, value in by_name.get(described.name + suffix, ()):
                family.add_sample(described.name + suffix, dict(labelled), value)
        yield family


def _gauges(seen: Operations, now: datetime) -> Iterator[Metric]:
    """Yield what is so at this moment."""
    yield _gauge("nightshift_workers", "Workers alive.", seen.workers)
    yield _gauge("nightshift_outbox", "Messages to be handed over, or under way.", seen.backlog.outbox)
    yield _gauge(
        "nightshift_outage", "1 while no model answers, and until nothing waits any more.", int(bool(seen.outage))
    )
    yield _gauge(
        "nightshift_oldest_waiting_seconds",
        "How long the turn has waited for a model that has waited longest.",
        _age_s(seen.oldest_waiting_since, now),
    )
    backlog = GaugeMetricFamily(
        "nightshift_backlog", "Conversations with a turn to take or under way.", labels=["state"]
    )
    backlog.add_metric(["queued"], seen.backlog.queued)
    backlog.add_metric(["running"], seen.backlog.running)
    yield backlog
    waits = GaugeMetricFamily("nightshift_waiting", "Turns that wait for a model.", labels=["priority"])
    for each in seen.waiting:
        waits.add_metric([str(each.priority)], each.turns)
    yield waits
    yield _circuits(seen.circuits)
    yield _drifted(seen.drifted)
    yield _gauge("nightshift_open_requests", "Requests for a person that nobody has settled.", seen.requests.open)
    yield _gauge(
        "nightshift_late_requests",
        "Those for which a prospect waits longer than their tenant promises.",
        seen.requests.late,
    )
    yield _gauge(
        "nightshift_sweep_age_seconds",
        "How long ago Twilio was asked for messages that no webhook brought: the number asked longest ago.",
        _age_s(seen.swept_until, now),
    )
    yield _gauge("nightshift_sweep_problems", "Numbers that could not be asked the last time.", seen.unswept)
    yield _gauge(
        "nightshift_unsealed_events",
        "Events that wait to be sealed into their tenant's chain.",
        sum(each.waiting for each in seen.unsealed),
    )
    yield _gauge(
        "nightshift_unsealed_events_oldest_seconds",
        "How long the oldest of them has waited.",
        _age_s(seen.unsealed_since, now),
    )
    yield _gauge("nightshift_refused_senders", "Numbers from which the provider takes nothing.", len(seen.troubled))


def _drifted(drifted: Iterable[DriftedTenants]) -> Metric:
    """Return how many tenants are at each level of drift. Which ones, is in their events and pages."""
    family = GaugeMetricFamily(
        "nightshift_drift_tenants",
        "Tenants by how far a feature of their messages has drifted.",
        labels=["feature", "level"],
    )
    counted = {(each.feature, each.level): each.tenants for each in drifted}
    for feature in FEATURES:
        for level in get_args(Level):
            family.add_metric([feature, level], counted.get((feature, level), 0))
    return family


def _kept(keeping: Keeping, now: datetime, *, is_there: bool) -> Iterator[Metric]:
    """Yield what this process knows by itself."""
    spool = keeping.spool
    yield _gauge("nightshift_database_up", "1 while this web process reaches PostgreSQL.", int(is_there))
    yield _gauge("nightshift_spool_files", "Webhooks on this host's disk that wait for PostgreSQL.", spool.files)
    yield _gauge("nightshift_spool_bytes", "Bytes of those webhooks.", spool.bytes)
    yield _gauge(
        "nightshift_spool_oldest_seconds", "How long the oldest of them has waited.", _age_s(spool.oldest_at, now)
    )
    yield _gauge(
        "nightshift_spool_set_aside", "Webhooks that could not be processed; a person must look.", spool.set_aside
    )


def _age_s(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0) if since else 0


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


def _circuits(circuits: Iterable[ReportedCircuit]) -> Metric:
    """Return 1 for the state each circuit is in, 0 for the others."""
    family = GaugeMetricFamily(
        "nightshift_circuit",
        "State of each circuit, at its worst over all workers.",
        labels=["provider", "model", "state"],
    )
    for each in circuits:
        for state in CIRCUIT_STATES:
            family.add_metric([each.provider, each.model, state], int(each.state == state))
    return family
