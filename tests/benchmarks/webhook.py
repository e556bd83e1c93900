"""How long a webhook takes to be acknowledged, against a bare route that does one INSERT and COMMIT.

Both are servers of their own with the same uvicorn settings, on one PostgreSQL with fsync on. 32 clients, each on one
connection, post to one of them and then to the other, in alternating rounds. Run alone:
`python -m tests.benchmarks.webhook`.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from urllib.parse import urlencode

import psycopg
import uvicorn
from fastapi import FastAPI, Request, Response
from psycopg_pool import AsyncConnectionPool

from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, signature
from tests.processes import REPOSITORY, Process, environment, free_port
from tests.stores import OUR_NUMBER, Store, create_store, durable_home

CLIENTS = 32
REQUESTS = 40
"""Of each client in a round."""
ROUNDS = 5
CONNECTIONS = 24
"""As many as the web process has."""
PATH = "/webhooks/twilio/messages"
AIM = 3.0


# --- the bare route --------------------------------------------------------------------------------------------


def serve_bare(url: str, port: int) -> None:
    """Serve the route we compare with."""
    pool = AsyncConnectionPool(url, min_size=1, max_size=CONNECTIONS, open=False)

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(openapi_url=None, lifespan=live)

    @app.post("/bare")
    async def insert(request: Request) -> Response:
        body = await request.body()
        async with pool.connection() as connection:
            await connection.execute("insert into bare (body) values (%s)", (body.decode(),))
        return Response(status_code=204)

    uvicorn.run(app, port=port, log_config=None, access_log=False, server_header=False, proxy_headers=False)


@contextmanager
def bare_server(url: str, port: int) -> Iterator[None]:
    """Run the bare route in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.webhook", url, str(port)], cwd=REPOSITORY)
    try:
        yield
    finally:
        process.kill()
        process.wait()


# --- the clients -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Series:
    """Seconds that requests of one kind took, by round."""

    name: str
    rounds: list[list[float]] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        """Median over the rounds of each round's median."""
        return median(median(each) for each in self.rounds) * 1000

    @property
    def p99_ms(self) -> float:
        """Median over the rounds of each round's 99th percentile."""
        return median(quantiles(each, n=100)[98] for each in self.rounds) * 1000


def encode(port: int, path: str, body: bytes, **headers: str) -> bytes:
    """Return a request as it goes over the wire."""
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "Content-Length": str(len(body)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def post_all(port: int, requests: list[list[bytes]]) -> list[float]:
    """Let each client make its requests one after the other; return the seconds each took.

    Raises:
        RuntimeError: an answer is not a 2xx.
    """
    taken = await asyncio.gather(*(_post_in_turn(port, mine) for mine in requests))
    return [seconds for each in taken for seconds in each]


async def _post_in_turn(port: int, requests: list[bytes]) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = []
    with closing(writer):
        for request in requests:
            begun = perf_counter()
            writer.write(request)
            await _read_answer(reader)
            taken.append(perf_counter() - begun)
    return taken


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 2"):
        raise RuntimeError(f"refused: {head!r}")
    _, _, rest = head.partition(b"content-length:")
    if rest:
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))


# --- the messages ----------------------------------------------------------------------------------------------


def webhooks(port: int, numbers: Iterator[int], senders: list[str]) -> list[list[bytes]]:
    """Return signed messages for each client, from these senders in turn."""
    url, sender = f"http://127.0.0.1:{port}{PATH}", cycle(senders)
    return [[_webhook(port, url, next(numbers), next(sender)) for _ in range(REQUESTS)] for _ in range(CLIENTS)]


def _webhook(port: int, url: str, number: int, sender: str) -> bytes:
    params = inbound_params(
        "Hola, ¿cuánto cuesta el curso intensivo de inglés?",
        MessageSid=f"SM{number:032x}",
        From=f"whatsapp:{sender}",
        To=f"whatsapp:{OUR_NUMBER}",
    )
    return encode(port, PATH, urlencode(params).encode(), **{"X-Twilio-Signature": signature(url, params)})


def bare_requests(port: int) -> list[list[bytes]]:
    """Return requests with a body of the same size."""
    body = urlencode(inbound_params("Hola, ¿cuánto cuesta el curso intensivo de inglés?")).encode()
    return [[encode(port, "/bare", body)] * REQUESTS] * CLIENTS


# --- the measurement -------------------------------------------------------------------------------------------


async def measure(store: Store, web_port: int, bare_port: int) -> tuple[Series, Series, Series]:
    """Return the times of the bare route, of prospects we know, and of new ones."""
    bare, known, new = Series("bare INSERT and COMMIT"), Series("message of a known prospect"), Series("of a new one")
    numbers, newcomers = count(1), count(1)
    people = [f"+3460{number:07d}" for number in range(CLIENTS * 10)]
    await post_all(bare_port, bare_requests(bare_port))
    await post_all(web_port, webhooks(web_port, numbers, people))
    for _ in range(ROUNDS):
        bare.rounds.append(await post_all(bare_port, bare_requests(bare_port)))
        known.rounds.append(await post_all(web_port, webhooks(web_port, numbers, people)))
        strangers = [f"+3461{next(newcomers):07d}" for _ in range(CLIENTS * REQUESTS)]
        new.rounds.append(await post_all(web_port, webhooks(web_port, numbers, strangers)))
        await store.rows("update conversations set turn_state = 'idle', wake_at = null returning 1")
    return bare, known, new


async def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    with durable_home() as home, tempfile.TemporaryDirectory() as logs:
        store = await create_store(home, "webhook", quiet_s=3, max_wait_s=12)
        with psycopg.connect(store.admin_url) as admin:
            admin.execute("create table bare (id bigserial primary key, body text not null)")
            admin.execute("grant all on bare, bare_id_seq to nightshift_app")
        web_port, bare_port = free_port(), free_port()
        settings = environment(
            database_url=store.app_url,
            nightshift_home=home / "home",
            nightshift_port=web_port,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
        )
        with bare_server(store.app_url, bare_port), Process("web", settings, Path(logs) / "web.log") as web:
            await asyncio.to_thread(web.wait_ready)
            await _listening(bare_port)
            return _table(*await measure(store, web_port, bare_port))


async def _listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def _table(bare: Series, *ours: Series) -> list[tuple[str, str]]:
    lines = [(f"webhook: {bare.name}", f"p50 {bare.p50_ms:.1f} ms, p99 {bare.p99_ms:.1f} ms")]
    for each in ours:
        ratios = f"ratio {each.p50_ms / bare.p50_ms:.2f} and {each.p99_ms / bare.p99_ms:.2f} (aim ≤ {AIM:g})"
        lines.append((f"webhook: {each.name}", f"p50 {each.p50_ms:.1f} ms, p99 {each.p99_ms:.1f} ms: {ratios}"))
    return lines


if __name__ == "__main__":
    if sys.argv[1:]:
        serve_bare(sys.argv[1], int(sys.argv[2]))
    else:
        for what, figure in asyncio.run(run()):
            print(f"{what:40} {figure}")  # noqa: T201 — its output
