"""A worker process: takes turns and deliveries, renews its leases, and sweeps up after others that died."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import psycopg_pool
import structlog

from agent.media.arriving import discard_media, keep_media
from agent.ports import AgentDeps, Deps
from agent.replaying import run_replay
from agent.rollouts.rollout import watch_rollout
from agent.store import conversations, outbox
from agent.store.batches import list_due_batches
from agent.store.media import list_due_media
from agent.store.rollouts import list_open_rollouts
from agent.turn import deliver
from agent.types import MessageId, TenantId
from jobs.langfuse import LEARN_S, RETELL_S, SCORE_S, SETTLE_S, LangfuseWork
from jobs.queue import JobQueue
from jobs.recovery import RECOVER_S, REPORT_S, Recovery, Report
from jobs.turns import RENEW_S, Turns

SWEEP_S = 1.0
RESCUE_S = 5.0
SWEEP_MEDIA_S = 2.0
"""Files to be tried again are found by the sweep: people wait for them."""
DISCARD_S = 60.0
WATCH_S = 20.0
"""Rollouts are looked at this often besides after each of their own turns: a breach ends them within a minute."""
OVERDUE_S = 30.0
"""A turn or delivery this late has lost its job. Not less: behind a long line, a second job only makes it longer."""

log = structlog.get_logger(__name__)


async def run_worker(deps: AgentDeps, queue: JobQueue, stop: asyncio.Event) -> None:
    """Work until `stop` is set; turns under way finish, or are given back for another worker."""
    turns, recovery, report, traces = Turns(deps), Recovery(deps), Report(deps), LangfuseWork(deps=deps)

    async def run_delivery(tenant_id: TenantId, message_id: MessageId) -> None:
        await deliver(tenant_id, message_id, deps)

    async def fetch_media(tenant_id: TenantId, message_id: MessageId) -> None:
        await keep_media(tenant_id, message_id, deps)

    async def do_replay(tenant_id: TenantId, replay_id: UUID) -> None:
        await run_replay(tenant_id, replay_id, deps)

    async def do_evaluation(tenant_id: TenantId, run_id: UUID) -> None:
        from jobs.evaluation import do_asked  # noqa: PLC0415 — as below

        await do_asked(tenant_id, run_id, deps)

    async def advance_batch(tenant_id: TenantId, batch_id: UUID) -> None:
        if deps.batches is None:
            log.warning("batch.no_provider", batch=str(batch_id), fix="configure a model provider that has batches")
            return
        from jobs.batches import Batches  # noqa: PLC0415 — imports the SDK, which the local engine need not wait for

        work = Batches(deps=deps, api=deps.batches, tracer=deps.tracer, metrics=deps.metrics)
        await work.advance(tenant_id, batch_id)

    await or_else_report(traces.learn_prompts)
    async with asyncio.TaskGroup() as group:
        beats = [
            group.create_task(_repeat(RENEW_S, turns.renew_leases)),
            group.create_task(_repeat(SWEEP_S, lambda: sweep_turns(deps))),
            group.create_task(_repeat(RESCUE_S, lambda: sweep_outbox(deps))),
            group.create_task(_repeat(RESCUE_S, queue.rescue_stalled)),
            group.create_task(_repeat(SWEEP_MEDIA_S, lambda: sweep_media(deps, queue))),
            group.create_task(_repeat(DISCARD_S, lambda: discard_media(deps))),
            group.create_task(_repeat(WATCH_S, lambda: watch_rollouts(deps))),
            group.create_task(_repeat(RECOVER_S, recovery.recover)),
            group.create_task(_repeat(REPORT_S, report.send)),
            group.create_task(_repeat(SETTLE_S, traces.settle_traces)),
            group.create_task(_repeat(SCORE_S, traces.send_scores)),
            group.create_task(_repeat(RETELL_S, traces.retell_lost)),
            group.create_task(_repeat(LEARN_S, traces.learn_prompts)),
        ]
        await queue.work(
            turns=turns.run,
            deliveries=run_delivery,
            batches=advance_batch,
            media=fetch_media,
            replays=do_replay,
            evaluations=do_evaluation,
            concurrency=deps.settings.nightshift_worker_concurrency,
            stop=stop,
        )
        for beat in beats:
            beat.cancel()
    await asyncio.to_thread(deps.tracer.shutdown)
    await traces.aclose()
    await or_else_report(traces.settle_traces)
    await or_else_report(report.send)


async def sweep_turns(deps: Deps) -> int:
    """Take back turns whose worker died or whose job was lost, and wake each in the same transaction."""
    async with deps.db.system() as tx, tx.transaction():
        swept = await conversations.sweep(tx, overdue_s=OVERDUE_S)
        for tenant_id, conversation_id in swept:
            await deps.queue.wake_turn(tx, tenant_id, conversation_id)
    return len(swept)


async def sweep_outbox(deps: Deps) -> int:
    """Defer deliveries whose job was lost, whose time has come, or whose claim has lapsed."""
    async with deps.db.system() as tx, tx.transaction():
        due = await outbox.list_due_outbox(tx, deps.now(), overdue_s=OVERDUE_S)
        for tenant_id, message_id in due:
            await deps.queue.deliver(tx, tenant_id, message_id)
    return len(due)


async def sweep_media(deps: Deps, queue: JobQueue) -> int:
    """Have files fetched that are to be tried again, or whose job or worker was lost."""
    async with deps.db.system() as tx, tx.transaction():
        due = await list_due_media(tx, overdue_s=1)
        for tenant_id, message_id in due:
            await queue.keep_media(tx, tenant_id, message_id)
    return len(due)


async def sweep_batches(deps: Deps) -> int:
    """Defer the next step of every batch that is due."""
    async with deps.db.system() as tx, tx.transaction():
        due = await list_due_batches(tx)
        for tenant_id, batch_id in due:
            await deps.queue.advance_batch(tx, tenant_id, batch_id)
    return len(due)


async def or_else_report(work: Callable[[], Awaitable[object]]) -> None:
    """Do something once, at the beginning or the end; a database that is away is reported, and not waited for."""
    try:
        await work()
    except (psycopg.Error, psycopg_pool.PoolTimeout) as exc:
        log.warning("worker.database_away", error=type(exc).__name__)


async def watch_rollouts(deps: Deps) -> int:
    """Look at every rollout under way, and act; returns how many have ended. Each is one worker's at a time."""
    async with deps.db.system() as connection:
        under_way = await list_open_rollouts(connection)
    outcomes = [await watch_rollout(tenant_id, rollout_id, deps) for tenant_id, rollout_id in under_way]
    return sum(each in ("rolled_back", "expanded") for each in outcomes)


async def _repeat(every_s: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do something at a steady pace; a database that is away is reported and tried again."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except (psycopg.Error, psycopg_pool.PoolTimeout) as exc:
            log.warning("worker.database_away", error=type(exc).__name__)
