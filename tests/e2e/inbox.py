"""The inbox in a browser, in this process: the agent with scripted models behind it, and members signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from playwright.async_api import Browser, BrowserContext, Page

from agent.language import LanguageDetector
from agent.ports import Deps, StaffDeps, Translator
from agent.settings import Settings
from agent.staff.members import Role
from agent.store.db import Database
from agent.store.members import insert_member
from agent.store.sessions import insert_signin_link
from agent.types import MemberId
from channels.inbox.routes import build_inbox
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.integration.agents import Agent, build_agent
from tests.serving import serving

WITHIN_MS = 60_000
"""Longest wait for anything on a busy machine; an idle one takes a tenth of a second."""


@dataclass(slots=True, kw_only=True)
class InboxSite:
    """A running inbox."""

    agent: Agent
    clock: FakeClock
    url: str
    browser: Browser

    async def hire(self, name: str, role: Role = "reviewer") -> MemberId:
        """Add a member."""
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            email = f"{name.lower()}@staff.example"
            return await insert_member(tx, self.agent.tenant_id, email=email, name=name, role=role)

    async def link(self, member_id: MemberId) -> str:
        """Return a one-time link that signs a member in."""
        async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
            secret = await insert_signin_link(tx, self.agent.tenant_id, member_id, self.clock())
        return f"{self.url}/inbox/sign-in/link?token={secret}"

    async def sign_in(self, context: BrowserContext, member_id: MemberId) -> Page:
        """Sign a browser in by a one-time link; its page is at the queue."""
        context.set_default_timeout(WITHIN_MS)
        page = await context.new_page()
        await page.goto(await self.link(member_id))
        await page.get_by_role("button", name="Sign in on this device").click()
        await page.wait_for_url(f"{self.url}/inbox")
        return page


@asynccontextmanager
async def open_inbox(
    db: Database,
    clock: FakeClock,
    browser: Browser,
    settings: Settings,
    detector: LanguageDetector,
    *,
    translator: Translator | None = None,
) -> AsyncIterator[InboxSite]:
    """Serve the inbox over a fresh database."""
    agent = await build_agent(db, clock, detector)
    shared = {each.name: getattr(agent.deps, each.name) for each in fields(Deps)}
    deps = StaffDeps(**(shared | {"settings": settings}), rules=agent.deps.rules, translator=translator)
    keys = WebhookKeys(twilio=(), email=())
    async with serving(lambda _url: create_app(deps, keys, pages=[build_inbox(deps)])) as url:
        yield InboxSite(agent=agent, clock=clock, url=url, browser=browser)
