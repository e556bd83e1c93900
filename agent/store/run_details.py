"""One run with all that came of it: what was said, model calls, requests, hand-overs to the provider, its reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import Channel, ConversationId, TurnId

MOST = 100
"""Rows of each kind that are shown of one run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A turn as it is stored, with whose it is."""

    id: TurnId
    conversation_id: ConversationId
    contact_name: str | None
    channel: Channel
    state: str
    turn_state: str
    """Of its conversation: a turn under way may wait for a model."""
    decision: str | None
    reason: str | None
    error: str | None
    intent: str | None
    attempts: int
    trace_id: str
    steps: Mapping[str, Any]
    first_seq: int
    last_seq: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidRow:
    """A message of the burst that the turn answers."""

    body: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    """A model call. `created_at` is when it was recorded, right after it ended."""

    task: str
    tier: str
    provider: str
    model: str
    prompt_version: str
    attempt: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    latency_ms: int
    outcome: str
    error: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SentRow:
    """A text of ours that came of the turn."""

    id: UUID
    author: str
    source: str
    purpose: str
    body: str
    state: str
    error_code: str | None
    error: str | None
    not_before: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOverRow:
    """One hand-over of a text to a provider."""

    message_id: UUID
    attempt: int
    state: str
    error_code: str | None
    error: str | None
    claimed_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """What a provider reported of a text later."""

    message_id: UUID
    state: str
    error_code: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestRow:
    """A request for a person that the turn made."""

    id: UUID
    reason: str
    detail: str
    draft: str | None
    cause: str
    state: str
    created_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDetail:
    """A run and all that came of it, each list oldest first."""

    run: RunRow
    said: Sequence[SaidRow]
    calls: Sequence[CallRow]
    sent: Sequence[SentRow]
    hand_overs: Sequence[HandOverRow]
    reports: Sequence[ReportRow]
    requests: Sequence[RequestRow]

    @property
    def cost_microusd(self) -> int:
        """What its model calls have cost."""
        return sum(each.cost_microusd for each in self.calls)

    @property
    def text(self) -> str:
        """What it wanted to say: the text that was to leave, or the draft that a person was asked about."""
        if self.run.decision == "escalate":
            return next((each.draft for each in reversed(self.requests) if each.draft), "")
        return next((each.body for each in reversed(self.sent) if each.author == "agent"), "")


async def find_run(tx: Tx, turn_id: TurnId) -> RunDetail | None:
    """Return a run; None: this tenant has none such."""
    row = await fetch_one(
        tx,
        """select t.id, t.conversation_id, k.name as contact_name, a.channel, t.state, c.turn_state, t.decision,
                  t.reason, t.error, t.intent, t.attempts, t.trace_id, t.steps, t.first_seq, t.last_seq, t.created_at,
                  t.finished_at
           from turns t join conversations c on c.id = t.conversation_id
           join channel_accounts a on a.id = c.channel_account_id join contacts k on k.id = c.contact_id
           where t.id = %s""",
        (turn_id,),
    )
    if row is None:
        return None
    run = RunRow(**row)
    sent = await _list_sent(tx, turn_id)
    ids = [each.id for each in sent]
    return RunDetail(
        run=run,
        said=await _list_said(tx, run),
        calls=await _list_calls(tx, turn_id),
        sent=sent,
        hand_overs=await _list_hand_overs(tx, ids),
        reports=await _list_reports(tx, ids),
        requests=await _list_requests(tx, run),
    )


async def _list_said(tx: Tx, run: RunRow) -> list[SaidRow]:
    cursor = await tx.execute(
        """select body, created_at from messages
           where conversation_id = %s and direction = 'inbound' and seq between %s and %s order by seq limit %s""",
        (run.conversation_id, run.first_seq, run.last_seq, MOST),
    )
    return [SaidRow(**row) for row in await cursor.fetchall()]


async def _list_calls(tx: Tx, turn_id: TurnId) -> list[CallRow]:
    cursor = await tx.execute(
        """select task, tier, provider, model, prompt_version, attempt, input_tokens, output_tokens, cost_microusd,
                  latency_ms, outcome, error, created_at from model_calls
           where turn_id = %s order by created_at, id limit %s""",
        (turn_id, MOST),
    )
    return [CallRow(**row) for row in await cursor.fetchall()]


async def _list_sent(tx: Tx, turn_id: TurnId) -> list[SentRow]:
    cursor = await tx.execute(
        """select id, author, source, purpose, body, state, error_code, error, not_before, created_at from messages
           where turn_id = %s and direction = 'outbound' order by seq limit %s""",
        (turn_id, MOST),
    )
    return [SentRow(**row) for row in await cursor.fetchall()]


async def _list_hand_overs(tx: Tx, message_ids: Sequence[UUID]) -> list[HandOverRow]:
    cursor = await tx.execute(
        """select message_id, attempt, state, error_code, error, claimed_at, finished_at from deliveries
           where message_id = any(%s) order by claimed_at, attempt limit %s""",
        (list(message_ids), MOST),
    )
    return [HandOverRow(**row) for row in await cursor.fetchall()]


async def _list_reports(tx: Tx, message_ids: Sequence[UUID]) -> list[ReportRow]:
    cursor = await tx.execute(
        """select message_id, state, error_code, received_at from delivery_statuses
           where message_id = any(%s) order by received_at, id limit %s""",
        (list(message_ids), MOST),
    )
    return [ReportRow(**row) for row in await cursor.fetchall()]


async def _list_requests(tx: Tx, run: RunRow) -> list[RequestRow]:
    cursor = await tx.execute(
        """select id, reason, detail, draft, cause, state, created_at, resolved_at from escalations
           where conversation_id = %s and turn_id = %s order by created_at, id limit %s""",
        (run.conversation_id, run.id, MOST),
    )
    return [RequestRow(**row) for row in await cursor.fetchall()]
