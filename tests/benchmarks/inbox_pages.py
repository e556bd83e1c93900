"""How long the inbox's pages take with a million messages in 100,000 conversations (`inbox_seed`), over real HTTP.

The web process is the one that `nightshift web` runs. First each kind of page is asked for alone, one request after
the other: that tells what it costs, also in processor time of the web process and of PostgreSQL. Then twenty members
work at once, each with a live stream open, reading for two seconds on average between one page and the next; meanwhile
events are committed, and it is noted when each stream tells them. Seeding takes about five minutes. Run alone:
`python -m tests.benchmarks.inbox_pages`.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter
from urllib.parse import quote

import psycopg

from agent.ports import Deps
from agent.settings import Settings
from agent.store import embedded
from agent.store.db import Database
from agent.store.members import find_member, insert_member
from agent.store.migrate import ensure_app_login, migrate
from agent.store.sessions import insert_session
from agent.store.tenants import TenantCache
from agent.types import MemberId, TenantId
from jobs.figures import keep_tenant_figures
from jobs.queue import JobQueue
from tests.benchmarks.inbox_seed import CONVERSATIONS, SHARES, WORDS, publish_tenants, seed
from tests.processes import Process, environment, free_port

MEMBERS = 20
ALONE = 25
"""Requests of each kind, one after the other."""
ARRIVING_S = 10.0
"""While they come in, connections to PostgreSQL are opened and their caches filled: told apart."""
TOGETHER_S = 60.0
THINKING_S = 2.0
AIM_MS = 100
EVENTS = 60
LIVE_AIM_MS = 500

Line = tuple[str, str]
Address = Callable[[Random], str]


def _conversation(random: Random) -> int:
    """Return the number of one of the large tenant's conversations; of the newest more often than of the oldest."""
    newest = int(CONVERSATIONS * (1 - random.random() ** 3 * 0.9))
    return newest // 100 * 100 - 100 + random.randrange(SHARES[0])


def _id(kind: str, number: int) -> str:
    return f"{kind}000000-0000-7000-8000-{number:012x}"


def _word(random: Random, longest: int = 99) -> str:
    return quote(WORDS[int(len(WORDS) * random.random() ** 2)][:longest])


PAGES: Mapping[str, Sequence[Address]] = {
    "queue": (
        lambda _: "/inbox",
        lambda _: "/inbox?tab=unassigned",
        lambda _: "/inbox?tab=done",
        lambda _: "/inbox?tab=snoozed",
        lambda _: "/inbox?label=empresa&language=es",
    ),
    "news for the title": (lambda _: f"/inbox/queue/news?since={quote(datetime.now(UTC).isoformat())}",),
    "conversation": (lambda random: f"/inbox/conversations/{_id('a0', _conversation(random))}",),
    "conversations": (lambda _: "/inbox/conversations",),
    "search": (
        lambda random: f"/inbox/search?q={_word(random)}",
        lambda random: f"/inbox/search?q={_word(random)}+{_word(random)}",
        lambda random: f"/inbox/search?q={_word(random, 4)}&channel=email&by=staff",
        lambda random: f"/inbox/search?q={random.randrange(20_000)}",
        lambda random: f"/inbox/search/options?q={_word(random, 5)}",
    ),
    "review": (lambda random: f"/inbox/review/{_id('f0', _conversation(random) // 300 * 300)}",),
    "contacts": (
        lambda _: "/inbox/contacts",
        lambda random: f"/inbox/contacts?q={random.choice(('joao', 'ana+ruiz', 'zoe+nunez'))}",
        lambda random: f"/inbox/contacts?q={random.randrange(1000, 100_000)}",
    ),
    "contact": (lambda random: f"/inbox/contacts/{_id('c0', _conversation(random))}",),
    "operations": (lambda _: "/inbox/operations", lambda _: "/inbox/operations?span=30d"),
    "runs": (lambda _: "/inbox/runs", lambda _: "/inbox/runs?state=failed", lambda _: "/inbox/runs?intent=pricing"),
}


# --- a browser, as little of one as can be ------------------------------------------------------------------------


