"""Fault points kill where they are named, and nowhere but in a test."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agent.errors import Misconfigured
from agent.faults import POINTS, build_reach, pass_by
from agent.settings import Settings

ROOT = Path(__file__).parents[2]


def with_fault(point: str, environment: str = "test") -> Settings:
    return Settings(_env_file=None, nightshift_fault=point, nightshift_environment=environment)


def test_without_a_fault_every_point_is_passed_by() -> None:
    assert build_reach(with_fault("", "production")) is pass_by


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param(with_fault("turn.decided", "production"), "it is for tests", id="outside of a test"),
        pytest.param(with_fault("turn.decideed"), "no fault point", id="a point that is not there"),
    ],
)
def test_fault_that_may_not_be_is_refused(settings: Settings, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        build_reach(settings)


def test_process_kills_itself_at_the_named_point_and_not_before() -> None:
    program = (
        "from agent.faults import build_reach; from agent.settings import Settings;"
        "reach = build_reach(Settings(_env_file=None));"
        "reach('turn.gathered'); print('went on', flush=True); reach('turn.decided'); print('too far', flush=True)"
    )
    environment = {"NIGHTSHIFT_FAULT": "turn.decided", "NIGHTSHIFT_ENVIRONMENT": "test", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, b"went on\n")


def test_every_point_is_reached_somewhere_and_no_other() -> None:
    """`turn.NAME.answered` stands for every step that asks a model; two of them are points."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "agent").rglob("*.py"))
    reached = Counter(re.findall(r'deps\.reach\(f?"([^"]+)"\)', code))
    reached.pop("turn.{name}.answered")
    answered = {point for point in POINTS if point.endswith(".answered")}
    assert set(reached) == set(POINTS) - answered
