"""The spending limit of every model provider is reached. Not an outage: waiting does not end it, an operator does."""

import structlog

from agent.errors import ModelUnavailable
from agent.ports import AgentDeps
from agent.store import events, ticks
from agent.types import Turn

log = structlog.get_logger(__name__)
KIND = "models.spend_cap"


async def report_spend_cap(turn: Turn, error: ModelUnavailable, deps: AgentDeps) -> None:
    """Record that a turn met the limit; alert once an hour, by a system event and the log."""
    deps.metrics.spend_caps.inc()
    async with deps.db.tenant(turn.tenant.id) as tx:
        await events.insert_event(
            tx, turn.tenant.id, KIND, actor="agent", conversation_id=turn.conversation.id, turn_id=turn.id
        )
        if await ticks.insert_tick(tx, f"{KIND}:{deps.now():%Y-%m-%dT%HZ}"):
            await events.insert_system_event(tx, KIND, {"error": str(error)[:300]})
            log.error(KIND, error=str(error), fix="raise the limit at the provider")
