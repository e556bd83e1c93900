"""Labelled cases that versions are measured on (promise P10), and where new ones come from: people's objections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import MemberId, TenantId, TurnId

CaseKind = Literal["classification", "guardrail", "reply"]
CaseState = Literal["proposed", "accepted", "rejected"]
MOST_CASES = 5_000
"""Cases of one tenant that are measured on, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRow:
    """A labelled case as it is stored. `input` and `expected` are those of `agent.evaluation.cases`."""

    id: UUID
    kind: CaseKind
    key: str
    language: str
    input: Mapping[str, Any]
    expected: Mapping[str, Any]
    origin: str
    state: CaseState
    note: str
    turn_id: TurnId | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCase:
    """A case to be kept. `key` makes it the same case as another one."""

    kind: CaseKind
    key: str
    language: str
    input: Mapping[str, Any]
    expected: Mapping[str, Any]
    origin: str
    state: CaseState = "accepted"
    note: str = ""
    turn_id: TurnId | None = None


async def insert_cases(tx: Tx, tenant_id: TenantId, cases: Sequence[NewCase]) -> int:
    """Keep cases; one that is there already is left as it is. Return how many are new."""
    count = 0
    for case in cases:
        cursor = await tx.execute(
            """insert into eval_items (id, tenant_id, kind, key, language, input, expected, origin, state,
                                       note, turn_id)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (tenant_id, kind, key) do nothing""",
            (
                *(new_id(), tenant_id, case.kind, case.key, case.language, Jsonb(dict(case.input))),
                *(Jsonb(dict(case.expected)), case.origin, case.state, case.note, case.turn_id),
            ),
        )
        count += cursor.rowcount
    return count


async def list_cases(tx: Tx, state: CaseState = "accepted", *, limit: int = MOST_CASES) -> list[CaseRow]:
    """Return the tenant's cases in a state, newest first."""
    cursor = await tx.execute(
        """select id, kind, key, language, input, expected, origin, state, note, turn_id, created_at from eval_items
           where state = %s order by created_at desc, id desc limit %s""",
        (state, limit),
    )
    return [CaseRow(**row) for row in await cursor.fetchall()]


async def count_cases(tx: Tx) -> dict[tuple[str, str], int]:
    """Return how many cases there are, by kind and state."""
    cursor = await tx.execute("select kind, state, count(*)::int as count from eval_items group by kind, state")
    return {(row["kind"], row["state"]): row["count"] for row in await cursor.fetchall()}


async def decide_case(
    tx: Tx,
    case_id: UUID,
    state: Literal["accepted", "rejected"],
    member_id: MemberId | None,
    expected: Mapping[str, Any] | None = None,
) -> bool:
    """Accept a proposed case, with what a person says is right, or reject it; False: it is not proposed any more."""
    cursor = await tx.execute(
        """update eval_items set state = %s, decided_by = %s, decided_at = clock_timestamp(),
               expected = coalesce(%s, expected) where id = %s and state = 'proposed'""",
        (state, member_id, None if expected is None else Jsonb(dict(expected)), case_id),
    )
    return cursor.rowcount == 1


async def find_case(tx: Tx, case_id: UUID) -> CaseRow | None:
    """Return a case; None: this tenant has none such."""
    row = await fetch_one(
        tx,
        """select id, kind, key, language, input, expected, origin, state, note, turn_id, created_at from eval_items
           where id = %s""",
        (case_id,),
    )
    return None if row is None else CaseRow(**row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """A turn with which somebody was not content: staff changed or rejected its draft, or its reader complained."""

    turn_id: TurnId
    origin: Literal["edited", "rejected", "complaint"]
    language: str
    said: str
    """The burst, as one text."""
    context: str
    """What we had said before it; empty: nothing."""
    draft: str
    sent: str
    """What staff sent instead; empty: nothing, or nothing else."""
    reason: str


async def list_objections(tx: Tx, since: datetime, *, limit: int = 200) -> list[Objection]:
    """Return turns that staff or prospects objected to and that no case was proposed from yet, newest first."""
    cursor = await tx.execute(
        """with objected as (
               select r.turn_id, r.verdict as origin, r.draft, coalesce(r.sent, '') as sent, r.reason, r.created_at
               from reviews r where r.verdict in ('edited', 'rejected') and r.turn_id is not null
                 and r.created_at >= %(since)s
               union all
               select answered.id, 'complaint', said.body, '', 'The prospect complained after this reply', t.created_at
               from turns t
               join lateral (select id, turn_id, body from messages
                             where conversation_id = t.conversation_id and direction = 'outbound'
                               and author = 'agent' and turn_id <> t.id and seq < t.first_seq
                             order by seq desc limit 1) said on true
               join turns answered on answered.id = said.turn_id
               where t.created_at >= %(since)s and t.intent = 'complaint')
           select o.turn_id, o.origin, coalesce(m.language, '') as language, coalesce(m.said, '') as said,
                  coalesce(before.body, '') as context, o.draft, o.sent, o.reason
           from objected o join turns t on t.id = o.turn_id
           left join lateral (select string_agg(body, E'\\n' order by seq) as said, max(language) as language
                              from messages where conversation_id = t.conversation_id and direction = 'inbound'
                                and seq between t.first_seq and t.last_seq) m on true
           left join lateral (select body from messages where conversation_id = t.conversation_id
                                and direction = 'outbound' and seq < t.first_seq
                              order by seq desc limit 1) before on true
           where coalesce(m.said, '') <> '' and not exists (
               select from eval_items e where e.kind = 'reply' and e.key = 'turn:' || o.turn_id)
           order by o.created_at desc limit %(limit)s""",
        {"since": since, "limit": limit},
    )
    return [Objection(**row) for row in await cursor.fetchall()]


@dataclass(frozen=True, kw_only=True, slots=True)
class HumanVerdict:
    """A draft that staff approved as it was, or rejected: what a judge's own verdict is compared with."""

    turn_id: TurnId
    approved: bool
    language: str
    said: str
    draft: str


async def list_human_verdicts(tx: Tx, *, limit: int) -> list[HumanVerdict]:
    """Return the newest drafts that staff took as they were, or not at all."""
    cursor = await tx.execute(
        """select r.turn_id, r.verdict = 'approved' as approved, coalesce(m.language, '') as language,
                  coalesce(m.said, '') as said, r.draft
           from reviews r join turns t on t.id = r.turn_id
           left join lateral (select string_agg(body, E'\\n' order by seq) as said, max(language) as language
                              from messages where conversation_id = t.conversation_id and direction = 'inbound'
                                and seq between t.first_seq and t.last_seq) m on true
           where r.verdict in ('approved', 'rejected') and r.draft <> '' order by r.created_at desc limit %s""",
        (limit,),
    )
    return [HumanVerdict(**row) for row in await cursor.fetchall()]
