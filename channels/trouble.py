"""What is answered when something went wrong before a page could say so itself: the database is away, the address
leads nowhere, a form came from another site, we failed.

People get a page in their browser's language, a page's script gets a sentence, machines get JSON. None needs the
database.
"""

from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus

import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agent.errors import BadRequest
from channels.inbox.navigation import N_
from channels.inbox.pages import build_environments
from channels.inbox.words import Language, best_language, load_translations
from channels.intake import NotKept

AWAY = N_("The database cannot be reached; nothing was stored. Try again.")
NOT_KEPT = N_("Neither the database nor the disk can take this; nothing was stored. Try again.")
BROKEN = N_("Something broke on our side, and it has been recorded. Try again; if it stays, say when it happened.")
HELP: Mapping[int, str] = {
    403: N_("It was refused. Open the page anew and try again."),
    404: N_("The address is wrong, or what it led to has been removed."),
    405: N_("The address is wrong, or what it led to has been removed."),
    413: N_("That is too large to be taken."),
    429: N_("Too many attempts. Wait ten minutes and try again."),
}
"""What is told where the error's own words are only known in English."""

log = structlog.get_logger(__name__)


class Troubles:
    """Answers what went wrong."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """`headers`: what an answer needs that no middleware sees."""
        self._headers = headers

    @cached_property
    def _templates(self) -> Mapping[str, Environment]:
        return build_environments()

    def add_to(self, app: FastAPI) -> None:
        """Have an application answer its errors this way."""
        app.add_exception_handler(BadRequest, self._refuse)
        app.add_exception_handler(HTTPException, self._no_such_page)
        app.add_exception_handler(NotKept, self._not_kept)
        app.add_exception_handler(psycopg.OperationalError, self._database_away)
        # The server has cut us off because our process stood still: psycopg calls that an internal error.
        app.add_exception_handler(psycopg.errors.IdleInTransactionSessionTimeout, self._database_away)
        app.add_exception_handler(ClientDisconnect, self._hung_up)
        app.add_exception_handler(Exception, self._broken)

    async def _refuse(self, request: Request, exc: Exception) -> Response:
        status = exc.status if isinstance(exc, BadRequest) else 400
        log.info("webhook.refused", path=request.url.path, status=status, error=type(exc).__name__)
        return self._answer(request, status, str(exc))

    async def _no_such_page(self, request: Request, exc: Exception) -> Response:
        if not isinstance(exc, HTTPException):
            raise exc
        if not wants_words(request):
            return await http_exception_handler(request, exc)
        return self._answer(request, exc.status_code, str(exc.detail), exc.headers or {})

    async def _not_kept(self, request: Request, exc: Exception) -> Response:
        log.error("web.not_kept", path=request.url.path, error=str(exc))
        return self._answer(request, 503, NOT_KEPT, {"retry-after": "30"})

    async def _database_away(self, request: Request, exc: Exception) -> Response:
        log.error("web.database_away", path=request.url.path, error=type(exc).__name__)
        return self._answer(request, 503, AWAY, {"retry-after": "5"})

    async def _hung_up(self, request: Request, exc: Exception) -> Response:
        """Nobody reads this: whoever asked went away before they had said all."""
        log.info("web.hung_up", path=request.url.path, error=type(exc).__name__)
        return Response(status_code=400)

    async def _broken(self, request: Request, exc: Exception) -> Response:
        """Apologise; the server records the exception, which goes on to it."""
        log.error("web.broken", path=request.url.path, error=type(exc).__name__)
        return self._answer(request, 500, BROKEN, self._headers)

    def _answer(
        self, request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        headers = {"cache-control": "no-store", **(headers or {})}
        if not wants_words(request):
            return JSONResponse({"error": message}, status_code=status, headers=headers)
        language = best_language(request.headers.get("accept-language", ""))
        name = "_error.html" if request.headers.get("hx-request") == "true" else "trouble.html"
        template = self._templates[language].get_template(f"inbox/{name}")
        again = request.url.path if request.method == "GET" and status >= 500 else ""
        error = put_in_words(status, message, language)
        content = template.render(language=language, status=status, error=error, again=again)
        return HTMLResponse(content, status_code=status, headers=headers)


def put_in_words(status: int, message: str, language: Language) -> str:
    """Return an error's own words in a language; where they are in English only, or no words of ours, `HELP`."""
    say = load_translations(language).gettext
    is_foreign = language != "en" and say(message) == message
    return (
        say(HELP[status]) if status in HELP and (is_foreign or message == HTTPStatus(status).phrase) else say(message)
    )


def wants_words(request: Request) -> bool:
    """Whether a person reads the answer: in a page of its own, or in a part of one."""
    return "text/html" in request.headers.get("accept", "") or request.headers.get("hx-request") == "true"
