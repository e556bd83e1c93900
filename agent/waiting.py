"""Every model is down: the turn waits, its prospect is told so once, and the most promising are answered first (P6)."""

from dataclasses import replace
from datetime import timedelta

from agent.check import settle_notice
from agent.decide import put_in_outbox
from agent.errors import Fenced, ModelUnavailable
from agent.holding import render_holding_line
from agent.ports import AgentDeps
from agent.store import conversations, events, turns, waiting
from agent.store.conversations import Lease
from agent.store.db import Tx
from agent.trust.dial import restrict
from agent.types import Classification, Intent, Reply, Send, Turn, Wait

HOLDING_AFTER_S = 20.0
"""How long a turn waits before the prospect is told: after a shorter one they get the answer itself."""
MAX_REASON = 300
KEPT_STEPS = ("classify", "classify_again")
"""Steps whose result outlives a wait: what was asked stays, but what we drafted may no longer be true."""

_CLOSE_TO_BUYING: frozenset[Intent] = frozenset({"ready_to_buy", "negotiation"})
_PLANNING: frozenset[Intent] = frozenset({"payment", "scheduling"})
_IN_NEED: frozenset[Intent] = frozenset({"support", "objection", "pricing"})
_SAYS_VALUE = frozenset({"quantity", "budget"})


def priority_of(classification: Classification, turn: Turn) -> int:
    """Return who is answered first after an outage, 0 before 8: by intent, then stage, then value.

    Of several intents the most urgent counts. In the middle of a conversation we owe an answer more than to somebody
    who has just begun one; and who names a quantity or a budget, or is about to decide, has come further.
    """
    wanted = {classification.intent, *classification.secondary}
    ranks = (_CLOSE_TO_BUYING, _PLANNING, _IN_NEED)
    rank = next((2 * place for place, intents in enumerate(ranks) if wanted & intents), 2 * len(ranks))
    decides = classification.stage == "deciding" or not _SAYS_VALUE.isdisjoint(classification.entities)
    return rank + (0 if decides or not turn.is_first_contact else 1)


def wait_for(turn: Turn, classification: Classification, error: ModelUnavailable, deps: AgentDeps) -> Wait:
    """Return the decision to wait until a model answers."""
    return Wait(
        reason=str(error)[:MAX_REASON],
        priority=priority_of(classification, turn),
        line=_line(turn, classification.language, deps),
    )


def _line(turn: Turn, language: str, deps: AgentDeps) -> Reply | None:
    """Return the line for the prospect, due a little later; None when it may not be sent."""
    candidate = render_holding_line(turn, language)
    decision = settle_notice(candidate, turn, "models down", deps)
    return decision.reply if isinstance(decision, Send) else None


async def begin_wait(turn: Turn, lease: Lease, decision: Wait, deps: AgentDeps) -> str:
    """Commit that a turn waits, with its line if this outage has given it none; return `wait`.

    Raises:
        Fenced: the lease was lost; nothing was written.
    """
    async with deps.db.tenant(turn.tenant.id) as tx:
        if not await conversations.lock(tx, lease):
            raise Fenced(f"turn {turn.id} was taken over by another worker")
        allowed = await restrict(tx, turn, decision, None)
        line = allowed.line if isinstance(allowed, Wait) else None
        if lease.is_resumed:
            await waiting.narrow(tx)
        outage_id = await waiting.open_outage(tx, decision.reason)
        await turns.keep_steps(tx, turn.id, KEPT_STEPS)
        limit = timedelta(minutes=turn.tenant.policy.max_model_wait_minutes)
        wake_in_s = await waiting.wait(tx, lease, priority=decision.priority, limit_s=limit.total_seconds())
        if wake_in_s is not None:
            await deps.queue.wake_turn(tx, turn.tenant.id, turn.conversation.id, delay_s=wake_in_s)
        elif line and not await waiting.has_holding_line(tx, turn.conversation.id, outage_id):
            message_id = await put_in_outbox(tx, turn, _later(line, deps), deps)
            await waiting.insert_holding_line(tx, lease, outage_id, message_id)
            deps.metrics.holding_lines.inc()
        await _record(tx, turn, decision)
    return "wait"


def _later(line: Reply, deps: AgentDeps) -> Reply:
    """Return the line, due no sooner than a short outage would be over."""
    due = deps.now() + timedelta(seconds=HOLDING_AFTER_S)
    return replace(line, not_before=max(line.not_before or due, due))


async def _record(tx: Tx, turn: Turn, decision: Wait) -> None:
    await events.insert_event(
        tx,
        turn.tenant.id,
        "turn.waits",
        actor="agent",
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        data={"reason": decision.reason, "priority": decision.priority},
    )
