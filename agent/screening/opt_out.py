"""Somebody asks us to stop writing, or to come back. Whichever way we learn of it, the same is done, with its proof.

An opt-out is the person's: it holds for every address and channel of theirs that we know, at once for whatever waits,
until they ask to come back, on any of them. What a provider blocks besides, only they can lift there (START by SMS):
until then its refusal counts as an opt-out again, on the safe side.

Sources: FCC 47 CFR 64.1200(a)(10), revocation by any reasonable means; RFC 8058; GDPR art. 7(3) and 21(3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.store import consent, events, outbox
from agent.store.db import Tx
from agent.tracing.scores import score_refusal
from agent.types import ConversationId, MessageId, TenantId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """That somebody asks to be left alone, or to hear from us again, and how we know."""

    reason: str
    actor: str
    """Who told us: `contact`, or a provider."""
    evidence: MessageId | None = None
    """The message that says so."""
    is_complaint: bool = False
    """Whether they said so by reporting us."""
    turn_id: TurnId | None = None
    proof: Mapping[str, str] = field(default_factory=dict)
    """What proves it where no message does."""


async def stop_writing(tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, wish: Wish, at: datetime) -> None:
    """Suppress the conversation's contact on all channels and take back what waits to be sent to them."""
    silenced = await consent.suppress(
        tx, conversation_id, reason=wish.reason, evidence=wish.evidence, at=at, proof=wish.proof
    )
    await outbox.cancel_outbox(tx, silenced, "the contact opted out")
    name = "complaint" if wish.is_complaint else "opt_out"
    await score_refusal(tx, conversation_id, name, evidence=wish.evidence, asked_in=wish.turn_id, at=at)
    await _record(tx, tenant_id, conversation_id, "consent.opt_out", wish)


async def write_again(tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, wish: Wish, at: datetime) -> None:
    """Lift what keeps us from writing to the conversation's contact. What was taken back stays so."""
    await consent.lift_suppressions(tx, conversation_id, at=at)
    await _record(tx, tenant_id, conversation_id, "consent.opt_in", wish)


async def _record(tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, kind: str, wish: Wish) -> None:
    await events.insert_event(
        tx,
        tenant_id,
        kind,
        actor=wish.actor,
        conversation_id=conversation_id,
        turn_id=wish.turn_id,
        message_id=wish.evidence,
        data={"reason": wish.reason, **wish.proof},
    )
