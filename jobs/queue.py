"""The queue: task ids, retries, delays and a worker loop over procrastinate, of which this is the only importer.

A job is a wake-up, never the truth (`reference` §B of the design): turns live in conversation rows, deliveries in
outbox rows, and each is swept, so a lost, doubled or late job changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import procrastinate
import structlog
from procrastinate import exceptions
from procrastinate.connector import Notify
from psycopg.types.json import Jsonb

from agent.store.db import Database, Tx
from agent.types import ConversationId, MessageId, TenantId

TURN, DELIVER, BATCH, MEDIA, REPLAY, HEARTBEAT = "turn", "deliver", "batch", "media", "replay", "heartbeat"
EVALUATE = "evaluate"
NEAR_S = 60.0
"""Later than this stays out of the queue: rows keep their due time, and the sweep picks them up."""
MEDIA_AT_ONCE = 8
"""Files have slots of their own: turns wait for them, and a provider that serves none must not hold up turns."""
REPLAYS_AT_ONCE = 1
"""Prospects come first: replays and evaluations have one slot of their own."""
STALLED_S = 15.0

RunTurn = Callable[[TenantId, ConversationId], Awaitable[None]]
RunDelivery = Callable[[TenantId, MessageId], Awaitable[None]]
AdvanceBatch = Callable[[TenantId, UUID], Awaitable[None]]
KeepMedia = Callable[[TenantId, MessageId], Awaitable[None]]
RunReplay = Callable[[TenantId, UUID], Awaitable[None]]
RunEvaluation = Callable[[TenantId, UUID], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Connector(procrastinate.PsycopgConnector):
    """Listens again after a failed reconnect, which procrastinate 3.10 does not (issue 1597)."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen for ever, whatever happens to the connection."""
        while True:
            try:
                await super().listen_notify(on_notification, channels)
            except exceptions.ConnectorException as exc:
                log.warning("queue.listener_lost", error=type(exc).__name__)
                await asyncio.sleep(1)


