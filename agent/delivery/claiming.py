"""Parts of `deliver`: the claim, with the last check before it. What is done with it then is in `handover.py`.

A message whose fate is unknown is asked for at the provider before anything is sent again (promise P2); what the
prospect wrote meanwhile makes an unsent answer stale (P3); and nothing leaves faster than its sender may send.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from agent.check import check, dump_verdicts, settle
from agent.decide import MAX_SUPERSEDED
from agent.delivery.sending_rates import usual_rate
from agent.errors import Misconfigured
from agent.escalation.asking import ask_person
from agent.gather import load_answered_turn
from agent.mail.letterhead import with_letterhead
from agent.ports import AgentDeps
from agent.screening.screen import is_opt_out
from agent.store import conversations, deliveries, events, media, messages, outbox, turns
from agent.store.db import Tx
from agent.store.escalations import Escalation
from agent.store.outbox import OutboxEntry
from agent.store.senders import Applicant, take_slot
from agent.store.trust import find_turn_intent
from agent.templates.closed_window import reopen, why_template_may_not_leave
from agent.templates.reopening import is_only_too_late
from agent.tracing.scores import score_delivery
from agent.tracing.traced import TraceAttributes, attributes_of
from agent.trust.dial import ANSWERED_BY_STAFF, APPROVED_BY_STAFF, find_freedom, may_leave
from agent.types import (
    PROACTIVE,
    WRITTEN,
    ContactId,
    ConversationId,
    Decision,
    Escalate,
    MessageId,
    Nothing,
    OutboundMessage,
    Reply,
    Send,
    TenantId,
    Turn,
    TurnId,
    Verdict,
)

CLAIM_S = 30.0
"""How long a claim holds. Whoever takes it over then asks the provider first."""
BEHIND_S = 1.0
"""How soon a message that must wait for an earlier one, or for an opt-out to be read, is looked at again."""
TRIED_S = 5.0
"""How soon a line about an outage is looked at again, whose turn is being tried just now."""
LOOK_AGAIN_S = 60.0
"""How soon a message that waits long for its sender is looked at again: the queue keeps no job longer."""
MAX_ATTEMPTS = 6
"""Hand-overs after which a person is asked instead, if they have taken …"""
RETRY_FOR = timedelta(hours=1)
"""… this long, for what surely has not left …"""
RECONCILE_FOR = timedelta(minutes=15)
"""… or this long, for what may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelivery:
    """A message this worker may hand over until `CLAIM_S` have passed."""

    message: OutboundMessage
    conversation_id: ConversationId
    contact_id: ContactId
    turn_id: TurnId
    trace: TraceAttributes
    account_id: UUID
    attempt: int
    token: UUID
    claimed_at_s: float
    """Monotonic seconds, of this process."""
    segments: int
    """SMS: parts it is carried as; else 0."""
    carriage_microusd: int
    """What they cost; 0 where that is not known."""
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
        if _is_exhausted(entry, deps.now()):
            await _give_up(tx, entry, deps)
            return None
        turn = await _still_sendable(tx, entry, deps)
        if turn is None or not await _has_slot(tx, entry, deps):
            return None
        token = uuid4()
        attempt = await outbox.claim_outbox_entry(tx, message_id, token, CLAIM_S)
        await deliveries.insert_delivery(tx, tenant_id, message_id, attempt, deps.now())
        deps.reach("deliver.claiming")
        return ClaimedDelivery(
            message=await _with_files(tx, await with_letterhead(tx, entry.message, entry.candidate, turn), deps),
            conversation_id=conversation_id,
            contact_id=turn.conversation.contact.id,
            turn_id=turn.id,
            trace=attributes_of(turn, message=str(message_id), attempt=str(attempt)),
            account_id=entry.account_id,
            attempt=attempt,
            token=token,
            claimed_at_s=time.monotonic(),
            segments=entry.segments or 0,
            carriage_microusd=entry.carriage_microusd or 0,
            must_reconcile=entry.state == "sending",
        )


async def _with_files(tx: Tx, message: OutboundMessage, deps: AgentDeps) -> OutboundMessage:
    """Add links to the files that staff have added, good for as long as a provider takes to fetch them.

    Raises:
        Misconfigured: this worker cannot make such links.
    """
    files = await media.list_sent_files(tx, message.id)
    if not files:
        return message
    if deps.media is None or deps.media.link is None:
        raise Misconfigured(f"Message {message.id} has files, and this worker has no media store.", "Configure one.")
    links = tuple(deps.media.link(message.tenant_id, each, deps.now()) for each in files)
    return replace(message, media_urls=(*message.media_urls, *links))


def _is_exhausted(entry: OutboxEntry, now: datetime) -> bool:
    """Whether enough has been tried, for long enough."""
    patience = RECONCILE_FOR if entry.state == "sending" else RETRY_FOR
    since = entry.first_claimed_at
    return entry.attempt >= MAX_ATTEMPTS and since is not None and now - since >= patience


