"""E-mail out over SMTP. One connection a message; the Message-ID is ours and the same at every attempt (P2)."""

import html
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPResponseException,
)

from agent.errors import Ambiguous, Misconfigured, Permanent, Retryable
from agent.ports import Clock, Limits
from agent.settings import LOOPBACK_HOSTS
from agent.types import Channel, OutboundMessage, Receipt
from channels.email_mime import clean_text, message_ids, normalise_address

TIMEOUT_S = 30.0
QUIT_TIMEOUT_S = 2.0
MAX_REFERENCES = 20
MAX_SUBJECT_CHARS = 500

Tls = Literal["implicit", "always", "auto", "never"]
_START_TLS: Mapping[Tls, bool | None] = {"implicit": False, "always": True, "auto": None, "never": False}
_REPLY_PREFIX = re.compile(r"(?:re|res|rif|aw|sv)\s?:", re.IGNORECASE)
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_AUTHENTICATE_FIRST = 530


class _WirePolicy(EmailPolicy):
    """Writes ids one a line: the standard library would encode a long one into something nobody can match."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """Serialise a header; see `email.policy.EmailPolicy`."""
        if name in {"Message-ID", "In-Reply-To", "References"}:
            ids = "\r\n ".join(value.split())
            return f"{name}: {ids}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_WIRE = _WirePolicy(linesep="\r\n", cte_type="7bit")


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `tls` is from connecting (implicit), by STARTTLS, or not at all."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = None


def parse_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:port?starttls=always|auto|never` or `smtps://…`.

    STARTTLS is demanded unless the URL says otherwise or the host is this machine, because the password and
    the prospect's words travel there.

    Raises:
        Misconfigured: not such a URL (which is not repeated: it holds a password).
    """
    fix = "Set SMTP_URL to smtp://user:password@host:587 or smtps://user:password@host:465."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise Misconfigured("SMTP_URL is not a URL.", fix) from exc
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise Misconfigured("SMTP_URL has no host, or is neither smtp:// nor smtps://.", fix)
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if parts.scheme == "smtps" else 587),
        tls=_tls(parts.scheme, parts.hostname, parts.query),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _tls(scheme: str, host: str, query: str) -> Tls:
    if scheme == "smtps":
        return "implicit"
    default = "auto" if host in LOOPBACK_HOSTS else "always"
    match parse_qs(query).get("starttls", [default])[-1]:
        case "always":
            return "always"
        case "auto":
            return "auto"
        case "never":
            return "never"
    raise Misconfigured("SMTP_URL has an unknown `starttls`.", "Use starttls=always, auto or never.")


