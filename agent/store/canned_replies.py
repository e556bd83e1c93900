"""Canned replies as managers keep them; `agent/store/composing.py` lists them for whoever writes."""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import TenantId


async def find_canned_body(tx: Tx, shortcut: str) -> dict[str, str] | None:
    """Return a canned reply's texts by language, and let nobody else change it before this transaction ends."""
    row = await fetch_one(
        tx,
        "select body from canned_replies where tenant_id = (select current_tenant()) and shortcut = %s for update",
        (shortcut,),
    )
    return None if row is None else dict(row["body"])


async def save_canned(tx: Tx, tenant_id: TenantId, shortcut: str, body: Mapping[str, str]) -> None:
    """Keep a canned reply, in place of the one with this shortcut."""
    await tx.execute(
        """insert into canned_replies (id, tenant_id, shortcut, body) values (%s, %s, %s, %s)
           on conflict (tenant_id, shortcut) do update set body = excluded.body, updated_at = clock_timestamp()""",
        (new_id(), tenant_id, shortcut, Jsonb(dict(body))),
    )


async def delete_canned(tx: Tx, shortcut: str) -> None:
    """Remove a canned reply."""
    await tx.execute(
        "delete from canned_replies where tenant_id = (select current_tenant()) and shortcut = %s", (shortcut,)
    )
