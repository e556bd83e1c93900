"""An IMAP server on this machine (RFC 3501; IDLE: RFC 2177): mail arrives, UIDs change, connections are lost.

Speaks what clients need to read; a command it does not know is answered BAD, as by any server.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from types import TracebackType
from typing import Self

USER, PASSWORD = "hola@lumen.example", "p@ss word"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMail:
    """A mail as the server has it; `size` may be told larger than it is."""

    uid: int
    content: bytes
    arrived: date
    """On a day, late; or at a time."""
    size: int

    @property
    def arrived_at(self) -> datetime:
        """Its INTERNALDATE."""
        if isinstance(self.arrived, datetime):
            return self.arrived
        return datetime.combine(self.arrived, time(23, 59), UTC)

    @property
    def day(self) -> date:
        """What SEARCH SINCE goes by."""
        return self.arrived_at.date()


@dataclass(kw_only=True, slots=True, eq=False)
class _Session:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    logged_in: bool = False
    selected: bool = False
    idle_tag: str | None = None
    told: int = 0


@dataclass(kw_only=True, slots=True)
class _Log:
    """What clients did."""

    logins: int = 0
    fetched: list[int] = field(default_factory=list)
    """UIDs whose content was sent, in order."""
    marked: list[int] = field(default_factory=list)
    """UIDs that were fetched in a way that marks them as read."""
    commands: list[str] = field(default_factory=list)


class ImapDouble:
    """`async with ImapDouble() as server:` then `server.deliver(mail)` and read from `server.url`.

    Args:
        idle: whether it offers IDLE.
    """

    def __init__(self, *, idle: bool = True) -> None:
        self.mails: list[StoredMail] = []
        self.uid_validity = 1
        self.next_uid = 1
        self.log = _Log()
        self.refuse_logins = False
        self.refused: set[int] = set()
        """UIDs whose content it cannot give, as Exchange cannot with some."""
        self.drop_after: int | None = None
        """Hang up after sending so many more mails."""
        self._idle = idle
        self._sessions: set[_Session] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("The IMAP stand-in is not running; use `async with`.")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """A value for IMAP_URL."""
        return f"imap://hola%40lumen.example:p%40ss%20word@127.0.0.1:{self.port}/INBOX"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()

    async def stop_listening(self) -> int:
        """Go away; return the port, to come back at with `listen_again`."""
        port = self.port
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
        return port

    async def listen_again(self, port: int) -> None:
        """Come back at the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def deliver(self, content: bytes, *, arrived: date = date(2026, 11, 17), size: int | None = None) -> int:
        """Put a mail into the mailbox, and tell clients that idle; return its UID."""
        uid = self.next_uid
        self.next_uid += 1
        self.mails.append(StoredMail(uid=uid, content=content, arrived=arrived, size=size or len(content)))
        for session in self._sessions:
            if session.idle_tag and session.selected:
                self._tell_count(session)
        return uid

    def renumber(self) -> None:
        """Give every mail a new UID, as after a restore; clients learn of it when they connect again."""
        self.uid_validity += 1
        self.mails = [
            StoredMail(uid=n, content=each.content, arrived=each.arrived, size=each.size)
            for n, each in enumerate(self.mails, start=1)
        ]
        self.next_uid = len(self.mails) + 1
        self.drop()

    def drop(self) -> None:
        """Cut all connections."""
        for session in list(self._sessions):
            session.writer.transport.abort()

    def dismiss(self) -> None:
        """Say goodbye to all clients and close, as a server does that is restarted."""
        for session in list(self._sessions):
            self._send(session, "* BYE shutting down")
            session.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(reader=reader, writer=writer)
        self._sessions.add(session)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self._send(session, "* OK [CAPABILITY IMAP4rev1] ready")
            while line := (await reader.readline()).decode():
                if not await self._answer(session, line.rstrip("\r\n")):
                    break
                await writer.drain()
        self._sessions.discard(session)
        writer.close()

    async def _answer(self, session: _Session, line: str) -> bool:
        """Answer one line; False: the conversation is over."""
        if session.idle_tag:
            if line.upper() == "DONE":
                self._send(session, f"{session.idle_tag} OK IDLE terminated")
                session.idle_tag = None
            return True
        tag, _, rest = line.partition(" ")
        self.log.commands.append(rest)
        name, _, arguments = rest.partition(" ")
        handler = getattr(self, f"_do_{name.lower()}", None)
        if handler is None:
            self._send(session, f"{tag} BAD unknown command")
            return True
        handler(session, tag, arguments)
        return name.upper() != "LOGOUT"

    def _send(self, session: _Session, *lines: str) -> None:
        session.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def _tell_count(self, session: _Session) -> None:
        session.told = len(self.mails)
        self._send(session, f"* {len(self.mails)} EXISTS", "* 1 RECENT")

    def _do_capability(self, session: _Session, tag: str, arguments: str) -> None:
        offered = "IMAP4rev1 IDLE" if self._idle and session.logged_in else "IMAP4rev1"
        self._send(session, f"* CAPABILITY {offered}", f"{tag} OK done")

    def _do_login(self, session: _Session, tag: str, arguments: str) -> None:
        given = _strings(arguments)
        self.log.logins += 1
        if self.refuse_logins or given != [USER, PASSWORD]:
            self._send(session, f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials")
            return
        session.logged_in = True
        self._send(session, f"{tag} OK logged in")

    def _do_examine(self, session: _Session, tag: str, arguments: str) -> None:
        if not session.logged_in or arguments.strip('"') != "INBOX":
            self._send(session, f"{tag} NO no such mailbox")
            return
        session.selected = True
        self._tell_count(session)
        self._send(
            session,
            r"* FLAGS (\Seen)",
            f"* OK [UIDVALIDITY {self.uid_validity}] valid",
            f"* OK [UIDNEXT {self.next_uid}] next",
            f"{tag} OK [READ-ONLY] selected",
        )

    def _do_noop(self, session: _Session, tag: str, arguments: str) -> None:
        if session.selected and session.told != len(self.mails):
            self._tell_count(session)
        self._send(session, f"{tag} OK done")

    def _do_idle(self, session: _Session, tag: str, arguments: str) -> None:
        if not self._idle:
            self._send(session, f"{tag} BAD unknown command")
            return
        session.idle_tag = tag
        self._send(session, "+ idling")
        if session.told != len(self.mails):
            self._tell_count(session)

    def _do_logout(self, session: _Session, tag: str, arguments: str) -> None:
        self._send(session, "* BYE bye", f"{tag} OK done")

    def _do_uid(self, session: _Session, tag: str, arguments: str) -> None:
        name, _, rest = arguments.partition(" ")
        if not session.selected:
            self._send(session, f"{tag} BAD select a mailbox first")
        elif name.upper() == "SEARCH":
            found = " ".join(str(each.uid) for each in self._search(rest))
            self._send(session, f"* SEARCH {found}".rstrip(), f"{tag} OK done")
        elif name.upper() == "FETCH":
            self._fetch(session, tag, rest)
        else:
            self._send(session, f"{tag} BAD unknown command")

    def _search(self, criteria: str) -> list[StoredMail]:
        if match := re.fullmatch(r"\(?UID (\d+):\*\)?", criteria):
            last = max((each.uid for each in self.mails), default=0)
            first = min(int(match[1]), last)  # RFC 3501 §6.4.8: the range is never empty while there are mails
            return [each for each in self.mails if each.uid >= first]
        if match := re.fullmatch(r"\(?SINCE (\d+)-(\w{3})-(\d{4})\)?", criteria):
            since = date(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
            return [each for each in self.mails if each.day >= since]
        return list(self.mails)

    def _fetch(self, session: _Session, tag: str, arguments: str) -> None:
        uid, _, items = arguments.partition(" ")
        number, mail = next(((n, each) for n, each in enumerate(self.mails, 1) if each.uid == int(uid)), (0, None))
        if mail is None:
            self._send(session, f"{tag} OK nothing there")
            return
        if "BODY" not in items:
            at = mail.arrived_at
            told = f'RFC822.SIZE {mail.size} INTERNALDATE "{at.day:2}-{_MONTHS[at.month - 1]}-{at:%Y %H:%M:%S %z}"'
            self._send(session, f"* {number} FETCH (UID {mail.uid} {told})", f"{tag} OK done")
            return
        if uid in map(str, self.refused):
            self._send(session, f"{tag} NO The requested message could not be converted to RFC-822 compatible format.")
            return
        if "PEEK" not in items:
            self.log.marked.append(mail.uid)
        content = mail.content.partition(b"\n\n")[0] + b"\n\n" if "HEADER" in items else mail.content
        head = f"* {number} FETCH (UID {mail.uid} FLAGS () RFC822.SIZE {mail.size} BODY[] {{{len(content)}}}\r\n"
        session.writer.write(head.encode() + content + b")\r\n")
        self._send(session, f"{tag} OK done")
        self.log.fetched.append(mail.uid)
        if self.drop_after is not None:
            self.drop_after -= 1
            if self.drop_after <= 0:
                self.drop_after = None
                session.writer.transport.abort()


def _strings(arguments: str) -> list[str]:
    """Read arguments that are atoms or quoted strings."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', arguments)
    return [atom or re.sub(r"\\(.)", r"\1", quoted) for quoted, atom in found]
