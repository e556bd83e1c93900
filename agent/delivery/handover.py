"""Parts of `deliver`: what is done with a claimed message. Ask the provider for it, or hand it over, and record.

No transaction is open while a provider is called. Every write is fenced by the claim's token and its attempt: what a
worker learns after another has taken over changes nothing.
"""

import asyncio
import time
from datetime import timedelta

import structlog

from agent.delivery.claiming import CLAIM_S, ClaimedDelivery
from agent.delivery.failures import REACTIONS
from agent.delivery.reports import apply_report
from agent.delivery.undelivered import Refusal, hold_sender, react
from agent.errors import Ambiguous, CannotAsk, Permanent, Retryable
from agent.escalation.asking import ask_person
from agent.ports import AgentDeps
from agent.store import conversations, deliveries, events, outbox, senders
from agent.store.db import Tx
from agent.store.escalations import Escalation
from agent.tracing.scores import score_delivery
from agent.types import DeliveryStatus, OutboundMessage, Receipt

log = structlog.get_logger(__name__)

CALL_S = CLAIM_S / 2
"""How long after its claim a call to the provider is given up: the rest of the claim is time for it to show there."""


async def reconcile(claimed: ClaimedDelivery, deps: AgentDeps) -> None:
    """Ask the provider for a message an earlier attempt may have sent, and record what it says.

    What it does not have goes back into the outbox. If it cannot be asked now, the message waits; if it never can, the
    message stays unknown, and a person decides.
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
        except CannotAsk as exc:
            observation.update(level="WARNING", status_message="nobody can be asked")
            deps.reach("deliver.asked")
            await _stay_unknown(claimed, exc, deps)
            return
        observation.update(output="found" if receipt else "absent")
    deps.reach("deliver.asked")
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


async def _stay_unknown(claimed: ClaimedDelivery, error: CannotAsk, deps: AgentDeps) -> None:
    """Nobody will ever say whether it left: a second copy would be a guess, so a person sees it as unknown.

    A report that comes later still settles it, and takes the question back.
    """
    message = claimed.message
    _count(claimed, "unknown", deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await conversations.lock_for_delivery(tx, claimed.conversation_id)
        await deliveries.close_delivery(tx, message.id, claimed.attempt, "ambiguous", at=deps.now(), error=str(error))
        if await outbox.close_outbox_entry(tx, message.id, "unknown", token=claimed.token, error=str(error)):
            wanted = Escalation(
                tenant_id=message.tenant_id,
                conversation_id=claimed.conversation_id,
                turn_id=claimed.turn_id,
                message_id=message.id,
                reason="Delivery outcome unknown",
                detail=str(error),
                draft=message.text,
            )
            await ask_person(tx, wanted, deps)
            await _event(tx, claimed, "delivery.unknown", {})


async def hand_over(claimed: ClaimedDelivery, deps: AgentDeps) -> None:
    """Call the provider once and record what it said, whatever that is."""
    with deps.tracer.step("send", "tool", metadata={"attempt": claimed.attempt}) as observation:
        try:
            async with asyncio.timeout(_time_left_s(claimed)):
                receipt = await deps.senders[claimed.message.provider].send(claimed.message)
            deps.reach("deliver.called")
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
    deps.metrics.sms_parts.labels(message.provider).inc(claimed.segments)
    deps.metrics.sms_cost.labels(message.provider).inc(claimed.carriage_microusd)
    async with deps.db.tenant(message.tenant_id) as tx:
        await conversations.lock_for_delivery(tx, claimed.conversation_id)
        await deliveries.close_delivery(
            tx, message.id, claimed.attempt, outcome, at=deps.now(), provider_id=receipt.provider_id
        )
        # A status callback may have overtaken us and moved the row on: then there is nothing left to close.
        state = "queued" if receipt.state == "failed" else receipt.state
        await outbox.close_outbox_entry(tx, message.id, state, token=claimed.token, provider_id=receipt.provider_id)
        await conversations.count_superseded(tx, claimed.conversation_id, superseded=False)
        await senders.clear_trouble(tx, claimed.account_id)
        await _event(tx, claimed, "delivery.accepted", {"provider_id": receipt.provider_id, "outcome": outcome})
        if receipt.state == "failed":  # it was reported on, or will be; whichever comes first is acted upon
            await apply_report(tx, message.tenant_id, _as_report(message, receipt), deps)
        deps.reach("deliver.recording")
    deps.reach("deliver.recorded")


def _as_report(message: OutboundMessage, receipt: Receipt) -> DeliveryStatus:
    return DeliveryStatus(
        provider=message.provider,
        provider_id=receipt.provider_id,
        state=receipt.state,
        message_id=message.id,
        error_code=receipt.error_code,
        failure=receipt.failure,
    )


async def _wait(claimed: ClaimedDelivery, error: Retryable, outcome: str, deps: AgentDeps) -> None:
    """Nothing was sent, or nobody could be asked: try again, later each time."""
    delay_s = error.retry_after_s or min(60.0, 2.0**claimed.attempt)
    message = claimed.message
    _count(claimed, outcome, deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await deliveries.close_delivery(
            tx, message.id, claimed.attempt, outcome, at=deps.now(), error_code=error.code or None, error=str(error)
        )
        refusal = Refusal(failure=error.failure, code=error.code, retry_after_s=error.retry_after_s or 0.0)
        delay_s = max(delay_s, await hold_sender(tx, claimed.account_id, refusal, deps))
        await _put_back(tx, claimed, delay_s, deps)


async def _put_back(tx: Tx, claimed: ClaimedDelivery, delay_s: float, deps: AgentDeps) -> None:
    """Into the outbox, where the checks run again; what may have left stays claimed until the provider was asked."""
    message = claimed.message
    if claimed.must_reconcile:
        await outbox.extend_claim(tx, message.id, claimed.token, delay_s)
    else:
        until = deps.now() + timedelta(seconds=delay_s)
        await outbox.postpone_outbox_entry(tx, message.id, until, claimed.token)
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
    """The provider will not have it: keep it if the sender is at fault, else do what follows from the refusal."""
    message, now = claimed.message, deps.now()
    refusal = Refusal(failure=error.failure, code=error.code, detail=str(error))
    _count(claimed, "refused", deps)
    async with deps.db.tenant(message.tenant_id) as tx:
        await conversations.lock_for_delivery(tx, claimed.conversation_id)
        await deliveries.close_delivery(
            tx, message.id, claimed.attempt, "failed", at=now, error_code=error.code, error=str(error)
        )
        if REACTIONS[error.failure].keeps:
            await _put_back(tx, claimed, await hold_sender(tx, claimed.account_id, refusal, deps), deps)
        elif await outbox.close_outbox_entry(
            tx, message.id, "failed", token=claimed.token, error_code=error.code, error=str(error)
        ):
            await score_delivery(tx, message.id, "failed", at=now)
            await react(tx, message.id, refusal, deps)
        await _event(tx, claimed, "delivery.refused", {"code": error.code, "failure": error.failure})


def _count(claimed: ClaimedDelivery, outcome: str, deps: AgentDeps) -> None:
    log.info("delivery.tried", provider=claimed.message.provider, outcome=outcome, attempt=claimed.attempt)
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
