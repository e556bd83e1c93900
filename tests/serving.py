"""A real web server inside the test's process, on a free port of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def serving(build: Callable[[str], FastAPI]) -> AsyncIterator[str]:
    """Serve what `build` makes of the server's address; yields that address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(build(url), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(60):  # on a busy machine
            while not server.started:
                await asyncio.sleep(0.01)
        try:
            yield url
        finally:
            server.should_exit = True
            await task
