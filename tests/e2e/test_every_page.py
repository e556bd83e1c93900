"""Every page of the inbox, taken from the router's table, in a browser: usable by everybody (WCAG 2.2 AA, by axe-core),
at a desk in the light and on a phone in the dark, in an office in full swing."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

from agent.language import LanguageDetector
from agent.settings import Settings
from agent.store.db import Database
from agent.store.members import insert_member
from agent.store.sessions import insert_signin_link
from agent.store.tenants import save_tenant_file
from agent.tenant.file import parse_tenant_file
from tests.conftest import CreateDatabase, FakeClock
from tests.e2e.conftest import listen
from tests.e2e.inbox import WITHIN_MS, InboxSite, open_inbox
from tests.e2e.office import LUMEN, fill_office
from tests.integration.inbox_site import PAGES, fill
from tests.integration.tenant_rows import AT
from tests.lending import POOL_SIZE

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
FINGER = 44
AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GOOD = ["page-has-heading-one", "landmark-one-main", "landmark-unique", "region", "heading-order"]
"""Rules of axe beyond what the law asks: what somebody needs who finds their way by headings and landmarks."""
EMPTY = ("/inbox", "/inbox/conversations", "/inbox/contacts", "/inbox/review", "/inbox/operations", "/inbox/runs")
ANYBODYS = ("/inbox/sign-in", "/inbox/sign-in/link?token=x", "/inbox/nowhere")
EVERYTHING: Mapping[str, Any] = {
    "runOnly": {"type": "tag", "values": AA},
    "rules": {name: {"enabled": True} for name in GOOD},
}
LAYOUT: Mapping[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable"]}
}
"""What depends on colours and sizes."""
THINGS = {
    "conversations/{id}": "select conversation_id from messages where body ~ 'apruebo'",
    "messages/{id}": "select id from messages where body ~ 'apruebo'",
    "media/{id}": "select gen_random_uuid()",
    "review/{request}": """select e.id from escalations e join messages m using (conversation_id)
        where e.state = 'open' and m.body ~ 'apruebo'""",
    "contacts/{contact}": """select contact_id from conversations c join messages m on m.conversation_id = c.id
        where body ~ 'apruebo'""",
    "items/{sku}": "select 'EN-INT'",
    "catalogue/{kind}": "select 'facts'",
    "{kind}/{key}": "select 'group-size'",
    "runs/{run}": "select turn_id from messages where body ~ 'apruebo'",
    "evaluation/{run}": "select id from eval_runs",
}
SMALL = """(least) => [...document.querySelectorAll(
  'button, .button, summary, select, textarea, input:not([type=hidden]), .tab, .chip, nav a')].filter((element) => {
  if (element.matches('.skip, .unseen *, .work-pick input, .runs td input') || !element.checkVisibility()) return false;
  const sizes = [element, element.closest('label')].map((each) => each?.getBoundingClientRect().height ?? 0);
  return sizes[0] > 1 && Math.max(...sizes) < least;
}).map((element) => element.outerHTML.slice(0, 120))"""
"""What a finger would miss: not what a whole cell or label stands for."""


@dataclass(slots=True, kw_only=True)
class Office:
    """A running inbox with much in it, its manager's cookies, and all its pages."""

    site: InboxSite
    cookies: Any
    paths: Sequence[str]


@pytest.fixture(scope="module")
async def office(
    create_database: CreateDatabase,
    browser: Browser,
    detector: LanguageDetector,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Office]:
    """The demo school on a busy morning."""
    settings = Settings(_env_file=None, nightshift_home=tmp_path_factory.mktemp("office"))
    with create_database() as urls:
        async with (
            Database(urls.app_url, max_size=POOL_SIZE) as db,
            open_inbox(db, FakeClock(AT), browser, settings, detector) as site,
        ):
            manager = await fill_office(site)
            async with await browser.new_context(viewport=DESK) as context:
                await site.sign_in(context, manager.id)
                cookies = await context.cookies()
                yield Office(site=site, cookies=cookies, paths=await find_pages(site, context))


async def find_pages(site: InboxSite, context: BrowserContext) -> list[str]:
    """Return the addresses of whole pages; parts of pages, files and streams are left out."""
    ids = {name: str(await site.agent.value(f"{query} limit 1".encode())) for name, query in THINGS.items()}
    found = []
    for page in PAGES:
        if page.method == "GET" and page.path != "/inbox/live":
            path = fill(page.path, ids)
            answer = await context.request.get(site.url + path)
            assert answer.status < 500, path
            if answer.ok and "<html" in await answer.text():
                found.append(path)
    return found


