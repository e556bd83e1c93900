"""How pages of the inbox are served: who may open which, and what becomes of those who may not.

`Page` is a row of the table in `routes.py`: a method, a path, the function that answers, and the least role. What a
role may do is enforced a second time, by the database (`Visit.tx`).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from fastapi import APIRouter
from jinja2 import Environment
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.errors import BadRequest
from agent.ports import StaffDeps
from agent.staff.members import Role
from agent.store.sessions import Session, find_session
from channels.inbox.navigation import N_
from channels.inbox.sentences import explain, say
from channels.inbox.visit import HEADERS, MAX_FORM_BYTES, Visit, read_form
from channels.inbox.words import LANGUAGES, Language, load_translations
from channels.origin import require_same_origin
from channels.pages import build_templates

Answer = Callable[[Visit], Awaitable[Response]]
LOGIN = "/inbox/sign-in"


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """An address of the inbox."""

    method: Literal["GET", "POST"]
    path: str
    answer: Answer
    role: Role = "viewer"
    max_bytes: int = MAX_FORM_BYTES
    """What may be sent to it; more than a form may have: a file."""


def build_environments() -> Mapping[str, Environment]:
    """Return the templates' environment of each interface language."""
    environments: dict[str, Environment] = {}
    for language in LANGUAGES:
        environment = build_templates()
        environment.add_extension("jinja2.ext.i18n")
        translations = load_translations(language)
        environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # by the extension
        environment.globals["_"] = build_say(language)
        environment.globals["explain"] = partial(explain, language=language)
        environments[language] = environment
    return environments


def build_say(language: Language) -> Callable[..., str]:
    """Return what templates call `_`: a message, or a sentence of the agent's, in a language, as plain text.

    The extension's own marks what it returns as safe, also what is no message of ours: a text of a stranger that is
    said to be one would be markup. (`{% trans %}` blocks are ours, and stay the extension's.)
    """

    def gettext(message: str, **values: object) -> str:
        said = say(message, language)
        return said % values if values else said

    return gettext


def cookie_name(deps: StaffDeps) -> str:
    """Return the session cookie's name; over HTTPS the browser guarantees that no other host has set it."""
    return "__Host-nightshift" if deps.settings.public_url.startswith("https:") else "nightshift"


async def find_visitor(request: Request, deps: StaffDeps) -> Session | None:
    """Return the session of the browser that asks; None: nobody is signed in.

    What a page asks for by itself, because something has happened, is no use of a session: else none were ever idle.
    """
    secret = request.cookies.get(cookie_name(deps), "")
    is_use = request.headers.get("x-by-itself") is None and not _wants_stream(request)
    return await find_session(deps.db, secret, deps.now(), is_use=is_use) if secret else None


def _wants_stream(request: Request) -> bool:
    return request.headers.get("accept") == "text/event-stream"


def add_pages(router: APIRouter, pages: Iterable[Page], deps: StaffDeps, templates: Mapping[str, Environment]) -> None:
    """Serve pages to signed-in members who have their role."""
    for page in pages:
        router.add_route(page.path, _endpoint(page, deps, templates), methods=[page.method], include_in_schema=False)


def _endpoint(
    page: Page, deps: StaffDeps, templates: Mapping[str, Environment]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if page.method == "POST":
            require_same_origin(request)
        session = await find_visitor(request, deps)
        if session is None:
            return _ask_to_sign_in(request)
        visit = Visit(request=request, session=session, deps=deps, templates=templates, form={})
        try:
            if page.method == "POST":
                form, content = await read_form(request, session, page.max_bytes)
                visit = replace(visit, form=form, content=content)
            if not session.member.may(page.role):
                return _refuse(visit, page.role)
            return await page.answer(visit)
        except BadRequest as exc:
            return _tell(visit, exc)

    return endpoint


def _refuse(visit: Visit, role: Role) -> Response:
    if not visit.is_fragment:
        return visit.page("refused.html", status=403, role=role)
    error = visit.say(N_("This takes the role “%(role)s”.")) % {"role": visit.say(role.capitalize())}
    return visit.page("_error.html", status=403, error=error)


def _tell(visit: Visit, exc: BadRequest) -> Response:
    """Say what was wrong with what somebody sent, with a way back to where they were."""
    error = visit.say(str(exc))
    if visit.is_fragment:
        return visit.page("_error.html", status=exc.status, error=error)
    came_from = urlsplit(visit.request.headers.get("referer", ""))
    is_ours = came_from.netloc == visit.request.url.netloc and came_from.path != visit.request.url.path
    back = urlunsplit(("", "", came_from.path, came_from.query, "")) if is_ours else ""
    return visit.page("error.html", status=exc.status, error=error, back=back)


def _ask_to_sign_in(request: Request) -> Response:
    """Lead to the sign-in and back; a part of a page, or its stream of changes, asks its page to do so."""
    if _wants_stream(request):
        return Response("event: signed-out\ndata:\n\n", media_type="text/event-stream", headers=HEADERS)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={**HEADERS, "hx-redirect": LOGIN})
    # What a form was sent to cannot be opened; the page that it stands on can.
    at = request.url if request.method == "GET" else URL(request.headers.get("referer", ""))
    target = at.path + (f"?{at.query}" if at.query else "")
    return RedirectResponse(f"{LOGIN}?next={quote(target, safe='')}", status_code=303, headers=HEADERS)
