"""What keeps staff where they were: a stream that misses nothing, the way back from signing in, presence, order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from agent.ports import Deps, StaffDeps
from agent.store.db import Tx
from agent.store.event_feed import Event, list_events_after
from agent.store.members import merge_preferences
from agent.store.sessions import insert_signin_link
from agent.types import ConversationId
from channels.inbox import live
from channels.inbox.live import BEAT, Feed, Feeds, Told
from tests.integration.agents import Agent
from tests.integration.staff import SAME_ORIGIN, StaffBrowser, sign_in


@pytest.fixture
async def ana(agent: Agent, inbox: httpx.AsyncClient, deps: Deps) -> StaffBrowser:
    """A reviewer, signed in."""
    return await sign_in(inbox, deps, agent.tenant_id)


async def hold_draft(agent: Agent, number: int) -> ConversationId:
    """Have a draft held that promises too much."""
    agent.models.texts = ("Te garantizamos que apruebas el examen.",)
    conversation_id = await agent.hear(f"¿Seguro que apruebo? ({number})", sender=f"+3460011100{number}")
    await agent.answer(conversation_id)
    return conversation_id


async def test_a_stream_without_a_session_says_so_instead_of_leading_elsewhere(inbox: httpx.AsyncClient) -> None:
    answer = await inbox.get("/inbox/live", headers={"accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert answer.text == "event: signed-out\ndata:\n\n"


async def test_a_feed_is_ready_only_once_it_follows_and_tells_what_happens_from_then_on(
    agent: Agent, staff_deps: StaffDeps
) -> None:
    await agent.hear("Hola")
    told: Told = asyncio.Queue()
    feed = Feed(deps=staff_deps, tenant_id=agent.tenant_id, listeners={told})
    reading = asyncio.create_task(feed.read())
    try:
        assert not feed.ready.is_set()
        await feed.ready.wait()
        assert told.empty()  # what was before is on the page already
        conversation_id = await agent.hear("¿Hola?")
        assert str(conversation_id) in (await told.get())["data"]
    finally:
        reading.cancel()


async def test_a_feed_goes_on_after_the_server_has_ended_the_transaction_of_a_process_that_stood_still(
    agent: Agent, staff_deps: StaffDeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AWAY_S", 0)
    told: Told = asyncio.Queue()
    feed = Feed(deps=staff_deps, tenant_id=agent.tenant_id, listeners={told})
    reading = asyncio.create_task(feed.read())
    await feed.ready.wait()
    standstill = Standstill(list_events_after)
    monkeypatch.setattr(live, "list_events_after", standstill)
    await standstill.is_over.wait()
    conversation_id = await agent.hear("¿Hola?")
    try:
        async with asyncio.timeout(30):
            assert str(conversation_id) in (await told.get())["data"]
    finally:
        reading.cancel()


class Standstill:
    """A query before which, once, the process stands still for longer than the server lets a transaction be idle."""

    def __init__(self, query: Callable[..., Awaitable[Sequence[Event]]]) -> None:
        self._query = query
        self.is_over = asyncio.Event()

    async def __call__(self, tx: Tx, *args: Any, **named: Any) -> Sequence[Event]:
        if not self.is_over.is_set():
            self.is_over.set()
            await tx.execute("set idle_in_transaction_session_timeout = '1ms'")
            time.sleep(0.05)  # noqa: ASYNC251  # nothing else goes on either
        return await self._query(tx, *args, **named)


async def test_a_feed_says_that_it_reads_for_as_long_as_it_can(staff_deps: StaffDeps, agent: Agent) -> None:
    told: Told = asyncio.Queue()
    feed = Feed(deps=staff_deps, tenant_id=agent.tenant_id, listeners={told}, beat_s=0)
    reading = asyncio.create_task(feed.read())
    assert await told.get() == BEAT
    reading.cancel()


async def test_a_feed_whose_reader_broke_is_given_up_for_a_new_one(staff_deps: StaffDeps, agent: Agent) -> None:
    feeds, told, later = Feeds(staff_deps), Told(), Told()
    others = asyncio.all_tasks()
    broken = feeds.join(agent.tenant_id, told)
    assert feeds.join(agent.tenant_id, told) is broken
    (reading,) = asyncio.all_tasks() - others
    reading.cancel()
    await asyncio.wait([reading])
    feed = feeds.join(agent.tenant_id, later)
    assert feed is not broken
    feeds.leave(broken, told)  # and takes nothing from whoever listens to the new one
    await feed.ready.wait()
    conversation_id = await agent.hear("¿Hola?")
    assert str(conversation_id) in (await later.get())["data"]
    feeds.leave(feed, later)


async def test_after_a_one_time_link_the_browser_is_back_where_it_was_sent_from(
    inbox: httpx.AsyncClient, deps: Deps, ana: StaffBrowser, agent: Agent
) -> None:
    await agent.change("delete from staff_sessions")
    asked = await inbox.get("/inbox/contacts?q=ana")
    assert asked.headers["location"] == "/inbox/sign-in?next=%2Finbox%2Fcontacts%3Fq%3Dana"
    await inbox.get(asked.headers["location"])
    async with deps.db.tenant(agent.tenant_id) as tx:
        secrets = [await insert_signin_link(tx, agent.tenant_id, ana.member_id, deps.now()) for _ in range(2)]
    places = [
        (await inbox.post("/inbox/sign-in/link", data={"token": each}, headers=SAME_ORIGIN)).headers["location"]
        for each in secrets
    ]
    assert places == ["/inbox/contacts?q=ana", "/inbox"]  # it is remembered once


async def test_a_form_sent_after_the_session_has_ended_leads_back_to_its_page(ana: StaffBrowser, agent: Agent) -> None:
    await agent.change("delete from staff_sessions")
    answer = await ana.post("/inbox/me", {"name": "Ana"}, referer="https://agent.example/inbox/me?saved=1")
    assert answer.headers["location"] == "/inbox/sign-in?next=%2Finbox%2Fme%3Fsaved%3D1"


async def test_what_a_member_turned_off_is_off_on_every_page(ana: StaffBrowser, agent: Agent, deps: Deps) -> None:
    page = (await ana.get("/inbox/contacts")).text
    assert ("data-shortcuts" in page, "data-notifications" in page) == (False, False)
    async with deps.db.tenant(agent.tenant_id) as tx:
        await merge_preferences(tx, ana.member_id, {"shortcuts": False, "notifications": False})
    page = (await ana.get("/inbox/contacts")).text
    assert 'data-shortcuts="off" data-notifications="off"' in page
    assert "Single keys are turned off for you" in page


async def test_from_a_conversation_one_goes_to_the_next_that_waits_and_back(ana: StaffBrowser, agent: Agent) -> None:
    first, second, third = [await hold_draft(agent, number) for number in (1, 2, 3)]
    quiet = await agent.hear("Hola", sender="+34600111009")

    async def goes(conversation_id: ConversationId, query: str = "") -> str:
        answer = await ana.get(f"/inbox/conversations/{conversation_id}/neighbour{query}")
        return answer.headers["location"].rpartition("/")[2]

    assert [await goes(each) for each in (first, second, third)] == [str(second), str(third), str(first)]
    assert [await goes(each, "?way=back") for each in (third, second, first)] == [str(second), str(first), "inbox"]
    assert await goes(quiet) == str(first)


async def test_who_closes_a_conversation_is_gone_at_once_and_its_claim_with_them(
    inbox: httpx.AsyncClient, ana: StaffBrowser, agent: Agent, deps: Deps
) -> None:
    path = f"/inbox/conversations/{await hold_draft(agent, 1)}/presence"
    hers = dict(inbox.cookies)
    luis = await sign_in(inbox, deps, agent.tenant_id, name="Luis")
    his = dict(inbox.cookies)

    async def post(who: StaffBrowser, cookies: dict[str, str], **form: str) -> httpx.Response:
        inbox.cookies = httpx.Cookies(cookies)
        return await who.post(path, form)

    await post(ana, hers, presence="editing")
    assert "Ana is writing" in (await post(luis, his, presence="viewing")).text
    assert (await post(ana, hers, act="leave")).status_code == 204
    assert "Ana" not in (await post(luis, his, presence="viewing")).text
    assert await agent.value("select count(*) from events where kind = 'presence.left'") == 1
    await post(ana, hers, presence="viewing")
    assert "Ana is reading" in (await post(luis, his, presence="viewing")).text
