"""The whole story, on what `nightshift up` starts: prospects in the simulator, sellers in the inbox, all of it live."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from agent.ids import new_id
from agent.store.db import Database
from agent.store.members import insert_member
from agent.store.sessions import insert_signin_link
from agent.tenant.file import tenant_id
from jobs.wiring import utc_now
from tests.conftest import DatabaseUrls, in_database
from tests.e2e.conftest import listen
from tests.e2e.inbox import WITHIN_MS

PHONE: ViewportSize = {"width": 390, "height": 844}
LUMEN = tenant_id("lumen")
BOOKING = "Quiero reservar una clase de prueba el jueves por la tarde"
"""Only a person can book: the agent's draft is held for one."""
SENT = re.compile("sent=")
"""Where a decision leads. The page takes it off its address by itself, so whoever looks later misses it."""


async def make_link(urls: DatabaseUrls, url: str, name: str) -> str:
    """Return a link that signs a new reviewer of the demo school in."""
    async with Database(in_database(urls.app_url, "e2e_installation"), max_size=1) as db, db.tenant(LUMEN) as tx:
        member_id = await insert_member(tx, LUMEN, email=f"{new_id()}@x.example", name=name, role="reviewer")
        secret = await insert_signin_link(tx, LUMEN, member_id, utc_now())
    return f"{url}/inbox/sign-in/link?token={secret}"


@asynccontextmanager
async def seller(browser: Browser, link: str, *, on_phone: bool = False) -> AsyncIterator[Page]:
    """Open a browser in which a seller is signed in; what its console complains about fails the test."""
    look = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if on_phone else {}
    async with await browser.new_context(**look) as context:  # type: ignore[arg-type]  # named as they are
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        complaints = listen(page)
        await page.goto(link)
        await page.get_by_role("button", name="Sign in on this device").click()
        await page.wait_for_url(re.compile(r"/inbox$"))
        yield page
        assert complaints == []


async def write(prospect: Page, text: str) -> None:
    await prospect.get_by_label("Your message").fill(text)
    await prospect.get_by_label("Your message").press("Enter")


def heard(prospect: Page) -> Locator:
    """What the prospect has got from us."""
    return prospect.locator('.bubble[data-mine="false"]')


def in_queue(page: Page, text: str) -> Locator:
    return page.locator(".work", has_text=text)


async def open_editor(page: Page, name: str) -> Locator:
    """Open the review card's editor of the conversation that the queue shows; return the field, with the draft."""
    await in_queue(page, name).locator(".work-link").click()
    await page.locator("#review-edit > summary").click()
    field = page.locator("#review-typed")
    await expect(field).to_have_value(re.compile(r"\w"))
    return field


async def test_two_sellers_answer_a_prospect_once_the_agent_is_silent_and_then_answers_again(
    installation: str, template: DatabaseUrls, browser: Browser
) -> None:
    links = [await make_link(template, installation, name) for name in ("Ana", "Luis")]
    async with (
        seller(browser, links[0]) as ana,
        seller(browser, links[1]) as luis,
        await browser.new_context() as outside,
    ):
        outside.set_default_timeout(WITHIN_MS)
        status = await (await outside.request.get(f"{installation}/status")).json()
        assert (status["database"], status["workers"]) == ("there", 1)
        prospect = await outside.new_page()
        await prospect.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
        await write(prospect, f"{BOOKING} ({new_id()})")
        await expect(heard(prospect)).to_contain_text("a una persona")  # told at once that somebody will answer
        said = await prospect.locator('.bubble[data-mine="true"] .bubble-text').inner_text()
        await expect(in_queue(ana, said)).to_contain_text("Draft ready")

        hers, his = await open_editor(ana, said), await open_editor(luis, said)
        await expect(ana.locator("#presence-body")).to_contain_text("Luis is")
        await hers.fill("Hola, soy Ana. ¿Te va bien el jueves?")
        await his.fill("Hola, soy Luis. ¿A qué hora te llamo?")
        async with luis.expect_navigation(url=SENT):
            await luis.locator("#review-editor").get_by_role("button", name="Send and next").click()
        await expect(ana.locator("#review-moved")).to_be_visible()
        await ana.locator("#review-editor").get_by_role("button", name="Send and next").click()
        await expect(ana.locator("#review")).to_contain_text("Somebody has settled this")
        await expect(ana.locator("#review").get_by_role("alert").last).to_contain_text("soy Luis")
        await expect(ana.get_by_label("What you wrote")).to_have_value("Hola, soy Ana. ¿Te va bien el jueves?")

        reply = heard(prospect).filter(has_text="soy Luis")
        await expect(reply.locator(".tick")).to_have_attribute("title", "Read")
        await expect(ana.locator('.bubble[data-by="staff"] .tick')).to_have_attribute("title", "Read")
        await expect(heard(prospect)).to_have_count(2)

        await ana.locator("#owner-menu > summary").click()
        await ana.get_by_role("button", name="Take over").click()
        await expect(ana.locator("#talk-head")).to_contain_text("Ana answers")
        await write(prospect, "¿Cuánto cuesta el inglés intensivo?")
        await ana.get_by_role("button", name="Show it as it stands").click()  # until then what she wrote stays
        await expect(ana.locator("#review-why")).to_have_text("Wrote to you again")
        await expect(heard(prospect)).to_have_count(2)

        await ana.locator("#owner-menu > summary").click()
        await ana.get_by_role("button", name="Hand back to the agent").click()
        await expect(heard(prospect).last).to_contain_text("399,00")
        await expect(heard(prospect)).to_have_count(3)
        await expect(ana.locator('.bubble[data-by="agent"]').last).to_contain_text("399,00")


async def test_a_seller_with_a_phone_approves_edits_and_rejects_by_touch(
    installation: str, template: DatabaseUrls, browser: Browser
) -> None:
    link = await make_link(template, installation, "Eva")
    async with seller(browser, link, on_phone=True) as phone, await browser.new_context() as outside:
        outside.set_default_timeout(WITHIN_MS)
        asked = [f"{BOOKING} ({new_id()})" for _ in range(3)]
        prospects = [await outside.new_page() for _ in asked]
        for prospect, text in zip(prospects, asked, strict=True):
            await prospect.goto(f"{installation}/simulator/lumen/whatsapp?country=ES")
            await write(prospect, text)

        card = phone.locator("#review-card")
        await in_queue(phone, asked[0]).locator(".work-link").tap()
        async with phone.expect_navigation(url=SENT):
            await card.get_by_role("button", name="Approve").tap()

        await phone.goto(f"{installation}/inbox")
        await in_queue(phone, asked[1]).locator(".work-link").tap()
        await card.locator("#review-edit > summary").tap()
        await phone.locator("#review-typed").fill("Hola, soy Eva. ¿A qué hora te viene bien?")
        async with phone.expect_navigation(url=SENT):
            await card.get_by_role("button", name="Send and next").tap()

        await phone.goto(f"{installation}/inbox")
        await in_queue(phone, asked[2]).locator(".work-link").tap()
        await card.locator("#review-reject > summary").tap()
        await card.get_by_role("button", name="Not needed").tap()
        await expect(card.get_by_text("Reject")).to_have_count(0)

        await expect(heard(prospects[0]).last).to_contain_text("confirma el día")
        await expect(heard(prospects[1]).last).to_contain_text("soy Eva")
        await expect(heard(prospects[2])).to_have_count(1)
