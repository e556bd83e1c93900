"""The clock: APScheduler decides when, one leader by advisory lock, and a tick happens once by its key.

It does nothing but hand out due work; rows hold what is due. Any number of clocks may run: one leads, the others
stand by and take over within seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent.escalation.ownership import hand_back_due
from agent.evaluation.nightly import ask_nightly
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
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """What is done at the same moments, one after the other."""

    at: CronTrigger | IntervalTrigger
    period: timedelta
    """From one moment to the next."""
    work: Mapping[str, Callable[[], Awaitable[object]]]
    """By the name under which each is done once in a period."""
    first_at: datetime | None = None
    """The first time, if it is not one of those moments."""


def _build_scheduler(deps: Deps, queue: JobQueue) -> AsyncIOScheduler:
    scheduler = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
    )
    for tick in _list_ticks(deps, queue):
        name, first = "+".join(tick.work), {"next_run_time": tick.first_at} if tick.first_at else {}
        scheduler.add_job(_do, tick.at, (tick, deps), id=name, name=name, **first)
    return scheduler


def _list_ticks(deps: Deps, queue: JobQueue) -> Iterator[Tick]:
    yield Tick(
        at=_cron(second=0),
        period=MINUTE,
        work={"outbox": partial(sweep_outbox, deps), "hand_back": partial(hand_back_due, deps)},
    )
    yield Tick(at=_cron(second=30), period=MINUTE, work={"batches": partial(sweep_batches, deps)})
    yield Tick(at=_cron(second=45), period=MINUTE, work={"seal": partial(seal_all, deps)})
    yield Tick(
        at=_cron(minute="*/5", second=15),
        period=5 * MINUTE,
        work={"outcomes": partial(match_all, deps), "figures": partial(keep_figures, deps)},
    )
    if deps.settings.twilio_account_sid and deps.settings.twilio_auth_token:
        every_min, sweep_min = deps.settings.nightshift_templates_sync_min, deps.settings.nightshift_sweep_min
        yield _repeat(every_min, "templates", partial(_sync_templates, deps), deps.now())
        yield _repeat(sweep_min, "sweep", partial(_sweep_missed, deps), deps.now())
    if deps.settings.sends_mail:
        yield Tick(at=_cron(minute=5), period=HOUR, work={"digest": partial(_send_digests, deps)})
    yield Tick(at=_cron(minute=37), period=HOUR, work={"evaluation": partial(ask_nightly, deps)})
    yield Tick(at=_cron(hour="*/6", minute=20), period=6 * HOUR, work={"drift": partial(watch_all, deps)})
    yield Tick(at=_cron(hour=3, minute=17), period=DAY, work={"cleanup": partial(clean_up, deps, queue)})
    yield Tick(at=_cron(hour=3, minute=47), period=DAY, work={"chains": partial(keep_chains, deps)})


def _cron(**fields: int | str) -> CronTrigger:
    return CronTrigger(timezone=UTC, **fields)


def _repeat(minutes: int, name: str, work: Callable[[], Awaitable[object]], now: datetime) -> Tick:
    """Return work that is done every so often, the first time soon: whoever starts a clock may have been down."""
    at = IntervalTrigger(minutes=minutes, timezone=UTC)
    return Tick(at=at, period=timedelta(minutes=minutes), work={name: work}, first_at=now + SOON)


async def _sync_templates(deps: Deps) -> None:
    from jobs.templates import sync_quietly  # noqa: PLC0415 — imports the SDK, which not every clock needs

    await sync_quietly(deps)


async def _sweep_missed(deps: Deps) -> None:
    from jobs.sweep import sweep_quietly  # noqa: PLC0415 — imports the SDK, which not every clock needs

    await sweep_quietly(deps)


async def _send_digests(deps: Deps) -> None:
    from jobs.agent_wiring import build_mail_sender  # noqa: PLC0415 — imports what not every clock needs
    from jobs.digest import send_digests  # noqa: PLC0415

    await send_digests(deps, build_mail_sender(deps.settings))


async def _do(tick: Tick, deps: Deps) -> None:
    for name, work in tick.work.items():
        await _once(name, tick.period, deps, work)


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
