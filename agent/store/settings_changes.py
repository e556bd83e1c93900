"""The history of what a tenant has published and set: every change with what was there before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.store.db import Tx, fetch_one
from agent.types import MemberId, TenantId

PAGE = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsChange:
    """A change of one part (agent.tenant.parts). `before` is None for an addition, `after` for a removal."""

    id: int
    part: str
    before: Any
    after: Any
    created_at: datetime
    member: str | None
    """Name of who made it; None: the command line, or somebody who has left."""


_CHANGE = """select s.id, s.part, s.before, s.after, s.created_at, m.name as member
    from settings_changes s left join members m on m.tenant_id = s.tenant_id and m.id = s.member_id"""


async def lock_published(tx: Tx, tenant_id: TenantId) -> None:
    """Let nobody else change what the tenant has published before this transaction ends.

    Raises:
        LookupError: there is no such tenant.
    """
    if await fetch_one(tx, "select from tenants where id = %s for no key update", (tenant_id,)) is None:
        raise LookupError(f"tenant {tenant_id} does not exist")


async def insert_change(
    tx: Tx, tenant_id: TenantId, part: str, before: Any, after: Any, *, member_id: MemberId | None
) -> None:
    """Record a change."""
    await tx.execute(
        "insert into settings_changes (tenant_id, member_id, part, before, after) values (%s, %s, %s, %s, %s)",
        (
            tenant_id,
            member_id,
            part,
            None if before is None else Jsonb(before),
            None if after is None else Jsonb(after),
        ),
    )


async def list_changes(
    tx: Tx, part: str = "", *, before: int | None = None, limit: int = PAGE
) -> Sequence[SettingsChange]:
    """Return changes of one part, or of all, the newest first. `before`: the last one of the page before."""
    cursor = await tx.execute(
        f"""{_CHANGE} where s.tenant_id = (select current_tenant()) and (%(part)s = '' or s.part = %(part)s)
            and (%(before)s::bigint is null or s.id < %(before)s) order by s.id desc limit %(limit)s""".encode(),
        {"part": part, "before": before, "limit": limit},
    )
    return [SettingsChange(**row) for row in await cursor.fetchall()]


async def find_change(tx: Tx, change_id: int) -> SettingsChange | None:
    """Return a change of this tenant."""
    row = await fetch_one(tx, f"{_CHANGE} where s.id = %s".encode(), (change_id,))
    return None if row is None else SettingsChange(**row)
