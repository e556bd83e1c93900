"""Runs: turns as operators look at them, those that wait to be taken among them.

A list of runs looks back over at most `LOOK_BACK` turns at a time, newest first, whatever is asked for: a filter that
nothing fits costs as much as one that all fit, and the page goes on from where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import Channel, ConversationId, TurnId

WorkState = Literal["queued", "running", "waiting"]
EndState = Literal["done", "superseded", "failed", "cancelled"]
RunState = Literal["queued", "running", "waiting", "done", "superseded", "failed", "cancelled"]
RunDecision = Literal["send", "escalate", "nothing"]
RUN_STATES: tuple[RunState, ...] = get_args(RunState)
WORK_STATES: tuple[WorkState, ...] = get_args(WorkState)
RUN_DECISIONS: tuple[RunDecision, ...] = get_args(RunDecision)
PAGE = 50
LOOK_BACK = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs are meant. Empty fields ask for nothing."""

    state: str = ""
    decision: str = ""
    channel: str = ""
    intent: str = ""
    error: str = ""
    """A part of the error's text, in any case."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing, and so for everything."""
        return self == RunFilter()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in the list: what comes after it is older."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A turn in short."""

    id: TurnId
    conversation_id: ConversationId
    contact_name: str | None
    channel: Channel
    state: RunState
    decision: RunDecision | None
    intent: str | None
    reason: str | None
    error: str | None
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    calls: int
    cost_microusd: int
    cause: str | None = None
    """Class of the request to a person it ended in (`agent.escalation.why`)."""

    @property
    def took_s(self) -> float | None:
        """Seconds from its beginning to its end; None: it has not ended."""
        return (self.finished_at - self.created_at).total_seconds() if self.finished_at else None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPage:
    """A part of the list. `next_place`: where older ones begin; None: there are none."""

    runs: Sequence[Run]
    next_place: Place | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A conversation whose turn is queued, under way, or waits for a model."""

    conversation_id: ConversationId
    contact_name: str | None
    channel: Channel
    state: WorkState
    since: datetime
    due_at: datetime | None
    """Queued: when a worker may begin. Waiting: when a person gets it instead."""
    attempt: int
    priority: int | None
    turn_id: TurnId | None
    """None: nobody has begun it yet."""


_CONDITIONS = """
    (%(decision)s = '' or t.decision = %(decision)s) and (%(intent)s = '' or t.intent = %(intent)s)
    and (%(channel)s = '' or a.channel = %(channel)s)
    and (%(error)s = '' or strpos(lower(t.error), lower(%(error)s)) > 0)"""

_RECENT = """
    select id, conversation_id, state, decision, intent, reason, error, attempts, created_at, finished_at from turns
    where tenant_id = (select current_tenant())
      and (%(place_at)s::timestamptz is null or (created_at, id) < (%(place_at)s, %(place_id)s))
      and created_at >= coalesce(%(since)s::timestamptz, '-infinity')
      and created_at < coalesce(%(until)s::timestamptz, 'infinity')
      {state}
    order by created_at desc, id desc"""


def _recent(wanted: RunFilter) -> str:
    """Return the query of the turns to look at. The states are constants, so that their partial index serves."""
    state = "failed" if wanted.error else wanted.state
    literal = next((each for each in get_args(EndState) if each == state), "")
    return _RECENT.format(state=f"and state = '{literal}'" if literal else "")


async def list_runs(tx: Tx, wanted: RunFilter, after: Place | None = None, *, limit: int = PAGE) -> RunPage:
    """Return ended runs and those under way that fit, newest first, at most `limit`."""
    values = {**_values(wanted, after), "limit": limit, "look_back": LOOK_BACK}
    recent = _recent(wanted)
    cursor = await tx.execute(
        f"""with t as materialized ({recent} limit %(look_back)s), shown as (
                select t.*, a.channel, c.contact_id, c.turn_state from t
                join conversations c on c.id = t.conversation_id
                join channel_accounts a on a.id = c.channel_account_id
                where {_CONDITIONS} order by t.created_at desc, t.id desc limit %(limit)s)
            select s.id, s.conversation_id, k.name as contact_name, s.channel, s.decision, s.intent, s.reason, s.error,
                   s.attempts, s.created_at, s.finished_at, spent.calls, spent.cost_microusd,
                   (select cause from escalations
                    where conversation_id = s.conversation_id and turn_id = s.id limit 1) as cause,
                   case when s.state = 'running' and s.turn_state = 'waiting' then 'waiting' else s.state end as state
            from shown s cross join lateral (select name from contacts where id = s.contact_id limit 1) k
            cross join lateral (select count(*)::int as calls, coalesce(sum(cost_microusd), 0)::bigint as cost_microusd
                                from model_calls where turn_id = s.id) spent
            order by s.created_at desc, s.id desc""".encode(),  # noqa: S608 — constants of this module
        values,
    )
    runs = [Run(**row) for row in await cursor.fetchall()]
    if len(runs) == limit:
        return RunPage(runs=runs, next_place=Place(created_at=runs[-1].created_at, id=runs[-1].id))
    end = await fetch_one(
        tx,
        f"select created_at, id from ({recent} offset %(look_back)s - 1 limit 1) t".encode(),  # noqa: S608 — as above
        values,
    )
    return RunPage(runs=runs, next_place=Place(**end) if end else None)


def _values(wanted: RunFilter, after: Place | None) -> dict[str, Any]:
    return {
        "decision": wanted.decision,
        "intent": wanted.intent,
        "channel": wanted.channel,
        "error": wanted.error,
        "since": wanted.since,
        "until": wanted.until,
        "place_at": after.created_at if after else None,
        "place_id": after.id if after else None,
    }


_WORK = """
    from conversations c
    join channel_accounts a on a.id = c.channel_account_id
    join contacts k on k.id = c.contact_id
    left join turns t on t.conversation_id = c.id and t.state = 'running'
    where c.tenant_id = (select current_tenant()) and c.turn_state <> 'idle'
      and (%(state)s = '' or c.turn_state = %(state)s) and (%(channel)s = '' or a.channel = %(channel)s)
      and (%(intent)s = '' or t.intent = %(intent)s)"""


async def list_work(tx: Tx, wanted: RunFilter, *, limit: int = PAGE) -> list[Work]:
    """Return the tenant's turns that have not ended, those that wait longest first."""
    cursor = await tx.execute(
        f"""select c.id as conversation_id, k.name as contact_name, a.channel, c.turn_state as state,
                  coalesce(c.waiting_since, t.created_at, c.first_unread_at, c.wake_at, c.created_at) as since,
                  case c.turn_state when 'queued' then c.wake_at when 'waiting' then c.wait_until end as due_at,
                  c.attempt, c.priority, t.id as turn_id {_WORK} order by since, c.id limit %(limit)s""".encode(),
        {**_values(wanted, None), "state": wanted.state, "limit": limit},
    )
    return [Work(**row) for row in await cursor.fetchall()]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkCount:
    """How many of the tenant's turns are in a state, and since when the oldest is."""

    state: WorkState
    turns: int
    oldest_since: datetime


