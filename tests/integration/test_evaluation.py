"""Evaluation on a real PostgreSQL: a run kept case by case, compared, budgeted; the hold; proposed cases; replays."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from agent.errors import ModelUnavailable
from agent.evaluation.cases import Case, ClassificationCase, GuardrailCase, ReplyCase, from_row, label, new_row
from agent.evaluation.figures import FIGURES, Figures
from agent.evaluation.grading import CRITERIA, Grade, Graded, weigh
from agent.evaluation.holds import lift_promotion_hold, promotion_hold
from agent.evaluation.nightly import ask_nightly, run_asked
from agent.evaluation.proposing import propose_cases
from agent.evaluation.run import Order, evaluate
from agent.evaluation.spend import read_allowance
from agent.replaying import read_turns, replay_conversation, run_replay
from agent.rollouts.versions import current_version
from agent.store import eval_cases, evaluations
from agent.store.replays import find_replay, insert_replay
from agent.store.reviews import Review, insert_review
from agent.types import Intent, Turn
from tests.conftest import FakeClock
from tests.doubles.models import a_call
from tests.factories import make_classification, make_turn
from tests.integration.agents import Agent

PRICE = ReplyCase(said=("¿cuánto cuesta el intensivo?",), language="es", must=("399,00 €",), reference="Son 399,00 €.")


def messages(intent: Intent, count: int = 30) -> Sequence[Case]:
    """Cases of one intent, which the scripted model gets right as long as it is told that intent."""
    return [ClassificationCase(text=f"mensaje {number}", intent=intent, language="es") for number in range(count)]


async def order_of(agent: Agent, cases: Sequence[Case], **fields: object) -> Order:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        version = await current_version(tx, tenant, agent.deps.release)
    order = Order(tenant=tenant, version=version, cases=[label(each) for each in cases], set_name="held-out")
    return replace(order, **fields)  # type: ignore[arg-type]


async def asked(agent: Agent, order: Order) -> UUID:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return await evaluations.insert_run(
            tx,
            agent.tenant_id,
            version=order.version.digest,
            cause="command",
            set_name=order.set_name,
            at=agent.deps.now(),
        )


async def run(agent: Agent, cases: Sequence[Case], **fields: object) -> Figures:
    order = await order_of(agent, cases, **fields)
    figures = await evaluate(await asked(agent, order), order, agent.deps)
    assert figures is not None
    return figures


async def keep(agent: Agent, cases: Sequence[Case]) -> None:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await eval_cases.insert_cases(tx, agent.tenant_id, [new_row(label(each), origin="file") for each in cases])


async def hold_of(agent: Agent) -> evaluations.Hold | None:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return await promotion_hold(tx, agent.tenant_id)


class TestRun:
    async def test_every_kind_is_measured_kept_and_paid_for_and_nothing_is_sent(self, agent: Agent) -> None:
        cases = [
            *messages("pricing", 4),
            ClassificationCase(text="quiero una persona", intent="human_request", language="es"),
            GuardrailCase(draft="Cuesta 250 €.", expect="violation", language="es", rules=("pricing",)),
            GuardrailCase(draft="Con gusto le ayudo.", expect="pass", language="es"),
            PRICE,
        ]
        figures = await run(agent, cases)
        assert figures.classification is not None
        assert figures.guardrails is not None
        assert figures.replies is not None
        assert figures.classification.accuracy.value == pytest.approx(0.8)
        assert figures.guardrails.recall.value == 1.0
        assert figures.replies.right.value == 1.0
        assert agent.sender.taken == []
        assert await agent.value("select count(*) from conversations") == 0
        (kept,) = await agent.rows("select * from eval_runs")
        assert (kept["state"], kept["cost_microusd"]) == ("done", 5 * 120 + 2 * 120)
        assert await agent.value("select count(*) from eval_results") == len(cases)
        assert "intensivo" not in str(await agent.rows("select result from eval_results"))
        assert await agent.value("select sum(cost_microusd)::int from model_calls where turn_id is null") == 840

    async def test_money_bounds_it_and_what_was_left_out_is_told(self, agent: Agent) -> None:
        figures = await run(agent, messages("pricing", 40), limit_microusd=60_000)
        assert figures.cases + figures.left_out == 40
        assert figures.left_out > 0
        assert await agent.value("select cost_microusd from eval_runs") <= 60_000

    async def test_outage_is_no_figure_of_the_version(self, agent: Agent) -> None:
        agent.models.outage = ModelUnavailable("down")
        order = await order_of(agent, [PRICE])
        with pytest.raises(ModelUnavailable):
            await evaluate(await asked(agent, order), order, agent.deps)
        assert await agent.value("select state from eval_runs") == "failed"

    async def test_run_that_ended_is_not_begun_again(self, agent: Agent) -> None:
        order = await order_of(agent, messages("pricing", 2))
        run_id = await asked(agent, order)
        assert await evaluate(run_id, order, agent.deps) is not None
        assert await evaluate(run_id, order, agent.deps) is None

    async def test_drop_is_found_pair_by_pair_and_stops_promotion_until_it_is_gone(self, agent: Agent) -> None:
        cases = messages("pricing")
        await run(agent, cases, guards_promotion=True)
        assert await hold_of(agent) is None
        agent.models.classification = make_classification(intent="support", confidence=0.95)
        worse = await run(agent, cases, guards_promotion=True)
        assert worse.comparison is not None
        assert [each.name for each in worse.comparison.drops] == ["accuracy", "macro F1"]
        hold = await hold_of(agent)
        assert hold is not None
        assert "accuracy" in hold.reason
        await run(agent, cases, guards_promotion=True)
        assert await hold_of(agent) is not None, "the worse run must not become what others are compared with"
        agent.models.classification = make_classification(intent="pricing", confidence=0.95)
        await run(agent, cases, guards_promotion=True)
        assert await hold_of(agent) is None
        rows = await agent.rows("select kind from events where kind like 'evaluation.%%' order by id")
        kinds = [row["kind"] for row in rows]
        assert kinds.count("evaluation.dropped") == 1
        assert kinds.count("evaluation.hold_lifted") == 1

    async def test_candidates_drop_holds_nobody_up(self, agent: Agent) -> None:
        cases = messages("pricing")
        await run(agent, cases)
        agent.models.classification = make_classification(intent="support", confidence=0.95)
        figures = await run(agent, cases)
        assert figures.comparison is not None
        assert figures.comparison.drops
        assert await hold_of(agent) is None

    async def test_latest_run_of_a_version_is_what_promotion_reads(self, agent: Agent) -> None:
        order = await order_of(agent, messages("pricing", 3))
        await run(agent, [each.case for each in order.cases])
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            found = await evaluations.find_latest_run(tx, order.version.digest)
            assert await evaluations.find_latest_run(tx, "0" * 12) is None
        assert found is not None
        known = FIGURES.validate_python(found.figures).classification
        assert known is not None
        assert known.accuracy.value == 1.0


class TestNightly:
    async def test_each_tenant_is_measured_at_its_own_night_by_a_worker(self, agent: Agent, clock: FakeClock) -> None:
        await keep(agent, messages("pricing", 5))
        assert await ask_nightly(agent.deps) == 0, "it is 16:00 in Madrid"
        clock.now = clock.now.replace(hour=2, minute=37)
        assert await ask_nightly(agent.deps) == 1
        assert await agent.value("select count(*) from jobs.procrastinate_jobs where task_name = 'evaluate'") == 1
        await run_asked(agent.tenant_id, await agent.value("select id from eval_runs"), agent.deps, None)
        assert [dict(row) for row in await agent.rows("select state, cause from eval_runs")] == [
            {"state": "done", "cause": "night"}
        ]

    async def test_tenant_without_cases_is_not_measured(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = clock.now.replace(hour=2, minute=37)
        assert await ask_nightly(agent.deps) == 0

    async def test_evaluation_may_cost_a_tenth_of_what_answering_costs(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = await agent.value("select clock_timestamp()")
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        await run(agent, messages("pricing", 1))
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            allowance = await read_allowance(tx, 10, clock.now)
        assert (allowance.models_microusd, allowance.limit_microusd, allowance.spent_microusd) == (240, 24, 120)
        assert allowance.left_microusd == 0


class TestProposals:
    async def review(self, agent: Agent, verdict: str, sent: str | None) -> None:
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            await insert_review(
                tx,
                Review(
                    tenant_id=agent.tenant_id,
                    conversation_id=conversation,
                    escalation_id=None,
                    turn_id=await agent.value("select id from turns"),
                    message_id=None,
                    member_id=None,
                    verdict=verdict,  # type: ignore[arg-type]
                    reason="too short",
                    draft="Son 399 €.",
                    sent=sent,
                    distance=0.5 if sent else None,
                ),
            )

    async def propose(self, agent: Agent) -> int:
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            return await propose_cases(tx, agent.tenant_id, agent.deps)

    async def test_edited_draft_is_proposed_once_with_what_staff_sent(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = await agent.value("select clock_timestamp()")
        await self.review(agent, "edited", "Son 399,00 € por el curso completo, ¿te lo reservo?")
        assert await self.propose(agent) == 1
        assert await self.propose(agent) == 0
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            (row,) = await eval_cases.list_cases(tx, "proposed")
            assert await eval_cases.list_cases(tx) == [], "nothing is measured on it yet"
            case = from_row(row).case
            assert isinstance(case, ReplyCase)
            assert case.said == ("¿cuánto cuesta el intensivo?",)
            assert case.reference.startswith("Son 399,00 €")
            assert case.rejected == "Son 399 €."
            assert await eval_cases.decide_case(tx, row.id, "accepted", None)
            assert not await eval_cases.decide_case(tx, row.id, "rejected", None)
            assert len(await eval_cases.list_cases(tx)) == 1

    async def test_reply_that_a_prospect_complained_about_is_proposed(self, agent: Agent, clock: FakeClock) -> None:
        await agent.live_now(clock)
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        agent.models.classification = make_classification(intent="complaint", confidence=0.95)
        await agent.hear("eso es mentira, pésimo servicio")
        await agent.answer(conversation)
        assert await self.propose(agent) == 1
        (row,) = await agent.rows("select origin, input, expected from eval_items")
        assert row["origin"] == "complaint"
        assert "399,00" in row["expected"]["rejected"]

    async def test_case_goes_when_its_conversation_is_erased(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = await agent.value("select clock_timestamp()")
        await self.review(agent, "rejected", None)
        await self.propose(agent)
        await agent.change("delete from conversations")
        assert await agent.value("select count(*) from eval_items") == 0


@dataclass
class FirstIsBetter:
    """A judge that prefers whatever it reads first, and would send what names a price."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def grade(self, turn: Turn, replies: Sequence[str]) -> Graded:
        self.asked.append(tuple(replies))
        grades = tuple(Grade(scores=dict.fromkeys(CRITERIA, 4), would_send="399" in each) for each in replies)
        return Graded(grades=grades, better=0, calls=(a_call(),))


