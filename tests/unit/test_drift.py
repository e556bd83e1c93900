"""Drift: what an index means, that chance is not taken for drift, and that drift is found."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from agent.drift import LEAST_BEFORE, LEAST_NOW, Counts, compare

INTENTS = [30, 20, 12, 8, 6, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1]
"""Shares of fifteen intents, in percent."""


def sample(random: Random, shares: Sequence[float], size: int) -> Counts:
    return Counter(random.choices([f"c{number}" for number in range(len(shares))], shares, k=size))


def test_the_index_is_the_one_of_the_textbook_less_chance() -> None:
    drift = compare({"es": 5000, "pt": 5000}, {"es": 7500, "pt": 2500})
    assert drift
    assert drift.psi == pytest.approx(0.2747 - 0.0002, abs=0.0005)
    assert drift.level == "drifted"
    assert [(each.label, each.before, each.now) for each in drift.moved] == [("pt", 50.0, 25.0), ("es", 50.0, 75.0)]


@pytest.mark.parametrize(("before", "now"), [(LEAST_BEFORE - 1, 5000), (5000, LEAST_NOW - 1), (0, 5000), (5000, 0)])
def test_too_few_say_nothing(before: int, now: int) -> None:
    assert compare({"es": before}, {"es": now}) is None


def test_what_is_the_same_is_steady_and_moved_nowhere() -> None:
    drift = compare({"es": 900, "pt": 100}, {"es": 90, "pt": 10})
    assert drift
    assert (drift.psi, drift.level, drift.moved) == (0.0, "steady", ())


@pytest.mark.parametrize("size", [LEAST_NOW, 300, 2000])
def test_chance_is_not_taken_for_drift(size: int) -> None:
    random = Random(size)
    drifts = [compare(sample(random, INTENTS, LEAST_BEFORE), sample(random, INTENTS, size)) for _ in range(300)]
    levels = Counter(each.level for each in drifts if each)
    assert levels["drifted"] == 0
    assert levels["shifting"] <= 30  # a tenth of the smallest weeks, against the smallest baselines


def test_a_language_that_was_not_there_is_found_in_a_small_week() -> None:
    random = Random(1)
    drifts = [compare(sample(random, [90, 10, 0], 1000), sample(random, [70, 10, 20], LEAST_NOW)) for _ in range(100)]
    assert [each.level for each in drifts if each].count("drifted") >= 99
    assert {each.moved[0].label for each in drifts if each} == {"c2"}
