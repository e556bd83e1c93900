"""Reads what a text says to be free, on offer, taxed on top, or tells as a riddle (P5). Patterns: `offers.toml`."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any

from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.required_words import Lookup, Starts, needs_of

_WORDS = load_expressions("pricing_words")

_READ: Mapping[str, Any] = tomllib.loads(files("agent.guardrails").joinpath("offers.toml").read_text("utf-8"))


class Offers:
    """What a text says, by kind of offer. A pattern is only tried on texts that have the words it cannot do without."""

    def __init__(self, plain: str, starts: Starts) -> None:
        self._found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for place in _LOOKUP.places(starts):
            kind, name, pattern = _PATTERNS[place]
            self._found[kind, name] += [match.span() for match in pattern.finditer(plain)]

    def free(self) -> Iterator[tuple[int, int]]:
        """Yield where the text says that something costs nothing."""
        other = self._found["not_free", ""]
        for span in _joined(self._found["free", ""]):
            if not any(start <= span[0] < end for start, end in other):
                yield span

    def taxes(self) -> Iterator[tuple[int, int, str]]:
        """Yield where the text says that tax comes on top ("added"), or is included ("included")."""
        added = _joined(self._found["tax", ""])
        yield from ((start, end, "added") for start, end in added)
        for start, end in _joined(self._found["tax_included", ""]):
            if not any(start < other_end and other < end for other, other_end in added):
                yield start, end, "included"

    def deals(self) -> Iterator[tuple[int, int, str]]:
        """Yield where the text offers a deal that names no amount, and which kind it is."""
        for (kind, name), spans in self._found.items():
            if kind == "deals":
                yield from ((start, end, name) for start, end in _joined(spans))


def _patterns() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Yield all patterns with their kind and, of a deal, its name; what is free begins and ends with a word."""
    for kind in ("free", "not_free", "tax", "tax_included"):
        for line in filter(None, _READ[kind].splitlines()):
            yield kind, "", compiled_on_use(rf"\b(?:{line})\b" if kind == "free" else line)
    for name, lines in _READ["deals"].items():
        yield from (("deals", name, compiled_on_use(line)) for line in lines.splitlines() if line)


_PATTERNS = tuple(_patterns())
_LOOKUP = Lookup(lambda: (needs_of(pattern.pattern) for _, _, pattern in _PATTERNS))
_HALF = _WORDS["half"]
_HALF_WORDS = frozenset(["half", "mita", "meta", "medi", "meia", "meio"])
_PART_WORDS = frozenset(["terc", "thir", "cuar", "quar", "quin", "fift", "deci", "tent"])
_PART = {
    "ter": Decimal(100) / 3, "thi": Decimal(100) / 3, "cua": Decimal(25), "qua": Decimal(25), "qui": Decimal(20),
    "fif": Decimal(20), "dec": Decimal(10), "ten": Decimal(10),
}  # fmt: skip
_FRACTION = _WORDS["fraction"]


def read_fractions(plain: str, starts: Starts) -> Iterator[tuple[int, int, Decimal]]:
    """Yield "half price" and "a third off" with their percentage."""
    if not _HALF_WORDS.isdisjoint(starts):
        yield from ((*match.span(), Decimal(50)) for match in _HALF.finditer(plain))
    if not _PART_WORDS.isdisjoint(starts):
        yield from ((*match.span(), _PART[(match[1] or match[2])[:3]]) for match in _FRACTION.finditer(plain))


def _joined(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the places in order; of those that overlap, the first, and of those the longest."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda each: (each[0], -each[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept
