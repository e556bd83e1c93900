"""What a worker does for Langfuse: scores reach the traces of their turns once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from agent.tracing.scores import record_score
from agent.tracing.traces import LangfuseTracer
from agent.types import TurnId
from jobs.langfuse import LangfuseWork
from tests.doubles.langfuse import FakeLangfuse, Mode
from tests.integration.agents import Agent


@dataclass
class Bench:
    """A traced agent, a worker's share of work for Langfuse, and Langfuse."""

    agent: Agent
    work: LangfuseWork
    langfuse: FakeLangfuse

    async def turn(self, text: str = "¿cuánto cuesta el intensivo?") -> TurnId:
        """Have a turn taken and its answer sent."""
        await self.agent.answer(await self.agent.hear(text, sender=f"+346{uuid4().int % 10**8:08}"))
        return TurnId(await self.agent.value("select id from turns order by created_at desc limit 1"))

    async def know(self, turn_id: TurnId, name: str, value: float | str) -> None:
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            await record_score(tx, turn_id, name, value, at=self.agent.deps.now())

    async def arrive(self) -> None:
        """Wait until the traces made so far have arrived, and have that noted."""
        await asyncio.to_thread(self.agent.deps.tracer.shutdown)
        await self.work.settle_traces()

    async def due_now(self) -> None:
        await self.agent.change("update scores set due_at = now() where due_at is not null")


@pytest.fixture
async def bench(agent: Agent, langfuse: FakeLangfuse) -> AsyncIterator[Bench]:
    tracer = LangfuseTracer(langfuse.project, environment="test")
    settings = agent.deps.settings.model_copy(
        update={
            "langfuse_public_key": langfuse.project.public_key,
            "langfuse_secret_key": langfuse.project.secret_key,
            "langfuse_base_url": langfuse.url,
            "nightshift_environment": "test",
        }
    )
    traced = replace(agent, deps=replace(agent.deps, tracer=tracer, settings=settings))
    work = LangfuseWork(deps=traced.deps, retry_score_s=0, untold_after_s=0)
    yield Bench(agent=traced, work=work, langfuse=langfuse)
    await work.aclose()
    await asyncio.to_thread(tracer.shutdown)


async def test_scores_reach_the_trace_of_their_turn_once_with_stable_ids(bench: Bench) -> None:
    turn_id = await bench.turn()
    await bench.know(turn_id, "verdict", "approved")
    await bench.know(turn_id, "worth", 0.5)
    await bench.arrive()
    await bench.work.send_scores()
    await bench.due_now()
    await bench.work.send_scores()
    (trace_id,) = {span.trace_id for span in bench.langfuse.spans}
    told = {each["name"]: each for each in bench.langfuse.scores}
    assert len(bench.langfuse.scores) == len(told)
    assert {each["traceId"] for each in told.values()} == {trace_id}
    assert {each["environment"] for each in told.values()} == {"test"}
    assert (told["verdict"]["value"], told["verdict"]["dataType"]) == ("approved", "CATEGORICAL")
    assert (told["worth"]["value"], told["worth"]["dataType"]) == (0.5, "NUMERIC")


async def test_a_changed_score_is_sent_again_under_its_id_and_its_first_time(bench: Bench) -> None:
    turn_id = await bench.turn()
    await bench.arrive()
    for value in ("approved", "rejected"):
        await bench.know(turn_id, "verdict", value)
        await bench.work.send_scores()
    first, later = (each for each in bench.langfuse.scores if each["name"] == "verdict")
    assert (first["id"], first["timestamp"]) == (later["id"], later["timestamp"])
    assert [first["value"], later["value"]] == ["approved", "rejected"]


async def test_a_score_waits_for_its_trace(bench: Bench) -> None:
    await bench.know(await bench.turn(), "verdict", "approved")
    assert await bench.work.send_scores() == 0
    await bench.arrive()
    await bench.due_now()
    assert await bench.work.send_scores() > 0


@pytest.mark.parametrize("mode", ["refuse", "error"])
async def test_a_score_outlives_langfuse_being_away(bench: Bench, mode: Mode) -> None:
    await bench.know(await bench.turn(), "verdict", "approved")
    await bench.arrive()
    bench.langfuse.mode = mode
    assert await bench.work.send_scores() == 0
    bench.langfuse.mode = "healthy"
    await bench.due_now()
    await bench.work.send_scores()
    assert [each["value"] for each in bench.langfuse.scores if each["name"] == "verdict"] == ["approved"]


async def test_a_score_that_langfuse_refuses_holds_up_no_other(bench: Bench) -> None:
    turn_id = await bench.turn()
    await bench.know(turn_id, "unwanted", 1)
    await bench.know(turn_id, "verdict", "approved")
    bench.langfuse.refuses = {"unwanted"}
    await bench.arrive()
    await bench.work.send_scores()
    assert {each["value"] for each in bench.langfuse.scores if each["name"] == "verdict"} == {"approved"}
    rows = await bench.agent.rows("select name from scores where due_at is null and error <> ''")
    assert [row["name"] for row in rows] == ["unwanted"]


async def test_comments_leave_masked(bench: Bench) -> None:
    turn_id = await bench.turn()
    async with bench.agent.deps.db.tenant(bench.agent.tenant_id) as tx:
        await record_score(tx, turn_id, "verdict", "edited", at=bench.agent.deps.now(), comment="call +34 600 111 222")
    await bench.arrive()
    await bench.work.send_scores()
    assert "verdict" in bench.langfuse.everything
    assert "600 111 222" not in bench.langfuse.everything


async def test_a_trace_that_never_arrived_is_told_again_and_not_twice(bench: Bench) -> None:
    turn_id = await bench.turn()
    await bench.agent.change("update turns set trace = null")
    bench.langfuse.spans.clear()
    assert await bench.work.retell_lost() == 1
    assert await bench.work.retell_lost() == 1, "it has not arrived yet, as far as anybody knows"
    await bench.arrive()
    assert await bench.work.retell_lost() == 0
    seen = {span.span_id: span for span in bench.langfuse.spans}
    (root,) = (span for span in seen.values() if not span.parent_id and span.name == "turn")
    calls = [span for span in seen.values() if span.kind == "generation"]
    assert root.json("metadata.told_again") == "unknown"
    assert len(calls) == await bench.agent.value("select count(*) from model_calls where turn_id = %s", turn_id)


async def test_spans_lost_while_langfuse_was_away_are_counted_and_their_turn_told_again(bench: Bench) -> None:
    bench.langfuse.mode = "refuse"
    await bench.turn()
    await asyncio.to_thread(bench.agent.deps.tracer.shutdown)
    await bench.work.settle_traces()
    assert bench.agent.deps.metrics.registry.get_sample_value("nightshift_trace_spans_lost_total")
    assert await bench.agent.value("select trace from turns") == "wanted"


async def test_a_turn_of_a_tenant_that_is_not_traced_is_left_out_and_not_told_again(bench: Bench) -> None:
    await bench.turn()
    await bench.agent.change("update turns set trace = null")
    nowhere = {"langfuse_public_key": None, "langfuse_projects": {"other": bench.langfuse.project}}
    bench.work.deps = replace(bench.work.deps, settings=bench.work.deps.settings.model_copy(update=nowhere))
    assert await bench.work.retell_lost() == 1
    assert await bench.agent.value("select trace from turns") == "left_out"
    assert await bench.work.retell_lost() == 0
