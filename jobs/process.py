"""What the long-running processes share: they stop cleanly on SIGINT and SIGTERM, and with their parent."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

READY = "nightshift: ready"
"""Printed on standard output once a supervised process does its work."""


@asynccontextmanager
async def stop_event(*, supervised: bool) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set when this process should stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if supervised:
        watch_parent(lambda: loop.call_soon_threadsafe(stop.set))
    yield stop


def watch_parent(stop: Callable[[], object]) -> None:
    """Call `stop` when standard input ends. A pipe tells of a killed parent on every platform."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # not `sys.stdin`: its lock would trip the interpreter's end
            pass
        try:
            stop()
        except RuntimeError:
            return  # the loop has ended already: so has the process

    threading.Thread(target=wait, daemon=True, name="parent-watch").start()


def announce() -> None:
    """Tell the supervisor that this process does its work."""
    print(READY, flush=True)  # noqa: T201 — the supervisor reads it
