"""A stand-in for SendGrid's v3 Mail Send API on a loopback port, and for the events it reports afterwards.

It checks what the real one documents as required (key, sender, recipients, content order, reserved headers, sizes),
answers 202 with an `X-Message-Id`, and goes wrong as scripted with `fail_next`. Events have SendGrid's own field
names: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_urlsafe
from typing import Any, Literal

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.doubles.sendgrid_webhooks import signature_headers
from tests.serving import serving

API_KEY = "SG.double.key"
EVENTS_PATH = "/webhooks/sendgrid/events"
_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,255}")
_RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
     "subject", "reply-to", "cc", "bcc"}
)  # fmt: skip
EventName = Literal[
    "processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport", "unsubscribe",
    "group_unsubscribe", "group_resubscribe",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How one request goes wrong. `accepted`: the mail is taken all the same. `dropped`: the answer breaks off."""

    status: int = 500
    message: str = "scripted"
    about: str | None = None
    """The field that is complained about."""
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: bool = False
    dropped: bool = False
    body: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenMail:
    """A mail that was accepted, as it was asked for."""

    id: str
    """SendGrid's own, as in `X-Message-Id`."""
    request: Mapping[str, Any]

    @property
    def recipient(self) -> str:
        """To whom it goes."""
        return str(self.request["personalizations"][0]["to"][0]["email"])

    @property
    def headers(self) -> Mapping[str, str]:
        """What was set beside the usual ones."""
        return dict(self.request.get("headers", {}))

    def event(self, name: EventName, at: datetime, **fields: Any) -> dict[str, Any]:
        """Return an event on this mail, as SendGrid posts it; keywords add fields or replace them."""
        return {
            "email": self.recipient,
            "timestamp": int(at.timestamp()),
            "event": name,
            "smtp-id": self.headers.get("Message-ID", f"<{self.id}@ismtpd.double>"),
            "sg_event_id": token_urlsafe(16),
            "sg_message_id": f"{self.id}.recvd-double-1-0",
            **_DETAILS.get(name, {}),
            **self.request.get("custom_args", {}),
            **fields,
        }


_DETAILS: Mapping[str, Mapping[str, Any]] = {
    "delivered": {"response": "250 2.0.0 OK"},
    "deferred": {"response": "400 4.2.2 try again later", "attempt": "5"},
    "bounce": {
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
    },
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "open": {"useragent": "Mozilla/5.0", "ip": "203.0.113.7"},
    "click": {"useragent": "Mozilla/5.0", "ip": "203.0.113.7", "url": "https://lumen.example/"},
    "group_unsubscribe": {"asm_group_id": 10},
    "group_resubscribe": {"asm_group_id": 10},
}


@dataclass(slots=True, kw_only=True)
class SendGridDouble:
    """What the stand-in has taken, and what is to go wrong next."""

    base_url: str
    mails: list[TakenMail] = field(default_factory=list)
    requests: int = 0
    faults: list[Fault] = field(default_factory=list)

    def fail_next(self, *, times: int = 1, **fault: Any) -> None:
        """Script the next requests; the keywords are the fields of `Fault`."""
        self.faults.extend([Fault(**fault)] * times)

    def take(self, request: Mapping[str, Any]) -> TakenMail:
        """Keep a mail."""
        mail = TakenMail(id=token_urlsafe(16)[:22], request=request)
        self.mails.append(mail)
        return mail


@asynccontextmanager
async def serve_sendgrid() -> AsyncIterator[SendGridDouble]:
    """Serve the stand-in; its `base_url` is a value for SENDGRID_BASE_URL."""
    doubles: list[SendGridDouble] = []

    def build(url: str) -> FastAPI:
        doubles.append(SendGridDouble(base_url=url))
        return create_app(doubles[0])

    async with serving(build):
        yield doubles[0]


def create_app(double: SendGridDouble) -> FastAPI:
    """Return the API over a double's state."""
    app = FastAPI()

    @app.post("/v3/mail/send")
    async def send(request: Request) -> Response:
        double.requests += 1
        fault = double.faults.pop(0) if double.faults else None
        body = await request.body()
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return _errors(401, "The provided authorization grant is invalid, expired, or revoked")
        asked = json.loads(body) if body else {}
        if fault is None:
            return _answer(double, asked, len(body))
        if fault.accepted:
            double.take(asked)
        if fault.dropped:
            # Promises a byte and closes the connection instead: the client never hears the end.
            return StreamingResponse(iter(()), status_code=202, headers={"content-length": "1"})
        if fault.body is not None:
            return Response(fault.body, status_code=fault.status, headers=dict(fault.headers))
        return _errors(fault.status, fault.message, fault.about, fault.headers)

    return app


def _answer(double: SendGridDouble, asked: Mapping[str, Any], size: int) -> Response:
    if refused := _refusal(asked, size):
        return _errors(*refused)
    headers = {"X-Message-Id": double.take(asked).id, "X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "599"}
    return Response(status_code=202, headers=headers)


def _errors(status: int, message: str, name: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    body = {"errors": [{"message": message, "field": name, "help": None}]}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def _refusal(asked: Mapping[str, Any], size: int) -> tuple[int, str, str] | None:
    """Return status, text and field with which SendGrid refuses a request, or None."""
    to = [each for p in asked.get("personalizations", []) for each in p.get("to", [])]
    content = asked.get("content", [])
    types = [each.get("type") for each in content]
    reserved = sorted(name for name in asked.get("headers", {}) if name.lower() in _RESERVED)
    args = asked.get("custom_args", {})
    checks = (
        (size > 30_000_000, 413, "The request is too large.", ""),
        (not asked.get("personalizations"), 400, "The personalizations field is required.", "personalizations"),
        (not to, 400, "The to array is required.", "personalizations.0.to"),
        (not all(_ADDRESS.fullmatch(each.get("email", "")) for each in to), 400,
         "Does not contain a valid address.", "personalizations.0.to.0.email"),
        (not _ADDRESS.fullmatch(asked.get("from", {}).get("email", "")), 400,
         "The from email does not contain a valid address.", "from.email"),
        (not asked.get("subject"), 400, "The subject is required.", "subject"),
        (not content or not all(each.get("value") for each in content), 400,
         "The content value must be a string at least one character in length.", "content.0.value"),
        (types != sorted(types, key=["text/plain", "text/html"].index), 400,
         "If present, text/plain and text/html may only be provided once, in that order.", "content"),
        (bool(reserved), 400, "The header is reserved.", f"headers.{''.join(reserved[:1])}"),
        (not all(isinstance(value, str) for value in (*args.values(), *asked.get("headers", {}).values())), 400,
         "The value must be a string.", "custom_args"),
        (len(json.dumps(args)) > 10_000, 400, "custom_args exceed 10000 bytes.", "custom_args"),
    )  # fmt: skip
    return next(((status, text, name) for failed, status, text, name in checks if failed), None)


async def post_events(
    client: httpx.AsyncClient, private_key: ec.EllipticCurvePrivateKey, events: Sequence[Any], at: datetime
) -> httpx.Response:
    """Post a batch of events as SendGrid would: a signed JSON array."""
    body = json.dumps(list(events)).encode()
    headers = {"Content-Type": "application/json", **signature_headers(private_key, body, at)}
    return await client.post(EVENTS_PATH, content=body, headers=headers)
