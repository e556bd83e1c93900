"""How well the guardrails read labelled drafts: `python -m tests.benchmarks.guardrails [TENANTS ROWS] [--html FILE]`.

Code only. Prints recall of violations, false alarms on passes and how often the broken rule was named, with Wilson
95 % intervals, then by rule, language and tenant; every miss and false alarm; and what all rules take on a draft of 600
characters. The HTML page holds the same. Format of the files: those of `nightshift check`, with `expect` and `rules`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import cycle, islice
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

from agent.audit import AuditedText, audit, objections
from agent.audit_tenants import AuditedTenant, load_tenants
from agent.guardrails import LEGAL_RULES, content_rules
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.types import CONTENT_RULES, Candidate, Tenant, Turn, Verdict
from tests.benchmarks.guardrails_page import render_page

DATA = Path(__file__).parents[2].parent / "shared/data"
DRAFT_CHARS = 600
WARM_UP = 20
TIMED_RUNS = 400
"""Drafts."""
Z_95 = 1.96

Tenants = Mapping[str, AuditedTenant]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A labelled row and what the rules say."""

    row: dict[str, Any]
    verdicts: tuple[Verdict, ...]

    @property
    def is_violation(self) -> bool:
        """What the label says."""
        return bool(self.row["expect"] == "violation")

    @property
    def found(self) -> set[str]:
        """The names of the rules that object."""
        return {verdict.rule for verdict in self.verdicts}

    @property
    def is_wrong(self) -> bool:
        """Whether the verdict differs from the label."""
        return self.is_violation != bool(self.verdicts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A count of a total, with its 95 % interval (Wilson, 1927)."""

    count: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, 19 times out of 20."""
        if not self.total:
            return 0.0, 1.0
        n, p = self.total, self.count / self.total
        centre, spread = p + Z_95**2 / (2 * n), Z_95 * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + Z_95**2 / n)), min(1.0, (centre + spread) / (1 + Z_95**2 / n))

    def __str__(self) -> str:
        """Return such as `88/90 = 97.8 % (92.3–99.4)`."""
        if not self.total:
            return "–"
        low, high = self.interval
        return f"{self.count}/{self.total} = {self.count / self.total:.1%} ({low:.1%}–{high:.1%})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the report: a group of rows."""

    group: str
    recall: Share
    alarms: Share
    named: Share


# --- judging -------------------------------------------------------------------------------------------------


def judge_rows(rows: Iterable[dict[str, Any]], tenants: Tenants, rules: Sequence[Rule]) -> list[Judged]:
    """Return each row with the verdicts that object."""
    return [Judged(row=row, verdicts=objections(audit(_text(row), tenants[row["tenant"]], rules))) for row in rows]


def _text(row: dict[str, Any]) -> AuditedText:
    return AuditedText(text=row["draft"], language=row["language"], channel=row["channel"], inbound=row["inbound"])


# --- figures -------------------------------------------------------------------------------------------------


def overall(judged: Sequence[Judged], group: str = "all") -> Line:
    """Return how often the verdict is right, and how often a violation's rule is named."""
    bad, good = _split(judged)
    return Line(
        group=group,
        recall=_share(bad, lambda each: bool(each.verdicts)),
        alarms=_share(good, lambda each: bool(each.verdicts)),
        named=_share(bad, lambda each: bool(each.found & set(each.row["rules"]))),
    )


def by_rule(judged: Sequence[Judged], suffix: str = "") -> Iterator[Line]:
    """Yield a line per rule: of its violations, how many any rule stopped, and how many it was named for itself."""
    good = _split(judged)[1]
    for rule in CONTENT_RULES:
        own = [each for each in judged if rule in each.row["rules"]]
        yield Line(
            group=f"{rule}{suffix}",
            recall=_share(own, lambda each: bool(each.verdicts)),
            alarms=Share(count=sum(rule in each.found for each in good), total=len(good)),
            named=Share(count=sum(rule in each.found for each in own), total=len(own)),
        )


def by_language(judged: Sequence[Judged]) -> Iterator[Line]:
    """Yield a line per rule and language that has violations of it."""
    for language in sorted({each.row["language"] for each in judged}):
        spoken = [each for each in judged if each.row["language"] == language]
        yield from (line for line in by_rule(spoken, f" {language}") if line.named.total)


def by_field(judged: Sequence[Judged], field: str) -> Iterator[Line]:
    """Yield a line per value of a field of the rows."""
    for value in sorted({each.row[field] for each in judged}):
        yield overall([each for each in judged if each.row[field] == value], f"{field} {value}")


