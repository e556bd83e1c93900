"""Twilio's refusals: every code has one class, every class one kind of error."""

from typing import get_args
from uuid import UUID

import pytest

from agent.delivery.failures import REACTIONS, Failure
from agent.errors import Ambiguous, NightshiftError, OptedOut, Permanent, Retryable
from agent.types import MessageId
from channels.twilio_errors import ADVICE, AMBIGUOUS, CODES, failure_class, refusal
from tests.tables import each_row

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


def test_every_class_has_codes_advice_and_a_reaction_and_no_code_has_two() -> None:
    assert {*CODES, "unknown"} == set(ADVICE) == set(REACTIONS) == set(get_args(Failure))
    codes = [code for found in (*CODES.values(), AMBIGUOUS) for code in found]
    assert len(codes) == len(set(codes))


SHEET: dict[Failure, str] = {
    "opt_out": "21610 63014",
    "blocked": "30004",
    "bad_address": "21211 21614 21612 30005 30006 63003 63024",
    "window": "63016",
    "policy_defer": "63049 63032",
    "content": "21602 21617 21658 21620 63019 11751 21656 63005 63013 63021 30007",
    "permission": "21408 21608",
    "template": "63040 63041 63042",
    "config": "20003 21606 21212 30034 30032 63007 63001 63020",
    "account": "30002 63051",
    "rate": "20429 63017 63018 21611 30001",
    "loop": "14107",
    "transient": "30003 30008 63012 63023",
    "expired": "30036",
}
"""The error classes of Twilio's documentation, written down by themselves."""


@each_row(("code", "expected"), [(code, failure) for failure, codes in SHEET.items() for code in codes.split()])
def test_documented_code_has_its_class(code: str, expected: Failure) -> None:
    assert failure_class(code) == expected


@pytest.mark.parametrize("failure", get_args(Failure))
def test_no_failure_leaves_a_message_without_a_consequence(failure: Failure) -> None:
    assert REACTIONS[failure].escalate


@pytest.mark.parametrize(
    ("code", "expected"),
    [("30036", "expired"), (21610, "opt_out"), ("", None), (None, None), ("12x", None), ("٣", None), (1, None)],
)
def test_code_of_a_callback_has_a_class(code: int | str | None, expected: Failure | None) -> None:
    assert failure_class(code) == expected
