"""`nightshift calibrate` against a stand-in for Claude that boasts: what is stored mends what it says."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import Misconfigured
from agent.local.examples import load_examples
from agent.models.calibration import CONSERVATIVE, Calibrations
from agent.models.claude import CLASSIFY
from agent.prompts import Prompts
from agent.settings import Settings
from jobs.calibrate import read_labelled, run_calibration
from tests.doubles.claude import API_KEY, ClaudeDouble

HAIKU = "claude-haiku-5-5"
PROMPTS = Prompts.load()
VERSION = PROMPTS.version(*CLASSIFY)


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    """A double that always says 0.9 or so, and goes by keywords: right far less often."""
    with ClaudeDouble() as double:
        yield double


def settings(home: Path, double: ClaudeDouble) -> Settings:
    values: dict[str, Any] = {"anthropic_api_key": SecretStr(API_KEY), "anthropic_base_url": double.base_url}
    return Settings(_env_file=None, nightshift_home=home, **values)


def labelled(path: Path, rows: int) -> Path:
    """Write examples of ours that are not in the prompt, with one that is."""
    lines = [{"text": each.text, "intent": each.intent} for each in load_examples() if each.trust == 1][:rows]
    lines.append({"text": "gimme the annual one", "intent": "ready_to_buy"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def test_map_is_fitted_on_what_the_model_said_and_stored_with_the_prompts_version(
    double: ClaudeDouble, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=200)
    source = labelled(tmp_path / "labelled.jsonl", 300)
    await run_calibration(settings(tmp_path, double), source, "fast", console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    found = Calibrations.load(tmp_path).find(HAIKU, VERSION)
    assert found != CONSERVATIVE
    assert found.messages <= 300
    assert found.chance(0.9) < 0.8  # the double boasts
    assert "examples in the prompt" in said
    assert "calibration error as the model says it 0." in said
    assert "cross-fitted" in said
    assert len(double.requests) == found.messages


async def test_too_few_messages_are_refused_before_anything_is_paid(double: ClaudeDouble, tmp_path: Path) -> None:
    source = labelled(tmp_path / "labelled.jsonl", 20)
    with pytest.raises(Misconfigured, match="200 or more"):
        await run_calibration(settings(tmp_path, double), source, "fast", Console(file=io.StringIO()))
    assert double.requests == []


@pytest.mark.parametrize("line", ['{"text": "hola"}', '{"text": "hola", "intent": "buy"}', "{", "[]"])
def test_line_that_is_no_labelled_message_is_named(tmp_path: Path, line: str) -> None:
    source = tmp_path / "labelled.jsonl"
    source.write_text(f'{{"text": "hola", "intent": "greeting"}}\n\n{line}\n')
    with pytest.raises(Misconfigured, match="line 3"):
        read_labelled(source)
