"""What became of turns' traces in Langfuse, and what is kept here to tell one again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import ContactId, TenantId, TurnId

TraceState = Literal["sent", "left_out", "wanted"]
"""`left_out`: not in the sample. `wanted`: to be told again from what the database has."""


async def mark_traces(tx: Tx, turn_ids: Sequence[UUID], state: TraceState) -> None:
    """Note what became of the traces of some turns, of any tenants. A turn being changed just now is skipped."""
    await tx.execute("select mark_traces(%s, %s)", (list(turn_ids), state))


@dataclass(frozen=True, kw_only=True, slots=True)
class UntoldTurn:
    """What a trace says of its turn beside what the turn's run tells."""

    trace: TraceState | None
    contact_id: ContactId
    version: str


async def find_untold(tx: Tx, turn_id: TurnId) -> UntoldTurn | None:
    """Return what to tell again of a turn; None: this tenant has none such, or it was erased."""
    row = await fetch_one(
        tx,
        """select t.trace, c.contact_id, coalesce(t.version, '') as version
           from turns t join conversations c on c.id = t.conversation_id where t.id = %s""",
        (turn_id,),
    )
    return None if row is None else UntoldTurn(**row)


async def claim_untold(tx: Tx, *, after_s: float, within_s: float, limit: int) -> list[tuple[TenantId, TurnId]]:
    """Take turns, of all tenants, that ended between `within_s` and `after_s` ago and whose trace has not arrived.

    Each is offered again after `after_s`.
    """
    cursor = await tx.execute("select * from claim_untold_turns(%s, %s, %s)", (after_s, within_s, limit))
    return [(TenantId(row["untold_tenant_id"]), TurnId(row["untold_id"])) for row in await cursor.fetchall()]
