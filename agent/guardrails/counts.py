"""How many people, sessions, seats, months or instalments a text speaks of: what a total may be of (P5)."""

import re
from collections.abc import Iterator
from decimal import Decimal

from agent.guardrails.currencies import PRICED, SIGNS
from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.mentions import MONTH_NAMES
from agent.guardrails.required_words import Lookup, Starts
from agent.guardrails.unit_cues import unit_class

_WORDS = load_expressions("pricing_words")

MAX_COUNT = 50_000
MAX_COUNTS = 12
"""More different numbers than this are not tried."""

_NUMBER = compiled_on_use(
    rf"\d(?<![\w.,{SIGNS}].)(?<![{SIGNS}] .)\d{{0,3}}(?:,\d{{3}})?(?![\w%])(?![.,]\d)(?! ?%)(?!{PRICED})"
)
_DOES_NOT_MULTIPLY = compiled_on_use(
    r"[ -](?:(?:primer[oa]s|primeir[oa]s|first|full|horas de|hours of) )?(?P<noun>semanas?|weeks?|horas?|hours?"
    r"|minutos?|minutes?|mins?|dias?|days?|anos?"
    r"|years?|modulos?|modules?|niveles|levels?|noches?|nights?|noites?|paneles|panels?|paineis|kw|por ciento"
    r"|por cento|percent|puertas|doors"
    r"|habitaciones|rooms|quartos|cuotas|parcelas|plazos|instal\w*|payments|mensualidades|pagos|x\b|countries|paises"
    r"|miles|millas|usd|eur)"
)
_MEASURED = re.compile(
    r"(?<![\w.,])(?<!\bas )(?<!\bdas )(?<!\blas )(?<!\bat )(?<!\bate )(?<!\bfrom )(?<!\btill )(?<!\bby )(\d{1,4}) ?"
    r"(?:(?P<kilometre>kms?|[kq]uilometros?|kilomet(?:er|re)s?)|(?P<mile>milhas?|millas?|miles?)|(?P<hour>h|hs|hrs?))\b"
)
_ADJUNCT = re.compile(r" (?:day|hour|week|night|month) [a-z]{3,12}(?:es|s)\b(?<!ss)")
"""English: "five day passes" are five."""
_AT_MOST = re.compile(r"\b(?:maximo|maxima|max|at most|up to|hasta|ate|no maximo|limite)(?: de| of)? $")
_NUMBER_BEFORE_X = re.compile(
    r"(\d(?<![\w.,].)\d{0,2})(?: ?[x×]|(?=[ -](?:\w+ )?(?:cuotas|parcelas|plazos|instal|payments"
    r"|mensualidades|pagos|meses|months)))"
)
_UNEVEN_PARTS = re.compile(r"\b(\d{1,2}) ?[x×][^+\n]{1,25}\+ ?1 ?[x×]")  # as `agent.prices` renders instalments
_ONE_MORE = _WORDS["one_more"]
_KIN = _WORDS["kin"]
_PAIR = re.compile(
    r"\b(?:ambos|ambas|both|pareja|casal|couple|los dos|as duas|os dois|las dos"
    r"|(?:los|las|os|as) 2(?![\d.,:]|h\b)|two of (?:us|you)|a dois|each of you"
    r"|cada uno|both of)\b"
)
_BOTH_WAYS = re.compile(r"\b(?:ida (?:y vuelta|e volta)|round[- ]?trips?|both ways|there and back)\b")
_YEAR = re.compile(r"\b(?:ano|anual\w*|anualidad|anuidade|year|yearly|annual\w*|12 months|12 meses)\b")
_HALF_YEAR = re.compile(r"\b(?:semestre|semestral\w*|medio ano|meio ano|half a year|half-year\w*)\b")
_QUARTER = re.compile(r"\b(?:trimestre|trimestral\w*|quarter(?:ly)?)\b")


