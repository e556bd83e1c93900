"""After an outage: who is answered first, how many at a time, and what several workers do at once (P6)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from agent import waiting as waiting_module
from agent.errors import ModelUnavailable
from agent.ports import Classified
from agent.store import waiting
from agent.store.db import Database
from agent.store.tenants import TenantCache
from jobs import recovery
from jobs.queue import JobQueue
from jobs.recovery import Recovery
from jobs.worker import run_worker, sweep_turns
from tests.conftest import FakeClock
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.agents import Agent
from tests.integration.outages import Outages, build_outages
from tests.integration.test_worker import until


@pytest.fixture
def outages(agent: Agent, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Outages:
    """An agent whose models can be unplugged, with workers that probe at every look."""
    monkeypatch.setattr(recovery, "PROBE_S", 0.0)
    return build_outages(agent, clock)


def prospect(number: int) -> str:
    return f"+346000{number:05d}"


async def open_outages(outages: Outages) -> int:
    count: int = await outages.agent.value("select count(*) from outages where ended_at is null")
    return count


class TestOrder:
    async def test_the_most_promising_come_first_and_then_the_oldest(self, outages: Outages) -> None:
        outages.unplug()
        conversations = {}
        for number, intent in enumerate(("product_question", "pricing", "ready_to_buy", "product_question", "payment")):
            outages.local.classification = make_classification(intent=intent, confidence=0.9)
            conversations[await outages.ask(sender=prospect(number))] = f"{intent} {number}"
        outages.plug_in()
        assert [conversations[each] for each in await outages.recover()] == [
            "ready_to_buy 2",
            "payment 4",
            "pricing 1",
            "product_question 0",
            "product_question 3",
        ]
        await outages.agent.send_all()
        assert sorted(outages.answers()) == [prospect(number) for number in range(5)]

    async def test_wait_is_counted_from_its_beginning_however_often_the_turn_is_tried(self, outages: Outages) -> None:
        outages.unplug()
        first = await outages.ask(sender=prospect(1))
        await outages.ask(sender=prospect(2))
        await outages.ask("¿hola?", sender=prospect(1))
        outages.plug_in()
        assert (await outages.recover())[0] == first


class TestRamp:
    async def test_their_number_doubles_as_they_are_answered(self, outages: Outages) -> None:
        outages.unplug()
        for number in range(16):
            await outages.ask(sender=prospect(number))
        outages.plug_in()
        rounds = []
        while resumed := await outages.resume():
            assert await outages.resume() == resumed, "no more before one is answered"
            rounds.append(len(resumed))
            for conversation in resumed:
                await outages.take(conversation)
        assert rounds == [1, 2, 4, 8, 1]
        assert await open_outages(outages) == 0

    async def test_failure_halves_it_and_the_last_one_waits_for_a_probe(self, outages: Outages) -> None:
        outages.unplug()
        for number in range(8):
            await outages.ask(sender=prospect(number))
        outages.plug_in()
        await outages.take((await outages.resume())[0])
        two = await outages.resume()
        outages.unplug()
        for conversation in two:
            await outages.take(conversation)
        async with outages.agent.deps.db.system() as tx:
            outage = await waiting.find_outage(tx)
        assert outage is not None
        assert (outage.recovering_at, outage.at_once) == (None, 1)
        assert await outages.resume() == []
        assert (await outages.states()).count("waiting") == 7
        outages.plug_in()
        assert len(await outages.recover()) == 7

    async def test_turn_that_fails_for_another_reason_does_not_hold_up_the_rest(self, outages: Outages) -> None:
        outages.unplug()
        for number in range(3):
            await outages.ask(sender=prospect(number))
        outages.plug_in()
        (poisoned,) = await outages.resume()
        outages.agent.models.failures = [ValueError("poison"), ValueError("poison")]
        await outages.take(poisoned)
        assert len(await outages.recover()) == 2

    async def test_several_workers_keep_to_one_number(self, outages: Outages) -> None:
        outages.unplug()
        for number in range(12):
            await outages.ask(sender=prospect(number))
        outages.plug_in()
        workers = [Recovery(outages.agent.deps) for _ in range(6)]
        assert sum(await asyncio.gather(*(worker.recover() for worker in workers))) == 1
        await outages.take((await outages.resume())[0])
        assert sum(await asyncio.gather(*(worker.recover() for worker in workers))) == 2

    async def test_turn_of_a_worker_that_died_is_taken_by_another_and_answered_once(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask(sender=prospect(1))
        await outages.ask(sender=prospect(2))
        outages.plug_in()
        (conversation,) = await outages.resume()
        await outages.agent.claim(conversation)
        await outages.agent.lapse_claims()
        assert await sweep_turns(outages.agent.deps) == 1
        assert len(await outages.resume()) == 1, "the others do not wait for it"
        await outages.take(conversation)
        await outages.recover()
        await outages.agent.send_all()
        assert Counter(outages.answers()) == {prospect(1): 1, prospect(2): 1}


class TestOutage:
    async def test_without_an_outage_nobody_probes(self, outages: Outages) -> None:
        await outages.ask()
        await outages.resume()
        assert outages.health.probes == []

    async def test_nothing_is_resumed_before_a_probe_succeeds(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        assert await outages.resume() == []
        assert len(outages.health.probes) == 1

    async def test_worker_does_not_probe_more_often_than_it_may(
        self, outages: Outages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "PROBE_S", 60.0)
        outages.unplug()
        await outages.ask()
        worker = Recovery(outages.agent.deps)
        for _ in range(3):
            await worker.recover()
        assert len(outages.health.probes) == 1

    async def test_models_that_come_and_go_are_one_outage_with_one_line(self, outages: Outages) -> None:
        for number in range(4):
            outages.unplug()
            conversation = await outages.ask(f"¿y el curso {number}?")
            await outages.let_lines_leave()
            outages.plug_in()
            assert await outages.recover() == [conversation]
            await outages.agent.send_all()
        assert (len(outages.lines()), len(outages.answers())) == (1, 4)
        assert await outages.agent.value("select count(*) from outages") == 1

    async def test_outage_much_later_is_another_one(self, outages: Outages) -> None:
        for _ in range(2):
            outages.unplug()
            await outages.ask()
            await outages.let_lines_leave()
            outages.plug_in()
            await outages.recover()
            await outages.agent.change("update outages set ended_at = ended_at - interval '1 hour'")
        assert len(outages.lines()) == 2

    async def test_turns_that_begin_to_wait_all_at_once_share_an_outage(self, outages: Outages) -> None:
        outages.unplug()
        conversations = [await outages.agent.hear("¿cuánto cuesta?", sender=prospect(number)) for number in range(8)]
        await asyncio.gather(*(outages.take(conversation) for conversation in conversations))
        assert await outages.states() == ["waiting"] * 8
        assert await outages.agent.value("select count(*) from outages") == 1
        assert await outages.agent.value("select count(*) from holding_lines") == 8

    async def test_turn_that_begins_to_wait_while_the_outage_ends_is_not_forgotten(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask(sender=prospect(1))
        outages.plug_in()
        await outages.take((await outages.resume())[0])
        async with outages.agent.deps.db.tenant(outages.agent.tenant_id) as tx:
            await waiting.open_outage(tx, "down again")
            ending = asyncio.create_task(outages.resume())
            await until(lambda: _waits_for_a_lock(outages))
            late = await outages.agent.hear("¿cuánto cuesta?", sender=prospect(2))
            outages.agent.models.outage = RuntimeError("not reached")
            await tx.execute(
                """update conversations set turn_state = 'waiting', wake_at = null, priority = 0,
                       waiting_since = now(), wait_until = now() + interval '1 hour' where id = %s""",
                (late,),
            )
        assert await ending == [late]
        assert await open_outages(outages) == 1

    async def test_worker_that_reaches_no_model_leaves_resumed_turns_to_others(self, outages: Outages) -> None:
        outages.unplug()
        conversation = await outages.ask()
        outages.plug_in()
        assert await outages.resume() == [conversation]
        outages.health.state = "open"
        await outages.take(conversation)
        assert await outages.states() == ["queued"]
        outages.health.state = "closed"
        await outages.take(conversation)
        assert await outages.states() == ["idle"]


class TestSpendCap:
    async def test_turns_that_wait_when_the_money_runs_out_are_answered_locally(self, outages: Outages) -> None:
        outages.unplug()
        for number in range(3):
            await outages.ask(sender=prospect(number))
        outages.unplug(ModelUnavailable("limit reached", spend_cap=True))
        outages.health.state = "capped"
        assert len(await outages.recover()) == 3
        await outages.agent.send_all()
        assert len(outages.answers()) == 3
        assert outages.health.probes == []


async def _waits_for_a_lock(outages: Outages) -> bool:
    waits: bool = await outages.agent.value(
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    )
    return waits


@dataclass(slots=True, kw_only=True)
class SlowModels(ScriptedModels):
    """Takes its time, so that many turns are under way at once."""

    async def classify(self, *args: Any, **kwargs: Any) -> Classified:
        """Answer as scripted, a moment later."""
        await asyncio.sleep(0.02)
        return await ScriptedModels.classify(self, *args, **kwargs)


@asynccontextmanager
async def workers(outages: Outages, number: int) -> AsyncIterator[None]:
    """Run workers that share the database and nothing else; on leaving, stop them."""
    stop, deps = asyncio.Event(), outages.agent.deps
    settings = deps.settings.model_copy(update={"nightshift_worker_concurrency": 6})
    async with AsyncExitStack() as stack:
        running = []
        for _ in range(number):
            db = await stack.enter_async_context(Database(deps.db.url, max_size=12))
            queue = JobQueue(db)
            await queue.open()
            own = replace(deps, db=db, queue=queue, settings=settings, tenants=TenantCache())
            running.append(asyncio.create_task(run_worker(own, queue, stop)))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*running)


async def test_models_unplugged_under_load_with_three_workers_lose_nothing_and_repeat_nothing(
    outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "HOLDING_AFTER_S", 0.0)
    models = SlowModels(classification=outages.agent.models.classification)
    outages.agent.models = models
    outages.agent.deps = replace(outages.agent.deps, models=models)
    async with workers(outages, 3):
        for number in range(10):
            await outages.agent.hear("¿cuánto cuesta el intensivo?", sender=prospect(number))
        outages.unplug()
        for number in range(10, 30):
            await outages.agent.hear("¿cuánto cuesta el intensivo?", sender=prospect(number))

        async def told() -> bool:
            states = set(await outages.states())
            return "queued" not in states and "running" not in states and len(outages.lines()) >= 20

        await until(told)
        outages.plug_in()

        async def all_answered() -> bool:
            return len(outages.answers()) == 30 and not await open_outages(outages)

        await until(all_answered)
    lines, answers = Counter(outages.lines()), Counter(outages.answers())
    assert answers == {prospect(number): 1 for number in range(30)}
    assert set(lines.values()) == {1}
    assert await outages.states() == ["idle"] * 30
    assert await outages.agent.value("select max(attempts) from turns") <= 8


async def test_turns_still_waiting_when_all_workers_stop_are_answered_by_the_next(outages: Outages) -> None:
    outages.unplug()
    async with workers(outages, 1):
        await outages.agent.hear("¿cuánto cuesta el intensivo?", sender=prospect(1))

        async def waits() -> bool:
            return await outages.states() == ["waiting"]

        await until(waits)
    outages.plug_in()
    async with workers(outages, 2):

        async def answered() -> bool:
            return len(outages.answers()) == 1

        await until(answered)
    assert await outages.states() == ["idle"]
