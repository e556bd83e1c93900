"""Reads what a text says to be free, on offer, taxed on top, or tells as a riddle (P5). Patterns: `offers.toml`."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any

from agent.guardrails.required_words import Lookup, Starts, needs_of

_READ: Mapping[str, Any] = tomllib.loads(files("agent.guardrails").joinpath("offers.toml").read_text("utf-8"))


class _Lines:
    """Patterns, one a line. A line is only tried on texts that have the words it cannot do without."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line]
        self._patterns = tuple(re.compile(line) for line in lines)
        self._lookup = Lookup(needs_of(line) for line in lines)

    def find(self, plain: str, starts: Starts) -> Iterator[tuple[int, int]]:
        """Yield where any line matches; `starts` is how the words of `plain` begin."""
        for place in self._lookup.places(starts):
            yield from (match.span() for match in self._patterns[place].finditer(plain))


def _whole_words(text: str) -> _Lines:
    """Return patterns of which each begins and ends with a word."""
    return _Lines("\n".join(rf"\b(?:{line})\b" for line in text.splitlines() if line))


_FREE = _whole_words(_READ["free"])
_NOT_FREE = _Lines(_READ["not_free"])
_TAX = _Lines(_READ["tax"])
_TAX_INCLUDED = _Lines(_READ["tax_included"])
_TAX_WORDS = frozenset(["iva", "vat", "tax", "impu", "impo", "gst", "igv", "itbi", "iss", "icms"])
_DEALS = {name: _Lines(lines) for name, lines in _READ["deals"].items()}
_HALF = re.compile(
    r"(?<!\w)(?:half(?:[- ](?:the |of the )?(?:price|off|cost|rate|fee))|(?:a |la |por la "
    r"|a la )?mitad del? (?:precio|costo|coste|valor)|a mitad\b"
    r"|por la mitad|pela metade|(?:a |na |por )?metade do (?:preco|valor)|media tarifa|meia tarifa|medio precio"
    r"|meio preco"
    r"|(?:la mitad|a metade) menos|pag\w{1,4} (?:solo |so |apenas )?(?:la mitad|a metade|metade|mitad)|pays? (?:only "
    r"|just )?half\b)"
)
_HALF_WORDS = frozenset(["half", "mita", "meta", "medi", "meia", "meio"])
_PART_WORDS = frozenset(["terc", "thir", "cuar", "quar", "quin", "fift", "deci", "tent"])
_PART = {
    "ter": Decimal(100) / 3, "thi": Decimal(100) / 3, "cua": Decimal(25), "qua": Decimal(25), "qui": Decimal(20),
    "fif": Decimal(20), "dec": Decimal(10), "ten": Decimal(10),
}  # fmt: skip
_FRACTION = re.compile(
    r"\b(?:an?|un[ao]?|uma?|one|1|la|a) ?(tercio|terco|third|cuarto|quarto|quarter|quinto|quinta|fifth|decimo|decima"
    r"|tenth|tercera"
    r"|terceira|cuarta|quarta)(?: parte)? (?=(?:[a-z]{1,8} ){0,3}(?:off|menos|less|cheaper|descuent|descont|discount"
    r"|rebaj"
    r"|mas barat|mais barat|del precio|do preco|of the price))"
)


def read_free(plain: str, starts: Starts) -> Iterator[tuple[int, int]]:
    """Yield where a text says that something costs nothing; `starts` is how its words begin (`required_words.starts_in`)."""
    found = _joined(_FREE.find(plain, starts))
    other = list(_NOT_FREE.find(plain, starts)) if found and "free" in plain else []
    yield from (each for each in found if not any(start <= each[0] < end for start, end in other))


def read_taxes(plain: str, starts: Starts) -> Iterator[tuple[int, int, str]]:
    """Yield where a text says that tax comes on top, or is included, and which of both."""
    if _TAX_WORDS.isdisjoint(starts):
        return
    added = _joined(_TAX.find(plain, starts))
    yield from ((start, end, "added") for start, end in added)
    for start, end in _joined(_TAX_INCLUDED.find(plain, starts)):
        if not any(start < other_end and other < end for other, other_end in added):
            yield start, end, "included"


def read_deals(plain: str, starts: Starts) -> Iterator[tuple[int, int, str]]:
    """Yield where a text offers a deal that names no amount, and which kind it is."""
    for name, lines in _DEALS.items():
        yield from ((start, end, name) for start, end in _joined(lines.find(plain, starts)))


def read_fractions(plain: str, starts: Starts) -> Iterator[tuple[int, int, Decimal]]:
    """Yield "half price" and "a third off" with their percentage."""
    if not _HALF_WORDS.isdisjoint(starts):
        yield from ((*match.span(), Decimal(50)) for match in _HALF.finditer(plain))
    if not _PART_WORDS.isdisjoint(starts):
        yield from ((*match.span(), _PART[match[1][:3]]) for match in _FRACTION.finditer(plain))


def _joined(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the places in order; of those that overlap, the first, and of those the longest."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda each: (each[0], -each[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept
