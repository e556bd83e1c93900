"""A stand-in for Twilio's Messages API, and the Content API beside it, on a loopback port.

It checks credentials and parameters, keeps messages, lists and pages them, and reports on them through signed
status callbacks. What a test wants to go wrong is scripted with `fail_next`. Error codes:
https://www.twilio.com/docs/api/errors.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import compare_digest, token_hex
from types import TracebackType
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.doubles.twilio_content import StoredContent, content_app, failure_of, refusal_of, text_of
from tests.doubles.twilio_messages import StoredMessage, error, inbound, media_page, page, problem, refusal
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, post_signed

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How one request goes wrong. Without `status` and `dropped` it is merely slow."""

    status: int | None = None
    code: int = 0
    message: str = "scripted"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    """Seconds between taking the request and answering."""
    accepted: bool = False
    """Whether the message is taken all the same."""
    dropped: bool = False
    """Reset the connection instead of answering."""
    body: str | None = None
    """Answer this text instead of JSON."""
    problem: bool = False
    """Describe the error as RFC 9457 does, which the SDK raises as another exception."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenRequest:
    """A request as the double received it."""

    method: str
    path: str
    params: Sequence[tuple[str, str]]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """A status callback that was tried. `http_status` is None when nobody answered."""

    url: str
    params: Mapping[str, str]
    http_status: int | None


class TwilioDouble:
    """The stand-in; a context manager that serves from its own thread. Read its lists from any thread."""

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        script: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`script`: the statuses to report for each message, in order and with repeats: `sent`, `failed:30003`."""
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.script = script
        self.now = now
        self.messages: list[StoredMessage] = []
        self.requests: list[SeenRequest] = []
        self.callbacks: list[Callback] = []
        self.opted_out: set[str] = set()
        """Addresses, as in `To`, that answered STOP."""
        self.contents: list[StoredContent] = []
        """The account's templates."""
        self.typing: list[str] = []
        """Messages whose writers have been shown that a reply is on its way, in order."""
        self.heard: dict[str, datetime] | None = None
        """When each WhatsApp address wrote last; free text to others fails later. None: windows are not watched."""
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._faults: dict[str, list[Fault]] = {"create": [], "list": [], "content": [], "typing": [], "media": []}
        self._reports: set[asyncio.Task[None]] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(self),
            http=_protocol(self.transports),
            ws="none",
            lifespan="off",
            log_level="warning",
            date_header=False,  # so that a test can script it
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="twilio-double")

    @property
    def base_url(self) -> str:
        """Where it listens: the value for TWILIO_BASE_URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()  # the socket listens already, so nobody need wait
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = self._server.force_exit = True  # clients may hold connections open
        self._thread.join(timeout=10)
        self._socket.close()

    def reset(self) -> None:
        """Forget everything, so that tests can share one server."""
        self.messages.clear()
        self.requests.clear()
        self.callbacks.clear()
        self.opted_out.clear()
        self.contents.clear()
        self.typing.clear()
        self.heard = None
        self._faults = {"create": [], "list": [], "content": [], "typing": [], "media": []}
        self.script = ()

    def fail_next(
        self, *, on: Literal["create", "list", "content", "typing", "media"] = "create", times: int = 1, **fault: Any
    ) -> None:
        """Script the next `times` requests of a kind; the keywords are the fields of `Fault`."""
        self._faults[on].extend([Fault(**fault)] * times)

    def next_fault(self, on: str) -> Fault:
        """Take the next scripted fault; without one, a fault that changes nothing."""
        return self._faults[on].pop(0) if self._faults[on] else Fault()

    def take(self, params: Mapping[str, str], media_urls: Sequence[str] = ()) -> StoredMessage:
        """Keep a message and start reporting on it."""
        message = StoredMessage(
            sid=f"SM{token_hex(16)}",
            params=params,
            created_at=self.now().replace(microsecond=0),
            status="accepted" if "MessagingServiceSid" in params else "queued",
            media_urls=media_urls,
            text=text_of(params, self.contents) if "ContentSid" in params else None,
        )
        self.messages.append(message)
        error_code = failure_of(params, self.contents, self.heard, self.now())
        if (self.script or error_code) and message.status_callback:
            task = asyncio.get_running_loop().create_task(self._report(message, error_code))
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)
        return message

    def hear(self, form: Mapping[str, str], at: datetime | None = None) -> StoredMessage:
        """Keep a prospect's message, described as its webhook would; post that yourself, or let it be lost."""
        self.messages.append(inbound(form, at or self.now()))
        return self.messages[-1]

    async def _report(self, message: StoredMessage, error_code: int | None) -> None:
        if error_code:
            await self.send_status(message, "failed", error_code)
            return
        for step in self.script:
            status, _, code = step.partition(":")
            await self.send_status(message, status, int(code) if code else None)

    async def send_status(self, message: StoredMessage, status: str, error_code: int | None = None) -> Callback:
        """Advance a message to `status` and report it, signed, to its callback URL over the network."""
        message.status, message.error_code = status, error_code
        message.sent_at = message.sent_at or (self.now() if status == "sent" else None)
        url, params = message.status_callback, message.callback_params(self.account_sid)
        origin = urlsplit(url)._replace(path="", query="", fragment="").geturl()
        http_status = None
        async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60) as client:
            with suppress(httpx.TransportError):  # as with the real one, a lost report is only seen in the log
                http_status = (await post_signed(client, url, params, self.auth_token)).status_code
        self.callbacks.append(Callback(url=url, params=params, http_status=http_status))
        return self.callbacks[-1]

    async def wait_until(self, condition: Callable[[Self], bool], timeout_s: float = 60) -> None:
        """Wait until the condition holds, and raise TimeoutError if it does not in time."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                await asyncio.sleep(0.01)


# --- the API -------------------------------------------------------------------------------------------------


def create_app(double: TwilioDouble) -> FastAPI:
    """Return the Messages API over a double's state."""

    def authenticate(
        account_sid: str, given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(auto_error=False))]
    ) -> None:
        known = given and compare_digest(given.password.encode(), double.auth_token.encode())
        if not known or given.username != account_sid or account_sid != double.account_sid:
            raise HTTPException(401)

    async def refuse(request: Request, exc: Exception) -> JSONResponse:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        code, text = {401: (20003, "Authenticate"), 404: (20404, "The resource was not found")}[status]
        return error(status, code, text)

    async def before_content(request: Request) -> Response | None:
        await _seen(double, request)
        return await _misbehave(double, request, double.next_fault("content"))

    async def before_typing(request: Request) -> Response | None:
        await _seen(double, request)
        return await _misbehave(double, request, double.next_fault("typing"))

    app = FastAPI(dependencies=[Depends(authenticate)], exception_handlers={HTTPException: refuse})
    app.mount("/v1", content_app(double.contents, double.account_sid, double.auth_token, before=before_content))
    app.mount("/v2", typing_app(double, before=before_typing))
    messages = "/2010-04-01/Accounts/{account_sid}/Messages"

    @app.post(f"{messages}.json")
    async def create(request: Request) -> Response:
        params = await _seen(double, request)
        fault = double.next_fault("create")
        refused = refusal(double.requests[-1].params, double.opted_out) or refusal_of(params, double.contents)
        refused = None if fault.status or fault.dropped else refused
        failed = fault.status is not None or fault.dropped or refused is not None
        media = [value for name, value in double.requests[-1].params if name == "MediaUrl"]
        message = double.take(params, media) if fault.accepted or not failed else None
        taken = message.as_json(double.account_sid) if message else {}  # before anything is reported on it
        if scripted := await _misbehave(double, request, fault):
            return scripted
        if message is None:
            return error(400, *(refused or (20001, "scripted")))
        return JSONResponse(taken, status_code=201)

    @app.get(f"{messages}.json")
    async def list_(request: Request) -> Response:
        params = await _seen(double, request)
        scripted = await _misbehave(double, request, double.next_fault("list"))
        return scripted or JSONResponse(page(double.messages, double.account_sid, params))

    def find(sid: str) -> StoredMessage:
        found = next((message for message in double.messages if message.sid == sid), None)
        if found is None:
            raise HTTPException(404)
        return found

    @app.get(f"{messages}/{{sid}}.json")
    async def fetch(sid: str) -> Response:
        return JSONResponse(find(sid).as_json(double.account_sid))

    @app.get(f"{messages}/{{sid}}/Media.json")
    async def media(sid: str, request: Request) -> Response:
        await _seen(double, request)
        scripted = await _misbehave(double, request, double.next_fault("media"))
        return scripted or JSONResponse(media_page(find(sid), double.account_sid))

    return app


