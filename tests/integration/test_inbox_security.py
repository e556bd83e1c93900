"""Every address of the inbox, asked by everybody who may not: refused, without a word about the tenant, and nothing is
changed. And by everybody who may: answered. The addresses come from the router's table (`inbox_site.PAGES`)."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import get_args

import pytest
from fastapi import APIRouter
from starlette.routing import Route

from agent.language import LanguageDetector
from agent.staff.members import Role
from channels.inbox.pages import LOGIN, Page
from channels.inbox.routes import build_inbox
from tests.conftest import CreateDatabase
from tests.integration.inbox_site import PAGES, Form, Site, higher, list_forms, open_site, parse, title

ROLES: tuple[Role, ...] = get_args(Role)
OURS = ("Secret of ours", "Prospect of ours", "Label of ours", "us@ours.example", "Lumen Idiomas")
"""Words that stand in our tenant's rows only."""
NOBODYS = "00000000-0000-7000-8000-000000000000"
FOR_ANYBODY = {(method, f"{LOGIN}{end}") for method, end in (("GET", ""), ("GET", "/link"), ("POST", "/link"))}
ADDRESSES = pytest.mark.parametrize("page", PAGES, ids=title)
WITH_IDS = pytest.mark.parametrize("page", [page for page in PAGES if "{" in page.path], ids=title)
FORMS = pytest.mark.parametrize("page", [page for page in PAGES if page.method == "POST"], ids=title)


def allowed(method: str) -> pytest.MarkDecorator:
    """Try every page of a method with every role that may open it."""
    pairs = [
        (role, page) for role in ROLES for page in PAGES if page.method == method and not higher(page.role, than=role)
    ]
    names = [f"{role}-{title(page)}" for role, page in pairs]
    return pytest.mark.parametrize(("role", "page"), pairs, ids=names)


@pytest.fixture(scope="module")
async def role_sites(
    create_database: CreateDatabase, detector: LanguageDetector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[Role, Site]]:
    """For each role an inbox in which everything may be done that it may do."""
    async with AsyncExitStack() as stack:
        sites: dict[Role, Site] = {}
        for role in ROLES:
            opening = open_site(create_database, detector, tmp_path_factory.mktemp(role))
            sites[role] = await stack.enter_async_context(opening)
        yield sites


def asks_to_sign_in(status: int, location: str) -> bool:
    return status == 303 and location.partition("?")[0] == LOGIN


@ADDRESSES
async def test_who_has_no_session_is_asked_to_sign_in(site: Site, page: Page) -> None:
    before = await site.digest()
    for who in ("anonymous", "disabled"):
        answer = await site.browsers[who].ask(page.method, site.path(page))
        assert asks_to_sign_in(answer.status_code, answer.headers["location"]), who
        fragment = await site.browsers[who].ask(page.method, site.path(page), hx_request="true")
        assert (fragment.status_code, fragment.content, fragment.headers["hx-redirect"]) == (401, b"", LOGIN), who
    assert await site.digest() == before


@pytest.mark.parametrize("page", [page for page in PAGES if page.role != "viewer"], ids=title)
async def test_a_lower_role_is_refused(site: Site, page: Page) -> None:
    before = await site.digest()
    for role in ROLES:
        if higher(page.role, than=role):
            answer = await site.browsers[role].ask(page.method, site.path(page))
            assert answer.status_code == 403, role
            assert not [word for word in OURS if word in answer.text]
    assert await site.digest() == before


@pytest.mark.parametrize("page", [page for page in PAGES if page.path != "/inbox/sign-out"], ids=title)
async def test_another_tenants_manager_finds_nothing(site: Site, page: Page) -> None:
    stranger, path, before = site.browsers["other manager"], site.path(page), await site.our_digest()
    answer = await stranger.ask(page.method, path)
    assert not [word for word in OURS if word in answer.text]
    assert await site.our_digest() == before
    if "{" in page.path:  # not even that there is such a thing
        nothing = await stranger.ask(page.method, site.path(page, instead=NOBODYS))
        is_same = without_ids(answer.text, site) == without_ids(nothing.text, site)
        assert (answer.status_code, is_same) == (nothing.status_code, True)


