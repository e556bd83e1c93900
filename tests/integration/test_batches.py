"""Work that can wait: handed over once, resumed after a crash at any point, accounted for once at half price."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from agent.metrics import Metrics
from agent.models.batches import BatchApi, find_batch_api, shared_params
from agent.models.claude import ClaudeModels
from agent.models.pricing import ModelPrices
from agent.models.providers import build_gateway
from agent.prompts import Prompts
from agent.store import batches
from agent.store.batches import BatchItem, BatchProgress, BatchWork
from agent.store.db import Tx
from agent.tracing.traces import LangfuseTracer, SilentTracer
from agent.types import TenantId
from jobs.batches import MAX_ROUNDS, Batches
from jobs.worker import sweep_batches
from tests.conftest import FakeClock
from tests.doubles.claude import CUT_OFF, HANG, OVERLOADED, ClaudeDouble
from tests.doubles.claude_batches import Fate
from tests.doubles.claude_traffic import Step
from tests.doubles.langfuse import fake_langfuse
from tests.integration.agents import Agent
from tests.integration.gateways import settings_for, vertex_settings
from tests.integration.test_budgets import set_budgets

HAIKU = "claude-haiku-5-5"
BAD_REQUEST = Step(status=400, error_type="invalid_request_error")


@dataclass(kw_only=True)
class Shelf:
    """Batches of the agent's tenant, and the double that takes them."""

    agent: Agent
    work: Batches
    models: ClaudeModels
    double: ClaudeDouble

    async def put(self, *prompts: str, key: str = "key") -> UUID:
        """Put messages down to be classified."""
        request = self.models.classify_request(prompts[0])
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            return await batches.insert_batch(
                tx,
                self.agent.tenant_id,
                BatchWork(task="classify", tier="fast", model=HAIKU, prompt_version=request.prompt_version),
                key=key,
                params=shared_params(request, HAIKU),
                items=[
                    BatchItem(place=place, prompt=self.models.classify_request(prompt).user)
                    for place, prompt in enumerate(prompts)
                ],
            )

    async def advance(self, batch_id: UUID, times: int = 1) -> BatchProgress:
        """Take steps as if each were due."""
        for _ in range(times):
            await self.agent.change("update model_batches set due_at = now() - interval '1 s'")
            await self.work.advance(self.agent.tenant_id, batch_id)
        return await self.progress(batch_id)

    async def progress(self, batch_id: UUID) -> BatchProgress:
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            return await batches.get_progress(tx, batch_id)

    async def answers(self, batch_id: UUID) -> list[tuple[int, object, str]]:
        """Return place, intent and error of what has ended."""
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            found = await batches.list_answers(tx, batch_id)
        return [(place, answer and answer["intent"], error) for place, answer, error in found]

    async def lapse(self) -> None:
        """Let the claim of a dead process run out."""
        await self.agent.change("update model_batches set claimed_until = now() - interval '1 s'")


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as running:
        yield running


@pytest.fixture
async def shelf(agent: Agent, double: ClaudeDouble, clock: FakeClock) -> AsyncIterator[Shelf]:
    gateway = build_gateway(settings_for(double), now=clock)
    models = ClaudeModels(gateway, prompts=Prompts.load(), now=clock, timeout_s=30)
    api = find_batch_api(gateway.providers, prices=ModelPrices.load(), now=clock)
    assert api is not None
    work = Batches(deps=agent.deps, api=api, tracer=SilentTracer(), metrics=Metrics())
    yield Shelf(agent=agent, work=work, models=models, double=double)
    await models.aclose()


async def test_batch_goes_from_put_down_to_answers_in_place(shelf: Shelf) -> None:
    batch_id = await shelf.put("hola", "¿cuánto cuesta?", "gracias")
    assert await shelf.progress(batch_id) == BatchProgress(state="pending", succeeded=0, failed=0, open=3, error="")
    assert (await shelf.advance(batch_id)).state == "submitted"
    assert (await shelf.advance(batch_id)).state == "done"
    assert await shelf.answers(batch_id) == [(0, "greeting", ""), (1, "pricing", ""), (2, "acknowledgement", "")]


async def test_batch_waits_until_it_has_ended(shelf: Shelf) -> None:
    shelf.double.batches.end_at_once = False
    batch_id = await shelf.put("hola")
    assert (await shelf.advance(batch_id, 3)).state == "submitted"
    shelf.double.batches.end_at_once = True
    assert (await shelf.advance(batch_id)).state == "done"
    assert len(shelf.double.batches.held) == 1


