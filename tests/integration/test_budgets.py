"""Promise P8 in the turn: what models cost is added up exactly, soft limits save, hard limits hand over."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog.testing

from agent.errors import Fenced, ModelUnavailable
from agent.spending.accounting import Occasion, account_for, read_spent, record_calls
from agent.store.db import Tx
from agent.store.tenants import get_tenant_file, save_tenant_file
from agent.turn import take_turn
from agent.types import Budget, BudgetScope, Tenant
from jobs.clock import clean_up
from jobs.turns import Turns
from tests.conftest import FakeClock
from tests.doubles.models import a_call
from tests.factories import make_classification
from tests.integration.agents import Agent

CALL_COST = 120
"""Of each call of the scripted models: a turn is a classification and a draft."""
QUESTION = "¿cuánto cuesta el intensivo?"


async def set_budgets(agent: Agent, **limits: tuple[int, int]) -> None:
    """Give the tenant these budgets, and no other."""
    scopes: dict[str, BudgetScope] = {
        "message": "message",
        "contact_day": "contact_day",
        "tenant_day": "tenant_day",
        "tenant_month": "tenant_month",
    }
    budgets = {scopes[name]: Budget(soft_microusd=soft, hard_microusd=hard) for name, (soft, hard) in limits.items()}
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        file = await get_tenant_file(tx, agent.tenant_id)
        policy = replace(file.tenant.policy, budgets=budgets)
        await save_tenant_file(tx, replace(file, tenant=replace(file.tenant, policy=policy)))


async def tenant_of(agent: Agent) -> Tenant:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return (await get_tenant_file(tx, agent.tenant_id)).tenant


async def spent(agent: Agent) -> int:
    return int(await agent.value("select coalesce(sum(cost_microusd), 0) from model_calls"))


@pytest.fixture
def alerts() -> Iterator[list[Any]]:
    """What operators are told through the log."""
    with structlog.testing.capture_logs() as entries:
        yield entries


# --- adding up ---------------------------------------------------------------------------------------------


async def test_every_account_of_a_turn_comes_to_what_its_calls_cost(agent: Agent) -> None:
    conversation = await agent.hear(QUESTION)
    await agent.answer(conversation)
    await agent.answer(await agent.hear(QUESTION, sender="+34600999888"))
    sums = await agent.rows(
        "select scope, sum(cost_microusd)::int as cost, count(*) from spending group by 1 order by 1"
    )
    assert [tuple(row.values()) for row in sums] == [
        ("contact_day", 480, 2),
        ("message", 480, 2),
        ("tenant_day", 480, 1),
        ("tenant_month", 480, 1),
    ]
    assert await spent(agent) == 480


async def test_turn_knows_what_was_spent_before_it(agent: Agent) -> None:
    conversation = await agent.hear(QUESTION)
    await agent.answer(conversation)
    await agent.hear("¿y por las tardes?")
    gathered = await agent.claim(conversation)
    assert gathered.turn.spent_microusd == {
        "message": 0, "contact_day": 240, "tenant_day": 240, "tenant_month": 240
    }  # fmt: skip


async def test_new_day_and_month_begin_with_nothing_spent(agent: Agent, clock: FakeClock) -> None:
    await agent.answer(await agent.hear(QUESTION))
    clock.advance(24 * 3600)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        occasion = Occasion(tenant=await tenant_of(agent))
        assert (await read_spent(tx, occasion, clock()))["tenant_day"] == 0
        assert (await read_spent(tx, occasion, clock()))["tenant_month"] == 240


async def test_many_workers_at_once_add_up_exactly(agent: Agent, clock: FakeClock) -> None:
    occasion = Occasion(tenant=await tenant_of(agent))

    async def work() -> None:
        for _ in range(5):
            async with agent.deps.db.tenant(agent.tenant_id) as tx:
                await record_calls(tx, occasion, (a_call(), a_call()), clock())

    await asyncio.gather(*(work() for _ in range(8)))
    rows = await agent.rows("select cost_microusd from spending")
    assert [row["cost_microusd"] for row in rows] == [8 * 5 * 2 * CALL_COST] * 2
    assert await spent(agent) == 8 * 5 * 2 * CALL_COST


async def test_failed_calls_are_accounted_for_and_count(agent: Agent) -> None:
    down = ModelUnavailable("529")
    down.calls = (
        replace(a_call("draft"), outcome="error", error="529", attempt=1),
        replace(a_call("draft"), attempt=2),
    )
    agent.models.failures = [None, down]
    await agent.answer(await agent.hear(QUESTION))
    rows = await agent.rows("select task, outcome, attempt, tier from model_calls order by task, attempt")
    assert [tuple(row.values()) for row in rows] == [
        ("classify", "ok", 1, "standard"),
        ("draft", "error", 1, "standard"),
        ("draft", "ok", 2, "standard"),
    ]
    assert await agent.value("select cost_microusd from spending where scope = 'tenant_day'") == 360


async def test_calls_of_a_worker_that_lost_its_turn_are_accounted_for(agent: Agent) -> None:
    paused = await agent.claim(await agent.hear(QUESTION))
    await agent.lapse_claims()
    await agent.change("update conversations set lease_token = gen_random_uuid()")
    with pytest.raises(Fenced):
        await take_turn(paused, agent.deps)
    assert await spent(agent) == CALL_COST
    assert await agent.value("select cost_microusd from spending where scope = 'message'") == CALL_COST


async def test_calls_of_a_cancelled_turn_are_accounted_for(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def never_answer(*_args: object, **_options: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as exc:  # as the gateway does
            vars(exc)["calls"] = (replace(a_call(), outcome="error", error="given up"),)
            raise

    async def never_find(*_args: object) -> None:
        await asyncio.Event().wait()

    order: list[str] = []
    pay, requeue = account_for, Turns._requeue

    async def note_payment(*args: Any) -> object:
        paid = await pay(*args)
        order.append("paid")
        return paid

    async def note_requeue(*args: Any, **options: Any) -> None:
        order.append("given away")
        await requeue(*args, **options)

    monkeypatch.setattr(type(agent.models), "classify", never_answer)
    monkeypatch.setattr("agent.turn._retrieve", never_find)  # it ends at once when it is cancelled, and nothing with it
    monkeypatch.setattr("agent.steps.account_for", note_payment)
    monkeypatch.setattr(Turns, "_requeue", note_requeue)
    conversation = await agent.hear(QUESTION)
    turn = asyncio.create_task(Turns(agent.deps).run(agent.tenant_id, conversation))
    await begun.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert order == ["paid", "given away"]
    assert await spent(agent) == CALL_COST
    assert await agent.value("select turn_state from conversations") == "queued"


async def test_old_sums_are_forgotten_but_the_tenants_own(agent: Agent, clock: FakeClock) -> None:
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
    clock.advance(30 * 24 * 3600)
    await clean_up(agent.deps, agent.queue)
    rows: list[Any] = await agent.rows("select scope from spending order by scope")
    assert [row["scope"] for row in rows] == ["tenant_day", "tenant_month"]


# --- limits ------------------------------------------------------------------------------------------------


async def test_without_limits_the_turn_takes_the_tier_it_deserves(agent: Agent) -> None:
    agent.models.classification = make_classification(intent="negotiation", confidence=0.95)
    await agent.answer(await agent.hear(QUESTION))
    assert [route.tier for route in agent.models.routes] == ["expert"]


async def test_soft_limit_steps_down_a_tier(agent: Agent) -> None:
    await set_budgets(agent, tenant_day=(CALL_COST, 10**6))
    agent.models.classification = make_classification(intent="negotiation", confidence=0.95)
    await agent.answer(await agent.hear(QUESTION))
    assert [route.tier for route in agent.models.routes] == ["standard"]
    assert "the budget is nearly spent" in agent.models.routes[0].reason
    assert "399,00 €" in agent.sender.taken[0].text


async def test_soft_limit_reached_by_the_draft_steps_its_revision_down(agent: Agent) -> None:
    await set_budgets(agent, message=(2 * CALL_COST, 10**6))
    agent.models.classification = make_classification(intent="negotiation", confidence=0.95)
    agent.models.texts = ("Cuesta 250 €.",)
    await agent.answer(await agent.hear(QUESTION))
    assert [route.tier for route in agent.models.routes] == ["expert", "standard", "standard"]


@pytest.mark.parametrize("scope", ["message", "contact_day", "tenant_day", "tenant_month"])
async def test_hard_limit_hands_to_staff_and_says_so(agent: Agent, scope: str) -> None:
    await set_budgets(agent, **{scope: (0, 0)})
    await agent.answer(await agent.hear(QUESTION))
    assert agent.models.drafted == []
    assert await spent(agent) == 0
    assert await agent.value("select reason from escalations") == "the budget is spent: a person answers"
    (notice,) = agent.sender.taken
    assert "399" not in notice.text


async def test_hard_limit_reached_on_the_way_begins_no_further_call(agent: Agent) -> None:
    await set_budgets(agent, message=(1, CALL_COST))
    await agent.answer(await agent.hear(QUESTION))
    assert agent.models.drafted == []
    assert await spent(agent) == CALL_COST
    assert await agent.value("select count(*) from escalations") == 1


async def test_hard_limit_between_draft_and_revision_gives_the_draft_to_a_person(agent: Agent) -> None:
    await set_budgets(agent, message=(2 * CALL_COST, 2 * CALL_COST))
    agent.models.texts = ("Cuesta 250 €.", "Cuesta {price:EN-INT}.")
    await agent.answer(await agent.hear(QUESTION))
    assert len(agent.models.drafted) == 1
    (escalation,) = await agent.rows("select draft, verdicts from escalations")
    assert "250" in escalation["draft"]
    assert "pricing" in [verdict["rule"] for verdict in escalation["verdicts"]]


async def test_opt_out_is_still_obeyed_at_a_hard_limit(agent: Agent) -> None:
    await set_budgets(agent, tenant_day=(0, 0))
    agent.models.classification = make_classification(intent="opt_out", confidence=0.97, source="local")
    await agent.answer(await agent.hear("ya me cansé de ustedes, borren mi contacto de su agenda"))
    assert await agent.value("select count(*) from suppressions") == 1
    assert await spent(agent) == 0


# --- telling -----------------------------------------------------------------------------------------------


async def test_each_limit_is_told_once_in_its_period(
    agent: Agent, clock: FakeClock, admin: Tx, alerts: list[Any]
) -> None:
    await set_budgets(agent, tenant_day=(300, 700))
    for number in range(5):
        await agent.answer(await agent.hear(QUESTION, sender=f"+3460011122{number}"))
    told = await agent.rows("select kind, data from events where kind like 'budget.%%' order by id")
    assert [(row["kind"], row["data"]["scope"], row["data"]["spent_microusd"]) for row in told] == [
        ("budget.soft", "tenant_day", 360),
        ("budget.hard", "tenant_day", 720),
    ]
    system = await (await admin.execute("select kind, data from system_events order by id")).fetchall()
    assert [(row["kind"], row["data"]["tenant"]) for row in system] == [
        ("budget.soft", "escuela"),
        ("budget.hard", "escuela"),
    ]
    assert [entry["event"] for entry in alerts if entry["event"].startswith("budget.")] == [
        "budget.soft",
        "budget.hard",
    ]
    clock.advance(24 * 3600)
    for number in range(5):
        await agent.answer(await agent.hear(QUESTION, sender=f"+3460011133{number}"))
    assert await agent.value("select count(*) from events where kind like 'budget.%%'") == 4


async def test_call_that_passes_both_limits_tells_both(agent: Agent) -> None:
    await set_budgets(agent, contact_day=(1, 2))
    await agent.answer(await agent.hear(QUESTION))
    kinds = await agent.rows("select kind from events where kind like 'budget.%%' order by id")
    assert [row["kind"] for row in kinds] == ["budget.soft", "budget.hard"]


# --- how far a limit can be passed -------------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_hard_limit_is_passed_by_one_step_a_turn_in_flight_at_most(agent: Agent, in_flight: int) -> None:
    hard = 1_000
    await set_budgets(agent, tenant_day=(hard, hard))
    conversations = [await agent.hear(QUESTION, sender=f"+346001111{number:02}") for number in range(16)]
    places = asyncio.Semaphore(in_flight)

    async def take(conversation: Any) -> None:
        async with places:
            await Turns(agent.deps).run(agent.tenant_id, conversation)

    await asyncio.gather(*(take(each) for each in conversations))
    assert hard <= await spent(agent) < hard + in_flight * CALL_COST
    assert await agent.value("select count(*) from turns where state = 'done'") == 16
    assert await agent.value("select count(*) from escalations") > 0
