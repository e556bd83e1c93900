"""The long-running processes: web, worker, clock. Each stops cleanly on SIGINT and SIGTERM, and with its parent."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
import uvicorn
from fastapi import FastAPI

from agent.settings import Settings
from channels.simulator import SimulatorKeys
from channels.simulator_page import build_simulator
from channels.web import create_app
from jobs.clock import run_clock
from jobs.wiring import build_keys, local_url, open_agent, open_store
from jobs.worker import run_worker

READY = "nightshift: ready"
"""Printed on standard output once a supervised process does its work."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def _stop_event(*, supervised: bool) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set when this process should stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if supervised:
        _watch_parent(lambda: loop.call_soon_threadsafe(stop.set))
    yield stop


def _watch_parent(stop: Callable[[], object]) -> None:
    """Call `stop` when standard input ends. A pipe tells of a killed parent on every platform."""

    def wait() -> None:
        sys.stdin.buffer.read()
        try:
            stop()
        except RuntimeError:
            return  # the loop has ended already: so has the process

    threading.Thread(target=wait, daemon=True, name="parent-watch").start()


async def run_worker_process(settings: Settings, *, supervised: bool) -> None:
    """Run a worker until it is told to stop."""
    async with _stop_event(supervised=supervised) as stop, open_agent(settings) as (deps, queue):
        print(READY, flush=True)  # noqa: T201 — the supervisor reads it
        await run_worker(deps, queue, stop)


async def run_clock_process(settings: Settings, *, supervised: bool) -> None:
    """Run the clock until it is told to stop."""
    async with _stop_event(supervised=supervised) as stop, open_store(settings, connections=4) as (deps, queue):
        print(READY, flush=True)  # noqa: T201
        await run_clock(deps, queue, stop)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Server:
    """Lets a dead parent stop uvicorn as a signal would."""

    server: uvicorn.Server

    def stop(self) -> None:
        self.server.should_exit = True


def run_web(settings: Settings, *, supervised: bool) -> None:
    """Run the web process until it is told to stop."""
    asyncio.run(_serve(settings, supervised=supervised))


async def _serve(settings: Settings, *, supervised: bool) -> None:
    async with open_store(settings, connections=24) as (deps, _):
        pages = []
        if settings.simulator_enabled:
            simulator = SimulatorKeys.load(settings.nightshift_home)
            pages.append(build_simulator(deps, simulator, web_url=local_url(settings)))
        server = uvicorn.Server(_config(settings, create_app(deps, build_keys(settings), pages=pages)))
        if supervised:
            _watch_parent(_Server(server=server).stop)
        announcement = asyncio.create_task(_announce(server))
        await server.serve()
        await announcement


def _config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.nightshift_host,
        port=settings.nightshift_port,
        log_config=None,
        access_log=False,
        server_header=False,
        # `Forwarded` headers are the peer's words: signatures are computed over the configured URL.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )


async def _announce(server: uvicorn.Server) -> None:
    while not (server.started or server.should_exit):
        await asyncio.sleep(0.02)
    print(READY, flush=True)  # noqa: T201