async def test_our_forms_sent_by_another_tenants_manager_change_nothing(site: Site) -> None:
    forms, stranger = await collect_forms(site), site.browsers["other manager"]
    assert forms
    before = await site.our_digest()
    for form in forms:
        answer = await stranger.ask("POST", form.action, {**form.fields, "csrf": stranger.csrf})
        assert not [word for word in OURS if word in answer.text], form
        assert await site.our_digest() == before, form


@FORMS
@pytest.mark.parametrize("forged", ["no token", "a colleague's token", "another site", "no origin"])
async def test_a_forged_form_is_refused(site: Site, page: Page, forged: str) -> None:
    browser = site.browsers["manager"]
    token = {"no token": "", "a colleague's token": site.browsers["reviewer"].csrf}.get(forged, browser.csrf)
    origin = {"another site": "cross-site", "no origin": ""}.get(forged, "same-origin")
    before = await site.digest()
    answer = await browser.ask("POST", site.path(page), {"csrf": token}, sec_fetch_site=origin)
    assert answer.status_code == 403
    assert await site.digest() == before


@allowed("GET")
async def test_who_may_reads_and_reading_changes_nothing_but_the_log(
    role_sites: Mapping[Role, Site], role: Role, page: Page
) -> None:
    site = role_sites[role]
    before = await site.digest()
    answer = await site.browsers[role].ask("GET", site.path(page))
    assert answer.status_code in {200, 204, 302, 303, 307}, answer.text
    if not page.path.endswith("/export"):  # that somebody has taken data out is recorded
        assert await site.digest() == before


@allowed("POST")
async def test_who_may_is_not_refused(role_sites: Mapping[Role, Site], role: Role, page: Page) -> None:
    site = role_sites[role]
    browser = await site.sign_in(role)
    answer = await browser.ask("POST", site.path(page))
    assert answer.status_code not in {401, 403, 405}
    assert answer.status_code < 500
    assert not asks_to_sign_in(answer.status_code, answer.headers.get("location", "")) or "sign-out" in page.path


@WITH_IDS
async def test_an_id_that_is_none_or_nobodys_does_nothing(site: Site, page: Page) -> None:
    before = await site.digest()
    for wrong in (NOBODYS, "x", "%00", "..%2f..", "'%20or%201=1--"):
        answer = await site.browsers["manager"].ask(page.method, site.path(page, instead=wrong))
        assert answer.status_code < 500, wrong
    assert await site.digest() == before


def without_ids(text: str, site: Site) -> str:
    """Return a page without the ids of its address, where it repeats them."""
    for each in site.ids.values():
        if len(each) > 4:
            text = re.sub(rf"\b{re.escape(each)}\b", NOBODYS, text)
    return text


def test_the_router_has_no_address_that_is_not_in_the_table(site: Site) -> None:
    served = {(method, path) for method, path in list_routes(build_inbox(site.deps))}
    assert served - FOR_ANYBODY == {(page.method, page.path) for page in PAGES}


def list_routes(router: APIRouter) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route, also of routers included."""
    for route in router.routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in (route.methods or ()) if method != "HEAD")
        else:
            yield from list_routes(route.original_router)  # type: ignore[attr-defined]  # FastAPI's own type is private


async def collect_forms(site: Site) -> list[Form]:
    """Return every form of every page that our manager sees."""
    found = []
    for page in PAGES:
        if page.method == "GET" and page.path != "/inbox/live":
            answer = await site.browsers["manager"].ask("GET", site.path(page))
            if answer.headers.get("content-type", "").startswith("text/html"):
                found += list_forms(parse(answer), site.path(page))
    return found
