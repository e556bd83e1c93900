"""The web application: routes, error mapping, and headers that every page needs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import psycopg
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import BadRequest
from agent.ports import Deps
from channels.intake import Intake, NotKept
from channels.outcome_webhooks import build_outcome_webhooks
from channels.pages import STATIC_PATH, static_files
from channels.spool import Spool
from channels.status import build_status
from channels.unsubscribe import build_unsubscribe
from channels.webhooks import WebhookKeys, act, build_webhooks, lane_of

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}
"""For a year, browsers come by HTTPS only. Other hosts of the domain are not ours to decide about."""

log = structlog.get_logger(__name__)


def create_app(
    deps: Deps, keys: WebhookKeys, *, pages: Sequence[APIRouter] = (), intake: Intake | None = None
) -> FastAPI:
    """Build the application. `pages` are routers for people; for as long as it is up, it drains its spool.

    Raises:
        Misconfigured: there is no place for the spool.
    """
    intake = intake or Intake(act, lane_of, deps, Spool.from_settings(deps.settings))

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncIterator[None]:
        async with intake.draining():
            yield

    app = FastAPI(title="Nightshift", openapi_url=None, lifespan=live)
    app.include_router(build_webhooks(deps, keys, intake))
    app.include_router(build_outcome_webhooks(deps))
    app.include_router(build_status(deps, intake))
    app.include_router(build_unsubscribe(deps))
    for router in pages:
        app.include_router(router)
    app.mount(STATIC_PATH, static_files())
    app.add_exception_handler(BadRequest, _refuse)
    app.add_exception_handler(NotKept, _not_kept)
    app.add_exception_handler(psycopg.OperationalError, _database_away)
    is_https = deps.settings.public_url.startswith("https:")
    app.add_middleware(_SecurityHeaders, headers={**SECURITY_HEADERS, **(HTTPS_ONLY if is_https else {})})
    start = ("/simulator" if deps.settings.simulator_enabled else "/inbox") if pages else "/healthz"

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse(start)

    return app


async def _refuse(request: Request, exc: Exception) -> Response:
    status = exc.status if isinstance(exc, BadRequest) else 400
    log.info("webhook.refused", path=request.url.path, status=status, error=type(exc).__name__)
    return JSONResponse({"error": str(exc)}, status_code=status)


async def _not_kept(request: Request, exc: Exception) -> Response:
    log.error("web.not_kept", path=request.url.path, error=str(exc))
    return JSONResponse(
        {"error": "Neither the database nor the disk can take this; nothing was stored. Try again."},
        status_code=503,
        headers={"retry-after": "30"},
    )


async def _database_away(request: Request, exc: Exception) -> Response:
    log.error("web.database_away", path=request.url.path, error=type(exc).__name__)
    return JSONResponse(
        {"error": "The database cannot be reached; nothing was stored. Try again."},
        status_code=503,
        headers={"retry-after": "5"},
    )


class _SecurityHeaders:
    """Adds the headers every answer needs, where the route has not set its own."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; headers are added as the answer starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
