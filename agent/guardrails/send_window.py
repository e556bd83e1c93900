"""Nothing leaves outside approved hours, told by the recipient's own clock (P4).

What we start ourselves needs both the tenant's send hours and the law's hours (`quiet_hours.toml`) in every place
and zone the recipient may be in. An answer to somebody who wrote within the tenant's `reply_grace_minutes` may leave
at any hour; after that, or with a grace of 0 (strict), it needs the tenant's hours and, on a phone, a time that is
not night. An opt-out confirmation is an answer like any other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agent.guardrails.quiet_hours import Covers, lawful_openings, rule_of
from agent.guardrails.rule import passed
from agent.schedule import Window, is_open, next_open, weekly
from agent.types import PROACTIVE, Candidate, Tenant, Turn, Verdict
from agent.whereabouts import Whereabouts, locate

RULE = "send_window"
VERSION = 2


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    """Delay a text until all hours are open where the recipient may be; hold it if they never are."""
    covers: Covers = "proactive" if candidate.purpose in PROACTIVE else "answer"
    if covers == "answer" and _in_grace(turn, tenant, now):
        return passed(RULE, VERSION)
    where = locate(turn.conversation, tenant, now)
    until = _first_open(candidate, turn, tenant, covers, now)
    if until == now:
        return passed(RULE, VERSION)
    if until is None:
        return Verdict(
            rule=RULE,
            outcome="hold",
            reason="Your send hours and the law's never meet in all places this contact may be in; a person decides.",
            evidence=_evidence(candidate, where, covers, now),
            version=VERSION,
        )
    whose = "the law's hours" if is_open(tuple(_own(tenant, where)), now) else "your send hours"
    local = until.astimezone(ZoneInfo(tenant.timezone))
    return Verdict(
        rule=RULE,
        outcome="delay",
        reason=f"Outside {whose} where this contact may be; they open at {local:%Y-%m-%d %H:%M} ({tenant.timezone}).",
        evidence=_evidence(candidate, where, covers, now),
        until=until,
        version=VERSION,
    )


def _first_open(candidate: Candidate, turn: Turn, tenant: Tenant, covers: Covers, now: datetime) -> datetime | None:
    """Return the first instant from `now` on at which all hours are open; None: there is none.

    Where somebody may be can change with the clocks: an opening counts by what is known of the place then.
    """
    at = now
    while True:
        where = locate(turn.conversation, tenant, at)
        opening = next_open((*_own(tenant, where), *_law(candidate, where, covers)), at)
        if opening is None or opening == at:
            return opening
        at = opening


def _own(tenant: Tenant, where: Whereabouts) -> Iterator[Window]:
    """Yield the tenant's send hours in every zone; a tenant without hours writes at any."""
    if tenant.policy.send_hours:
        openings = weekly(tenant.policy.send_hours)
        yield from (Window(zone=zone, openings=openings) for zone in where.zones)


def _law(candidate: Candidate, where: Whereabouts, covers: Covers) -> Iterator[Window]:
    """Yield the law's hours of every place in every zone."""
    for place in where.places:
        openings = lawful_openings(place, candidate.channel, covers)
        yield from (Window(zone=zone, openings=openings) for zone in where.zones)


def _evidence(candidate: Candidate, where: Whereabouts, covers: Covers, now: datetime) -> str:
    """Say where the recipient may be, and which law was read."""
    zones = ", ".join(zone.key for zone in where.zones[:3]) + (" …" if len(where.zones) > 3 else "")
    found = (rule_of(place, now.astimezone(where.zones[0]).date(), candidate.channel, covers) for place in where.places)
    sources = "; ".join(rule.source for rule in found if rule)
    return f"{', '.join(where.places)} ({zones})" + (f": {sources}" if sources else "")


def _in_grace(turn: Turn, tenant: Tenant, now: datetime) -> bool:
    last = turn.conversation.last_inbound_at
    grace = timedelta(minutes=tenant.policy.reply_grace_minutes)
    return last is not None and grace > timedelta() and now - last <= grace