@dataclass(slots=True)
class Browser:
    """A member's connection to the web process, kept open."""

    port: int
    secret: str
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def send(self, path: str) -> bytes:
        """Ask for a page; return the head of the answer."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: nightshift={self.secret}\r\n\r\n".encode()
        )
        return await self.reader.readuntil(b"\r\n\r\n")

    async def get(self, path: str) -> float:
        """Ask for a page, read all of it, and return how many seconds that took.

        Raises:
            RuntimeError: it was refused.
        """
        began = perf_counter()
        head = (await self.send(path)).lower()
        if not head.startswith((b"http/1.1 200", b"http/1.1 303")) or self.reader is None:
            raise RuntimeError(f"{path}: {head[:200]!r}")
        _, _, rest = head.partition(b"content-length:")
        await self.reader.readexactly(int(rest.split(b"\r\n", 1)[0] or 0))
        if head.startswith(b"http/1.1 303") and b"sign-in" in head:
            raise RuntimeError(f"{path}: signed out")
        return perf_counter() - began


# --- measuring ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Processor:
    """Processor time that the web process and PostgreSQL have used."""

    web: int
    """Its process id."""
    postgres: int

    def read(self) -> tuple[float, float]:
        """Return seconds of both since they began."""
        running = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
        backends = [_stat(pid) for pid in running]
        return _stat(self.web)[1], sum(used for parent, used in backends if parent == self.postgres)


def _stat(pid: int) -> tuple[int, float]:
    """Return a process's parent and the seconds of processor time it has used; of one that is gone, none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0, 0.0
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Series:
    """Seconds that requests took."""

    taken: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: int) -> float:
        """Return a percentile in milliseconds."""
        ordered = sorted(self.taken)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000 if ordered else float("nan")


async def measure_alone(browser: Browser, processor: Processor) -> list[Line]:
    """Return how long each kind of page takes when nobody else asks, and what it costs."""
    random, lines = Random(7), []
    for name, addresses in PAGES.items():
        for address in addresses:
            await browser.get(address(random))
        series, before = Series(), processor.read()
        for number in range(ALONE):
            series.taken.append(await browser.get(addresses[number % len(addresses)](random)))
        web, postgres = (1000 * (after - start) / ALONE for after, start in zip(processor.read(), before, strict=True))
        figure = f"{_percentiles(series)}; processor {web:.0f} ms here, {postgres:.0f} ms in PostgreSQL"
        lines.append((f"inbox: {name}, alone", figure))
    return lines


async def measure_together(
    browsers: Sequence[Browser], streams: Sequence[Browser], processor: Processor, commit: "Committer"
) -> list[Line]:
    """Return how long pages take while everybody works, and how soon events are told."""
    taken, arriving, told = {name: Series() for name in PAGES}, Series(), Series()
    listening = [asyncio.create_task(_listen(stream, told, commit)) for stream in streams]
    await asyncio.gather(
        *(_work(browser, Random(-place), arriving, ARRIVING_S) for place, browser in enumerate(browsers))
    )
    before, began = processor.read(), perf_counter()
    work = [_work(browser, Random(place), taken, TOGETHER_S) for place, browser in enumerate(browsers)]
    await asyncio.gather(commit.run(), *work)
    seconds = perf_counter() - began
    web, postgres = (after - start for after, start in zip(processor.read(), before, strict=True))
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    everything = Series([each for series in taken.values() for each in series.taken])
    count = len(everything.taken)
    cores = f"web process {100 * web / seconds:.0f} % of a core, PostgreSQL {100 * postgres / seconds:.0f} %"
    machine = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    events = f"{EVENTS} events to {len(streams)} streams; aim p95 ≤ {LIVE_AIM_MS} ms"
    return [
        (f"inbox: all pages, {len(browsers)} coming in", _percentiles(arriving)),
        *((f"inbox: {name}, {len(browsers)} at work", _percentiles(series)) for name, series in taken.items()),
        (f"inbox: all pages, {len(browsers)} at work", f"{_percentiles(everything)} (aim p95 ≤ {AIM_MS} ms)"),
        ("inbox: load while they work", f"{count / seconds:.1f} pages a second; {cores}; {machine}"),
        ("inbox: commit to live stream", f"{_percentiles(told)} ({events})"),
    ]


def _percentiles(series: Series) -> str:
    return f"p50 {series.percentile_ms(50):.0f} ms, p95 {series.percentile_ms(95):.0f} ms of {len(series.taken)}"


async def _work(browser: Browser, random: Random, taken: Mapping[str, Series] | Series, seconds: float) -> None:
    until = perf_counter() + seconds
    while True:
        await asyncio.sleep(random.expovariate(1 / THINKING_S))
        if perf_counter() > until:
            return
        name = random.choice(list(PAGES))
        series = taken if isinstance(taken, Series) else taken[name]
        series.taken.append(await browser.get(random.choice(PAGES[name])(random)))


