"""Takes the README's pictures of a running installation: `python -m tests.e2e.pictures [http://127.0.0.1:8000]`."""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import CHROMIUM, QUIET

PICTURES = Path(__file__).parent / "pictures"
SAID = ("¿Cuánto cuesta el inglés intensivo?", "¿Cuántos alumnos hay por grupo?", "Quiero hablar con una persona")


def talk(page: Page, url: str) -> None:
    """Have a short conversation, waiting for each answer."""
    page.goto(f"{url}/simulator/lumen/whatsapp")
    for number, text in enumerate(SAID, start=1):
        page.locator("textarea").fill(text)
        page.locator("textarea").press("Enter")
        page.locator('.bubble[data-mine="false"]').nth(number - 1).wait_for(timeout=30_000)


def main(url: str = "http://127.0.0.1:8000") -> None:
    """Write one picture for a desktop and one for a phone."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        for name, width, height in (("desktop", 1280, 800), ("phone", 390, 844)):
            page = browser.new_context(viewport={"width": width, "height": height}).new_page()
            talk(page, url)
            page.locator('.bubble[data-mine="false"]').last.get_by_title("Read").wait_for(timeout=30_000)
            page.screenshot(path=PICTURES / f"simulator-{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
