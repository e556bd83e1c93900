"""Looking often costs no more false alarms than was agreed, and a worse version is found."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from agent.rollouts.criteria import (
    ALPHA,
    EQUAL,
    KNOWN_FROM,
    MEASURES,
    Criterion,
    Measure,
    breaches,
    judge,
    plan_of,
    share_alpha,
)
from agent.rollouts.sequential import Plan, Sample, compare, critical_value, exact_z
from tests.benchmarks import rollouts

PLAN = Plan(alpha=0.05, planned=1000, first=50, every=50)
LOOKS = tuple(range(50, 1001, 50))


def counted(n: int, events: int) -> Sample:
    return Sample(n=n, total=events, squares=events, cubes=events)


def test_critical_values_fall_to_little_above_that_of_a_single_look() -> None:
    values = [critical_value(LOOKS[:place], PLAN) for place in range(1, len(LOOKS) + 1)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4
    single_look = NormalDist().inv_cdf(1 - PLAN.alpha)
    assert single_look < values[-1] < single_look + 0.3


def test_paths_without_a_drift_are_stopped_as_often_as_agreed() -> None:
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(40_000, len(LOOKS))) * math.sqrt(50)
    z = np.cumsum(steps, axis=1) / np.sqrt(np.array(LOOKS))
    bounds = np.array([critical_value(LOOKS[:place], PLAN) for place in range(1, len(LOOKS) + 1)])
    assert (z > bounds).any(axis=1).mean() == pytest.approx(PLAN.spent(1000), abs=0.004)


def test_chance_is_never_spent_whole_however_long_a_trial_goes_on() -> None:
    spent = [PLAN.spent(exposed) for exposed in (50, 500, 1000, 10_000, 10**9)]
    assert spent == sorted(spent)
    assert PLAN.alpha * 0.95 <= spent[2] < spent[-1] < PLAN.alpha


def test_looks_begin_with_the_first_and_become_rarer_after_the_plan() -> None:
    assert [PLAN.next_look(looks) for looks in ((), [50], [50, 100], [20_000])] == [50, 100, 150, 21_000]


def test_no_look_is_no_judgement() -> None:
    assert critical_value((), PLAN) == math.inf
    seen = compare(counted(40, 40), counted(400, 0), tolerance=0, looks=(), plan=PLAN)
    assert (seen.is_breach, seen.low, seen.high) == (False, -math.inf, math.inf)


def test_looks_must_ascend() -> None:
    with pytest.raises(ValueError, match="ever more"):
        critical_value((50, 50), PLAN)


# Worked with R: qnorm(fisher.test(matrix(c(a, n - a, b, m - b), 2), alternative = "greater")$p.value)
@pytest.mark.parametrize(
    ("candidate", "control", "z"),
    [
        (counted(50, 5), counted(450, 10), 2.277742961),
        (counted(50, 1), counted(450, 2), 0.608320229),
        (counted(1000, 150), counted(9000, 900), 4.622589842),
        (counted(50, 50), counted(450, 400), 2.665337328),
        (counted(50, 0), counted(450, 0), -math.inf),
    ],
    ids=["few", "very few", "many", "all", "none"],
)
def test_exact_test_is_fishers(candidate: Sample, control: Sample, z: float) -> None:
    found = exact_z(candidate, control)
    assert found == pytest.approx(z, abs=1e-6) if math.isfinite(z) else found < -5


def test_two_errors_in_the_first_conversations_are_chance_and_half_of_them_are_a_disaster() -> None:
    def breached(events: int) -> bool:
        return compare(counted(50, events), counted(450, 4), tolerance=0, looks=(50,), plan=PLAN).is_breach

    assert [breached(events) for events in (0, 2, 25)] == [False, False, True]


def test_what_is_tolerated_is_no_breach() -> None:
    worse, usual = counted(1000, 150), counted(9000, 900)
    assert compare(worse, usual, tolerance=0.0, looks=LOOKS, plan=PLAN).is_breach
    assert not compare(worse, usual, tolerance=0.06, looks=LOOKS, plan=PLAN).is_breach


def test_interval_holds_the_difference_and_narrows() -> None:
    early = compare(counted(50, 5), counted(450, 45), tolerance=0, looks=LOOKS[:1], plan=PLAN)
    late = compare(counted(1000, 100), counted(9000, 900), tolerance=0, looks=LOOKS, plan=PLAN)
    assert early.low < late.low < late.value < late.high < early.high


@pytest.mark.parametrize(
    "wrong",
    [{"measure": "charm"}, {"tolerance": -0.1}, {"tolerance": 1.0}, {"cap": 0.0}, {"cap": 2.0}],
    ids=["unknown measure", "negative tolerance", "all tolerated", "no cap", "a share has no cap"],
)
def test_criterion_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"measure|tolerance|cap"):
        replace(Criterion(measure="errors"), **wrong)  # type: ignore[arg-type]  # the point of the test


def test_criteria_share_the_chance_of_a_false_alarm_and_the_clearest_failure_is_named_first() -> None:
    criteria = (Criterion(measure="errors"), Criterion(measure="complaints"))
    assert plan_of(criteria[0], criteria).alpha == pytest.approx(ALPHA / 2)
    arms = {"errors": (counted(500, 50), counted(4500, 90)), "complaints": (counted(500, 150), counted(4500, 90))}
    found = breaches(judge(criteria, arms, looks=(500,)))  # type: ignore[arg-type]  # its keys are measures
    assert [each.criterion.measure for each in found] == ["complaints", "errors"]


def test_what_varies_widely_gets_most_of_the_chance_of_a_false_alarm_and_no_criterion_gets_none() -> None:
    criteria = (Criterion(measure="errors"), Criterion(measure="escalation"), Criterion(measure="complaints"))
    usual = {"errors": counted(900, 9), "escalation": counted(900, 400), "complaints": counted(900, 0)}
    shared = share_alpha(criteria, usual)  # type: ignore[arg-type]  # its keys are measures
    parts = [each.alpha or 0 for each in shared]
    assert sum(parts) == pytest.approx(ALPHA)
    assert parts[0] == pytest.approx(parts[2], rel=0.01)
    assert parts[1] > 0.8 * ALPHA
    assert min(parts) >= ALPHA * EQUAL / 3


def test_chance_is_shared_equally_where_too_little_is_known() -> None:
    criteria = (Criterion(measure="errors", alpha=0.01), Criterion(measure="escalation"))
    usual = {"errors": counted(900, 9), "escalation": counted(KNOWN_FROM - 1, 60)}
    assert [each.alpha for each in share_alpha(criteria, usual)] == [None, None]  # type: ignore[arg-type]  # as above


def test_equal_version_is_seldom_rolled_back() -> None:
    assert rollouts.share_rolled_back(rollouts.run_many({}, rollouts=150)) <= 0.05


@pytest.mark.parametrize("measure", MEASURES)
def test_version_five_points_worse_is_rolled_back(measure: Measure) -> None:
    endings = rollouts.run_many({measure: rollouts.WORSE}, rollouts=20)
    assert rollouts.share_rolled_back(endings) >= 0.95
