"""Where a message has got, from reports in any order and however often."""

from itertools import permutations
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.delivery.projection import RANK, Effect, project
from agent.types import DeliveryState

STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
BEFORE = ("pending", "sending", "unknown", "superseded", *STATES)


def after(state: str, reports: tuple[DeliveryState, ...]) -> str:
    """Return the state after reports, in their order."""
    for report in reports:
        state = project(state, report).state
    return state


def test_every_state_of_a_message_has_a_rank() -> None:
    assert set(RANK) == set(BEFORE)


@pytest.mark.parametrize("before", ["sending", "unknown", "superseded"])
def test_all_orders_of_all_reports_end_in_the_same_state(before: str) -> None:
    for size in range(1, len(STATES) + 1):
        for reports in permutations(STATES, size):
            assert after(before, reports) == max(reports, key=lambda state: RANK[state])


@given(st.sampled_from(BEFORE), st.lists(st.sampled_from(STATES), min_size=1), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(before: str, reports: list[DeliveryState], dice: Random) -> None:
    shuffled = reports * 2
    dice.shuffle(shuffled)
    assert after(before, tuple(reports)) == after(before, tuple(shuffled))


@given(st.sampled_from(BEFORE), st.sampled_from(STATES), st.booleans())
def test_a_message_never_goes_back(before: str, report: DeliveryState, is_other: bool) -> None:
    projection = project(before, report, is_other=is_other)
    assert RANK[projection.state] >= RANK[before]
    assert projection.moved == (projection.state != before)


@pytest.mark.parametrize(
    ("before", "report", "is_other", "state", "effect"),
    [
        ("sending", "sent", False, "sent", "moved"),
        ("unknown", "queued", False, "queued", "moved"),
        ("sent", "queued", False, "sent", "late"),
        ("sent", "sent", False, "sent", "late"),
        ("sent", "failed", False, "failed", "moved"),
        ("delivered", "failed", False, "delivered", "conflict"),
        ("failed", "delivered", False, "delivered", "conflict"),
        ("failed", "sent", False, "failed", "late"),
        ("superseded", "sent", False, "sent", "conflict"),
        ("sent", "failed", True, "sent", "conflict"),
        ("sent", "delivered", True, "delivered", "conflict"),
    ],
)
def test_effect_of_a_report(before: str, report: DeliveryState, is_other: bool, state: str, effect: Effect) -> None:
    projection = project(before, report, is_other=is_other)
    assert (projection.state, projection.effect) == (state, effect)
