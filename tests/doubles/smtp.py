"""A stand-in for an SMTP server: takes mail, and misbehaves on request as real ones do.

It speaks real SMTP (aiosmtpd) on a loopback port, in the test's own event loop.
"""

import asyncio
import ssl
import warnings
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Stage = Literal["MAIL", "RCPT", "DATA"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMail:
    """A mail as the server took it."""

    envelope_from: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The content, parsed."""
        return message_from_bytes(self.content, policy=policy.default)


@dataclass(kw_only=True, slots=True)
class _Script:
    """What happens next, once each, in the order it was asked for."""

    replies: dict[Stage, deque[str]] = field(
        default_factory=lambda: {"MAIL": deque(), "RCPT": deque(), "DATA": deque()}
    )
    drops: deque[bool] = field(default_factory=deque)
    """Hang up after the content; the value says whether the mail was taken."""


class SmtpDouble:
    """`async with SmtpDouble() as server:` then send to `server.url` and look at `server.mails`.

    Args:
        login: user and password to demand; None takes anybody.
        tls: what it proves itself with after STARTTLS; None: it offers none.
        implicit: encrypted from connecting (`smtps:`) instead.
    """

    def __init__(
        self, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, implicit: bool = False
    ) -> None:
        self.mails: list[ReceivedMail] = []
        self.connections = 0
        self.delay_s = 0.0
        """Waited before each answer to MAIL."""
        self._script = _Script()
        self._login = login
        self._tls, self._implicit = tls, implicit
        self.encrypted = 0
        """How many mails came encrypted."""
        self._server: asyncio.Server | None = None
        self._protocols: list[SMTP] = []

    @property
    def host(self) -> str:
        """Where it listens."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("The SMTP stand-in is not running; use `async with`.")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """A value for SMTP_URL."""
        credentials = f"{self._login[0]}:{self._login[1]}@" if self._login else ""
        return f"smtp://{credentials}{self.host}:{self.port}"

    def refuse(self, stage: Stage, reply: str, *, times: int = 1) -> None:
        """Answer the next `times` commands of a stage with `reply`, such as `550 5.1.1 No such user`."""
        self._script.replies[stage].extend([reply] * times)

    def drop_after_data(self, *, taken: bool, times: int = 1) -> None:
        """Hang up instead of answering the content; `taken`: the mail was accepted all the same."""
        self._script.drops.extend([taken] * times)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol, self.host, 0, ssl=self._tls if self._implicit else None
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            for protocol in self._protocols:
                if protocol.transport is not None:
                    protocol.transport.close()
            await self._server.wait_closed()

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            # A login without TLS is what a loopback server wants, and what aiosmtpd warns about.
            warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS", UserWarning)
            protocol = SMTP(
                self,
                hostname="smtp.double.test",
                loop=asyncio.get_running_loop(),
                auth_required=self._login is not None,
                auth_require_tls=False,
                tls_context=None if self._implicit else self._tls,
                authenticator=self._authenticate,
            )
        self._protocols.append(protocol)
        return protocol

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)

    def _scripted(self, stage: Stage) -> str | None:
        replies = self._script.replies[stage]
        return replies.popleft() if replies else None

    async def handle_MAIL(  # noqa: N802 — aiosmtpd finds its hooks by these names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender, unless scripted otherwise."""
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if reply := self._scripted("MAIL"):
            return reply
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless scripted otherwise."""
        if reply := self._scripted("RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail, unless scripted otherwise."""
        if reply := self._scripted("DATA"):
            return reply
        transport = server.transport
        self.encrypted += transport is not None and transport.get_extra_info("ssl_object") is not None
        drop = bool(self._script.drops)
        if not drop or self._script.drops.popleft():
            self.mails.append(
                ReceivedMail(
                    envelope_from=envelope.mail_from or "",
                    recipients=tuple(envelope.rcpt_tos),
                    content=envelope.original_content or b"",
                )
            )
        if drop and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "250 2.0.0 Taken"
