"""Accounting: a row for every call to a model, failed ones too. `agent.spending.budgets` also counts its cost."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agent.store.db import Tx
from agent.types import ModelCall, TenantId, TurnId, Usage

USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_5m_tokens")


async def insert_model_calls(
    tx: Tx, tenant_id: TenantId, calls: Iterable[ModelCall], *, turn_id: TurnId | None, at: datetime
) -> None:
    """Record model calls made for a turn, or outside of any, at `at`."""
    rows = [
        (
            *(call.id, tenant_id, turn_id, call.task, call.tier, call.provider, call.model, call.prompt_version),
            *(call.attempt, call.batch, call.usage.input_tokens, call.usage.output_tokens),
            *(call.usage.cache_read_tokens, call.usage.cache_write_tokens, call.usage.cache_write_5m_tokens),
            *(call.cost_microusd, call.latency_ms, call.outcome, call.error, at),
        )
        for call in calls
    ]
    async with tx.cursor() as cursor:
        await cursor.executemany(
            """insert into model_calls (id, tenant_id, turn_id, task, tier, provider, model, prompt_version, attempt,
                   batch, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_5m_tokens,
                   cost_microusd, latency_ms, outcome, error, created_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            rows,
        )


async def list_calls(tx: Tx, turn_id: TurnId) -> list[ModelCall]:
    """Return the model calls made for a turn, oldest first."""
    cursor = await tx.execute(
        """select id, task, tier, provider, model, prompt_version, attempt, batch, input_tokens, output_tokens,
                  cache_read_tokens, cache_write_tokens, cache_write_5m_tokens, cost_microusd, latency_ms, outcome,
                  error, created_at from model_calls where turn_id = %s order by created_at, id""",
        (turn_id,),
    )
    return [_call(row) for row in await cursor.fetchall()]


def _call(row: dict[str, Any]) -> ModelCall:
    usage = Usage(**{name: row.pop(name) for name in USAGE})
    return ModelCall(usage=usage, ended_at=row.pop("created_at"), **row)
