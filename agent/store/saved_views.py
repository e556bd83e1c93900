"""Saved views: a member's own filters of the queue, by name. Row level security shows everybody their own only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.staff.members import Member
from agent.store.db import Tx

MAX_VIEWS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedView:
    """A filter by name."""

    id: UUID
    name: str
    filter: Mapping[str, str]
    """The address's parameters."""


async def list_views(tx: Tx, member: Member) -> Sequence[SavedView]:
    """Return a member's views, the oldest first."""
    cursor = await tx.execute(
        "select id, name, filter from saved_views where member_id = %s order by created_at, id limit %s",
        (member.id, MAX_VIEWS),
    )
    return [SavedView(**row) for row in await cursor.fetchall()]


async def save_view(tx: Tx, member: Member, name: str, wanted: Mapping[str, str]) -> None:
    """Keep a filter under a name; one with the same name is replaced."""
    await tx.execute(
        """insert into saved_views (id, tenant_id, member_id, name, filter) values (%s, %s, %s, %s, %s)
           on conflict (member_id, name) do update set filter = excluded.filter""",
        (new_id(), member.tenant_id, member.id, name, Jsonb(dict(wanted))),
    )


async def delete_view(tx: Tx, member: Member, view_id: UUID) -> bool:
    """Forget a view; False: the member has none such."""
    cursor = await tx.execute("delete from saved_views where id = %s and member_id = %s", (view_id, member.id))
    return cursor.rowcount == 1
