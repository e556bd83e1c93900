"""What a review card is made of: the request for a person, the turn behind it, and what becomes of its draft."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.store.db import Tx, fetch_one
from agent.store.templates import read_proposal
from agent.templates.types import Proposal
from agent.types import ConversationId, MemberId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewRequest:
    """A request for a person, open or settled, with all that it carries."""

    id: UUID
    conversation_id: ConversationId
    turn_id: TurnId | None
    state: str
    resolution: str | None
    reason: str
    cause: str
    value: str
    detail: str
    draft: str | None
    verdicts: Sequence[Mapping[str, Any]]
    """On the draft, as `agent.check.dump_verdicts` writes them."""
    redraft: Mapping[str, Any] | None
    proposal: Proposal | None
    waiting_since: datetime
    due_at: datetime
    snoozed_until: datetime | None


_REQUEST = """select id, conversation_id, turn_id, state, resolution, reason, cause, value, detail, draft, verdicts,
    redraft, proposal, waiting_since, due_at, snoozed_until from escalations"""


async def find_request(tx: Tx, escalation_id: UUID) -> ReviewRequest | None:
    """Return a request, settled ones too; None: this tenant has none such."""
    row = await fetch_one(tx, f"{_REQUEST} where id = %s".encode(), (escalation_id,))
    return _request(row) if row else None


async def find_open_request(tx: Tx, conversation_id: ConversationId) -> ReviewRequest | None:
    """Return what a person is asked about a conversation; None: nothing."""
    row = await fetch_one(tx, f"{_REQUEST} where conversation_id = %s and state = 'open'".encode(), (conversation_id,))
    return _request(row) if row else None


async def lock_request(tx: Tx, escalation_id: UUID) -> ReviewRequest | None:
    """Return a request that is still open, for this transaction alone; None: it is settled, or there is none."""
    query = f"{_REQUEST} where id = %s and state = 'open' for update".encode()
    row = await fetch_one(tx, query, (escalation_id,))
    return _request(row) if row else None


def _request(row: DictRow) -> ReviewRequest:
    return ReviewRequest(**{**row, "proposal": read_proposal(row["proposal"])})


async def find_last_request(tx: Tx, conversation_id: ConversationId) -> UUID | None:
    """Return the newest request about a conversation, settled or not; None: nobody was ever asked."""
    row = await fetch_one(
        tx,
        """select id from escalations where tenant_id = (select current_tenant()) and conversation_id = %s
           order by id desc limit 1""",
        (conversation_id,),
    )
    return row["id"] if row else None


async def find_previous_request(tx: Tx, now: datetime, *, before: UUID, member_id: MemberId) -> UUID | None:
    """Return the request just more urgent than another, in the queue's order; None: that is the first."""
    past = await fetch_one(tx, "select due_at, risk, id from escalations where id = %s", (before,))
    values = {"now": now, "member": member_id, "after": before}
    row = await fetch_one(tx, _PREVIOUS, {**values, **past}) if past else None
    return row["id"] if row else None


async def find_next_request(tx: Tx, now: datetime, *, after: UUID | None = None, member_id: MemberId) -> UUID | None:
    """Return the request that a member should see next, in the queue's order; None: nothing waits for them.

    What colleagues mind is passed over. After `after` come those less urgent than it, then the others.
    """
    past = await fetch_one(tx, "select due_at, risk, id from escalations where id = %s", (after,)) if after else None
    values = {"now": now, "member": member_id, "after": after}
    later = await fetch_one(tx, _NEXT_AFTER, {**values, **past}) if past else None
    row = later or await fetch_one(tx, _NEXT, values)
    return row["id"] if row else None


_WAITS = """select e.id from escalations e join conversations c on c.id = e.conversation_id
    where e.tenant_id = (select current_tenant()) and e.state = 'open' and e.id is distinct from %(after)s::uuid
      and (e.snoozed_until is null or e.snoozed_until <= %(now)s or c.last_inbound_at > e.snoozed_at)
      and (c.assignee_id is null or c.assignee_id = %(member)s)"""
_IN_ORDER = "order by e.due_at, e.risk, e.id limit 1"
_NEXT = f"{_WAITS} {_IN_ORDER}".encode()
_PREVIOUS = f"""{_WAITS} and (e.due_at, e.risk, e.id) < (%(due_at)s, %(risk)s, %(id)s)
    order by e.due_at desc, e.risk desc, e.id desc limit 1""".encode()
_NEXT_AFTER = f"{_WAITS} and (e.due_at, e.risk, e.id) > (%(due_at)s, %(risk)s, %(id)s) {_IN_ORDER}".encode()


async def count_waiting(tx: Tx, now: datetime) -> int:
    """Count the requests that wait for anybody."""
    row = await fetch_one(
        tx,
        """select count(*)::int as waiting from escalations
           where tenant_id = (select current_tenant()) and state = 'open'
             and (snoozed_until is null or snoozed_until <= %s)""",
        (now,),
    )
    return int(row["waiting"]) if row else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnFacts:
    """What is known of the turn behind a request."""

    trace_id: str
    steps: Mapping[str, Any]
    calls: int
    cost_microusd: int


async def load_turn_facts(tx: Tx, turn_id: TurnId) -> TurnFacts | None:
    """Return what a turn kept of its steps, and what models have cost for it; None: this tenant has no such turn."""
    row = await fetch_one(
        tx,
        """select t.trace_id, t.steps, spent.calls, spent.cost_microusd
           from turns t cross join lateral (
               select count(*)::int as calls, coalesce(sum(cost_microusd), 0)::bigint as cost_microusd
               from model_calls where turn_id = t.id) spent
           where t.id = %s""",
        (turn_id,),
    )
    return TurnFacts(**row) if row else None


async def discard_draft(tx: Tx, escalation_id: UUID) -> None:
    """Leave a request without its draft: nobody shall send it any more."""
    await tx.execute(
        "update escalations set draft = null, verdicts = '[]', redraft = null, proposal = null where id = %s",
        (escalation_id,),
    )


async def replace_draft(
    tx: Tx,
    escalation_id: UUID,
    *,
    instead_of: str | None,
    draft: str,
    verdicts: list[dict[str, Any]],
    redraft: Mapping[str, Any],
) -> bool:
    """Give a request another draft; False: it is settled by now, or has another draft than `instead_of`."""
    cursor = await tx.execute(
        """update escalations set draft = %s, verdicts = %s, redraft = %s
           where id = %s and state = 'open' and draft is not distinct from %s""",
        (draft, Jsonb(verdicts), Jsonb(dict(redraft)), escalation_id, instead_of),
    )
    return cursor.rowcount == 1