async def find_violations(page: Page, options: Mapping[str, Any]) -> list[str]:
    """Return what axe-core objects to, a line each."""
    found = await Axe().run(page, options={"resultTypes": ["violations"], **options})
    violations = found.response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"][:3]]


async def problems_of(page: Page, path: str, rules: Mapping[str, Any]) -> list[str]:
    """Open a page, and return what is wrong with it."""
    await page.goto(path)
    found = await find_violations(page, rules)
    if (scrolled := await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")) > 0:
        found.append(f"scrolls sideways by {scrolled} px")
    if running := await page.evaluate("() => document.getAnimations().length"):
        found.append(f"{running} animations, though less motion is wanted")
    return found


async def test_every_page_is_accessible_at_a_desk(office: Office, browser: Browser) -> None:
    assert len(office.paths) > 20
    view: dict[str, Any] = {"viewport": DESK, "color_scheme": "light", "reduced_motion": "reduce"}
    problems: dict[str, list[str]] = {}
    async with (
        await browser.new_context(**view, base_url=office.site.url) as inside,
        await browser.new_context(**view, base_url=office.site.url) as outside,
    ):
        inside.set_default_timeout(WITHIN_MS)
        outside.set_default_timeout(WITHIN_MS)
        await inside.add_cookies(office.cookies)
        page, strangers = await inside.new_page(), await outside.new_page()
        complaints = listen(page)
        for path in office.paths:
            problems[path] = await problems_of(page, path, EVERYTHING)
        assert complaints == []
        for path in ANYBODYS:
            problems[path] = await problems_of(strangers, path, EVERYTHING)
        problems["gone"] = await problems_of(page, f"/inbox/contacts/{UUID(int=0)}", EVERYTHING)
    assert {path: found for path, found in problems.items() if found} == {}


async def sign_in_newcomer(site: InboxSite, context: BrowserContext) -> Page:
    """Sign in the first manager of a business that nobody has written to yet."""
    file = parse_tenant_file(LUMEN.with_name("verdesolar.yaml").read_text())
    tenant = file.tenant.id
    async with site.agent.deps.db.tenant(tenant) as tx:
        await save_tenant_file(tx, file)
        member = await insert_member(tx, tenant, email="new@staff.example", name="Noa", role="manager")
        secret = await insert_signin_link(tx, tenant, member, site.clock())
    context.set_default_timeout(WITHIN_MS)
    page = await context.new_page()
    await page.goto(f"/inbox/sign-in/link?token={secret}")
    await page.get_by_role("button").click()
    await page.wait_for_url("**/inbox")
    return page


async def test_pages_with_nothing_on_them_say_what_will_be_there(office: Office, browser: Browser) -> None:
    view: dict[str, Any] = {"viewport": PHONE, "color_scheme": "light", "reduced_motion": "reduce"}
    problems: dict[str, list[str]] = {}
    async with await browser.new_context(**view, base_url=office.site.url, has_touch=True, is_mobile=True) as context:
        page = await sign_in_newcomer(office.site, context)
        for path in EMPTY:
            problems[path] = await problems_of(page, path, EVERYTHING)
            if not len((await page.locator("#main").inner_text()).split()) > 8:
                problems[path].append("says nothing")
    assert {path: found for path, found in problems.items() if found} == {}


async def test_every_page_is_usable_by_thumb_in_the_dark(office: Office, browser: Browser) -> None:
    view: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark", "reduced_motion": "reduce"}
    problems: dict[str, list[str]] = {}
    await office.site.agent.change("update members set language = 'es' where role = 'manager'")  # its words are longer
    async with await browser.new_context(**view, base_url=office.site.url, has_touch=True, is_mobile=True) as context:
        context.set_default_timeout(WITHIN_MS)
        await context.add_cookies(office.cookies)
        page = await context.new_page()
        for path in (*office.paths, "/inbox/nowhere"):
            found = await problems_of(page, path, LAYOUT)
            found += [f"small: {each}" for each in await page.evaluate(SMALL, FINGER)]
            problems[path] = found
        ground = await page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
        assert sum(map(int, re.findall(r"[0-9]+", ground))) < 3 * 64  # the dark was really asked for
    assert {path: found for path, found in problems.items() if found} == {}
