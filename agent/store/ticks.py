"""What the clock needs of the database: who leads, and which ticks have happened."""

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from agent.store.db import SESSION_OPTIONS, Tx, fetch_one


async def connect_leader(url: str) -> Tx:
    """Open the connection whose life is the lead: a vanished host is noticed within about 11 s."""
    return await AsyncConnection.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        options=SESSION_OPTIONS,
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
    )


async def try_lead(connection: Tx, key: int) -> bool:
    """Take the advisory lock if nobody holds it; it lasts as long as the connection."""
    row = await fetch_one(connection, "select pg_try_advisory_lock(%s) as leads", (key,))
    return bool(row and row["leads"])


async def insert_tick(tx: Tx, key: str) -> bool:
    """Record a tick; False: it has happened already."""
    return (await tx.execute("insert into ticks (key) values (%s) on conflict do nothing", (key,))).rowcount == 1


async def delete_old_ticks(tx: Tx, *, days: int) -> None:
    """Forget ticks older than `days`."""
    await tx.execute("delete from ticks where at < clock_timestamp() - %s * interval '1 day'", (days,))
