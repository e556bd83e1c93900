"""The operations page, runs and replays, as staff of each role see and use them."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from agent.decide import give_up
from agent.gather import Gathered
from agent.outcomes import read_outcome, record_outcome
from agent.ports import Deps
from agent.replaying import run_replay
from agent.store.db import Tx
from agent.tenant.file import TenantFile
from agent.types import TurnId
from jobs.recovery import Report
from tests.conftest import FakeClock
from tests.integration.agents import OURS, Agent
from tests.integration.outages import build_outages
from tests.integration.staff import StaffBrowser, sign_in
from tests.integration.tenant_rows import Rows

PAGES = ("/inbox/operations", "/inbox/operations?range=24h", "/inbox/operations?range=30d", "/inbox/runs")


@pytest.fixture
async def manager(inbox: httpx.AsyncClient, deps: Deps, agent: Agent, clock: FakeClock) -> StaffBrowser:
    """A manager of the school, signed in."""
    await agent.live_now(clock)
    return await sign_in(inbox, deps, agent.tenant_id, role="manager")


async def fail(agent: Agent, error: str = "ValueError: broken") -> TurnId:
    """Have a prospect's turn fail for good."""
    gathered: Gathered = await agent.claim(await agent.hear("¿cuánto cuesta?"))
    await give_up(gathered.turn, gathered.lease, error, None, agent.deps)
    return gathered.turn.id


async def answer(agent: Agent) -> TurnId:
    """Have a prospect answered."""
    await agent.answer(await agent.hear("¿cuánto cuesta?", sender="+34600000001"))
    turn_id: TurnId = await agent.value("select id from turns where state = 'done' limit 1")
    return turn_id


