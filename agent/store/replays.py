"""Replays: what a version makes of a past turn, or of all turns of a conversation.

A worker thinks; here is what was asked, and what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MemberId, TenantId, TurnId

MOST = 10
"""Replays of one turn, or of one conversation, that are shown, the newest."""
MOST_TURNS = 50
"""Turns of a conversation that are replayed, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRow:
    """One replay of a turn, or of a conversation. `result` is None until it is done, or where it failed.

    Of a turn it has `before` and `after`, each an `agent.replay.Outcome`; of a conversation `turns`, a list of those.
    """

    id: UUID
    turn_id: TurnId | None
    conversation_id: ConversationId | None
    version: str
    """What is to think; empty: the version in force."""
    state: Literal["pending", "done", "failed"]
    result: Mapping[str, Any] | None
    error: str
    created_at: datetime
    finished_at: datetime | None


async def insert_replay(
    tx: Tx,
    tenant_id: TenantId,
    turn_id: TurnId | None,
    member_id: MemberId | None,
    *,
    conversation_id: ConversationId | None = None,
    version: str = "",
) -> UUID:
    """Ask for a replay of a turn, or of a conversation; the caller defers it.

    Raises:
        psycopg.errors.ForeignKeyViolation: the tenant has no such turn or conversation.
    """
    replay_id = new_id()
    await tx.execute(
        """insert into replays (id, tenant_id, turn_id, member_id, conversation_id, version)
           values (%s, %s, %s, %s, %s, %s)""",
        (replay_id, tenant_id, turn_id, member_id, conversation_id, version),
    )
    return replay_id


async def find_replay(tx: Tx, replay_id: UUID) -> ReplayRow | None:
    """Return a replay; None: this tenant has none such."""
    row = await fetch_one(
        tx,
        """select id, turn_id, conversation_id, version, state, result, error, created_at, finished_at from replays
           where id = %s""",
        (replay_id,),
    )
    return None if row is None else ReplayRow(**row)


async def list_replays(tx: Tx, turn_id: TurnId) -> Sequence[ReplayRow]:
    """Return the replays of a turn, newest first."""
    cursor = await tx.execute(
        """select id, turn_id, conversation_id, version, state, result, error, created_at, finished_at from replays
           where turn_id = %s order by created_at desc limit %s""",
        (turn_id, MOST),
    )
    return [ReplayRow(**row) for row in await cursor.fetchall()]


async def list_conversation_replays(tx: Tx, conversation_id: ConversationId) -> Sequence[ReplayRow]:
    """Return the replays of a whole conversation, newest first."""
    cursor = await tx.execute(
        """select id, turn_id, conversation_id, version, state, result, error, created_at, finished_at from replays
           where conversation_id = %s order by created_at desc limit %s""",
        (conversation_id, MOST),
    )
    return [ReplayRow(**row) for row in await cursor.fetchall()]


async def list_replayable(tx: Tx, conversation_id: ConversationId) -> Sequence[TurnId]:
    """Return the turns of a conversation that have ended and were not superseded, oldest first."""
    cursor = await tx.execute(
        """select id from (select id, first_seq, created_at from turns
                           where conversation_id = %s and state in ('done', 'failed')
                           order by created_at desc, id desc limit %s) newest order by created_at, id""",
        (conversation_id, MOST_TURNS),
    )
    return [row["id"] for row in await cursor.fetchall()]


async def finish_replay(tx: Tx, replay_id: UUID, result: Mapping[str, Any] | None, error: str = "") -> bool:
    """Keep what came of a replay, once; False: it was done already."""
    cursor = await tx.execute(
        """update replays set state = %s, result = %s, error = %s, finished_at = clock_timestamp()
           where id = %s and state = 'pending'""",
        ("done" if result else "failed", Jsonb(dict(result)) if result else None, error, replay_id),
    )
    return cursor.rowcount == 1
