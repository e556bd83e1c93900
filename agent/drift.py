"""Whether messages, and how they are understood, are still spread as they were: the population stability index. Pure.

PSI is the sum over all classes of (p - q) ln(p / q), p being a class's share now and q before. Two samples of one and
the same population do not have 0 but about (k - 1)(1/n + 1/m), so that much is taken off: a small week is not drift.
The limits are those in use for scorecards: 0.1 wants a look, 0.25 is another population.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Literal, get_args

Feature = Literal["language", "intent", "confidence", "length"]
FEATURES: tuple[Feature, ...] = get_args(Feature)
Level = Literal["steady", "shifting", "drifted"]
Counts = Mapping[str, int]
"""How many there are of each class."""

SHIFTING, DRIFTED = 0.1, 0.25
LEAST_BEFORE, LEAST_NOW = 300, 100
"""Fewer say nothing."""
LENGTHS = (0, 10, 25, 50, 100, 250, 500, 1000)
"""A message's class of length: the first of these characters that it does not exceed; longer ones are `more`."""
_PRIOR = 0.5
"""Added to every class: one that was never seen is not impossible (Jeffreys)."""
TOLD = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A class whose share has changed, in percent."""

    label: str
    before: float
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How far a feature is from its baseline, and the classes that moved most."""

    psi: float
    level: Level
    moved: tuple[Moved, ...]


def compare(before: Counts, now: Counts) -> Drift | None:
    """Return how far `now` is from `before`; None: one of them is too small to say."""
    n, m = sum(before.values()), sum(now.values())
    if n < LEAST_BEFORE or m < LEAST_NOW:
        return None
    terms = sorted(_terms(before, now), key=lambda each: (-each[0], each[1].label))
    chance = (len(terms) - 1) * (1 / n + 1 / m)
    psi = max(0.0, sum(term for term, _ in terms) - chance)
    moved = tuple(moved for _, moved in terms[:TOLD])
    return Drift(psi=psi, level=level_of(psi), moved=moved if psi >= SHIFTING else ())


def level_of(psi: float) -> Level:
    """Return what an index means."""
    return "drifted" if psi >= DRIFTED else "shifting" if psi >= SHIFTING else "steady"


def _terms(before: Counts, now: Counts) -> Iterator[tuple[float, Moved]]:
    labels = sorted({*before, *now})
    n = sum(before.values()) + _PRIOR * len(labels)
    m = sum(now.values()) + _PRIOR * len(labels)
    for label in labels:
        p, q = (now.get(label, 0) + _PRIOR) / m, (before.get(label, 0) + _PRIOR) / n
        yield (p - q) * log(p / q), Moved(label=label, before=round(100 * q, 1), now=round(100 * p, 1))
