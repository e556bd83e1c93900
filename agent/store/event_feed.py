"""Reading events as they happen: what the inbox's live updates are made of.

Numbers are given out before a transaction commits, so an event may become visible after one with a higher number.
Whoever follows events therefore looks back some way, and remembers what they have seen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from agent.store.db import Tx, fetch_one

LOOK_BACK = 500
"""How many numbers before the newest may still be uncommitted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to a tenant's conversation, or beside any."""

    id: int
    kind: str
    actor: str
    conversation_id: UUID | None


async def last_event_id(tx: Tx) -> int:
    """Return the number of the tenant's newest event; 0: there is none."""
    row = await fetch_one(tx, "select max(id) as id from events where tenant_id = (select current_tenant())")
    return int(row["id"] or 0) if row else 0


async def list_events_after(tx: Tx, event_id: int, *, limit: int, seen: Collection[int] = ()) -> Sequence[Event]:
    """Return the tenant's events after a number but for those `seen`, oldest first, at most `limit`."""
    cursor = await tx.execute(
        """select id, kind, actor, conversation_id from events
           where tenant_id = (select current_tenant()) and id > %s and id <> all(%s::bigint[]) order by id limit %s""",
        (event_id, list(seen), limit),
    )
    return [Event(**row) for row in await cursor.fetchall()]
