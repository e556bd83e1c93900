"""Commands of Nightshift that are forked off a process which has imported everything: each saves seconds of imports.

They are whole processes all the same, with an environment, standard streams and an end of their own. The process they
come from sees none of this machine's settings, as some libraries look at the environment when they are imported.
"""

import atexit
import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.processes import REPOSITORY, environment

_LATE = ("agent.models.claude", "agent.models.providers", "rich._emoji_codes", "rich.markdown", "typer.rich_utils")
"""What is imported when it is needed, and by no module of `jobs` from the start."""


@cache
def forking() -> ForkServerContext:
    """Return what starts processes; the first call begins to import what they need."""
    context = multiprocessing.get_context("forkserver")
    jobs = sorted(f"jobs.{path.stem}" for path in (REPOSITORY / "jobs").glob("*.py") if path.stem != "__init__")
    context.set_forkserver_preload([*jobs, *_LATE, __name__])
    ours = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environment(term="dumb"))
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(ours)
    return context


def run_forked(
    arguments: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, timeout_s: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run `nightshift` with these arguments, this environment and no input; return how it ended and what it said.

    Raises:
        subprocess.TimeoutExpired: it took too long, and was killed.
    """
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as directory:
        stdout, stderr = Path(directory, "stdout"), Path(directory, "stderr")
        process = forking().Process(target=_run, args=(words, dict(env), cwd, stdout, stderr))
        process.start()
        try:
            process.join(timeout_s)
            if process.exitcode is None:
                raise subprocess.TimeoutExpired(words, timeout_s)
        finally:
            process.kill()
            process.join()
        said = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (stdout, stderr)]
    return subprocess.CompletedProcess(words, process.exitcode, *said)


def _run(arguments: list[str], env: Mapping[str, str], cwd: Path, stdout: Path, stderr: Path) -> None:
    new = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    run_command(
        arguments,
        env,
        cwd,
        (os.open(os.devnull, os.O_RDONLY), os.open(stdout, new, 0o600), os.open(stderr, new, 0o600)),
    )


def run_command(arguments: Sequence[str], env: Mapping[str, str], cwd: Path, streams: tuple[int, int, int]) -> None:
    """Be `nightshift` with these arguments, environment, directory and standard streams; call it in a forked process.

    Raises:
        SystemExit: the command has ended.
    """
    gc.freeze()  # nobody searches for garbage in what is imported
    os.environ.clear()
    os.environ.update(env)
    if "HOME" in env:
        os.environ.setdefault("NIGHTSHIFT_HOME", str(Path(env["HOME"], ".nightshift")))  # settled at import otherwise
    os.chdir(cwd)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 — as long as the process lives
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["nightshift", *arguments]
    from jobs.cli import app  # noqa: PLC0415 — imported in the process that forked this one

    try:
        app(arguments, prog_name="nightshift")
    finally:
        atexit._run_exitfuncs()
