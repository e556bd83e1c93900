"""The fault drill in small: faults, a total outage and recovery, with workers of the real kind in simulated time."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from agent.models.retrying import CALLS_PER_RETRY, FREE_IN_PROCESS
from tests.benchmarks.drill import Drilled, drill, report
from tests.benchmarks.drill_forecast import FORECAST
from tests.benchmarks.drill_plot import draw_page, draw_timeline
from tests.benchmarks.drill_run import WORKERS, Plan

pytestmark = pytest.mark.soak
MINUTES = 4.0
PLAN = Plan(
    minutes=MINUTES,
    messages=90,
    prospects=65,
    forecast=[replace(each, until_min=each.until_min * MINUTES / FORECAST[-1].until_min) for each in FORECAST],
)


@pytest.fixture(scope="module")
def drilled(postgres: str, postgres_home: Path, trained_home: Path) -> Drilled:
    """What came of the drill, for which the session's server is asked to hold one database more."""
    return drill(PLAN, postgres_home, trained_home)


def test_nobody_is_lost(drilled: Drilled) -> None:
    assert len(drilled.log.written) == PLAN.messages
    assert drilled.found["turns"] >= PLAN.prospects
    assert {name: drilled.found[name] for name in ("lost", "failed", "unsaid")} == {"lost": 0, "failed": 0, "unsaid": 0}


def test_nobody_is_answered_twice_or_told_of_the_outage_twice(drilled: Drilled) -> None:
    assert (drilled.found["answered_twice"], drilled.sent_twice) == (0, 0)
    assert drilled.found["lines"] > 0
    assert drilled.found["most_lines"] == 1


def test_retries_stay_within_their_budget(drilled: Drilled) -> None:
    calls, retries = (Counter(int(at // 60) for at in times) for times in (drilled.log.calls, drilled.log.retries))
    assert retries.total() > 0
    for minute, made in retries.items():
        assert made <= max(WORKERS * FREE_IN_PROCESS, calls[minute] / CALLS_PER_RETRY)


def test_all_is_well_again_soon_after_the_outage(drilled: Drilled) -> None:
    assert drilled.found["waited"] > 0
    assert drilled.found["open_outages"] == 0
    assert drilled.recovered_after_s < 120


def test_figures_and_timeline_can_be_drawn(drilled: Drilled) -> None:
    lines = list(report(drilled))
    assert {"messages lost", "answered twice", "holding lines", "retries", "recovered"} <= dict(lines).keys()
    timeline = list(draw_timeline(PLAN, drilled.log, drilled.answered))
    assert any("total outage" in line and "█" in line for line in timeline)
    assert "<polyline" in draw_page(PLAN, drilled.log, drilled.answered, lines)
