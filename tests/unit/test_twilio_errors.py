"""Twilio's refusals: every code has one class, every class one kind of error."""

from typing import get_args
from uuid import UUID

import pytest

from agent.errors import Ambiguous, NightshiftError, OptedOut, Permanent, Retryable
from agent.types import MessageId
from channels.twilio_errors import ADVICE, CODES, ErrorClass, error_class, refusal

MESSAGE = MessageId(UUID("00000000-0000-7000-8000-000000000002"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21610, OptedOut),
        (400, 21211, Permanent),
        (400, 63016, Permanent),
        (400, 63049, Permanent),
        (400, 21617, Permanent),
        (401, 20003, Permanent),
        (400, 30002, Permanent),
        (400, 21611, Retryable),
        (400, 30003, Retryable),
        (429, 20429, Retryable),
        (429, 99999, Retryable),
        (500, 20500, Ambiguous),
        (503, 21610, Ambiguous),
        (504, None, Ambiguous),
        (400, 99999, Permanent),
        (404, None, Permanent),
        (301, None, Permanent),
    ],
)
def test_answer_becomes_the_error_that_says_who_acts(
    status: int, code: int | None, kind: type[NightshiftError]
) -> None:
    error = refusal(MESSAGE, status, code)
    assert type(error) is kind
    assert str(MESSAGE) in str(error)
    if isinstance(error, Permanent):
        assert error.code == str(code or status)


def test_every_class_has_codes_and_advice_and_no_code_has_two() -> None:
    assert set(CODES) == set(ADVICE) == set(get_args(ErrorClass))
    codes = [code for found in CODES.values() for code in found]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("code", "expected"),
    [("30036", "transient"), (21610, "opt_out"), ("", None), (None, None), ("12x", None), ("٣", None), (1, None)],
)
def test_code_of_a_callback_has_a_class(code: int | str | None, expected: ErrorClass | None) -> None:
    assert error_class(code) == expected
