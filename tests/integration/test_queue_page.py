"""The queue as staff use it: order, tabs, filters, actions on several at once, snooze, views, news."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from agent.ids import new_id
from agent.ports import Deps
from agent.staff.members import Role
from agent.store.db import Tx, fetch_one
from agent.store.members import insert_member
from agent.tenant.file import TenantFile
from agent.types import ConversationId, MemberId, TenantId
from channels.inbox.queue_page import PAGE_ROWS
from tests.conftest import FakeClock
from tests.integration.staff import StaffBrowser, sign_in
from tests.integration.tenant_rows import Rows

NAMES = re.compile(r'class="work-link" href="[^"]+">([^<]*)<')
FRAGMENT = {"hx-request": "true"}


@dataclass(slots=True)
class Desk:
    """A reviewer's browser, and the queue it shows."""

    browser: StaffBrowser
    deps: Deps
    tenant: TenantId

    async def ask(self, name: str, *, minutes: float = 60, **more: Any) -> ConversationId:
        """A prospect in a conversation of their own needs a person, who should answer within `minutes`."""
        async with self.deps.db.tenant(self.tenant) as tx:
            return await insert_work(tx, self.tenant, name, self.deps.now() + timedelta(minutes=minutes), more)

    async def names(self, query: str = "") -> Sequence[str]:
        """Return who is listed, from top to bottom."""
        page = await self.browser.get(f"/inbox{query}")
        assert page.status_code == 200, page.text
        return NAMES.findall(page.text)

    async def act(self, do: str, *ids: ConversationId, **fields: str) -> str:
        """Do something with conversations; return what the page says of it."""
        form: Any = {"do": do, "item": [str(each) for each in ids], **fields}
        answer = await self.browser.post("/inbox/queue", form, **FRAGMENT)
        assert answer.status_code == 200, answer.text
        return " ".join(re.sub(r"<[^>]+>", "", answer.text).split())

    async def row(self, table: str, **where: Any) -> dict[str, Any]:
        """Return one row of a table."""
        ((name, value),) = where.items()
        async with self.deps.db.tenant(self.tenant) as tx:
            row = await fetch_one(tx, f"select * from {table} where {name} = %s order by 1 desc".encode(), (value,))
        assert row
        return row


async def insert_work(tx: Tx, tenant: TenantId, name: str, due_at: Any, more: dict[str, Any]) -> ConversationId:
    """Insert a prospect, their message and the open request for a person."""
    values = {
        "tenant": tenant,
        "channel": "email",
        "contact": new_id(),
        "point": new_id(),
        "conversation": new_id(),
        "message": new_id(),
        "request": new_id(),
        "name": name,
        "address": f"{new_id()}@x.example",
        "due": due_at,
        "said": f"{name} said this",
        "language": "es",
        "cause": "asked",
        "risk": 5,
        "labels": [],
        "reason": "asked for a person",
        "value": "",
        **more,
    }
    for statement in (
        "insert into contacts (id, tenant_id, name) values (%(contact)s, %(tenant)s, %(name)s)",
        """insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
           values (%(point)s, %(tenant)s, %(contact)s, 'email', %(address)s, %(address)s)""",
        """insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, language, labels)
           select %(conversation)s, %(tenant)s, %(contact)s, %(point)s, id, %(language)s, %(labels)s
           from channel_accounts where channel = %(channel)s""",
        """insert into messages
               (id, tenant_id, conversation_id, channel_account_id, direction, author, body, created_at)
           select %(message)s, tenant_id, id, channel_account_id, 'inbound', 'contact', %(said)s, now()
           from conversations where id = %(conversation)s""",
        """insert into escalations (id, tenant_id, conversation_id, reason, due_at, risk, cause, value)
           values (%(request)s, %(tenant)s, %(conversation)s, %(reason)s, %(due)s, %(risk)s, %(cause)s, %(value)s)""",
    ):
        await tx.execute(statement.encode(), values)
    return ConversationId(values["conversation"])