def text_of(answer: httpx.Response) -> str:
    """Return a page without its markup, spaces folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


class TestOperations:
    @pytest.mark.parametrize("path", PAGES)
    async def test_an_installation_without_history_shows_empty_pages(self, manager: StaffBrowser, path: str) -> None:
        answer = await manager.get(path)
        assert answer.status_code == 200, answer.text
        assert "style=" not in answer.text
        assert "<script>" not in answer.text

    @pytest.mark.parametrize("range_", ["24h", "7d", "30d"])
    async def test_what_happened_is_counted_with_a_table_behind_each_chart(
        self, manager: StaffBrowser, agent: Agent, range_: str
    ) -> None:
        await answer(agent)
        await fail(agent)
        page = await manager.get(f"/inbox/operations?range={range_}")
        text = text_of(page)
        assert "Answered without a person 50 % 1 of 2 turns that wanted an answer" in text
        assert "Spent on models $0.0002 2 calls, 0 failed" in text
        assert "Could not be processed 1" in text
        assert "Wrote to us for the first time 2" in text
        assert page.text.count("<svg viewBox") == page.text.count("As a table") == 3

    async def test_outcomes_are_in_the_funnel_and_drift_below_it(
        self, manager: StaffBrowser, agent: Agent, admin: Tx, clock: FakeClock
    ) -> None:
        empty = text_of(await manager.get("/inbox/operations"))
        assert "There are too few messages to compare yet." in empty
        assert "Won – 0 won, 0 lost" in empty
        told: list[dict[str, Any]] = [
            {"kind": "booked"},
            {"kind": "won", "amount_minor": 129900, "currency": "EUR"},
            {"kind": "lost", "reason": "x"},
        ]
        for number, fields in enumerate(told):
            reported = read_outcome({"id": str(number), "contact": "+34600000001", **fields})
            async with agent.deps.db.tenant(agent.tenant_id) as tx:
                await record_outcome(tx, agent.tenant_id, reported, "csv", now=clock.now)
        await admin.execute(
            """insert into drift_baselines (tenant_id, feature, counts, since, until)
               values (%s, 'length', '{"10": 900, "more": 100}', now(), now())""",
            (agent.tenant_id,),
        )
        await admin.execute(
            """insert into drift_readings (tenant_id, feature, counts, measured_at, psi, level)
               values (%s, 'length', '{"10": 50, "more": 50}', now(), 0.9, 'drifted')""",
            (agent.tenant_id,),
        )
        page = text_of(await manager.get("/inbox/operations"))
        assert "Won €1,299.00 1 won, 1 lost" in page
        assert "Booked 1 Won 1 Lost 1" in page
        assert "Length of messages more than 1000 characters: 10 % → 50 %" in page
        assert "up to 10 characters: 90 % → 50 % has changed 0.9" in page

    async def test_only_what_happened_and_is_not_counted_yet_is_missed(
        self, manager: StaffBrowser, agent: Agent
    ) -> None:
        assert "has not been counted yet" not in (await manager.get("/inbox/operations")).text
        await answer(agent)
        await agent.change("update turns set created_at = created_at - interval '5 days'")
        assert "has not been counted yet" in (await manager.get("/inbox/operations")).text

    async def test_budget_lines_stand_where_days_are_added_up(self, manager: StaffBrowser, agent: Agent) -> None:
        await answer(agent)
        assert "Hard limit a day" in (await manager.get("/inbox/operations?range=7d")).text
        assert "Hard limit a day" not in (await manager.get("/inbox/operations?range=24h")).text

    async def test_provider_errors_are_for_managers_alone(
        self, manager: StaffBrowser, inbox: httpx.AsyncClient, deps: Deps, agent: Agent, clock: FakeClock
    ) -> None:
        outages = build_outages(agent, clock)
        outages.unplug()
        outages.health.state = "open"
        await outages.ask()
        await Report(agent.deps, worker="host:1").send()
        page = text_of(await manager.get("/inbox/operations/now"))
        assert "529 overloaded" in page
        assert "No model answers." in page
        assert "Waiting for a model 1" in page
        reviewer = await sign_in(inbox, deps, agent.tenant_id, role="reviewer", name="Bea")
        other = text_of(await reviewer.get("/inbox/operations"))
        assert "529 overloaded" not in other
        assert "every provider is down" not in other
        assert "Waiting for a model 1" in other

    async def test_numbers_are_the_tenants_alone(
        self, manager: StaffBrowser, agent: Agent, verdesolar: TenantFile, admin: Tx
    ) -> None:
        await admin.execute("update channel_accounts set trouble = 'refused ' || address")
        page = (await manager.get("/inbox/operations?range=30d")).text
        assert OURS in page
        assert not [each.address for each in verdesolar.channels if each.address != OURS and each.address in page]

    async def test_a_sender_in_trouble_is_told(self, manager: StaffBrowser, agent: Agent) -> None:
        await agent.change("update channel_accounts set trouble = 'account 20003'")
        assert "account 20003" in (await manager.get("/inbox/operations/now")).text


class TestRuns:
    async def test_runs_are_listed_by_filter(self, manager: StaffBrowser, agent: Agent) -> None:
        done, failed = await answer(agent), await fail(agent)
        everything = (await manager.get("/inbox/runs")).text
        assert f"/inbox/runs/{done}" in everything
        only = (await manager.get("/inbox/runs?state=failed&error=broken")).text
        assert (f"/inbox/runs/{failed}" in only, f"/inbox/runs/{done}" in only) == (True, False)
        assert "No run fits" in (await manager.get("/inbox/runs?intent=greeting")).text

    @pytest.mark.parametrize("query", ["since=soon", "after=x_y", "after=2026-01-01"])
    async def test_an_address_that_makes_no_sense_is_refused(self, manager: StaffBrowser, query: str) -> None:
        assert (await manager.get(f"/inbox/runs?{query}")).status_code == 400

    async def test_a_run_shows_its_time_line_and_trace(self, manager: StaffBrowser, agent: Agent) -> None:
        page = text_of(await manager.get(f"/inbox/runs/{await answer(agent)}"))
        for expected in ("¿cuánto cuesta?", "399,00", "Model call classify", "Handed to the provider", "accepted"):
            assert expected in page, expected

    async def test_a_failed_run_shows_its_error_and_is_taken_again(self, manager: StaffBrowser, agent: Agent) -> None:
        turn_id = await fail(agent)
        assert "ValueError: broken" in (await manager.get(f"/inbox/runs/{turn_id}")).text
        assert (await manager.post(f"/inbox/runs/{turn_id}/retry")).status_code == 303
        assert await agent.value("select turn_state from conversations") == "queued"
        again = await manager.post(f"/inbox/runs/{turn_id}/retry")
        assert (again.status_code, "Only a turn that failed" in again.text) == (409, True)

    async def test_a_replay_is_asked_for_and_shown_side_by_side(self, manager: StaffBrowser, agent: Agent) -> None:
        turn_id = await answer(agent)
        assert (await manager.post(f"/inbox/runs/{turn_id}/replay")).status_code == 303
        assert "a worker will do it" in (await manager.get(f"/inbox/runs/{turn_id}/replays")).text
        replay_id: UUID = await agent.value("select id from replays")
        agent.models.texts = ("Hoy son {price:EN-INT}.",)
        await run_replay(agent.tenant_id, replay_id, agent.deps)
        page = text_of(await manager.get(f"/inbox/runs/{turn_id}"))
        assert "Hoy son" in page
        assert "difference" in page

    async def test_a_run_of_another_tenant_is_not_there(
        self, inbox: httpx.AsyncClient, deps: Deps, a: Rows, b: Rows
    ) -> None:
        browser = await sign_in(inbox, deps, a.tenant, role="manager")
        assert (await browser.get(f"/inbox/runs/{a.done}")).status_code == 200
        assert (await browser.get(f"/inbox/runs/{b.done}")).status_code == 404
        for act in ("retry", "replay", "cancel"):
            assert (await browser.post(f"/inbox/runs/{b.done}/{act}")).status_code == 404

    @pytest.mark.parametrize("act", ["retry", "replay", "cancel"])
    async def test_viewers_change_nothing(self, inbox: httpx.AsyncClient, deps: Deps, a: Rows, act: str) -> None:
        browser = await sign_in(inbox, deps, a.tenant, role="viewer")
        assert (await browser.get(f"/inbox/runs/{a.done}")).status_code == 200
        assert (await browser.post(f"/inbox/runs/{a.done}/{act}")).status_code == 403


class TestBulk:
    async def test_an_empty_filter_does_nothing(self, manager: StaffBrowser, agent: Agent) -> None:
        await fail(agent)
        answer = await manager.post("/inbox/runs/bulk", {"act": "retry", "sure": "1"})
        assert (answer.status_code, "nothing was done" in answer.text) == (400, True)
        assert await agent.value("select state from turns") == "failed"

    async def test_all_that_fit_are_taken_again_once_it_is_confirmed(
        self, manager: StaffBrowser, agent: Agent, clock: FakeClock
    ) -> None:
        await fail(agent)
        clock.now += timedelta(seconds=1)
        form = {"act": "retry", "state": "failed"}
        asked = await manager.post("/inbox/runs/bulk", form)
        assert "1 run" in text_of(asked)
        assert await agent.value("select state from turns") == "failed"
        done = await manager.post("/inbox/runs/bulk", {**form, "sure": "1"})
        assert "1 done" in text_of(done)
        assert await agent.value("select state from turns") == "superseded"

    async def test_what_waits_is_cancelled_and_what_is_under_way_is_said(
        self, manager: StaffBrowser, agent: Agent
    ) -> None:
        await agent.hear("hola", sender="+34600000001")
        running = await agent.hear("¿cuánto cuesta?")
        await agent.claim(running)
        waiting = await agent.value("select id from conversations where turn_state = 'queued'")
        done = await manager.post("/inbox/runs/bulk", {"act": "cancel", "ids": str(waiting), "sure": "1"})
        assert "1 done" in text_of(done)
        refused = await manager.post("/inbox/runs/bulk", {"act": "cancel", "ids": str(running), "sure": "1"})
        assert "0 done 1 It is being worked on this second" in text_of(refused)

    async def test_only_managers_do_it_to_many(self, inbox: httpx.AsyncClient, deps: Deps, a: Rows) -> None:
        browser = await sign_in(inbox, deps, a.tenant, role="reviewer")
        answer = await browser.post("/inbox/runs/bulk", {"act": "cancel", "state": "queued", "sure": "1"})
        assert answer.status_code == 403
