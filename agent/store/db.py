"""Connections to PostgreSQL: one pool, short transactions, the tenant set for each (promise P7).

Every statement about tenants' rows runs inside `Database.tenant(…)`, which sets the tenant for that
transaction only; row level security does the rest. The pool's sessions run as `nightshift_app`, a role that
neither owns the tables nor bypasses their policies; what staff do runs as `nightshift_staff`, which may do no more
than the member in whose name it acts.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from psycopg import AsyncConnection, OperationalError
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from agent.errors import Misconfigured
from agent.types import MemberId, TenantId

Tx = AsyncConnection[DictRow]
"""A connection, with or without an open transaction; rows are dicts."""

APP_ROLE = "nightshift_app"
STAFF_ROLE = "nightshift_staff"
SESSION_OPTIONS = (
    f"-c role={APP_ROLE} -c search_path=public,jobs -c timezone=UTC "
    # A process paused inside a transaction would keep a conversation's row locked: let the server end it.
    "-c idle_in_transaction_session_timeout=5s -c lock_timeout=5s -c statement_timeout=30s"
)
STAFF_IDLE = "20s"
"""What staff send is checked within their transaction. The first check of a process prepares all patterns: a second and
a half, and on a busy machine several times that."""
KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}


def require_session_mode(url: str) -> None:
    """Refuse Supabase's transaction pooler: it has no LISTEN, SET or advisory locks.

    Raises:
        Misconfigured: the URL points at port 6543.
    """
    if urlsplit(url).port == 6543:
        raise Misconfigured(
            "DATABASE_URL points at a transaction-mode pooler (port 6543), which lacks LISTEN and session settings.",
            "Use the direct connection or the session pooler (port 5432).",
        )


async def _autocommit(connection: Tx) -> None:
    await connection.set_autocommit(True)


class Database:
    """A pool of autocommit connections under the application role."""

    def __init__(self, url: str, *, min_size: int = 1, max_size: int = 16, must_answer: bool = True) -> None:
        """`must_answer`: opening waits for the server, and fails without it."""
        require_session_mode(url)
        self.url = url
        self._must_answer = must_answer
        self.pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[DictRow],
            kwargs={"options": SESSION_OPTIONS, "row_factory": dict_row, **KEEPALIVE},
            # Not in `kwargs`: procrastinate passes them on together with an `autocommit` of its own.
            configure=_autocommit,
            min_size=min_size,
            max_size=max_size,
            timeout=5,
            # Then whoever needs a connection next makes the attempt; the pool's own grow rarer by the minute.
            reconnect_timeout=2,
            open=False,
            name="nightshift",
        )

    async def __aenter__(self) -> Self:
        """Open the pool and, if the server must answer, wait for its first connection."""
        await self.pool.open(wait=self._must_answer, timeout=30)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.pool.close()

    async def revive(self, within_s: float = 2.0) -> None:
        """Make sure that the server answers and stores, and drop connections that have died.

        Raises:
            psycopg.Error: it does not; at once where it refuses, else after `within_s`.
        """
        try:
            async with asyncio.timeout(within_s):
                fresh = await AsyncConnection.connect(self.url, autocommit=True, options=SESSION_OPTIONS)
                async with fresh:
                    row = await (await fresh.execute("show transaction_read_only")).fetchone()
                await self.pool.check()
        except TimeoutError as exc:
            raise OperationalError(f"PostgreSQL has not answered within {within_s:g} s") from exc
        if row == ("on",):
            raise ReadOnlySqlTransaction("PostgreSQL only reads at the moment")

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """Borrow a connection in autocommit mode with no tenant: it sees no tenant's rows."""
        async with self.pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def tenant(self, tenant_id: TenantId) -> AsyncIterator[Tx]:
        """Run one transaction that sees exactly one tenant's rows."""
        async with self.pool.connection() as connection, connection.transaction():
            await set_tenant(connection, tenant_id)
            yield connection

    @asynccontextmanager
    async def member(self, tenant_id: TenantId, member_id: MemberId) -> AsyncIterator[Tx]:
        """Run one transaction in the name of a member of staff: it sees their tenant, and writes what they may."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(
                """select set_config('nightshift.tenant_id', %s, true), set_config('nightshift.member_id', %s, true),
                          set_config('role', %s, true),
                          set_config('idle_in_transaction_session_timeout', %s, true)""",
                (str(tenant_id), str(member_id), STAFF_ROLE, STAFF_IDLE),
            )
            yield connection


async def set_tenant(tx: Tx, tenant_id: TenantId) -> None:
    """Scope the current transaction to a tenant."""
    await tx.execute("select set_config('nightshift.tenant_id', %s, true)", (str(tenant_id),))


async def fetch_one(tx: Tx, query: Any, params: Any = None) -> DictRow | None:
    """Run a query and return its first row, or None."""
    return await (await tx.execute(query, params)).fetchone()
