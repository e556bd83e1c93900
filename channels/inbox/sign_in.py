"""Signing in and out. A one-time link, which the command line prints, opens a session; its secret works once.

The link leads to a page with a button: what merely looks at links (a chat's preview, a mail scanner) uses none up.
"""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from fastapi import APIRouter
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from agent.ports import StaffDeps
from agent.staff.members import Member
from agent.store.events import insert_event
from agent.store.sessions import LONGEST, count_attempt, end_session, end_sessions, insert_session, use_signin_link
from channels.inbox.pages import LOGIN, Page, add_pages, cookie_name, find_visitor
from channels.inbox.visit import HEADERS, Visit
from channels.inbox.words import best_language
from channels.origin import require_same_origin
from channels.webhooks import read_body

HOME = "/inbox"
WANTED_LIFE = timedelta(hours=1)
"""How long it is remembered where somebody wanted to go before they were asked to sign in."""
PER_ADDRESS, WITHIN = 30, timedelta(minutes=10)
"""How often one network address may try to sign in: it may be a whole office's."""
MAX_BYTES = 4096


class SignIn:
    """The pages of those who are not signed in yet."""

    def __init__(self, deps: StaffDeps, templates: Mapping[str, Environment]) -> None:
        self._deps = deps
        self._templates = templates
        self._wanted = f"{cookie_name(deps)}-next"
        """Holds where somebody wanted to go: a one-time link cannot say it."""

    async def ask(self, request: Request) -> Response:
        """Say how to sign in; whoever is signed in goes on."""
        target = request.query_params.get("next", "")[:1000]
        if await find_visitor(request, self._deps):
            return RedirectResponse(safe_path(target), status_code=303, headers=HEADERS)
        answer = self.page(request, "sign_in.html")
        if target:
            self._set_cookie(answer, self._wanted, quote(target, safe=""), WANTED_LIFE)
        return answer

    async def show_link(self, request: Request) -> Response:
        """Show the button that uses a link up."""
        return self.page(request, "sign_in_link.html", secret=request.query_params.get("token", "")[:100])

    async def use_link(self, request: Request) -> Response:
        """Begin a session with a one-time link. A good one works however many others have guessed."""
        form = await read_plain_form(request)
        member = await use_signin_link(self._deps.db, form.get("token", ""), self._deps.now())
        if member is None:
            often = await self.is_too_often(request)
            return self.page(
                request, "sign_in.html", status=429 if often else 400, problem="often" if often else "link"
            )
        return await self.begin(request, member, "link")

    async def begin(self, request: Request, member: Member, how: str, *, target: str = "") -> Response:
        """Begin a session of a member, with a fresh secret: what the browser had before is worth nothing."""
        deps = self._deps
        async with deps.db.tenant(member.tenant_id) as tx:
            secret = await insert_session(tx, member, request.headers.get("user-agent", ""), deps.now())
            await insert_event(tx, member.tenant_id, "member.signed_in", actor=member.actor, data={"how": how})
        target = target or request.query_params.get("next", "") or unquote(request.cookies.get(self._wanted, ""))
        answer = RedirectResponse(safe_path(target), status_code=303, headers=HEADERS)
        self._set_cookie(answer, cookie_name(deps), secret, LONGEST)
        self._set_cookie(answer, self._wanted, "", timedelta())
        return answer

    def _set_cookie(self, answer: Response, name: str, value: str, life: timedelta) -> None:
        answer.set_cookie(
            name,
            value,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self._deps.settings.public_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )

    async def is_too_often(self, request: Request) -> bool:
        """Count an attempt of the network address that asks; whether there were too many."""
        return await self.is_used_up(f"address:{network_of(request)}", PER_ADDRESS)

    async def is_used_up(self, subject: str, most: int) -> bool:
        """Count an attempt; whether there were more than `most` by or about `subject` lately."""
        async with self._deps.db.system() as tx:
            return await count_attempt(tx, subject, self._deps.now(), within=WITHIN) > most

    def page(self, request: Request, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a page for somebody who is not signed in, in the language their browser asks for."""
        language = best_language(request.headers.get("accept-language", ""))
        shown = {
            "language": language,
            "has_accounts": self._deps.settings.has_staff_accounts,
            "target": request.query_params.get("next", "")[:1000],
            "problem": "",
            "email": "",
            **values,
        }
        content = self._templates[language].get_template(f"inbox/{template}").render(shown)
        return HTMLResponse(content, status_code=status, headers=HEADERS)


async def sign_out(visit: Visit) -> Response:
    """End this session, or with `everywhere` all of the member's."""
    deps, member = visit.deps, visit.member
    async with deps.db.tenant(member.tenant_id) as tx:
        if visit.field("everywhere"):
            await end_sessions(tx, member.id)
        else:
            await end_session(tx, visit.session.id)
        await insert_event(tx, member.tenant_id, "member.signed_out", actor=member.actor)
    answer = visit.go(LOGIN)
    answer.delete_cookie(
        cookie_name(deps), path="/", secure=deps.settings.public_url.startswith("https:"), httponly=True
    )
    return answer


def network_of(request: Request) -> str:
    """Return from where somebody asks: of IPv6 the first half, because whoever has one address has 2^64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


async def read_plain_form(request: Request) -> Mapping[str, str]:
    """Read a form of somebody who is not signed in.

    Raises:
        BadRequest: it is too large, or (status 403) another site had the browser send it.
    """
    require_same_origin(request)
    return dict(parse_qsl((await read_body(request, MAX_BYTES)).decode("utf-8", errors="replace")))


def safe_path(target: str) -> str:
    """Return where to go after signing in: a path of the inbox, never another site."""
    parts = urlsplit(target)
    is_ours = not parts.scheme and not parts.netloc and parts.path.split("/")[1:2] == ["inbox"] and "\\" not in target
    return target if is_ours and not target.startswith("//") else HOME


def build_sign_in(deps: StaffDeps, templates: Mapping[str, Environment], sign_in: SignIn) -> APIRouter:
    """Build the routes of sign-in by one-time link, and of sign-out."""
    router = APIRouter()
    router.add_route(LOGIN, sign_in.ask, methods=["GET"], include_in_schema=False)
    router.add_route(f"{LOGIN}/link", sign_in.show_link, methods=["GET"], include_in_schema=False)
    router.add_route(f"{LOGIN}/link", sign_in.use_link, methods=["POST"], include_in_schema=False)
    add_pages(router, [Page(method="POST", path="/inbox/sign-out", answer=sign_out)], deps, templates)
    return router
