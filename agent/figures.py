"""Figures read: shares, percentiles and sums of what `agent.store.figures` has counted. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.store.figures import CLASS_BASE, Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Percentiles:
    """How long something took, in seconds, right within 10 %. `count`: of how many times it is made."""

    p50_s: float
    p95_s: float
    p99_s: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of a whole."""

    part: int
    whole: int

    @property
    def percent(self) -> int | None:
        """In full percent; None: there is no whole."""
        return round(100 * self.part / self.whole) if self.whole else None


def add_up(parts: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    total: Counter[str] = Counter()
    for each in parts:
        total.update(each)
    return total


def group(figures: Figures, name: str) -> dict[str, int]:
    """Return the figures of a group by their labels, the largest first: `cause.price` of `cause` as `price`."""
    found = {key.partition(".")[2]: value for key, value in figures.items() if key.partition(".")[0] == name}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def percentiles(figures: Figures, step: str) -> Percentiles | None:
    """Return how long a step took; None: it was never timed."""
    classes = {int(label): count for label, count in group(figures, step).items()}
    if not classes:
        return None
    p50, p95, p99 = (_percentile(classes, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(p50_s=p50, p95_s=p95, p99_s=p99, count=sum(classes.values()))


def _percentile(classes: Mapping[int, int], share: float) -> float:
    """Return the middle of the class in which the given share of all times is reached, in seconds."""
    wanted, reached = share * sum(classes.values()), 0
    for number in sorted(classes):
        reached += classes[number]
        if reached >= wanted:
            break
    return float(CLASS_BASE ** (number + 0.5)) / 1000


def automation(figures: Figures) -> Share:
    """Return how many of the turns that wanted an answer the agent has answered by itself."""
    sent = figures.get("turn.send", 0)
    return Share(part=sent, whole=sent + figures.get("turn.escalate", 0) + figures.get("turn.failed", 0))


def approval(figures: Figures) -> Share:
    """Return how many of the drafts that staff have judged left as they were."""
    return Share(part=figures.get("review.approved", 0), whole=sum(group(figures, "review").values()))


def editing(figures: Figures) -> Share:
    """Return how many of the drafts that staff have judged left changed."""
    return Share(part=figures.get("review.edited", 0), whole=sum(group(figures, "review").values()))
