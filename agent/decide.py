"""Step `decide`: one transaction commits what becomes of a turn (promises P2, P3).

Under the conversation's lock: still our lease? Has the prospect written again? Then either the whole outcome is
written (outbox and its job, escalation, consent, turn, released lease) or none of it.
"""

from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from agent.check import dump_verdicts
from agent.errors import Fenced
from agent.escalation.asking import ask_person
from agent.guardrails.bot_question import is_asked
from agent.ids import new_id
from agent.ports import AgentDeps, Deps
from agent.screening.opt_out import Wish, stop_writing, write_again
from agent.store import conversations, events, messages, outbox, turns, waiting
from agent.store.conversations import Lease
from agent.store.db import Tx
from agent.store.escalations import Escalation, has_open_escalation
from agent.tracing.scores import score_replied
from agent.trust.dial import restrict
from agent.types import (
    Classification,
    ConsentChange,
    Decision,
    DetectedLanguage,
    Escalate,
    MessageId,
    Nothing,
    Reply,
    Route,
    Send,
    Turn,
    Wait,
)

MAX_SUPERSEDED = 3
"""After this many turns in a row overtaken by a newer message, the next one is sent all the same."""

_ROUTE = TypeAdapter(Route)
_DRAFT: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """What thinking came to: the decision, and what was learned on the way."""

    decision: Decision
    spoken: DetectedLanguage
    consent: ConsentChange | None = None
    classification: Classification | None = None
    route: Route | None = None


async def decide(turn: Turn, lease: Lease, resolution: Resolution, deps: AgentDeps) -> str:
    """Commit a turn's outcome; return `send`, `escalate`, `nothing` or `superseded`.

    Raises:
        Fenced: the lease was lost; nothing was written.
    """
    async with deps.db.tenant(turn.tenant.id) as tx:
        if not await conversations.lock(tx, lease):
            raise Fenced(f"turn {turn.id} was taken over by another worker")
        allowed = await restrict(tx, turn, resolution.decision, resolution.classification)
        resolution = replace(resolution, decision=allowed)
        if await _is_overtaken(tx, turn, resolution):
            outcome = "superseded"
            await turns.finish_turn(tx, turn.id, "superseded", reason="newer message")
        else:
            outcome = await _write_outcome(tx, turn, resolution, deps)
            await _end_wait(tx, turn, lease, resolution)
        await events.insert_event(
            tx,
            turn.tenant.id,
            "turn.decided",
            actor="agent",
            conversation_id=turn.conversation.id,
            turn_id=turn.id,
            data={"decision": outcome, "reason": _reason(resolution.decision), "inbound": len(turn.inbound)},
        )
        more_in_s = await conversations.release(tx, turn.conversation.id)
        if more_in_s is not None:
            await deps.queue.wake_turn(tx, turn.tenant.id, turn.conversation.id, delay_s=more_in_s)
        deps.reach("turn.deciding")
    return outcome


async def give_up(turn: Turn, lease: Lease, error: str, notice: Reply | None, deps: AgentDeps) -> None:
    """End a turn that keeps failing: a person gets it, and the conversation goes on.

    Raises:
        Fenced: the lease was lost; nothing was written.
    """
    async with deps.db.tenant(turn.tenant.id) as tx:
        if not await conversations.lock(tx, lease):
            raise Fenced(f"turn {turn.id} was taken over by another worker")
        failed = await restrict(tx, turn, Escalate(reason="Could not be processed", detail=error, reply=notice), None)
        if isinstance(failed, Escalate):
            await _escalate(tx, turn, failed, deps)
        await waiting.end_wait(tx, turn.conversation.id)
        await messages.mark_read(tx, turn.id, turn.inbound, turn.conversation.language)
        await turns.finish_turn(
            tx, turn.id, "failed", decision="escalate", reason="could not be processed", error=error
        )
        await events.insert_event(
            tx, turn.tenant.id, "turn.failed", actor="agent", conversation_id=turn.conversation.id, turn_id=turn.id
        )
        more_in_s = await conversations.release(tx, turn.conversation.id)
        if more_in_s is not None:
            await deps.queue.wake_turn(tx, turn.tenant.id, turn.conversation.id, delay_s=more_in_s)


async def _end_wait(tx: Tx, turn: Turn, lease: Lease, resolution: Resolution) -> None:
    """The turn no longer waits for a model; if one has answered it, more that wait may be tried at a time."""
    await waiting.end_wait(tx, turn.conversation.id)
    decision = resolution.decision
    if lease.is_resumed and isinstance(decision, Send) and decision.reply.source == "claude":
        await waiting.widen(tx)