class JobQueue:
    """Defers jobs inside the caller's transaction; implements `agent.ports.Queue`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.app = procrastinate.App(connector=_Connector())

    async def open(self) -> None:
        """Share the database's pool."""
        await self.app.open_async(self._db.pool)

    async def wake_turn(
        self, tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, *, delay_s: float = 0
    ) -> None:
        """Wake a worker for a conversation after `delay_s` seconds."""
        await self._defer(tx, TURN, delay_s, tenant_id=str(tenant_id), conversation_id=str(conversation_id))

    async def deliver(self, tx: Tx, tenant_id: TenantId, message_id: MessageId, *, delay_s: float = 0) -> None:
        """Have an outbox message sent after `delay_s` seconds; what is far off is left to the sweep."""
        if delay_s <= NEAR_S:
            await self._defer(tx, DELIVER, delay_s, tenant_id=str(tenant_id), message_id=str(message_id))

    async def advance_batch(self, tx: Tx, tenant_id: TenantId, batch_id: UUID) -> None:
        """Have the next step of a batch taken."""
        await self._defer(tx, BATCH, 0, tenant_id=str(tenant_id), batch_id=str(batch_id))

    async def keep_media(self, tx: Tx, tenant_id: TenantId, message_id: MessageId) -> None:
        """Have the files of a message fetched."""
        await self._defer(tx, MEDIA, 0, tenant_id=str(tenant_id), message_id=str(message_id))

    async def replay(self, tx: Tx, tenant_id: TenantId, replay_id: UUID) -> None:
        """Have a replay done that was asked for."""
        await self._defer(tx, REPLAY, 0, tenant_id=str(tenant_id), replay_id=str(replay_id))

    async def evaluate(self, tx: Tx, tenant_id: TenantId, run_id: UUID) -> None:
        """Have an evaluation done that was asked for."""
        await self._defer(tx, EVALUATE, 0, tenant_id=str(tenant_id), run_id=str(run_id))

    async def _defer(self, tx: Tx, task: str, delay_s: float, **arguments: str) -> None:
        # procrastinate's SQL without its client, whose errors are not psycopg's and whose clock is not the database's.
        await tx.execute("select defer_job(%s, %s, %s)", (task, Jsonb(arguments), float(delay_s)))

    async def rescue_stalled(self) -> int:
        """Retry the jobs of dead workers; return how many. Without it they would stay `doing` for ever.

        In one statement, unlike procrastinate's own: several workers do this at once, and each job is one's.
        """
        async with self._db.system() as connection:
            cursor = await connection.execute(
                """update procrastinate_jobs set status = 'todo', scheduled_at = null, attempts = attempts + 1
                   where id in (
                       select job.id from procrastinate_jobs job
                       left join procrastinate_workers worker on worker.id = job.worker_id
                       where job.status = 'doing'
                         and (worker.id is null or worker.last_heartbeat < now() - %s * interval '1 s')
                       for update of job skip locked)""",
                (STALLED_S,),
            )
            return cursor.rowcount

    async def delete_old_jobs(self, *, hours: int) -> None:
        """Delete finished jobs older than `hours`."""
        await self.app.job_manager.delete_old_jobs(nb_hours=hours, include_failed=True, include_aborted=True)

    async def work(
        self,
        *,
        turns: RunTurn,
        deliveries: RunDelivery,
        batches: AdvanceBatch,
        media: KeepMedia,
        replays: RunReplay,
        evaluations: RunEvaluation,
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        """Run jobs until `stop` is set, then let those under way finish, for at most 20 s."""
        self._register(turns, deliveries, batches, media, replays)
        self._register_evaluation(evaluations)
        async with asyncio.TaskGroup() as lanes:  # `LANES` of them (agent.store.operations)
            lanes.create_task(self._work_on([TURN, DELIVER, BATCH, HEARTBEAT], concurrency, stop))
            lanes.create_task(self._work_on([MEDIA], MEDIA_AT_ONCE, stop))
            lanes.create_task(self._work_on([REPLAY, EVALUATE], REPLAYS_AT_ONCE, stop))

    async def _work_on(self, queues: Iterable[str], concurrency: int, stop: asyncio.Event) -> None:
        """Run the jobs of some queues. procrastinate's worker also returns when a side task of it fails; then anew."""
        while not stop.is_set():
            worker = asyncio.create_task(
                self.app.run_worker_async(
                    queues=queues,
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=0.25,
                    shutdown_graceful_timeout=20,
                    update_heartbeat_interval=3,
                    stalled_worker_timeout=3600,
                    delete_jobs="successful",
                )
            )
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:  # cancelled, too: jobs under way need the connections that the caller closes
                stopping.cancel()
                await _end(worker, stop)

    def _register_evaluation(self, evaluations: RunEvaluation) -> None:
        @self.app.task(name=EVALUATE, queue=EVALUATE)
        async def run_evaluation(tenant_id: str, run_id: str) -> None:
            await evaluations(TenantId(UUID(tenant_id)), UUID(run_id))

    def _register(
        self, turns: RunTurn, deliveries: RunDelivery, batches: AdvanceBatch, media: KeepMedia, replays: RunReplay
    ) -> None:
        @self.app.task(name=TURN, queue=TURN)
        async def run_turn(tenant_id: str, conversation_id: str) -> None:
            await turns(TenantId(UUID(tenant_id)), ConversationId(UUID(conversation_id)))

        @self.app.task(name=DELIVER, queue=DELIVER)
        async def run_delivery(tenant_id: str, message_id: str) -> None:
            await deliveries(TenantId(UUID(tenant_id)), MessageId(UUID(message_id)))

        @self.app.task(name=BATCH, queue=BATCH)
        async def advance_batch(tenant_id: str, batch_id: str) -> None:
            await batches(TenantId(UUID(tenant_id)), UUID(batch_id))

        @self.app.task(name=MEDIA, queue=MEDIA)
        async def keep_media(tenant_id: str, message_id: str) -> None:
            await media(TenantId(UUID(tenant_id)), MessageId(UUID(message_id)))

        @self.app.task(name=REPLAY, queue=REPLAY)
        async def run_replay(tenant_id: str, replay_id: str) -> None:
            await replays(TenantId(UUID(tenant_id)), UUID(replay_id))

        # With a periodic task registered, a dead side task ends the worker, and the loop above restarts it.
        @self.app.periodic(cron="*/5 * * * *")
        @self.app.task(name=HEARTBEAT, queue=HEARTBEAT)
        async def heartbeat(timestamp: int) -> None:
            log.debug("queue.heartbeat", timestamp=timestamp)


async def _end(worker: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    """Wait for a worker to end; one that ended by itself is reported, and started again a second later."""
    if not worker.done():
        worker.cancel()
    try:
        await worker
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except (exceptions.ProcrastinateException, OSError) as exc:
        log.warning("queue.worker_ended", error=type(exc).__name__)
    if not stop.is_set():
        await asyncio.sleep(1)
