"""Real processes of Nightshift for tests: started as `nightshift up` starts them, then stopped, killed or paused."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[1]
READY = b"nightshift: ready"
"""What a supervised process prints once it does its work."""


def environment(**settings: object) -> dict[str, str]:
    """Return the environment of a process that sees these settings and none of this machine's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    chosen = {name.upper(): str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", **chosen}


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port for a server that is started, and perhaps started again, meanwhile.

    A socket that does not listen holds it: on Linux a server may listen there all the same, as both allow it
    (`SO_REUSEADDR`), but nobody is given the port who asks for any. Elsewhere it is merely free now.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """`nightshift ROLE --supervised`. A context manager that leaves no process behind.

    Standard error goes to `log`, whose directory is the working directory, so that no `.env` is read.
    """

    def __init__(self, role: str, settings: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        self._ready = threading.Event()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jobs.cli", role, "--supervised"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(settings),
                cwd=log.parent,
            )
        self._reader = threading.Thread(target=self._read, name=f"{role}-output", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, timeout_s: float = 60) -> Self:
        """Wait until it says that it does its work.

        Raises:
            RuntimeError: it ended instead, or took too long; with its last words.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ready.wait(0.05):
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.role} is not ready: {self.output[-2000:]}")
        return self

    def stop(self, timeout_s: float = 30) -> int:
        """End it as a dying parent does, by closing its standard input; return its exit code."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            return self._process.wait(timeout_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill it (SIGKILL), paused or not, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a host does that is out of memory or migrated."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def _read(self) -> None:
        if self._process.stdout:
            for line in self._process.stdout:
                if line.strip() == READY:
                    self._ready.set()
