"""Worker and clock as they run: real queue, real database, real timers; conditions are awaited, never time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agent.store import ticks
from jobs import clock as clock_module
from jobs.clock import run_clock
from jobs.worker import run_worker, sweep_outbox, sweep_turns
from tests.conftest import FakeClock
from tests.integration.agents import Agent


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(agent: Agent) -> AsyncIterator[asyncio.Event]:
    """Run a worker; on leaving, stop it and wait for its end."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(agent.deps, agent.queue, stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


async def test_worker_answers_what_is_received(agent: Agent) -> None:
    async with working(agent):
        await agent.hear("¿cuánto cuesta el intensivo?")

        async def sent() -> bool:
            return bool(agent.sender.taken)

        await until(sent)
    assert "399,00 €" in agent.sender.taken[0].text


async def test_turn_whose_job_was_lost_is_swept(agent: Agent) -> None:
    await agent.hear("¿cuánto cuesta?")
    await agent.change("delete from jobs.procrastinate_jobs")
    await agent.change("update conversations set wake_at = now() - interval '1 minute'")
    assert await sweep_turns(agent.deps) == 1
    assert await agent.value("select count(*) from jobs.procrastinate_jobs where task_name = 'turn'") == 1


async def test_turn_of_a_dead_worker_is_swept(agent: Agent) -> None:
    conversation = await agent.hear("¿cuánto cuesta?")
    await agent.claim(conversation)
    assert await sweep_turns(agent.deps) == 0
    await agent.lapse_claims()
    assert await sweep_turns(agent.deps) == 1


async def test_delivery_whose_job_was_lost_is_swept(agent: Agent, clock: FakeClock) -> None:
    conversation = await agent.hear("¿cuánto cuesta?")
    gathered = await agent.claim(conversation)
    await agent.take(gathered)
    await agent.change("delete from jobs.procrastinate_jobs")
    assert await sweep_outbox(agent.deps) == 0
    clock.advance(60)
    assert await sweep_outbox(agent.deps) == 1


async def test_stopped_worker_lets_its_turn_finish(agent: Agent) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: object) -> None:
        begun.set()
        await go_on.wait()

    agent.sender.before_send = slow
    async with working(agent) as stop:
        await agent.hear("¿cuánto cuesta?")
        async with asyncio.timeout(60):
            await begun.wait()
        stop.set()
        go_on.set()
    assert len(agent.sender.taken) == 1
    assert await agent.value("select state from messages where direction = 'outbound'") == "queued"


async def test_two_workers_on_one_conversation_answer_once(agent: Agent) -> None:
    async with working(agent):
        for number in range(10):
            await agent.hear(f"¿cuánto cuesta el curso {number}?", sender=f"+3460000{number:04d}")

        async def all_sent() -> bool:
            return len(agent.sender.taken) == 10

        await until(all_sent)
    assert len({message.recipient for message in agent.sender.taken}) == 10


async def test_tick_happens_once(agent: Agent) -> None:
    async with agent.deps.db.system() as connection:
        assert await ticks.insert_tick(connection, "outbox:2026-11-17T15:00Z")
        assert not await ticks.insert_tick(connection, "outbox:2026-11-17T15:00Z")


async def test_one_clock_leads_and_the_other_takes_over(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    leading: list[str] = []
    monkeypatch.setattr(clock_module.log, "info", lambda event, **_: leading.append(event))
    first_stop, second_stop = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(run_clock(agent.deps, agent.queue, first_stop))

    async def leaders(number: int) -> bool:
        return len(leading) == number

    await until(lambda: leaders(1))
    second = asyncio.create_task(run_clock(agent.deps, agent.queue, second_stop))
    first_stop.set()
    await first
    await until(lambda: leaders(2))
    second_stop.set()
    await second
