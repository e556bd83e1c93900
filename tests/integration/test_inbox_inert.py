"""What strangers, models and colleagues write is text on every page of the inbox, wherever it stands; and no page holds
what the content security policy forbids. Pages come from the router's own table."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import channels.inbox
from agent.language import LanguageDetector
from agent.store.events import insert_event
from channels.inbox.live import Feed, Told
from channels.inbox.pages import LOGIN
from tests.integration.inbox_site import PAGES, Site, list_forms, parse, title
from tests.integration.poison import BAD, SHORT, TAG, poison

READING = [page for page in PAGES if page.method == "GET" and page.path != "/inbox/live"]
SOURCES = "\n".join(path.read_text("utf-8") for path in sorted(Path(channels.inbox.__path__[0]).glob("*.py")))
QUERIES = sorted({"next", "token", *re.findall(r'query\(\s*"([a-z_]+)"', SOURCES)})
"""Names of parameters that pages read from their address."""
FREE_TEXTS = ("text", "name", "reason", "label", "note", "instruction")
ADDRESS_ATTRIBUTES = {"href", "src", "action", "formaction", "hx-get", "hx-post", "hx-push-url", "xlink:href", "data"}


@pytest.fixture(scope="module")
async def site(site: Site, detector: LanguageDetector) -> Site:
    """An inbox whose every text is an attack."""
    assert await poison(site, detector) > 40
    return site


def find_problems(answer: httpx.Response) -> list[str]:
    """Return what in an answer runs, or would if the policy let it, or was made by a bad text."""
    problems = [f"header {name}" for name, value in answer.headers.items() if f"<{TAG}" in value or "\n" in value]
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return problems if answer.headers.get("x-content-type-options") == "nosniff" else [*problems, "sniffable"]
    for element in parse(answer).iter():
        if isinstance(element.tag, str):
            problems += [f"<{element.tag}>: {problem}" for problem in _problems_of(element)]
    return problems


def _problems_of(element: Any) -> Iterator[str]:
    if element.tag in {TAG, "style", "iframe", "object", "embed", "base"}:
        yield "does not belong here"
    if element.tag == "script" and (element.text or not str(element.get("src")).startswith("/static/")):
        yield "script that is not a file of ours"
    if element.tag == "link" and not str(element.get("href")).startswith("/static/"):
        yield "file that is not ours"
    for name, value in element.attrib.items():
        if name.startswith(("on", "hx-on")) or name in {"style", "srcdoc", "hx-vars"} or TAG in name:
            yield f"attribute {name}"
        if name in ADDRESS_ATTRIBUTES and re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE):
            yield f"{name}={value[:40]}"
        if value == TAG or ("'" in name or '"' in name or "<" in name):
            yield f"attribute {name!r} made by a text"


@pytest.mark.parametrize("page", READING, ids=title)
async def test_stored_texts_are_inert(site: Site, page: Any) -> None:
    answer = await site.browsers["manager"].ask("GET", site.path(page))
    assert answer.status_code in {200, 204, 302, 303, 307, 404}
    assert find_problems(answer) == []


async def test_the_bad_texts_are_really_shown(site: Site) -> None:
    shown = {}
    for page in READING:
        answer = await site.browsers["manager"].ask("GET", site.path(page))
        if answer.headers.get("content-type", "").startswith("text/html"):
            shown[page.path] = " ".join(parse(answer).itertext()).count(f"<{TAG}")
    without = {path for path, count in shown.items() if not count}
    assert sum(shown.values()) > 50
    assert shown["/inbox/conversations/{id}"] >= 3
    assert len(without) < len(shown) / 2, without


@pytest.mark.parametrize("page", READING, ids=title)
async def test_texts_of_the_address_are_inert(site: Site, page: Any) -> None:
    for bad in (BAD, SHORT, "javascript:alert(1)", "2' or '1'='1"):
        query = str(httpx.QueryParams(dict.fromkeys(QUERIES, bad)))
        answer = await site.browsers["manager"].ask("GET", f"{site.path(page)}?{query}")
        assert answer.status_code < 500
        assert find_problems(answer) == []
        assert not answer.headers.get("location", "").lower().startswith(("javascript", "//", "http"))


@pytest.mark.parametrize("path", [LOGIN, f"{LOGIN}/link", f"{LOGIN}/callback"])
async def test_pages_for_those_who_are_not_signed_in_are_inert(site: Site, path: str) -> None:
    for bad in (BAD, "javascript:alert(1)"):
        query = str(httpx.QueryParams({"next": bad, "token": bad, "code": bad, "error_description": bad}))
        assert find_problems(await site.browsers["anonymous"].ask("GET", f"{path}?{query}")) == []


async def test_the_stream_of_events_tells_them_whole(site: Site) -> None:
    told = Told()
    feed = Feed(deps=site.deps, tenant_id=site.ours.tenant, listeners={told})
    reading = asyncio.create_task(feed.read())
    await feed.ready.wait()
    bad = f"event: signed-out\r\ndata: {BAD}\r\n\r\n"
    async with site.deps.db.tenant(site.ours.tenant) as tx:
        await insert_event(tx, site.ours.tenant, "note.added", actor=bad, conversation_id=site.ours.idle)
    change = await told.get()
    reading.cancel()
    assert "\n" not in change["data"]
    assert "\r" not in change["data"]
    assert [each["actor"] for each in json.loads(change["data"])] == [bad]


@pytest.mark.parametrize("page", READING, ids=title)
async def test_every_page_sends_the_headers_that_protect_it(site: Site, page: Any) -> None:
    headers = (await site.browsers["manager"].ask("GET", site.path(page))).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "form-action", "connect-src")} == {"'self'"}
    assert {policy[name] for name in ("frame-ancestors", "base-uri")} == {"'none'"}
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"same-origin", "no-referrer"}
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "no-store" in headers["cache-control"]
    assert "set-cookie" not in headers


async def test_what_forms_answer_to_bad_texts_is_inert(site: Site) -> None:
    # Last: what is erased, merged or locked out is so.
    for page in READING:
        answer = await site.browsers["manager"].ask("GET", site.path(page))
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        for form in list_forms(parse(answer), site.path(page)):
            for asked in (dict.fromkeys(form.fields, BAD), {**form.fields, **dict.fromkeys(FREE_TEXTS, SHORT)}):
                if str(site.members["manager"]) not in form.action:
                    browser = await site.sign_in("manager")
                    back = await browser.ask("POST", form.action, {**asked, "csrf": browser.csrf})
                    assert back.status_code < 500, form
                    assert find_problems(back) == [], form
