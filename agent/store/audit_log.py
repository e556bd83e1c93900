"""Events as managers look through them: by whom, of what kind, in which conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.store.db import Tx

PAGE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """Which events to look at; what is empty does not matter."""

    actor: str = ""
    kinds: tuple[str, ...] = ()
    conversation_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedEvent:
    """Something that happened, and who or what did it."""

    id: int
    at: datetime
    kind: str
    actor: str
    member: str | None
    """Name of the member who did it."""
    conversation_id: UUID | None
    data: Mapping[str, Any] = field(default_factory=dict)


async def list_audited(
    tx: Tx, wanted: AuditFilter, *, before: int | None = None, limit: int = PAGE
) -> Sequence[AuditedEvent]:
    """Return events, the newest first. `before`: the last one of the page before."""
    cursor = await tx.execute(
        """select e.id, e.at, e.kind, e.actor, m.name as member, e.conversation_id, e.data
           from events e
           left join members m on e.actor like 'member:%%' and m.tenant_id = e.tenant_id
               and m.id::text = substr(e.actor, 8)
           where e.tenant_id = (select current_tenant())
             and (%(actor)s = '' or (e.actor = %(actor)s and e.actor like 'member:%%'))
             and (%(kinds)s::text[] = '{}' or e.kind = any(%(kinds)s::text[]))
             and (%(conversation)s::uuid is null or e.conversation_id = %(conversation)s)
             and (%(before)s::bigint is null or e.id < %(before)s)
           order by e.id desc limit %(limit)s""",
        {
            "actor": wanted.actor,
            "kinds": list(wanted.kinds),
            "conversation": wanted.conversation_id,
            "before": before,
            "limit": limit,
        },
    )
    return [AuditedEvent(**row) for row in await cursor.fetchall()]


async def list_kinds(tx: Tx) -> Sequence[str]:
    """Return the kinds of events there are, one look at the index each."""
    cursor = await tx.execute(
        """with recursive kinds as (
               (select kind from events where tenant_id = (select current_tenant()) order by kind limit 1)
               union all
               select (select e.kind from events e where e.tenant_id = (select current_tenant())
                       and e.kind > kinds.kind order by e.kind limit 1) from kinds where kinds.kind is not null)
           select kind from kinds where kind is not null order by kind"""
    )
    return [row["kind"] for row in await cursor.fetchall()]
