"""What a rehearsal reads of its own transaction: what became of the conversation that was played."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, ModelCall, TenantId, TurnId, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a conversation stands: its newest turn, and what it led to."""

    turn_id: TurnId | None
    decision: str
    reason: str
    intent: str
    language: str
    escalated: bool
    opted_out: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A text of ours that has not left."""

    id: MessageId
    text: str
    not_before: datetime | None


async def open_scope(tx: Tx, tenant_id: TenantId | None = None) -> None:
    """Scope the rest of a transaction to a tenant or to none, and let it wait for models: they take longer than 5 s."""
    await tx.execute(
        """select set_config('nightshift.tenant_id', %s, true),
                  set_config('idle_in_transaction_session_timeout', '0', true)""",
        (str(tenant_id or ""),),
    )


async def read_standing(tx: Tx, conversation_id: ConversationId) -> Standing:
    """Return how a conversation stands."""
    row = await fetch_one(
        tx,
        """select t.id as turn_id, coalesce(t.decision, t.state, '') as decision, coalesce(t.reason, '') as reason,
                  coalesce(t.intent, '') as intent, coalesce(c.language, '') as language,
                  exists (select from escalations where conversation_id = c.id and state = 'open') as escalated,
                  exists (select from suppressions where contact_id = c.contact_id and lifted_at is null) as opted_out
           from conversations c
           left join lateral (select id, decision, state, reason, intent from turns where conversation_id = c.id
                              order by created_at desc, id desc limit 1) t on true
           where c.id = %s""",
        (conversation_id,),
    )
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    return Standing(**row)


async def list_pending(tx: Tx, conversation_id: ConversationId) -> list[Pending]:
    """Return the texts of a conversation that have not left, in order."""
    cursor = await tx.execute(
        """select id, body as text, not_before from messages
           where conversation_id = %s and direction = 'outbound' and state = 'pending' order by seq""",
        (conversation_id,),
    )
    return [Pending(**row) for row in await cursor.fetchall()]


async def list_model_calls(tx: Tx, tenant_id: TenantId) -> Sequence[ModelCall]:
    """Return every model call of a tenant, oldest first: what a rehearsal has cost, before it is undone."""
    cursor = await tx.execute(
        """select task, tier, provider, model, prompt_version, attempt, batch, input_tokens, output_tokens,
                  cache_read_tokens, cache_write_tokens, cache_write_5m_tokens, cost_microusd, latency_ms, outcome,
                  error
           from model_calls where tenant_id = %s order by created_at, id""",
        (tenant_id,),
    )
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_5m_tokens")
    return [
        ModelCall(
            usage=Usage(**{name: row[name] for name in tokens}),
            **{name: value for name, value in row.items() if name not in tokens},
        )
        for row in await cursor.fetchall()
    ]
