"""How many turns one worker process takes in a second when the model costs no time.

All else is real: PostgreSQL with fsync on, the queue, every guardrail, the delivery that follows each turn; only the
models, retrieval and the provider answer at once. Run alone: `python -m tests.benchmarks.turns`.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import process_time

from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.log import configure_logging
from agent.ports import AgentDeps
from agent.settings import Settings
from agent.store.db import Database
from agent.store.tenants import TenantCache
from agent.tracing.traces import SilentTracer
from agent.turn import receive
from agent.types import InboundMessage, Sources, Tenant
from jobs.queue import JobQueue
from jobs.wiring import utc_now
from jobs.worker import run_worker
from tests.doubles.models import ScriptedModels
from tests.doubles.sender import RecordingSender
from tests.factories import make_classification
from tests.stores import OUR_NUMBER, Store, create_store, durable_home

TURNS = 600
DELIVERED = "(select count(*) from deliveries where state = 'accepted') = %s"


class NoRetrieval:
    """Finds nothing, at once."""

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        return Sources()


def build_deps(db: Database, queue: JobQueue, home: Path) -> AgentDeps:
    """Build what a worker needs, with models and a provider that take no time."""
    models = ScriptedModels(classification=make_classification(confidence=0.95))
    detector = LanguageDetector.load()
    return AgentDeps(
        settings=Settings(_env_file=None, nightshift_home=home),
        db=db,
        tenants=TenantCache(),
        queue=queue,
        now=utc_now,
        senders={"twilio": RecordingSender()},
        models=models,
        fallback=models,
        retriever=NoRetrieval(),
        detector=detector,
        rules=build_rules(detector.detect),
        tracer=SilentTracer(),
    )


async def write(deps: AgentDeps) -> None:
    """Let prospects write one message each."""
    message = InboundMessage(
        provider="twilio",
        channel="whatsapp",
        provider_id="",
        sender="",
        recipient=OUR_NUMBER,
        text="Hola, ¿cuánto cuesta el curso intensivo de inglés?",
    )
    for number in range(TURNS):
        await receive(replace(message, provider_id=f"SM{number:032x}", sender=f"+3460{number:07d}"), deps)


async def measure(store: Store, home: Path) -> tuple[float, float]:
    """Return turns per second, from the first that begins to the last answer delivered, and processor ms a turn."""
    async with Database(store.app_url, max_size=28) as db:
        queue = JobQueue(db)
        await queue.open()
        deps, stop = build_deps(db, queue, home), asyncio.Event()
        await write(deps)
        before = process_time()
        worker = asyncio.create_task(run_worker(deps, queue, stop))
        await store.wait_until(DELIVERED, TURNS, timeout_s=120)
        stop.set()
        await worker
        spent_ms = (process_time() - before) * 1000 / TURNS
    (took,) = await store.rows(
        """select extract(epoch from max(deliveries.finished_at) - min(turns.created_at))::float8 as seconds
           from turns, deliveries"""
    )
    return TURNS / float(took["seconds"]), spent_ms


async def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    configure_logging("warning", json=False)
    with durable_home() as home:
        store = await create_store(home, "turns", quiet_s=0, max_wait_s=0)
        rate, spent_ms = await measure(store, home)
    figure = f"{rate:.0f} turns/s, each answered and delivered; {spent_ms:.0f} ms of its processor a turn"
    return [("turns: one worker, instant model", figure)]


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:40} {figure}")  # noqa: T201 — its output
