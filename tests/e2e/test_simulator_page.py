"""The simulator in a browser: a newcomer's first conversation, on a laptop and on a phone."""

import asyncio
import re
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.inbox import WITHIN_MS

CHANNELS = ("whatsapp", "sms", "email")


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """A question, and what its answer must hold."""

    id: str
    country: str
    question: str
    language: str
    price: str


TALKS = (
    Talk(id="es", country="ES", question="¿Cuánto cuesta el inglés intensivo?", language="es", price="399,00 €"),
    Talk(
        id="pt", country="BR", question="Quanto custa o curso de inglês intensivo?", language="pt", price="R$ 2.390,00"
    ),
    Talk(id="en", country="US", question="How much is the intensive English course?", language="en", price="$429.00"),
)


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.get_by_label("Your message").press("Enter")


async def scroll_width(page: Page) -> int:
    return int(await page.evaluate("() => document.documentElement.scrollWidth"))


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.id)
async def test_question_is_answered_live_in_its_language_with_the_right_price(
    installation: str, desktop: Page, talk: Talk
) -> None:
    await desktop.goto(f"{installation}/simulator/lumen/whatsapp?country={talk.country}")
    await say(desktop, talk.question)
    await expect(desktop.locator('.bubble[data-mine="true"]')).to_have_text(re.compile(re.escape(talk.question)))

    reply = desktop.locator('.bubble[data-mine="false"]')
    await expect(reply).to_have_count(1)
    shown = " ".join((await reply.locator(".bubble-text").inner_text()).split())
    assert talk.price in shown
    assert await reply.locator(".bubble-text").get_attribute("lang") == talk.language
    await expect(reply.locator(".byline")).to_contain_text("local engine — no model key set")
    await expect(reply.locator(".tick")).to_have_attribute("title", "Read")
    await expect(desktop.locator('.bubble[data-mine="true"] .tick')).to_have_attribute("title", "Read by Nightshift")

    thought = desktop.locator(".thought")
    await expect(thought).to_have_count(1)
    await expect(thought).to_contain_text("pricing")
    await expect(thought).to_contain_text(re.compile(r"(\d+) of \1 checks passed"))


async def test_first_page_leads_to_every_channel_on_a_phone(installation: str, phone: Page) -> None:
    for channel in CHANNELS:
        await phone.goto(f"{installation}/")
        assert await scroll_width(phone) == 360
        await phone.locator(f'.door[data-channel="{channel}"]').first.click()
        await expect(phone).to_have_url(re.compile(f"/simulator/lumen/{channel}\\?as=%2B"))
        await expect(phone.get_by_label("Your message")).to_be_in_viewport()
        assert await scroll_width(phone) == 360


async def test_conversation_on_a_phone_from_suggestion_to_opt_out(installation: str, phone: Page) -> None:
    await phone.goto(f"{installation}/simulator/lumen/whatsapp?country=BR")
    await phone.get_by_role("button", name="Are you a bot? I want a person").click()
    await expect(phone.locator(".line")).to_contain_text("Handed to a person")
    await expect(phone.locator(".suggestions")).to_have_count(0)
    await expect(phone.locator('.bubble[data-mine="false"]')).to_have_count(1)
    await expect(phone.locator(".countdown")).to_contain_text(re.compile(r"Reply window closes in 23 h 5\d min"))

    await say(phone, "STOP")
    await expect(phone.locator(".banner")).to_contain_text("You have opted out")
    await expect(phone.locator('.bubble[data-mine="false"]').last).to_be_in_viewport()

    await phone.get_by_role("link", name="What Nightshift thought").click()
    await expect(phone.get_by_role("heading", name="What Nightshift thought")).to_be_visible()
    await expect(phone.locator(".thought")).to_have_count(2)
    await phone.get_by_role("link", name="Back to the conversation").click()
    await expect(phone.get_by_role("heading", name="What Nightshift thought")).to_be_hidden()
    assert await scroll_width(phone) == 360


async def test_burst_is_answered_once_and_a_doubled_delivery_too(installation: str, desktop: Page) -> None:
    await desktop.goto(f"{installation}/simulator/lumen/sms?country=US")
    await desktop.get_by_label("deliver twice").check()
    for line in ("Hi", "how much is the intensive course?", "in dollars"):
        await say(desktop, line)
    await expect(desktop.locator('.bubble[data-mine="false"]')).to_have_count(1)
    await expect(desktop.locator(".thought")).to_contain_text("3 messages at once")
    texts = await desktop.locator('.bubble[data-mine="true"] .bubble-text').all_inner_texts()
    assert texts == ["Hi", "how much is the intensive course?", "in dollars"]


