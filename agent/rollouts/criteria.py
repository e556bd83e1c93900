"""What a rollout is judged by: fixed before it starts, measured on both arms, the same for every tenant.

Every measure is a number from 0 to 1 for each conversation, and higher is worse. What is no share by nature (seconds,
money) is divided by a cap that is fixed at the start, too, and cut off there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, get_args

from agent.rollouts.sequential import Difference, Plan, Sample, compare

Measure = Literal["errors", "latency", "cost", "escalation", "disapproval", "complaints", "no_conversion"]
"""Of a conversation: a turn failed; mean seconds and cost of a turn; a person was asked for; staff rejected a draft;
the prospect complained or asked us to stop; nothing was booked or won."""
MEASURES: tuple[Measure, ...] = get_args(Measure)
CAPPED: frozenset[Measure] = frozenset({"latency", "cost"})
"""Measures that are no share by nature."""

_NORMAL = NormalDist()

ALPHA = 0.04
"""Chance that a version as good as the current one is rolled back, over all criteria and looks together."""
SCHEDULE = Plan(alpha=ALPHA, planned=975, first=20, every=20)
"""When a rollout is looked at, by exposed conversations, whatever its criteria."""

WORSE = 0.05
"""How much worse a version is that should be found before the planned sample is there."""
EQUAL = 0.1
"""The part of the chance of a false alarm that is shared equally, so that a history that misleads costs little."""
KNOWN_FROM = 200
"""Conversations from which on it is known how a measure varies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """A measure, and how much worse (0 to 1) the candidate's mean may truly be."""

    measure: Measure
    tolerance: float = 0.0
    cap: float = 1.0
    """Seconds, or micro-dollars, that count as 1; always 1 for shares."""
    alpha: float | None = None
    """Its part of the chance of a false alarm; None: as much as the others have."""

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


def share_alpha(criteria: Sequence[Criterion], usual: Mapping[Measure, Sample]) -> tuple[Criterion, ...]:
    """Give each criterion its part of the chance of a false alarm (Bonferroni), by what is usual before the start.

    All shall find a version that is `WORSE` equally well. Of what hardly varies, as errors do, a small part is enough;
    what varies widely, as hand-overs do where half of the conversations are handed over, needs most of it. The parts
    are equal where too little is known.
    """
    if any(usual[each.measure].n < KNOWN_FROM for each in criteria):
        return tuple(replace(each, alpha=None) for each in criteria)
    reach = [WORSE * math.sqrt(SCHEDULE.planned) / max(usual[each.measure].deviation, WORSE) for each in criteria]
    needed = _equal_chances(reach, ALPHA * (1 - EQUAL))
    equal = ALPHA * EQUAL / len(criteria)
    return tuple(replace(each, alpha=equal + need) for each, need in zip(criteria, needed, strict=True))


def _equal_chances(reach: Sequence[float], total: float) -> list[float]:
    """Split a chance of false alarms so that differences of so many standard errors are all found equally often."""
    low, high = -10.0, max(reach)
    for _ in range(60):
        middle = (low + high) / 2
        if sum(_NORMAL.cdf(middle - each) for each in reach) < total:
            low = middle
        else:
            high = middle
    return [_NORMAL.cdf(low - each) for each in reach]


def plan_of(criterion: Criterion, among: Sequence[Criterion]) -> Plan:
    """Return how one of the criteria of a rollout is looked at."""
    return replace(SCHEDULE, alpha=ALPHA / len(among) if criterion.alpha is None else criterion.alpha)


def judge(criteria: Sequence[Criterion], arms: Arms, looks: Sequence[int]) -> tuple[Finding, ...]:
    """Return what is known of each criterion at the last of `looks` (exposed conversations at each)."""
    findings = []
    for criterion in criteria:
        candidate, control = arms[criterion.measure]
        plan = plan_of(criterion, criteria)
        difference = compare(candidate, control, tolerance=criterion.tolerance, looks=looks, plan=plan)
        findings.append(Finding(criterion=criterion, candidate=candidate, control=control, difference=difference))
    return tuple(findings)


def breaches(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the criteria that the candidate has failed, the clearest first."""
    failed = [each for each in findings if each.difference.is_breach]
    return tuple(sorted(failed, key=lambda each: each.difference.critical - each.difference.z))
