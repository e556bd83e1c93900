"""Signing in and out. A one-time link, which the command line prints, opens a session; its secret works once.

The link leads to a page with a button: what merely looks at links (a chat's preview, a mail scanner) uses none up.
"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from agent.members import Member
from agent.ports import StaffDeps
from agent.store.events import insert_event
from agent.store.sessions import LONGEST, count_attempt, end_session, end_sessions, insert_session, use_signin_link
from channels.inbox.pages import LOGIN, Page, add_pages, cookie_name, find_visitor
from channels.inbox.visit import HEADERS, Visit
from channels.inbox.words import best_language
from channels.origin import require_same_origin
from channels.webhooks import read_body

HOME = "/inbox"
MAX_ATTEMPTS, WITHIN = 10, timedelta(minutes=10)
"""How often one network address may try to sign in."""
MAX_BYTES = 4096


class SignIn:
    """The pages of those who are not signed in yet."""

    def __init__(self, deps: StaffDeps, templates: Mapping[str, Environment]) -> None:
        self._deps = deps
        self._templates = templates

    async def ask(self, request: Request) -> Response:
        """Say how to sign in; whoever is signed in goes on."""
        if await find_visitor(request, self._deps):
            return RedirectResponse(safe_path(request.query_params.get("next", "")), status_code=303, headers=HEADERS)
        return self._page(request, "sign_in.html")

    async def show_link(self, request: Request) -> Response:
        """Show the button that uses a link up."""
        return self._page(request, "sign_in_link.html", secret=request.query_params.get("token", "")[:100])

    async def use_link(self, request: Request) -> Response:
        """Begin a session with a one-time link."""
        require_same_origin(request)
        form = dict(parse_qsl((await read_body(request, MAX_BYTES)).decode("utf-8", errors="replace")))
        if await self._is_too_often(request):
            return self._page(request, "sign_in.html", status=429, problem="often")
        member = await use_signin_link(self._deps.db, form.get("token", ""), self._deps.now())
        if member is None:
            return self._page(request, "sign_in.html", status=400, problem="link")
        return await self.begin(request, member, "link")

    async def begin(self, request: Request, member: Member, how: str) -> Response:
        """Begin a session of a member, with a fresh secret: what the browser had before is worth nothing."""
        deps = self._deps
        async with deps.db.tenant(member.tenant_id) as tx:
            secret = await insert_session(tx, member, request.headers.get("user-agent", ""), deps.now())
            await insert_event(tx, member.tenant_id, "member.signed_in", actor=member.actor, data={"how": how})
        answer = RedirectResponse(safe_path(request.query_params.get("next", "")), status_code=303, headers=HEADERS)
        answer.set_cookie(
            cookie_name(deps),
            secret,
            max_age=int(LONGEST.total_seconds()),
            path="/",
            secure=deps.settings.public_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
        return answer

    async def _is_too_often(self, request: Request) -> bool:
        host = request.client.host if request.client else ""
        async with self._deps.db.system() as tx:
            return await count_attempt(tx, f"address:{host}", self._deps.now(), within=WITHIN) > MAX_ATTEMPTS

    def _page(self, request: Request, template: str, *, status: int = 200, **values: object) -> Response:
        language = best_language(request.headers.get("accept-language", ""))
        content = (
            self._templates[language]
            .get_template(f"inbox/{template}")
            .render(language=language, **{"problem": "", **values})
        )
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


def safe_path(target: str) -> str:
    """Return where to go after signing in: a path of the inbox, never another site."""
    parts = urlsplit(target)
    is_ours = not parts.scheme and not parts.netloc and parts.path.split("/")[1:2] == ["inbox"] and "\\" not in target
    return target if is_ours and not target.startswith("//") else HOME


def build_sign_in(deps: StaffDeps, templates: Mapping[str, Environment]) -> APIRouter:
    """Build the routes of sign-in and sign-out."""
    router, sign_in = APIRouter(), SignIn(deps, templates)
    router.add_route(LOGIN, sign_in.ask, methods=["GET"], include_in_schema=False)
    router.add_route(f"{LOGIN}/link", sign_in.show_link, methods=["GET"], include_in_schema=False)
    router.add_route(f"{LOGIN}/link", sign_in.use_link, methods=["POST"], include_in_schema=False)
    add_pages(router, [Page(method="POST", path="/inbox/sign-out", answer=sign_out)], deps, templates)
    return router
