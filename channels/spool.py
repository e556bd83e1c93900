"""The disk spool: verified webhooks that PostgreSQL could not take (promise P1).

A webhook is one file, named by when it was received, so that names in order are webhooks in order. It is written
whole or not at all: under a passing name, synced, renamed, and the directory synced, before anybody is told 2xx.
Files hold what prospects wrote: mode 0600 in a directory of 0700.

    <directory>/                 waiting, in order of receipt
    <directory>/aside/           what could not be processed, each with its reason in NAME.reason; kept for the
                                 operator, who moves a file back up to have it tried again
    <directory>/drain.lock       held by the process that drains; the lock of a dead one is free

Several processes of one host may share the directory. Nothing here knows of a database; all of it blocks.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from agent.errors import Misconfigured
from agent.settings import Settings
from agent.types import Provider

if sys.platform != "win32":
    import fcntl

Kind = Literal["twilio_message", "twilio_status", "sendgrid_mail", "sendgrid_events"]

MAGIC = b"nightshift webhook 1"
SUFFIX, PARTIAL, REASON = ".webhook", ".part", ".reason"
PARTIAL_S = 60.0
"""A file still under its passing name after this long was being written by a process that is dead."""
COUNT_S = 1.0
"""How long a count of the directory is believed: other processes write there, too."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A request whose signature has been verified: all that is needed to act on it, now or later."""

    kind: Kind
    provider: Provider
    """Whose key signed it."""
    body: bytes
    received_at: datetime
    query: bytes = b""
    content_type: str = ""


class SpoolFull(Exception):  # noqa: N818 — the provider acts: it tries again later
    """The spool has reached its bound in files or bytes."""


