"""Webhooks: verify, have the intake take it, and only then 2xx (promise P1). Bad input gets a 4xx with a reason and
leaves nothing behind; no body is ever logged.

What is verified is a `Webhook`, and `act` does what it asks for: at once, or later, when PostgreSQL is back.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog
from fastapi import APIRouter, Request, Response

from agent.delivery.missed import report_fallback
from agent.errors import BadRequest, UnknownRecipient
from agent.mail.arriving import InboundMail, receive_mail
from agent.mail.events import record_mail_event
from agent.ports import Deps
from agent.turn import receive, record_status
from agent.types import Provider
from channels.email_inbound import read_copies
from channels.email_sendgrid import MAX_FORM_BYTES, parse_multipart, parse_sendgrid_form
from channels.email_signature import verify_sendgrid
from channels.intake import Intake
from channels.sendgrid_events import MAX_EVENTS_BYTES, parse_events
from channels.spool import Kind, Webhook
from channels.twilio_inbound import callback_tenant, parse_inbound, parse_status, require_account
from channels.twilio_signature import WebhookSecret, read_form, signed_url, verify

MAX_TWILIO_BYTES = 256 * 1024
"""Twilio's largest message is 1,600 characters and ten links: far below."""
FORM = "application/x-www-form-urlencoded"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

