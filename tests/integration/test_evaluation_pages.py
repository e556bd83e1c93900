"""The inbox's pages of evaluation and of replayed conversations, as each role sees and uses them."""

import httpx
import pytest

from agent.evaluation.cases import ClassificationCase, label, new_row
from agent.evaluation.nightly import run_asked
from agent.evaluation.proposing import propose_cases
from agent.ports import Deps
from agent.replaying import run_replay
from agent.store import eval_cases, evaluations
from agent.store.reviews import Review, insert_review
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.agents import Agent
from tests.integration.staff import StaffBrowser, sign_in


@pytest.fixture
async def manager(inbox: httpx.AsyncClient, deps: Deps, agent: Agent, clock: FakeClock) -> StaffBrowser:
    clock.now = await agent.value("select clock_timestamp()")
    return await sign_in(inbox, deps, agent.tenant_id, role="manager")


@pytest.fixture
async def reviewer(inbox: httpx.AsyncClient, deps: Deps, agent: Agent, manager: StaffBrowser) -> StaffBrowser:
    return await sign_in(inbox, deps, agent.tenant_id, role="reviewer")


async def answered(agent: Agent) -> ConversationId:
    conversation = await agent.hear("¿cuánto cuesta <b>el intensivo</b>?")
    await agent.answer(conversation)
    return conversation


async def propose(agent: Agent) -> None:
    """Have a draft of the agent's changed by staff, and the case proposed."""
    conversation = await answered(agent)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        review = Review(
            tenant_id=agent.tenant_id,
            conversation_id=conversation,
            escalation_id=None,
            turn_id=await agent.value("select id from turns"),
            message_id=None,
            member_id=None,
            verdict="edited",
            reason="",
            draft="Son 399 €.",
            sent="Son 399,00 € por el curso.",
            distance=0.5,
        )
        await insert_review(tx, review)
        await propose_cases(tx, agent.tenant_id, agent.deps)


class TestEvaluation:
    async def test_empty_page_says_so_and_has_nothing_inline(self, manager: StaffBrowser) -> None:
        page = await manager.get("/inbox/evaluation")
        assert page.status_code == 200
        assert "Nothing has been measured yet" in page.text
        assert "style=" not in page.text

    async def test_asking_needs_accepted_cases(self, manager: StaffBrowser) -> None:
        page = await manager.post("/inbox/evaluation", {})
        assert page.status_code == 400
        assert "no accepted cases" in page.text

    async def test_evaluation_that_a_worker_has_done_is_shown(self, manager: StaffBrowser, agent: Agent) -> None:
        cases = [ClassificationCase(text=f"precio {n}?", intent="pricing", language="es") for n in range(4)]
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            await eval_cases.insert_cases(tx, agent.tenant_id, [new_row(label(each), origin="file") for each in cases])
        assert (await manager.post("/inbox/evaluation", {})).status_code == 303
        assert "waits for a worker" in (await manager.get("/inbox/evaluation")).text
        run_id = await agent.value("select id from eval_runs")
        await run_asked(agent.tenant_id, run_id, agent.deps, None)
        shown = await manager.get("/inbox/evaluation")
        assert "accuracy 100.0 %" in shown.text
        report = await manager.get(f"/inbox/evaluation/{run_id}")
        assert report.status_code == 200

    async def test_manager_accepts_a_case_with_what_is_right(self, manager: StaffBrowser, agent: Agent) -> None:
        await propose(agent)
        page = await manager.get("/inbox/evaluation")
        assert "&lt;b&gt;el intensivo&lt;/b&gt;" in page.text
        case_id = await agent.value("select id from eval_items")
        form = {"action": "accept", "decision": "send", "must": "399,00 €\n", "never": "", "reference": "Son 399,00 €."}
        assert (await manager.post(f"/inbox/evaluation/cases/{case_id}", form)).status_code == 303
        (row,) = await agent.rows("select state, expected, decided_by from eval_items")
        assert (row["state"], row["expected"]["must"]) == ("accepted", ["399,00 €"])
        assert row["decided_by"] is not None
        assert await agent.value("select count(*) from events where kind = 'evaluation.case_accepted'") == 1

    async def test_what_no_case_can_hold_is_refused(self, manager: StaffBrowser, agent: Agent) -> None:
        await propose(agent)
        case_id = await agent.value("select id from eval_items")
        form = {"action": "accept", "decision": "explode", "must": "", "never": "", "reference": ""}
        assert (await manager.post(f"/inbox/evaluation/cases/{case_id}", form)).status_code == 400
        assert await agent.value("select state from eval_items") == "proposed"

    async def test_reviewers_see_it_and_decide_nothing(self, reviewer: StaffBrowser, agent: Agent) -> None:
        await propose(agent)
        case_id = await agent.value("select id from eval_items")
        assert 'value="accept"' not in (await reviewer.get("/inbox/evaluation")).text
        assert (await reviewer.post(f"/inbox/evaluation/cases/{case_id}", {"action": "reject"})).status_code == 403

    async def test_hold_is_shown_with_its_reason_and_lifted_by_a_manager(
        self, manager: StaffBrowser, agent: Agent
    ) -> None:
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            run_id = await evaluations.insert_run(
                tx, agent.tenant_id, version="v", cause="night", set_name="held-out", at=agent.deps.now()
            )
            await evaluations.insert_hold(tx, agent.tenant_id, run_id, "accuracy 96.0% → 81.0%")
        assert "accuracy 96.0% → 81.0%" in (await manager.get("/inbox/evaluation")).text
        assert (await manager.post("/inbox/evaluation/hold", {})).status_code == 303
        assert "Promotion is stopped" not in (await manager.get("/inbox/evaluation")).text
        assert (await agent.value("select lifted_by from promotion_holds")).startswith("member:")


class TestReplays:
    async def test_conversation_is_replayed_and_compared_side_by_side(
        self, reviewer: StaffBrowser, agent: Agent
    ) -> None:
        conversation = await answered(agent)
        path = f"/inbox/conversations/{conversation}/replays"
        assert "None yet." in (await reviewer.get(path)).text
        assert (await reviewer.post(path, {"version": ""})).status_code == 303
        assert "a worker will do it" in (await reviewer.get(path)).text
        agent.models.texts = ("Cuesta {price:EN-INT}.",)
        await run_replay(agent.tenant_id, await agent.value("select id from replays"), agent.deps)
        page = (await reviewer.get(f"{path}/list")).text
        assert "1 of 1 turns differ" in page
        assert "Son 399,00" in page
        assert "Cuesta 399,00" in page
        assert "Cost" in page

    async def test_unknown_version_is_refused(self, reviewer: StaffBrowser, agent: Agent) -> None:
        conversation = await answered(agent)
        answer = await reviewer.post(f"/inbox/conversations/{conversation}/replays", {"version": "0" * 12})
        assert answer.status_code == 400
        assert await agent.value("select count(*) from replays") == 0
