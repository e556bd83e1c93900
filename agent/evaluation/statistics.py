"""How sure a figure is: bootstrap intervals, paired differences, McNemar's test, Cohen's kappa, F1. Pure.

Everything that is drawn is drawn from a fixed seed: the same results give the same report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
import numpy.typing as npt

DRAWS = 2_000
SEED = 20_261_122
Z_95 = 1.96
WORSE_BELOW = 99.5
"""Percentile of a difference's distribution that must lie below zero before it counts as a drop: one in 200 by luck."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A figure of `n` cases and between which values the true one lies, 19 times out of 20."""

    value: float
    low: float
    high: float
    n: int


NOTHING = Share(value=0.0, low=0.0, high=1.0, n=0)
"""A figure of no cases."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What changed from one version to another on the same `n` cases, with its interval."""

    value: float
    low: float
    high: float
    n: int
    is_worse: bool
    """Whether it is lower by more than luck explains."""


def mean(values: Sequence[float]) -> Share:
    """Return the mean of values with its bootstrap interval; Wilson's (1927) where all are 0, or all 1.

    Drawn anew from values that are all alike, the mean never varies: the bootstrap would claim to know it exactly.
    """
    if not values:
        return NOTHING
    known = np.asarray(values, dtype=np.float64)
    if set(known.tolist()) <= {0.0} or set(known.tolist()) <= {1.0}:
        low, high = wilson(int(known.sum()), len(known))
        value = float(known[0])
        return Share(value=value, low=min(low, value), high=max(high, value), n=len(known))
    return _share(float(known.mean()), known[_draw(len(known))].mean(axis=1), len(known))


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of `count` out of `total`."""
    p, n = count / total, total
    centre, spread = p + Z_95**2 / (2 * n), Z_95 * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + Z_95**2 / n)), min(1.0, (centre + spread) / (1 + Z_95**2 / n))


def macro_f1(expected: Sequence[str], got: Sequence[str]) -> Share:
    """Return F1 averaged over the labels that occur in `expected`, with its bootstrap interval.

    Where all are right it is that of the accuracy, which is the same then.
    """
    if not expected:
        return NOTHING
    if list(expected) == list(got):
        return mean([1.0] * len(expected))
    score = _f1_of(expected, got)
    places = _draw(len(expected))
    return _share(score(np.arange(len(expected))), _each(score, places), len(expected))


def difference(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Return how the mean changed on the same cases (paired bootstrap)."""
    gained = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    if not len(gained):
        return Difference(value=0.0, low=0.0, high=0.0, n=0, is_worse=False)
    return _difference(float(gained.mean()), gained[_draw(len(gained))].mean(axis=1), len(gained))


def macro_f1_difference(expected: Sequence[str], before: Sequence[str], after: Sequence[str]) -> Difference:
    """Return how macro-F1 changed on the same cases (paired bootstrap)."""
    if not expected:
        return Difference(value=0.0, low=0.0, high=0.0, n=0, is_worse=False)
    old, new = _f1_of(expected, before), _f1_of(expected, after)
    places, everything = _draw(len(expected)), np.arange(len(expected))
    return _difference(new(everything) - old(everything), _each(new, places) - _each(old, places), len(expected))


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> float:
    """Return how likely it is that as many cases or more changed sides so one-sidedly by luck (exact, two-sided)."""
    lost = sum(old and not new for old, new in zip(before, after, strict=True))
    won = sum(new and not old for old, new in zip(before, after, strict=True))
    changed = lost + won
    tail = sum(comb(changed, k) for k in range(min(lost, won) + 1))
    return min(1.0, float(2 * tail / 2**changed))


def kappa(one: Sequence[bool], other: Sequence[bool]) -> Share:
    """Return Cohen's kappa of two judges over the same cases: 0 is agreement by luck, 1 is perfect."""
    if not one:
        return NOTHING
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    places = np.vstack([np.arange(len(a))[None, :], _draw(len(a))])
    drawn_a, drawn_b = a[places], b[places]
    agreed = np.equal(drawn_a, drawn_b).mean(axis=1)
    mean_a, mean_b = drawn_a.mean(axis=1), drawn_b.mean(axis=1)
    by_luck = mean_a * mean_b + (1 - mean_a) * (1 - mean_b)
    certain = by_luck >= 1.0 - 1e-12
    values = np.where(certain, agreed, (agreed - by_luck) / np.where(certain, 1.0, 1 - by_luck))
    return _share(float(values[0]), values[1:], len(a))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile; 0 of nothing."""
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent)) if values else 0.0


def _f1_of(expected: Sequence[str], got: Sequence[str]) -> Callable[[Places], float]:
    """Return the function from places (cases, some perhaps several times) to macro-F1 over them."""
    labels = sorted({*expected, *got})
    size = len(labels)
    codes = {label: place for place, label in enumerate(labels)}
    pairs = np.array([codes[e] * size + codes[g] for e, g in zip(expected, got, strict=True)], dtype=np.int64)

    def score(places: Places) -> float:
        table = np.bincount(pairs[places], minlength=size * size).reshape(size, size)
        labelled, named, hits = table.sum(axis=1), table.sum(axis=0), table.diagonal()
        occurs = labelled > 0
        return float((2 * hits[occurs] / (labelled + named)[occurs]).mean())

    return score


def _each(score: Callable[[Places], float], places: Places) -> Floats:
    return np.array([score(row) for row in places])


def _draw(n: int) -> Places:
    return np.random.default_rng(SEED).integers(0, n, size=(DRAWS, n))


def _share(value: float, drawn: Floats, n: int) -> Share:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Share(value=value, low=float(low), high=float(high), n=n)


def _difference(value: float, drawn: Floats, n: int) -> Difference:
    low, high, surely = np.percentile(drawn, [2.5, 97.5, WORSE_BELOW])
    return Difference(value=value, low=float(low), high=float(high), n=n, is_worse=bool(surely < 0))
