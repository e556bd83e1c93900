"""Reads what a text says to be free, on offer, taxed on top, or tells as a riddle (P5). Patterns: `offers.toml`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any

_READ: Mapping[str, Any] = tomllib.loads(files("agent.guardrails").joinpath("offers.toml").read_text("utf-8"))


def _any_line(text: str, *, words: bool = False) -> re.Pattern[str]:
    """Return one pattern of a text with a pattern a line; `words`: each ends with a whole word, too.

    Lines that begin a word are tried where a word begins only: much faster than everywhere.
    """
    lines = [line for line in text.splitlines() if line]
    at_words = "|".join(line.removeprefix(r"\b") for line in lines if words or line.startswith(r"\b"))
    anywhere = "|".join(line for line in lines if not words and not line.startswith(r"\b"))
    return re.compile(
        "|".join(each for each in (rf"(?<!\w)(?:{at_words})" if at_words else "", anywhere) if each)
        + (r"(?!\w)" if words else "")
    )


_FREE = _any_line(_READ["free"], words=True)
_NOT_FREE = _any_line(_READ["not_free"])
_TAX = _any_line(_READ["tax"])
_TAX_WORD = re.compile(r"(?:iva|vat|tax|impuesto|imposto|gst|igv|itbis|iss|icms)")
_DEALS = {name: _any_line(lines) for name, lines in _READ["deals"].items()}
_HALF = re.compile(
    r"(?<!\w)(?:half(?:[- ](?:the |of the )?(?:price|off|cost|rate|fee))|(?:a |la |por la "
    r"|a la )?mitad del? (?:precio|costo|coste|valor)|a mitad\b"
    r"|por la mitad|pela metade|(?:a |na |por )?metade do (?:preco|valor)|media tarifa|meia tarifa|medio precio"
    r"|meio preco"
    r"|(?:la mitad|a metade) menos|pag\w{1,4} (?:solo |so |apenas )?(?:la mitad|a metade|metade|mitad)|pays? (?:only "
    r"|just )?half\b)"
)
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


def read_free(plain: str) -> Iterator[tuple[int, int]]:
    """Yield where a text says that something costs nothing."""
    other = [match.span() for match in _NOT_FREE.finditer(plain)] if "free" in plain else []
    for match in _FREE.finditer(plain):
        if not any(start <= match.start() < end for start, end in other):
            yield match.span()


def read_taxes(plain: str) -> Iterator[tuple[int, int]]:
    """Yield where a text says that tax comes on top."""
    if _TAX_WORD.search(plain):
        yield from (match.span() for match in _TAX.finditer(plain))


def read_deals(plain: str) -> Iterator[tuple[int, int, str]]:
    """Yield where a text offers a deal that names no amount, and which kind it is."""
    for name, pattern in _DEALS.items():
        for match in pattern.finditer(plain):
            yield match.start(), match.end(), name


def read_fractions(plain: str) -> Iterator[tuple[int, int, Decimal]]:
    """Yield "half price" and "a third off" with their percentage."""
    for match in _HALF.finditer(plain):
        yield match.start(), match.end(), Decimal(50)
    for match in _FRACTION.finditer(plain):
        yield match.start(), match.end(), _PART[match[1][:3]]