@dataclass(slots=True)
class Committer:
    """Commits events, and knows when each was."""

    db: Database
    tenant: TenantId
    committed: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Commit `EVENTS` events, spread over the time."""
        for number in range(EVENTS):
            await asyncio.sleep(TOGETHER_S / EVENTS)
            kind = f"measured.{number}"
            async with self.db.tenant(self.tenant) as tx:
                await tx.execute(
                    "insert into events (tenant_id, kind, actor) values (%s, %s, 'benchmark')", (self.tenant, kind)
                )
            self.committed[kind] = perf_counter()
        await asyncio.sleep(2)


async def _listen(stream: Browser, told: Series, commit: Committer) -> None:
    """Follow a live stream, and note how long after its commit each event is told."""
    await stream.send("/inbox/live")
    if stream.reader is None:
        return
    while line := await stream.reader.readline():
        now = perf_counter()
        for kind, at in list(commit.committed.items()):
            if f'"{kind}"'.encode() in line:
                told.taken.append(now - at)


# --- the whole ------------------------------------------------------------------------------------------------------


async def _fill(admin_url: str, app_url: str) -> Sequence[str]:
    """Fill the database; return the secrets of twenty members' sessions at the large tenant."""
    async with Database(app_url, max_size=2) as db:
        tenants, first = await publish_tenants(db), []
        for place, tenant in enumerate(tenants):
            first.append(await _insert_members(db, tenant, MEMBERS if place == 0 else 1))
        for line in seed(admin_url, tenants, [members[0] for members in first]):
            print(line, flush=True)  # noqa: T201 — minutes, otherwise silent
        deps = Deps(
            settings=Settings(_env_file=None),
            db=db,
            tenants=TenantCache(),
            queue=JobQueue(db),
            now=lambda: datetime.now(UTC),
        )
        await keep_tenant_figures(tenants[0], deps)
        return [await _begin_session(db, tenants[0], member) for member in first[0] for _ in range(2)]


async def _insert_members(db: Database, tenant: TenantId, count: int) -> list[MemberId]:
    async with db.tenant(tenant) as tx:
        return [
            await insert_member(tx, tenant, email=f"member{n}@{tenant}.example", name=f"Member {n}", role="manager")
            for n in range(count)
        ]


async def _begin_session(db: Database, tenant: TenantId, member_id: MemberId) -> str:
    async with db.tenant(tenant) as tx:
        member = await find_member(tx, member_id)
        if member is None:
            raise LookupError(f"{member_id} may not sign in")
        return await insert_session(tx, member, "benchmark", datetime.now(UTC))


async def measure(app_url: str, secrets: Sequence[str], postgres: int) -> list[Line]:
    """Start the web process and measure it. `postgres`: the server's process id."""
    with tempfile.TemporaryDirectory(prefix="nightshift-inbox-web-") as folder:
        port = free_port()
        settings = environment(database_url=app_url, nightshift_home=Path(folder) / "home", nightshift_port=port)
        with Process("web", settings, Path(folder) / "web.log") as web:
            await asyncio.to_thread(web.wait_ready, 120)
            processor = Processor(web=web.pid, postgres=postgres)
            browsers = [Browser(port, secret) for secret in secrets]
            async with Database(app_url, max_size=2) as db:
                tenant = (await publish_tenants(db))[0]
                alone = await measure_alone(browsers[0], processor)
                half = len(browsers) // 2
                commit = Committer(db, tenant)
                return alone + await measure_together(browsers[:half], browsers[half:], processor, commit)


def run() -> list[Line]:
    """Seed a database, measure, and return lines of a table."""
    with tempfile.TemporaryDirectory(prefix="nightshift-inbox-") as folder:
        home = Path(folder)
        home.chmod(0o711)  # under root the server's account passes through
        admin_url = embedded.start(home, extra_settings={"fsync": "off", "synchronous_commit": "off"})
        try:
            migrate(admin_url)
            app_url = ensure_app_login(admin_url, home)
            secrets = asyncio.run(_fill(admin_url, app_url))
            return asyncio.run(measure(app_url, secrets, server_pid(admin_url)))
        finally:
            embedded.stop(home)


def server_pid(admin_url: str) -> int:
    """Return the process id of a server on this machine."""
    with psycopg.connect(admin_url) as connection:
        row = connection.execute("select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int").fetchone()
    if row is None:
        raise LookupError("the server names no process")
    return int(row[0])


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:40} {figure}", flush=True)  # noqa: T201 — its output