class TestJudge:
    async def test_preference_for_the_first_place_counts_for_nothing(self) -> None:
        judge = FirstIsBetter()
        weighed = await weigh(judge, make_turn(), "Son 399 €", "Cuesta 399 €")
        assert judge.asked == [("Son 399 €", "Cuesta 399 €"), ("Cuesta 399 €", "Son 399 €")]
        assert (weighed.preferred, weighed.is_consistent) == ("tie", False)
        assert len(weighed.calls) == 2

    async def test_judged_replies_have_a_rubric_and_what_it_cost_is_the_runs(self, agent: Agent) -> None:
        order = await order_of(agent, [PRICE])
        figures = await evaluate(await asked(agent, order), order, agent.deps, FirstIsBetter())
        assert figures is not None
        assert figures.replies is not None
        assert figures.replies.rubric["correct"].value == 4
        assert figures.replies.preferred == {"tie": 1}
        assert await agent.value("select cost_microusd from eval_runs") == 4 * 120


class TestReplay:
    async def test_conversation_is_replayed_turn_by_turn_and_nothing_is_sent(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        await agent.hear("¿y cuánto dura?")
        await agent.answer(conversation)
        sent, messages_ = len(agent.sender.taken), await agent.value("select count(*) from messages")
        agent.models.texts = ("Cuesta {price:EN-INT}.",)
        first, second = await replay_conversation(agent.tenant_id, conversation, agent.deps, seed=str(uuid4()))
        assert first.differs
        assert "Son 399,00 €" in first.before["text"]
        assert "Cuesta 399,00 €" in first.after["text"]
        assert "Cuesta 399,00 €" in second.after["text"]
        assert "cost" in {each.name for each in first.differences}
        assert (len(agent.sender.taken), await agent.value("select count(*) from messages")) == (sent, messages_)

    async def test_replay_that_was_asked_for_is_kept_with_its_turns(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            replay_id = await insert_replay(tx, agent.tenant_id, None, None, conversation_id=conversation)
        await run_replay(agent.tenant_id, replay_id, agent.deps)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            row = await find_replay(tx, replay_id)
        assert row is not None
        (turn,) = read_turns(row)
        assert (row.state, turn.differs) == ("done", False)

    async def test_unknown_version_fails_the_replay_and_says_so(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            replay_id = await insert_replay(
                tx, agent.tenant_id, None, None, conversation_id=conversation, version="0" * 12
            )
        await run_replay(agent.tenant_id, replay_id, agent.deps)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            row = await find_replay(tx, replay_id)
        assert row is not None
        assert (row.state, "0" * 12 in row.error) == ("failed", True)


async def test_hold_is_lifted_by_a_manager_once(agent: Agent) -> None:
    order = await order_of(agent, messages("pricing", 1))
    run_id = await asked(agent, order)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        assert await evaluations.insert_hold(tx, agent.tenant_id, run_id, "worse")
        assert not await evaluations.insert_hold(tx, agent.tenant_id, run_id, "worse still")
        assert await lift_promotion_hold(tx, agent.tenant_id, "staff")
        assert not await lift_promotion_hold(tx, agent.tenant_id, "staff")
