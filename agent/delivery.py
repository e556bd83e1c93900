"""Parts of `deliver`: claim → call → record, with the last check before and the reconciliation after a crash.

No transaction is open while a provider is called. A message whose fate is unknown is asked for at the provider
before anything is sent again (promise P2); what the prospect wrote meanwhile makes an unsent answer stale (P3).
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from agent.check import check, dump_verdicts, settle
from agent.decide import MAX_SUPERSEDED
from agent.errors import Ambiguous, OptedOut, Permanent, Retryable
from agent.gather import load_answered_turn
from agent.ports import AgentDeps
from agent.store import consent, conversations, deliveries, events, messages, outbox, turns
from agent.store.db import Tx
from agent.store.escalations import insert_escalation
from agent.store.outbox import OutboxEntry
from agent.types import (
    PROACTIVE,
    WRITTEN,
    Candidate,
    ContactId,
    ConversationId,
    Decision,
    Escalate,
    MessageId,
    Nothing,
    OutboundMessage,
    Receipt,
    Reply,
    Send,
    TenantId,
    Turn,
    TurnId,
    Verdict,
)

CLAIM_S = 30.0
"""How long a claim holds. Whoever takes it over then asks the provider first."""
CALL_S = CLAIM_S / 2
"""How long after its claim a call to the provider is given up: the rest of the claim is time for it to show there."""
BEHIND_S = 1.0
"""How soon a message that must wait for an earlier one is looked at again."""
TRIED_S = 5.0
"""How soon a line about an outage is looked at again, whose turn is being tried just now."""
MAX_ATTEMPTS = 6
"""Hand-overs after which a person is asked instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelivery:
    """A message this worker may hand over until `CLAIM_S` have passed."""

    message: OutboundMessage
    conversation_id: ConversationId
    contact_id: ContactId
    turn_id: TurnId
    trace_id: str
    attempt: int
    token: UUID
    claimed_at_s: float
    """Monotonic seconds, of this process."""
    must_reconcile: bool
    """An earlier attempt's outcome is unknown: ask the provider first."""


async def claim_delivery(tenant_id: TenantId, message_id: MessageId, deps: AgentDeps) -> ClaimedDelivery | None:
    """Check a message once more and claim it, under its conversation's lock; None: nothing to send now."""
    async with deps.db.tenant(tenant_id) as tx:
        conversation_id = await outbox.find_conversation_of(tx, message_id)
        if conversation_id is None:
            return None
        await conversations.lock_for_delivery(tx, conversation_id)
        entry = await outbox.lock_outbox_entry(tx, message_id)
        if entry is None or entry.is_claimed:
            return None
        if entry.attempt >= MAX_ATTEMPTS:
            await _give_up(tx, entry)
            return None
        turn = await _still_sendable(tx, entry, deps)
        if turn is None:
            return None
        token = uuid4()
        attempt = await outbox.claim_outbox_entry(tx, message_id, token, CLAIM_S)
        await deliveries.insert_delivery(tx, tenant_id, message_id, attempt, deps.now())
        return ClaimedDelivery(
            message=entry.message,
            conversation_id=conversation_id,
            contact_id=turn.conversation.contact.id,
            turn_id=turn.id,
            trace_id=turn.trace_id,
            attempt=attempt,
            token=token,
            claimed_at_s=time.monotonic(),
            must_reconcile=entry.state == "sending",
        )


