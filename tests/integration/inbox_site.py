"""The inbox as tests of its security see it: two tenants with rows in every table, a browser for everybody who might
ask, and every address there is, taken from the router's own table. A page that is added is tested without further ado.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from lxml import html  # type: ignore[import-untyped]  # ships no types
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.ports import StaffDeps
from agent.settings import Settings
from agent.staff.members import Role
from agent.store.db import Database, Tx, fetch_one
from agent.store.members import disable_member, find_member, insert_member
from agent.store.sessions import insert_session
from agent.store.tenants import TenantCache, update_published
from agent.tenant.file import parse_tenant_file
from agent.types import MemberId, TenantId
from channels.inbox.live import Feeds
from channels.inbox.pages import Page, cookie_name
from channels.inbox.routes import build_inbox, list_pages
from channels.inbox.sign_in import sign_out
from channels.web import create_app
from channels.webhooks import WebhookKeys
from jobs.queue import JobQueue
from tests.conftest import CreateDatabase, FakeClock
from tests.integration.tenant_rows import AT, Rows, insert_rows, list_tables, list_tenant_tables

URL = "https://agent.example"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
TENANT_FILES = Path(__file__).parents[2] / "agent" / "example_tenants"
ONE_PROCESS = "-c max_parallel_workers_per_gather=0"
"""Options of who compares all rows: for a digest of so many tables, PostgreSQL starts processes that do little."""
PAGES: Sequence[Page] = (
    *list_pages(Feeds(cast("StaffDeps", None))),  # only asked for its addresses
    Page(method="POST", path="/inbox/sign-out", answer=sign_out),
)

THINGS: Mapping[str, str] = {
    "conversations/{id}": "select id from conversations where turn_state = 'idle'",
    "messages/{id}": "select id from messages where provider_id = '<read@x>'",
    "media/{id}": "select id from media where state = 'stored'",
    "review/{request}": "select id from escalations where state = 'open'",
    "undo/{message}": "select id from messages where provider_id is null and state = 'pending'",
    "views/{view}": "select id from saved_views",
    "contacts/{contact}": "select id from contacts where name like 'Prospect%'",
    "items/{sku}": "select sku from catalogue_items order by position",
    "catalogue/{kind}": "select 'facts'",
    "{kind}/{key}": "select key from passages where kind = 'fact' and key not in ('offer', 'contact') order by key",
    "changes/{change}": "select id from settings_changes",
    "runs/{run}": "select id from turns where state = 'done'",
    "evaluation/{run}": "select id from eval_runs where state = 'done'",
    "cases/{case}": "select id from eval_items",
    "members/{member}": "select id from members",
    "sessions/{session}": "select id from staff_sessions",
}
"""What an id in an address is one of, by the word before it and its own name: how to find one of a tenant's."""