async def count_work(tx: Tx) -> list[WorkCount]:
    """Count the tenant's turns that have not ended, by state."""
    cursor = await tx.execute(
        """select c.turn_state as state, count(*)::int as turns,
                  min(coalesce(c.waiting_since, c.first_unread_at, c.wake_at, c.last_inbound_at, c.created_at))
                      as oldest_since
           from conversations c where c.tenant_id = (select current_tenant()) and c.turn_state <> 'idle'
           group by 1 order by 1"""
    )
    return [WorkCount(**row) for row in await cursor.fetchall()]


async def lock_work(tx: Tx, conversation_id: ConversationId) -> dict[str, Any] | None:
    """Lock a conversation and return `tenant_id`, `turn_state`, `owner`; None: this tenant has none such."""
    return await fetch_one(
        tx, "select tenant_id, turn_state, owner from conversations where id = %s for update", (conversation_id,)
    )


async def cancel_unread(tx: Tx, conversation_id: ConversationId, turn_id: UUID, reason: str) -> TurnId | None:
    """End the turn that is due as cancelled, with all that is unread; `turn_id` is for one that nobody has begun.

    Returns the cancelled turn; None: nothing is unread. The conversation must be locked, and nobody's.
    """
    row = await fetch_one(
        tx,
        """with unread as (
               select min(seq) as first_seq, max(seq) as last_seq from messages
               where conversation_id = %(id)s and direction = 'inbound' and turn_id is null
           ), begun as (
               update turns set state = 'cancelled', decision = 'nothing', reason = %(reason)s,
                   finished_at = clock_timestamp(), first_seq = least(turns.first_seq, u.first_seq),
                   last_seq = greatest(turns.last_seq, u.last_seq)
               from unread u where turns.conversation_id = %(id)s and turns.state = 'running' returning turns.id
           ), fresh as (
               insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, attempts,
                                  decision, reason, finished_at)
               select %(turn_id)s, (select current_tenant()), %(id)s, 'cancelled', first_seq, last_seq, '', 0,
                      'nothing', %(reason)s, clock_timestamp()
               from unread where first_seq is not null and not exists (select from begun) returning id)
           select id from begun union all select id from fresh""",
        {"id": conversation_id, "turn_id": turn_id, "reason": reason},
    )
    if row is None:
        return None
    await tx.execute(
        """update messages set turn_id = %s where conversation_id = %s and direction = 'inbound' and turn_id is null""",
        (row["id"], conversation_id),
    )
    return TurnId(row["id"])


async def is_answered_since(tx: Tx, conversation_id: ConversationId, seq: int) -> bool:
    """Whether the agent or staff have written an answer after message number `seq`."""
    row = await fetch_one(
        tx,
        """select exists (select from messages where conversation_id = %s and seq > %s and direction = 'outbound'
                            and author in ('agent', 'staff') and source <> 'rule' and state <> 'superseded')
                  as answered""",
        (conversation_id, seq),
    )
    return bool(row and row["answered"])
