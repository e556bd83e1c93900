"""The pages of the trust dial and of rollouts, as managers and others use them."""

import httpx
import pytest

from agent.ports import Deps
from agent.rollouts.criteria import MEASURES
from agent.rollouts.rollout import watch_rollout
from tests.conftest import FakeClock
from tests.integration.agents import Agent
from tests.integration.staff import StaffBrowser, sign_in
from tests.integration.trials import begin, candidate_of, current_of, evaluated, seed

TRUST, ROLLOUTS = "/inbox/settings/trust", "/inbox/rollouts"


@pytest.fixture
async def manager(inbox: httpx.AsyncClient, deps: Deps, agent: Agent, clock: FakeClock) -> StaffBrowser:
    """A manager of the school, signed in; the clock is the database's."""
    clock.now = await agent.value("select clock_timestamp()")
    return await sign_in(inbox, deps, agent.tenant_id, role="manager")


async def test_dial_goes_down_with_one_click_and_up_only_with_proof(manager: StaffBrowser, agent: Agent) -> None:
    page = await manager.get(TRUST)
    assert page.text.count("Autonomous") > 16
    moved = await manager.post(TRUST, {"channel": "whatsapp", "intent": "pricing", "level": "off"})
    assert moved.status_code == 303
    (event,) = await agent.rows("select actor, data from events where kind = 'trust.moved'")
    assert event["data"] == {"channel": "whatsapp", "intent": "pricing", "before": "autonomous", "after": "off"}
    assert event["actor"] == f"member:{manager.member_id}"
    refused = await manager.post(TRUST, {"channel": "whatsapp", "intent": "pricing", "level": "review"})
    assert refused.status_code == 409
    assert "one step at a time" in refused.text
    assert (await manager.post(TRUST, {"channel": "whatsapp", "intent": "x", "level": "off"})).status_code == 400
    assert (await manager.get(f"{TRUST}?channel=fax")).status_code == 404


async def test_rollout_is_started_watched_and_stopped(manager: StaffBrowser, agent: Agent) -> None:
    assert "There is no other version yet" in (await manager.get(ROLLOUTS)).text
    version = await candidate_of(agent, min_confidence=0.6)
    form = {f"with.{each}": "1" for each in MEASURES} | {"version": version.digest, "points.latency": "2,5"}
    refused = await manager.post(ROLLOUTS, form)
    assert refused.status_code == 409
    assert "has not been evaluated" in refused.text
    await evaluated(agent, version)
    assert (await manager.post(ROLLOUTS, form | {"share": "many"})).status_code == 409
    assert (await manager.post(ROLLOUTS, form)).status_code == 303
    (row,) = await agent.rows("select * from rollouts")
    assert (row["version"], row["base"]) == (version.digest, (await current_of(agent)).digest)
    assert {each["measure"]: each["tolerance"] for each in row["criteria"]}["latency"] == 0.025
    await seed(agent, row["id"], "candidate", 30)
    await seed(agent, row["id"], "control", 270)
    assert await watch_rollout(agent.tenant_id, row["id"], agent.deps) == "canary"
    live = (await manager.get(f"{ROLLOUTS}/live")).text
    assert "30 conversations have it, 270 do not" in live
    assert live.count("<svg") == len(MEASURES)
    assert (await manager.post(f"{ROLLOUTS}/stop", {})).status_code == 303
    assert (await manager.post(f"{ROLLOUTS}/stop", {})).status_code == 409
    page = (await manager.get(ROLLOUTS)).text
    assert "Stopped" in page
    assert "style=" not in page


async def test_viewer_sees_a_rollout_and_has_no_buttons(
    inbox: httpx.AsyncClient, deps: Deps, agent: Agent, clock: FakeClock
) -> None:
    clock.now = await agent.value("select clock_timestamp()")
    version = await candidate_of(agent, min_confidence=0.6)
    await evaluated(agent, version)
    await begin(agent, version)
    viewer = await sign_in(inbox, deps, agent.tenant_id, role="viewer")
    page = (await viewer.get(ROLLOUTS)).text
    assert version.digest in page
    assert "after the first look" in page
    assert "<form" not in page.split('id="rollout"')[1].split("</main>")[0]
    assert (await viewer.post(f"{ROLLOUTS}/stop", {})).status_code == 403


async def test_yesterday_is_asked_about_without_changing_anything(
    manager: StaffBrowser, agent: Agent, clock: FakeClock
) -> None:
    await agent.live_now(clock)
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    await agent.change("update turns set created_at = created_at - interval '1 day'")
    page = "/inbox/operations/yesterday"
    assert "would have gone elsewhere" not in (await manager.get(page)).text
    asked = f"{page}?ask=1&min_confidence=0,55&human=complaint&human=human_request"
    assert "0 of 1 turns would have gone elsewhere" in (await manager.get(asked)).text
    stricter = (await manager.get(f"{asked}&human=pricing")).text
    assert "1 of 1 turns would have gone elsewhere" in stricter
    assert "a person answers these" in stricter
    assert (await manager.get(f"{page}?ask=1&min_confidence=7")).status_code == 400
    assert len(agent.sender.taken) == 1
