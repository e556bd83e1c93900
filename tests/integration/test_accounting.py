"""Every model call is a row and a generation, to the micro-dollar, also in an outage (promises P8, P9)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.models.claude import ClaudeModels
from agent.models.providers import build_gateway
from agent.prompts import Prompts
from agent.tracing.traces import LangfuseTracer
from agent.types import ConversationId
from jobs.turns import Turns
from tests.conftest import FakeClock
from tests.doubles.claude import BROKEN_JSON, CUT_OFF, DISCONNECT, OVERLOADED, REFUSAL, ClaudeDouble
from tests.doubles.claude_traffic import Mix
from tests.doubles.langfuse import FakeLangfuse
from tests.integration.agents import Agent
from tests.integration.gateways import settings_for
from tests.integration.test_budgets import set_budgets
from tests.sleeping import no_wait

QUESTION = "¿cuánto cuesta el intensivo?"


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as running:
        yield running


@pytest.fixture
async def claude(agent: Agent, double: ClaudeDouble, langfuse: FakeLangfuse, clock: FakeClock) -> AsyncIterator[Agent]:
    """The agent with Claude's engine over the gateway, and a tracer."""
    tracer = LangfuseTracer(langfuse.project, environment="test")
    gateway = build_gateway(settings_for(double), now=clock, sleep=no_wait)
    models = ClaudeModels(gateway, prompts=Prompts.load(), now=clock, timeout_s=30)
    yield replace(agent, deps=replace(agent.deps, models=models, tracer=tracer, health=gateway))
    await models.aclose()
    await asyncio.to_thread(tracer.shutdown)


async def test_rows_and_generations_tell_the_same_of_every_attempt(
    claude: Agent, double: ClaudeDouble, langfuse: FakeLangfuse
) -> None:
    double.script(OVERLOADED, DISCONNECT)  # the first answer costs two failed attempts, one of them tokens
    double.when(QUESTION, intent="pricing", confidence=0.99)
    await claude.answer(await claude.hear(QUESTION))
    await asyncio.to_thread(claude.deps.tracer.shutdown)

    rows = await claude.rows("select * from model_calls order by id")
    generations = [span for span in langfuse.spans if span.kind == "generation"]
    told = [
        (
            span.attributes["langfuse.observation.model.name"],
            span.attributes["langfuse.version"],
            span.json("usage_details")["total"],
            Decimal(str(span.json("cost_details")["total"])) * 1_000_000,
            (span.end_ns - span.start_ns) // 1_000_000,
            int(span.attributes["langfuse.observation.metadata.attempt"]),
        )
        for span in generations
    ]
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    assert told == [
        (
            row["model"],
            row["prompt_version"],
            sum(row[kind] for kind in tokens),
            row["cost_microusd"],
            row["latency_ms"],
            row["attempt"],
        )
        for row in rows
    ]
    assert [(row["task"], row["attempt"], row["outcome"]) for row in rows][:3] == [
        ("classify", 1, "error"),
        ("classify", 2, "error"),
        ("classify", 3, "ok"),
    ]
    assert rows[1]["cost_microusd"] > 0


async def test_only_generations_carry_usage_and_cost(claude: Agent, langfuse: FakeLangfuse) -> None:
    await claude.answer(await claude.hear(QUESTION))
    await asyncio.to_thread(claude.deps.tracer.shutdown)
    priced = {span.name for span in langfuse.spans if "langfuse.observation.cost_details" in span.attributes}
    assert priced == {"classify call", "draft call"}
    parents = {span.span_id: span.name for span in langfuse.spans}
    assert parents[langfuse.named("draft call").parent_id] == "draft"


async def test_tokens_are_told_by_kind(claude: Agent, double: ClaudeDouble) -> None:
    await claude.answer(await claude.hear(QUESTION))
    (draft,) = await claude.rows("select * from model_calls where task = 'draft'")
    assert draft["tier"] in {"fast", "standard"}
    assert draft["cache_write_tokens"] > 0
    assert draft["cache_write_5m_tokens"] == 0
    spent = await claude.rows("select cost_microusd from spending where scope = 'message'")
    assert [row["cost_microusd"] for row in spent] == [await claude.value("select sum(cost_microusd) from model_calls")]


STORM = Mix(7, [(0.3, DISCONNECT), (0.1, CUT_OFF), (0.1, REFUSAL), (0.1, OVERLOADED), (0.1, BROKEN_JSON)])


async def test_outage_cannot_multiply_the_bill(claude: Agent, double: ClaudeDouble) -> None:
    """With most requests failing after they cost something, the hard limit holds but for the steps in flight."""
    double.mix = STORM
    hard, in_flight = 20_000, 4
    await set_budgets(claude, tenant_day=(hard, hard))
    places = asyncio.Semaphore(in_flight)

    async def take(conversation: ConversationId) -> None:
        async with places:
            for _ in range(3):  # an unlucky turn is tried again
                await claude.change("update conversations set wake_at = now() where id = %s", conversation)
                await Turns(claude.deps).run(claude.tenant_id, conversation)

    conversations = [await claude.hear(QUESTION, sender=f"+346001111{number:02}") for number in range(30)]
    await asyncio.gather(*(take(each) for each in conversations))
    spent = await claude.value("select sum(cost_microusd)::int from model_calls")
    dearest_step = await claude.value(
        "select max(cost)::int from (select sum(cost_microusd) as cost from model_calls group by turn_id, task) step"
    )
    assert await claude.value("select cost_microusd from spending where scope = 'tenant_day'") == spent
    assert hard <= spent < hard + in_flight * dearest_step
    requests_at_limit = len(double.requests)
    for number in range(5):
        await Turns(claude.deps).run(claude.tenant_id, await claude.hear(QUESTION, sender=f"+346002222{number:02}"))
    assert len(double.requests) == requests_at_limit
