"""WhatsApp takes free text only within 24 hours of the prospect's last message; later only a template may leave.

Source: Twilio, "Send WhatsApp notification messages with templates" (the customer service window).
"""

from datetime import datetime, timedelta

from agent.guardrails.rule import passed
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "reply_window"
VERSION = 2
WINDOW = timedelta(hours=24)
MARGIN = timedelta(minutes=5)
"""Kept back so that a text that passes still arrives inside the window after queueing."""


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Hold a WhatsApp text unless it is a template, or the contact wrote less than 24 hours, less the margin, ago."""
    last = turn.conversation.last_inbound_at
    needs_none = candidate.channel != "whatsapp" or candidate.template is not None
    if needs_none or (last is not None and now - last < WINDOW - MARGIN):
        return passed(RULE, VERSION)
    wrote = f"last wrote at {last:%Y-%m-%d %H:%M} UTC" if last else "has never written"
    return Verdict(
        rule=RULE,
        outcome="hold",
        reason=f"WhatsApp allows free text for 24 hours after the contact's last message; this one {wrote}.",
        evidence=last.isoformat() if last else "",
        version=VERSION,
    )
