"""What chaos tests share: a PostgreSQL that keeps its promises, a provider, and processes that may be killed."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from agent.store import embedded
from agent.store.db import Database
from agent.store.migrate import ensure_app_login, migrate
from agent.store.tenants import save_tenant_file
from agent.tenants import ChannelAccount, load_tenant_file
from tests.chaos.prospects import OUR_NUMBER
from tests.conftest import in_database
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.processes import REPOSITORY, Process, environment, free_port

QUIET_S, MAX_WAIT_S = 0.3, 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """One migrated database on a server of its own, with fsync on."""

    home: Path
    name: str

    @property
    def admin_url(self) -> str:
        """The superuser's URL."""
        return in_database(embedded.start(self.home), self.name)

    @property
    def app_url(self) -> str:
        """The application's URL."""
        return ensure_app_login(self.admin_url, self.home)

    def crash(self) -> None:
        """Kill the server (SIGKILL) and start it again; it recovers from its log."""
        pid_file = (self.home / "postgres").resolve() / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text(encoding="ascii").split("\n", 1)[0]), signal.SIGKILL)
        embedded.start(self.home)

    async def rows(self, query: str, *params: object) -> list[dict[str, Any]]:
        """Ask as the superuser, whom row level security does not bind."""
        connection = await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True, row_factory=dict_row)
        async with connection:
            return await (await connection.execute(query.encode(), params)).fetchall()

    async def wait_until(self, condition: str, *params: object, timeout_s: float) -> None:
        """Wait until a SQL condition holds.

        Raises:
            TimeoutError: it does not in time.
        """
        async with asyncio.timeout(timeout_s):
            while not (await self.rows(f"select ({condition}) as holds", *params))[0]["holds"]:  # noqa: ASYNC110 — rows
                await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def durable_home() -> Iterator[Path]:
    """A home for a server that survives being killed."""
    home = Path(tempfile.mkdtemp(prefix="nightshift-chaos-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def store_names() -> Iterator[str]:
    """Names that no test has used."""
    return (f"chaos_{number}" for number in count(1))


@pytest.fixture
async def store(durable_home: Path, store_names: Iterator[str]) -> Store:
    """A fresh database with the language school, on WhatsApp through Twilio, at any hour, with little patience."""
    name = next(store_names)
    with psycopg.connect(embedded.start(durable_home), autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    fresh = Store(home=durable_home, name=name)
    migrate(fresh.admin_url)
    file = load_tenant_file(REPOSITORY / "tenants" / "lumen.yaml")
    policy = replace(file.tenant.policy, quiet_s=QUIET_S, max_wait_s=MAX_WAIT_S, send_hours=())
    account = ChannelAccount(channel="whatsapp", address=OUR_NUMBER, provider="twilio")
    async with Database(fresh.app_url, max_size=1) as db, db.tenant(file.tenant.id) as tx:
        await save_tenant_file(tx, replace(file, tenant=replace(file.tenant, policy=policy), channels=(account,)))
    return fresh


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    """The provider."""
    with TwilioDouble() as double:
        yield double


@dataclass(slots=True)
class Fleet:
    """The processes of an installation, by name; a name is its role, with a number if there are several."""

    settings: dict[str, str]
    logs: Path
    running: dict[str, Process] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    def start(self, *names: str) -> None:
        """Start processes without waiting for them."""
        for name in names:
            log = self.logs / f"{name}.log"
            self.running[name] = Process(name.partition("-")[0], self.settings, log)

    def wait_ready(self, *names: str) -> None:
        """Wait until these processes work (all of them, if none is named)."""
        for name in names or self.running:
            self.running[name].wait_ready()

    def kill(self, *names: str) -> None:
        """Kill these processes at once (all of them, if none is named)."""
        for name in names or tuple(self.running):
            self.running.pop(name).kill()
            self.killed.append(name)

    def crash(self, *names: str) -> None:
        """Kill processes that work, and start them again at once."""
        self.wait_ready(*names)
        self.kill(*names)
        self.start(*names)

    def stop(self) -> dict[str, int]:
        """End all processes properly; return their exit codes."""
        codes = {name: process.stop() for name, process in self.running.items()}
        self.running.clear()
        return codes

    def logged(self, event: str) -> int:
        """Return how often an event stands in the logs."""
        return sum(path.read_text(encoding="utf-8", errors="replace").count(event) for path in self.logs.glob("*.log"))


@pytest.fixture
async def fleet(store: Store, twilio: TwilioDouble, tmp_path: Path) -> AsyncIterator[Fleet]:
    """No process yet, but all settings: this database, this provider, a port of its own."""
    port = free_port()
    settings = environment(
        database_url=store.app_url,
        nightshift_home=tmp_path / "home",
        nightshift_port=port,
        nightshift_public_url=f"http://127.0.0.1:{port}",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        twilio_base_url=twilio.base_url,
    )
    logs = tmp_path / "logs"
    logs.mkdir()
    installation = Fleet(settings, logs)
    try:
        yield installation
    finally:
        installation.kill()
