"""E-mail out through SendGrid's v3 API.

One request a mail, never repeated here. Our own ids travel as `custom_args` and come back in SendGrid's events; the
Message-ID is ours. Nothing is tracked: neither opens nor clicks, and no link is rewritten.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import httpx

from agent.delivery.failures import Failure
from agent.errors import Ambiguous, CannotAsk, Permanent, Retryable
from agent.ports import Clock, Limits
from agent.types import Channel, OutboundMessage, Receipt
from channels.email_letter import Letter, MailRoutes, write_letter
from channels.email_mime import clean_text
from channels.email_outbound import MAX_CHARS

BASE_URL = "https://api.sendgrid.com"
PATH = "/v3/mail/send"
TIMEOUT = httpx.Timeout(connect=5, write=10, read=12, pool=5)
MAX_CONNECTIONS = 20
MAX_RETRY_AFTER_S = 3600.0
ACCOUNT_RETRY_S = 300.0
"""How soon a refused key or sender is tried again: somebody has to mend it first."""
TENANT_ARG = "nightshift_tenant"
MESSAGE_ARG = "nightshift_message"
NO_SUBJECT = "—"
"""SendGrid takes no mail without a subject."""
_OFF = {"enable": False}
_RECIPIENT = re.compile(r"personalizations\.\d+\.to\.\d+\.email")
"""The field SendGrid names when it takes an address for none."""


class SendGridSender:
    """Hands mail to SendGrid (`agent.ports.ChannelSender`)."""

    limits: Mapping[Channel, Limits] = {"email": Limits(max_chars=MAX_CHARS)}

    def __init__(self, api_key: str, routes: MailRoutes, *, now: Clock, base_url: str | None = None) -> None:
        """`base_url` is for a stand-in on this machine only: the key travels there (`Settings` refuses others)."""
        self._routes = routes
        self._now = now
        self._http = httpx.AsyncClient(
            base_url=base_url or BASE_URL,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=base_url is None,  # a proxy has no business with this machine's own address
        )

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand one mail over; the receipt carries its Message-ID. SendGrid's 202 says "queued", no more.

        Raises:
            Retryable: SendGrid is away, takes no more for now (429), or refuses our key or sender (401, 403).
            Ambiguous: no answer, or a 5xx, which does not say how far the mail came.
            Permanent: refused for good, with SendGrid's status and the field it complains about.
        """
        letter = write_letter(message, self._routes)
        try:
            answer = await self._http.post(PATH, json=as_request(letter, message))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as exc:
            raise Retryable(f"SendGrid cannot be reached: {exc!r}. It will be tried again.") from exc
        except httpx.RequestError as exc:
            raise Ambiguous(f"SendGrid may have the mail to {letter.recipient}: {exc!r}.") from exc
        if not answer.is_success:
            raise _refusal(answer, letter.recipient, self._now())
        return Receipt(provider_id=letter.message_id, state="queued")

    async def find_sent(
        self,
        message: OutboundMessage,
        since: datetime,  # noqa: ARG002 — the port's
        *,
        known: Collection[str] = (),  # noqa: ARG002 — the port's
    ) -> Receipt | None:
        """Raise CannotAsk: asking SendGrid for a mail is a paid extra, so one of unknown fate stays unknown.

        But SendGrid reports by itself: an event on the mail settles it, mostly before anybody comes to ask.
        """
        raise CannotAsk(
            f"The mail to {message.recipient} may have left: the connection to SendGrid, or this program, broke off on "
            "the way, and no event has come. If SendGrid's Activity Feed does not show it, send it again."
        )

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def as_request(letter: Letter, message: OutboundMessage) -> dict[str, Any]:
    """Return the body of the request that sends a letter."""
    ours = {TENANT_ARG: str(message.tenant_id), MESSAGE_ARG: str(message.id)}
    return {
        "personalizations": [{"to": [{"email": letter.recipient}]}],
        "from": {"email": letter.sender, **({"name": letter.sender_name} if letter.sender_name else {})},
        **({"reply_to": {"email": letter.reply_to}} if letter.reply_to else {}),
        "subject": letter.subject or NO_SUBJECT,
        "content": [{"type": "text/plain", "value": letter.text}, {"type": "text/html", "value": letter.html}],
        "headers": {"Message-ID": letter.message_id, **letter.headers},
        "custom_args": ours,
        "tracking_settings": {
            "click_tracking": {**_OFF, "enable_text": False},
            "open_tracking": _OFF,
            "subscription_tracking": _OFF,
        },
    }


def _refusal(answer: httpx.Response, recipient: str, now: datetime) -> Retryable | Ambiguous | Permanent:
    """Return the error for an answer that is not 2xx."""
    status, (field, reason) = answer.status_code, _complaints(answer)
    said = f"SendGrid answered {status} to the mail to {recipient}: {reason}"
    if status in {401, 403}:
        advice = "Check that SENDGRID_API_KEY may send mail, and that the sender's domain is authenticated there."
        return Retryable(f"{said}. {advice}", retry_after_s=ACCOUNT_RETRY_S, failure="config", code=str(status))
    if status == 429:
        return Retryable(said, retry_after_s=_retry_after_s(answer, now), failure="rate", code="429")
    if status >= 500:
        return Ambiguous(said)
    return Permanent(said, code=f"{status} {field}".strip(), failure=_class_of(status, field))


def _class_of(status: int, field: str) -> Failure:
    if _RECIPIENT.fullmatch(field):
        return "bad_address"
    return "content" if status == 413 or field.startswith(("content", "subject")) else "unknown"


def _complaints(answer: httpx.Response) -> tuple[str, str]:
    """Return the field SendGrid complains about and what it says, on one bounded line each."""
    try:
        errors = answer.json()["errors"]
        first = errors[0]
        field, text = first.get("field") or "", first.get("message") or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        field, text = "", answer.reason_phrase
    return _one_line(str(field), 100), _one_line(str(text), 300) or "no reason given"


def _one_line(text: str, max_chars: int) -> str:
    return " ".join(clean_text(text).split())[:max_chars]


def _retry_after_s(answer: httpx.Response, now: datetime) -> float | None:
    """Return the wait SendGrid asks for: seconds in Retry-After, or the Unix time at which the limit is reset."""
    waits = (("retry-after", 0.0), ("x-ratelimit-reset", now.timestamp()))
    for name, origin in waits:
        value = answer.headers.get(name, "")
        if value.isascii() and value.isdigit() and len(value) <= 12:
            return min(max(int(value) - origin, 1.0), MAX_RETRY_AFTER_S)
    return None
