"""Files that staff add to what they write: which are taken, how they leave, and what becomes of the others."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import httpx
import pytest

from agent.ports import Deps
from agent.settings import Settings
from agent.staff.files import clean_name
from agent.staff.sending import UNDO
from agent.store.db import Tx
from agent.store.uploads import delete_old_uploads
from jobs.agent_wiring import build_media_access
from tests.conftest import FakeClock
from tests.files import png
from tests.integration.agents import Agent
from tests.integration.staff import SAME_ORIGIN, StaffBrowser, sign_in


@pytest.fixture
async def ana(agent: Agent, inbox: httpx.AsyncClient, deps: Deps, settings: Settings) -> StaffBrowser:
    """A reviewer, at a school with one conversation, whose workers keep files where the inbox does."""
    access = build_media_access(settings, shows_images=False)
    agent.deps = replace(agent.deps, media=access)
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    return await sign_in(inbox, deps, agent.tenant_id)


async def path_of(agent: Agent) -> str:
    return f"/inbox/conversations/{await agent.value('select id from conversations')}"


async def upload(agent: Agent, browser: StaffBrowser, content: bytes, name: str = "plan.png") -> httpx.Response:
    headers = {**SAME_ORIGIN, "x-csrf-token": browser.csrf, "hx-request": "true", "content-type": "image/png"}
    path = f"{await path_of(agent)}/files?name={name}"
    return await browser.http.post(path, content=content, headers=headers)


async def send(agent: Agent, browser: StaffBrowser, file: str) -> str:
    seen = str(await agent.value("select max(seq) from messages"))
    answer = await browser.post(
        f"{await path_of(agent)}/send", {"text": "Le paso el plan.", "seen_seq": seen, "file": file}
    )
    return unescape(answer.text)


def id_of(answer: httpx.Response) -> str:
    found = re.search(r'name="file" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


async def test_file_leaves_with_its_text_and_is_shown_to_staff(
    agent: Agent, ana: StaffBrowser, clock: FakeClock
) -> None:
    file = id_of(await upload(agent, ana, png()))
    assert "Undo" in await send(agent, ana, file)
    clock.now += UNDO
    await agent.send_all()
    (link,) = agent.sender.taken[-1].media_urls
    assert link.startswith(f"https://agent.example/media/{agent.tenant_id}/{file}?e=")
    assert f'<img src="/inbox/media/{file}"' in (await ana.get(await path_of(agent))).text
    opened = await ana.get(f"/inbox/media/{file}")
    assert (opened.status_code, opened.headers["location"].partition("?")[0]) == (
        303,
        f"/media/{agent.tenant_id}/{file}",
    )


async def test_file_of_a_text_taken_back_can_be_sent_again(agent: Agent, ana: StaffBrowser) -> None:
    file = id_of(await upload(agent, ana, png()))
    undo = re.search(r'hx-post="([^"]+/undo)"', await send(agent, ana, file))
    assert undo
    assert "Taken back" in (await ana.post(undo[1], {"text": "x"})).text
    assert "Undo" in await send(agent, ana, file)
    assert await agent.value("select count(*) from media where state = 'stored'") == 1


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        pytest.param(b"", 400, "empty", id="empty"),
        pytest.param(b"MZ" + b"\0" * 100, 400, "a program", id="program"),
        pytest.param(b"<html><script>alert(1)</script>", 400, "not known", id="page"),
        pytest.param(b"%PDF-" + b"\0" * (16 * 1024 * 1024), 413, "larger than", id="large"),
        pytest.param(png() + b"\0" * (5 * 1024 * 1024), 400, "5 MB", id="large picture"),
    ],
)
async def test_file_that_may_not_be_sent_is_refused(
    agent: Agent, ana: StaffBrowser, content: bytes, status: int, why: str
) -> None:
    answer = await upload(agent, ana, content)
    assert (answer.status_code, why in answer.text) == (status, True), answer.text
    assert await agent.value("select count(*) from uploads") == 0


async def test_colleagues_file_and_a_second_one_are_refused(
    agent: Agent, ana: StaffBrowser, inbox: httpx.AsyncClient, deps: Deps
) -> None:
    file = id_of(await upload(agent, ana, png()))
    luis = await sign_in(inbox, deps, agent.tenant_id, name="Luis")
    assert "no longer there" in await send(agent, luis, file)
    assert await agent.value("select count(*) from messages where author = 'staff'") == 0


async def test_files_that_are_not_sent_go_and_others_stay(
    agent: Agent, ana: StaffBrowser, clock: FakeClock, admin: Tx
) -> None:
    sent, unsent = id_of(await upload(agent, ana, png())), id_of(await upload(agent, ana, png()))
    await send(agent, ana, sent)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        assert await delete_old_uploads(tx, before=clock() + timedelta(days=3650)) == 2
    discarded = await (await admin.execute("select media_id::text from media_discarded")).fetchall()
    assert [row["media_id"] for row in discarded] == [unsent]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\plan.pdf", "plan.pdf"),
        ("a\nb.pdf", "ab.pdf"),
        ("", "file"),
        ("..", ".."),
    ],
)
def test_file_name_has_no_folder_and_one_line(given: str, kept: str) -> None:
    assert clean_name(given) == kept
