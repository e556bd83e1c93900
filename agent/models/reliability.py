"""How far a confidence can be believed: expected calibration error and reliability plot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """The messages whose confidence lies between two bounds: how sure we were, and how often right."""

    low: float
    messages: int
    confidence: float
    right: float


def reliability(confidences: Sequence[float], hits: Sequence[bool]) -> tuple[Bin, ...]:
    """Return the bins of equal width that are not empty."""
    sure, right = np.array(confidences, dtype=np.float64), np.array(hits, dtype=np.float64)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            low=place / BINS,
            messages=int((places == place).sum()),
            confidence=float(sure[places == place].mean()),
            right=float(right[places == place].mean()),
        )
        for place in sorted({int(place) for place in places})
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the gap between confidence and truth, over all messages."""
    total = sum(each.messages for each in bins)
    return sum(each.messages * abs(each.right - each.confidence) for each in bins) / total if total else 0.0


def reliability_plot(bins: Sequence[Bin]) -> tuple[str, ...]:
    """Return the reliability plot as lines of text: bars for how often right, `|` where confidence says."""
    return tuple(
        f"{each.low:.1f}-{each.low + 1 / BINS:.1f} {each.messages:5} messages  sure {each.confidence:.3f}  "
        f"right {each.right:.3f}  {_bar(each)}"
        for each in bins
    )


def _bar(each: Bin, width: int = 40) -> str:
    cells = ["█" if place < round(each.right * width) else "·" for place in range(width)]
    cells[min(math.floor(each.confidence * width), width - 1)] = "|"
    return "".join(cells)