async def _still_sendable(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> Turn | None:
    """Whether a message may leave now; writes what becomes of it otherwise."""
    if await _must_wait(tx, entry, deps):
        return None
    if entry.turn_id is None:
        raise LookupError(f"message {entry.message.id} belongs to no turn, so it cannot be checked")
    turn = await load_answered_turn(
        tx,
        entry.turn_id,
        deps,
        is_waiting=entry.holds is not None,
        up_to_now=entry.candidate.purpose in PROACTIVE,
    )
    if entry.state == "sending":  # perhaps it has left already: only the provider knows
        return turn
    if await _is_taken_back(tx, entry, turn, deps):
        return None
    match await _check_again(tx, entry, turn, deps):
        case Send(reply=Reply(not_before=None)):
            return turn
        case Send(reply=Reply(not_before=datetime() as until)):
            await _postpone(tx, entry, until, deps)
        case Escalate(reason=reason, verdicts=verdicts):
            await _withdraw(tx, entry, reason)
            await _ask_person(tx, entry, reason, entry.candidate, verdicts)
        case Nothing(reason=reason):
            await _withdraw(tx, entry, reason)
    return None


async def _is_taken_back(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> bool:
    """Withdraw what others have overtaken: staff, or a newer message. Fixed texts of ours stay."""
    written = entry.candidate.purpose in WRITTEN
    if written and entry.candidate.author == "agent" and turn.conversation.owner == "staff":
        await _withdraw(tx, entry, "staff answer this conversation")
        return True
    if entry.holds == "is_over":
        await _withdraw(tx, entry, "answered before it left")
        return True
    if entry.candidate.purpose in PROACTIVE:
        if newer := await messages.has_newer_unread(tx, turn.conversation.id, turn.last_seq):
            await _withdraw(tx, entry, "newer message")
        return newer
    if stale := entry.source != "rule" and await _is_stale(tx, turn):
        await _supersede(tx, entry, turn, deps)
    return stale


async def _check_again(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> Decision:
    """Run every guardrail once more, traced and kept, and say what its verdicts amount to now."""
    with deps.tracer.continued(
        "recheck",
        trace_id=turn.trace_id,
        session_id=str(turn.conversation.id),
        user_id=str(turn.conversation.contact.id),
        tags=[turn.tenant.slug, turn.conversation.channel],
        metadata={"message": str(entry.message.id)},
    ):
        verdicts = check(entry.candidate, turn, deps)
    await outbox.save_verdicts(tx, entry.message.id, dump_verdicts(verdicts))
    return settle(Reply(candidate=entry.candidate, source=entry.source, verdicts=verdicts), "checked again")


async def _must_wait(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> bool:
    """Whether a message waits: for its time, or for an earlier one that may still have to be sent (P3)."""
    if entry.state != "pending":
        return False
    now = deps.now()
    if entry.not_before > now:
        await _defer(tx, entry, entry.not_before, deps)
        return True
    if entry.holds == "is_tried":  # the answer may be seconds away
        await _postpone(tx, entry, now + timedelta(seconds=TRIED_S), deps)
        return True
    if entry.is_behind:  # its own time stays: a third message must see that this one was due before it
        await _defer(tx, entry, now + timedelta(seconds=BEHIND_S), deps)
        return True
    return False


async def _is_stale(tx: Tx, turn: Turn) -> bool:
    if not await messages.has_newer_unread(tx, turn.conversation.id, turn.last_seq):
        return False
    return await conversations.count_superseded(tx, turn.conversation.id, superseded=True) <= MAX_SUPERSEDED


async def _supersede(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> None:
    """The prospect wrote again: take the answer back and have everything answered together."""
    await _withdraw(tx, entry, "newer message")
    await messages.mark_unread(tx, turn.id)
    await turns.supersede_turn(tx, turn.id, "newer message")
    if await conversations.wake_now(tx, turn.conversation.id):
        await deps.queue.wake_turn(tx, turn.tenant.id, turn.conversation.id)


async def _withdraw(tx: Tx, entry: OutboxEntry, reason: str) -> None:
    await outbox.close_outbox_entry(tx, entry.message.id, "superseded", error=reason)
    await _record(tx, entry, "delivery.withdrawn", {"reason": reason})


async def _postpone(tx: Tx, entry: OutboxEntry, until: datetime, deps: AgentDeps) -> None:
    await outbox.postpone_outbox_entry(tx, entry.message.id, until)
    await _defer(tx, entry, until, deps)


async def _defer(tx: Tx, entry: OutboxEntry, until: datetime, deps: AgentDeps) -> None:
    delay_s = (until - deps.now()).total_seconds()
    await deps.queue.deliver(tx, entry.message.tenant_id, entry.message.id, delay_s=delay_s)


async def _give_up(tx: Tx, entry: OutboxEntry) -> None:
    """Too many attempts: say honestly that its fate is unknown, or that it failed, and ask a person."""
    state = "unknown" if entry.state == "sending" else "failed"
    reason = "Delivery outcome unknown" if state == "unknown" else "Could not be delivered"
    await outbox.close_outbox_entry(tx, entry.message.id, state, error=f"{MAX_ATTEMPTS} attempts")
    await _ask_person(tx, entry, reason, entry.candidate)
    await _record(tx, entry, "delivery.gave_up", {"state": state})


async def _ask_person(
    tx: Tx, entry: OutboxEntry, reason: str, candidate: Candidate, verdicts: Sequence[Verdict] = ()
) -> None:
    await insert_escalation(
        tx,
        tenant_id=entry.message.tenant_id,
        conversation_id=entry.conversation_id,
        turn_id=entry.turn_id,
        message_id=entry.message.id,
        reason=reason,
        draft=candidate.text,
        verdicts=dump_verdicts(verdicts),
    )


async def _record(tx: Tx, entry: OutboxEntry, kind: str, data: dict[str, object]) -> None:
    await events.insert_event(
        tx,
        entry.message.tenant_id,
        kind,
        actor="agent",
        conversation_id=entry.conversation_id,
        turn_id=entry.turn_id,
        message_id=entry.message.id,
        data=data,
    )


async def reconcile(claimed: ClaimedDelivery, deps: AgentDeps) -> None:
    """Ask the provider for a message an earlier attempt may have sent, and record what it says.

    What it does not have goes back into the outbox; if it cannot be asked, the message waits.
    """
    async with deps.db.tenant(claimed.message.tenant_id) as tx:
        since = await deliveries.first_claimed_at(tx, claimed.message.id) or deps.now()
        known = await outbox.list_provider_ids(tx, claimed.conversation_id)
    with deps.tracer.step("reconcile", "tool") as observation:
        try:
            receipt = await deps.senders[claimed.message.provider].find_sent(
                claimed.message, since - timedelta(seconds=60), known=known
            )
        except Retryable as exc:
            observation.update(level="WARNING", status_message="provider could not be asked")
            await _wait(claimed, exc, "ambiguous", deps)
            return
        observation.update(output="found" if receipt else "absent")
    if receipt is None:
        await _recheck_before_resend(claimed, deps)
    else:
        await _accepted(claimed, receipt, "reconciled", deps)


async def _recheck_before_resend(claimed: ClaimedDelivery, deps: AgentDeps) -> None:
    """The provider does not have it: back into the outbox, where the checks run again before it is sent."""
    async with deps.db.tenant(claimed.message.tenant_id) as tx:
        if await outbox.postpone_outbox_entry(tx, claimed.message.id, deps.now(), claimed.token):
            await deliveries.close_delivery(
                tx,
                claimed.message.id,
                claimed.attempt,
                "failed",
                at=deps.now(),
                error="the provider never got the earlier attempt",
            )
            await deps.queue.deliver(tx, claimed.message.tenant_id, claimed.message.id)


async def hand_over(claimed: ClaimedDelivery, deps: AgentDeps) -> None:
    """Call the provider once and record what it said, whatever that is."""
    with deps.tracer.step("send", "tool", metadata={"attempt": claimed.attempt}) as observation:
        try:
            async with asyncio.timeout(_time_left_s(claimed)):
                receipt = await deps.senders[claimed.message.provider].send(claimed.message)
        except Retryable as exc:
            observation.update(level="WARNING", status_message=type(exc).__name__)
            await _wait(claimed, exc, "failed", deps)
        except (Ambiguous, TimeoutError) as exc:
            observation.update(level="WARNING", status_message="outcome unknown")
            await _remember_doubt(claimed, exc, deps)
        except Permanent as exc:
            observation.update(level="ERROR", status_message=exc.code or type(exc).__name__)
            await _refused(claimed, exc, deps)
        else:
            observation.update(output=receipt.state)
            await _accepted(claimed, receipt, "accepted", deps)


def _time_left_s(claimed: ClaimedDelivery) -> float:
    """Return how long the call may take. On an old claim none is made: another may reconcile before it arrives."""
    left_s = claimed.claimed_at_s + CALL_S - time.monotonic()
    if left_s <= 0:  # this process was paused
        raise Retryable("the claim is too old to call the provider on it")
    return left_s


async def _accepted(claimed: ClaimedDelivery, receipt: Receipt, outcome: str, deps: AgentDeps) -> None:
    message = claimed.message
    _count(claimed, outcome, deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await deliveries.close_delivery(
            tx, message.id, claimed.attempt, outcome, at=deps.now(), provider_id=receipt.provider_id
        )
        # A status callback may have overtaken us and moved the row on: then there is nothing left to close.
        await outbox.close_outbox_entry(
            tx, message.id, receipt.state, token=claimed.token, provider_id=receipt.provider_id
        )
        await conversations.count_superseded(tx, claimed.conversation_id, superseded=False)
        await _event(tx, claimed, "delivery.accepted", {"provider_id": receipt.provider_id, "outcome": outcome})


async def _wait(claimed: ClaimedDelivery, error: Retryable, outcome: str, deps: AgentDeps) -> None:
    """Nothing was sent, or nobody could be asked: try again, later each time."""
    delay_s = error.retry_after_s or min(60.0, 2.0**claimed.attempt)
    message, now = claimed.message, deps.now()
    _count(claimed, outcome, deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await deliveries.close_delivery(tx, message.id, claimed.attempt, outcome, at=now, error=str(error))
        if claimed.must_reconcile:
            await outbox.extend_claim(tx, message.id, claimed.token, delay_s)
        else:
            await outbox.postpone_outbox_entry(tx, message.id, now + timedelta(seconds=delay_s), claimed.token)
        await deps.queue.deliver(tx, message.tenant_id, message.id, delay_s=delay_s)


async def _remember_doubt(claimed: ClaimedDelivery, error: Ambiguous | TimeoutError, deps: AgentDeps) -> None:
    """Leave the claim to lapse; whoever comes then asks the provider first."""
    message = claimed.message
    _count(claimed, "ambiguous", deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        doubt = str(error) or f"no answer within {CALL_S:g} s of the claim"
        await deliveries.close_delivery(tx, message.id, claimed.attempt, "ambiguous", at=deps.now(), error=doubt)
        await deps.queue.deliver(tx, message.tenant_id, message.id, delay_s=CLAIM_S + 1)
        await _event(tx, claimed, "delivery.ambiguous", {})


async def _refused(claimed: ClaimedDelivery, error: Permanent, deps: AgentDeps) -> None:
    message = claimed.message
    _count(claimed, "refused", deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await deliveries.close_delivery(
            tx, message.id, claimed.attempt, "failed", at=deps.now(), error_code=error.code, error=str(error)
        )
        await outbox.close_outbox_entry(
            tx, message.id, "failed", token=claimed.token, error_code=error.code, error=str(error)
        )
        if isinstance(error, OptedOut):
            silenced = await consent.suppress(
                tx, claimed.conversation_id, reason="the provider reports an opt-out", evidence=None, at=deps.now()
            )
            await outbox.cancel_outbox(tx, silenced, "the contact opted out")
        else:
            await insert_escalation(
                tx,
                tenant_id=message.tenant_id,
                conversation_id=claimed.conversation_id,
                turn_id=claimed.turn_id,
                message_id=message.id,
                reason="Could not be delivered",
                detail=str(error),
                draft=message.text,
            )
        await _event(tx, claimed, "delivery.refused", {"code": error.code})


def _count(claimed: ClaimedDelivery, outcome: str, deps: AgentDeps) -> None:
    deps.metrics.deliveries.labels(claimed.message.provider, outcome).inc()


async def _event(tx: Tx, claimed: ClaimedDelivery, kind: str, data: dict[str, object]) -> None:
    await events.insert_event(
        tx,
        claimed.message.tenant_id,
        kind,
        actor="agent",
        conversation_id=claimed.conversation_id,
        turn_id=claimed.turn_id,
        message_id=claimed.message.id,
        data={**data, "attempt": claimed.attempt},
    )
