"""How the inbox feels: keys, focus, dropped connections, ended sessions."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from agent.store.members import merge_preferences
from agent.types import ConversationId, MemberId
from tests.doubles.cable import lay_cable
from tests.e2e.conftest import listen
from tests.e2e.inbox import InboxSite

PROMISE = "Te garantizamos que apruebas el examen."


@pytest.fixture
def site(site: InboxSite) -> InboxSite:
    """An inbox whose agent promises too much, so that its drafts are held."""
    site.agent.models.texts = (PROMISE,)
    return site


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of its own."""
    async with await browser.new_context(viewport={"width": 1280, "height": 800}) as opened:
        yield opened


@pytest.fixture
async def ana(site: InboxSite) -> MemberId:
    """A reviewer."""
    return await site.hire("Ana")


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


async def objections(page: Page, part: str) -> list[str]:
    """Return what axe-core objects to in a part of a page."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = await Axe().run(page, context=part, options={"runOnly": tags, "resultTypes": ["violations"]})
    return [f"{each['id']}: {node['html'][:200]}" for each in found.response["violations"] for node in each["nodes"]]


async def test_twenty_requests_are_settled_by_keyboard_alone(
    site: InboxSite, ana: MemberId, context: BrowserContext
) -> None:
    await site.hire("Luis")
    for number in range(1, 21):
        await hold_draft(site, number)
    page = await site.sign_in(context, ana)
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
    await page.locator("#bulk-assignee").select_option(label="Luis")
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
    await page.keyboard.type("gq")  # in one go: the first waits only a second for the other
    await page.wait_for_url("**/inbox")
    await press("2")
    await page.wait_for_url("**/inbox?tab=unassigned")
    await expect(page.get_by_role("heading", name="Nothing needs a person")).to_be_visible()
    verdicts = await site.agent.rows("select verdict, count(*) as n from reviews where member_id = %s group by 1", ana)
    assert {each["verdict"]: each["n"] for each in verdicts} == {"approved": 6, "edited": 6, "rejected": 5}
    assert complaints == []


async def settle_by_key(page: Page, left: int) -> None:
    """Approve, edit or reject what is shown, and wait until the next comes up by itself."""
    press, here = page.keyboard.press, urlsplit(page.url).path  # a page takes `?sent=` off its address by itself
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
    await page.wait_for_url(lambda url: urlsplit(url).path != here)


async def test_keys_are_shown_found_in_the_palette_and_can_be_turned_off(
    site: InboxSite, ana: MemberId, context: BrowserContext
) -> None:
    await hold_draft(site, 31)
    page = await site.sign_in(context, ana)
    complaints, press = listen(page), page.keyboard.press
    await press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await expect(page.locator("#keys [data-calls=approve]")).to_contain_text("Approve and send")
    assert await objections(page, "#keys") == []
    await press("j")  # does nothing while something lies over the page
    await press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await press("j")
    await expect(page.locator(".work-link")).to_be_focused()
    await press("Control+k")
    field = page.get_by_role("combobox", name="Go to, do, find")
    await expect(field).to_be_focused()
    options = page.get_by_role("listbox", name="What fits").get_by_role("option")
    assert await objections(page, "#palette") == []
    await field.fill("nothing like it")
    await expect(page.locator("#palette-none")).to_be_visible()
    await field.fill("flág")
    await expect(options.filter(has_text="Flag as urgent")).to_have_attribute("aria-selected", "true")
    await press("Escape")
    await expect(page.locator(".work-link")).to_be_focused()
    await press("Control+k")
    await page.keyboard.type("flag")
    await press("Enter")  # as if `p` had been pressed on the row
    await expect(page.locator(".work-flag")).to_be_visible()
    await press("Control+k")
    await page.keyboard.type("600000031")
    await expect(options.filter(has_text="+34600000031").first).to_be_visible()
    await press("ArrowUp")
    await press("ArrowDown")
    await expect(page.locator("#palette-list [aria-selected=true]")).to_have_id("palette-1")
    await options.filter(has_text="+34600000031").first.click()
    await page.wait_for_url("**/inbox/contacts/*")

    await prefer(site, ana, shortcuts=False)
    await page.goto(f"{site.url}/inbox")
    await press("j")
    await press("?")
    await press("Control+k")  # keys with Ctrl stay
    await expect(field).to_be_focused()
    await expect(page.get_by_role("dialog")).to_have_count(1)
    await press("Escape")
    await expect(page.locator(".work-link")).not_to_be_focused()
    assert complaints == []


async def test_what_happens_while_the_connection_is_away_is_seen_once_it_is_back(
    site: InboxSite, ana: MemberId, context: BrowserContext
) -> None:
    talk = await hold_draft(site, 41)
    listing = await site.sign_in(context, ana)
    async with lay_cable(site.url) as cable:
        await listing.goto(f"{cable.url}/inbox")
        await expect(listing.locator(".work")).to_have_count(1)
        writing = await context.new_page()
        await writing.goto(f"{cable.url}/inbox/conversations/{talk}")
        await writing.get_by_label("Your reply").fill("Le llamo a las")
        await expect(writing.locator("#reply-version")).not_to_have_value("")

        for _ in range(5):  # more tabs than a browser keeps connections to one server
            await (await context.new_page()).goto(f"{cable.url}/inbox/me")

        cable.pull()
        for each in (listing, writing):
            await expect(each.locator("#live-state")).to_be_visible()
        await hold_draft(site, 42)
        await site.agent.hear("¿Sigues ahí?", sender="+34600000041")
        await writing.get_by_label("Your reply").press("End")
        await writing.keyboard.type(" cinco")
        cable.plug_in()

        for each in (listing, writing):
            await expect(each.locator("#live-state")).to_be_hidden()
        await expect(listing.locator(".work")).to_have_count(2)
        await expect(writing.locator(".bubble").last).to_contain_text("¿Sigues ahí?")
        await expect(writing.locator("#moved")).to_be_visible()
        await expect(writing.get_by_label("Your reply")).to_be_focused()
        await expect(writing.get_by_label("Your reply")).to_have_value("Le llamo a las cinco")


async def test_what_fails_is_said_and_can_be_tried_again_and_the_focus_stays(
    site: InboxSite, ana: MemberId, context: BrowserContext
) -> None:
    await hold_draft(site, 51)
    page = await site.sign_in(context, ana)
    await page.goto(f"{site.url}/inbox/review")
    await page.keyboard.press("r")
    await page.route("**/review/reject", lambda route: route.abort())
    await page.keyboard.press("1")
    notice = page.locator("#notice")
    await expect(notice).to_contain_text("No answer from the server")
    await expect(page.locator("#review-card")).to_be_visible()
    await page.unroute("**/review/reject")
    await notice.get_by_role("button", name="Try again").press("Enter")
    await expect(page.locator("#review-text")).to_contain_text("There is no draft")
    await page.wait_for_load_state()  # the focus is followed from then on
    await expect(notice).to_be_hidden()

    await page.locator("#review-more > summary").press("Enter")
    await page.get_by_role("button", name="Take over").focus()
    await page.locator("#review-more").evaluate("(more) => (more.outerHTML = more.outerHTML)")
    await expect(page.get_by_role("button", name="Take over")).to_be_focused()


async def test_an_ended_session_leads_to_the_sign_in_and_back_with_what_was_typed(
    site: InboxSite, ana: MemberId, context: BrowserContext
) -> None:
    await hold_draft(site, 61)
    page = await site.sign_in(context, ana)
    await page.goto(f"{site.url}/inbox/review")
    await page.wait_for_url("**/inbox/review/*")
    there = page.url
    await page.keyboard.press("e")
    await expect(page.locator("#review-typed")).to_be_focused()
    await expect(page.locator("#review-preview .review-warned")).to_be_visible()  # nothing is asked for any more
    await page.keyboard.press("Control+a")
    await site.agent.change("delete from staff_sessions where member_id = %s", ana)
    await page.keyboard.insert_text("¿Cuándo te viene bien?")  # its preview finds that the session has ended
    await page.wait_for_url("**/inbox/sign-in?next=*")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    await page.goto(await site.link(ana))
    await page.get_by_role("button", name="Sign in on this device").click()
    await page.wait_for_url(there)
    await expect(page.locator("#review-typed")).to_have_value("¿Cuándo te viene bien?")
    await expect(page.locator("#review-typed")).to_be_focused()
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    sent = await site.agent.rows("select body from messages where author = 'staff' order by seq desc limit 1")
    assert sent == [{"body": "¿Cuándo te viene bien?"}]

    await page.goto(f"{site.url}/inbox")
    await site.agent.change("delete from staff_sessions where member_id = %s", ana)
    await hold_draft(site, 62)  # the page that nobody touches asks for it, and learns so
    await page.wait_for_url("**/inbox/sign-in?next=*")
