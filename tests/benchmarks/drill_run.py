"""The fault drill's stage: prospects who write, providers that fail by the script, and workers of the real kind.

Real are the workers (turns, leases, sweeps, recovery, deliveries), the queue, PostgreSQL, the gateway, the SDK, the
local engine and the guardrails. The providers are two doubles for Claude; time is simulated (`drill_world`).
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import anthropic
import httpx2
import psycopg
from pydantic import BaseModel

from agent.errors import NightshiftError, calls_of
from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.models.anthropic import ClaudeApi, Connection
from agent.models.claude import ClaudeModels
from agent.models.gateway import Gateway
from agent.models.local import LocalModels
from agent.models.pricing import ModelPrices
from agent.models.request import Completion, Request
from agent.ports import AgentDeps
from agent.prompts import Prompts
from agent.retrieve import TenantRetriever
from agent.settings import Settings
from agent.store.tenants import TenantCache, save_tenant_file
from agent.tenant.file import TenantFile, load_tenant_file
from agent.tracing.traces import SilentTracer
from agent.turn import receive
from agent.types import InboundMessage, OutboundMessage, Receipt
from jobs.queue import JobQueue
from jobs.worker import run_worker
from tests.benchmarks.cost_replay import MODELS
from tests.benchmarks.drill_forecast import FORECAST, Weather
from tests.benchmarks.drill_world import InProcess, SimulatedDatabase, SimulatedLoop
from tests.benchmarks.turns import NoRetrieval
from tests.doubles.claude import API_KEY, ClaudeDouble, create_app
from tests.doubles.claude_traffic import ORDINARY, Latency, Mix, RateLimits, Step
from tests.doubles.sender import RecordingSender
from tests.processes import REPOSITORY

BEGIN = datetime(2026, 11, 18, 3, tzinfo=UTC)
"""Three in the morning, on a Wednesday."""
WORKERS, PROVIDERS = 2, ("anthropic", "backup")
TEXTS = REPOSITORY / "agent/local/training/messages.jsonl"
SEND_S = 0.3
"""How long the messaging provider takes."""
SAMPLE_S = 10.0
REQUESTS_A_MINUTE = 1000
GIVE_UP_S = 3600.0

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long, how much, and what fails."""

    minutes: float = 30
    messages: int = 2080
    prospects: int = 1450
    forecast: Sequence[Weather] = FORECAST
    seed: int = 3

    def weather(self, at_s: float) -> Weather:
        """Return the weather at a time; after the last, calm."""
        found = (each for each in self.forecast if at_s < each.until_min * 60)
        return next(found, Weather(until_min=float("inf"), name="after"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What was going on at a moment."""

    at_s: float
    waiting: int
    queued: int
    open_circuits: int
    """Of all workers; not those that the next call may try."""


@dataclass(kw_only=True, slots=True)
class Log:
    """What happened, and when, in seconds of the drill."""

    written: list[float] = field(default_factory=list)
    sent: list[tuple[float, OutboundMessage]] = field(default_factory=list)
    requests: list[tuple[float, str, bool]] = field(default_factory=list)
    """Requests that reached a provider: when, which one, and whether it answered well."""
    calls: list[float] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)
    """Requests beyond the first of a call."""
    probes: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    ended_s: float = 0.0


class CountingGateway(Gateway):
    """The gateway, counting calls and the requests they took."""

    log: Log

    async def complete(self, request: Request[T], *, timeout_s: float) -> Completion[T]:
        """Get an answer; note when it was asked for, and every request beyond the first."""
        self.log.calls.append(_now_s())
        made: Sequence[object] = ()
        try:
            completion = await super().complete(request, timeout_s=timeout_s)
            made = completion.calls
        except (NightshiftError, asyncio.CancelledError) as exc:
            made = calls_of(exc)
            raise
        finally:
            self.log.retries += [_now_s()] * max(len(made) - 1, 0)
        return completion


class Luck(Mix):
    """What happens to the next request of one provider, by the weather: a `Mix` that changes."""

    def __init__(self, plan: Plan, provider: int, log: Log) -> None:
        super().__init__(plan.seed + provider, ())
        self._plan, self._provider, self._log = plan, provider, log

    def draw(self) -> Step:
        """Return what happens to the next request, and note it."""
        weather, at = self._plan.weather(_now_s()), self._random.random()
        drawn = ORDINARY
        for share, step in (weather.first, weather.second)[self._provider]:
            at -= share
            if at < 0:
                drawn = step
                break
        self._log.requests.append((_now_s(), PROVIDERS[self._provider], drawn is ORDINARY))
        return drawn


class SlowSender(RecordingSender):
    """Takes every message, after a moment."""

    log: Log

    async def send(self, message: OutboundMessage) -> Receipt:
        """Take a message."""
        await asyncio.sleep(SEND_S)
        self.log.sent.append((_now_s(), message))
        return await super().send(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What takes long to load, for all workers."""

    detector: LanguageDetector
    classifier: LocalClassifier
    retriever: TenantRetriever
    prompts: Prompts

    @classmethod
    def load(cls, home: Path) -> "Shared":
        """Load the local engine, training it if need be."""
        encoder = load_encoder()
        return cls(
            detector=LanguageDetector.load(),
            classifier=LocalClassifier.load(home, encoder),
            retriever=TenantRetriever(encoder),
            prompts=Prompts.load(),
        )


# --- the workers ----------------------------------------------------------------------------------------------------


def _clock() -> datetime:
    return BEGIN + timedelta(seconds=_now_s())


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def build_deps(
    db: SimulatedDatabase, queue: JobQueue, doubles: Sequence[ClaudeDouble], log: Log, shared: Shared, seed: int
) -> AgentDeps:
    """Build what a worker needs: a gateway of its own, to both providers."""
    prices = ModelPrices.load()
    apis = [
        ClaudeApi(_connection(name, double, log), prices=prices, now=_clock, stall_s=10)
        for name, double in zip(PROVIDERS, doubles, strict=True)
    ]
    gateway = CountingGateway(apis, MODELS, now=_clock, random=Random(seed))
    gateway.log = log
    sender = SlowSender()
    sender.log = log
    return AgentDeps(
        settings=Settings(_env_file=None),
        db=db,
        tenants=TenantCache(),
        queue=queue,
        now=_clock,
        senders={"simulator": sender},
        models=ClaudeModels(gateway, prompts=shared.prompts, now=_clock, timeout_s=30),
        fallback=LocalModels(shared.classifier, shared.retriever, now=_clock),
        retriever=NoRetrieval(),
        detector=shared.detector,
        rules=build_rules(shared.detector.detect),
        tracer=SilentTracer(),
        health=gateway,
    )


def _connection(name: str, double: ClaudeDouble, log: Log) -> Connection:
    def heard(body: bytes) -> None:
        if json.loads(body)["max_tokens"] == 1:
            log.probes.append(_now_s())

    sdk = anthropic.AsyncAnthropic(
        api_key=API_KEY,
        base_url=f"http://{name}.example",
        http_client=httpx2.AsyncClient(transport=InProcess(create_app(double), heard)),
        max_retries=0,
        open_telemetry=False,
    )
    return Connection(name=name, sdk=sdk, credentials="", address="")


@contextmanager
def open_doubles(plan: Plan, log: Log, loop: SimulatedLoop) -> Iterator[tuple[ClaudeDouble, ClaudeDouble]]:
    """Open the providers: as slow as the real ones, limited, and failing by the weather."""
    doubles = [
        ClaudeDouble(
            latency=Latency(plan.seed + number),
            limits=RateLimits(
                requests=REQUESTS_A_MINUTE, input_tokens=10_000_000, output_tokens=1_000_000, clock=loop.time
            ),
            mix=Luck(plan, number, log),
            clock=loop.time,
        )
        for number in range(len(PROVIDERS))
    ]
    with doubles[0] as first, doubles[1] as second:
        yield first, second


# --- the prospects --------------------------------------------------------------------------------------------------


def plan_messages(plan: Plan, files: Sequence[TenantFile]) -> list[tuple[float, InboundMessage]]:
    """Return who writes what to whom, and when: each prospect once, some again later."""
    random = Random(plan.seed)
    rows = [json.loads(line) for line in TEXTS.read_text("utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["language"] in {"es", "pt", "en"}]
    again = [random.randrange(plan.prospects) for _ in range(plan.messages - plan.prospects)]
    numbers = [*range(plan.prospects), *again]
    planned = []
    for place, number in enumerate(numbers):
        file = files[number % len(files)]
        message = InboundMessage(
            provider="simulator",
            channel="whatsapp",
            provider_id=f"SM{place:032x}",
            sender=f"+346{number:08d}",
            recipient=next(each.address for each in file.channels if each.channel == "whatsapp"),
            text=random.choice(texts),
        )
        planned.append((random.uniform(0, plan.minutes * 60), message))
    return sorted(planned, key=lambda each: each[0])


async def write(planned: Sequence[tuple[float, InboundMessage]], deps: AgentDeps, log: Log) -> None:
    """Have prospects write at their time."""
    for at_s, message in planned:
        await asyncio.sleep(max(at_s - _now_s(), 0))
        await receive(message, deps)
        log.written.append(_now_s())


# --- the run --------------------------------------------------------------------------------------------------------

UNDER_WAY = """
    select count(*) filter (where turn_state = 'waiting')::int as waiting,
           count(*) filter (where turn_state in ('queued', 'running'))::int as queued,
           (select count(*) from messages where state in ('pending', 'sending'))::int as unsent,
           (select count(*) from outages where ended_at is null)::int as outages
    from conversations"""


async def play(plan: Plan, admin_url: str, app_url: str, shared: Shared, loop: SimulatedLoop) -> Log:
    """Play the drill until everything is done that was begun."""
    log, stop = Log(), asyncio.Event()
    async with AsyncExitStack() as stack:
        doubles = stack.enter_context(open_doubles(plan, log, loop))
        workers = []
        for number in range(WORKERS):
            db = await stack.enter_async_context(SimulatedDatabase(app_url, loop, BEGIN, max_size=16))
            queue = JobQueue(db)
            await queue.open()
            workers.append((build_deps(db, queue, doubles, log, shared, plan.seed + number), queue))
        first = workers[0][0]
        files = await _save_tenants(first)
        async with asyncio.TaskGroup() as group:
            for deps, queue in workers:
                group.create_task(run_worker(deps, queue, stop))
            await _watch(group.create_task(write(plan_messages(plan, files), first, log)), workers, admin_url, log)
            log.ended_s = loop.time()
            stop.set()
        for deps, _ in workers:
            await deps.models.aclose()
    return log


async def _save_tenants(deps: AgentDeps) -> list[TenantFile]:
    """Store the example tenants, who here may write at any hour."""
    files = []
    for slug in ("lumen", "verdesolar"):
        file = load_tenant_file(REPOSITORY / f"agent/example_tenants/{slug}.yaml")
        file = replace(file, tenant=replace(file.tenant, policy=replace(file.tenant.policy, send_hours=())))
        async with deps.db.tenant(file.tenant.id) as tx:
            await save_tenant_file(tx, file)
        files.append(file)
    return files


async def _watch(
    writing: "asyncio.Task[None]", workers: Sequence[tuple[AgentDeps, JobQueue]], admin_url: str, log: Log
) -> None:
    """Take samples until the last message has been dealt with.

    Raises:
        TimeoutError: something is never done.
    """
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as connection:
        while True:
            await asyncio.sleep(SAMPLE_S)
            waiting, queued, unsent, outages = await _count(connection)
            circuits = [each for deps, _ in workers if deps.health for each in deps.health.health()]
            held = sum(each.next_probe_at is not None and each.next_probe_at > _clock() for each in circuits)
            log.samples.append(Sample(at_s=_now_s(), waiting=waiting, queued=queued, open_circuits=held))
            if writing.done() and not (waiting or queued or unsent or outages):
                return
            if _now_s() > GIVE_UP_S:
                raise TimeoutError(f"{waiting} turns wait, {queued} are queued, {unsent} messages are unsent")


async def _count(connection: "psycopg.AsyncConnection[Any]") -> tuple[int, ...]:
    row = await (await connection.execute(UNDER_WAY.encode())).fetchone()
    return tuple(row or ())
