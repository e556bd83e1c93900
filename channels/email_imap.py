"""A mailbox read over IMAP (RFC 3501, IDLE: RFC 2177). Blocks: call it in a thread of its own, one at a time.

It only looks: the folder is opened read-only, nothing is marked, moved or deleted, so that people may use it too.
"""

import imaplib
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFetchError
from imap_tools.utils import check_command_status

from agent.errors import Misconfigured
from agent.settings import LOOPBACK_HOSTS
from channels.email_mime import MAX_MIME_BYTES

TIMEOUT_S = 30.0
IDLE_SLICE_S = 1.0
"""How often a waiting connection looks whether it should stop."""

IMAP_FAULTS = (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError)
"""What a server, or the way to it, may bring up; `OSError` includes timeouts and TLS."""

Tls = Literal["implicit", "starttls", "never"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImapServer:
    """Where mail is fetched, and as whom."""

    host: str
    port: int
    tls: Tls
    username: str
    password: str
    folder: str = "INBOX"

    @property
    def name(self) -> str:
        """What the mailbox is called in the database and in logs, which mask addresses: all but the password."""
        return f"{self.host}:{self.port}/{self.folder} of {self.username.replace('@', ' at ')}"


def parse_imap_url(url: str) -> ImapServer:
    """Read `imaps://user:password@host:993/FOLDER` or `imap://…?starttls=always|never`.

    A user name or password with signs in it is percent-encoded. Without TLS only this machine is talked to, unless the
    URL says `starttls=never`.

    Raises:
        Misconfigured: not such a URL (which is not repeated: it holds a password).
    """
    fix = "Set IMAP_URL to imaps://user:password@host:993/INBOX; encode @ in the user name as %40."
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as exc:
        raise Misconfigured("IMAP_URL is not a URL.", fix) from exc
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname:
        raise Misconfigured("IMAP_URL has no host, or is neither imap:// nor imaps://.", fix)
    if not parts.username or parts.password is None:
        raise Misconfigured("IMAP_URL has no user name or no password.", fix)
    return ImapServer(
        host=parts.hostname,
        port=port or (993 if parts.scheme == "imaps" else 143),
        tls=_tls(parts.scheme, parts.hostname, parts.query),
        username=unquote(parts.username),
        password=unquote(parts.password),
        folder=unquote(parts.path.strip("/")) or "INBOX",
    )


def _tls(scheme: str, host: str, query: str) -> Tls:
    if scheme == "imaps":
        return "implicit"
    match parse_qs(query).get("starttls", ["never" if host in LOOPBACK_HOSTS else "always"])[-1]:
        case "always":
            return "starttls"
        case "never":
            return "never"
    raise Misconfigured("IMAP_URL has an unknown `starttls`.", "Use starttls=always or never.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedMail:
    """A mail as the server has it. Of one larger than `MAX_MIME_BYTES`, only the headers."""

    uid: int
    content: bytes
    size: int
    arrived_at: datetime | None
    """When the server took it; None: it does not say."""

    @property
    def is_whole(self) -> bool:
        """Whether `content` is all of it."""
        return self.size <= MAX_MIME_BYTES


class _Raw:
    """A fetched mail's bytes, in the place of imap-tools' own message class, which parses them."""

    def __init__(self, fetch_data: list[object]) -> None:
        self.content = next((bytes(each[1]) for each in fetch_data if isinstance(each, tuple)), b"")


class ImapConnection:
    """One connection with its folder selected."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box
        box.email_message_class = _Raw  # type: ignore[assignment]  # only built and yielded

    @classmethod
    def open(cls, server: ImapServer) -> Self:
        """Connect, log in, select the folder read-only.

        Raises:
            IMAP_FAULTS: the server cannot be reached, or refuses us.
        """
        box = _connect(server)
        try:
            box.login(server.username, server.password, initial_folder=None)
            box.client.capability()  # may be others after the login
            box.folder.set(server.folder, readonly=True)
        except BaseException:
            _close(box)
            raise
        return cls(box)

    def close(self) -> None:
        """Say goodbye, if anybody still listens."""
        _close(self._box)

    @property
    def uid_validity(self) -> int:
        """The folder's UIDVALIDITY: while it stays, UIDs mean the same mails."""
        return self._number("UIDVALIDITY") or 0

    def last_uid(self) -> int:
        """Return the UID of the newest mail there is, or has been."""
        next_uid = self._number("UIDNEXT")
        if next_uid is not None:
            return next_uid - 1
        return max((int(uid) for uid in self._box.uids("ALL", charset=None)), default=0)

    def _number(self, name: str) -> int | None:
        """A number from the answer to SELECT."""
        values = self._box.client.untagged_responses.get(name)
        return int(bytes(values[-1])) if values and isinstance(values[-1], bytes) else None

    def uids_after(self, uid: int) -> list[int]:
        """Return the UIDs above `uid`, in order."""
        # `n:*` names at least the last mail, even where its UID is below n.
        found = {int(each) for each in self._box.uids(f"UID {uid + 1}:*", charset=None)}
        return sorted(each for each in found if each > uid)

    def uids_since(self, day: date) -> list[int]:
        """Return the UIDs of mails that arrived on that day or later, in order."""
        return sorted(
            int(each) for each in self._box.uids(f"SINCE {day:%d}-{_MONTHS[day.month]}-{day:%Y}", charset=None)
        )

    def fetch(self, uid: int) -> FetchedMail | None:
        """Fetch one mail without marking it as read; None: it is gone.

        Raises:
            ImapToolsError: the server is there, but does not give this mail.
            IMAP_FAULTS: the connection is lost.
        """
        told = self._tell(uid)
        size = _size(told)
        if size is None:
            return None
        headers_only = size > MAX_MIME_BYTES
        mails = self._box.fetch(uid_list=str(uid), mark_seen=False, headers_only=headers_only)
        content = next((each.content for each in mails if isinstance(each, _Raw)), None)
        return (
            None if content is None else FetchedMail(uid=uid, content=content, size=size, arrived_at=_arrived_at(told))
        )

    def _tell(self, uid: int) -> bytes:
        """Return what the server says of a mail: its size, and when it came."""
        result = self._box.client.uid("FETCH", str(uid), "(RFC822.SIZE INTERNALDATE)")
        check_command_status(result, MailboxFetchError)
        return next((each for each in result[1] if isinstance(each, bytes)), b"")

    def wait(self, seconds: float, should_stop: Callable[[], bool]) -> bool:
        """Wait for news, at most `seconds`; True: there may be some. A server without IDLE only lets the time pass.

        Raises:
            IMAP_FAULTS: the connection is lost.
        """
        if "IDLE" not in self._box.client.capabilities:
            _sleep(seconds, should_stop)
            self._box.client.noop()
            return True
        self._box.idle.start()  # type: ignore[no-untyped-call]  # ships no types here
        news = False
        for _ in _until(seconds, should_stop):
            began = time.monotonic()
            if self._box.idle.poll(timeout=IDLE_SLICE_S):
                news = True
                break
            if time.monotonic() - began < IDLE_SLICE_S / 2:  # readable, and nothing to read: the connection is gone
                raise ConnectionResetError("the server closed the connection")
        self._box.idle.stop()  # type: ignore[no-untyped-call]  # as above
        return news


_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _size(told: bytes) -> int | None:
    found = re.search(rb"RFC822\.SIZE (\d+)", told, re.IGNORECASE)
    return int(found[1]) if found else None


def _arrived_at(told: bytes) -> datetime | None:
    local = imaplib.Internaldate2tuple(told)
    return datetime.fromtimestamp(time.mktime(local), UTC) if local else None


def _connect(server: ImapServer) -> BaseMailBox:
    match server.tls:
        case "implicit":
            return MailBox(server.host, server.port, TIMEOUT_S, ssl_context=ssl.create_default_context())
        case "starttls":
            return MailBoxStartTls(server.host, server.port, TIMEOUT_S, ssl_context=ssl.create_default_context())
        case "never":
            return MailBoxUnencrypted(server.host, server.port, TIMEOUT_S)


def _close(box: BaseMailBox) -> None:
    with suppress(*IMAP_FAULTS):  # the connection may be lost already …
        box.client.logout()
    with suppress(OSError):  # … or closed by the goodbye
        box.client.shutdown()


def _until(seconds: float, should_stop: Callable[[], bool]) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not should_stop():
        yield


def _sleep(seconds: float, should_stop: Callable[[], bool]) -> None:
    for _ in _until(seconds, should_stop):
        time.sleep(min(IDLE_SLICE_S, seconds))