class SmtpSender:
    """Hands mail to an SMTP server (`agent.ports.ChannelSender`)."""

    limits: Mapping[Channel, Limits] = {"email": Limits(max_chars=50_000)}

    def __init__(self, server: SmtpServer, *, now: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._now = now
        self._timeout_s = timeout_s

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand one mail over; the receipt carries its Message-ID.

        Raises:
            Retryable: the server is away or unwilling (also to log us in), or refused for now (4xx).
            Ambiguous: the connection broke after the content was on its way.
            Permanent: refused for good (5xx), with the enhanced status code where there is one.
        """
        mail = compose(message, self._now())
        client = self._client(message)
        try:
            await self._greet(client)
            await self._hand_over(client, mail)
        finally:
            await _leave(client)
        return Receipt(provider_id=mail["Message-ID"], state="sent")

    async def find_sent(
        self,
        message: OutboundMessage,  # noqa: ARG002 — the port's
        since: datetime,  # noqa: ARG002 — the port's
        *,
        known: Collection[str] = (),  # noqa: ARG002 — the port's
    ) -> Receipt | None:
        """Return None: an SMTP server cannot be asked, so an unknown outcome is sent again.

        That is safe enough, because the Message-ID is the same: mailboxes show two copies of it as one.
        """
        return None

    async def aclose(self) -> None:
        """Nothing to release: no connection outlives a message."""

    def _client(self, message: OutboundMessage) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls=_START_TLS[server.tls],
            timeout=self._timeout_s,
            local_hostname=_ascii_address(message.sender).partition("@")[2],
        )

    async def _greet(self, client: SMTP) -> None:
        """Connect, encrypt, log in. Whatever fails here is about the server, never about the message."""
        try:
            await client.connect()
            await client.ehlo()
        except (SMTPException, OSError) as exc:
            raise Retryable(
                f"The SMTP server {self._server.host}:{self._server.port} cannot be used: {_reason(exc)}. "
                "If it stays so, check SMTP_URL (host, port, user, password, ?starttls=)."
            ) from exc

    async def _hand_over(self, client: SMTP, mail: EmailMessage) -> None:
        recipient = mail["To"]
        try:
            await client.mail(mail["From"])
            await client.rcpt(recipient)
        except SMTPResponseException as exc:
            raise _refusal(exc, recipient) from exc
        except (SMTPException, OSError) as exc:
            raise Retryable(f"The SMTP server hung up before the mail to {recipient}: {_reason(exc)}.") from exc
        try:
            await client.data(mail.as_bytes())
        except SMTPResponseException as exc:
            raise _refusal(exc, recipient) from exc
        except (SMTPException, OSError) as exc:
            raise Ambiguous(f"The SMTP server may have the mail to {recipient}: {_reason(exc)}.") from exc


def _refusal(exc: SMTPResponseException, recipient: str) -> Retryable | Permanent | Ambiguous:
    """Translate an SMTP reply code (RFC 5321 §4.2.1)."""
    said = f"The SMTP server answered {exc.code} to the mail to {recipient}: {_reason(exc)}"
    if 400 <= exc.code < 500 or exc.code == _AUTHENTICATE_FIRST:
        return Retryable(said)
    if 500 <= exc.code < 600:
        enhanced = _ENHANCED_CODE.match(exc.message)
        return Permanent(said, code=enhanced.group() if enhanced else str(exc.code))
    return Ambiguous(said)


def _reason(exc: Exception) -> str:
    """What the server or the system said, on one bounded line."""
    said = exc.message if isinstance(exc, SMTPException) else str(exc)
    return " ".join(clean_text(said).split())[:300] or type(exc).__name__


async def _leave(client: SMTP) -> None:
    """Say goodbye. The mail is decided by now, so a goodbye that fails changes nothing."""
    if client.is_connected:
        with suppress(SMTPException, OSError):
            await client.quit(timeout=QUIT_TIMEOUT_S)
    client.close()


def compose(message: OutboundMessage, now: datetime) -> EmailMessage:
    """Write the mail: threaded, marked as automatic (RFC 3834), plain text with an HTML alternative.

    Raises:
        Permanent: an address that cannot be written to.
    """
    mail = EmailMessage(policy=_WIRE)
    sender = _ascii_address(message.sender)
    mail["From"] = sender
    mail["To"] = _ascii_address(message.recipient)
    if subject := _subject(message):
        mail["Subject"] = subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{sender.partition('@')[2]}>"
    _thread(mail, message)
    mail["Auto-Submitted"] = "auto-replied" if message.in_reply_to else "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    text = clean_text(message.text)
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(_as_html(text), subtype="html", cte="quoted-printable")
    return mail


def _ascii_address(text: str) -> str:
    """An address any server takes: its domain as IDNA."""
    address = normalise_address(text)
    local, _, domain = (address or "").partition("@")
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError:
        encoded = ""
    if not encoded or not local.isascii():
        raise Permanent(f"{text[:254]!r} is not an e-mail address we can write to; correct it.", code="5.1.3")
    return f"{local}@{encoded}"


def _subject(message: OutboundMessage) -> str:
    subject = " ".join(clean_text(message.subject or "").split())[:MAX_SUBJECT_CHARS]
    if not message.in_reply_to or _REPLY_PREFIX.match(subject):
        return subject
    return f"Re: {subject}".strip()


def _thread(mail: EmailMessage, message: OutboundMessage) -> None:
    """Name the mail we answer and its thread; of a long thread the first and the latest mails."""
    parents = [each for each in message_ids(message.in_reply_to or "") if each.isascii()]
    if parents:
        mail["In-Reply-To"] = parents[0]
    earlier = [each for each in message_ids(" ".join(message.references)) if each.isascii()]
    thread = [*(each for each in earlier if each not in parents[:1]), *parents[:1]]
    if len(thread) > MAX_REFERENCES:
        thread = [thread[0], *thread[1 - MAX_REFERENCES :]]
    if thread:
        mail["References"] = " ".join(thread)


def _as_html(text: str) -> str:
    """The same words with paragraphs and line breaks, everything else escaped."""
    paragraphs = (html.escape(part).replace("\n", "<br>\n") for part in re.split(r"\n{2,}", text.strip()))
    body = "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<!doctype html>\n<html><body>\n{body}\n</body></html>\n"
