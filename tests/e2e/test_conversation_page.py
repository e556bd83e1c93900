"""Two sellers, one conversation: what each sees of the other, what is refused, what can be undone, what is kept."""

import asyncio
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

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


TOLD = """() => {
  window.told = "";
  const others = new BroadcastChannel(`nightshift-live-${document.body.dataset.member}`);
  others.addEventListener("message", (event) => (window.told += event.data.data));
}"""
"""Writes down what the page is told of, as another tab of its browser is."""


async def test_answers_that_come_late_leave_nothing_out_and_take_nothing_from_under_the_hand(
    site: InboxSite, browser: Browser
) -> None:
    models = site.agent.models
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        card = await hold_answer(page, "**/review")
        await open_talk(site, page)
        await card.asked.wait()
        await page.evaluate(TOLD)
        models.classification = replace(models.classification, intent="human_request", needs_human=True)
        await site.agent.answer(await site.agent.hear("Quiero hablar con alguien"))
        last = await site.agent.hear("Hola", sender="+34600111999")
        await page.wait_for_function("(last) => window.told.includes(last)", arg=str(last))
        await card.let_through()
        await expect(page.locator("#review-why")).to_have_text("Asked for a person")

        head = await hold_answer(page, "**/head")
        await site.agent.hear("¿Y por la tarde?")
        await head.asked.wait()
        await expect(page.locator(".bubble").last).to_contain_text("¿Y por la tarde?")
        await page.locator("#owner-menu > summary").click()
        await head.let_through()
        await page.get_by_role("button", name="Take over").click()
        await expect(page.locator("#talk-head")).to_contain_text("Ana answers")

        field = page.get_by_label("Your reply")
        writing, sending = await hold_answer(page, "**/writing"), await hold_answer(page, "**/send")
        await field.fill("También por la tarde.")
        await writing.asked.wait()
        await field.press("Control+Enter")
        await sending.asked.wait()
        await page.keyboard.type(" ¿Te va bien")
        await sending.let_through()
        await expect(page.locator("#outcome")).to_contain_text("Sent in a moment")
        await expect(field).to_have_value("¿Te va bien")  # was not sent, and stays
        await writing.let_through()
        async with page.expect_response("**/writing"):
            await page.keyboard.type(" a las seis?")
        await expect(page.locator("#writing")).not_to_contain_text("another device")
        await expect(page.locator("#writing")).to_contain_text("23 characters")
        drafts = await site.agent.rows("select text from staff_drafts where mode = 'reply'")
        assert drafts == [{"text": "¿Te va bien a las seis?"}]
        assert complaints == []


@dataclass
class HeldAnswer:
    """The next answer from an address, held back until it is let through; then it has been dealt with by the page."""

    page: Page
    address: str
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _is_held: bool = False
    _may_come: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, route: Route) -> None:
        """Have the server answer, and wait; what is asked for later is answered as ever."""
        if self._is_held:
            await route.continue_()
            return
        self._is_held = True
        answer = await route.fetch()
        self.asked.set()
        await self._may_come.wait()
        await route.fulfill(response=answer)

    async def let_through(self) -> None:
        """Let the answer come."""
        async with self.page.expect_event("requestfinished", lambda request: fnmatch(request.url, self.address)):
            self._may_come.set()


async def hold_answer(page: Page, address: str) -> HeldAnswer:
    """Hold back the next answer from an address."""
    held = HeldAnswer(page=page, address=address)
    await page.route(address, held.hold)
    return held


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