_NO_PIECES = compiled_on_use(
    rf"\b\d{{1,2}}(?:st|nd|rd|th|o)?(?: de| of)? (?:{MONTH_NAMES})\b|\b(?:{MONTH_NAMES}) (?:the )?\d{{1,2}}\b"
    rf"|{_WORDS['no_pieces'].pattern}"
)
"""Numbers that say when, how long or how old."""
_BOTH_ITEMS = _WORDS["both_items"]
"""Where two items are named, it may mean them, and two of neither."""
_MONTHS_OF = frozenset({12, 6, 3})
"""What a year, half a year or a quarter are told as."""


_TELLS_KIN = Lookup.of_alternatives(_KIN.pattern)
_TOLD_NUMBERS = tuple(
    (number, pattern, Lookup.of_alternatives(pattern.pattern))
    for number, pattern in ((2, _PAIR), (2, _BOTH_WAYS), (12, _YEAR), (6, _HALF_YEAR), (3, _QUARTER))
)


def counts_in(plain: str, starts: Starts, units: frozenset[str] = frozenset()) -> frozenset[int]:
    """Return the numbers of a plain text (see `plain_text`) that a price may be multiplied by, the ones implied too.

    `starts` is how its words begin. Nights, days, weeks and hours count where prices are published by them: `units`.
    """
    return frozenset(number for number in (*_counted(plain, units), *_told(plain, starts)) if 1 <= number <= MAX_COUNT)


def bought_in(plain: str, starts: Starts, units: frozenset[str], *, several_items: bool) -> frozenset[int]:
    """Return how many people or pieces a plain text speaks of, as the condition of a discount counts them.

    Dates, clock times, ages and months are none of them; nor, where `several_items` are named, is "both of them".
    """
    for pattern in (_NO_PIECES, _BOTH_ITEMS) if several_items else (_NO_PIECES,):
        plain = pattern.sub(" ", plain)
    told = (number for number in _told(plain, starts) if number not in _MONTHS_OF)
    return frozenset(number for number in (*_counted(plain, units), *told) if 1 <= number <= MAX_COUNT)


def measures_in(folded: str, units: frozenset[str]) -> frozenset[int]:
    """Return the kilometres, miles or hours ("4h") of a folded text, of those that prices are published by: `units`."""
    if units.isdisjoint(_MEASURED.groupindex):
        return frozenset()
    return frozenset(int(match[1]) for match in _MEASURED.finditer(folded) if match.lastgroup in units)


def parts_in(plain: str) -> frozenset[int]:
    """Return the numbers of instalments a plain text may speak of."""
    told = {int(number) for number in _NUMBER_BEFORE_X.findall(plain)}
    uneven = {int(number) + 1 for number in _UNEVEN_PARTS.findall(plain)} if "+" in plain else set()
    return frozenset(told | uneven | {n for n in _numbers(plain) if n <= 120})


def _numbers(plain: str) -> Iterator[int]:
    for match in _NUMBER.finditer(plain):
        yield int(Decimal(match[0].replace(",", "")))


def _counted(plain: str, units: frozenset[str] = frozenset()) -> Iterator[int]:
    for match in _NUMBER.finditer(plain):
        behind = _DOES_NOT_MULTIPLY.match(plain, match.end())
        if behind and _ADJUNCT.match(plain, match.end()):
            behind = None
        if (not behind or unit_class(behind["noun"]) in units) and not _AT_MOST.search(
            plain[max(0, match.start() - 16) : match.start()]
        ):
            yield int(Decimal(match[0].replace(",", "")))


def _told(plain: str, starts: Starts) -> Iterator[int]:
    """Yield the numbers that are said without a number: "mi hermano y yo", "both", "al año"."""
    kin = len(set(_KIN.findall(plain))) if _TELLS_KIN.any(starts) else 0
    if kin:
        yield kin
        if _ONE_MORE.search(plain):
            yield kin + 1
            yield from (number + 1 for number in _counted(plain) if number < 10)
    for number, pattern, lookup in _TOLD_NUMBERS:
        if lookup.any(starts) and pattern.search(plain):
            yield number
