"""The ways on which a prospect writes and is answered, each with its stand-in for the provider.

A way says what processes need to be told, lets its prospect write once, and knows what its provider has taken.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.tenant.file import ChannelAccount
from tests.doubles.imap import ImapDouble
from tests.doubles.sendgrid import API_KEY, SendGridDouble, post_events, serve_sendgrid
from tests.doubles.sendgrid_webhooks import make_mail, post_form, raw_form
from tests.doubles.smtp import SmtpDouble
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound
from tests.stores import OUR_NUMBER, WHATSAPP

WayName = Literal["whatsapp", "whatsapp, reported", "sms", "smtp", "sendgrid", "sendgrid, reported"]
"""`reported`: the provider tells of its own accord what became of a message."""
Role = Literal["web", "worker"]
TEXT = "Hola, ¿cuánto cuesta el curso intensivo de inglés?"
PROSPECT = "+34600000001"
OUR_MAIL = "hola@lumen.example"
RETRY_S = 0.2
"""How long a provider waits before it posts again what nobody has acknowledged."""
ACCOUNTS = (
    WHATSAPP,
    ChannelAccount(channel="sms", address=OUR_NUMBER, provider="twilio"),
    ChannelAccount(channel="email", address=OUR_MAIL, provider="email"),
)
"""What the school can be reached at."""
ANYTHING = "true"
MAILBOX_OPEN = "exists (select from mailboxes where uid_validity > 0)"


class Way(Protocol):
    """One way to a prospect and back."""

    roles: Sequence[Role]
    """Which processes it takes."""
    receiver: Role
    """The one that hears the prospect."""
    begin_when: str
    """The SQL condition under which the prospect may write."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What processes must be told of the provider."""
        ...

    async def write(self, public_url: str) -> None:
        """Let the prospect write one message, which is handed over until it is acknowledged."""
        ...

    def taken(self) -> list[str]:
        """Return our ids of what the provider has taken, in order."""
        ...

    def lose_answer(self) -> None:
        """Have the provider take the next message and hang up."""
        ...


@dataclass(slots=True)
class TwilioWay:
    """WhatsApp or SMS."""

    double: TwilioDouble
    channel: Literal["whatsapp", "sms"]
    roles: Sequence[Role] = ("web", "worker")
    receiver: Role = "web"
    begin_when: str = ANYTHING

    @property
    def settings(self) -> Mapping[str, object]:
        return {
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "twilio_base_url": self.double.base_url,
        }

    async def write(self, public_url: str) -> None:
        prefix = "whatsapp:" if self.channel == "whatsapp" else ""
        params = inbound_params(TEXT, From=f"{prefix}{PROSPECT}", To=f"{prefix}{OUR_NUMBER}")
        if self.channel == "sms":
            del params["WaId"], params["ProfileName"], params["MessageType"]
        async with _client(public_url) as client:
            while not await _is_taken(post_inbound(client, public_url, params)):
                await asyncio.sleep(RETRY_S)

    def taken(self) -> list[str]:
        return [parse_qs(urlsplit(message.status_callback).query)["m"][0] for message in self.double.messages]

    def lose_answer(self) -> None:
        self.double.fail_next(accepted=True, dropped=True)


@dataclass(slots=True)
class SmtpWay:
    """Mail that is read over IMAP and sent over SMTP."""

    mailbox: ImapDouble
    server: SmtpDouble
    roles: Sequence[Role] = ("worker",)
    receiver: Role = "worker"
    begin_when: str = MAILBOX_OPEN

    @property
    def settings(self) -> Mapping[str, object]:
        return {"imap_url": self.mailbox.url, "smtp_url": self.server.url}

    async def write(self, public_url: str) -> None:
        self.mailbox.deliver(make_mail(TEXT), arrived=date.today())  # noqa: DTZ011 — any recent day will do

    def taken(self) -> list[str]:
        return [_own_id(str(mail.message["Message-ID"])) for mail in self.server.mails]

    def lose_answer(self) -> None:
        self.server.drop_after_data(taken=True)


@dataclass(slots=True)
class SendGridWay:
    """Mail that SendGrid posts and takes."""

    double: SendGridDouble
    reports: bool
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    roles: Sequence[Role] = ("web", "worker")
    receiver: Role = "web"
    begin_when: str = ANYTHING

    @property
    def settings(self) -> Mapping[str, object]:
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        public_key = base64.b64encode(der).decode()
        return {
            "sendgrid_api_key": API_KEY,
            "sendgrid_base_url": self.double.base_url,
            "sendgrid_inbound_public_keys": public_key,
            "sendgrid_event_public_keys": public_key,
        }

    async def write(self, public_url: str) -> None:
        form = raw_form(make_mail(TEXT), [OUR_MAIL])
        async with _client(public_url) as client:
            while not await _is_taken(post_form(client, self.key, form, datetime.now(UTC))):
                await asyncio.sleep(RETRY_S)
        if self.reports:
            await self._report(public_url)

    async def _report(self, public_url: str) -> None:
        """Post what became of the answer as soon as it is taken."""
        while not self.double.mails:
            await asyncio.sleep(0.05)
        at = datetime.now(UTC)
        events = [self.double.mails[0].event("processed", at), self.double.mails[0].event("delivered", at)]
        async with _client(public_url) as client:
            while not await _is_taken(post_events(client, self.key, events, datetime.now(UTC))):
                await asyncio.sleep(RETRY_S)

    def taken(self) -> list[str]:
        return [_own_id(mail.headers["Message-ID"]) for mail in self.double.mails]

    def lose_answer(self) -> None:
        self.double.fail_next(accepted=True, dropped=True)


@asynccontextmanager
async def open_way(name: WayName) -> AsyncIterator[Way]:
    """Start the provider of a way."""
    match name:
        case "whatsapp" | "whatsapp, reported" | "sms":
            script = ("sent", "delivered") if name.endswith("reported") else ()
            with TwilioDouble(script=script) as double:
                yield TwilioWay(double, "sms" if name == "sms" else "whatsapp")
        case "smtp":
            async with ImapDouble() as mailbox, SmtpDouble() as server:
                yield SmtpWay(mailbox, server)
        case "sendgrid" | "sendgrid, reported":
            async with serve_sendgrid() as sendgrid:
                yield SendGridWay(sendgrid, reports=name.endswith("reported"))


def _client(public_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=public_url, trust_env=False, timeout=10)


async def _is_taken(request: Coroutine[object, object, httpx.Response]) -> bool:
    with suppress(httpx.TransportError):  # nobody there, or killed before it answered
        return (await request).is_success
    return False


def _own_id(message_id: str) -> str:
    return message_id.strip().strip("<>").partition("@")[0]
