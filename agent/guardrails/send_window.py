"""Nothing leaves outside the tenant's send hours, told by the recipient's own clock (P4).

Law counts the recipient's local time (47 CFR 64.1200(c)(1) in the United States). Where the number does not
tell one zone, the hours must be open in every zone it may be in. An opt-out confirmation waits as well.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from agent.addresses import normalise_phone
from agent.schedule import is_open, next_open
from agent.types import Candidate, Conversation, Tenant, Turn, Verdict

RULE = "send_window"
VERSION = 1
UNKNOWN_ZONE = "Etc/Unknown"


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Delay a text until the hours are open where the recipient may be; hold it if they never are.

    Someone who wrote within the tenant's `reply_grace_minutes` may be answered at any hour.
    """
    hours = tenant.policy.send_hours
    zones = recipient_zones(turn.conversation, tenant)
    if is_open(hours, zones, now) or _in_grace(turn.conversation, tenant, now):
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    where = ", ".join(zone.key for zone in zones[:3]) + (" …" if len(zones) > 3 else "")
    until = next_open(hours, zones, now)
    if until is None:
        return Verdict(
            rule=RULE,
            outcome="hold",
            reason="Your send hours are never open at once in all time zones this number may be in; a person decides.",
            evidence=where,
            version=VERSION,
        )
    return Verdict(
        rule=RULE,
        outcome="delay",
        reason=f"Outside your send hours for the recipient; they open at {until:%Y-%m-%d %H:%M} UTC.",
        evidence=where,
        until=until,
        version=VERSION,
    )


def recipient_zones(conversation: Conversation, tenant: Tenant) -> tuple[ZoneInfo, ...]:
    """Return the zones the recipient may be in: the stated one, else the number's, else the tenant's."""
    stated = _known_zones((conversation.contact.timezone or "",))
    if stated:
        return stated
    of_number = () if conversation.channel == "email" else _zones_of_number(conversation.contact_address)
    return _known_zones(of_number) or (ZoneInfo(tenant.timezone),)


def _zones_of_number(address: str) -> tuple[str, ...]:
    try:
        return tuple(time_zones_for_number(phonenumbers.parse(normalise_phone(address))))
    except phonenumbers.NumberParseException:
        return ()  # a WhatsApp user id, or nothing we can place


def _known_zones(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """Return the zones that exist here; one unknown name makes the whole list unusable."""
    try:
        return tuple(ZoneInfo(name) for name in names if name and name != UNKNOWN_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ()


def _in_grace(conversation: Conversation, tenant: Tenant, now: datetime) -> bool:
    last = conversation.last_inbound_at
    grace = timedelta(minutes=tenant.policy.reply_grace_minutes)
    return last is not None and grace > timedelta() and now - last <= grace