async def test_step_that_is_not_due_is_not_taken(shelf: Shelf) -> None:
    batch_id = await shelf.put("hola")
    await shelf.work.advance(shelf.agent.tenant_id, batch_id)
    await shelf.work.advance(shelf.agent.tenant_id, batch_id)
    assert (await shelf.progress(batch_id)).state == "submitted"


async def test_same_work_is_put_down_once(shelf: Shelf) -> None:
    first = await shelf.put("hola")
    assert await shelf.put("hola") == first
    assert await shelf.put("hola", key="other") != first
    assert await shelf.agent.value("select count(*) from model_batch_items") == 2


# --- accounting --------------------------------------------------------------------------------------------


async def test_every_request_is_accounted_for_at_half_price(shelf: Shelf) -> None:
    prompts = [f"¿cuánto cuesta el curso número {number}?" for number in range(30)]
    batch_id = await shelf.put(*prompts)
    await shelf.advance(batch_id, 2)
    rows = await shelf.agent.rows("select * from model_calls")
    assert len(rows) == 30
    assert {(row["batch"], row["task"], row["tier"], row["outcome"], row["turn_id"]) for row in rows} == {
        (True, "classify", "fast", "ok", None)
    }
    for row in rows:  # in nano-dollars a token, from prices.toml; writes are for an hour
        whole = 100 * row["input_tokens"] + 500 * row["output_tokens"]
        whole += 10 * row["cache_read_tokens"] + 200 * row["cache_write_tokens"]
        assert row["cost_microusd"] == -(-whole // 2000)
    total = sum(row["cost_microusd"] for row in rows)
    spent = await shelf.agent.rows("select scope, cost_microusd from spending order by scope")
    assert [(row["scope"], row["cost_microusd"]) for row in spent] == [("tenant_day", total), ("tenant_month", total)]


async def test_requests_are_generations_of_one_trace(shelf: Shelf) -> None:
    with fake_langfuse(f"pk-lf-{uuid4()}") as server:
        tracer = LangfuseTracer(server.project, environment="test")
        shelf.work = Batches(deps=shelf.work.deps, api=shelf.work.api, tracer=tracer, metrics=Metrics())
        await shelf.advance(await shelf.put("hola", "gracias"), 2)
        await asyncio.to_thread(tracer.shutdown)
        root = server.named("classify batch")
        calls = [span for span in server.spans if span.kind == "generation"]
        assert [span.parent_id for span in calls] == [root.span_id] * 2
        cost = sum(round(span.json("cost_details")["total"] * 1_000_000) for span in calls)
    assert cost == await shelf.agent.value("select sum(cost_microusd)::int from model_calls")


async def test_results_read_twice_are_accounted_for_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = await shelf.put("hola", "gracias", "¿cuánto cuesta?")
    await shelf.advance(batch_id)

    async def die(*_args: object, **_options: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(batches, "end_round", die)
        with pytest.raises(SystemExit):
            await shelf.advance(batch_id)
    assert await shelf.agent.value("select count(*) from model_calls") == 3
    await shelf.lapse()
    assert (await shelf.advance(batch_id)).state == "done"
    assert await shelf.agent.value("select count(*) from model_calls") == 3


# --- money is short ----------------------------------------------------------------------------------------


async def test_work_that_can_wait_gives_way_at_the_soft_limit(shelf: Shelf) -> None:
    await set_budgets(shelf.agent, tenant_month=(0, 10**6), message=(0, 0))
    batch_id = await shelf.put("hola")
    progress = await shelf.advance(batch_id, 2)
    assert (progress.state, shelf.double.batches.held) == ("pending", [])
    assert progress.error == "waits: model budget for the business this month: $0.00 of $0.00 spent"
    await set_budgets(shelf.agent, message=(0, 0))  # what a message may cost says nothing about batches
    assert (await shelf.advance(batch_id, 2)).state == "done"


# --- crashes: exactly once ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [True, False])
async def test_batch_taken_by_the_provider_but_never_noted_is_found_not_repeated(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    shelf.double.batches.end_at_once = False
    others = await shelf.put("otra cosa", key="other")  # of the same size, and under way
    await shelf.advance(others)
    batch_id = await shelf.put("hola")

    async def die(*_args: object, **_options: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(batches, "mark_submitted", die)
        with pytest.raises(SystemExit):
            await shelf.advance(batch_id)
    assert len(shelf.double.batches.held) == 2
    await shelf.lapse()
    if ended:
        shelf.double.batches.end(shelf.double.batches.held[1])
    else:
        progress = await shelf.advance(batch_id, 2)
        assert (progress.state, progress.error) == ("submitting", "looking for it at the provider")
        for held in shelf.double.batches.held:
            shelf.double.batches.end(held)
    assert (await shelf.advance(batch_id)).state == "submitted"
    assert (await shelf.advance(batch_id)).state == "done"
    assert len(shelf.double.batches.held) == 2
    assert await shelf.answers(batch_id) == [(0, "greeting", "")]


async def test_batch_that_never_reached_the_provider_is_handed_over_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await shelf.put("hola")

    async def die(*_args: object) -> str:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(BatchApi, "create", die)
        with pytest.raises(SystemExit):
            await shelf.advance(batch_id)
    assert (await shelf.progress(batch_id)).state == "submitting"
    await shelf.lapse()
    assert (await shelf.advance(batch_id, 2)).state == "done"
    assert len(shelf.double.batches.held) == 1


async def test_answer_that_never_came_is_not_taken_for_a_refusal(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.models.batches.TIMEOUT_S", 0.2)
    impatient = BatchApi(shelf.work.api.connection, prices=ModelPrices.load(), now=shelf.agent.deps.now)
    shelf.work = Batches(deps=shelf.work.deps, api=impatient, tracer=SilentTracer(), metrics=Metrics())
    shelf.double.batches.steps = [HANG]  # the batch is taken, and then silence
    batch_id = await shelf.put("hola")
    assert (await shelf.advance(batch_id)).state == "submitting"
    shelf.double.batches.end(shelf.double.batches.held[0])
    assert (await shelf.advance(batch_id, 2)).state == "done"
    assert len(shelf.double.batches.held) == 1


async def test_batch_of_somebody_else_is_not_taken_for_ours(shelf: Shelf) -> None:
    foreign = await shelf.work.api._batches.create(
        requests=[
            {
                "custom_id": "theirs",
                "params": {"model": HAIKU, "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]},
            }
        ]
    )
    shelf.double.batches.end(shelf.double.batches.get(foreign.id))
    batch_id = await shelf.put("hola", key="ours")
    await shelf.agent.change(
        """update model_batches set state = 'submitting', submitting_since = now() - interval '1 min', round = 1
           where id = %s""",
        batch_id,
    )
    await shelf.agent.change("update model_batch_items set state = 'submitted', round = 1")
    assert (await shelf.advance(batch_id, 2)).state == "done"
    assert len(shelf.double.batches.held) == 2


async def test_two_processes_at_once_hand_over_once(shelf: Shelf) -> None:
    batch_id = await shelf.put("hola")
    await asyncio.gather(*(shelf.work.advance(shelf.agent.tenant_id, batch_id) for _ in range(5)))
    assert len(shelf.double.batches.held) == 1


async def test_process_that_lost_its_claim_writes_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = await shelf.put("hola")
    await shelf.advance(batch_id)
    has_ended = BatchApi.has_ended

    async def slow(self: BatchApi, provider_batch_id: str) -> bool:
        await shelf.agent.change("update model_batches set claim_token = gen_random_uuid()")
        return await has_ended(self, provider_batch_id)

    with monkeypatch.context() as patch:
        patch.setattr(BatchApi, "has_ended", slow)
        await shelf.advance(batch_id)
    assert (await shelf.progress(batch_id)).state == "submitted"
    assert await shelf.agent.value("select count(*) from model_calls") == 0


# --- what goes wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["expired", "overloaded_error", "api_error", "lost"])
async def test_request_that_failed_for_no_fault_of_its_own_is_asked_again_alone(shelf: Shelf, fate: Fate) -> None:
    shelf.double.batches.fates = {"gracias": [fate]}
    batch_id = await shelf.put("hola", "gracias")
    assert (await shelf.advance(batch_id, 2)).state == "pending"
    assert (await shelf.advance(batch_id, 2)).state == "done"
    assert [len(held.requests) for held in shelf.double.batches.held] == [2, 1]
    assert await shelf.answers(batch_id) == [(0, "greeting", ""), (1, "acknowledgement", "")]
    outcomes = await shelf.agent.rows("select outcome, cost_microusd = 0 as free from model_calls order by id")
    assert [row["outcome"] for row in outcomes].count("ok") == 2
    assert all(row["free"] for row in outcomes if row["outcome"] == "error")


async def test_request_is_given_up_after_some_rounds(shelf: Shelf) -> None:
    shelf.double.batches.fates = {"gracias": ["expired"] * 10}
    batch_id = await shelf.put("hola", "gracias")
    assert (await shelf.advance(batch_id, 10)).state == "done"
    assert len(shelf.double.batches.held) == MAX_ROUNDS
    assert await shelf.answers(batch_id) == [(0, "greeting", ""), (1, None, "expired")]


@pytest.mark.parametrize(
    ("fate", "error"),
    [
        pytest.param("canceled", "canceled", id="cancelled by somebody"),
        pytest.param(CUT_OFF, "it was too long and was cut off; be much shorter.", id="cut off"),
        pytest.param(Step(text="", stop_reason="refusal"), "it was a refusal.", id="refused"),
    ],
)
async def test_request_that_would_end_the_same_again_is_reported(shelf: Shelf, fate: Fate, error: str) -> None:
    shelf.double.batches.fates = {"gracias": [fate]}
    batch_id = await shelf.put("gracias")
    assert (await shelf.advance(batch_id, 4)).state == "done"
    assert await shelf.answers(batch_id) == [(0, None, error)]
    assert len(shelf.double.batches.held) == 1


async def test_provider_that_is_down_is_asked_again_later(shelf: Shelf) -> None:
    shelf.double.batches.steps = [OVERLOADED, OVERLOADED]  # handing over, then looking for it
    batch_id = await shelf.put("hola")
    progress = await shelf.advance(batch_id)
    assert progress.state == "submitting"
    assert "529" in progress.error
    await shelf.advance(batch_id)
    assert (await shelf.advance(batch_id, 2)).state == "done"


async def test_batch_nobody_would_take_fails_with_the_reason(shelf: Shelf) -> None:
    shelf.double.batches.steps = [BAD_REQUEST]
    batch_id = await shelf.put("hola")
    progress = await shelf.advance(batch_id)
    assert (progress.state, progress.failed) == ("failed", 1)
    assert "400" in progress.error


async def test_refusal_to_list_says_nothing_about_a_batch_that_may_be_there(shelf: Shelf) -> None:
    shelf.double.batches.steps = [OVERLOADED, BAD_REQUEST]
    batch_id = await shelf.put("hola")
    assert (await shelf.advance(batch_id, 2)).state == "submitting"
    assert (await shelf.advance(batch_id, 2)).state == "done"


# --- who takes the steps -----------------------------------------------------------------------------------


async def test_due_batches_are_swept_into_the_queue(shelf: Shelf) -> None:
    batch_id = await shelf.put("hola")
    assert await sweep_batches(shelf.agent.deps) == 1
    (job,) = await shelf.agent.rows("select task_name, args from jobs.procrastinate_jobs")
    assert (job["task_name"], job["args"]["batch_id"]) == ("batch", str(batch_id))
    await shelf.advance(batch_id, 2)
    assert await sweep_batches(shelf.agent.deps) == 0


def test_provider_without_batches_is_passed_over(double: ClaudeDouble, clock: FakeClock) -> None:
    gateway = build_gateway(vertex_settings(double), now=clock)
    assert find_batch_api(gateway.providers, prices=ModelPrices.load(), now=clock) is None


async def test_whoever_is_interrupted_as_the_claim_is_written_keeps_nobody_from_going_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await shelf.put("hola")
    db = shelf.agent.deps.db
    as_it_is = db.tenant

    @asynccontextmanager
    async def interrupted(tenant_id: TenantId) -> AsyncIterator[Tx]:
        monkeypatch.setattr(db, "tenant", as_it_is)
        async with as_it_is(tenant_id) as tx:
            yield tx
        raise asyncio.CancelledError  # the commit has come through, its answer has not

    monkeypatch.setattr(db, "tenant", interrupted)
    with pytest.raises(asyncio.CancelledError):
        await shelf.work.advance(shelf.agent.tenant_id, batch_id)
    assert await shelf.agent.value("select claimed_until from model_batches") is None
