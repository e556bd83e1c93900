"""Promise P9: a turn is one trace with a step for everything, and the events table says the same without it."""

import asyncio

from tests.doubles.langfuse import FakeLangfuse
from tests.integration.agents import Agent


async def test_answered_turn_is_one_trace_from_screen_to_send(traced: Agent, langfuse: FakeLangfuse) -> None:
    await traced.answer(await traced.hear("¿cuánto cuesta el intensivo?"))
    await asyncio.to_thread(traced.deps.tracer.shutdown)

    trace_id = await traced.value("select trace_id from turns")
    assert {span.trace_id for span in langfuse.spans} == {trace_id}
    root = langfuse.named("turn")
    for name in ("screen", "detect", "classify", "retrieve", "route", "draft", "decide", "recheck", "deliver"):
        assert langfuse.named(name) is not None, name
    kinds = [langfuse.named(name).kind for name in ("classify", "classify call", "draft", "draft call", "retrieve")]
    assert kinds == ["chain", "generation", "chain", "generation", "retriever"]
    assert langfuse.named("send").kind == "tool"
    assert langfuse.named("deliver").parent_id == root.span_id


async def test_events_tell_the_story_without_any_text(agent: Agent) -> None:
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
    rows = await agent.rows("select kind, data::text as data from events order by id")
    assert [row["kind"] for row in rows] == ["message.received", "turn.decided", "delivery.accepted"]
    assert all("intensivo" not in row["data"] for row in rows)
