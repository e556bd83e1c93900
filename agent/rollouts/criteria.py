"""What a rollout is judged by: fixed before it starts, measured on both arms, the same for every tenant.

Every measure is a number from 0 to 1 for each conversation, and higher is worse. What is no share by nature (seconds,
money) is divided by a cap that is fixed at the start, too, and cut off there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agent.rollouts.sequential import Difference, Plan, Sample, compare

Measure = Literal["errors", "latency", "cost", "escalation", "disapproval", "complaints", "no_conversion"]
"""Of a conversation: a turn failed; mean seconds and cost of a turn; a person was asked for; staff rejected a draft;
the prospect complained or asked us to stop; nothing was booked or won."""
MEASURES: tuple[Measure, ...] = get_args(Measure)
CAPPED: frozenset[Measure] = frozenset({"latency", "cost"})
"""Measures that are no share by nature."""

ALPHA = 0.04
"""Chance that a version as good as the current one is rolled back, over all criteria and looks together."""
PLANNED, FIRST, EVERY = 975, 20, 20
"""Exposed conversations: when nearly all of that chance has been spent, at the first look, between two looks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """A measure, and how much worse (0 to 1) the candidate's mean may truly be."""

    measure: Measure
    tolerance: float = 0.0
    cap: float = 1.0
    """Seconds, or micro-dollars, that count as 1; always 1 for shares."""

    def __post_init__(self) -> None:
        """Refuse what could never be met, or never be missed."""
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure {self.measure!r}; there are {', '.join(MEASURES)}")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"{self.measure}: the tolerance must be from 0 to below 1, not {self.tolerance:g}")
        if self.cap <= 0 or (self.measure not in CAPPED and self.cap != 1):
            raise ValueError(f"{self.measure}: {self.cap:g} is no cap for it")


Arms = Mapping[Measure, tuple[Sample, Sample]]
"""What was seen of each measure: in the conversations that have the candidate, and in the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is known of one criterion."""

    criterion: Criterion
    candidate: Sample
    control: Sample
    difference: Difference


def plan_of(criteria: Sequence[Criterion]) -> Plan:
    """Return how each of these criteria is looked at: they share the chance of a false alarm (Bonferroni)."""
    return Plan(alpha=ALPHA / len(criteria), planned=PLANNED, first=FIRST, every=EVERY)


def judge(criteria: Sequence[Criterion], arms: Arms, looks: Sequence[int]) -> tuple[Finding, ...]:
    """Return what is known of each criterion at the last of `looks` (exposed conversations at each)."""
    plan = plan_of(criteria)
    findings = []
    for criterion in criteria:
        candidate, control = arms[criterion.measure]
        difference = compare(candidate, control, tolerance=criterion.tolerance, looks=looks, plan=plan)
        findings.append(Finding(criterion=criterion, candidate=candidate, control=control, difference=difference))
    return tuple(findings)


def breaches(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the criteria that the candidate has failed, the clearest first."""
    failed = [each for each in findings if each.difference.is_breach]
    return tuple(sorted(failed, key=lambda each: each.difference.critical - each.difference.z))
