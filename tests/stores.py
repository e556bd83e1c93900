"""A database on a server of its own, with fsync on: for tests that kill, and for measurements."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from agent.store import embedded
from agent.store.db import Database
from agent.store.migrate import ensure_app_login, migrate
from agent.store.tenants import save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile, load_tenant_file
from tests.conftest import in_database
from tests.processes import REPOSITORY

OUR_NUMBER = "+34910555012"
"""The demo school's number; here it is on WhatsApp, through Twilio."""
WHATSAPP = ChannelAccount(channel="whatsapp", address=OUR_NUMBER, provider="twilio")


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """One migrated database."""

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

    def clone(self, name: str) -> "Store":
        """Copy the database, to which nobody may be connected."""
        with psycopg.connect(embedded.start(self.home), autocommit=True) as admin:
            admin.execute(f"create database {name} template {self.name}".encode())
        return replace(self, name=name)

    def crash(self) -> None:
        """Kill the server (SIGKILL) and start it again; it recovers from its log."""
        pid_file = (self.home / "postgres").resolve() / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text(encoding="ascii").split("\n", 1)[0]), signal.SIGKILL)
        embedded.start(self.home)

    async def rows(self, query: str, *params: object) -> list[dict[str, Any]]:
        """Ask as the superuser, whom row level security does not bind."""
        async with await self._connect() as connection:
            return await (await connection.execute(query.encode(), params)).fetchall()

    async def change(self, statement: str) -> None:
        """Change rows as the superuser."""
        async with await self._connect() as connection:
            await connection.execute(statement.encode())

    async def wait_until(self, condition: str, *params: object, timeout_s: float) -> None:
        """Wait until a SQL condition holds.

        Raises:
            TimeoutError: it does not in time.
        """
        query = f"select 1 as holds where ({condition})".encode()
        async with asyncio.timeout(timeout_s), await self._connect() as connection:
            while not await (await connection.execute(query, params)).fetchone():
                await asyncio.sleep(0.1)

    async def _connect(self) -> psycopg.AsyncConnection[DictRow]:
        return await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True, row_factory=dict_row)


@contextmanager
def durable_home() -> Iterator[Path]:
    """A home for a server that survives being killed; stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="nightshift-durable-"))
    home.chmod(0o711)  # under root the server's account passes through
    try:
        yield home
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


async def create_store(
    home: Path, name: str, *, quiet_s: float, max_wait_s: float, channels: Sequence[ChannelAccount] = (WHATSAPP,)
) -> Store:
    """Create and migrate a database with the demo school in it, which writes at any hour."""
    with psycopg.connect(embedded.start(home), autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    store = Store(home=home, name=name)
    migrate(store.admin_url)
    file = replace(_school(quiet_s, max_wait_s), channels=tuple(channels))
    async with Database(store.app_url, max_size=1) as db, db.tenant(file.tenant.id) as tx:
        await save_tenant_file(tx, file)
    return store


def _school(quiet_s: float, max_wait_s: float) -> TenantFile:
    file = load_tenant_file(REPOSITORY / "agent" / "example_tenants" / "lumen.yaml")
    policy = replace(file.tenant.policy, quiet_s=quiet_s, max_wait_s=max_wait_s, send_hours=())
    return replace(file, tenant=replace(file.tenant, policy=policy))