async def open_desk(inbox: httpx.AsyncClient, deps: Deps, tenant: TenantId, role: Role = "reviewer") -> Desk:
    """Sign somebody in."""
    return Desk(browser=await sign_in(inbox, deps, tenant, role=role), deps=deps, tenant=tenant)


@pytest.fixture
async def desk(inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile) -> Desk:
    """A reviewer's desk at the language school, with nothing on it."""
    return await open_desk(inbox, deps, lumen.tenant.id)


async def test_the_most_pressing_comes_first_and_of_equals_the_gravest(desk: Desk) -> None:
    for name, minutes, risk in (("Later", 90, 0), ("Mild", 30, 7), ("Grave", 30, 0), ("Late", -5, 9)):
        await desk.ask(name, minutes=minutes, risk=risk)
    assert await desk.names() == ["Late", "Grave", "Mild", "Later"]


async def test_a_row_says_why_what_for_and_what_was_said(desk: Desk) -> None:
    await desk.ask("<b>Eva</b>", cause="deal", value="12 people", labels=["<i>big</i>"], said="<script>x</script>")
    await desk.ask("Odd", cause="other", reason="The invoice needs a stamp and a signature")
    text = (await desk.browser.get("/inbox")).text
    assert "Deal within reach" in text
    assert "The invoice needs a stamp<" in text
    assert "12 people" in text
    assert "&lt;script&gt;x&lt;/script&gt;" in text
    assert "&lt;b&gt;Eva&lt;/b&gt;" in text
    assert "&lt;i&gt;big&lt;/i&gt;" in text
    assert "<script>x" not in text


async def test_tabs_show_their_own_and_how_many(desk: Desk) -> None:
    mine, snoozed, done = [await desk.ask(each) for each in ("Mine", "Snoozed", "Done")]
    await desk.ask("Free")
    assert await desk.act("take", mine) == "1 assigned to Ana."
    assert (await desk.act("snooze", snoozed, until="tomorrow 9")).startswith("1 snoozed until ")
    assert await desk.act("done", done) == "1 done."
    shown = {tab: await desk.names(f"?tab={tab}") for tab in ("mine", "unassigned", "all", "snoozed", "done")}
    assert shown == {
        "mine": ["Mine"],
        "unassigned": ["Free"],
        "all": ["Mine", "Free"],
        "snoozed": ["Snoozed"],
        "done": ["Done"],
    }
    page = (await desk.browser.get("/inbox")).text
    counts = dict(re.findall(r'id="tab-(\w+)".*?class="tab-count">(\d+)<', page))
    assert counts == {"mine": "1", "unassigned": "1", "all": "2", "snoozed": "1", "done": "1"}


@pytest.mark.parametrize(
    "query", ["?language=pt", "?cause=complaint", "?label=big", "?assignee={member}", "?channel=email&cause=complaint"]
)
async def test_filters_narrow_the_list(desk: Desk, query: str) -> None:
    await desk.ask("Other")
    wanted = await desk.ask("Wanted", language="pt", cause="complaint", labels=["big"])
    await desk.act("take", wanted)
    assert await desk.names(query.format(member=desk.browser.member_id)) == ["Wanted"]


@pytest.mark.parametrize("query", ["?tab=x&channel=x&cause=x&assignee=x&after=x", "?after=2026-01-01|5|x", "?after=||"])
async def test_what_makes_no_sense_in_the_address_wants_anything(desk: Desk, query: str) -> None:
    await desk.ask("Eva")
    assert await desk.names(query) == ["Eva"]


