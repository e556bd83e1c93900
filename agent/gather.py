"""Step `gather`: take the lease and read what the turn is about, in one short transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from agent.ids import new_id
from agent.ports import AgentDeps, Deps
from agent.rollouts.arms import behaving_now, choose_version
from agent.rollouts.versions import Version, keep_version, with_version
from agent.spending.accounting import Occasion, read_spent
from agent.store import conversations, messages, outbox, summaries, turns
from agent.store.conversations import Lease
from agent.store.db import Tx
from agent.store.model_calls import list_calls
from agent.store.trust import read_channel
from agent.store.undelivered import clear_unusable
from agent.types import ConversationId, Message, ModelCall, TenantId, Turn, TurnId

HISTORY_LIMIT = 30
"""Earlier messages a turn sees: bounded, whatever the conversation's length."""
LAST_SEQ = 2**63 - 1
"""No message has a higher number."""
LEAVE_S = 1.0
"""How soon a turn that a worker leaves to others is offered again."""
SENT_WITHIN = timedelta(days=7)
"""How far back our texts to a contact are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A turn to take, the lease it is taken under, and what an earlier attempt has finished."""

    turn: Turn
    lease: Lease
    saved: dict[str, Any]
    version: Version | None = None
    """What answers it; None: what this process thinks with."""
    trial_id: UUID | None = None
    """The rollout that tries this version on the conversation; None: it is the current one."""
    paid: Sequence[ModelCall] = ()
    """The model calls of earlier attempts: a process that died may not have shown them in the trace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NotYet:
    """No turn to take now. `wake_in_s` is set when one is due later."""

    wake_in_s: float | None = None


def is_blind(deps: AgentDeps) -> bool:
    """Say whether this worker knows of no model that would take a call now, though others may.

    A spending limit holds for all workers alike: then none is blind, and the local engine answers.
    """
    circuits = deps.health.health() if deps.health else ()
    now = deps.now()
    held = bool(circuits) and all(each.next_probe_at is not None and each.next_probe_at > now for each in circuits)
    return held and not is_capped(deps)


def is_capped(deps: AgentDeps) -> bool:
    """Say whether the spending limit of every provider is reached."""
    circuits = deps.health.health() if deps.health else ()
    return bool(circuits) and all(each.state == "capped" for each in circuits)


async def claim_and_gather(
    tenant_id: TenantId, conversation_id: ConversationId, token: UUID, lease_s: float, deps: AgentDeps
) -> Gathered | NotYet:
    """Claim a due conversation and load its turn; a crashed attempt over the same messages is resumed.

    A worker that reaches no model leaves turns that have waited for one to a worker that does.
    """
    blind = is_blind(deps)
    async with deps.db.tenant(tenant_id) as tx:
        lease = await conversations.claim(tx, tenant_id, conversation_id, token, lease_s, leave_resumed=blind)
        if lease is None:
            wake_in_s = await conversations.seconds_until_due(tx, conversation_id)
            return NotYet(wake_in_s=max(wake_in_s, LEAVE_S) if blind and wake_in_s is not None else wake_in_s)
        await outbox.withdraw_unsent_replies(tx, conversation_id)
        await clear_unusable(tx, conversation_id)
        burst = await messages.list_unread(tx, conversation_id)
        if not burst:
            await conversations.release(tx, conversation_id)
            return NotYet()
        published = await deps.tenants.get(tx, tenant_id)
        chosen = await choose_version(tx, published, conversation_id, deps.release)
        version = chosen.version
        running = await _begin(tx, lease, burst, version, deps)
        conversation = await conversations.get_conversation(tx, conversation_id)
        summary = await summaries.find_summary(tx, conversation_id)
        tenant, contact_id = with_version(published, version), conversation.contact.id
        occasion = Occasion(tenant=tenant, contact_id=contact_id, turn_id=running.id, begun_at=burst[0].created_at)
        turn = Turn(
            id=running.id,
            tenant=tenant,
            conversation=conversation,
            inbound=burst,
            history=await messages.list_history(tx, conversation_id, burst[0].seq, HISTORY_LIMIT),
            attempt=lease.attempt,
            trace_id=running.trace_id,
            sent_at=await messages.list_sent_at(tx, contact_id, deps.now() - SENT_WITHIN),
            spent_microusd=await read_spent(tx, occasion, deps.now()),
            summary=summary.text,
            summarised_seq=summary.covers_seq,
            version=version.digest,
            trust=await read_channel(tx, tenant_id, conversation.channel),
        )
        paid = await list_calls(tx, running.id) if running.attempts > 1 else ()
        return Gathered(
            turn=turn, lease=lease, saved=running.steps, version=version, trial_id=chosen.trial_id, paid=paid
        )


async def _begin(
    tx: Tx, lease: Lease, burst: Sequence[Message], version: Version, deps: AgentDeps
) -> turns.RunningTurn:
    """Begin the turn over a burst, or resume an attempt of the same version."""
    running = await turns.find_running(tx, lease.conversation_id, burst[0].seq, burst[-1].seq)
    if running is not None and running.version == version.digest:
        return running
    await keep_version(tx, lease.tenant_id, version)
    if running is not None:
        await turns.begin_again(tx, running.id, version.digest)
        return replace(running, steps={}, version=version.digest)
    turn_id = TurnId(new_id())
    trace_id = deps.tracer.trace_id(str(turn_id))
    running = turns.RunningTurn(id=turn_id, trace_id=trace_id, steps={}, version=version.digest)
    await turns.insert_turn(tx, running, lease, first_seq=burst[0].seq, last_seq=burst[-1].seq)
    return running


async def load_answered_turn(
    tx: Tx, turn_id: TurnId, deps: Deps, *, is_waiting: bool = False, up_to_now: bool = False
) -> Turn:
    """Load a finished turn as it stands now, for the last check before its reply leaves.

    `is_waiting`: its reply only says that it waits; it has read nothing yet, and another turn may have taken its place.
    With `up_to_now`, its history has what was said since the burst, too: for what does not answer the burst itself.

    Raises:
        LookupError: the turn has no inbound message left; another turn has taken them over.
    """
    found = await turns.get_turn(tx, turn_id)
    burst = await messages.list_of_turn(tx, turn_id)
    if is_waiting and not burst:
        burst = await messages.list_latest(tx, found.conversation_id)
    if not burst:
        raise LookupError(f"turn {turn_id} no longer owns any inbound message")
    conversation = await conversations.get_conversation(tx, found.conversation_id)
    before_seq = LAST_SEQ if up_to_now else burst[0].seq
    history = await messages.list_history(tx, found.conversation_id, before_seq, HISTORY_LIMIT)
    return Turn(
        id=turn_id,
        tenant=await behaving_now(tx, await deps.tenants.get(tx, found.tenant_id), found.conversation_id),
        conversation=conversation,
        inbound=burst,
        history=tuple(message for message in history if message not in burst),
        attempt=found.attempts,
        trace_id=found.trace_id,
        version=found.version or "",
        sent_at=await messages.list_sent_at(tx, conversation.contact.id, deps.now() - SENT_WITHIN),
    )
