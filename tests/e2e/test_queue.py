"""The queue in a browser: work comes in by itself and is announced, and what is chosen or focused stays."""

from dataclasses import replace

import pytest
from playwright.async_api import Browser, Route, expect

from agent.types import ConversationId
from tests.e2e.conftest import listen
from tests.e2e.inbox import InboxSite


@pytest.fixture
def site(site: InboxSite) -> InboxSite:
    """An inbox with nothing in its queue, whose prospects all ask for a person."""
    models = site.agent.models
    models.classification = replace(models.classification, intent="human_request", needs_human=True)
    return site


async def ask_for_person(site: InboxSite, number: int) -> ConversationId:
    """A prospect asks for a person."""
    conversation_id = await site.agent.hear(f"Quiero hablar con alguien ({number})", sender=f"+3460011100{number}")
    await site.agent.answer(conversation_id)
    return conversation_id


def row(number: int) -> str:
    return f'.work:has-text("+3460011100{number}")'


async def test_new_work_appears_and_is_announced_while_choice_focus_and_words_stay(
    site: InboxSite, browser: Browser
) -> None:
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        await expect(page.get_by_role("heading", name="Nobody has written yet")).to_be_visible()
        first = await ask_for_person(site, 1)
        await expect(page.locator(row(1))).to_contain_text("Asked for a person")
        await expect(page).to_have_title("(1) Queue · Nightshift")
        await expect(page.locator("#announcer")).to_contain_text("Asked for a person")

        box = page.locator(f'input[value="{first}"]')
        await box.check()
        await page.get_by_placeholder("tomorrow 9").fill("in 2 h")
        await box.focus()
        site.clock.advance(600)
        await ask_for_person(site, 2)
        await expect(page.locator(".work")).to_have_count(2)
        await expect(page.locator(row(1))).to_contain_text("Due in 20 min")  # it was replaced
        await expect(box).to_be_checked()
        await expect(box).to_be_focused()
        await expect(page.get_by_placeholder("tomorrow 9")).to_have_value("in 2 h")
        await expect(page.locator("#queue-chosen")).to_have_text("1 chosen")

        await expect(page).to_have_title("(2) Queue · Nightshift")  # and so announced
        await page.get_by_placeholder("tomorrow 9").press("Enter")
        await expect(page.locator("#queue-result")).to_contain_text("1 snoozed until")
        await expect(page.locator(".work")).to_have_count(1)
        await expect(page.locator("#announcer")).to_contain_text("1 snoozed until")
        await expect(page.locator(".work-link")).to_be_focused()
        await expect(page.locator("#tab-snoozed")).to_contain_text("1")
        assert complaints == []


async def test_all_are_chosen_and_done_at_once_on_a_phone(site: InboxSite, browser: Browser) -> None:
    for number in range(3):
        await ask_for_person(site, number)
    async with await browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        await page.get_by_label("Choose all").check()
        done = page.get_by_role("button", name="Done")
        box = await done.bounding_box()
        assert box is not None
        assert box["y"] > 844 / 2  # in reach of the thumb
        assert box["height"] >= 44
        await done.click()
        await expect(page.locator("#queue-result")).to_contain_text("3 done.")
        await expect(page.get_by_role("heading", name="Nothing needs a person")).to_be_visible()
        await expect(page.locator("#main")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_filter_leads_to_its_address_and_the_sound_is_kept(site: InboxSite, browser: Browser) -> None:
    await ask_for_person(site, 1)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)
        await page.get_by_label("Why").select_option(label="Complaint")
        await page.wait_for_url("**/inbox?cause=complaint")
        await expect(page.get_by_role("heading", name="Nothing fits this filter")).to_be_visible()
        await page.get_by_text("Alerts").click()
        await page.get_by_label("Bell").check()
        await expect(page.locator("#queue-result")).to_have_text("Saved.")
        await page.reload()
        await expect(page.locator("#work")).to_have_attribute("data-sound", "bell")

        untouched = await context.new_page()  # where browsers refuse a sound
        more = listen(untouched)
        await untouched.goto(f"{site.url}/inbox")
        site.clock.advance(1)
        await ask_for_person(site, 2)
        await expect(untouched.locator("#announcer")).to_contain_text("Asked for a person")
        assert complaints + more == []


CUT = """() => {
  const [whole, cut] = [fetch, new Set()];
  window.fetch = (address, ...rest) => {
    const path = new URL(address, location).pathname;
    if (cut.has(path)) return whole(address, ...rest);
    cut.add(path);
    return Promise.resolve(new Response(new ReadableStream({ start: (body) => body.error(new TypeError("cut")) })));
  };
}"""
"""Breaks the connection once in the middle of each answer."""


async def test_what_comes_in_before_an_answer_or_in_pieces_takes_neither_focus_nor_news(
    site: InboxSite, browser: Browser
) -> None:
    for number in (1, 2, 3):
        await ask_for_person(site, number)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        complaints = listen(page)

        async def answer_late(route: Route) -> None:
            answer = await route.fetch()
            await expect(page.locator(".work")).to_have_count(2)
            await route.fulfill(response=answer)

        await page.route("**/inbox/queue", answer_late)
        await page.locator(row(2)).get_by_role("checkbox").check()
        await page.get_by_role("button", name="Done").click()
        await expect(page.locator("#queue-result")).to_contain_text("1 done.")
        await expect(page.locator(row(3)).locator(".work-link")).to_be_focused()

        await page.evaluate(CUT)
        await ask_for_person(site, 4)
        await expect(page.locator(row(4))).to_be_visible()
        await ask_for_person(site, 5)
        await expect(page).to_have_title("(4) Queue · Nightshift")
        assert complaints == []


async def test_an_act_that_fails_says_so_and_keeps_the_choice(site: InboxSite, browser: Browser) -> None:
    await ask_for_person(site, 1)
    async with await browser.new_context() as context:
        page = await site.sign_in(context, await site.hire("Ana"))
        await page.get_by_label("Choose all").check()
        await page.route("**/inbox/queue", lambda route: route.abort())
        await page.get_by_role("button", name="Done").click()
        await expect(page.locator("#queue-result")).to_have_text("That did not work. Try again, or reload the page.")
        await page.unroute("**/inbox/queue")
        await page.locator("#queue-form").evaluate(
            "(form) => form.querySelector('[name=do]').setAttribute('value', 'x')"
        )
        await page.get_by_role("button", name="Done").click()
        await expect(page.locator("#queue-result")).to_contain_text("There is no such action here.")
        await expect(page.locator("#announcer")).to_contain_text("There is no such action here.")
        await expect(page.locator("#queue-chosen")).to_have_text("1 chosen")
