"""Consent, send window and reply window: what binds agent and staff alike."""

from datetime import UTC, datetime, time, timedelta

import pytest

from agent.guardrails import consent, reply_window, send_window
from agent.types import Author, Candidate, Channel, OpeningHours, Outcome, Policy, Purpose, Suppression
from tests.factories import NOW, make_contact, make_conversation, make_tenant, make_turn

TUESDAY = datetime(2026, 3, 10, tzinfo=UTC)
NINE_TO_EIGHT = tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(5))


def candidate(channel: Channel = "whatsapp", purpose: Purpose = "reply", author: Author = "agent") -> Candidate:
    return Candidate(text="Hola", language="es", channel=channel, purpose=purpose, author=author)


# --- consent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "author", "outcome"),
    [
        ("reply", "agent", "block"),
        ("reply", "staff", "block"),
        ("help", "system", "block"),
        ("opt_in_confirmation", "system", "block"),
        ("opt_out_confirmation", "system", "pass"),
    ],
)
def test_suppressed_contact_gets_only_the_confirmation(purpose: Purpose, author: Author, outcome: Outcome) -> None:
    suppressed = make_conversation(suppression=Suppression(reason="STOP", since=NOW))
    turn = make_turn(conversation=suppressed)
    assert consent.check(candidate(purpose=purpose, author=author), turn, turn.tenant, NOW).outcome == outcome


def test_contact_without_suppression_passes() -> None:
    turn = make_turn()
    assert consent.check(candidate(), turn, turn.tenant, NOW).outcome == "pass"


# --- reply window -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "ago", "outcome"),
    [
        pytest.param("whatsapp", timedelta(minutes=1), "pass", id="just now"),
        pytest.param("whatsapp", timedelta(hours=23, minutes=54, seconds=59), "pass", id="just inside the margin"),
        pytest.param("whatsapp", timedelta(hours=23, minutes=55), "hold", id="in the margin"),
        pytest.param("whatsapp", timedelta(days=2), "hold", id="too late"),
        pytest.param("whatsapp", None, "hold", id="never wrote"),
        pytest.param("sms", timedelta(days=2), "pass", id="sms has no window"),
        pytest.param("email", None, "pass", id="email has no window"),
    ],
)
def test_whatsapp_replies_stay_inside_the_window(channel: Channel, ago: timedelta | None, outcome: Outcome) -> None:
    turn = make_turn(conversation=make_conversation(channel=channel, last_inbound_at=NOW - ago if ago else None))
    assert reply_window.check(candidate(channel), turn, turn.tenant, NOW).outcome == outcome


# --- send window ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "address", "stated", "at", "opens"),
    [
        pytest.param("sms", "+5511987654321", None, 13, None, id="open in Sao Paulo"),
        pytest.param("sms", "+5511987654321", None, 11, 12, id="closed in Sao Paulo, open in Madrid"),
        pytest.param("sms", "+34612345678", None, 8, 9, id="Spain waits for the Canaries"),
        pytest.param("sms", "+34612345678", "Europe/Madrid", 8, None, id="a stated zone narrows it"),
        pytest.param("sms", "+34612345678", "Mars/Olympus", 8, 9, id="a stated zone that does not exist is ignored"),
        pytest.param("whatsapp", "+5215512345678", None, 14, 15, id="Mexican number with the old 1"),
        pytest.param("whatsapp", "US.13491208655302741918", None, 8, None, id="user id: the tenant's zone"),
        pytest.param("whatsapp", "+999123", None, 8, None, id="unknown number: the tenant's zone"),
        pytest.param("email", "a@b.example", None, 7, 8, id="e-mail: the tenant's zone"),
    ],
)
def test_hours_are_told_by_the_recipients_clock(
    channel: Channel, address: str, stated: str | None, at: int, opens: int | None
) -> None:
    tenant = make_tenant(policy=Policy(send_hours=NINE_TO_EIGHT))
    conversation = make_conversation(
        channel=channel, contact_address=address, contact=make_contact(timezone=stated), last_inbound_at=None
    )
    verdict = send_window.check(
        candidate(channel), make_turn(conversation=conversation), tenant, TUESDAY + timedelta(hours=at)
    )
    assert verdict.outcome == ("pass" if opens is None else "delay")
    assert verdict.until == (None if opens is None else TUESDAY + timedelta(hours=opens))


@pytest.mark.parametrize(
    ("grace", "ago", "outcome"),
    [
        pytest.param(0, timedelta(), "delay", id="strict"),
        pytest.param(30, timedelta(minutes=30), "pass", id="within the grace"),
        pytest.param(30, timedelta(minutes=31), "delay", id="after the grace"),
        pytest.param(30, None, "delay", id="never wrote"),
    ],
)
def test_grace_lets_answer_who_is_writing_now(grace: int, ago: timedelta | None, outcome: Outcome) -> None:
    now = TUESDAY + timedelta(hours=3)
    tenant = make_tenant(policy=Policy(send_hours=NINE_TO_EIGHT, reply_grace_minutes=grace))
    last = now - ago if ago is not None else None
    turn = make_turn(conversation=make_conversation(last_inbound_at=last))
    assert send_window.check(candidate(), turn, tenant, now).outcome == outcome


def test_toll_free_number_with_hours_that_never_meet_is_held() -> None:
    short = (OpeningHours(weekday=1, start=time(9), end=time(10)),)
    turn = make_turn(conversation=make_conversation(contact_address="+18005550123", last_inbound_at=None))
    verdict = send_window.check(candidate("sms"), turn, make_tenant(policy=Policy(send_hours=short)), TUESDAY)
    assert verdict.outcome == "hold"


def test_tenant_without_hours_writes_at_any_time() -> None:
    turn = make_turn()
    assert send_window.check(candidate(), turn, make_tenant(), TUESDAY + timedelta(hours=3)).outcome == "pass"
