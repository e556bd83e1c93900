"""What a mail provider tells of one of our mails afterwards: logged once, and acted upon, in one transaction.

A failure goes the way of every provider's report (`agent/delivery/reports.py`). A complaint, or leaving by the
provider's own link, is an opt-out. Whether somebody opened a mail is nobody's business and is not even logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.delivery.failures import Failure
from agent.delivery.reports import apply_report
from agent.ports import Deps
from agent.screening.opt_out import Wish, stop_writing
from agent.store import conversations
from agent.store.db import Tx
from agent.store.mail_reports import SentMail, find_sent_mail, insert_mail_event
from agent.store.undelivered import mark_unusable
from agent.types import DeliveryState, DeliveryStatus, MessageId, Provider, TenantId

MailEventKind = Literal["accepted", "delivered", "deferred", "failed", "complaint", "unsubscribe"]
Recorded = Literal["recorded", "repeated", "unknown"]
"""Logged and acted upon; known already; about no mail of ours."""

_STATES: Mapping[MailEventKind, DeliveryState] = {"accepted": "queued", "delivered": "delivered", "failed": "failed"}
_WISHES: Mapping[MailEventKind, str] = {
    "complaint": "complained about our mail",
    "unsubscribe": "left by the mail provider's link",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailEvent:
    """One thing that happened to one of our mails, as its provider tells."""

    id: str
    """The provider's, the same however often it is told."""
    kind: MailEventKind
    tenant_id: TenantId
    message_id: MessageId
    at: datetime
    code: str = ""
    """Status code of a failure, such as 5.1.1."""
    reason: str = ""
    """What a mail server said."""
    failure: Failure | None = None
    """What kind of failure it is; None: it is none."""


async def record_mail_event(event: MailEvent, provider: Provider, deps: Deps) -> Recorded:
    """Log an event and do what follows from it. `provider` is whose key signed it: it speaks of its own mails only."""
    async with deps.db.tenant(event.tenant_id) as tx:
        sent = await find_sent_mail(tx, event.message_id)
        if sent is None or sent.provider != provider:
            return "unknown"
        await conversations.lock_for_delivery(tx, sent.conversation_id)
        kept = {"event_id": event.id, "kind": event.kind, "code": event.code, "reason": event.reason}
        if not await insert_mail_event(
            tx, event.tenant_id, event.message_id, {**kept, "occurred_at": event.at}, deps.now()
        ):
            return "repeated"
        await _act(tx, event, sent, deps)
    return "recorded"


async def _act(tx: Tx, event: MailEvent, sent: SentMail, deps: Deps) -> None:
    if state := _STATES.get(event.kind):
        status = DeliveryStatus(
            provider=sent.provider,
            provider_id=sent.provider_id or f"<{event.message_id}>",
            state=state,
            message_id=event.message_id,
            error_code=event.code or None,
            failure=event.failure,
            raw={"event": event.id, "reason": event.reason},
        )
        await apply_report(tx, event.tenant_id, status, deps)
    if event.failure == "bad_address":  # true of the address also where the mail itself had already arrived
        await mark_unusable(tx, sent.contact_point_id, f"{event.code} {event.reason}".strip()[:300], deps.now())
    if reason := _WISHES.get(event.kind):
        proof = {"event": event.id, "told_by": sent.provider, "at": event.at.isoformat()}
        wish = Wish(
            reason=reason,
            actor=sent.provider,
            evidence=event.message_id,
            is_complaint=event.kind == "complaint",
            proof=proof,
        )
        await stop_writing(tx, event.tenant_id, sent.conversation_id, wish, deps.now())
