"""The conversation's page and its composer, as a browser of staff sees them."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape

import httpx
import pytest

from agent.escalation.ownership import CLOCK, hand_back_due
from agent.ports import Deps
from agent.staff.sending import UNDO
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.agents import Agent
from tests.integration.staff import StaffBrowser, sign_in

PATH = "/inbox/conversations"
WORDS = "¿Cuánto cuesta? <script>alert(1)</script>"


@dataclass(slots=True)
class Talk:
    """A conversation that the agent has answered once, and a member of staff who has it open."""

    agent: Agent
    ana: StaffBrowser
    id: ConversationId

    @property
    def path(self) -> str:
        return f"{PATH}/{self.id}"

    async def newest(self) -> int:
        return int(await self.agent.value("select max(seq) from messages where state is distinct from 'superseded'"))

    async def send(self, text: str, by: StaffBrowser | None = None, **form: str) -> httpx.Response:
        seen = form.pop("seen_seq", None) or str(await self.newest())
        return await (by or self.ana).post(f"{self.path}/send", {"text": text, "seen_seq": seen, **form})


@pytest.fixture
async def talk(agent: Agent, inbox: httpx.AsyncClient, deps: Deps) -> Talk:
    """Ana, a reviewer, at a conversation about a price."""
    agent.models.texts = ("Hola, le cuento.",)
    conversation_id = await agent.hear(WORDS)
    await agent.answer(conversation_id)
    return Talk(agent, await sign_in(inbox, deps, agent.tenant_id, name="Ana"), conversation_id)


def undo_path(answer: httpx.Response) -> str:
    found = re.search(r'hx-post="(/inbox/messages/[^"]+/undo)"', answer.text)
    assert found, answer.text
    return found[1]


async def test_timeline_tells_what_was_said_and_why(talk: Talk) -> None:
    page = await talk.ana.get(talk.path)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert WORDS in unescape(page.text)
    assert "Hola, le cuento." in page.text
    for told in ("Why this?", "pricing", "checks passed", "The agent answers"):
        assert told in page.text


async def test_list_pages_through_all_conversations_once(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        await talk.agent.hear("Hola", sender=f"+3460011133{number}")
    monkeypatch.setattr("agent.store.timeline.PAGE", 2)
    monkeypatch.setattr("agent.store.timeline.list_recent.__defaults__", (None, 2))
    seen, path = [], PATH
    while path:
        page = (await talk.ana.get(path)).text
        seen += re.findall(r'id="conversation-([0-9a-f-]{36})"', page)
        following = re.search(r'hx-get="([^"]+)"', page)
        path = unescape(following[1]) if following else ""
    assert (len(seen), len(set(seen))) == (5, 5)


async def test_long_thread_is_read_upwards_without_gap_or_repetition(talk: Talk) -> None:
    for number in range(60):
        await talk.agent.hear(f"línea {number}.")
    page = (await talk.ana.get(talk.path)).text
    seen = re.findall(r'id="message-([0-9a-f-]{36})"', page)
    while following := re.search(r'hx-get="([^"]+/earlier[^"]+)"', page):
        page = (await talk.ana.get(unescape(following[1]))).text
        seen = re.findall(r'id="message-([0-9a-f-]{36})"', page) + seen
    ids = [str(row["id"]) for row in await talk.agent.rows("select id from messages order by seq")]
    assert seen == ids
    assert "The conversation begins here" in page


async def test_new_messages_are_divided_from_those_read(talk: Talk) -> None:
    await talk.ana.post(f"{talk.path}/presence", {"presence": "viewing"})
    assert "New since you were here" not in (await talk.ana.get(talk.path)).text
    await talk.agent.change("update presence set seen_at = '2020-01-01'")
    assert "New since you were here" in (await talk.ana.get(talk.path)).text


async def test_sent_text_can_be_undone_and_is_in_the_composer_again(talk: Talk, clock: FakeClock) -> None:
    answer = await talk.send("Hola, soy Ana, de la escuela.")
    assert answer.headers["hx-trigger-after-settle"] == "composer-sent"
    undone = await talk.ana.post(undo_path(answer), {"text": "Hola, soy Ana, de la escuela."})
    assert "Taken back" in undone.text
    assert ">Hola, soy Ana, de la escuela.</textarea>" in (await talk.ana.get(talk.path)).text
    clock.now += UNDO
    before = len(talk.agent.sender.taken)
    await talk.agent.send_all()
    assert len(talk.agent.sender.taken) == before
    assert "Too late" in (await talk.ana.post(undo_path(answer), {"text": "x"})).text


async def test_draft_is_the_same_on_two_devices_and_neither_overwrites_the_other(talk: Talk) -> None:
    first = await talk.ana.post(f"{talk.path}/writing", {"mode": "reply", "text": "Hola, le", "version": ""})
    version = re.search(r'id="reply-version" value="([^"]+)"', first.text)
    assert version
    assert ">Hola, le</textarea>" in (await talk.ana.get(talk.path)).text
    phone = await talk.ana.post(
        f"{talk.path}/writing", {"mode": "reply", "text": "Hola, le cuento", "version": version[1]}
    )
    assert "another device" not in phone.text
    desk = await talk.ana.post(f"{talk.path}/writing", {"mode": "reply", "text": "Otra cosa", "version": version[1]})
    assert "another device" in desk.text
    assert "Hola, le cuento" in desk.text
    assert ">Hola, le cuento</textarea>" in (await talk.ana.get(talk.path)).text


async def test_what_was_typed_before_sending_does_not_come_back_after_it(talk: Talk) -> None:
    typed = await talk.ana.post(f"{talk.path}/writing", {"mode": "reply", "text": "Hola", "version": ""})
    version = re.search(r'id="reply-version" value="([^"]+)"', typed.text)
    assert version
    assert "composer-sent" in (await talk.send("Hola")).headers.get("hx-trigger-after-settle", "")
    await talk.ana.post(f"{talk.path}/writing", {"mode": "reply", "text": "Hola", "version": version[1]})
    assert "></textarea>" in (await talk.ana.get(talk.path)).text


async def test_second_answer_to_the_same_thread_is_refused_and_shows_the_first(
    talk: Talk, inbox: httpx.AsyncClient, deps: Deps
) -> None:
    seen = str(await talk.newest())
    assert "Undo" in (await talk.send("Soy Ana, le llamo yo.")).text
    luis = await sign_in(inbox, deps, talk.agent.tenant_id, name="Luis")
    refused = await talk.send("Soy Luis.", luis, seen_seq=seen)
    assert "the conversation has moved on" in refused.text
    assert "Soy Ana, le llamo yo." in refused.text
    assert await talk.agent.value("select count(*) from messages where author = 'staff'") == 1
    newest = re.search(r'data-seen-up-to="(\d+)"', refused.text)
    assert newest
    assert "Undo" in (await talk.send("Ana le llamará.", luis, seen_seq=newest[1])).text


async def test_whoever_writes_first_is_seen_and_can_be_asked_to_yield(
    talk: Talk, inbox: httpx.AsyncClient, deps: Deps
) -> None:
    cookies = dict(inbox.cookies)
    await talk.ana.post(f"{talk.path}/writing", {"mode": "reply", "text": "Hola", "version": ""})
    luis = await sign_in(inbox, deps, talk.agent.tenant_id, name="Luis")
    shown = await luis.post(f"{talk.path}/presence", {"presence": "viewing"})
    assert "Ana is writing" in shown.text
    refused = await talk.send("Soy Luis.", luis)
    assert "Ana is writing here too" in refused.text
    assert "You have asked Ana" in (await luis.post(f"{talk.path}/presence", {"act": "ask"})).text
    inbox.cookies.clear()
    for name, value in cookies.items():
        inbox.cookies.set(name, value, domain="agent.example")
    asked = await talk.ana.post(f"{talk.path}/presence", {"presence": "editing"})
    assert "Luis wants to answer here" in asked.text
    yielded = await talk.ana.post(f"{talk.path}/presence", {"presence": "editing", "act": "yield"})
    assert "wants to answer" not in yielded.text
    assert await talk.agent.value("select count(*) from presence where editing_since is not null") == 0
    kinds = [
        row["kind"] for row in await talk.agent.rows("select kind from events where starts_with(kind, 'presence')")
    ]
    assert "presence.asked" in kinds


async def test_warning_needs_a_reason_and_is_sent_with_one(talk: Talk) -> None:
    promise = "Le garantizo que aprobará el examen."
    warned = await talk.send(promise)
    assert "<mark" in warned.text
    rules = re.findall(r'name="(override:[a-z_]+)"', warned.text)
    assert "override:promises" in rules
    reasons = dict.fromkeys(rules, "Lo ha decidido dirección")
    form = {"text": promise, "seen_seq": str(await talk.newest()), **reasons}
    assert "Undo" in (await talk.ana.post(f"{talk.path}/send", form)).text


async def test_text_is_shown_as_it_would_leave_with_what_is_objected(talk: Talk) -> None:
    form = {"mode": "reply", "version": "", "text": "Cuesta {price:EN-INT}. Le garantizo que aprobará el examen."}
    shown = await talk.ana.post(f"{talk.path}/writing", form)
    assert "399,00 €" in shown.text
    assert "promises" in shown.text
    wrong = await talk.ana.post(f"{talk.path}/writing", {**form, "text": "Cuesta {price:NOPE}", "version": ""})
    assert "NOPE" in wrong.text


async def test_canned_reply_is_filled_or_refused(talk: Talk) -> None:
    await talk.agent.change(
        """insert into canned_replies (id, tenant_id, shortcut, body) values
           (gen_random_uuid(), (select id from tenants), 'hola', '{"es": "Hola, soy {{me.name}}"}'),
           (gen_random_uuid(), (select id from tenants), 'nombre', '{"es": "Hola {{contact.name}}"}')"""
    )
    await talk.agent.change("update contacts set name = null")
    shown = unescape((await talk.ana.get(f"{talk.path}/inserts")).text)
    assert 'data-insert="Hola, soy Ana"' in shown
    assert "{{contact.name}}: it is not known here" in shown
    assert "{price:EN-INT:EUR:course}" in shown
    refused = await talk.send("Hola {{contact.shoe_size}}")
    assert "there is no such variable" in unescape(refused.text)
    assert "{{" not in str(await talk.agent.rows("select body from messages where author = 'staff'"))


async def test_scheduled_text_is_stopped_when_they_write_first(talk: Talk, clock: FakeClock) -> None:
    answer = await talk.send("¿Ha podido pensarlo?", send_at="in 2 hours")
    assert "Leaves" in answer.text
    clock.advance(600)
    await talk.agent.hear("Ya lo he pensado")
    assert "Will not leave" in (await talk.ana.get(talk.path)).text
    clock.now += timedelta(hours=2)
    before = len(talk.agent.sender.taken)
    await talk.agent.send_all()
    assert len(talk.agent.sender.taken) == before
    assert "A scheduled message was stopped" in (await talk.ana.get(talk.path)).text
    draft = await talk.agent.value("select draft from escalations where state = 'open'")
    assert draft == "¿Ha podido pensarlo?"


async def test_scheduled_text_leaves_when_they_do_not_write(talk: Talk, clock: FakeClock) -> None:
    await talk.send("¿Ha podido pensarlo?", send_at="in 2 hours")
    clock.now += timedelta(hours=2, seconds=1)
    await talk.agent.send_all()
    assert talk.agent.sender.taken[-1].text == "¿Ha podido pensarlo?"


async def test_unreadable_time_sends_nothing(talk: Talk) -> None:
    assert "names no time" in (await talk.send("Hola", send_at="when pigs fly")).text
    assert await talk.agent.value("select count(*) from messages where author = 'staff'") == 0


async def test_note_names_a_colleague_and_reaches_no_prospect(talk: Talk, clock: FakeClock) -> None:
    answer = await talk.ana.post(f"{talk.path}/note", {"text": "@Ana, llámala tú"})
    assert "composer-noted" in answer.headers["hx-trigger-after-settle"]
    page = (await talk.ana.get(talk.path)).text
    assert "llámala tú" in page
    assert await talk.agent.value("select mentions from notes") == [talk.ana.member_id]
    data = await talk.agent.value("select data from events where kind = 'note.added'")
    assert "llámala" not in str(data)


async def test_taking_over_for_a_time_is_told_and_ends_by_the_clock(talk: Talk, clock: FakeClock) -> None:
    head = await talk.ana.post(f"{talk.path}/take-over", {"until": "in 2 hours", "announce": "1"})
    assert "Ana answers" in head.text
    await talk.agent.send_all()
    assert talk.agent.sender.taken[-1].text.startswith("Soy Ana, de ")
    await talk.agent.hear("¿Sigue ahí?")
    assert await hand_back_due(talk.agent.deps) == 0
    clock.now += timedelta(hours=2)
    assert await hand_back_due(talk.agent.deps) == 1
    assert await hand_back_due(talk.agent.deps) == 0
    assert await talk.agent.value("select owner from conversations") == "agent"
    await talk.agent.send_all()
    assert any("asistente automático" in each.text for each in talk.agent.sender.taken)
    actor = await talk.agent.value("select actor from events where kind = 'conversation.handed_back'")
    assert actor == CLOCK


async def test_handing_back_is_told_where_wanted(talk: Talk) -> None:
    await talk.ana.post(f"{talk.path}/take-over", {})
    head = await talk.ana.post(f"{talk.path}/hand-back", {"announce": "1"})
    assert "The agent answers" in head.text
    await talk.agent.send_all()
    assert "asistente automático" in talk.agent.sender.taken[-1].text


async def test_viewer_reads_and_has_no_composer(talk: Talk, inbox: httpx.AsyncClient, deps: Deps) -> None:
    eva = await sign_in(inbox, deps, talk.agent.tenant_id, role="viewer", name="Eva")
    page = await eva.get(talk.path)
    assert (page.status_code, 'id="composer"' in page.text) == (200, False)
    assert (await talk.send("Hola", eva)).status_code == 403


async def test_another_tenants_conversation_is_not_there(talk: Talk) -> None:
    strange = replace(talk, id=ConversationId(talk.agent.tenant_id))
    for part in ("", "/head", "/timeline", "/earlier"):
        assert (await talk.ana.get(f"{strange.path}{part}")).status_code == 404