@dataclass(slots=True, kw_only=True)
class Browser:
    """Somebody's browser."""

    site: "Site"
    who: str
    cookie: str = ""
    csrf: str = ""

    async def ask(
        self, method: str, path: str, form: Mapping[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """Open a page, or send a form as a page of this session would."""
        self.site.http.cookies.clear()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**SAME_ORIGIN, **({"cookie": self.cookie} if self.cookie else {}), **named}
        if method == "GET":
            return await self.site.http.get(path, headers=sent)
        body = urlencode({"csrf": self.csrf, **(form or {})}, doseq=True)
        sent["content-type"] = "application/x-www-form-urlencoded"
        return await self.site.http.post(path, content=body, headers=sent)


@dataclass(slots=True, kw_only=True)
class Site:
    """The application over a database with two tenants."""

    deps: StaffDeps
    http: httpx.AsyncClient
    admin: Tx
    ours: Rows
    other: Rows
    ids: dict[str, str]
    """One of our tenant's for each of `THINGS`."""
    browsers: dict[str, Browser] = field(default_factory=dict)
    members: dict[str, MemberId] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    """Queries: of all rows, and of our tenant's."""

    async def sign_in(self, who: str) -> Browser:
        """Begin a session of one of the members: also of one whose browser has been signed out."""
        tenant = self.other.tenant if who.startswith("other") else self.ours.tenant
        async with self.deps.db.tenant(tenant) as tx:
            member = await find_member(tx, self.members[who])
            if member is None:
                raise LookupError(f"{who} may not sign in")
            secret = await insert_session(tx, member, "test", self.deps.now())
            row = await fetch_one(tx, "select csrf_token from staff_sessions order by id desc limit 1")
        if row is None:
            raise LookupError("there is no session")
        cookie = f"{cookie_name(self.deps)}={secret}"
        self.browsers[who] = Browser(site=self, who=who, cookie=cookie, csrf=row["csrf_token"])
        return self.browsers[who]

    def path(self, page: Page, *, instead: str = "") -> str:
        """Return a page's address with ids of our tenant's rows, or with something else in their place."""
        kinds = {name for name, query in THINGS.items() if " from " not in query}  # words of an address, not ids
        ids = {name: instead if instead and name not in kinds else each for name, each in self.ids.items()}
        return fill(page.path, ids)

    async def digest(self) -> str:
        """Return a digest of every row of every table, whoever's it is: to compare before and after."""
        return await self._digest("all")

    async def our_digest(self) -> str:
        """Return a digest of our tenant's rows."""
        return await self._digest("ours")

    async def _digest(self, whose: str) -> str:
        row = await fetch_one(self.admin, self.digests[whose])
        return "" if row is None else str(row["digest"])


def fill(path: str, ids: Mapping[str, str]) -> str:
    """Put ids into an address.

    Raises:
        LookupError: it has a parameter that this suite knows nothing of.
    """

    words = path.split("/")
    for place, (before, word) in enumerate(pairwise(path.split("/")), start=1):
        if word.startswith("{"):
            if f"{before}/{word}" not in ids:
                raise LookupError(f"say in inbox_site.THINGS what “{before}/{word}” in {path} is one of")
            words[place] = ids[f"{before}/{word}"]
    return "/".join(words)


def title(page: Page) -> str:
    """Return a page's name in the output of tests."""
    return f"{page.method} {page.path}"


def higher(role: Role, than: Role) -> bool:
    """Whether a role may more than another."""
    ranks = ("viewer", "reviewer", "manager")
    return ranks.index(role) > ranks.index(than)


def end_streams(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that a stream of events ends after what it says first: its browser goes away."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        over = asyncio.Event()
        is_stream = False

        async def send_until_over(message: Message) -> None:
            nonlocal is_stream
            if message["type"] == "http.response.start":
                is_stream = any(value.startswith(b"text/event-stream") for _, value in message["headers"])
            elif is_stream and message.get("body"):
                await send({**message, "more_body": False})
                over.set()
                return
            if not over.is_set():
                await send(message)

        answering = asyncio.ensure_future(app(scope, receive, send_until_over))
        ended = asyncio.create_task(over.wait())
        await asyncio.wait({answering, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if answering.done():
            answering.result()
        else:
            answering.cancel()
            await asyncio.wait({answering})

    return wrapped


@asynccontextmanager
async def open_site(create_database: CreateDatabase, detector: LanguageDetector, home: Path) -> AsyncIterator[Site]:
    """Open the application over a database of its own, which is dropped afterwards."""
    with create_database() as urls:
        async with (
            Database(urls.app_url, max_size=4) as db,
            await AsyncConnection.connect(
                urls.admin_url, autocommit=True, row_factory=dict_row, options=ONE_PROCESS
            ) as admin,
        ):
            deps = await _build_deps(db, detector, home)
            app = create_app(deps, WebhookKeys(twilio=(), email=()), pages=[build_inbox(deps)])
            transport = httpx.ASGITransport(end_streams(app))  # what fails in the application fails the test
            async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
                yield await _populate(deps, http, admin)


async def _build_deps(db: Database, detector: LanguageDetector, home: Path) -> StaffDeps:
    settings = Settings(_env_file=None, nightshift_home=home, nightshift_public_url=URL)
    queue = JobQueue(db)
    await queue.open()
    return StaffDeps(
        settings=settings,
        db=db,
        tenants=TenantCache(),
        queue=queue,
        now=FakeClock(AT),
        rules=build_rules(detector.detect),
    )


async def _populate(deps: StaffDeps, http: httpx.AsyncClient, admin: Tx) -> Site:
    """Fill the database, and sign everybody in."""
    rows = []
    for slug, example in {"ours": "lumen", "other": "verdesolar"}.items():
        async with deps.db.system() as tx, tx.transaction():
            rows.append(await insert_rows(tx, slug))
            file = (TENANT_FILES / f"{example}.yaml").read_text().replace(f"slug: {example}", f"slug: {slug}")
            await update_published(tx, parse_tenant_file(file))
    ours, other = rows
    site = Site(deps=deps, http=http, admin=admin, ours=ours, other=other, ids=await _find(deps.db, ours.tenant))
    site.digests = await _digest_queries(admin, ours.tenant)
    wanted: dict[str, Role] = {"viewer": "viewer", "reviewer": "reviewer", "manager": "manager", "disabled": "manager"}
    for who, role in wanted.items():
        async with deps.db.tenant(ours.tenant) as tx:
            site.members[who] = await insert_member(
                tx, ours.tenant, email=f"{who}@ours.example", name=f"The {who}", role=role
            )
    async with deps.db.tenant(other.tenant) as tx:
        site.members["other manager"] = await insert_member(
            tx, other.tenant, email="manager@other.example", name="The stranger", role="manager"
        )
    for who in site.members:
        await site.sign_in(who)
    async with deps.db.tenant(ours.tenant) as tx:
        await disable_member(tx, site.members["disabled"], deps.now())
    site.browsers["anonymous"] = Browser(site=site, who="anonymous")
    return site


async def _find(db: Database, tenant: TenantId) -> dict[str, str]:
    found = {}
    async with db.tenant(tenant) as tx:
        for name, query in THINGS.items():
            row = await fetch_one(tx, f"{query} limit 1".encode())
            if row is None:
                raise LookupError(f"{name}: the tenant has none")
            found[name] = str(next(iter(row.values())))
    return found


async def _digest_queries(admin: Tx, tenant: TenantId) -> dict[str, bytes]:
    tables = [f"public.{table}" for table in await list_tables(admin)] + ["jobs.procrastinate_jobs"]
    owned = {f"public.{table}": column for table, column in (await list_tenant_tables(admin)).items()}
    return {
        "all": _digest_query(dict.fromkeys(tables, "")),
        "ours": _digest_query({table: f"where {column} = '{tenant}'" for table, column in owned.items()}),
    }


def _digest_query(wheres: Mapping[str, str]) -> bytes:
    """Return a query that makes one line of tables, each with a digest of its rows: what differs can be read off."""
    each = " union all ".join(
        f"""select '{table}' as t, md5(coalesce(string_agg(md5(r::text), '' order by md5(r::text)), '')) as d
            from {table} r {where}"""
        for table, where in wheres.items()
    )
    return f"select string_agg(t || ':' || left(d, 6), ' ' order by t) as digest from ({each}) x".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of a page, with one of its buttons pressed."""

    action: str
    fields: Mapping[str, Sequence[str]]


def list_forms(page: Any, path: str) -> list[Form]:
    """Return what the forms of a page would send: each once for every button that says something."""
    forms = []
    for form in page.iter("form"):
        fields: dict[str, list[str]] = {}
        for name, value in form.fields.items():
            fields[name] = [value if value else "1"]
        buttons = [each for each in form.iter("button") if each.get("name")] or [None]
        for button in buttons:
            pressed = {str(button.get("name")): [str(button.get("value", ""))]} if button is not None else {}
            action = (button.get("formaction") if button is not None else None) or form.action or path
            if form.method == "POST":
                forms.append(Form(action=action, fields={**fields, **pressed}))
    asked = [part.get("hx-post") for part in page.iter() if isinstance(part.tag, str) and part.get("hx-post")]
    return [*forms, *(Form(action=path, fields={}) for path in asked)]


def parse(answer: httpx.Response) -> Any:
    """Read an answer as a browser would."""
    return html.document_fromstring(answer.content or b"<p></p>")
