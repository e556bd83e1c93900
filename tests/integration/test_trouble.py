"""What somebody sees when something went wrong: a page in their language, a sentence in a part of one, JSON for
machines. Nothing of it needs the database."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from lxml import html  # type: ignore[import-untyped]  # ships no types
from starlette.requests import Request
from starlette.responses import Response

from agent.ports import StaffDeps
from agent.staff.members import Role
from agent.store.db import Database
from agent.tenant.file import TenantFile
from channels.inbox.pages import cookie_name
from channels.inbox.routes import build_inbox
from channels.web import SECURITY_HEADERS, create_app
from channels.webhooks import WebhookKeys
from jobs.queue import JobQueue
from tests.integration.staff import StaffBrowser, sign_in

PAGE = {"accept": "text/html,application/xhtml+xml"}
FRAGMENT = {"accept": "*/*", "hx-request": "true"}
LANGUAGES = {"en": "en-GB,en;q=0.9", "es": "es-MX,es;q=0.9,en;q=0.5", "pt": "pt-BR"}
NOBODYS = "00000000-0000-4000-8000-000000000000"


async def break_(request: Request) -> Response:
    """Fail, as only a mistake of ours can."""
    raise LookupError("a secret")


@pytest.fixture
async def gone() -> AsyncIterator[Database]:
    """A database behind a port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://nobody@127.0.0.1:{unused.getsockname()[1]}/none", must_answer=False)
        database.pool.timeout = 0.2
        await database.pool.open()
        yield database
        await database.pool.close()


def open_web(deps: StaffDeps) -> httpx.AsyncClient:
    """Return a browser at the application, where one page is broken."""
    app = create_app(deps, WebhookKeys(twilio=(), email=()), pages=[build_inbox(deps)])
    app.add_route("/inbox/broken", break_)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://agent.example")


async def hire(http: httpx.AsyncClient, deps: StaffDeps, tenant: TenantFile, language: str, role: Role) -> StaffBrowser:
    """Sign in a member who reads a language."""
    browser = await sign_in(http, deps, tenant.tenant.id, role=role)
    async with deps.db.tenant(tenant.tenant.id) as tx:
        await tx.execute("update members set language = %s where id = %s", (language, browser.member_id))
    return browser


def heading(answer: httpx.Response) -> str:
    """Return the heading of a page that is whole: a title, a language, and a way on."""
    page = html.document_fromstring(answer.content)
    assert page.findtext(".//title").endswith("· Nightshift")
    assert page.xpath("//main//a[@href='/inbox']")
    return str(page.findtext(".//h1"))


@pytest.mark.parametrize(
    ("path", "status", "titles"),
    [
        ("/inbox/nowhere", 404, {"en": "There is nothing here", "es": "Aquí no hay nada", "pt": "Aqui não há nada"}),
        ("/inbox/broken", 500, {"en": "That did not work", "es": "No ha funcionado", "pt": "Não deu certo"}),
    ],
    ids=["no such address", "a mistake of ours"],
)
async def test_whoever_asks_is_told_in_the_browsers_language(
    staff_deps: StaffDeps, path: str, status: int, titles: dict[str, str]
) -> None:
    async with open_web(staff_deps) as http:
        for language, accepted in LANGUAGES.items():
            answer = await http.get(path, headers={**PAGE, "accept-language": accepted})
            assert (answer.status_code, "a secret" in answer.text) == (status, False)
            assert heading(answer) == titles[language]
            assert f'<html lang="{language}">' in answer.text
            assert answer.headers["content-security-policy"] == SECURITY_HEADERS["content-security-policy"]


async def test_without_the_database_every_kind_of_reader_is_told_what_helps(
    staff_deps: StaffDeps, gone: Database
) -> None:
    away = replace(staff_deps, db=gone, queue=JobQueue(gone))
    async with open_web(away) as http:
        http.cookies.set(cookie_name(away), "a session")
        page = await http.get("/inbox", headers={**PAGE, "accept-language": LANGUAGES["es"]})
        assert (page.status_code, heading(page)) == (503, "Ahora mismo no")
        assert "No se puede acceder a la base de datos" in page.text
        assert 'href="/inbox">Volver a intentarlo' in page.text
        assert int(page.headers["retry-after"]) > 0
        part = await http.get("/inbox/queue/news", headers={**FRAGMENT, "accept-language": LANGUAGES["pt"]})
        assert (part.status_code, "<html" in part.text) == (503, False)
        assert "Não é possível acessar o banco de dados" in part.text
        machine = await http.get("/inbox")
        assert (machine.status_code, "nothing was stored" in machine.json()["error"]) == (503, True)


async def test_a_form_without_its_token_leads_back_to_its_page(staff_deps: StaffDeps, lumen: TenantFile) -> None:
    async with open_web(staff_deps) as http:
        ana = await hire(http, staff_deps, lumen, "es", "manager")
        came_from = {"referer": "https://agent.example/inbox/me?x=1"}
        answer = await ana.post("/inbox/sign-out", {"csrf": "another session's"}, **PAGE, **came_from)
        assert (answer.status_code, heading(answer)) == (403, "Se ha rechazado")
        assert "Esta página es demasiado antigua" in answer.text
        assert 'href="/inbox/me?x=1"' in answer.text
        elsewhere = await ana.post("/inbox/sign-out", {"csrf": "x"}, **PAGE, referer="https://evil.example/inbox/me")
        assert "evil.example" not in elsewhere.text
        part = await ana.post("/inbox/sign-out", {"csrf": "another session's"}, **FRAGMENT)
        assert (part.status_code, part.text.count("Esta página es demasiado antigua")) == (403, 1)
        assert "<html" not in part.text


async def test_what_is_refused_for_its_origin_size_or_role_says_so(staff_deps: StaffDeps, lumen: TenantFile) -> None:
    async with open_web(staff_deps) as http:
        eva = await hire(http, staff_deps, lumen, "pt", "viewer")
        foreign = {"sec-fetch-site": "cross-site", "accept-language": LANGUAGES["pt"]}
        refused = await eva.post("/inbox/me", None, **PAGE, **foreign)
        assert (refused.status_code, heading(refused)) == (403, "Isto foi recusado")
        assert "Este formulário só pode ser enviado da página em que está." in refused.text
        large = await eva.post("/inbox/me", {"name": "x" * 200_000}, **PAGE)
        assert (large.status_code, heading(large)) == (413, "É grande demais")
        assert "128 kilobytes" in large.text
        for headers, said in ((PAGE, "É preciso o papel “Gestor”"), (FRAGMENT, "É preciso o papel “Gestor”.")):
            answer = await eva.get("/inbox/settings", **headers)
            assert (answer.status_code, said in answer.text) == (403, True), answer.text


async def test_what_is_gone_is_a_page_for_members_and_a_sentence_for_scripts(
    staff_deps: StaffDeps, lumen: TenantFile
) -> None:
    async with open_web(staff_deps) as http:
        ana = await hire(http, staff_deps, lumen, "es", "reviewer")
        page = await ana.get(f"/inbox/conversations/{NOBODYS}", **PAGE)
        assert (page.status_code, heading(page)) == (404, "Aquí no hay nada")
        assert "No existe esa conversación." in page.text
        part = await ana.get(f"/inbox/conversations/{NOBODYS}/head", **FRAGMENT)
        assert part.text.strip() == '<p class="problem" role="alert">No existe esa conversación.</p>'
