"""The append-only record of every action (promise P9): complete without Langfuse. No message text in it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.store.db import Tx
from agent.types import TenantId


async def insert_event(
    tx: Tx,
    tenant_id: TenantId,
    kind: str,
    *,
    actor: str,
    conversation_id: UUID | None = None,
    turn_id: UUID | None = None,
    message_id: UUID | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Record one action of a tenant: `kind` is dotted (`turn.decided`), `actor` says who or what did it.

    What a message or a turn belongs to is found by it, so that every event of a turn can be found by the turn.
    """
    await tx.execute(
        """insert into events (tenant_id, kind, actor, conversation_id, turn_id, message_id, data)
           values (%(tenant)s, %(kind)s, %(actor)s,
               coalesce(%(conversation)s, (select conversation_id from messages where id = %(message)s),
                        (select conversation_id from turns where id = %(turn)s)),
               coalesce(%(turn)s, (select turn_id from messages where id = %(message)s)), %(message)s, %(data)s)""",
        {
            "tenant": tenant_id,
            "kind": kind,
            "actor": actor,
            "conversation": conversation_id,
            "turn": turn_id,
            "message": message_id,
            "data": Jsonb(data or {}),
        },
    )


async def insert_system_event(tx: Tx, kind: str, data: Mapping[str, Any]) -> None:
    """Record what happened outside any tenant, such as a message to an unknown number."""
    await tx.execute("insert into system_events (kind, data) values (%s, %s)", (kind, Jsonb(data)))
