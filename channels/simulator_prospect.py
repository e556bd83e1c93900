"""The prospect's side of the simulator: an invented person, and what they send, posted as a provider would.

A person is known by their number alone, so that the page's address holds all there is to remember: name and
e-mail address follow from it.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import phonenumbers

from agent.errors import NightshiftError
from agent.folding import fold
from agent.ports import Clock
from agent.types import Channel
from channels.email_signature import sign_sendgrid
from channels.simulator import SimulatorKeys, form_headers

POST_TIMEOUT_S = 10.0
MAX_TEXT_CHARS = 4_000
MAX_SUBJECT_CHARS = 200
_NUMBER = re.compile(r"\+[0-9]{7,15}")


class WebhookRefused(NightshiftError):  # noqa: N818
    """Our own webhook did not take a simulated message; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Country:
    """Where an invented person may live. `digits` is how their number goes on; # stands for any digit."""

    code: str
    name: str
    zone: ZoneInfo
    dial: str
    digits: tuple[str, ...]
    names: tuple[str, ...]


COUNTRIES: tuple[Country, ...] = (
    Country(
        code="ES",
        name="Spain",
        zone=ZoneInfo("Europe/Madrid"),
        dial="+34",
        digits=("60000####",),
        names=("Lucía Romero", "Hugo Navarro", "Carmen Vidal", "Pablo Ortega", "Nuria Soler"),
    ),
    Country(
        code="MX",
        name="Mexico",
        zone=ZoneInfo("America/Mexico_City"),
        dial="+52",
        digits=("555550####",),
        names=("Ximena Torres", "Diego Salazar", "Valeria Cruz", "Mateo Ríos", "Renata Luna"),
    ),
    Country(
        code="BR",
        name="Brazil",
        zone=ZoneInfo("America/Sao_Paulo"),
        dial="+55",
        digits=("119900#####",),
        names=("João Almeida", "Beatriz Rocha", "Rafael Lima", "Larissa Prado", "Caio Mendes"),
    ),
    Country(
        code="US",
        name="USA",
        zone=ZoneInfo("America/New_York"),
        dial="+1",
        # 555-0100 to 555-0199 are reserved for fiction; all of these are on New York's clock.
        digits=tuple(f"{area}55501##" for area in (202, 212, 305, 404, 407, 617, 646, 704, 718, 813, 917, 954)),
        names=("Emily Carter", "Noah Brooks", "Grace Turner", "Ethan Walsh", "Chloe Bennett"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """An invented prospect."""

    number: str
    name: str
    country: Country

    @classmethod
    def invent(cls, country: Country) -> Self:
        """Return somebody new from this country."""
        pattern = secrets.choice(country.digits)
        digits = re.sub("#", lambda _: str(secrets.randbelow(10)), pattern)
        return cls.known_by(f"{country.dial}{digits}") or cls.invent(country)

    @classmethod
    def known_by(cls, number: str) -> Self | None:
        """Return the person with this number; None when it is not an E.164 number of a country we know."""
        country = next((each for each in COUNTRIES if number.startswith(each.dial)), None)
        if country is None or not _NUMBER.fullmatch(number):
            return None
        return cls(number=number, name=country.names[int(number[1:]) % len(country.names)], country=country)

    @property
    def email(self) -> str:
        """Their mailbox, in a domain reserved for examples (RFC 2606)."""
        return f"{fold(self.name).replace(' ', '.')}.{self.number[-6:]}@example.com"

    @property
    def shown_number(self) -> str:
        """The number as people write it."""
        return shown_address(self.number)

    def address(self, channel: Channel) -> str:
        """Return where they write from on a channel."""
        return self.email if channel == "email" else self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """What a prospect sends."""

    channel: Channel
    person: Person
    recipient: str
    text: str
    subject: str = ""
    thread: Sequence[str] = ()
    """E-mail: ids of the mails before this one, oldest first."""


def shown_address(address: str) -> str:
    """Return a number as people write it, anything else as it is."""
    try:
        parsed = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return address
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


class ProspectGateway:
    """Posts what prospects send to the webhooks of the web process, signed as Twilio and SendGrid sign."""

    def __init__(self, keys: SimulatorKeys, *, web_url: str, public_url: str, now: Clock) -> None:
        self._keys = keys
        self._web_url = web_url
        self._public_url = public_url
        self._now = now

    async def post(self, post: Post, *, times: int = 1) -> str:
        """Deliver one message `times` times over, as providers do when in doubt; return its provider id.

        Raises:
            WebhookRefused: the webhook did not take it, or did not answer.
        """
        provider_id, request = self._mail(post) if post.channel == "email" else self._text(post)
        try:
            async with httpx.AsyncClient(timeout=POST_TIMEOUT_S, trust_env=False) as http:
                for _ in range(times):
                    answer = await http.send(request)
                    if not answer.is_success:
                        raise WebhookRefused(f"The webhook answered {answer.status_code}: {answer.text[:300]}")
        except httpx.HTTPError as exc:
            raise WebhookRefused(f"The webhook did not answer ({type(exc).__name__}). Is the web process up?") from exc
        return provider_id

    def _text(self, post: Post) -> tuple[str, httpx.Request]:
        """Write a WhatsApp message or an SMS as Twilio posts it."""
        sid = f"SM{secrets.token_hex(16)}"
        prefix = "whatsapp:" if post.channel == "whatsapp" else ""
        params = [
            ("AccountSid", self._keys.twilio.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("SmsMessageSid", sid),
            ("SmsStatus", "received"),
            ("From", f"{prefix}{post.person.number}"),
            ("To", f"{prefix}{post.recipient}"),
            ("Body", post.text),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
        ]
        if prefix:
            params += [("ProfileName", post.person.name), ("WaId", post.person.number[1:]), ("MessageType", "text")]
        path = "/webhooks/twilio/messages"
        headers = form_headers(f"{self._public_url}{path}", params, self._keys.twilio)
        return sid, httpx.Request("POST", f"{self._web_url}{path}", content=urlencode(params), headers=headers)

    def _mail(self, post: Post) -> tuple[str, httpx.Request]:
        """Write a mail as SendGrid's Inbound Parse posts it in raw mode."""
        mail = self._mime(post)
        request = httpx.Request(
            "POST",
            f"{self._web_url}/webhooks/sendgrid/inbound",
            data={
                "envelope": json.dumps({"from": post.person.email, "to": [post.recipient]}),
                "SPF": "pass",
                "dkim": f"{{@{post.person.email.partition('@')[2]} : pass}}",
                "charsets": json.dumps({"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8"}),
            },
            files={"email": (None, mail.as_bytes())},
        )
        timestamp = str(int(self._now().timestamp()))
        signature = sign_sendgrid(self._keys.email_private_key, timestamp, request.read())
        request.headers["X-Twilio-Email-Event-Webhook-Timestamp"] = timestamp
        request.headers["X-Twilio-Email-Event-Webhook-Signature"] = signature
        return mail["Message-ID"], request

    def _mime(self, post: Post) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = formataddr((post.person.name, post.person.email))
        mail["To"] = post.recipient
        mail["Subject"] = post.subject
        mail["Date"] = format_datetime(self._now())
        mail["Message-ID"] = f"<{secrets.token_hex(12)}@example.com>"
        if post.thread:
            mail["In-Reply-To"] = post.thread[-1]
            mail["References"] = " ".join(post.thread)
        mail.set_content(post.text)
        return mail
