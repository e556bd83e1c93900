"""The guardrails' report: its intervals, what counts as a miss, and a page on which no text can act."""

from typing import Any

import pytest

from agent.guardrails import LEGAL_RULES
from agent.types import Verdict
from tests.benchmarks.guardrails import Judged, Share, Timing, by_rule, measure, overall
from tests.benchmarks.guardrails_page import render_page


def judged(expect: str, labels: list[str], *found: str, **fields: Any) -> Judged:
    row = {"id": "r", "tenant": "t", "channel": "sms", "language": "es", "inbound": "¿?", "draft": "Hola", "note": ""}
    verdicts = tuple(Verdict(rule=rule, outcome="revise", reason="why", evidence="<b>") for rule in found)
    return Judged(row=row | {"expect": expect, "rules": labels} | fields, verdicts=verdicts)


ROWS = [
    judged("violation", ["pricing"], "pricing"),
    judged("violation", ["tone", "pricing"], "pricing"),
    judged("violation", ["links"], "format", language="pt"),
    judged("violation", ["pii"], draft="<script>alert(1)</script>", note="missed"),
    judged("pass", []),
    judged("pass", [], "tone", language="pt", draft="{{ 7 * 7 }} & more"),
]


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (88, 90, 0.9226, 0.9939)],
)
def test_interval_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    assert Share(count=count, total=total).interval == pytest.approx((low, high), abs=1e-3)


def test_no_rows_tell_nothing() -> None:
    assert Share(count=0, total=0).interval == (0.0, 1.0)
    assert str(Share(count=0, total=0)) == "–"


def test_violation_counts_as_found_by_any_rule_and_as_named_by_one_of_its_own() -> None:
    line = overall(ROWS)
    assert (line.recall.count, line.recall.total) == (3, 4)
    assert (line.named.count, line.named.total) == (2, 4)
    assert (line.alarms.count, line.alarms.total) == (1, 2)


def test_rule_is_named_only_for_itself() -> None:
    lines = {line.group: line for line in by_rule(ROWS)}
    assert (lines["pricing"].named.count, lines["pricing"].named.total) == (2, 2)
    assert (lines["tone"].recall.count, lines["tone"].named.count, lines["tone"].named.total) == (1, 0, 1)
    assert lines["tone"].alarms.count == 1


def test_figures_come_by_rule_language_and_tenant() -> None:
    figures = measure(ROWS)
    assert [line.group for line in figures["by language"]] == ["language es", "language pt"]
    assert "links pt" in {line.group for line in figures["by rule and language"]}
    assert [line.group for line in figures["by tenant"]] == ["tenant t"]


def test_page_shows_every_miss_and_alarm_as_text() -> None:
    page = render_page(ROWS, measure(ROWS), Timing(p50=1.0, p99=2.0), LEGAL_RULES)
    assert "Misses (1)" in page
    assert "False alarms (1)" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "{{ 7 * 7 }} &amp; more" in page
    assert "&lt;b&gt;" in page
    assert "consent v" in page
