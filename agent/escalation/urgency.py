"""How urgent a request for a person is: when it is too late, and what is at stake. Pure; the queue's order.

The deadline is the earlier of two: the tenant's promise (`Policy.sla_minutes`, counted in its open hours, and shorter
the more is at stake), and the end of WhatsApp's reply window, after which free text can no longer be sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agent.escalation.why import Cause, cause_of
from agent.reply_window import reply_window_of
from agent.schedule import Window, after_open_time, weekly
from agent.types import Channel, Intent, Policy, Stage

LOWEST_RISK = 9
MAX_VALUE_CHARS = 80

RISK: Mapping[Cause, int] = {
    "threat": 0,
    "opt_out": 0,
    "complaint": 1,
    "deal": 2,
    "asked": 3,
    "wrote_again": 3,
    "agent_asks": 3,
    "payment": 3,
    "sensitive": 3,
    "window": 4,
    "unknown_delivery": 4,
    "failed": 4,
    "unreachable": 6,
    "undelivered": 6,
    "template": 6,
    "tone": 6,
    "format": 6,
    "language": 6,
    "frequency": 7,
    "forged": 7,
    "loop": 8,
}
"""What is at stake, by cause: 0 the most (the law), 9 the least. A cause that is not here: `USUAL_RISK`."""
USUAL_RISK = 5
_VALUABLE = ("budget", "quantity")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What bears on the urgency of a request."""

    reason: str
    asked_at: datetime
    channel: Channel
    last_inbound_at: datetime | None = None
    objecting: tuple[str, ...] = ()
    """The guardrails that objected to a draft, if that is why."""
    intent: Intent | None = None
    stage: Stage = "new"
    sentiment: Literal["negative", "neutral", "positive"] = "neutral"
    entities: Mapping[str, str] = field(default_factory=dict)
    """What the prospect has named: `budget` and `quantity` say what it is worth."""
    is_urgent: bool = False
    """Whether staff have flagged the conversation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Urgency:
    """A request's place in the queue."""

    due_at: datetime
    risk: int
    """0 the most at stake, 9 the least."""
    cause: Cause
    value: str = ""
    """What the prospect has named that says what it is worth, in their words: untrusted, bounded."""


def judge_urgency(case: Case, policy: Policy, zone: ZoneInfo) -> Urgency:
    """Return until when somebody should have answered, and what is at stake.

    `zone` is the tenant's: the promise counts in its open hours (`policy.send_hours`; none: at any hour).
    """
    cause = cause_of(case.reason, case.objecting, case.intent)
    value = value_of(case.entities)
    risk = _risk(case, cause, has_value=bool(value))
    promised = _promised_by(case.asked_at, timedelta(minutes=policy.sla_minutes) / _haste(risk), policy, zone)
    window = reply_window_of(case.channel, case.last_inbound_at, case.asked_at)
    closes = [window.closes_at] if window and window.is_open else []
    due_at = case.asked_at if case.is_urgent else min([promised, *closes])
    return Urgency(due_at=due_at, risk=risk, cause=cause, value=value)


def value_of(entities: Mapping[str, str]) -> str:
    """Return what a prospect has named of a budget and a quantity: `2 000 €, 12 people`."""
    named = (" ".join(entities.get(name, "").split()) for name in _VALUABLE)
    return ", ".join(each for each in named if each)[:MAX_VALUE_CHARS].rstrip(", ")


def _risk(case: Case, cause: Cause, *, has_value: bool) -> int:
    """Weigh the cause, then what makes it graver: a sale at hand, an angry prospect."""
    if case.is_urgent:
        return 0
    sale = has_value or case.stage == "deciding" or case.intent == "ready_to_buy"
    graver = int(sale) + int(case.sentiment == "negative")
    return min(max(RISK.get(cause, USUAL_RISK) - graver, 0), LOWEST_RISK)


def _haste(risk: int) -> int:
    """Return into how many parts the promised time is cut: the gravest get a quarter, the grave a half."""
    return 4 if risk <= 1 else 2 if risk <= 3 else 1


def _promised_by(since: datetime, length: timedelta, policy: Policy, zone: ZoneInfo) -> datetime:
    if not policy.send_hours:
        return since + length
    return after_open_time(Window(zone=zone, openings=weekly(policy.send_hours)), since, length) or since + length
