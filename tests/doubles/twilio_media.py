"""Stand-ins for where Twilio keeps media: its API, which wants Basic auth and redirects, and the storage behind it.

Two servers, as in reality, so that a test can see what the storage is told. The redirect is a 307 to an address that
needs no credentials (https://www.twilio.com/docs/messaging/api/media-resource).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from secrets import token_hex
from types import TracebackType
from typing import Self

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from httpx import BasicAuth
from httpx import Request as HttpRequest

from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.serving import serving


@dataclass(kw_only=True, slots=True)
class StoredFile:
    """A file in the storage, and how getting it goes wrong."""

    content: bytes
    content_type: str
    filename: str | None = None
    statuses: list[int] = field(default_factory=list)
    """Answers of the API to the next requests, before it redirects."""
    location: str = ""
    """Where the API redirects instead."""
    stalls: bool = False
    """The storage begins to answer, and never ends."""
    chunked: bool = False
    """The storage does not say how long the file is."""
    encoding: str = ""


@dataclass(slots=True)
class TwilioMediaDouble:
    """`async with TwilioMediaDouble() as twilio:`, then `url = twilio.keep(b"…")` and look at what was asked."""

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    api_url: str = ""
    storage_url: str = ""
    asked_api: list[dict[str, str]] = field(default_factory=list)
    """Headers of each request to the API."""
    asked_storage: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self.storage_url = await self._stack.enter_async_context(serving(lambda _: self.storage()))
        self.api_url = await self._stack.enter_async_context(serving(lambda _: self.api()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        await self._stack.aclose()

    def reset(self) -> None:
        """Forget everything, so that tests can share the servers."""
        self.asked_api.clear()
        self.asked_storage.clear()
        self.files.clear()

    def keep(self, content: bytes, content_type: str = "image/jpeg", **how: object) -> str:
        """Keep a file; return its address as a webhook names it."""
        sid = f"ME{token_hex(16)}"
        self.files[sid] = StoredFile(content=content, content_type=content_type, **how)  # type: ignore[arg-type]  # its fields
        return f"https://api.twilio.com/2010-04-01/Accounts/{self.account_sid}/Messages/MM{token_hex(16)}/Media/{sid}"

    def _is_known(self, request: Request) -> bool:
        auth = BasicAuth(self.account_sid, self.auth_token)
        expected = next(auth.auth_flow(HttpRequest("GET", "http://x"))).headers["authorization"]
        return request.headers.get("authorization") == expected

    def api(self) -> FastAPI:
        """Build the API, to be served at `api_url`."""
        app = FastAPI()

        @app.get("/2010-04-01/Accounts/{account}/Messages/{message}/Media/{sid}")
        async def media(account: str, sid: str, request: Request) -> Response:
            self.asked_api.append(dict(request.headers))
            if account != self.account_sid or not self._is_known(request):
                return Response(status_code=401)
            file = self.files.get(sid)
            if file is None:
                return Response(status_code=404)
            if file.statuses:
                return Response(status_code=file.statuses.pop(0))
            return RedirectResponse(file.location or f"{self.storage_url}/{sid}", status_code=307)

        return app

    def storage(self) -> FastAPI:
        """Build the storage, to be served at `storage_url`."""
        app = FastAPI()

        @app.get("/{sid}")
        async def file(sid: str, request: Request) -> Response:
            self.asked_storage.append(dict(request.headers))
            found = self.files[sid]
            headers = {"content-disposition": f'inline; filename="{found.filename}"'} if found.filename else {}
            headers |= {"content-encoding": found.encoding} if found.encoding else {}
            if found.stalls or found.chunked:
                return StreamingResponse(self._parts(found), media_type=found.content_type, headers=headers)
            return Response(found.content, media_type=found.content_type, headers=headers)

        return app

    async def _parts(self, file: StoredFile) -> AsyncIterator[bytes]:
        for start in range(0, len(file.content), 65_536):
            yield file.content[start : start + 65_536]
        if file.stalls:
            await self._ending.wait()
