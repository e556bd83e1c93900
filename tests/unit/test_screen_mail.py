"""The screen on mail: what an unproven sender may trigger, what a machine may not answer, and loops."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.mail.sender_trust import Trust
from agent.screening.screen import MAILS_PER_HOUR, Screened, screen
from agent.types import Suppression, Turn
from tests.factories import NOW, make_conversation, make_turn

MAIL = make_conversation(channel="email", contact_address="ana@ruiz.example")
SUPPRESSED = replace(MAIL, suppression=Suppression(reason="STOP", since=NOW))


def written(text: str, trust: Trust = "unknown", hold: str = "", **overrides: object) -> Turn:
    turn = make_turn(text, **{"conversation": MAIL, **overrides})
    return replace(turn, inbound=tuple(replace(each, trust=trust, hold=hold) for each in turn.inbound))


def kind(screened: Screened | None) -> str | None:
    return screened.kind if screened else None


@pytest.mark.parametrize("trust", ["proven", "replying", "unknown", "failed"])
def test_opt_out_needs_no_proof(trust: Trust) -> None:
    assert kind(screen(written("baja", trust), NOW)) == "opt_out"


@pytest.mark.parametrize(
    ("trust", "expected"), [("proven", "opt_in"), ("replying", "opt_in"), ("unknown", "person"), ("failed", "person")]
)
def test_return_needs_proof(trust: Trust, expected: str | None) -> None:
    assert kind(screen(written("START", trust, conversation=SUPPRESSED), NOW)) == expected


def test_disowned_mail_goes_to_a_person_and_its_sender_is_told_nothing() -> None:
    found = screen(written("¿Precio?", "failed"), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("person", False)


def test_held_mail_goes_to_a_person_with_its_reason_and_a_notice() -> None:
    found = screen(written("", hold="The mail is encrypted."), NOW)
    assert found is not None
    assert (found.kind, found.reason, found.confirm) == ("person", "The mail is encrypted.", True)


@pytest.mark.parametrize(("minutes", "expected"), [(9, "person"), (30, None)], ids=["within an hour", "over hours"])
def test_loop_that_no_header_gives_away_ends_with_a_person(minutes: int, expected: str | None) -> None:
    sent_at = tuple(NOW - timedelta(minutes=minutes * n) for n in range(MAILS_PER_HOUR, 0, -1))
    assert kind(screen(written("¿Precio?", sent_at=sent_at), NOW)) == expected


def test_lively_chat_is_no_loop() -> None:
    sent_at = tuple(NOW - timedelta(minutes=n) for n in range(20, 0, -1))
    assert screen(make_turn("¿Precio?", sent_at=sent_at), NOW) is None
