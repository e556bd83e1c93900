"""The countdown of a reply window agrees with the guardrail to the second."""

from datetime import timedelta

import pytest

from agent.guardrails import reply_window
from agent.reply_window import reply_window_of
from agent.templates.types import FilledTemplate
from agent.types import Candidate, Channel
from tests.factories import NOW, make_conversation, make_turn

HOUR = timedelta(hours=1)
TEMPLATE = FilledTemplate(
    sid="HX" + "0" * 32, name="x", language="es", category="utility", purpose="reopen", variables={}
)


@pytest.mark.parametrize(
    ("ago", "label", "is_open", "soon"),
    [
        (timedelta(0), "closes in 23 h 55 min", True, False),
        (timedelta(minutes=2), "closes in 23 h 53 min", True, False),
        (22 * HOUR, "closes in 1 h 55 min", True, True),
        (23 * HOUR, "closes in 55 min", True, True),
        (24 * HOUR - timedelta(minutes=5, seconds=30), "closes in less than a minute", True, True),
        (24 * HOUR - timedelta(minutes=5), "closed: only an approved template may be sent", False, False),
        (48 * HOUR, "closed: only an approved template may be sent", False, False),
    ],
)
def test_label_says_how_long_it_stays_open(ago: timedelta, label: str, *, is_open: bool, soon: bool) -> None:
    window = reply_window_of("whatsapp", NOW - ago, NOW)
    assert window is not None
    assert (window.label, window.is_open, window.closes_soon) == (label, is_open, soon)
    assert window.closes_at == NOW - ago + timedelta(hours=23, minutes=55)


@pytest.mark.parametrize("seconds", [0, 86_099, 86_100, 86_101, 90_000])
def test_window_and_guardrail_agree(seconds: int) -> None:
    last = NOW - timedelta(seconds=seconds)
    turn = make_turn(conversation=make_conversation(last_inbound_at=last))
    verdict = reply_window.check(Candidate(text="x", language="es", channel="whatsapp"), turn, turn.tenant, NOW)
    window = reply_window_of("whatsapp", last, NOW)
    assert window is not None
    assert window.is_open == (verdict.outcome == "pass")


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_other_channels_have_none(channel: Channel) -> None:
    assert reply_window_of(channel, NOW, NOW) is None


def test_conversation_that_never_was_has_none() -> None:
    assert reply_window_of("whatsapp", None, NOW) is None


def test_template_needs_no_open_window() -> None:
    turn = make_turn(conversation=make_conversation(last_inbound_at=NOW - 48 * HOUR))
    candidate = Candidate(text="x", language="es", channel="whatsapp", template=TEMPLATE)
    assert reply_window.check(candidate, turn, turn.tenant, NOW).outcome == "pass"