async def _is_overtaken(tx: Tx, turn: Turn, resolution: Resolution) -> bool:
    """Whether more is unread than the turn has seen, and nothing has left: then the next turn answers everything."""
    newer = (
        isinstance(resolution.decision, Send)
        and resolution.consent is None
        and await messages.has_unread_beside(tx, turn.conversation.id, turn.inbound)
    )
    in_a_row = await conversations.count_superseded(tx, turn.conversation.id, superseded=newer)
    return newer and in_a_row <= MAX_SUPERSEDED


async def _write_outcome(tx: Tx, turn: Turn, resolution: Resolution, deps: AgentDeps) -> str:
    conversation, spoken = turn.conversation, resolution.spoken
    language = spoken.language or turn.tenant.default_language
    await conversations.set_language(tx, conversation, language, dict(spoken.posterior))
    await messages.mark_read(tx, turn.id, turn.inbound, language)
    await score_replied(tx, conversation.id, turn.inbound)
    if resolution.consent:
        await _change_consent(tx, turn, resolution.consent, deps)
    decision = resolution.decision
    match decision:
        case Send(reply=reply):
            outcome = "send"
            await put_in_outbox(tx, turn, reply, deps)
        case Escalate():
            outcome = "escalate"
            await _escalate(tx, turn, decision, deps, resolution.classification)
        case Nothing():
            outcome = "nothing"
        case Wait():
            raise ValueError(f"turn {turn.id} waits for a model: that is not an outcome")
    await turns.finish_turn(tx, turn.id, "done", decision=outcome, reason=_reason(decision), steps=learned(resolution))
    return outcome


async def _change_consent(tx: Tx, turn: Turn, change: ConsentChange, deps: AgentDeps) -> None:
    wish = Wish(reason=change.reason, actor="contact", evidence=change.evidence, turn_id=turn.id)
    act = stop_writing if change.kind == "opt_out" else write_again
    await act(tx, turn.tenant.id, turn.conversation.id, wish, deps.now())


async def _escalate(
    tx: Tx, turn: Turn, decision: Escalate, deps: AgentDeps, classification: Classification | None = None
) -> None:
    """Ask for a person; tell the prospect once, not at every message until somebody answers.

    Whoever asks whether a machine is answering is told again, because the notice says it.
    """
    already_asked = await has_open_escalation(tx, turn.conversation.id)
    wanted = Escalation(
        tenant_id=turn.tenant.id,
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        reason=decision.reason,
        detail=decision.detail,
        draft=decision.draft,
        verdicts=dump_verdicts(decision.verdicts),
        proposal=decision.proposal,
    )
    await ask_person(tx, wanted, deps, classification=classification)
    if decision.reply and (is_asked(turn) or not already_asked):
        await put_in_outbox(tx, turn, decision.reply, deps)


async def put_in_outbox(tx: Tx, turn: Turn, reply: Reply, deps: Deps) -> MessageId:
    """Write a reply to the outbox and defer its delivery, both or neither."""
    message_id = MessageId(new_id())
    now = deps.now()
    not_before = max(reply.not_before or now, now)
    await outbox.insert_outbound(
        tx,
        message_id=message_id,
        tenant_id=turn.tenant.id,
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        candidate=reply.candidate,
        source=reply.source,
        draft=_DRAFT.dump_python(reply.draft, mode="json"),
        verdicts=dump_verdicts(reply.verdicts),
        subject=turn.inbound[-1].subject,
        created_at=now,
        not_before=not_before,
    )
    await deps.queue.deliver(tx, turn.tenant.id, message_id, delay_s=(not_before - now).total_seconds())
    return message_id


def learned(resolution: Resolution) -> dict[str, Any]:
    """Return what the turn row keeps beside its steps: language, classification, route and every verdict."""
    reply = resolution.decision.reply if isinstance(resolution.decision, Send | Escalate) else None
    verdicts = resolution.decision.verdicts if isinstance(resolution.decision, Escalate) else ()
    if not verdicts and reply:
        verdicts = reply.verdicts
    return {
        "language": {"language": resolution.spoken.language, "confidence": resolution.spoken.confidence},
        "classification": _DRAFT.dump_python(resolution.classification, mode="json"),
        "route": _ROUTE.dump_python(resolution.route, mode="json") if resolution.route else None,
        "verdicts": dump_verdicts(verdicts),
    }


def _reason(decision: Decision) -> str:
    return decision.reason