_KEY_FIX = {
    "sendgrid_mail": "Attach a security policy to the Inbound Parse host and put its public key into "
    "SENDGRID_INBOUND_PUBLIC_KEYS.",
    "sendgrid_events": "Turn on the signed Event Webhook and put its public key into SENDGRID_EVENT_PUBLIC_KEYS.",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailKey:
    """A public key that signs inbound mail, and whose messages it vouches for."""

    public_key: str
    provider: Provider


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookKeys:
    """Everybody who may call our webhooks. A provider without a key cannot."""

    twilio: tuple[WebhookSecret, ...] = ()
    email: tuple[EmailKey, ...] = ()
    events: tuple[EmailKey, ...] = ()
    """Of those who tell what became of our mails."""


def build_webhooks(deps: Deps, keys: WebhookKeys, intake: Intake) -> APIRouter:
    """Build the routes that providers call."""
    router = APIRouter(prefix="/webhooks")

    @router.post("/twilio/messages")
    @router.post("/twilio/fallback")  # the same message, when the first URL has failed
    async def twilio_message(request: Request) -> Response:
        await intake.take(await _read_twilio("twilio_message", request, deps, keys.twilio))
        return Response(EMPTY_TWIML, media_type="text/xml")

    @router.post("/twilio/status")
    async def twilio_status(request: Request) -> Response:
        await intake.take(await _read_twilio("twilio_status", request, deps, keys.twilio))
        return Response(status_code=204)

    @router.post("/sendgrid/inbound")
    async def sendgrid_inbound(request: Request) -> Response:
        await intake.take(await _read_sendgrid("sendgrid_mail", request, deps, keys.email))
        return Response(status_code=200)

    @router.post("/sendgrid/events")
    async def sendgrid_events(request: Request) -> Response:
        await intake.take(await _read_sendgrid("sendgrid_events", request, deps, keys.events))
        return Response(status_code=204)

    return router


# --- what a webhook asks for -----------------------------------------------------------------------------------


async def act(webhook: Webhook, deps: Deps) -> None:
    """Do what a verified webhook asks for; committed when this returns, and harmless when done again.

    Raises:
        BadRequest: it makes no sense, or is for nobody.
    """
    match webhook.kind:
        case "twilio_message":
            await _take_message(webhook, deps)
        case "twilio_status":
            await _take_status(webhook, deps)
        case "sendgrid_mail":
            copies = await asyncio.to_thread(_read_mail, webhook.content_type, webhook.body, webhook.provider)
            await receive_any(copies, deps)
        case "sendgrid_events":
            await _take_events(webhook, deps)
        case _:
            assert_never(webhook.kind)


def lane_of(webhook: Webhook) -> str:
    """Return the line a webhook stands in: that of a prospect, or of one of our messages; mails share one."""
    match webhook.kind:
        case "twilio_message":
            return dict(read_form(webhook.body)).get("From", "")
        case "twilio_status":
            return webhook.query.decode("latin-1")
        case _:
            return webhook.kind


async def _take_message(webhook: Webhook, deps: Deps) -> None:
    params = read_form(webhook.body)
    received = await receive(parse_inbound(params, webhook.provider), deps)
    if code := dict(params).get("ErrorCode", "").strip()[:6]:  # only the fallback URL gets one
        await report_fallback(received, code, deps)


async def _take_status(webhook: Webhook, deps: Deps) -> None:
    query = read_form(webhook.query)
    tenant_id = callback_tenant(query)
    if tenant_id is None:
        raise BadRequest("The callback URL lacks its parameter `t`; it was not made by this installation.")
    if not await record_status(tenant_id, parse_status(read_form(webhook.body), query, webhook.provider), deps):
        log.warning("delivery.unknown_message", tenant=str(tenant_id))


async def _take_events(webhook: Webhook, deps: Deps) -> None:
    outcomes = Counter([await record_mail_event(each, webhook.provider, deps) for each in parse_events(webhook.body)])
    if outcomes["unknown"]:
        log.info("mail.unknown_events", events=outcomes["unknown"])


# --- whose it is -----------------------------------------------------------------------------------------------


async def read_body(request: Request, limit: int) -> bytes:
    """Read a request's body, at most `limit` bytes.

    Raises:
        BadRequest: with status 413, as soon as it is known to be larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BadRequest(f"The body is larger than {limit} bytes.", status=413)
    return bytes(body)


async def _read_twilio(kind: Kind, request: Request, deps: Deps, secrets: Sequence[WebhookSecret]) -> Webhook:
    body = await read_body(request, MAX_TWILIO_BYTES)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise BadRequest(f"Expected {FORM}.", status=415)
    params = read_form(body)
    query = request.scope["query_string"]
    url = signed_url(deps.settings.public_url, request.scope["raw_path"], query)
    secret = verify(url, params, body, request.headers, secrets)
    if secret is None:
        raise BadRequest(
            "The signature is missing or wrong. Check that TWILIO_AUTH_TOKEN is the account's and that "
            f"NIGHTSHIFT_PUBLIC_URL is the base of the URL configured at Twilio ({deps.settings.public_url}).",
            status=403,
        )
    require_account(params, secret)
    return Webhook(kind=kind, provider=secret.provider, body=body, query=query, received_at=deps.now())


async def _read_sendgrid(kind: Kind, request: Request, deps: Deps, keys: Sequence[EmailKey]) -> Webhook:
    body = await read_body(request, MAX_FORM_BYTES if kind == "sendgrid_mail" else MAX_EVENTS_BYTES)
    provider = _email_provider(kind, request, body, deps, keys)
    content_type = request.headers.get("content-type", "")
    return Webhook(kind=kind, provider=provider, body=body, content_type=content_type, received_at=deps.now())


def _email_provider(kind: Kind, request: Request, body: bytes, deps: Deps, keys: Sequence[EmailKey]) -> Provider:
    timestamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
    signature = request.headers.get("x-twilio-email-event-webhook-signature", "")
    for key in keys:
        if verify_sendgrid(key.public_key, timestamp, signature, body, now=deps.now()):
            return key.provider
    raise BadRequest(f"The signature is missing or wrong. {_KEY_FIX[kind]}", status=403)


def _read_mail(content_type: str, body: bytes, provider: Provider) -> list[InboundMail]:
    """Return the mail once for each address it was sent to; only tenants' addresses will be accepted."""
    posted = parse_sendgrid_form(parse_multipart(content_type, body))
    return read_copies(
        posted.raw,
        envelope_from=posted.envelope_from,
        envelope_to=posted.envelope_to,
        provider=provider,
        verdicts=posted.verdicts,
    )


async def receive_any(copies: Sequence[InboundMail], deps: Deps) -> int:
    """Receive one mail for every tenant it was sent to; return how many took it.

    Raises:
        UnknownRecipient: none did.
    """
    taken, refusal = 0, None
    for each in copies:
        try:
            await receive_mail(each, deps)
            taken += 1
        except UnknownRecipient as exc:
            refusal = exc
    if refusal is not None and not taken:
        raise refusal
    return taken
