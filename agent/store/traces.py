"""What became of turns' traces in Langfuse, and what is kept here to tell one again."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from agent.store.db import Tx
from agent.types import TenantId, TurnId

TraceState = Literal["sent", "left_out", "wanted"]
"""`left_out`: not in the sample. `wanted`: to be told again from what the database has."""


async def mark_traces(tx: Tx, turn_ids: Sequence[UUID], state: TraceState) -> None:
    """Note what became of the traces of some turns, of any tenants. A turn being changed just now is skipped."""
    await tx.execute("select mark_traces(%s, %s)", (list(turn_ids), state))


async def list_untold(tx: Tx, *, after_s: float, within_s: float, limit: int) -> list[tuple[TenantId, TurnId]]:
    """Return turns, of all tenants, that ended between `within_s` and `after_s` ago and whose trace has not arrived."""
    cursor = await tx.execute("select * from untold_turns(%s, %s, %s)", (after_s, within_s, limit))
    return [(TenantId(row["untold_tenant_id"]), TurnId(row["untold_id"])) for row in await cursor.fetchall()]
