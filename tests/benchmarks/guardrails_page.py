"""The guardrails' report as one HTML page that needs nothing else; every text in it is escaped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

TEMPLATE = Path(__file__).with_suffix(".html")


def render_page(judged: Sequence[Any], figures: Mapping[str, Any], timing: Any, rules: Sequence[Any]) -> str:
    """Return the page. The arguments are those of `tests.benchmarks.guardrails`."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    wrong = [each for each in judged if each.is_wrong]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        judged=judged,
        figures=figures,
        timing=timing,
        rules=rules,
        misses=[each for each in wrong if each.is_violation],
        alarms=[each for each in wrong if not each.is_violation],
    )