class Torn(Exception):  # noqa: N818 — names what the file is
    """A file is not what was written: cut short or altered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpoolState:
    """What lies on disk. `files`, `bytes` and `oldest_at` are of what waits."""

    files: int = 0
    bytes: int = 0
    oldest_at: datetime | None = None
    set_aside: int = 0
    aside_bytes: int = 0


class Spool:
    """One directory of webhooks."""

    def __init__(self, directory: Path, *, max_bytes: int, max_files: int) -> None:
        self.directory = directory
        self._aside = directory / "aside"
        self._max_bytes, self._max_files = max_bytes, max_files
        self._numbers = count()
        self._lock = Lock()
        self._files = self._bytes = 0
        self._counted_at = -COUNT_S
        self._make()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the configured spool, making its directory if need be.

        Raises:
            Misconfigured: the directory cannot be used.
        """
        try:
            return cls(
                settings.spool_directory,
                max_bytes=settings.nightshift_spool_max_mb * 2**20,
                max_files=settings.nightshift_spool_max_files,
            )
        except OSError as exc:
            raise Misconfigured(
                f"Webhooks cannot be kept in {settings.spool_directory}: {exc.strerror}.",
                "Set NIGHTSHIFT_SPOOL to a directory on a local disk that you may write to.",
            ) from exc

    def append(self, webhook: Webhook) -> str:
        """Put a webhook safely on disk; return its name.

        Raises:
            SpoolFull: nothing was kept.
            OSError: the disk refused; nothing was kept.
        """
        return self._write(webhook, self.directory)

    def keep_aside(self, webhook: Webhook, reason: str) -> None:
        """Keep a webhook that a fault of ours stopped, once however often its provider sends it.

        Raises: as `append`.
        """
        if not any(self._aside.glob(f"*-{_digest(webhook)}{SUFFIX}")):
            name = self._write(webhook, self._aside)
            self._explain(name, reason)

    def is_empty(self) -> bool:
        """Say whether nothing waits. Cheap enough to be asked for each request."""
        try:
            with os.scandir(self.directory) as entries:
                return not any(entry.name.endswith(SUFFIX) for entry in entries)
        except FileNotFoundError:  # somebody has cleared it away
            self._make()
            return True

    def names(self) -> list[str]:
        """Return what waits, in the order of receipt. What a dead process left half-written goes aside."""
        names = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    names.append(entry.name)
                elif entry.name.endswith(PARTIAL) and time.time() - entry.stat().st_mtime > PARTIAL_S:
                    self.set_aside(entry.name, "Half-written by a process that died; it was never acknowledged.")
        return sorted(names)

    def read(self, name: str) -> Webhook:
        """Read one.

        Raises:
            Torn: it is not what was written.
        """
        return _decode((self.directory / name).read_bytes())

    def remove(self, name: str) -> None:
        """Forget one that has been processed. One that a power cut brings back is a duplicate and changes nothing."""
        (self.directory / name).unlink(missing_ok=True)

    def set_aside(self, name: str, reason: str) -> None:
        """Take one out of the line, for a person to look at."""
        self._explain(name, reason)
        (self.directory / name).replace(self._aside / name)

    def measure(self) -> SpoolState:
        """Count what is there."""
        sizes = {name: size for name, size in _files(self.directory) if name.endswith(SUFFIX)}
        aside = [size for name, size in _files(self._aside) if not name.endswith(REASON)]
        return SpoolState(
            files=len(sizes),
            bytes=sum(sizes.values()),
            oldest_at=_received_at(min(sizes)) if sizes else None,
            set_aside=len(aside),
            aside_bytes=sum(aside),
        )

    def reasons(self) -> dict[str, str]:
        """Return why each file was set aside."""
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted(self._aside.glob(f"*{REASON}"))}

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """Be the one process that drains; yields False where another is. Ends with the process, however it ends."""
        if sys.platform == "win32":  # has no flock; run one web process there
            yield True
            return
        lock = os.open(self.directory / "drain.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(lock)

    def _make(self) -> None:
        self._aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    def _write(self, webhook: Webhook, directory: Path) -> str:
        content = _encode(webhook)
        self._reserve(len(content))
        moment = (webhook.received_at - _EPOCH) // (_EPOCH.resolution)
        name = f"{moment:017d}-{next(self._numbers):06d}-{os.getpid():08d}-{_digest(webhook)}{SUFFIX}"
        part = (self.directory / name).with_suffix(PARTIAL)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(directory / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync(directory)
        return name

    def _reserve(self, size: int) -> None:
        """Make room for one file, or refuse: by a count that is a second old at most, and what was added since."""
        with self._lock:
            if time.monotonic() - self._counted_at >= COUNT_S:
                state = self.measure()
                self._files, self._bytes = state.files + state.set_aside, state.bytes + state.aside_bytes
                self._counted_at = time.monotonic()
            if self._files + 1 > self._max_files or self._bytes + size > self._max_bytes:
                raise SpoolFull(f"The spool in {self.directory} is full ({self._files} files, {self._bytes} bytes).")
            self._files += 1
            self._bytes += size

    def _explain(self, name: str, reason: str) -> None:
        path = self._aside / f"{name}{REASON}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(reason[:2000])


def _digest(webhook: Webhook) -> str:
    parts = (webhook.kind.encode(), webhook.query, webhook.body)
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16]


def _received_at(name: str) -> datetime | None:
    moment = name.partition("-")[0]
    return _EPOCH + int(moment) * _EPOCH.resolution if moment.isdecimal() and len(moment) < 18 else None


def _files(directory: Path) -> Iterator[tuple[str, int]]:
    """Yield names and sizes; what goes away meanwhile is left out."""
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                if entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue


def _sync(directory: Path) -> None:
    """Make a rename survive a power cut."""
    if sys.platform == "win32":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _encode(webhook: Webhook) -> bytes:
    """Return the file: a line that vouches for the rest, a line that describes, and the body as it came."""
    fields = {name: value for name, value in asdict(webhook).items() if name != "body"}
    fields |= {"received_at": webhook.received_at.isoformat(), "query": webhook.query.decode("latin-1")}
    rest = json.dumps(fields).encode() + b"\n" + webhook.body
    return b"%s %s\n%s" % (MAGIC, sha256(rest).hexdigest().encode(), rest)


def _decode(content: bytes) -> Webhook:
    seal, _, rest = content.partition(b"\n")
    if seal != b"%s %s" % (MAGIC, sha256(rest).hexdigest().encode()):
        raise Torn("The file is cut short or altered: its checksum is not that of its content.")
    header, _, body = rest.partition(b"\n")
    try:
        fields = json.loads(header)
        return Webhook(
            **{
                **fields,
                "query": fields["query"].encode("latin-1"),
                "received_at": datetime.fromisoformat(fields["received_at"]),
                "body": body,
            }
        )
    except (ValueError, TypeError, KeyError) as exc:  # written by another release
        raise Torn(f"The file's header cannot be read by this release: {exc!r}.") from exc
