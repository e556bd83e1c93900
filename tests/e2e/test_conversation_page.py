"""Two sellers, one conversation: what each sees of the other, what is refused, what can be undone, what is kept."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.conftest import listen
from tests.e2e.inbox import InboxSite


@pytest.fixture
async def site(site: InboxSite) -> InboxSite:
    """An inbox, with one conversation in which the agent has answered."""
    await site.agent.answer(await site.agent.hear("¿Cuánto cuesta el intensivo?"))
    return site


async def open_talk(site: InboxSite, page: Page) -> None:
    """Open the only conversation, as a seller would."""
    await page.get_by_role("link", name="Conversations").click()
    await page.locator(".conversation-row a").click()
    await expect(page.locator(".bubble").first).to_be_visible()


async def test_two_sellers_collide_and_one_answer_is_sent(site: InboxSite, browser: Browser) -> None:
    async with await browser.new_context() as hers, await browser.new_context() as his:
        ana, luis = await site.sign_in(hers, await site.hire("Ana")), await site.sign_in(his, await site.hire("Luis"))
        complaints = [listen(ana), listen(luis)]
        await open_talk(site, ana)
        await open_talk(site, luis)
        await luis.get_by_label("Your reply").fill("Hola, soy Luis.")
        await expect(ana.locator("#presence-body")).to_contain_text("Luis is writing")
        await luis.get_by_role("button", name="Send", exact=True).click()
        await expect(luis.locator("#outcome")).to_contain_text("Sent in a moment")

        await ana.get_by_label("Your reply").fill("Hola, soy Ana.")
        await expect(ana.locator(".bubble").last).to_contain_text("Hola, soy Luis.")
        await ana.locator("#seen").evaluate("(seen) => (seen.value = '1')")  # what she saw before he sent
        await ana.get_by_role("button", name="Send", exact=True).click()
        await expect(ana.locator("#result")).to_contain_text("the conversation has moved on")
        await expect(ana.locator("#result")).to_contain_text("Hola, soy Luis.")
        await expect(ana.get_by_label("Your reply")).to_have_value("Hola, soy Ana.")
        await ana.get_by_role("button", name="I have read it: send mine all the same").click()
        await expect(ana.locator("#outcome")).to_contain_text("Sent in a moment")
        await expect(ana.get_by_label("Your reply")).to_have_value("")
        assert complaints == [[], []]


async def test_keys_send_and_undo_puts_the_words_back(site: InboxSite, browser: Browser) -> None:
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        await open_talk(site, page)
        field = page.get_by_label("Your reply")
        await field.fill("Cuesta {price:EN-INT}.")
        await expect(page.locator("#writing")).to_contain_text("399,00 €")
        await field.press("Control+Enter")
        await expect(page.locator(".bubble").last).to_contain_text("Cuesta 399,00 €.")
        await expect(field).to_be_focused()
        await page.get_by_role("button", name="Undo").click()
        await expect(field).to_have_value("Cuesta {price:EN-INT}.")
        await expect(page.locator('.bubble[data-by="staff"]')).to_have_count(0)
        assert complaints == []


async def test_what_is_typed_before_the_scripts_are_there_is_kept(site: InboxSite, browser: Browser) -> None:
    async with await browser.new_context() as context:
        page, arrived = await site.sign_in(context, await site.hire("Ana")), asyncio.Event()

        async def hold(route: Route) -> None:
            await arrived.wait()
            await route.continue_()

        await open_talk(site, page)
        await page.route("**/conversation.js", hold)
        await page.goto(page.url, wait_until="commit")
        await page.get_by_label("Your reply").fill("Le llamo a las cinco")
        async with page.expect_response("**/writing"):
            arrived.set()
        await page.goto(page.url)
        await expect(page.get_by_label("Your reply")).to_have_value("Le llamo a las cinco")


async def test_draft_follows_its_writer_from_desk_to_phone(site: InboxSite, browser: Browser) -> None:
    ana = await site.hire("Ana")
    async with (
        await browser.new_context() as desk,
        await browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as phone,
    ):
        first = await site.sign_in(desk, ana)
        await open_talk(site, first)
        async with first.expect_response("**/writing"):
            await first.get_by_label("Your reply").fill("Le llamo a las")
        second = await site.sign_in(phone, ana)
        await open_talk(site, second)
        field = second.get_by_label("Your reply")
        await expect(field).to_have_value("Le llamo a las")
        async with second.expect_response("**/writing"):
            await field.fill("Le llamo a las cinco")
        await first.evaluate("() => window.dispatchEvent(new Event('focus'))")
        await expect(first.get_by_label("Your reply")).to_have_value("Le llamo a las cinco")
        assert await second.evaluate("() => document.documentElement.scrollWidth") == 390
