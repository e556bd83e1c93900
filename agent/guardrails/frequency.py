"""Nobody is written to too often: in a row, per day, per week, or in a loop between two machines (P4, P8).

A reply beyond a limit goes to a person; a follow-up waits until the limit has room again. A person who asks real
questions never meets these limits: 40 texts a day (`agent.types.Policy`) is far above a lively chat. What staff reply
is their own decision; the law's limit on follow-ups binds them too. An opt-out is always confirmed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise, takewhile

from agent.folding import words_of
from agent.guardrails.quiet_hours import rule_of
from agent.guardrails.rule import passed
from agent.types import PROACTIVE, Candidate, Message, Tenant, Turn, Verdict
from agent.whereabouts import locate

RULE = "frequency"
VERSION = 1
DAY, WEEK = timedelta(days=1), timedelta(days=7)
LOOP_WINDOW = timedelta(hours=1)
MAX_SAME = 3
"""The same text leaves at most this often to one contact within `LOOP_WINDOW`."""
MACHINE_PACE = timedelta(seconds=5)
MAX_AT_MACHINE_PACE = 8
"""More answers in a row than this, each within `MACHINE_PACE` of our text, are not typed by a person."""
MAX_CHARS = 2_000
"""Of a text, this much is compared."""


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    """Hold or delay a text that is one too many."""
    proactive = candidate.purpose in PROACTIVE
    if candidate.purpose == "opt_out_confirmation" or (candidate.author == "staff" and not proactive):
        return passed(RULE, VERSION)
    if reason := _unanswered(turn, tenant) or _loop(candidate, turn, now):
        return Verdict(rule=RULE, outcome="hold", reason=reason, version=VERSION)
    per_day = tenant.policy.max_per_day
    if proactive:
        per_day = min(per_day, _lawful_per_day(candidate, turn, tenant, now))
    room_at = max(_room_at(turn, per_day, DAY, now), _room_at(turn, tenant.policy.max_per_week, WEEK, now))
    if room_at <= now:
        return passed(RULE, VERSION)
    return Verdict(
        rule=RULE,
        outcome="delay" if proactive else "hold",
        reason="This contact has got as many texts as are allowed in a day or a week.",
        evidence=f"at most {per_day} in 24 hours and {tenant.policy.max_per_week} in 7 days",
        until=room_at if proactive else None,
        version=VERSION,
    )


def _room_at(turn: Turn, most: int, span: timedelta, now: datetime) -> datetime:
    """Return when one more text still makes at most `most` within any `span`: now, or later."""
    sent = sorted({*turn.sent_at, *(m.created_at for m in turn.history if m.direction == "outbound")})
    return max(now, sent[-most] + span) if len(sent) >= most else now


def _lawful_per_day(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> int:
    """Return how many texts a day the law lets us start wherever the recipient may be."""
    where = locate(turn.conversation, tenant, now)
    day = now.astimezone(where.zones[0]).date()
    rules = (rule_of(place, day, candidate.channel, "proactive") for place in where.places)
    return min((rule.max_per_day for rule in rules if rule and rule.max_per_day), default=tenant.policy.max_per_day)


def _timeline(turn: Turn) -> tuple[Message, ...]:
    return tuple(sorted((*turn.history, *turn.inbound), key=lambda message: message.seq))


def _unanswered(turn: Turn, tenant: Tenant) -> str:
    """Say that our last texts all went without an answer."""
    waiting = sum(1 for _ in takewhile(lambda m: m.direction == "outbound", reversed(_timeline(turn))))
    if waiting < tenant.policy.max_unanswered:
        return ""
    return f"Our last {waiting} texts went without an answer; a person decides about another one."


def _said_before(text: str, ours: Sequence[Message]) -> int:
    """Return how many of our texts have the same words; a text without words is nobody's."""
    words = words_of(text[:MAX_CHARS])
    return sum(words_of(message.text[:MAX_CHARS]) == words for message in ours) if words else 0


def _loop(candidate: Candidate, turn: Turn, now: datetime) -> str:
    """Say that two machines seem to talk to each other: the same text again, or answers faster than people type."""
    ours = [m for m in turn.history if m.direction == "outbound" and now - m.created_at <= LOOP_WINDOW]
    if len(ours) >= MAX_SAME and _said_before(candidate.text, ours) >= MAX_SAME:
        return f"This contact got the same text {MAX_SAME} times within the hour; a person looks."
    gaps = [
        theirs.created_at - ours.created_at
        for ours, theirs in pairwise(_timeline(turn))
        if ours.direction == "outbound" and theirs.direction == "inbound"
    ]
    quick = sum(1 for _ in takewhile(lambda gap: gap <= MACHINE_PACE, reversed(gaps)))
    if quick > MAX_AT_MACHINE_PACE and now - turn.inbound[-1].created_at <= LOOP_WINDOW:
        return f"The last {quick} answers came faster than a person types; perhaps a machine. A person looks."
    return ""
