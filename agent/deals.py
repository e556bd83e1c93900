"""A CRM tells the state of a deal, again and again, in any order; outcomes are what changed. (`channels/hubspot.py`.)

A deal has one end, won or lost: a later end corrects the earlier. That a meeting was booked stands beside it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.ids import new_id
from agent.outcomes import ReportedOutcome, Source, Stored, read_outcome, record_outcome
from agent.store import outcomes
from agent.store.db import Tx
from agent.store.outcomes import Outcome
from agent.types import TenantId

ENDS = ("won", "lost")


@dataclass(frozen=True, kw_only=True, slots=True)
class DealState:
    """What a CRM says of a deal."""

    deal: str
    contact: str
    kind: Literal["booked", "won", "lost"]
    occurred_at: datetime
    amount_minor: int | None = None
    currency: str | None = None
    reason: str = ""


async def record_deal(
    tx: Tx, tenant_id: TenantId, state: DealState, source: Source, *, now: datetime
) -> tuple[Stored | Literal["stale"], Outcome]:
    """Record what is new about a deal; `stale`: something later is known already.

    Raises:
        BadRequest: what is said makes no outcome.
    """
    await outcomes.lock_outcomes(tx)
    standing = await outcomes.list_standing_of_deal(tx, state.deal)
    rivals = [each for each in standing if each.kind == state.kind or {each.kind, state.kind} <= {*ENDS}]
    if rivals:
        known = rivals[0]
        if _says(known) == (state.kind, state.amount_minor, state.currency, state.reason):
            return "duplicate", known
        if state.occurred_at < known.occurred_at:
            return "stale", known
    reported = _report(state, rivals[0] if rivals else None)
    return await record_outcome(tx, tenant_id, reported, source, now=now)


def _says(outcome: Outcome) -> tuple[str, int | None, str | None, str]:
    return outcome.kind, outcome.amount_minor, outcome.currency, outcome.reason


def _report(state: DealState, known: Outcome | None) -> ReportedOutcome:
    fields = {
        "id": f"{state.deal}:{new_id()}",
        "contact": state.contact,
        "kind": state.kind,
        "amount_minor": state.amount_minor,
        "currency": state.currency,
        "reason": state.reason,
        "occurred_at": state.occurred_at,
        "corrects": known.external_id if known else "",
        "deal": state.deal,
    }
    return read_outcome(fields)