@pytest.mark.parametrize("tab", ["all", "snoozed", "done"])
async def test_pages_continue_where_the_last_row_was(desk: Desk, tab: str) -> None:
    ids = [await desk.ask(f"P{number:03}", minutes=number // 3, risk=number % 3) for number in range(PAGE_ROWS + 7)]
    if tab == "snoozed":
        for until in ("in 1 hour", "in 2 hours"):
            await desk.act("snooze", *ids[:: 2 if "2" in until else 1], until=until)
    if tab == "done":
        await desk.act("done", *ids)
    first = (await desk.browser.get(f"/inbox?tab={tab}")).text
    following = re.search(r'id="queue-next" href="([^"]+)"', first)
    assert following
    second = (await desk.browser.get(following[1].replace("&amp;", "&"))).text
    shown = NAMES.findall(first) + NAMES.findall(second)
    assert len(NAMES.findall(first)) == PAGE_ROWS
    assert sorted(shown) == [f"P{number:03}" for number in range(PAGE_ROWS + 7)]
    assert "queue-next" not in second


async def test_a_snoozed_request_is_back_at_its_time(desk: Desk, clock: FakeClock) -> None:
    eva = await desk.ask("Eva")
    await desk.act("snooze", eva, until="in 2 hours")
    assert await desk.names() == []
    clock.now += timedelta(hours=2, seconds=1)
    assert await desk.names() == ["Eva"]


async def test_a_snoozed_request_is_back_at_once_when_the_prospect_writes(desk: Desk, clock: FakeClock) -> None:
    eva = await desk.ask("Eva")
    await desk.act("snooze", eva, until="next week")
    clock.now += timedelta(minutes=1)
    async with desk.deps.db.tenant(desk.tenant) as tx:
        await tx.execute("update conversations set last_inbound_at = %s where id = %s", (clock.now, eva))
    assert (await desk.names(), await desk.names("?tab=snoozed")) == (["Eva"], [])


@pytest.mark.parametrize(
    ("do", "fields", "says"),
    [
        ("snooze", {"until": ""}, "Write when it should come back"),
        ("snooze", {"until": "soon"}, "“soon” names no time."),
        ("snooze", {"until": "today 0:00"}, "“today 0:00” has passed."),
        ("label", {"label": "a,b"}, "A label has 1 to 40 characters and no comma"),
        ("assign", {"assignee": "somebody"}, "Choose somebody to assign them to."),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    desk: Desk, do: str, fields: dict[str, str], says: str
) -> None:
    eva = await desk.ask("Eva")
    assert says in await desk.act(do, eva, **fields)
    assert "Choose at least one" in await desk.act(do, **fields)
    assert await desk.names() == ["Eva"]


async def test_acts_change_several_and_count_only_what_changed(desk: Desk) -> None:
    ids = [await desk.ask(each) for each in ("Ada", "Ben", "Cleo")]
    assert await desk.act("label", *ids[:2], label=" big   order ") == "2 labelled “big order”."
    assert await desk.act("label", *ids, label="big order") == "1 labelled “big order”."
    assert await desk.act("unlabel", ids[0], label="big order") == "“big order” removed from 1."
    assert await desk.names("?label=big+order") == ["Ben", "Cleo"]
    assert await desk.act("done", *ids) == "3 done."
    assert "so already" in await desk.act("done", *ids)
    assert await desk.act("reopen", *ids[:2]) == "2 open again."
    assert await desk.names() == ["Ada", "Ben"]


async def test_the_flag_brings_a_request_to_the_top_and_its_end_back_to_its_place(desk: Desk) -> None:
    await desk.ask("First", minutes=5)
    eva = await desk.ask("Eva", minutes=600)
    await desk.act("flag", eva)
    assert (await desk.row("escalations", conversation_id=eva))["risk"] == 0
    await desk.act("unflag", eva)
    assert (await desk.row("escalations", conversation_id=eva))["risk"] == 3


async def test_every_act_is_an_event_of_its_conversation(desk: Desk) -> None:
    ada, ben = [await desk.ask(each) for each in ("Ada", "Ben")]
    acts = {
        "conversation.assigned": ("take", {}),
        "conversation.labelled": ("label", {"label": "big"}),
        "conversation.flagged": ("flag", {}),
        "escalation.snoozed": ("snooze", {"until": "next week"}),
        "escalation.done": ("done", {}),
        "escalation.reopened": ("reopen", {}),
    }
    for kind, (do, fields) in acts.items():
        await desk.act(do, ada, ben, **fields)
        async with desk.deps.db.tenant(desk.tenant) as tx:
            cursor = await tx.execute("select conversation_id, actor from events where kind = %s", (kind,))
            rows = await cursor.fetchall()
        assert {row["conversation_id"] for row in rows} == {ada, ben}
        assert {row["actor"] for row in rows} == {f"member:{desk.browser.member_id}"}


async def test_another_tenants_conversations_are_neither_shown_nor_changed(desk: Desk, b: Rows) -> None:
    async with desk.deps.db.tenant(b.tenant) as tx:
        await tx.execute("update escalations set state = 'open'")
    assert await desk.names() == []
    for do in ("take", "flag", "done"):
        assert "so already" in await desk.act(do, b.idle)
    async with desk.deps.db.tenant(b.tenant) as tx:
        row = await fetch_one(tx, "select assignee_id, is_urgent from conversations where id = %s", (b.idle,))
    assert row == {"assignee_id": None, "is_urgent": False}


async def test_a_viewer_reads_and_is_offered_no_actions(
    inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile
) -> None:
    desk = await open_desk(inbox, deps, lumen.tenant.id, role="viewer")
    eva = await desk.ask("Eva")
    assert await desk.names() == ["Eva"]
    assert "queue-form" not in (await desk.browser.get("/inbox")).text
    answer = await desk.browser.post("/inbox/queue", {"do": "done", "item": str(eva)})
    assert answer.status_code == 403


async def test_a_form_without_scripts_leads_back_to_the_page(desk: Desk) -> None:
    eva = await desk.ask("Eva")
    for back, leads_to in (("/inbox?tab=mine", "/inbox?tab=mine"), ("https://evil.example", "/inbox")):
        answer = await desk.browser.post("/inbox/queue", {"do": "take", "item": str(eva), "back": back})
        assert (answer.status_code, answer.headers["location"]) == (303, leads_to)


@pytest.mark.parametrize(("do", "item", "status"), [("x", "", 400), ("done", "x", 400)])
async def test_a_form_that_no_page_has_is_refused(desk: Desk, do: str, item: str, status: int) -> None:
    assert (await desk.browser.post("/inbox/queue", {"do": do, "item": item})).status_code == status


async def test_a_view_is_saved_shown_replaced_and_deleted(desk: Desk) -> None:
    for cause in ("deal", "complaint"):
        form = {"name": "Grave", "cause": cause, "tab": "mine", "back": "/inbox"}
        assert (await desk.browser.post("/inbox/queue/views", form)).status_code == 303
    page = (await desk.browser.get("/inbox")).text
    assert '<a href="/inbox?tab=mine&amp;cause=complaint">Grave</a>' in page
    assert "cause=deal" not in page
    found = re.search(r'action="(/inbox/queue/views/[^"]+)"', page)
    assert found
    await desk.browser.post(found[1])
    assert "Grave</a>" not in (await desk.browser.get("/inbox")).text


async def test_a_colleague_who_has_it_open_is_named(desk: Desk, clock: FakeClock) -> None:
    eva, bea = await desk.ask("Eva"), await add_colleague(desk)
    async with desk.deps.db.tenant(desk.tenant) as tx:
        await tx.execute(
            "insert into presence (conversation_id, member_id, tenant_id, mode, seen_at) values (%s, %s, %s, %s, %s)",
            (eva, bea, desk.tenant, "editing", clock.now),
        )
    assert "Bea is writing" in (await desk.browser.get("/inbox")).text
    clock.now += timedelta(minutes=1)
    assert "Bea is writing" not in (await desk.browser.get("/inbox")).text


async def test_news_is_told_once_and_only_of_ones_own_and_nobodys(desk: Desk) -> None:
    first = (await desk.browser.get("/inbox/queue/news?since=2020-01-01T00:00:00%2B00:00")).json()
    assert (first["open"], first["fresh"]) == (0, 0)
    eva = await desk.ask("Eva")
    news = (await desk.browser.get("/inbox/queue/news?since=2020-01-01T00:00:00%2B00:00")).json()
    assert (news["open"], news["fresh"], news["text"]) == (1, 1, "Asked for a person · Eva")
    again = await desk.browser.http.get("/inbox/queue/news", params={"since": news["newest_at"]})
    assert (again.json()["fresh"], again.json()["open"]) == (0, 1)
    bea = await add_colleague(desk)
    await desk.act("assign", eva, assignee=str(bea))
    assert (await desk.browser.get("/inbox/queue/news?since=2020-01-01T00:00:00%2B00:00")).json()["fresh"] == 0


async def test_what_comes_back_from_snooze_is_news_at_its_time(desk: Desk, clock: FakeClock) -> None:
    eva = await desk.ask("Eva")
    await desk.act("snooze", eva, until="in 1 hour")
    async with desk.deps.db.tenant(desk.tenant) as tx:
        await tx.execute("update escalations set created_at = %s", (clock.now - timedelta(hours=1),))
    since = clock.now.isoformat()
    for minutes, fresh in ((50, 0), (20, 1)):
        clock.now += timedelta(minutes=minutes)
        news = (await desk.browser.http.get("/inbox/queue/news", params={"since": since})).json()
        assert news["fresh"] == fresh
    again = await desk.browser.http.get("/inbox/queue/news", params={"since": news["newest_at"]})
    assert again.json()["fresh"] == 0


async def add_colleague(desk: Desk) -> MemberId:
    async with desk.deps.db.tenant(desk.tenant) as tx:
        return await insert_member(tx, desk.tenant, email="bea@x.example", name="Bea", role="reviewer")


async def test_alerts_are_kept_with_the_member(desk: Desk) -> None:
    await desk.browser.post("/inbox/queue/alerts", {"sound": "bell", "digest": "1"})
    page = (await desk.browser.get("/inbox")).text
    assert 'data-sound="bell"' in page
    assert (await desk.row("members", id=desk.browser.member_id))["preferences"] == {"sound": "bell", "digest": True}
    await desk.browser.post("/inbox/queue/alerts", {"sound": "a siren"})
    assert (await desk.row("members", id=desk.browser.member_id))["preferences"] == {"sound": "off", "digest": False}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Nothing needs a person"),
        ("?tab=mine", "Nothing waits for you"),
        ("?tab=snoozed", "Nothing is snoozed"),
        ("?tab=done", "Nothing done yet"),
        ("?cause=deal", "Nothing fits this filter"),
    ],
)
async def test_an_empty_list_says_what_that_means(desk: Desk, query: str, says: str) -> None:
    eva = await desk.ask("Eva")
    if "done" not in query:
        await desk.act("done", eva)
    assert says in (await desk.browser.get(f"/inbox{query}")).text


async def test_before_the_first_message_the_way_to_one_is_shown(desk: Desk) -> None:
    page = (await desk.browser.get("/inbox")).text
    assert "Nobody has written yet" in page
    assert 'href="/simulator/lumen/whatsapp"' in page
    assert "You are the only member so far." in page


async def test_only_what_changes_is_sent_to_the_open_page(desk: Desk) -> None:
    await desk.ask("Eva")
    part = (await desk.browser.get("/inbox", **FRAGMENT)).text
    assert NAMES.findall(part) == ["Eva"]
    assert "<html" not in part
    assert "queue-form" not in part.replace('form="queue-form"', "")
