"""A request of somebody signed in: who they are, what they sent, their transactions, and the page they get back."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from secrets import compare_digest
from urllib.parse import parse_qsl
from uuid import UUID

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from agent.errors import BadRequest
from agent.ports import StaffDeps
from agent.staff.members import Member
from agent.store.db import Tx
from agent.store.sessions import Session
from channels.inbox.keys import list_keys
from channels.inbox.navigation import N_, list_navigation
from channels.inbox.sentences import say
from channels.inbox.words import Reader, language_of, load_translations
from channels.webhooks import read_body

MAX_FORM_BYTES = 128 * 1024
HEADERS = {
    "cache-control": "no-store",
    # Forms posted from a page with `no-referrer` carry the origin `null`, which looks like a stranger's.
    "referrer-policy": "same-origin",
}
TOO_LARGE = N_("That is larger than %(limit)s kilobytes, which is as much as is taken at once.")

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request of a member, and all that is needed to answer it."""

    request: Request
    session: Session
    deps: StaffDeps
    templates: Mapping[str, Environment]
    """By language."""
    form: Form
    """What was sent with it; empty unless it is a form. The token has been checked."""
    content: bytes = b""
    """The file that was sent, to a page that takes one."""

    @property
    def member(self) -> Member:
        """Who asks."""
        return self.session.member

    @property
    def reader(self) -> Reader:
        """For whom values are written out."""
        return Reader(member=self.member, now=self.deps.now())

    @property
    def is_fragment(self) -> bool:
        """Whether a part of a page is asked for, by the page's script."""
        return self.request.headers.get("hx-request") == "true"

    def tx(self) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction in the member's name: it may do no more than they may."""
        return self.deps.db.member(self.member.tenant_id, self.member.id)

    def path_id(self, name: str) -> UUID:
        """Return an id of the address.

        Raises:
            BadRequest: with status 404, if it is none.
        """
        try:
            return UUID(self.request.path_params[name])
        except ValueError as exc:
            raise BadRequest("There is no such thing here.", status=404) from exc

    def field(self, name: str, *, longest: int = 4000) -> str:
        """Return a field of the form, trimmed; empty if it was not sent.

        Raises:
            BadRequest: it is too long.
        """
        text = (self.form.get(name) or [""])[-1].replace("\r\n", "\n").strip()
        if len(text) > longest:
            said = self.say(N_("“%(name)s” has %(length)s characters; at most %(longest)s fit."))
            raise BadRequest(said % {"name": name, "length": len(text), "longest": longest}, status=413)
        return text

    def query(self, name: str, default: str = "", *, longest: int = 200) -> str:
        """Return a parameter of the address, cut to `longest` characters."""
        return self.request.query_params.get(name, default)[:longest]

    def query_id(self, name: str) -> UUID | None:
        """Return an id given as a parameter of the address; None: none was, or it is no id."""
        try:
            return UUID(self.query(name))
        except ValueError:
            return None

    def say(self, message: str) -> str:
        """Return a message, or a sentence of the agent's, in the member's language, for where no template says it."""
        return say(message, self.reader.language)

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Render a template of `templates/inbox` in the member's language."""
        content = self.render(template, status=status, **values)
        return HTMLResponse(content, status_code=status, headers=HEADERS)

    def render(self, template: str, **values: object) -> str:
        """Render a template of `templates/inbox` to text."""
        environment = self.templates[self.reader.language]
        return environment.get_template(f"inbox/{template}").render(
            member=self.member,
            session=self.session,
            reader=self.reader,
            path=self.request.url.path,
            navigation=list_navigation(self.member),
            keys=list_keys(self.member),
            **values,
        )

    def go(self, path: str) -> Response:
        """Send the browser on after a form."""
        return RedirectResponse(path, status_code=303, headers=HEADERS)


async def read_form(request: Request, session: Session, limit: int = MAX_FORM_BYTES) -> tuple[Form, bytes]:
    """Read a form of a signed-in browser, or a file, and make sure that it comes from a page of that session.

    Raises:
        BadRequest: it is too large, or (status 403) its token is missing or another session's.
    """
    try:
        body = await read_body(request, limit)
    except BadRequest as exc:
        say = load_translations(language_of(session.member)).gettext
        raise BadRequest(say(TOO_LARGE) % {"limit": limit // 1024}, status=exc.status) from exc
    form: dict[str, list[str]] = {}
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    fields = body[:MAX_FORM_BYTES] if is_form or limit == MAX_FORM_BYTES else b""
    for name, value in parse_qsl(fields.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=2000):
        form.setdefault(name, []).append(value)
    token = request.headers.get("x-csrf-token") or (form.get("csrf") or [""])[0]
    if not compare_digest(token.encode(), session.csrf_token.encode()):
        raise BadRequest("This page is too old. Reload it and try again; what you wrote is kept.", status=403)
    return form, b"" if is_form else body
