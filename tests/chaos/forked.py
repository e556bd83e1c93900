"""Roles of Nightshift as `nightshift up` starts them, but forked (`tests.forked`); then stopped, killed or paused."""

import os
import select
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from tests.forked import forking, run_command
from tests.processes import READY

START_S = STOP_S = 180.0
"""Longest waits for a process to work, and to end: several do at a time, and machines may be busy."""


class ForkedProcess:
    """`nightshift ROLE --supervised`. A context manager that leaves no process behind.

    Standard error goes to `log`, whose directory is the working directory, so that no `.env` is read.
    """

    def __init__(self, role: str, settings: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        self._is_ready = False
        context = forking()
        stdin, self._hold = context.Pipe(duplex=False)
        self._said, stdout = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(role, dict(settings), log, stdin, stdout), daemon=True)
        self._process.start()
        stdin.close()
        stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How it ended: a signal's number below zero, if that ended it; None: it has not."""
        return self._process.exitcode

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def wait_ready(self, timeout_s: float = START_S) -> None:
        """Wait until it says that it does its work, or has said so.

        Raises:
            RuntimeError: it ended instead, or took too long; with its last words.
        """
        said, deadline = b"", monotonic() + timeout_s
        while not self._is_ready:
            readable, _, _ = select.select([self._said], [], [], max(0.0, deadline - monotonic()))
            more = os.read(self._said.fileno(), 4096) if readable else b""
            if not more:
                raise RuntimeError(f"{self.role} is not ready: {self.output[-2000:]}")
            said += more
            self._is_ready = READY in said

    def stop(self, timeout_s: float = STOP_S) -> int | None:
        """End it as a dying parent does, by closing its standard input; return its exit code, None if it did not."""
        self._hold.close()
        self._process.join(timeout_s)
        ended = self.exit_code
        self.kill()
        return ended

    def kill(self) -> None:
        """Kill it (SIGKILL), paused or not, and wait until it is gone."""
        self._process.kill()
        self._process.join()
        self._hold.close()
        self._said.close()

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a host does that is out of memory or migrated."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.pid is not None:
            os.kill(self._process.pid, number)


def _run(role: str, settings: Mapping[str, str], log: Path, stdin: Connection, stdout: Connection) -> None:
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    streams = os.dup(stdin.fileno()), os.dup(stdout.fileno()), errors
    stdin.close()
    stdout.close()
    run_command([role, "--supervised"], settings, log.parent, streams)