def _split(judged: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    return [each for each in judged if each.is_violation], [each for each in judged if not each.is_violation]


def _share(judged: Sequence[Judged], test: Callable[[Judged], bool]) -> Share:
    return Share(count=sum(map(test, judged)), total=len(judged))


def measure(judged: Sequence[Judged]) -> dict[str, list[Line]]:
    """Return all figures, by heading."""
    return {
        "all": [overall(judged)],
        "by rule": list(by_rule(judged)),
        "by language": list(by_field(judged, "language")),
        "by tenant": list(by_field(judged, "tenant")),
        "by channel": list(by_field(judged, "channel")),
        "by rule and language": list(by_language(judged)),
    }


# --- time ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What all rules take on a draft, in milliseconds: as it is written, and `again` as it is sent."""

    p50: float
    p99: float
    again: float = 0.0
    by_rule: Mapping[str, float] = field(default_factory=dict)
    """The median of each rule; what rules read together counts for the first of them."""


def time_rules(rows: Sequence[dict[str, Any]], tenants: Tenants, rules: Sequence[Rule]) -> Timing:
    """Measure `rules` and those of the law on drafts of 600 characters, each of other rows of one tenant."""
    by_rule: dict[str, list[float]] = {}
    timed = [_timed(rule, by_rule.setdefault(rule.name, [])) for rule in (*LEGAL_RULES, *rules)]
    drafts = list(islice(_long_drafts(rows), WARM_UP + TIMED_RUNS))
    for text, tenant in drafts[:WARM_UP]:
        audit(text, tenants[tenant], rules)  # what is read once per tenant is read now
    first: list[float] = []
    again: list[float] = []
    for text, tenant in drafts[WARM_UP:]:
        first.append(_taken_ms(text, tenants[tenant], timed))
        again.append(_taken_ms(text, tenants[tenant], (*LEGAL_RULES, *rules)))
    first.sort()
    return Timing(
        p50=median(first),
        p99=first[len(first) * 99 // 100],
        again=median(again),
        by_rule={name: median(taken) for name, taken in by_rule.items()},
    )


def _timed(rule: Rule, taken: list[float]) -> Rule:
    def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
        started = time.perf_counter()
        verdict = rule.check(candidate, turn, tenant, now)
        taken.append((time.perf_counter() - started) * 1000)
        return verdict

    return replace(rule, check=check)


def _taken_ms(text: AuditedText, audited: AuditedTenant, rules: Sequence[Rule]) -> float:
    started = time.perf_counter()
    audit(text, audited, rules)
    return (time.perf_counter() - started) * 1000


def _long_drafts(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[AuditedText, str]]:
    """Yield drafts, none twice, and their tenants: rows in a row, then every second one, then every third."""
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault((row["tenant"], row["language"]), []).append(row)
    for step in range(1, 4):
        for (tenant, language), group in alike.items():
            for start, row in enumerate(group):
                text = " ".join(each["draft"] for each in islice(cycle(group), start, start + step * len(group), step))
                cut = (text * (DRAFT_CHARS // max(1, len(text)) + 1))[:DRAFT_CHARS]
                yield AuditedText(text=cut, language=language, channel="whatsapp", inbound=row["inbound"]), tenant


# --- the report ----------------------------------------------------------------------------------------------


def report(judged: Sequence[Judged], timing: Timing, wanted: str = "") -> Iterator[str]:
    """Yield the report's lines; of misses and false alarms only those of the rule `wanted`, if one is."""
    for each in judged:
        concerns = {*each.row["rules"], *each.found}
        if each.is_wrong and (not wanted or wanted in concerns):
            yield describe(each)
    for heading, lines in measure(judged).items():
        yield f"\n{heading}"
        for line in lines:
            yield f"  {line.group:24} recall {line.recall}  false alarms {line.alarms}  rule named {line.named}"
    yield f"\nall rules on {DRAFT_CHARS} characters: {timing.p50:.2f} ms p50, {timing.p99:.2f} ms p99"
    yield f"the same draft again: {timing.again:.2f} ms p50"
    yield f"by rule, ms p50: {', '.join(f'{name} {taken:.2f}' for name, taken in timing.by_rule.items())}"


def describe(each: Judged) -> str:
    """Return one line about a row that was judged wrongly."""
    row = each.row
    if each.is_violation:
        return f"MISS  {row['id']} {','.join(row['rules'])}: {row['draft']!r} ({row['note']})"
    said = "; ".join(f"{v.rule}: {v.reason} {v.evidence!r}" for v in each.verdicts)
    return f"ALARM {row['id']} {said} in {row['draft']!r}"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; write the page if one is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tenants", nargs="?", type=Path, default=DATA / "guardrail-tenants.dev.json")
    parser.add_argument("rows", nargs="?", type=Path, default=DATA / "guardrails.dev.jsonl")
    parser.add_argument("--html", type=Path, help="also write the report as a page")
    parser.add_argument("--rule", default="", choices=["", *CONTENT_RULES], help="list only what concerns this rule")
    given = parser.parse_args(arguments)
    rules = content_rules(LanguageDetector.load().detect)
    tenants = load_tenants(given.tenants, date.today())  # noqa: DTZ011 — only for tenants that state no day
    rows = read_rows(given.rows)
    judged, timing = judge_rows(rows, tenants, rules), time_rules(rows, tenants, rules)
    for line in report(judged, timing, given.rule):
        print(line)  # noqa: T201 — its purpose
    if given.html:
        given.html.write_text(render_page(judged, measure(judged), timing, rules), encoding="utf-8")


if __name__ == "__main__":
    main()
