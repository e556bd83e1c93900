"""How the inbox feels: keys, focus, dropped connections, ended sessions. One server and one browser for all of it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from psycopg import Connection

from agent.language import LanguageDetector
from agent.settings import Settings
from agent.store.db import Database
from agent.store.members import merge_preferences
from agent.store.sessions import insert_signin_link
from agent.types import ConversationId, MemberId
from tests.conftest import TEMPLATE, DatabaseUrls, FakeClock, in_database
from tests.doubles.cable import Cable, lay_cable
from tests.e2e.conftest import listen
from tests.e2e.inbox import InboxSite, open_inbox

WITHIN_MS = 40_000
"""Longest wait for anything on a busy machine; an idle one takes a tenth of a second."""
PROMISE = "Te garantizamos que apruebas el examen."
ONE_FOCUS = "document.activeElement !== document.body"


@pytest.fixture(scope="module")
async def site(
    template: DatabaseUrls,
    postgres_admin: "Connection[tuple[str]]",
    database_names: Iterator[str],
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[InboxSite]:
    """An inbox whose agent promises too much, so that its drafts are held."""
    expect.set_options(timeout=WITHIN_MS)
    name = next(database_names)
    postgres_admin.execute(f"create database {name} template {TEMPLATE} strategy file_copy".encode())
    settings = Settings(_env_file=None, nightshift_home=tmp_path_factory.mktemp("feel"))
    clock = FakeClock(datetime(2026, 11, 17, 15, 0, tzinfo=UTC))
    async with (
        Database(in_database(template.app_url, name), max_size=8) as db,
        open_inbox(db, clock, browser, settings, LanguageDetector.load()) as opened,
    ):
        opened.agent.models.texts = (PROMISE,)
        yield opened
    postgres_admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of its own."""
    async with await browser.new_context(viewport={"width": 1280, "height": 800}) as opened:
        yield opened


@pytest.fixture
async def clean(site: InboxSite) -> None:
    """Nothing in the queue."""
    await site.agent.change("update escalations set state = 'resolved', resolved_at = %s", site.clock())


async def hold_draft(site: InboxSite, number: int) -> ConversationId:
    """Have a draft held that promises too much."""
    conversation_id = await site.agent.hear(f"¿Seguro que apruebo? ({number})", sender=f"+34600{number:06}")
    await site.agent.answer(conversation_id)
    site.clock.advance(1)
    return conversation_id


async def open_cases(site: InboxSite) -> int:
    return int(await site.agent.value("select count(*) from escalations where state = 'open'"))


async def prefer(site: InboxSite, member_id: MemberId, **chosen: Any) -> None:
    async with site.agent.deps.db.tenant(site.agent.tenant_id) as tx:
        await merge_preferences(tx, member_id, chosen)


async def test_twenty_requests_are_settled_by_keyboard_alone(
    site: InboxSite, clean: None, context: BrowserContext
) -> None:
    for number in range(1, 21):
        await hold_draft(site, number)
    luis = await site.hire("Luis")
    page = await site.sign_in(context, await site.hire("Ana"))
    complaints, press = listen(page), page.keyboard.press
    await page.goto(f"{site.url}/inbox?tab=unassigned")
    await expect(page.locator(".work")).to_have_count(20)

    await press("j")
    await press("j")
    await press("j")
    await expect(page.locator(".work-link").nth(2)).to_be_focused()
    await press("k")
    await expect(page.locator(".work-link").nth(1)).to_be_focused()
    await press("s")  # means the row that has the focus
    await page.keyboard.type("tomorrow 9")
    await press("Enter")
    await expect(page.locator("#queue-result")).to_contain_text("1 snoozed until")
    await expect(page.locator(".work")).to_have_count(19)
    await expect(page.locator(".work-link").nth(1)).to_be_focused()
    await press("x")
    await press("j")
    await press("x")
    await expect(page.locator("#queue-chosen")).to_have_text("2 chosen")
    await press("i")
    await page.locator("#bulk-assignee").select_option(str(luis))
    await press("Tab")
    await press("Enter")
    await expect(page.locator(".work")).to_have_count(17)

    await expect(page.locator(".work-link").nth(1)).to_be_focused()
    await press("Enter")
    await page.wait_for_url("**/inbox/conversations/*")
    await expect(page.locator("#review-card")).to_be_visible()
    for left in range(17, 0, -1):
        await settle_by_key(page, left)
        await expect(page.locator("#review-card" if left > 1 else ".empty")).to_be_visible()
        assert await open_cases(site) == left + 2  # one is snoozed, and two are the colleague's
    await press("g")
    await press("q")
    await expect(page.locator("#tab-unassigned")).to_be_visible()
    await press("2")
    await page.wait_for_url("**/inbox?tab=unassigned")
    await expect(page.get_by_role("heading", name="Nothing needs a person")).to_be_visible()
    verdicts = await site.agent.rows("select verdict, count(*) as n from reviews group by 1 order by 1")
    assert {each["verdict"]: each["n"] for each in verdicts} == {"approved": 6, "edited": 6, "rejected": 5}
    assert complaints == []


async def settle_by_key(page: Page, left: int) -> None:
    """Approve, edit or reject what is shown, and wait until the next comes up by itself."""
    press, here = page.keyboard.press, page.url
    if left % 3 == 2:
        await press("a")
        await expect(page.get_by_role("radio", name="It is right: I have checked")).to_be_focused()
        await press("Space")
        await press("Enter")
    elif left % 3 == 1:
        await press("e")
        await expect(page.locator("#review-typed")).to_be_focused()
        await press("Control+a")
        await page.keyboard.type("¿Cuándo te viene bien?")
        await press("Control+Enter")
    else:
        await press("r")
        await press("4")
    await page.wait_for_url(lambda url: url != here)
