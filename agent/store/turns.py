"""Turns: a burst of inbound messages and what came of it, with the saved result of each finished step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.store.conversations import Lease
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, TenantId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningTurn:
    """A turn that has begun. `steps` holds the results of an attempt that did not finish."""

    id: TurnId
    trace_id: str
    steps: dict[str, Any]
    version: str | None = None
    """Digest of the version that answers; None: none was recorded."""
    attempts: int = 1


async def find_running(tx: Tx, conversation_id: ConversationId, first_seq: int, last_seq: int) -> RunningTurn | None:
    """Return the unfinished turn over exactly these messages, to resume it; one over others is superseded.

    Newer messages may have come since, and older ones come back when their answer was withdrawn.
    """
    await tx.execute(
        """update turns set state = 'superseded', finished_at = clock_timestamp(), reason = 'newer message'
           where conversation_id = %s and state = 'running' and (first_seq, last_seq) <> (%s, %s)""",
        (conversation_id, first_seq, last_seq),
    )
    row = await fetch_one(
        tx,
        """update turns set attempts = attempts + 1 where conversation_id = %s and state = 'running'
           returning id, trace_id, steps, version, attempts""",
        (conversation_id,),
    )
    return None if row is None else RunningTurn(**row)


async def insert_turn(tx: Tx, turn: RunningTurn, lease: Lease, *, first_seq: int, last_seq: int) -> None:
    """Begin a turn over the messages numbered `first_seq` to `last_seq`."""
    await tx.execute(
        """insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, version)
           values (%s, %s, %s, 'running', %s, %s, %s, %s)""",
        (turn.id, lease.tenant_id, lease.conversation_id, first_seq, last_seq, turn.trace_id, turn.version),
    )


async def save_step(tx: Tx, lease: Lease, turn_id: TurnId, name: str, result: Any) -> bool:
    """Keep the result of a step; False: the lease was lost, nothing was written."""
    cursor = await tx.execute(
        """update turns set steps = steps || jsonb_build_object(%s::text, %s::jsonb)
           where id = %s and state = 'running' and exists (
               select from conversations where id = %s and lease_token = %s and turn_state = 'running')""",
        (name, Jsonb(result), turn_id, lease.conversation_id, lease.token),
    )
    return cursor.rowcount == 1


async def keep_steps(tx: Tx, turn_id: TurnId, names: Sequence[str]) -> None:
    """Forget the results of all other steps of a turn: they rest on facts that may change before it goes on."""
    await tx.execute(
        """update turns set steps = (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(steps)
                                     where key = any(%s)) where id = %s""",
        (list(names), turn_id),
    )


async def begin_again(tx: Tx, turn_id: TurnId, version: str) -> None:
    """Have a turn answered by another version than the attempt before: what that one finished is forgotten."""
    await tx.execute("update turns set version = %s, steps = '{}' where id = %s", (version, turn_id))


async def finish_turn(
    tx: Tx,
    turn_id: TurnId,
    state: str,
    *,
    decision: str | None = None,
    reason: str | None = None,
    error: str | None = None,
    steps: dict[str, Any] | None = None,
) -> None:
    """End a turn; `steps` adds what was decided without being a step of its own (verdicts)."""
    await tx.execute(
        """update turns set state = %s, decision = %s, reason = %s, error = %s, steps = steps || %s,
               finished_at = clock_timestamp() where id = %s""",
        (state, decision, reason, error, Jsonb(steps or {}), turn_id),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRow:
    """What later steps need to know of a turn."""

    tenant_id: TenantId
    conversation_id: ConversationId
    trace_id: str
    state: str
    attempts: int
    first_seq: int
    last_seq: int
    created_at: datetime
    version: str | None


async def get_turn(tx: Tx, turn_id: TurnId) -> TurnRow:
    """Load a turn.

    Raises:
        LookupError: this tenant has no such turn.
    """
    row = await fetch_one(
        tx,
        """select tenant_id, conversation_id, trace_id, state, attempts, first_seq, last_seq, created_at, version
           from turns where id = %s""",
        (turn_id,),
    )
    if row is None:
        raise LookupError(f"turn {turn_id} does not exist for this tenant")
    return TurnRow(**row)


async def supersede_turn(tx: Tx, turn_id: TurnId, reason: str) -> None:
    """Mark a turn whose reply was withdrawn before it left."""
    await tx.execute("update turns set state = 'superseded', reason = %s where id = %s", (reason, turn_id))
