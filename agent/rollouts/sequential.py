"""Whether one arm of a trial is worse than the other, looked at again and again while it runs.

Whoever looks often at a running comparison finds a difference sooner or later, though there is none. So the chance of a
false alarm is a sum that is spent look by look (Lan and DeMets, Biometrika 70, 1983): little at first, when only a
disaster should be believed, most of it when the planned sample is there. The critical value of each look follows from
all looks before by the recursion of Armitage, McPherson and Rowe (JRSS A 132, 1969). After the planned sample a reserve
is spent ever more slowly, so that a trial may go on for as long as it likes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np

SPEED = 4.0
"""Exponent of the spending: at half the planned sample a sixteenth has been spent."""
RESERVE = 0.05
"""The part that is kept for looks after the planned sample."""
STEPS = 1601
"""Points of the grid on which the distribution is followed; odd, so that one of them is 0."""
REACH = 8.0
"""How far the grid goes, in standard deviations of the last look."""

DOUBTED = 1.5
"""From this `z` on counts are looked at exactly."""
NEGLIGIBLE, SMALLEST = 1e-9, 1e-300

_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a comparison is looked at. `alpha` is the chance of a false alarm, over all looks there will ever be."""

    alpha: float
    planned: int
    """Exposed subjects after which nearly all of it has been spent."""
    first: int
    """Exposed subjects at the first look …"""
    every: int
    """… and how many more there are at each further one."""

    def spent(self, exposed: int) -> float:
        """Return the chance of a false alarm that looks up to this many exposed subjects may have."""
        share = exposed / self.planned
        if share <= 1:
            return self.alpha * (1 - RESERVE) * math.pow(share, SPEED)
        return self.alpha * (1 - RESERVE / share)

    def next_look(self, looks: Sequence[int]) -> int:
        """Return at how many exposed subjects the next look is due; long after the planned sample, looks are rarer."""
        return looks[-1] + max(self.every, looks[-1] // 20) if looks else self.first


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What was seen of one measure in one arm."""

    n: int
    total: float
    squares: float
    """Sum of the squared values …"""
    cubes: float
    """… and of their third powers."""

    def __add__(self, other: "Sample") -> "Sample":
        """Return both as one."""
        return Sample(
            n=self.n + other.n,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            cubes=self.cubes + other.cubes,
        )

    @property
    def mean(self) -> float:
        """Return the mean; 0 of nothing."""
        return self.total / self.n if self.n else 0.0

    @property
    def is_counted(self) -> bool:
        """Whether every value is 0 or 1."""
        return self.total == self.squares == self.cubes and self.total == round(self.total)

    @property
    def variance(self) -> float:
        """Return the variance of the values; 0 of nothing."""
        return max(self.squares / self.n - self.mean**2, 0.0) if self.n else 0.0

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the values; 0 of nothing."""
        return math.sqrt(self.variance)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How much higher one arm's mean is than the other's, and what it may be in truth."""

    value: float
    low: float
    high: float
    """The interval holds at all looks together, so it may be read at any time."""
    z: float
    """How many standard errors it is beyond what is tolerated."""
    critical: float
    """From this `z` on it is no chance; infinite before the first look."""

    @property
    def is_breach(self) -> bool:
        """Whether it is higher than tolerated, by more than chance explains."""
        return self.z > self.critical


def compare(candidate: Sample, control: Sample, *, tolerance: float, looks: Sequence[int], plan: Plan) -> Difference:
    """Compare the means of two arms at the last of `looks` (exposed subjects at each, ascending).

    Where values are few or skewed, as errors, seconds and money are, a normal distribution finds differences that are
    none: of counts Fisher's exact test must agree, of other values the skewness is taken off (Edgeworth).
    """
    value = candidate.mean - control.mean
    critical = critical_value(tuple(looks), plan)
    if not (candidate.n and control.n):
        return Difference(value=value, low=-math.inf, high=math.inf, z=0.0, critical=critical)
    sizes = 1 / candidate.n + 1 / control.n
    pooled = candidate + control  # as if there were no difference: what a test asks
    error = math.sqrt(pooled.variance * sizes)
    own_error = math.sqrt(_spread(candidate) / candidate.n + _spread(control) / control.n)
    reach = critical * own_error if own_error else (0.0 if math.isfinite(critical) else math.inf)
    z = (value - tolerance) / error if error else 0.0
    if z > DOUBTED:
        is_counted = candidate.is_counted and control.is_counted
        z = min(z, exact_z(candidate, control) if is_counted else _unskewed(z, candidate, control))
    return Difference(value=value, low=value - reach, high=value + reach, z=z, critical=critical)


def _spread(sample: Sample) -> float:
    """Return the variance for an interval: of counts as if one more had been seen of each, for none is no certainty."""
    if not sample.is_counted:
        return sample.variance
    share = (sample.total + 1) / (sample.n + 2)
    return share * (1 - share)


def _unskewed(z: float, candidate: Sample, control: Sample) -> float:
    """Return a `z` less what the skewness of the values adds to it."""
    pooled = candidate + control
    mean, variance = pooled.mean, pooled.variance
    third = pooled.cubes / pooled.n - 3 * mean * pooled.squares / pooled.n + 2 * mean**3
    sizes = 1 / candidate.n + 1 / control.n
    skewness = third * (1 / candidate.n**2 - 1 / control.n**2) / math.pow(variance * sizes, 1.5)
    return z - skewness * (z * z - 1) / 6


def exact_z(candidate: Sample, control: Sample) -> float:
    """Return Fisher's one-sided exact test of two counts, as the `z` of the same chance."""
    subjects, events = candidate.n + control.n, round(candidate.total + control.total)
    seen, most = round(candidate.total), min(candidate.n, events)
    term = math.exp(
        _log_ways(events, seen) + _log_ways(subjects - events, candidate.n - seen) - _log_ways(subjects, candidate.n)
    )
    chance = 0.0
    while seen <= most and term > chance * NEGLIGIBLE:
        chance += term
        ratio = (events - seen) * (candidate.n - seen)
        term *= ratio / ((seen + 1) * (subjects - events - candidate.n + seen + 1)) if ratio else 0.0
        seen += 1
    return -_NORMAL.inv_cdf(min(max(chance, SMALLEST), 1 - NEGLIGIBLE))


def _log_ways(n: int, k: int) -> float:
    """Return the logarithm of the ways to choose `k` of `n`."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@lru_cache(maxsize=4096)
def critical_value(looks: tuple[int, ...], plan: Plan) -> float:
    """Return the `z` that the last look must exceed; infinite before the first look.

    Raises:
        ValueError: the looks are not ascending.
    """
    if not looks:
        return math.inf
    if any(later <= earlier for earlier, later in pairwise(looks)):
        raise ValueError(f"looks must be at ever more subjects, not at {looks}")
    grid, step = np.linspace(-REACH, REACH, STEPS, retstep=True)
    grid, step = grid * math.sqrt(looks[-1]), step * math.sqrt(looks[-1])
    density: np.ndarray | None = None
    spent, seen, bound = 0.0, 0, math.inf
    for look in looks:
        spread = math.sqrt(look - seen)
        kernel = np.exp(-0.5 * (grid / spread) ** 2)
        kernel *= 1 / kernel.sum()
        density = kernel if density is None else np.convolve(density, kernel, mode="same")
        bound = _upper(grid, density, plan.spent(look) - spent, half=float(step) / 2)
        density = np.where(grid > bound, 0.0, density)
        spent, seen = plan.spent(look), look
    return bound / math.sqrt(looks[-1])


def _upper(grid: np.ndarray, density: np.ndarray, chance: float, *, half: float) -> float:
    """Return the point that is exceeded with this chance."""
    tail = np.cumsum(density[::-1])[::-1]  # chance to lie at or above each point, less half a step
    place = int(np.searchsorted(-tail, -chance))
    if place == 0 or place >= len(grid):
        return float(grid[-1])
    above, below = tail[place - 1], tail[place]
    share = (above - chance) / (above - below) if above > below else 0.0
    return float(grid[place - 1] - half + share * (grid[place] - grid[place - 1]))
