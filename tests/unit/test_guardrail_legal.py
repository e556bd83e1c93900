"""Consent and reply window: what binds agent and staff alike. The send window has a file of its own."""

from datetime import timedelta

import pytest

from agent.guardrails import consent, reply_window
from agent.types import Author, Candidate, Channel, Outcome, Purpose, Suppression
from tests.factories import NOW, make_conversation, make_message, make_turn


def candidate(channel: Channel = "whatsapp", purpose: Purpose = "reply", author: Author = "agent") -> Candidate:
    return Candidate(text="Hola", language="es", channel=channel, purpose=purpose, author=author)


# --- consent ----------------------------------------------------------------------------------------------

JUST_NOW = Suppression(reason="STOP", since=NOW - timedelta(minutes=5))


@pytest.mark.parametrize(
    ("purpose", "author", "outcome"),
    [
        ("reply", "agent", "block"),
        ("reply", "staff", "block"),
        ("follow_up", "agent", "block"),
        ("follow_up", "staff", "block"),
        ("opt_in_confirmation", "system", "block"),
        ("opt_out_confirmation", "system", "pass"),
        ("help", "system", "pass"),
    ],
)
def test_suppressed_contact_gets_only_the_confirmation_and_help(
    purpose: Purpose, author: Author, outcome: Outcome
) -> None:
    turn = make_turn(conversation=make_conversation(suppression=JUST_NOW))
    assert consent.check(candidate(purpose=purpose, author=author), turn, turn.tenant, NOW).outcome == outcome


def test_confirmation_that_comes_late_is_not_sent() -> None:
    turn = make_turn(conversation=make_conversation(suppression=JUST_NOW))
    later = NOW + timedelta(seconds=1)
    assert consent.check(candidate(purpose="opt_out_confirmation"), turn, turn.tenant, later).outcome == "block"


def test_help_asked_for_before_the_opt_out_is_not_answered_after_it() -> None:
    stopped = make_conversation(suppression=Suppression(reason="STOP", since=NOW))
    turn = make_turn(inbound=(make_message("HELP", created_at=NOW - timedelta(seconds=1)),), conversation=stopped)
    assert consent.check(candidate(purpose="help"), turn, turn.tenant, NOW).outcome == "block"


@pytest.mark.parametrize("purpose", ["reply", "help", "opt_in_confirmation", "opt_out_confirmation"])
def test_answer_to_a_contact_without_suppression_passes(purpose: Purpose) -> None:
    turn = make_turn(conversation=make_conversation(last_inbound_at=None))
    assert consent.check(candidate(purpose=purpose), turn, turn.tenant, NOW).outcome == "pass"


@pytest.mark.parametrize(
    ("ago", "outcome"),
    [
        pytest.param(timedelta(days=1), "pass", id="wrote yesterday"),
        pytest.param(timedelta(days=90), "pass", id="wrote three months ago"),
        pytest.param(timedelta(days=90, seconds=1), "hold", id="the inquiry is too old"),
        pytest.param(None, "hold", id="never wrote"),
    ],
)
def test_approach_needs_an_inquiry_that_is_recent(ago: timedelta | None, outcome: Outcome) -> None:
    turn = make_turn(conversation=make_conversation(last_inbound_at=NOW - ago if ago else None))
    assert consent.check(candidate(purpose="follow_up"), turn, turn.tenant, NOW).outcome == outcome


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
