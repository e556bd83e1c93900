"""A migrated database that the tests of a module use one after the other: emptied in between, not created anew.

Its connections stay open, which saves most: a new one first reads the schema, every policy of it, and that takes the
server longer than the whole of many tests.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import AsyncConnection

from agent.store.db import APP_ROLE, Database

if TYPE_CHECKING:
    from tests.conftest import CreateDatabase

POOL_SIZE = 8
JANITOR = "-c session_replication_role=replica -c lock_timeout=2s"
"""Options of who empties: no trigger keeps rows as they were, nobody waits for a lock that a test has left."""
AS_OPENED = f"reset all; set role {APP_ROLE}; unlisten *; select pg_advisory_unlock_all()".encode()
STATEMENTS = b"""
select string_agg(statement, '; ') from (
    select format('delete from %I.%I', schemaname, tablename) as statement
    from pg_tables where schemaname in ('public', 'jobs')
    union all
    select format('perform setval(%L, %s, false)', format('%I.%I', schemaname, sequencename), start_value)
    from pg_sequences where schemaname in ('public', 'jobs')
) each"""
IS_OURS = b"select numbackends = %s as alone from pg_stat_database where datname = current_database()"


class Lender:
    """Lends a database to one test at a time."""

    def __init__(self, create: "CreateDatabase") -> None:
        self._create = create
        self._open = AsyncExitStack()
        self._lent: tuple[Database, AsyncConnection[tuple[object, ...]]] | None = None

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Database]:
        """Lend a database without rows; drop it afterwards if more is left in it than rows."""
        if self._lent is None:
            self._lent = await self._prepare()
        database, janitor = self._lent
        try:
            yield database
        finally:
            if not await _is_emptied(database, janitor):
                await self.aclose()

    async def aclose(self) -> None:
        """Drop the database."""
        self._lent = None
        await self._open.aclose()

    async def _prepare(self) -> tuple[Database, AsyncConnection[tuple[object, ...]]]:
        urls = self._open.enter_context(self._create())
        database = await self._open.enter_async_context(Database(urls.app_url, max_size=POOL_SIZE))
        connecting = AsyncConnection.connect(urls.admin_url, autocommit=True, options=JANITOR)
        janitor = await self._open.enter_async_context(await connecting)
        row = await (await janitor.execute(STATEMENTS)).fetchone()
        statements = str(row[0]) if row else ""
        await janitor.execute(
            f"create function pg_temp.empty() returns void language plpgsql as $$ begin {statements}; end $$".encode()
        )
        return database, janitor


async def _is_emptied(database: Database, janitor: AsyncConnection[tuple[object, ...]]) -> bool:
    """Empty the database and have its connections as they were when opened; False: somebody else still uses it."""
    if database.pool.closed:
        return False
    stats = database.pool.get_stats()
    size = stats.get("pool_size", 0)
    if stats.get("pool_available") != size:
        return False
    try:
        async with AsyncExitStack() as held:
            for _ in range(size):
                connection = await held.enter_async_context(database.pool.connection(timeout=2))
                await connection.execute(AS_OPENED)
        alone = await (await janitor.execute(IS_OURS, (size + 1,))).fetchone()
        if alone != (True,):
            return False
        await janitor.execute(b"select pg_temp.empty()")
    except psycopg.Error:
        return False
    return True
