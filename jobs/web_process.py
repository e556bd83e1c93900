"""`nightshift web`: webhooks, health and the simulator. Loads no model."""

import socket
from functools import partial

import uvicorn
from fastapi import FastAPI

from agent.settings import Settings
from channels.media_links import MediaKey, build_media_links
from channels.simulator import SimulatorKeys
from channels.simulator_page import build_simulator
from channels.web import create_app
from jobs.process import announce, watch_parent
from jobs.wiring import build_keys, build_media_store, local_url, open_store


class _Server(uvicorn.Server):
    """Tells the supervisor once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        announce()


async def run_web_process(settings: Settings, *, supervised: bool) -> None:
    """Run the web process until it is told to stop; uvicorn minds the signals."""
    async with open_store(settings, connections=24, must_answer=False) as (deps, _):
        store = build_media_store(settings)
        pages = []
        if settings.simulator_enabled:
            simulator = SimulatorKeys.load(settings.nightshift_home)
            pages.append(build_simulator(deps, simulator, web_url=local_url(settings)))
        app = create_app(deps, build_keys(settings), pages=pages)
        app.include_router(build_media_links(deps, MediaKey.load(settings.nightshift_home), store))
        server = _Server(_config(settings, app))
        if supervised:
            watch_parent(partial(setattr, server, "should_exit", True))
        try:
            await server.serve()
        finally:
            await store.aclose()


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
        # Longer than proxies keep an idle connection (mostly 60 s): else they may use it as we close it, and a webhook
        # fails for nothing.
        timeout_keep_alive=75,
    )
