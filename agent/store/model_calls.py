"""Accounting: a row for every call to a model, failed ones too."""

from collections.abc import Iterable

from agent.ids import new_id
from agent.store.db import Tx
from agent.types import ModelCall, TenantId, TurnId


async def insert_model_calls(tx: Tx, tenant_id: TenantId, turn_id: TurnId, calls: Iterable[ModelCall]) -> None:
    """Record model calls made for a turn."""
    for call in calls:
        await tx.execute(
            """insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens,
                   output_tokens, cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome, error)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                new_id(),
                tenant_id,
                turn_id,
                call.task,
                call.provider,
                call.model,
                call.prompt_version,
                call.usage.input_tokens,
                call.usage.output_tokens,
                call.usage.cache_read_tokens,
                call.usage.cache_write_tokens,
                call.cost_microusd,
                call.latency_ms,
                call.outcome,
                call.error,
            ),
        )
