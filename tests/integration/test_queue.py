"""The job queue: jobs commit with their rows, and those of a dead worker are taken back once."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from agent.store.db import Database, fetch_one
from agent.store.migrate import migrate
from agent.store.ticks import connect_leader, try_lead
from agent.types import ConversationId, TenantId
from jobs.clock import LEADER_KEY
from jobs.queue import JobQueue
from tests.conftest import DatabaseUrls


@pytest.fixture
async def queue(db: Database) -> JobQueue:
    """The queue on a fresh database."""
    opened = JobQueue(db)
    await opened.open()
    return opened


async def count_jobs(db: Database, condition: str = "true") -> int:
    async with db.system() as connection:
        row = await fetch_one(connection, f"select count(*) as jobs from procrastinate_jobs where {condition}")
    return int(row["jobs"]) if row else 0


async def wake(queue: JobQueue, db: Database, *, delay_s: float = 0) -> None:
    async with db.system() as tx, tx.transaction():
        await queue.wake_turn(tx, TenantId(uuid4()), ConversationId(uuid4()), delay_s=delay_s)


async def test_job_is_deferred_with_its_transaction_or_not_at_all(queue: JobQueue, db: Database) -> None:
    async with db.system() as tx, tx.transaction(force_rollback=True):
        await queue.wake_turn(tx, TenantId(uuid4()), ConversationId(uuid4()))
    assert await count_jobs(db) == 0
    await wake(queue, db)
    assert await count_jobs(db, "status = 'todo' and scheduled_at is null and queue_name = 'turn'") == 1


async def test_delayed_job_is_due_by_the_databases_clock(queue: JobQueue, db: Database) -> None:
    await wake(queue, db, delay_s=30)
    assert await count_jobs(db, "scheduled_at between now() + interval '20 s' and now() + interval '30 s'") == 1


async def test_delivery_that_is_far_off_is_left_to_the_sweep(queue: JobQueue, db: Database) -> None:
    async with db.system() as tx:
        await queue.deliver(tx, TenantId(uuid4()), uuid4(), delay_s=3600)  # type: ignore[arg-type]  # any id will do
    assert await count_jobs(db) == 0


async def test_job_of_a_dead_worker_is_rescued_by_exactly_one_of_many(queue: JobQueue, db: Database) -> None:
    async with db.system() as connection:
        for age_s in (60, 0):  # a dead worker, and one alive
            await wake(queue, db)
            await connection.execute(
                """with worker as (insert into procrastinate_workers (last_heartbeat)
                                   values (now() - %s * interval '1 s') returning id)
                   update procrastinate_jobs set status = 'doing', worker_id = (select id from worker)
                   where status = 'todo'""",
                (age_s,),
            )
    assert sum(await asyncio.gather(*(queue.rescue_stalled() for _ in range(6)))) == 1
    assert await count_jobs(db, "status = 'todo' and attempts = 1") == 1
    assert await count_jobs(db, "status = 'doing'") == 1


async def test_queue_reports_a_database_that_is_away_as_the_database_does(queue: JobQueue, db: Database) -> None:
    await db.pool.close()
    with pytest.raises(psycopg.OperationalError):
        await queue.rescue_stalled()


async def test_migrations_do_not_wait_for_the_clock_that_leads(database_urls: DatabaseUrls) -> None:
    leader = await connect_leader(database_urls.app_url)
    async with leader, asyncio.timeout(60):
        assert await try_lead(leader, LEADER_KEY)
        assert await asyncio.to_thread(migrate, database_urls.admin_url) == []
