"""Takes the README's pictures: `make pictures`. Everything they show is started for them, and thrown away."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from agent.language import LanguageDetector
from agent.settings import Settings
from agent.staff.members import Member
from agent.store import embedded
from agent.store.db import Database
from agent.store.migrate import ensure_app_login, migrate
from tests.conftest import UNSAFE_BUT_FAST, FakeClock
from tests.e2e.conftest import CHROMIUM, QUIET, start_up, wait_ready
from tests.e2e.inbox import InboxSite, open_inbox
from tests.e2e.school import LUCIA, TALKS, SchoolTranslator, fill_school
from tests.processes import environment, free_port

PICTURES = Path(__file__).parent / "pictures"
MAX_KB = 200
DESK = (1280, 760)
PHONE = (390, 844)
SAID = ("¿Cuánto cuesta el inglés intensivo?", "¿Cuántos alumnos hay por grupo?", "Quiero hablar con una persona")


@asynccontextmanager
async def looking(browser: Browser, size: tuple[int, int], *, is_dark: bool = False) -> AsyncIterator[BrowserContext]:
    """Open a browser of this size; one as narrow as a phone is one."""
    is_phone = size == PHONE
    async with await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        has_touch=is_phone,
        is_mobile=is_phone,
        color_scheme="dark" if is_dark else "light",
    ) as context:
        yield context


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home for an embedded PostgreSQL, which is stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="nightshift-pictures-"))
    home.chmod(0o711)  # under root the server's account passes through
    try:
        yield home
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


async def take_simulator(browser: Browser) -> None:
    """Have a short conversation with what `nightshift up` starts."""
    with temporary_home() as home:
        port = free_port()
        process = start_up(environment(nightshift_home=home, nightshift_port=port), home)
        try:
            await asyncio.to_thread(wait_ready, process, home / "up.log")
            for name, size in (("desktop", DESK), ("phone", PHONE)):
                async with looking(browser, size) as context:
                    page = await context.new_page()
                    await page.goto(f"http://127.0.0.1:{port}/simulator/lumen/whatsapp?country=ES")
                    for number, text in enumerate(SAID):
                        await page.locator("textarea").fill(text)
                        await page.locator("textarea").press("Enter")
                        await expect(page.locator('.bubble[data-mine="false"]')).to_have_count(number + 1)
                    await expect(page.locator('.bubble[data-mine="false"]').last.get_by_title("Read")).to_be_visible()
                    await keep(page, f"simulator-{name}")
        finally:
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, 40)


@asynccontextmanager
async def open_school(browser: Browser) -> AsyncIterator[tuple[InboxSite, dict[str, Member]]]:
    """Open the inbox of a school in the middle of its day."""
    with temporary_home() as home:
        admin_url = await asyncio.to_thread(embedded.start, home, extra_settings=UNSAFE_BUT_FAST)
        await asyncio.to_thread(migrate, admin_url)
        app_url = await asyncio.to_thread(ensure_app_login, admin_url, home)
        async with Database(app_url, max_size=8) as db:
            settings = Settings(_env_file=None, nightshift_home=home)
            clock = FakeClock(datetime.now(UTC))
            translator, detector = SchoolTranslator(), LanguageDetector.load()
            async with open_inbox(db, clock, browser, settings, detector, translator=translator) as site:
                yield site, await fill_school(site, admin_url)


async def take_inbox(browser: Browser) -> None:
    """Take the queue, a conversation, a review on a phone, and the operations page by day and by night."""
    async with open_school(browser) as (site, staff):
        ana, sofia = staff["Ana Ruiz"].id, staff["Sofía Almeida"].id
        async with looking(browser, (1280, 800)) as context:
            page = await site.sign_in(context, ana)
            await expect(page.locator(".work")).to_have_count(len(TALKS) + 1)
            await keep(page, "queue")
        async with looking(browser, (1280, 1180)) as context:
            page = await site.sign_in(context, ana)
            await page.locator(".work", has_text=LUCIA.name).locator(".work-link").click()
            await expect(page.locator("#review-card")).to_contain_text("Of course!")
            await keep(page, "conversation")
        async with looking(browser, PHONE) as context:
            page = await site.sign_in(context, ana)
            await page.goto(f"{site.url}/inbox/review")
            while LUCIA.name not in await page.locator("#review-card").inner_text():
                await page.get_by_role("link", name="Skip", exact=True).click()
            await expect(page.locator("#review-card")).to_contain_text("Of course!")
            await keep(page, "review-phone")
        for name in ("operations", "operations-dark"):
            async with looking(browser, (1280, 1050), is_dark=name.endswith("dark")) as context:
                page = await site.sign_in(context, sofia)
                await page.goto(f"{site.url}/inbox/operations?range=30d")
                await keep(page, name)


async def keep(page: Page, name: str) -> None:
    """Write a picture once the page is quiet.

    Raises:
        ValueError: it is too large for a README.
    """
    await page.wait_for_timeout(1500)  # badges and what scrolls come to rest
    path = PICTURES / f"{name}.png"
    picture = await page.screenshot(path=path, animations="disabled", caret="hide")
    kilobytes = len(picture) // 1000
    print(f"{path.name:24} {kilobytes} kB")  # noqa: T201 — its output
    if kilobytes > MAX_KB:
        raise ValueError(f"{path} has {kilobytes} kB, more than {MAX_KB}")


async def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    expect.set_options(timeout=60_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        await take_inbox(browser)
        await take_simulator(browser)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
