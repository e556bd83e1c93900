"""A world whose time passes only while nothing is under way: half an hour of a real worker in a minute or two.

`SimulatedLoop` jumps to the next timer as soon as neither a database connection is borrowed nor a thread computes, so
what the machine is slow at takes no time, and a lease never lapses because a test machine is busy. PostgreSQL is real;
its clock is replaced by the loop's. Providers are reached in this process (`InProcess`), so their slowness is simulated
as well, to the second.
"""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx2
import psycopg

from agent.store.db import Database, Tx
from tests.conftest import in_database

PATIENCE_S = 0.05
"""Real seconds after which work that is under way is looked at again."""
CLOCK = "simulation.now"
REPLACE_CLOCK = f"""
    set allow_system_table_mods = on;
    alter function pg_catalog.clock_timestamp() rename to real_clock_timestamp;
    alter function pg_catalog.now() rename to real_now;
    create function pg_catalog.clock_timestamp() returns timestamptz language sql volatile parallel safe as
        $$ select coalesce(nullif(current_setting('{CLOCK}', true), '')::timestamptz, real_clock_timestamp()) $$;
    create function pg_catalog.now() returns timestamptz language sql stable parallel safe as
        $$ select coalesce(nullif(current_setting('{CLOCK}', true), '')::timestamptz, real_now()) $$;
"""
"""Before the migrations, so that whatever they create asks these."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, which begins at 0."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.under_way = 0
        """Things that take real time; while there are any, the time stands still."""
        super().__init__(_Leaping(self))

    def time(self) -> float:
        """Return the simulated time."""
        return self.at_s

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let the time stand still."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def run_in_executor(  # type: ignore[override]  # as the base class has it, without its overloads
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Compute in a thread, while the time stands still."""
        future = super().run_in_executor(executor, func, *args)
        self.under_way += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: asyncio.Future[Any]) -> None:
        self.under_way -= 1


class _Leaping(selectors.DefaultSelector):
    """Waits for what is under way; else lets the time leap to the next timer."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0 or self._loop.under_way:
            return super().select(PATIENCE_S if timeout is None else min(timeout, PATIENCE_S))
        ready = super().select(0)
        if not ready:
            self._loop.at_s += timeout
        return ready


def replace_clock(admin_url: str, name: str) -> None:
    """Give an empty database the clock of its sessions' setting."""
    with psycopg.connect(in_database(admin_url, name), autocommit=True) as admin:
        admin.execute(REPLACE_CLOCK.encode())


class SimulatedDatabase(Database):
    """A pool whose sessions have the loop's time, and during whose use it stands still."""

    def __init__(self, url: str, loop: SimulatedLoop, begin: datetime, *, max_size: int) -> None:
        super().__init__(url, max_size=max_size)
        self._loop, self._begin = loop, begin
        self._lend, self._take_back = self.pool.getconn, self.pool.putconn
        # psycopg_pool has no hook for every time a connection is borrowed.
        self.pool.getconn = self._borrow  # type: ignore[method-assign]
        self.pool.putconn = self._return  # type: ignore[method-assign]

    async def __aenter__(self) -> "SimulatedDatabase":
        with self._loop.holding():
            await super().__aenter__()
        return self

    async def _borrow(self, timeout: float | None = None) -> Tx:  # noqa: ASYNC109 — the pool's signature
        self._loop.under_way += 1
        try:
            connection = await self._lend(timeout)
            now = self._begin + timedelta(seconds=self._loop.time())
            # Not awaited: it is done at once, and half of all statements are this one.
            connection.pgconn.exec_(f"set {CLOCK} = '{now.isoformat()}'".encode())
        except BaseException:
            self._loop.under_way -= 1
            raise
        return connection

    async def _return(self, conn: Tx) -> None:
        try:
            await self._take_back(conn)
        finally:
            self._loop.under_way -= 1


class InProcess(httpx2.AsyncBaseTransport):
    """Requests to an ASGI application in this process. Unlike httpx2's own such transport it streams, and can break."""

    def __init__(self, app: Callable[..., Any], heard: Callable[[bytes], None]) -> None:
        self._app, self._heard = app, heard

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response as soon as it begins."""
        body = await request.aread()
        self._heard(body)
        exchange = _Exchange(body)
        exchange.task = asyncio.create_task(exchange.serve(self._app, _scope(request)))
        try:
            start = await exchange.sent.get()
        except BaseException:
            await exchange.aclose()
            raise
        if start is None:
            raise httpx2.RemoteProtocolError("the application gave no response")
        return httpx2.Response(start["status"], headers=start["headers"], stream=exchange)


class _Exchange(httpx2.AsyncByteStream):
    """One request and its response."""

    task: "asyncio.Task[None]"

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self.sent: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._missing = 0

    async def serve(self, app: Callable[..., Any], scope: Mapping[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self.sent.put_nowait(None)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self._missing = int(headers.get(b"content-length", 0))
        self.sent.put_nowait(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.sent.get()) is not None:
            body = message.get("body", b"")
            self._missing -= len(body)
            if body:
                yield body
            if not message.get("more_body", False):
                break
        if self._missing > 0:
            raise httpx2.RemoteProtocolError("peer closed the connection without sending the complete message body")

    async def aclose(self) -> None:
        """Go away: the application hears of it."""
        self._gone.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (request.url.host, request.url.port),
    }
