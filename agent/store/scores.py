"""Scores: facts about turns that came later, and how far they are on their way to Langfuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, TenantId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One fact about a turn, or one judgement on it."""

    id: UUID
    turn_id: TurnId
    name: str
    subject: str
    value: float | str
    """A number, or one of a few words."""
    comment: str
    at: datetime
    """When it was first known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueScore(Score):
    """A score to be sent, of a turn whose trace has arrived."""

    trace_id: str
    tenant: str
    """Slug."""
    contact_name: str | None
    revision: int
    """Which of its values it has."""


async def upsert_score(tx: Tx, score: Score) -> None:
    """Write a score, due to be sent; nothing if it says so already, or this tenant has no such turn."""
    is_word = isinstance(score.value, str)
    await tx.execute(
        """insert into scores (id, tenant_id, turn_id, name, subject, number, word, comment, at)
           select %(id)s, t.tenant_id, t.id, %(name)s, %(subject)s, %(number)s, %(word)s, %(comment)s, %(at)s
           from turns t where t.id = %(turn_id)s
           on conflict (turn_id, name, subject) do update set
               number = excluded.number, word = excluded.word, comment = excluded.comment,
               revision = scores.revision + 1, due_at = clock_timestamp(), attempts = 0, sent_at = null, error = ''
           where (scores.number, scores.word, scores.comment)
                 is distinct from (excluded.number, excluded.word, excluded.comment)""",
        {
            "id": score.id,
            "turn_id": score.turn_id,
            "name": score.name,
            "subject": score.subject,
            "number": None if is_word else score.value,
            "word": score.value if is_word else None,
            "comment": score.comment,
            "at": score.at,
        },
    )


async def find_turn_of(tx: Tx, message_id: MessageId) -> TurnId | None:
    """Return the turn that a message of ours answers; None: it is none of ours, or answers none."""
    row = await fetch_one(tx, "select turn_id from messages where id = %s and direction = 'outbound'", (message_id,))
    return None if row is None else row["turn_id"]


async def find_answered_turn(tx: Tx, conversation_id: ConversationId, before_seq: int | None = None) -> TurnId | None:
    """Return the turn whose answer a prospect had last, before message `before_seq`; None: they had none."""
    row = await fetch_one(
        tx,
        """select turn_id from messages where conversation_id = %(conversation)s and direction = 'outbound'
             and turn_id is not null and state in ('queued', 'sent', 'delivered', 'read')
             and (%(before)s::bigint is null or seq < %(before)s) order by seq desc limit 1""",
        {"conversation": conversation_id, "before": before_seq},
    )
    return None if row is None else row["turn_id"]


async def claim_due_scores(tx: Tx, *, retry_s: float, limit: int) -> list[tuple[TenantId, UUID]]:
    """Take scores that are due, over all tenants; whoever dies with them leaves them due again after `retry_s`."""
    cursor = await tx.execute("select * from claim_due_scores(%s, %s)", (retry_s, limit))
    return [(TenantId(row["score_tenant_id"]), row["score_id"]) for row in await cursor.fetchall()]


async def list_sendable(tx: Tx, ids: Sequence[UUID]) -> list[DueScore]:
    """Return those of `ids` whose trace has arrived: to any other a score would be a trace without a turn."""
    cursor = await tx.execute(
        """select s.id, s.turn_id, s.name, s.subject, coalesce(to_jsonb(s.word), to_jsonb(s.number)) as value,
                  s.comment, s.at, s.revision, t.trace_id, tenant.slug as tenant, k.name as contact_name
           from scores s join turns t on t.id = s.turn_id join tenants tenant on tenant.id = s.tenant_id
           join conversations c on c.id = t.conversation_id join contacts k on k.id = c.contact_id
           where s.id = any(%s) and s.due_at is not null and t.trace = 'sent' order by s.at, s.id""",
        (list(ids),),
    )
    return [DueScore(**row) for row in await cursor.fetchall()]


async def settle_score(tx: Tx, score: DueScore, *, at: datetime, error: str = "") -> None:
    """Note that a score was sent, or was refused for good; one that has changed meanwhile stays due."""
    await tx.execute(
        """update scores set due_at = null, error = %s, sent_at = case when %s = '' then %s::timestamptz end
           where id = %s and revision = %s""",
        (error, error, at, score.id, score.revision),
    )


async def give_up_old_scores(tx: Tx, ids: Sequence[UUID], *, before: datetime) -> None:
    """Leave scores alone whose trace is not in the sample, or has not arrived since `before`."""
    await tx.execute(
        """update scores set due_at = null, error = 'its trace never arrived'
           where id = any(%s) and sent_at is null and exists (
               select from turns where turns.id = scores.turn_id and turns.trace is distinct from 'sent'
                 and (turns.trace = 'left_out' or scores.at < %s))""",
        (list(ids), before),
    )
