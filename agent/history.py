"""What a turn knows of a long conversation: the last messages word for word, and notes of those before.

So a prompt is as long after a thousand messages as after twenty (promise P8). The notes are made in steps, of the
notes there were and the messages since, by the fast tier, once a turn is over and nobody waits. They are a help, no
promise: without a model they lag behind, and the turn sees the last messages all the same.
"""

import asyncio
from collections.abc import Sequence

import structlog

from agent.errors import Misconfigured, ModelRefused, ModelUnavailable, calls_of
from agent.models.briefing import unsummarised
from agent.ports import AgentDeps, Observation, Summarised
from agent.spending.accounting import account_for, occasion_of, read_spent, record_calls, report_calls
from agent.spending.budgets import limit_reached
from agent.store import messages, summaries
from agent.store.summaries import Summary
from agent.tracing.traced import attributes_of
from agent.types import Message, Turn

DUE_ABOVE = 14
"""When more messages than this are not in the notes yet, they are due …"""
KEPT = 8
"""… and the last few stay out of them, to be read word for word."""
MAX_SUMMARISED = 40
"""Messages that go into the notes at a time. Of a longer backlog (an import, a long outage) the oldest are left out."""

log = structlog.get_logger(__name__)


async def summarise_history(turn: Turn, deps: AgentDeps) -> bool:
    """Bring the notes of a turn's conversation up to date if that is due; say whether it was done.

    Call it when the turn has been decided: it takes seconds, and no lease. Two workers at once do no harm, because
    notes only move forward. A model that does not answer is no failure: the next turn tries again.
    """
    if deps.summariser is None or not _may_be_due(turn):
        return False
    due = await _due(turn, deps)
    if not due:
        return False
    attributes = attributes_of(turn, messages=str(len(due)), covers_seq=str(due[-1].seq))
    with deps.tracer.continued("summarise", **attributes) as observation:
        try:
            summarised = await deps.summariser.summarise(turn, due)
        except (ModelUnavailable, ModelRefused, Misconfigured) as exc:
            log.warning("summary.failed", turn=str(turn.id), error=type(exc).__name__)
            observation.update(level="WARNING", status_message=type(exc).__name__)
            await account_for(turn, exc.calls, deps)
            return False
        except asyncio.CancelledError as exc:
            await asyncio.shield(account_for(turn, calls_of(exc), deps))
            raise
        _describe(observation, summarised)
        is_kept = await _keep(turn, due[-1].seq, summarised, deps)
        report_calls(summarised.calls, deps)
        return is_kept


def _may_be_due(turn: Turn) -> bool:
    return len(unsummarised(turn)) + len(turn.inbound) > DUE_ABOVE


async def _due(turn: Turn, deps: AgentDeps) -> Sequence[Message]:
    """Return the messages to put into the notes now, oldest first, as they stand after the turn.

    None without budget.
    """
    async with deps.db.tenant(turn.tenant.id) as tx:
        spent = await read_spent(tx, occasion_of(turn), deps.now())
        if limit_reached(turn.tenant.policy.budgets, spent).level == "hard":
            return []
        latest = await messages.list_history(tx, turn.conversation.id, turn.last_seq + 1, MAX_SUMMARISED + KEPT)
    waiting = [message for message in latest if message.seq > turn.summarised_seq]
    return waiting[:-KEPT] if len(waiting) > DUE_ABOVE else []


async def _keep(turn: Turn, covers_seq: int, summarised: Summarised, deps: AgentDeps) -> bool:
    async with deps.db.tenant(turn.tenant.id) as tx:
        await record_calls(tx, occasion_of(turn), summarised.calls, deps.now())
        return await summaries.save_summary(
            tx,
            turn.tenant.id,
            turn.conversation.id,
            Summary(text=summarised.text, covers_seq=covers_seq),
            model=summarised.calls[-1].model if summarised.calls else "",
            prompt_version=summarised.prompt_version,
        )


def _describe(observation: Observation, summarised: Summarised) -> None:
    observation.update(output=summarised.text, metadata={"prompt_version": summarised.prompt_version})