async def test_mail_keeps_its_subject(installation: str, desktop: Page) -> None:
    await desktop.goto(f"{installation}/simulator/lumen/email?country=ES")
    await desktop.get_by_label("Subject").fill("Curso intensivo")
    await say(desktop, "Hola, ¿cuánto cuesta el inglés intensivo?")
    await expect(desktop.get_by_label("Subject")).to_have_value("Re: Curso intensivo")
    await expect(desktop.locator('.bubble[data-mine="false"]')).to_contain_text("399,00")


async def test_conversation_is_there_after_reloading_and_nobody_elses(installation: str, desktop: Page) -> None:
    await desktop.goto(f"{installation}/simulator/lumen/whatsapp?country=MX")
    await say(desktop, "Hola, soy yo")
    await expect(desktop.locator('.bubble[data-mine="false"]')).to_have_count(1)
    await desktop.reload()
    await expect(desktop.get_by_text("Hola, soy yo", exact=True)).to_be_visible()
    await desktop.get_by_role("link", name="New person").click()
    await expect(desktop.get_by_text("Hola, soy yo", exact=True)).to_have_count(0)


async def test_hostile_words_stay_words(installation: str, desktop: Page) -> None:
    words = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    await desktop.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
    await say(desktop, words)
    await expect(desktop.locator('.bubble[data-mine="true"] .tick')).not_to_have_attribute("title", "Sending")
    await expect(desktop.locator('.bubble[data-mine="true"] .bubble-text')).to_have_text(words)
    await desktop.reload()
    await expect(desktop.locator('.bubble[data-mine="true"] .bubble-text')).to_have_text(words)
    assert "taken" not in await desktop.title()


async def test_keyboard_alone_is_enough(installation: str, desktop: Page) -> None:
    await desktop.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
    field = desktop.get_by_label("Your message")
    await expect(field).to_be_focused()
    await desktop.keyboard.type("primera")
    await desktop.keyboard.press("Shift+Enter")
    await desktop.keyboard.type("segunda")
    await desktop.keyboard.press("Enter")
    await expect(desktop.locator('.bubble[data-mine="true"] .bubble-text')).to_have_text("primera\nsegunda")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("")


SYNCS = """window.syncs = 0;
window.EventSource = class extends EventSource {
  constructor(address) {
    super(address);
    this.addEventListener("sync", () => (window.syncs += 1));
  }
};"""


async def test_message_is_never_seen_twice_though_the_stream_is_faster_than_its_answer(
    installation: str, desktop: Page
) -> None:
    mine, meanwhile = desktop.locator('.bubble[data-mine="true"]'), list[int]()

    async def answer_late(route: Route) -> None:
        before = await desktop.evaluate("() => window.syncs")
        answer = await route.fetch()
        await desktop.wait_for_function("(before) => window.syncs > before", arg=before)
        meanwhile.append(await mine.count())
        await route.fulfill(response=answer)

    await desktop.add_init_script(SYNCS)
    await desktop.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
    await desktop.wait_for_function("() => window.syncs > 0")
    await desktop.route("**/simulator/lumen/whatsapp?as=*", answer_late)
    await say(desktop, "Hola, soy yo")
    await expect(mine.locator(".tick")).not_to_have_attribute("title", "Sending")
    assert meanwhile == [1]


async def test_refused_message_is_said_and_the_words_are_kept(installation: str, browser: Browser) -> None:
    async with await browser.new_context() as context:
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        await page.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
        await page.route(
            "**/simulator/lumen/whatsapp?as=*", lambda route: route.fulfill(status=502, body='{"error": "away"}')
        )
        await say(page, "¿Hay alguien?")
        await expect(page.get_by_role("alert")).to_have_text("Not sent: away")
        await expect(page.get_by_label("Your message")).to_have_value("¿Hay alguien?")
        await expect(page.locator(".bubble")).to_have_count(0)


async def test_conversation_works_without_script(installation: str, browser: Browser) -> None:
    async with await browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        await page.goto(f"{installation}/simulator/verdesolar/whatsapp?country=MX")
        await page.locator("#suggestions button").first.click()
        await expect(page.locator('.bubble[data-mine="true"]')).to_have_count(1)
        async with asyncio.timeout(WITHIN_MS / 1000):
            while await page.locator('.bubble[data-mine="false"]').count() == 0:
                await asyncio.sleep(0.5)
                await page.get_by_role("link", name="Reload to see the reply").click()
        await expect(page.locator('.bubble[data-mine="false"]')).to_contain_text("MXN")