def typing_app(double: TwilioDouble, *, before: Callable[[Request], Awaitable[Response | None]]) -> FastAPI:
    """Return the typing indicator of WhatsApp (to be mounted at /v2); public beta."""
    app = FastAPI()

    @app.post("/Indicators/Typing.json")
    async def show(
        request: Request, given: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]
    ) -> Response:
        if scripted := await before(request):
            return scripted
        params = dict(double.requests[-1].params)
        if given is None or (given.username, given.password) != (double.account_sid, double.auth_token):
            return error(401, 20003, "Authenticate")
        if params.get("channel") != "whatsapp" or not _SID.fullmatch(params.get("messageId", "")):
            return error(400, 20001, "Invalid parameter")
        double.typing.append(params["messageId"])
        return JSONResponse({"success": True})

    return app


def _protocol(transports: dict[tuple[str, int], asyncio.Transport]) -> type[H11Protocol]:
    """Return an HTTP protocol that shows its connections, so that one can be reset."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
            super().connection_made(transport)
            if self.client:
                transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.client:
                transports.pop(self.client, None)

    return Protocol


async def _seen(double: TwilioDouble, request: Request) -> dict[str, str]:
    body = (await request.body()).decode()
    pairs = parse_qsl(body or request.url.query, keep_blank_values=True)
    double.requests.append(
        SeenRequest(method=request.method, path=request.url.path, params=pairs, headers=dict(request.headers))
    )
    return dict(pairs)


async def _misbehave(double: TwilioDouble, request: Request, fault: Fault) -> Response | None:
    """Do what the script says. Returns the scripted answer; None: answer normally."""
    await asyncio.sleep(fault.delay_s)
    if fault.dropped and request.client:
        double.transports[request.client.host, request.client.port].abort()
        await request.receive()  # returns when the connection is gone; what we answer then goes nowhere
    if fault.body is not None:
        return Response(fault.body, status_code=fault.status or 200)
    if fault.status is None:
        return None
    answer = (problem if fault.problem else error)(fault.status, fault.code, fault.message)
    answer.headers.update(fault.headers)
    return answer
