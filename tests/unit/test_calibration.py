"""From a model's own confidence to a probability: the fit, its storage, and the figures that say how good it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agent.errors import Misconfigured
from agent.models.calibration import (
    CONSERVATIVE,
    FILE,
    MIN_MESSAGES,
    Calibration,
    Calibrations,
    Entry,
    cross_fitted,
    fit,
    save,
)
from agent.models.reliability import calibration_error, reliability, reliability_plot

VERSION = "0123456789ab"
SHARES = st.floats(min_value=0, max_value=1)


def boaster(messages: int = 2000) -> tuple[list[float], list[bool]]:
    """Return scores of a model that is right less often than it says: where it says 0.95, in 3 of 4 cases."""
    random = np.random.default_rng(7)
    scores = random.uniform(0.5, 0.99, messages)
    return scores.tolist(), (random.random(messages) < Calibration(slope=0.5, offset=-0.4).chances(scores)).tolist()


def test_fit_finds_the_map_behind_the_answers() -> None:
    found = fit(*boaster(20_000))
    assert [found.slope, found.offset] == pytest.approx([0.5, -0.4], abs=0.1)
    assert found.messages == 20_000


def test_map_mends_what_a_boaster_says_on_messages_it_was_not_fitted_on() -> None:
    scores, hits = boaster()
    before, after = reliability(scores, hits), reliability(cross_fitted(scores, hits), hits)
    assert calibration_error(before) > 0.15
    assert calibration_error(after) < 0.04


@given(slope=st.floats(min_value=0, max_value=5), offset=st.floats(min_value=-5, max_value=5), a=SHARES, b=SHARES)
def test_map_is_a_probability_and_keeps_the_order(slope: float, offset: float, a: float, b: float) -> None:
    calibration = Calibration(slope=slope, offset=offset)
    low, high = (calibration.chance(score) for score in sorted((a, b)))
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize(
    ("scores", "hits", "low", "high"),
    [
        pytest.param([0.9] * 200, [True] * 200, 0.95, 0.9999, id="always right is not certain"),
        pytest.param([0.9] * 200, [False] * 200, 0.0001, 0.05, id="always wrong is not impossible"),
        pytest.param([0.9] * 200, [True, False] * 100, 0.45, 0.55, id="one score only"),
        pytest.param([1.0, 0.0] * 100, [True, False] * 100, 0.9, 0.9999, id="separable"),
        pytest.param([0.9, 0.2] * 100, [False, True] * 100, 0.45, 0.55, id="upside down: only the base rate"),
    ],
)
def test_odd_answers_have_a_sane_map(scores: list[float], hits: list[bool], low: float, high: float) -> None:
    calibration = fit(scores, hits)
    assert calibration.slope >= 0
    assert low <= calibration.chance(0.9) <= high


def test_few_messages_teach_nothing() -> None:
    with pytest.raises(Misconfigured, match=str(MIN_MESSAGES)):
        fit([0.5] * 10, [True] * 10)


def test_unmeasured_version_counts_less_and_is_said_once() -> None:
    calibrations = Calibrations()
    with capture_logs() as logs:
        found = [calibrations.find("claude-haiku-5-5", VERSION) for _ in range(3)]
    assert set(found) == {CONSERVATIVE}
    assert [(log["event"], log["prompt_version"]) for log in logs] == [("calibration.unknown", VERSION)]
    assert CONSERVATIVE.chance(0.95) < 0.87
    assert CONSERVATIVE.chance(0.9) > 0.75  # ordinary answers still decide alone


def test_map_belongs_to_one_model_and_one_version_of_the_prompt(tmp_path: Path) -> None:
    haiku = Entry(model="h", prompt_version=VERSION, calibration=Calibration(slope=0.8, offset=0.1, messages=900))
    sonnet = Entry(model="s", prompt_version=VERSION, calibration=Calibration(slope=1.1, offset=0.2, messages=900))
    for entry in (haiku, sonnet, haiku):
        save(tmp_path, entry)
    calibrations = Calibrations.load(tmp_path)
    assert calibrations.find("h", VERSION) == haiku.calibration
    assert calibrations.find("s", VERSION) == sonnet.calibration
    assert calibrations.find("h", "other") == CONSERVATIVE
    assert len(json.loads((tmp_path / FILE).read_text())) == 2


def test_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"slope": 1}')
    with pytest.raises(Misconfigured, match=FILE):
        Calibrations.load(tmp_path)


def test_error_is_the_gap_between_word_and_truth() -> None:
    bins = reliability([0.95] * 8 + [0.55, 0.55], [True] * 6 + [False] * 2 + [True, False])
    assert [(each.low, each.messages, each.right) for each in bins] == [(0.5, 2, 0.5), (0.9, 8, 0.75)]
    assert calibration_error(bins) == pytest.approx(0.8 * 0.2 + 0.2 * 0.05)
    assert calibration_error(()) == 0


def test_plot_shows_a_bar_a_bin() -> None:
    (line,) = reliability_plot(reliability([1.0] * 4, [True, True, True, False]))
    assert "right 0.750" in line
    assert line.count("█") == 30
    assert line.endswith("·|")