async def _has_slot(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> bool:
    """Whether the sender is free for a message; if not, the message comes back when it should be."""
    if entry.state == "sending":
        return True
    message, now = entry.message, deps.now()
    rate = entry.messages_per_second or usual_rate(message.provider, message.channel, message.sender)
    applicant = Applicant(
        message_id=message.id,
        account_id=entry.account_id,
        seq=entry.seq,
        is_proactive=message.purpose in PROACTIVE,
        cost_s=(entry.segments or 1) / rate if rate else 0.0,
    )
    slot_at = await take_slot(tx, applicant, now)
    if slot_at is not None:
        await _defer(tx, entry, min(slot_at, now + timedelta(seconds=LOOK_AGAIN_S)), deps)
    return slot_at is None


async def _still_sendable(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> Turn | None:
    """Whether a message may leave now; writes what becomes of it otherwise."""
    if await _must_wait(tx, entry, deps):
        return None
    if entry.turn_id is None:
        raise LookupError(f"message {entry.message.id} belongs to no turn, so it cannot be checked")
    by_staff = entry.candidate.author == "staff"
    turn = await load_answered_turn(
        tx,
        entry.turn_id,
        deps,
        is_waiting=entry.holds is not None or by_staff,
        up_to_now=entry.candidate.purpose in PROACTIVE or by_staff,
    )
    if entry.state == "sending":  # perhaps it has left already: only the provider knows
        return turn
    if await _is_taken_back(tx, entry, turn, deps):
        return None
    if await _is_impossible(tx, entry, deps) or await _is_restricted(tx, entry, turn, deps):
        return None
    match await _check_again(tx, entry, turn, deps):
        case Send(reply=Reply(not_before=None)):
            return turn
        case Send(reply=Reply(not_before=datetime() as until)):
            await _postpone(tx, entry, until, deps)
        case Escalate(reason=reason, verdicts=verdicts):
            await _withdraw(tx, entry, reason)
            if not is_only_too_late(verdicts) or not await reopen(tx, entry.message.id, deps, verdicts):
                await _ask_person(tx, entry, reason, deps, verdicts=verdicts)
        case Nothing(reason=reason):
            await _withdraw(tx, entry, reason)
    return None


async def _is_taken_back(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> bool:
    """Withdraw what others have overtaken: staff, or a newer message. Fixed texts of ours stay."""
    if entry.candidate.author == "staff":  # who sent it knew all that had been said, unless it has waited since
        if stopped := entry.has_waited and await messages.has_inbound_after(tx, entry.conversation_id, entry.seq):
            await _stop(tx, entry, deps)
        return stopped
    if entry.candidate.purpose in WRITTEN and turn.conversation.owner == "staff":
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


async def _stop(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> None:
    """Give a text of staff back to a person that was to leave later: the prospect has written first."""
    await outbox.close_outbox_entry(tx, entry.message.id, "superseded", error="they wrote before it left")
    await _record(tx, entry, "staff.stopped", {})
    await _ask_person(tx, entry, "A scheduled message was stopped", deps, detail="The prospect wrote before it left.")


async def _is_impossible(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> bool:
    """Give a message to a person that the provider would surely refuse."""
    if why := entry.unusable_reason:
        reason, withdrawn = "Cannot be reached at this address", "the address cannot be reached"
    elif why := await why_template_may_not_leave(tx, entry.candidate):
        reason, withdrawn = "The template may not be sent", "its template may not be sent"
    else:
        return False
    await _withdraw(tx, entry, withdrawn)
    await _ask_person(tx, entry, reason, deps, detail=why)
    return True


async def _is_restricted(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> bool:
    """Give a message to a person that the trust dial, turned down meanwhile, does not let leave any more."""
    level = await find_freedom(tx, turn, await find_turn_intent(tx, turn.id, entry.conversation_id))
    if may_leave(entry.candidate, entry.source, level):
        return False
    reason = APPROVED_BY_STAFF if level == "review" else ANSWERED_BY_STAFF
    await _withdraw(tx, entry, reason)
    if entry.source != "rule":
        await _ask_person(tx, entry, reason, deps, shows_draft=level == "review")
    return True


async def _check_again(tx: Tx, entry: OutboxEntry, turn: Turn, deps: AgentDeps) -> Decision:
    """Run every guardrail once more, traced and kept, and say what its verdicts amount to now."""
    with deps.tracer.continued("recheck", **attributes_of(turn, message=str(entry.message.id))):
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
    if await _has_unread_opt_out(tx, entry):  # its turn will take this message back, or find that it was none
        await _defer(tx, entry, now + timedelta(seconds=BEHIND_S), deps)
        return True
    return False


async def _has_unread_opt_out(tx: Tx, entry: OutboxEntry) -> bool:
    """Whether the contact has asked us to stop, on any channel, and no worker has come to it yet."""
    if entry.candidate.purpose == "opt_out_confirmation":
        return False
    return any(map(is_opt_out, await messages.list_unread_of_contact(tx, entry.conversation_id)))


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


async def _give_up(tx: Tx, entry: OutboxEntry, deps: AgentDeps) -> None:
    """Too many attempts: say honestly that its fate is unknown, or that it failed, and ask a person."""
    state = "unknown" if entry.state == "sending" else "failed"
    reason = "Delivery outcome unknown" if state == "unknown" else "Could not be delivered"
    detail = f"{entry.attempt} attempts since {entry.first_claimed_at:%Y-%m-%d %H:%M} UTC"
    await outbox.close_outbox_entry(tx, entry.message.id, state, error=detail)
    await score_delivery(tx, entry.message.id, state, at=deps.now())
    await _ask_person(tx, entry, reason, deps, detail=detail)
    await _record(tx, entry, "delivery.gave_up", {"state": state})


async def _ask_person(
    tx: Tx,
    entry: OutboxEntry,
    reason: str,
    deps: AgentDeps,
    *,
    verdicts: Sequence[Verdict] = (),
    detail: str = "",
    shows_draft: bool = True,
) -> None:
    wanted = Escalation(
        tenant_id=entry.message.tenant_id,
        conversation_id=entry.conversation_id,
        turn_id=entry.turn_id,
        message_id=entry.message.id,
        reason=reason,
        detail=detail,
        draft=entry.candidate.text if shows_draft else None,
        verdicts=dump_verdicts(verdicts),
    )
    await ask_person(tx, wanted, deps)


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
