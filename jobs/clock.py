"""The clock: APScheduler decides when, one leader by advisory lock, and a tick happens once by its key.

It does nothing but hand out due work; rows hold what is due. Any number of clocks may run: one leads, the others
stand by and take over within seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import psycopg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent.evaluation.nightly import ask_nightly
from agent.ownership import hand_back_due
from agent.ports import Deps
from agent.store import ticks
from agent.store.db import Tx
from agent.store.spending import delete_old_spending
from agent.store.tenants import list_tenants
from agent.store.uploads import delete_old_uploads
from jobs.drift import watch_all
from jobs.events import keep_chains, seal_all
from jobs.figures import keep_figures
from jobs.outcomes import match_all
from jobs.queue import JobQueue
from jobs.worker import sweep_batches, sweep_outbox

LEADER_KEY = 0x636C6F636B  # "clock": not the key of migrations, which must not wait for the lead to end
SOON = timedelta(seconds=5)
KEEP_JOBS_HOURS = 7 * 24
KEEP_SPENDING_DAYS = 7
KEEP_UPLOADS_DAYS = 2

log = structlog.get_logger(__name__)


async def run_clock(deps: Deps, queue: JobQueue, stop: asyncio.Event) -> None:
    """Tick while leading, stand by otherwise, until `stop` is set."""
    while not stop.is_set():
        try:
            await _lead_or_stand_by(deps, queue, stop)
        except (psycopg.Error, OSError) as exc:
            log.warning("clock.database_away", error=type(exc).__name__)
            await _pause(1.0, stop)


async def _lead_or_stand_by(deps: Deps, queue: JobQueue, stop: asyncio.Event) -> None:
    scheduler = _build_scheduler(deps, queue)
    connection = await ticks.connect_leader(deps.db.url)
    try:
        scheduler.start(paused=True)
        while not stop.is_set():
            if await ticks.try_lead(connection, LEADER_KEY):
                scheduler.resume()
                log.info("clock.leading")
                await _hold(connection, stop)
            await _pause(1.0, stop)
    finally:
        scheduler.shutdown(wait=False)
        await connection.close()


async def _hold(connection: Tx, stop: asyncio.Event) -> None:
    """Keep the lock's connection alive; losing it raises, and ends the lead."""
    while not stop.is_set():
        await connection.execute("select 1")
        await _pause(1.0, stop)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _build_scheduler(deps: Deps, queue: JobQueue) -> AsyncIOScheduler:
    scheduler = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
    )

    every_min, sweep_min = deps.settings.nightshift_templates_sync_min, deps.settings.nightshift_sweep_min

    async def minute() -> None:
        await _once("outbox", timedelta(minutes=1), deps, lambda: sweep_outbox(deps))
        await _once("hand_back", timedelta(minutes=1), deps, lambda: hand_back_due(deps))

    async def batches() -> None:
        await _once("batches", timedelta(minutes=1), deps, lambda: sweep_batches(deps))

    async def templates() -> None:
        from jobs.templates import sync_quietly  # noqa: PLC0415 — imports the SDK, which not every clock needs

        await _once("templates", timedelta(minutes=every_min), deps, lambda: sync_quietly(deps))

    async def missed() -> None:
        from jobs.sweep import sweep_quietly  # noqa: PLC0415 — imports the SDK, which not every clock needs

        await _once("sweep", timedelta(minutes=sweep_min), deps, lambda: sweep_quietly(deps))

    async def figures() -> None:
        await _once("outcomes", timedelta(minutes=5), deps, lambda: match_all(deps))
        await _once("figures", timedelta(minutes=5), deps, lambda: keep_figures(deps))

    async def digests() -> None:
        from jobs.agent_wiring import build_mail_sender  # noqa: PLC0415 — imports what not every clock needs
        from jobs.digest import send_digests  # noqa: PLC0415

        await _once("digest", timedelta(hours=1), deps, lambda: send_digests(deps, build_mail_sender(deps.settings)))

    async def seal() -> None:
        await _once("seal", timedelta(minutes=1), deps, lambda: seal_all(deps))

    async def drift() -> None:
        await _once("drift", timedelta(hours=6), deps, lambda: watch_all(deps))

    async def chains() -> None:
        await _once("chains", timedelta(days=1), deps, lambda: keep_chains(deps))

    async def evaluations() -> None:
        await _once("evaluation", timedelta(hours=1), deps, lambda: ask_nightly(deps))

    async def night() -> None:
        await _once("cleanup", timedelta(days=1), deps, lambda: clean_up(deps, queue))

    scheduler.add_job(minute, CronTrigger(second=0, timezone=UTC), id="outbox")
    scheduler.add_job(figures, CronTrigger(minute="*/5", second=15, timezone=UTC), id="figures")
    scheduler.add_job(batches, CronTrigger(second=30, timezone=UTC), id="batches")
    if deps.settings.twilio_account_sid and deps.settings.twilio_auth_token:
        # The first time soon: whoever starts a clock may have been down.
        soon = deps.now() + SOON
        scheduler.add_job(
            templates, IntervalTrigger(minutes=every_min, timezone=UTC), id="templates", next_run_time=soon
        )
        scheduler.add_job(missed, IntervalTrigger(minutes=sweep_min, timezone=UTC), id="sweep", next_run_time=soon)
    if deps.settings.sends_mail:
        scheduler.add_job(digests, CronTrigger(minute=5, timezone=UTC), id="digest")
    scheduler.add_job(drift, CronTrigger(hour="*/6", minute=20, timezone=UTC), id="drift")
    scheduler.add_job(seal, CronTrigger(second=45, timezone=UTC), id="seal")
    scheduler.add_job(chains, CronTrigger(hour=3, minute=47, timezone=UTC), id="chains")
    scheduler.add_job(evaluations, CronTrigger(minute=37, timezone=UTC), id="evaluation")
    scheduler.add_job(night, CronTrigger(hour=3, minute=17, timezone=UTC), id="cleanup")
    return scheduler


async def _once(name: str, period: timedelta, deps: Deps, work: Callable[[], Awaitable[object]]) -> None:
    """Do a tick's work unless another clock has done it: the key is the time it was due, not the time it is."""
    due = _floor(deps.now(), period)
    async with deps.db.system() as connection:
        if await ticks.insert_tick(connection, f"{name}:{due:%Y-%m-%dT%H:%MZ}"):
            await work()


def _floor(at: datetime, period: timedelta) -> datetime:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return start + ((at - start) // period) * period


async def clean_up(deps: Deps, queue: JobQueue) -> None:
    """Delete finished jobs, old ticks and sums that no budget needs any more.

    Prospects' data is kept until its tenant's retention says otherwise.
    """
    await queue.delete_old_jobs(hours=KEEP_JOBS_HOURS)
    async with deps.db.system() as connection:
        await ticks.delete_old_ticks(connection, days=7)
        tenants = await list_tenants(connection)
    for tenant in tenants:
        async with deps.db.tenant(tenant.id) as tx:
            await delete_old_uploads(tx, before=deps.now() - timedelta(days=KEEP_UPLOADS_DAYS))
            await delete_old_spending(tx, tenant.id, before=deps.now().date() - timedelta(days=KEEP_SPENDING_DAYS))
