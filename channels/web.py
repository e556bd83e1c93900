"""The web application: routes, and headers that every page needs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.ports import Deps
from channels.intake import Intake
from channels.outcome_webhooks import build_outcome_webhooks
from channels.pages import STATIC_PATH, VersionedFiles
from channels.spool import Spool
from channels.status import build_status
from channels.trouble import Troubles
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
    app.mount(STATIC_PATH, VersionedFiles())
    is_https = deps.settings.public_url.startswith("https:")
    headers = {**SECURITY_HEADERS, **(HTTPS_ONLY if is_https else {})}
    Troubles(headers).add_to(app)
    app.add_middleware(_SecurityHeaders, headers=headers)
    start = ("/simulator" if deps.settings.simulator_enabled else "/inbox") if pages else "/healthz"

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse(start)

    return app


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
