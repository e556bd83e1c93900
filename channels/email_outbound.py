"""E-mail out over SMTP. One connection a message; the Message-ID is ours and the same at every attempt (P2)."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponseException

from agent.errors import Ambiguous, CannotAsk, Misconfigured, Permanent, Retryable
from agent.mail.failures import mail_failure
from agent.ports import Clock, Limits
from agent.settings import LOOPBACK_HOSTS
from agent.types import Channel, OutboundMessage, Receipt
from channels.email_letter import Letter, MailRoutes, write_letter
from channels.email_mime import clean_text

TIMEOUT_S = 30.0
QUIT_TIMEOUT_S = 2.0
MAX_CHARS = 50_000

Tls = Literal["implicit", "always", "auto", "never"]
_START_TLS: Mapping[Tls, bool | None] = {"implicit": False, "always": True, "auto": None, "never": False}
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_AUTHENTICATE_FIRST = 530


_UNFOLDED = frozenset({"Message-ID", "In-Reply-To", "References", "Reply-To", "List-Unsubscribe"})


class _WirePolicy(EmailPolicy):
    """Writes ids and addresses one a line: the standard library would encode a long one, and nobody could match it."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """Serialise a header; see `email.policy.EmailPolicy`."""
        if name in _UNFOLDED:
            words = "\r\n ".join(value.split())
            return f"{name}: {words}\r\n".encode("ascii")
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

    limits: Mapping[Channel, Limits] = {"email": Limits(max_chars=MAX_CHARS)}

    def __init__(self, server: SmtpServer, routes: MailRoutes, *, now: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._routes = routes
        self._now = now
        self._timeout_s = timeout_s

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand one mail over; the receipt carries its Message-ID.

        Raises:
            Retryable: the server is away or unwilling (also to log us in), or refused for now (4xx).
            Ambiguous: the connection broke after the content was on its way.
            Permanent: refused for good (5xx), with the enhanced status code where there is one.
        """
        letter = write_letter(message, self._routes)
        client = self._client(letter)
        try:
            await self._greet(client)
            await self._hand_over(client, letter)
        finally:
            await _leave(client)
        return Receipt(provider_id=letter.message_id, state="sent")

    async def find_sent(
        self,
        message: OutboundMessage,
        since: datetime,  # noqa: ARG002 — the port's
        *,
        known: Collection[str] = (),  # noqa: ARG002 — the port's
    ) -> Receipt | None:
        """Raise CannotAsk: an SMTP server says nothing of what it took, so a mail of unknown fate stays unknown.

        Many mailboxes show two copies of one Message-ID as one, but not all do: a second copy is for people to decide.
        """
        raise CannotAsk(
            f"The mail to {message.recipient} may have left: the connection to the SMTP server, or this program, broke "
            "off on the way, and such a server cannot be asked. If they do not react, send it again."
        )

    async def aclose(self) -> None:
        """Nothing to release: no connection outlives a message."""

    def _client(self, letter: Letter) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls=_START_TLS[server.tls],
            timeout=self._timeout_s,
            local_hostname=letter.sender.partition("@")[2],
        )

    async def _greet(self, client: SMTP) -> None:
        """Connect, encrypt, log in. Whatever fails here is about the server, never about the message."""
        try:
            await client.connect()
            await client.ehlo()
        except (SMTPException, OSError) as exc:
            raise Retryable(
                f"The SMTP server {self._server.host}:{self._server.port} cannot be used: {_reason(exc)}. "
                "If it stays so, check SMTP_URL (host, port, user, password, ?starttls=).",
                failure="config" if isinstance(exc, SMTPAuthenticationError) else "transient",
            ) from exc

    async def _hand_over(self, client: SMTP, letter: Letter) -> None:
        recipient, content = letter.recipient, compose(letter, self._now()).as_bytes()
        try:
            await client.mail(letter.sender)
            await client.rcpt(recipient)
        except SMTPResponseException as exc:
            raise _refusal(exc, recipient) from exc
        except (SMTPException, OSError) as exc:
            raise Retryable(f"The SMTP server hung up before the mail to {recipient}: {_reason(exc)}.") from exc
        try:
            await client.data(content)
        except SMTPResponseException as exc:
            raise _refusal(exc, recipient) from exc
        except (SMTPException, OSError) as exc:
            raise Ambiguous(f"The SMTP server may have the mail to {recipient}: {_reason(exc)}.") from exc


def _refusal(exc: SMTPResponseException, recipient: str) -> Retryable | Permanent | Ambiguous:
    """Translate an SMTP reply code (RFC 5321 §4.2.1)."""
    said = f"The SMTP server answered {exc.code} to the mail to {recipient}: {_reason(exc)}"
    enhanced = _ENHANCED_CODE.match(exc.message)
    code = enhanced.group() if enhanced else str(exc.code)
    if exc.code == _AUTHENTICATE_FIRST:
        return Retryable(said, failure="config", code=code)
    if 400 <= exc.code < 500:
        return Retryable(said, code=code)
    if 500 <= exc.code < 600:
        return Permanent(said, code=code, failure=mail_failure(code))
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


def compose(letter: Letter, now: datetime) -> EmailMessage:
    """Write a letter as MIME."""
    mail = EmailMessage(policy=_WIRE)
    mail["From"] = Address(letter.sender_name, addr_spec=letter.sender)
    mail["To"] = letter.recipient
    if letter.reply_to:
        mail["Reply-To"] = letter.reply_to
    if letter.subject:
        mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = letter.message_id
    for name, value in letter.headers.items():
        mail[name] = value
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return mail
