"""How long a channel still takes free text: what a countdown shows, and what decides between text and template."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.guardrails.reply_window import MARGIN, WINDOW
from agent.types import Channel

OPEN_FOR = WINDOW - MARGIN
"""How long after the contact's last message we may write freely."""
SOON = timedelta(hours=2)
"""With less than this left, a view should warn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyWindow:
    """The time in which we may still write freely.

    It closes five minutes before WhatsApp's 24 hours are over, as the guardrail has it, so that what is begun in time
    also arrives in time.
    """

    closes_at: datetime
    remaining: timedelta
    """Never negative; zero once it has closed."""

    @property
    def is_open(self) -> bool:
        """Whether free text may leave now."""
        return self.remaining > timedelta(0)

    @property
    def remaining_s(self) -> int:
        """Whole seconds until it closes, for a countdown."""
        return int(self.remaining.total_seconds())

    @property
    def closes_soon(self) -> bool:
        """Whether it is open, and for less than `SOON`."""
        return timedelta(0) < self.remaining <= SOON

    @property
    def label(self) -> str:
        """How long it stays open, in words: `closes in 23 h 55 min`."""
        if not self.is_open:
            return "closed: only an approved template may be sent"
        hours, minutes = divmod(self.remaining_s // 60, 60)
        if hours or minutes:
            return f"closes in {hours} h {minutes:02d} min" if hours else f"closes in {minutes} min"
        return "closes in less than a minute"


def reply_window_of(channel: Channel, last_inbound_at: datetime | None, now: datetime) -> ReplyWindow | None:
    """Return a conversation's reply window; None: its channel has none, or the contact has never written."""
    if channel != "whatsapp" or last_inbound_at is None:
        return None
    closes_at = last_inbound_at + OPEN_FOR
    return ReplyWindow(closes_at=closes_at, remaining=max(closes_at - now, timedelta(0)))
