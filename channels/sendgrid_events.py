"""SendGrid's Event Webhook: a signed JSON array of what happened to mails, as ours.

The signature has been verified; all values are still untrusted text, because mail servers wrote some of them. What
carries none of our ids (another program sends through the same account) and what we do not use is left out.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from agent.delivery.failures import Failure
from agent.errors import BadRequest
from agent.mail.events import MailEvent, MailEventKind
from agent.mail.failures import mail_failure
from agent.types import MessageId, TenantId
from channels.email_mime import clean_text
from channels.sendgrid_outbound import MESSAGE_ARG, TENANT_ARG

MAX_EVENTS_BYTES = 4 * 1024 * 1024
"""SendGrid posts at most 768 KB at a time."""

KINDS: Mapping[str, MailEventKind] = {
    "processed": "accepted",
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "failed",
    "dropped": "failed",
    "spamreport": "complaint",
    "unsubscribe": "unsubscribe",
    "group_unsubscribe": "unsubscribe",
}
"""SendGrid's events, as ours. Opens and clicks are not among them."""

_DROPPED: Mapping[str, Failure] = {
    "bounced address": "bad_address",
    "invalid": "bad_address",
    "unsubscribed address": "opt_out",
    "spam reporting address": "opt_out",
    "spam content": "content",
}
"""Why SendGrid did not even try, by its reason; some explain themselves in brackets."""
_BOUNCED: Mapping[str, Failure] = {"invalid address": "bad_address", "content": "content"}
"""Its classification of what mail servers say; the rest is judged by the status code."""


def parse_events(body: bytes) -> list[MailEvent]:
    """Read a batch.

    Raises:
        BadRequest: it is no JSON array.
    """
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadRequest("The events are not JSON.") from exc
    if not isinstance(batch, list):
        raise BadRequest("Expected a JSON array of events.")
    found = (_event(each) for each in batch if isinstance(each, dict))
    return [event for event in found if event]


def _event(fields: Mapping[str, Any]) -> MailEvent | None:
    kind = KINDS.get(_text(fields, "event", 40))
    tenant_id, message_id = _uuid(fields, TENANT_ARG), _uuid(fields, MESSAGE_ARG)
    event_id, at = _text(fields, "sg_event_id", 200), _time(fields)
    if kind is None or tenant_id is None or message_id is None or at is None or not event_id:
        return None
    failure = _failure(fields) if kind == "failed" else None
    return MailEvent(
        id=event_id,
        kind=kind,
        tenant_id=TenantId(tenant_id),
        message_id=MessageId(message_id),
        at=at,
        code=_text(fields, "status", 20) if failure else "",
        reason=_text(fields, "reason", 300) or _text(fields, "response", 300),
        failure=failure,
    )


def _failure(fields: Mapping[str, Any]) -> Failure:
    """Return the class of a bounce, a block (`type: blocked`, never about the address) or a drop."""
    reason, status = _text(fields, "reason", 300).lower(), _text(fields, "status", 20)
    if _text(fields, "event", 40) == "dropped":
        return _DROPPED.get(reason.partition(" (")[0], "unknown")
    named = _BOUNCED.get(_text(fields, "bounce_classification", 40).lower())
    failure = named or mail_failure(status)
    return "unknown" if failure == "bad_address" and fields.get("type") == "blocked" else failure


def _text(fields: Mapping[str, Any], name: str, max_chars: int) -> str:
    value = fields.get(name)
    return " ".join(clean_text(value[: 4 * max_chars]).split())[:max_chars] if isinstance(value, str) else ""


def _uuid(fields: Mapping[str, Any], name: str) -> UUID | None:
    try:
        return UUID(_text(fields, name, 60))
    except ValueError:
        return None


def _time(fields: Mapping[str, Any]) -> datetime | None:
    value = fields.get("timestamp")
    if not isinstance(value, int) or not 0 <= value < 2**33:
        return None
    return datetime.fromtimestamp(value, UTC)
