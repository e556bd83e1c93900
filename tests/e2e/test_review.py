"""Reviewing in a browser: by keyboard, and on a phone."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Locator, Page, Route, ViewportSize, expect

from agent.types import ConversationId
from tests.e2e.conftest import listen
from tests.e2e.inbox import InboxSite

PHONE: ViewportSize = {"width": 390, "height": 844}
PROMISE = "Te garantizamos que apruebas el examen."


@pytest.fixture
def site(site: InboxSite) -> InboxSite:
    """An inbox whose agent promises too much, so that its drafts are held."""
    site.agent.models.texts = (PROMISE,)
    return site


async def hold_draft(site: InboxSite, number: int) -> ConversationId:
    """Have a draft held that promises too much."""
    conversation_id = await site.agent.hear(f"¿Seguro que apruebo? ({number})", sender=f"+3460011100{number}")
    await site.agent.answer(conversation_id)
    site.clock.advance(60)
    return conversation_id


async def test_two_drafts_are_decided_by_keyboard_alone_and_the_last_is_taken_back(
    site: InboxSite, browser: Browser
) -> None:
    for number in (1, 2):
        await hold_draft(site, number)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        await page.goto(f"{site.url}/inbox/review")
        await expect(page.locator("mark.review-mark")).to_contain_text("garantizamos")
        await expect(page.locator(".review-heard")).to_contain_text("(1)")
        await page.keyboard.press("a")
        await expect(page.get_by_role("radio", name="It is right: I have checked")).to_be_focused()
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        await expect(page.locator(".review-heard")).to_contain_text("(2)")
        await page.wait_for_load_state()  # keys are heard from then on
        await page.keyboard.press("r")
        await page.keyboard.press("4")
        await expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
        reviews = await site.agent.rows("select verdict, reason from reviews order by created_at")
        assert [(each["verdict"], each["reason"]) for each in reviews] == [("approved", ""), ("rejected", "not_needed")]

        await hold_draft(site, 3)
        await expect(page.locator("#review-news a")).to_be_visible()
        await page.keyboard.press("j")
        await expect(page.locator(".review-heard")).to_contain_text("(3)")
        await page.wait_for_load_state()  # keys are heard from then on
        await page.keyboard.press("e")
        await page.locator("#review-typed").fill("¿Cuándo te viene bien?")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#review-undo")).to_be_visible()
        await page.wait_for_load_state()
        await page.keyboard.press("z")
        await expect(page.locator(".review-heard")).to_contain_text("(3)")
        assert complaints == []


async def test_what_was_decided_leads_on_though_its_change_comes_in_before_its_answer(
    site: InboxSite, browser: Browser
) -> None:
    site.agent.models.texts = ("Lo miramos y te escribimos.",)  # nothing objects to it: one click sends it
    site.agent.models.draft_fields = {"needs_human": True, "human_reason": "nothing is published on it"}
    for number in (1, 2):
        await hold_draft(site, number)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))

        async def answer_late(route: Route) -> None:
            answer = await route.fetch()
            await expect(page.locator("#review-moved")).to_be_visible()
            await route.fulfill(response=answer)

        await page.route("**/review/send", answer_late)
        await page.goto(f"{site.url}/inbox/review")
        await expect(page.locator(".review-heard")).to_contain_text("(1)")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator(".review-heard")).to_contain_text("(2)")
        await expect(page.locator("#review-undo")).to_be_visible()


@pytest.mark.parametrize("place", ["page", "conversation"])
async def test_what_was_not_sent_because_a_colleague_was_first_stays_until_its_writer_goes_on(
    site: InboxSite, browser: Browser, place: str
) -> None:
    conversation_id = await hold_draft(site, 1)
    async with await browser.new_context() as context, await browser.new_context() as other:
        ana = await site.sign_in(context, await site.hire("Ana"))
        luis = await site.sign_in(other, await site.hire("Luis"))
        for page in (ana, luis):
            where = "review" if place == "page" else f"conversations/{conversation_id}"
            await page.goto(f"{site.url}/inbox/{where}")
            await page.locator("#review-edit > summary").click()
            await page.locator("#review-typed").fill("¿Cuándo te viene bien?")
        await luis.locator("#review-editor").get_by_role("button", name="Send and next").click()
        await expect(luis.locator("#review-undo")).to_be_visible()
        await ana.locator("#review-editor").get_by_role("button", name="Send and next").click()
        unsent = ana.get_by_label("What you wrote, not sent")
        await expect(unsent).to_have_value("¿Cuándo te viene bien?")
        await hold_draft(site, 1)
        await expect(ana.locator("#review-moved")).to_be_visible()
        await expect(unsent).to_have_value("¿Cuándo te viene bien?")
        await ana.get_by_role("button", name="Show it as it stands").click()
        await expect(ana.locator("#review-moved")).to_have_count(0)
        await expect(unsent).to_have_count(0)


@pytest.mark.parametrize("place", ["page", "conversation"])
async def test_a_card_that_was_asked_for_before_somebody_began_to_write_does_not_replace_theirs(
    site: InboxSite, browser: Browser, place: str
) -> None:
    conversation_id = await hold_draft(site, 1)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        where = "review" if place == "page" else f"conversations/{conversation_id}"
        await page.goto(f"{site.url}/inbox/{where}")
        await expect(page.locator("#review-edit")).to_be_visible()
        asked, written = asyncio.Event(), asyncio.Event()

        async def answer_late(route: Route) -> None:
            answer = await route.fetch()
            asked.set()
            await written.wait()
            await route.fulfill(response=answer)

        await page.route(re.compile(r"/review(/[0-9a-f-]{36})?$"), answer_late)
        await site.agent.hear("¿Hola?", sender="+34600111001")
        await asked.wait()
        await page.locator("#review-edit > summary").click()
        await page.locator("#review-typed").fill("Un momento, por favor")
        async with page.expect_response(re.compile(r"/review(/[0-9a-f-]{36})?$")) as answered:
            written.set()
        await (await answered.value).finished()
        await page.evaluate("() => new Promise((done) => setTimeout(done, 0))")  # what the page does with it is done
        await expect(page.locator("#review-typed")).to_have_value("Un momento, por favor")
        await expect(page.locator("#review-moved")).to_be_visible()


async def in_thumb_reach(button: Locator) -> bool:
    """Whether a button is at the bottom of a phone's screen, and large enough."""
    box = await button.bounding_box()
    return box is not None and box["y"] > PHONE["height"] - 130 and box["height"] >= 44 and box["width"] >= 44


async def scroll_width(page: Page) -> int:
    return int(await page.evaluate("() => document.documentElement.scrollWidth"))


async def test_on_a_phone_decisions_are_in_thumb_reach_and_what_is_typed_survives_a_new_message(
    site: InboxSite, browser: Browser
) -> None:
    await hold_draft(site, 1)
    async with await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        await page.goto(f"{site.url}/inbox/review")
        for name in ("Approve", "Edit", "Reject"):
            assert await in_thumb_reach(page.locator("#review-actions summary", has_text=name)), name
        assert await scroll_width(page) == PHONE["width"]
        await page.locator("#review-edit > summary").tap()
        await page.locator("#review-typed").fill("Un momento, por favor")
        await site.agent.hear("¿Hola?", sender="+34600111001")
        await expect(page.locator("#review-moved")).to_be_visible()
        await expect(page.locator("#review-typed")).to_have_value("Un momento, por favor")
        await page.get_by_role("button", name="Send and next").tap()
        await expect(page.get_by_role("alert")).to_contain_text("¿Hola?")
        await expect(page.locator("#review-typed")).to_have_value("Un momento, por favor")
        assert complaints == []
