"""What a provider reports on a message: logged once, projected onto its state, and acted upon, in one transaction."""

from agent.alerts import alert
from agent.delivery.failures import Failure
from agent.delivery.projection import Projection, project
from agent.delivery.undelivered import Refusal, react
from agent.ports import Deps
from agent.store import conversations, events, outbox, reports, undelivered
from agent.store.db import Tx
from agent.store.reports import Reported
from agent.store.ticks import insert_tick
from agent.tracing.scores import score_delivery
from agent.types import DeliveryStatus, TenantId


async def apply_report(tx: Tx, tenant_id: TenantId, status: DeliveryStatus, deps: Deps) -> bool:
    """Log a report and do what follows from it; False: it is about none of our messages.

    Late, doubled and contradictory reports change nothing wrongly: see `agent/delivery/projection.py`.
    """
    if status.state == "failed":  # what follows is written under the conversation's lock, which always comes first
        conversation_id = await reports.find_reported(tx, status.message_id, status.provider_id)
        if conversation_id is not None:
            await conversations.lock_for_delivery(tx, conversation_id)
    message_id = await outbox.lock_reported(tx, status.message_id, status.provider_id)
    if message_id is None:
        return False
    message = await reports.get_reported(tx, message_id)
    projection = project(message.state, status.state, is_other=_is_other(message, status))
    if not await reports.insert_report(tx, tenant_id, message_id, status, effect=projection.effect, at=deps.now()):
        return True
    if projection.moved:
        await reports.move_on(tx, message_id, projection.state, status.provider_id, status.error_code)
        await score_delivery(tx, message_id, projection.state, at=deps.now())
    await events.insert_event(
        tx,
        tenant_id,
        "delivery.reported",
        actor=status.provider,
        conversation_id=message.conversation_id,
        message_id=message_id,
        data={
            "state": status.state,
            "error_code": status.error_code,
            "effect": projection.effect,
            "before": message.state,
            "after": projection.state,
        },
    )
    await _follow_up(tx, message, status, projection, deps)
    return True


def _is_other(message: Reported, status: DeliveryStatus) -> bool:
    """Whether the provider has two messages for one of ours. A mail is known by ids of several kinds."""
    return message.channel != "email" and message.provider_id not in (None, status.provider_id)


async def _follow_up(tx: Tx, message: Reported, status: DeliveryStatus, projection: Projection, deps: Deps) -> None:
    if _is_other(message, status) and await insert_tick(tx, f"delivery.twice:{message.id}"):
        data = {"message": str(message.id), "ours": message.provider_id, "other": status.provider_id}
        await alert(tx, "delivery.twice", data, fix="the provider has two messages for one of ours; see both there")
    if not projection.moved:
        return
    if status.state == "failed" and message.state != "superseded":
        failure: Failure = status.failure or "unknown"
        detail = f"The provider took it and then reported that it failed (code {status.error_code or 'none'})."
        refusal = Refusal(failure=failure, code=status.error_code or "", detail=detail, was_taken=True)
        await react(tx, message.id, refusal, deps)
    elif status.state in ("delivered", "read") and message.state in ("failed", "unknown"):
        await undelivered.withdraw_repetition(tx, message.id, "it has arrived after all")
        await undelivered.resolve_escalations(tx, message.id, deps.now())
