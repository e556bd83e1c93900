"""What browser tests share: Chromium, and an installation started by `nightshift up` as a newcomer starts it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from agent.language import LanguageDetector
from agent.settings import Settings
from agent.store.db import Database
from tests.conftest import TEMPLATE, DatabaseUrls, FakeClock, in_database, share_training
from tests.e2e.inbox import WITHIN_MS, InboxSite, open_inbox
from tests.processes import environment, free_port

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY_S = 240
"""A cold start on a busy machine; a warm one takes seconds."""


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of this machine; tests that need it are skipped only where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package `chromium`, or name a binary in CHROMIUM")
    expect.set_options(timeout=WITHIN_MS)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        await opened.close()


@pytest.fixture
async def site(
    db: Database, clock: FakeClock, browser: Browser, detector: LanguageDetector, tmp_path: Path
) -> AsyncIterator[InboxSite]:
    """An inbox in this process, to which nobody has written."""
    settings = Settings(_env_file=None, nightshift_home=tmp_path)
    async with open_inbox(db, clock, browser, settings, detector) as opened:
        yield opened


@pytest.fixture
async def desktop(browser: Browser) -> AsyncIterator[Page]:
    """A page as wide as a laptop's. What its console complains about fails the test."""
    async with await browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        complaints = listen(page)
        yield page
        assert complaints == []


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[Page]:
    """A page as narrow as the smallest phones', with touch."""
    async with await browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark"
    ) as context:
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        complaints = listen(page)
        yield page
        assert complaints == []


def listen(page: Page) -> list[str]:
    """Collect errors of scripts, of the content security policy and of requests."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return complaints


@pytest.fixture(scope="module")  # its processes would keep the cores busy under all tests to come
def installation(
    template: DatabaseUrls,
    postgres_admin: "psycopg.Connection[tuple[str]]",
    tmp_path_factory: pytest.TempPathFactory,
    trained_home: Path,
) -> Iterator[str]:
    """The address of a whole Nightshift: `nightshift up` on a database of its own, with the demo tenants."""
    home, name, port = tmp_path_factory.mktemp("installation"), "e2e_installation", free_port()
    share_training(trained_home, home)  # as `make run` has done before
    postgres_admin.execute(f"create database {name} template {TEMPLATE} strategy file_copy".encode())
    settings = environment(
        nightshift_home=home,
        nightshift_port=port,
        database_url=in_database(template.app_url, name),
        database_migration_url=in_database(template.admin_url, name),
    )
    process = start_up(settings, home)
    try:
        wait_ready(process, home / "up.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(40)
        postgres_admin.execute(f"drop database {name} with (force)".encode())


def start_up(settings: dict[str, str], home: Path) -> "subprocess.Popen[bytes]":
    """Start `nightshift up` away from any `.env`."""
    with (home / "up.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", "up"],
            env=settings,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until it says where to click.

    Raises:
        RuntimeError: it ended instead, or took too long; with its last words.
    """
    deadline = time.monotonic() + READY_S
    while "Nightshift is ready" not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"`nightshift up` is not ready: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
