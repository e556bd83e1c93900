"""What is done about a message that was not delivered: suppress, hold the sender, repeat once, ask a person.

The table in `failures.py` says what; this carries it out, in the transaction that records the failure. So it is
done once, and no undelivered reply vanishes.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from agent.alerts import alert
from agent.delivery.failures import REACTIONS, Failure
from agent.escalation.asking import ask_person
from agent.ports import Deps
from agent.screening.opt_out import Wish, stop_writing
from agent.store import senders, templates
from agent.store import undelivered as store
from agent.store.db import Tx
from agent.store.escalations import Escalation
from agent.store.ticks import insert_tick
from agent.store.undelivered import Undelivered
from agent.templates.closed_window import reopen
from agent.types import MessageId


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a message was not delivered: the class, the provider's code, and what staff should read."""

    failure: Failure
    code: str = ""
    detail: str = ""
    was_taken: bool = False
    """The provider had taken it and reports the failure later; else it was refused at once."""
    retry_after_s: float = 0.0
    """What the provider asks for before anything else is sent."""


async def react(tx: Tx, message_id: MessageId, refusal: Refusal, deps: Deps) -> None:
    """Do what follows from a failure. The caller has just recorded it, under the conversation's lock."""
    message, reaction = await store.get_undelivered(tx, message_id), REACTIONS[refusal.failure]
    reason = f"{reaction.escalate or 'Could not be delivered'} (code {refusal.code})"
    if reaction.suppress:
        await _suppress(tx, message, refusal, reason, deps)
    if reaction.unusable:
        await store.mark_unusable(tx, message.contact_point_id, reason, deps.now())
    await hold_sender(tx, message.account_id, refusal, deps)
    if refusal.failure == "template":
        await templates.doubt_template(tx, message_id)
    if refusal.was_taken and reaction.retry_in_s is not None and await _repeat(tx, message, reaction.retry_in_s, deps):
        return
    if refusal.failure == "window" and await reopen(tx, message_id, deps):
        return
    if reaction.escalate and not (reaction.suppress and message.purpose != "reply"):
        await _ask_person(tx, message, reaction.escalate, refusal, deps)


async def hold_sender(tx: Tx, account_id: UUID, refusal: Refusal, deps: Deps) -> float:
    """Let a sender at fault rest, and tell operators once an hour; return for how many seconds."""
    reaction = REACTIONS[refusal.failure]
    if reaction.alert and await insert_tick(tx, f"delivery.{refusal.failure}:{account_id}:{deps.now():%Y-%m-%dT%HZ}"):
        data = {"account": str(account_id), "code": refusal.code}
        await alert(tx, f"delivery.{refusal.failure}", data, fix=reaction.alert)
    if reaction.busy_s is None:
        return 0.0
    rest_s = max(reaction.busy_s, refusal.retry_after_s)
    trouble = f"{refusal.failure} {refusal.code}".strip() if reaction.alert else ""
    await senders.hold_sender(tx, account_id, deps.now() + timedelta(seconds=rest_s), trouble)
    return rest_s


async def _suppress(tx: Tx, message: Undelivered, refusal: Refusal, reason: str, deps: Deps) -> None:
    wish = Wish(reason=reason, actor="provider", evidence=message.id, proof={"code": refusal.code})
    await stop_writing(tx, message.tenant_id, message.conversation_id, wish, deps.now())


async def _repeat(tx: Tx, message: Undelivered, delay_s: float, deps: Deps) -> bool:
    if not message.is_repeatable:
        return False
    now = deps.now()
    repetition = await store.insert_repetition(tx, message.id, now, now + timedelta(seconds=delay_s))
    if repetition is not None:
        await deps.queue.deliver(tx, message.tenant_id, repetition, delay_s=delay_s)
    return repetition is not None


async def _ask_person(tx: Tx, message: Undelivered, reason: str, refusal: Refusal, deps: Deps) -> None:
    elsewhere = f" They have also written by {', '.join(message.other_channels)}." if message.other_channels else ""
    wanted = Escalation(
        tenant_id=message.tenant_id,
        conversation_id=message.conversation_id,
        turn_id=message.turn_id,
        message_id=message.id,
        reason=reason,
        detail=f"{refusal.detail}{elsewhere}".strip(),
        draft=message.text,
    )
    await ask_person(tx, wanted, deps)
