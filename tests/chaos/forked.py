"""Processes of Nightshift that are forked off one which has imported everything: a second and more is saved on each.

They are whole processes all the same, with an environment, standard streams and an end of their own.
"""

import multiprocessing
import os
import select
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from tests.processes import READY

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    ["jobs.cli", "jobs.web_process", "jobs.worker_process", "agent.models.claude", "agent.models.providers"]
)


class ForkedProcess:
    """`nightshift ROLE --supervised`. A context manager that leaves no process behind.

    Standard error goes to `log`, whose directory is the working directory, so that no `.env` is read.
    """

    def __init__(self, role: str, settings: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        stdin, self._hold = _forking.Pipe(duplex=False)
        self._said, stdout = _forking.Pipe(duplex=False)
        self._process = _forking.Process(target=_run, args=(role, dict(settings), log, stdin, stdout), daemon=True)
        self._process.start()
        stdin.close()
        stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._hold.close()
        self._said.close()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How it ended: a signal's number below zero, if that ended it; None: it has not."""
        return self._process.exitcode

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until it says that it does its work.

        Raises:
            RuntimeError: it ended instead, or took too long; with its last words.
        """
        said, deadline = b"", monotonic() + timeout_s
        while READY not in said:
            readable, _, _ = select.select([self._said], [], [], max(0.0, deadline - monotonic()))
            more = os.read(self._said.fileno(), 4096) if readable else b""
            if not more:
                words = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
                raise RuntimeError(f"{self.role} is not ready: {words[-2000:]}")
            said += more


def _run(role: str, settings: Mapping[str, str], log: Path, stdin: Connection, stdout: Connection) -> None:
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(log.parent)
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, stream in enumerate((stdin.fileno(), stdout.fileno(), errors)):
        os.dup2(stream, number)
    stdin.close()
    stdout.close()
    os.close(errors)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 — as long as the process lives
    from jobs.cli import app  # noqa: PLC0415 — imported in the process that forked this one

    app([role, "--supervised"])
