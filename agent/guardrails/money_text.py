"""Reads money out of a text as a prospect would read it: amounts, percentages, instalments, "free", deals (P5).

Spanish, Portuguese and English; digits in any notation or script, and in words. Every pattern is bounded: reading
takes linear time.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

from agent.guardrails.bare_numbers import LEAST, is_count_at_price, is_counted, is_price
from agent.guardrails.currencies import AFTER, BEFORE, NAME, both, currencies_of, factor_of
from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.number_words import EITHER, parse_digits
from agent.guardrails.offers import Offers, read_fractions
from agent.guardrails.plain_text import Plain, read_plain
from agent.guardrails.required_words import Starts, starts_in
from agent.guardrails.unit_cues import UnitCue, read_people, read_unit

_WORDS = load_expressions("pricing_words")

Kind = Literal["amount", "percent", "instalments", "free", "deal", "tax"]
Hedge = Literal["about", "from", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class MoneyExpression:
    """One money statement of a text."""

    kind: Kind
    text: str
    """As it was read."""
    span: tuple[int, int]
    """Where it is in the original."""
    sentence: str
    """The folded sentence it stands in."""
    sentence_span: tuple[int, int]
    """Where that sentence is in the original."""
    start: int
    """Where it begins in the text that was read, to compare it with others of the same text."""
    end: int
    place: int
    """Where in `sentence` it begins."""
    values: tuple[Decimal, ...] = (Decimal(0),)
    """Whole units, a percentage or a number of instalments; several where the words may mean several."""
    currencies: frozenset[str] = frozenset()
    """ISO codes the notation may stand for; empty: not stated, any."""
    unit: UnitCue = ""
    """What it is said to be the price of; "other" is a unit nobody publishes, such as a day."""
    unit_words: str = ""
    people: int = 0
    """Of how many people or sessions it is said to be the price; 0: not said."""
    hedge: Hedge = ""
    deal: str = ""
    """Which kind of deal."""

    @property
    def value(self) -> Decimal:
        """The first of `values`."""
        return self.values[0]

    @property
    def before(self) -> str:
        """The part of its sentence before it."""
        return self.sentence[: self.place]

    @property
    def after(self) -> str:
        """The part of its sentence after it."""
        return self.sentence[self.place + len(self.text) :]


_SEPARATED = r"\d{1,3}(?:[.,']\d{3}){1,4}(?:[.,]\d{1,2})?|\d{1,3}(?: \d{3}){1,4}(?:[.,]\d{1,2})?"
NUMBER = (
    rf"(?:\d{{1,6}}(?:{EITHER}\d{{2}})+|{_SEPARATED}|\d{{1,12}}(?:[.,']\d{{1,2}})?)"
    r"(?![\d%])(?![.,]\d)(?! ?(?:%|por ?cient|por ?cento|por cien\b|por 100\b|per ?cent|pct|puntos porcent"
    r"|pontos porcent))"
)
_COPULAS = (
    r"(?:,|:)? (?:(?:son|sao|es|is|it is|it's|seria[nm]?|would be|fica[m]?|cuesta[n]?|custa[m]?|sale[n]?"
    r"|costs?) ){0,2}"
)
_OF_THE_NEXT = (
    rf"(?:in|en|em) {NAME}(?:{_COPULAS}|(?:(?! (?:y|e|and|o|ou|or) )[^\d.,;!?()]){{1,40}}[^\w.,;!?()])(?:{BEFORE})? ?\d"
)
"""Behind an amount: the currency of the one that follows: "son $68,500 y en dólares, US$3,890"."""
_IN_CURRENCY = compiled_on_use(rf"\b(?:in|en|em) (?P<name>{NAME}){_COPULAS}$")
"""In front of an amount: its currency."""
_IN_CURRENCY_CHARS = 45
_AMOUNT = compiled_on_use(
    rf"(?=\d)(?<!\d)(?<!\d[.,'])(?P<number>{NUMBER})(?:[.,]-)?"
    rf"(?: ?(?P<sign>{AFTER})|[\s.,;:]{{0,3}}(?:(?:y|e|and) )?(?!{_OF_THE_NEXT})"
    rf"(?:(?:son|sao|de|in|en|em|redondos|contantes|limpios) )?"
    rf"(?P<name>{NAME})\b)?"
)
_RANGE = compiled_on_use(
    rf" ?(?:a|al|to|y|e|and|o|u|ou|or|-|hasta|ate) (?P<before>(?:{BEFORE})?) ?{NUMBER}(?: ?(?P<sign>{AFTER})"
    rf"| (?P<name>{NAME})\b)?"
)
_ANY_NUMBER = re.compile(rf"(?=\d)(?<![\w.,]){NUMBER}")
_PERCENT = re.compile(
    r"(\d(?<![\w.,].)\d{0,2}(?:[.,]\d{1,2})?) ?(?:%|por ?ciento|por ?cento|por (?:cien|100)\b|per ?cent|pct\b"
    r"|puntos porcent"
    r"|pontos porcent)"
)
_PARTS = compiled_on_use(
    r"(?P<number>\d(?<![\w.,].)\d{0,2})(?:"
    r"(?P<times> ?(?:[x×]|(?:veces|vezes)(?= (?:sin|sem|de|con|com|iguais|iguales|fix\w+|fij\w+"
    r"|na cartao)\b))(?![a-z\d])(?! ?\d{1,3}\b(?![.,])))"
    r"|(?P<count> (?:(?:interest[- ]free|monthly|equal|comod[oa]s|iguales|iguais|mensuales|mensais|easy|fij[oa]s"
    r"|fix[oa]s|pequen[oa]s) ){0,2}"
    r"(?:cuotas?|cuotitas|plazos?|mensualidad(?:es)?|pagos|parcel(?:as?|inhas)|prestac[a-z]{2,4}s|prestacao"
    r"|instal?l?ments?|payments?"
    r"|meses sin intereses|meses sem juros|msi)\b)"
    r"|(?P<interest>,? (?:con|com|with|sin|sem|without|no) (?:interes(?:es)?|juros|interest)\b)"
    r"|(?P<term>[ -](?:months?|mes(?:es)?)\b"
    r"(?= (?:(?!del?\b|d[oa]\b|of\b)\w+ )?(?:financ|loan|plan\b|terms|installment|credit)))"
    r"|(?P<months>[ -](?:meses|months?|month)\b(?=[^.!?\n]{0,40}(?:financ|credit|cuota|parcel|plazo|mensualidad"
    r"|install?ment|payment|interes|juros"
    r"|apr\b)))"
    r"|(?P<split> (?:veces|vezes)\b(?! (?:por|al|a la|na|ao|n[ao]|cada)\b)|(?: equal| iguales)? (?:partes|parts)\b))"
)
_INTO = re.compile(r"\b(?:en|in|em|into|hasta|ate|up to) $")
_FOR_MONTHS = re.compile(r"\b(?:a|en|in|em|hasta|ate|over|for|up to|de) $")
_FINANCED = re.compile(r"financ[a-z]{0,6}[^.!?\n\d]{0,30}\b(?P<number>\d{1,3})[ -](?:meses|months?)\b")
_SOME_PARTS = _WORDS["some_parts"]
_SOME_WORDS = frozenset(["cuot", "plaz", "parc", "mens", "inst", "pago", "pres", "frac", "mont", "pay", "inte", "juro"])
_HAS_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+")
_ZERO = re.compile(r"0(?<![\d.,].)(?:[.,]00?)?(?![\d.,]*\d)(?! ?%)")
_CURRENCY_BEFORE = compiled_on_use(rf"(?<![a-z])(?P<before>{BEFORE}) {{0,2}}$")
_CURRENCY_CHARS = 10
"""The longest notation of a currency before an amount, with the space behind it."""
_GOES_ON = re.compile(r"[\w.,/#-]")
"""Behind one of these, digits go on with something."""
_CURRENCY_BEHIND = compiled_on_use(rf" ?(?:{AFTER}|{NAME}\b)")
_ABOUT = _WORDS["about"]
_BY_HOW_MUCH = _WORDS["by_how_much"]
"""How much less or more than an amount: "R$ 600 under the R$ 10,350"."""
_ABOUT_BEHIND = re.compile(
    r"^ ?(?:y pico|y algo|y tantos|e pouco|e tanto|e alguma coisa|or so|ish\b|-ish|-odd|odd\b|something|mas o menos"
    r"|mais ou menos|aprox|approx|roughly|give or take|o asi|por ahi|por ai|o algo asi)"
)
_FROM = _WORDS["from"]
_AND_TO = re.compile(r"^[^.!?\n]{0,20}\b(?:a|to|hasta|ate|till|until)\b ?(?:[$€£]|r\$|us\$)? ?\d")
_SENTENCE_END = re.compile(r"[.!?…\n](?:(?<=\n)|[.!?…]*(?=\s|$))")
_SENTENCE_CHARS = 300


def read_money(text: str, language: str) -> tuple[MoneyExpression, ...]:
    """Return the money expressions of a text written in `language` (es, pt, en), kind by kind."""
    return money_in(read_plain(text, language))


@lru_cache(maxsize=32)
def money_in(
    plain: Plain,
    starts: Starts | None = None,
    *,
    about_prices: bool = False,
    known: frozenset[Decimal] = frozenset(),
) -> tuple[MoneyExpression, ...]:
    """Return the money expressions of a text that has been read as `Plain`, kind by kind.

    `starts`: how the words of the original begin, if that is known already. `about_prices`: the conversation is about
    prices, so that a number which counts nothing is one. `known`: values that are prices even where nothing says so,
    such as those of the catalogue. Several rules ask of the same text, so the last few answers are kept.
    """
    if starts is None:
        starts = starts_in(plain.text)
    else:  # numbers in words are digits by now
        starts = starts.union(f"{number}." for number in _DIGITS.findall(plain.text))
    with_digits = (_amounts(plain.text, about_prices, known), _percentages(plain.text), _instalments(plain.text))
    readers = (*(with_digits if _HAS_DIGIT.search(plain.text) else ()), _phrases(plain.text, starts))
    ends = [match.span() for match in _SENTENCE_END.finditer(plain.text)]
    return tuple(_expression(plain, ends, start, end, fields) for reader in readers for start, end, fields in reader)


def numbers_in(plain: Plain) -> frozenset[Decimal]:
    """Return every number of a text read as `Plain` that is not part of a date, a time, a phone or a measure."""
    return frozenset(value for match in _ANY_NUMBER.finditer(plain.text) for value in _values(match[0]))


_Fields = Mapping[str, Any]
_Found = Iterator[tuple[int, int, _Fields]]
_Span = tuple[int, int]


def _expression(plain: Plain, ends: Sequence[_Span], start: int, end: int, fields: _Fields) -> MoneyExpression:
    begin, stop = sentence_around(plain.text, ends, start, end)
    return MoneyExpression(
        text=plain.text[start:end],
        span=plain.span(start, end),
        sentence=plain.text[begin:stop],
        sentence_span=plain.span(begin, stop),
        start=start,
        end=end,
        place=start - begin,
        **fields,
    )


def sentence_around(plain: str, ends: Sequence[_Span], start: int, end: int) -> _Span:
    """Return where the sentence of plain[start:end] is, of at most `_SENTENCE_CHARS` to either side.

    `ends` is where each sentence of the text ends, in order.
    """
    place = bisect_right(ends, start, key=itemgetter(1))
    begin = max(ends[place - 1][1] if place else 0, start - _SENTENCE_CHARS)
    while begin < start and plain[begin].isspace():
        begin += 1
    place = bisect_left(ends, end, key=itemgetter(0))
    return begin, min(ends[place][0] if place < len(ends) else len(plain), end + _SENTENCE_CHARS)


# --- amounts ----------------------------------------------------------------------------------------------------


def _amounts(plain: str, about_prices: bool, known: frozenset[Decimal]) -> _Found:
    done = 0
    for match in _AMOUNT.finditer(plain):
        start, end = match.span()
        before = _CURRENCY_BEFORE.search(plain, max(0, start - _CURRENCY_CHARS), start)
        if before is None and start and _GOES_ON.match(plain, start - 1):
            continue
        start = before.start() if before else start
        factor = factor_of(match["name"] or "")
        values = tuple(value * factor for value in _values(match["number"]))
        stated = _stated(before, match)
        if not stated and is_count_at_price(plain, end):
            continue
        currencies = stated or _stated_by_range(plain, end)
        if not currencies and is_counted(plain, end):
            continue
        unit, unit_end, words = read_unit(plain, done, start, end)
        cue = "" if values[0] < LEAST and unit_end == end else unit
        asked_for = about_prices or values[0] in known
        if not currencies and not is_price(plain, start, end, values[0], cue, about_prices=asked_for):
            continue
        done = max(end, unit_end)
        if values[0] == 0:
            continue  # "0 €" is read as free
        told = _IN_CURRENCY.search(plain, max(0, start - _IN_CURRENCY_CHARS), start)
        if told:
            named = currencies_of(told["name"])
            currencies = currencies & named or currencies or named
        fields = {"kind": "amount", "values": values, "currencies": currencies, "unit": unit, "unit_words": words}
        yield start, end, {**fields, "hedge": _hedge(plain, start, end), "people": read_people(plain, start, end)}


def _values(number: str) -> tuple[Decimal, ...]:
    """Return what digits may mean: one value, or two where they were told in groups ("three ninety nine")."""
    if EITHER not in number:
        return (parse_digits(number),)
    *head, tail = number.split(EITHER)
    return Decimal("".join([*head, tail])), Decimal(f"{''.join(head)}.{tail}")


def _stated(before: re.Match[str] | None, match: re.Match[str]) -> frozenset[str]:
    """Return the currencies that the notation of one amount may stand for; `before` is what stands in front of it."""
    in_front = before["before"] if before else ""
    return both([currencies_of(in_front or ""), currencies_of(match["sign"] or match["name"] or "")])


def _stated_by_range(plain: str, end: int) -> frozenset[str]:
    """Return the currency of the amount that ends a range which begins before `end`: "300 a 400 €"."""
    match = _RANGE.match(plain, end)
    return _stated(match, match) if match else frozenset()


def _hedge(plain: str, start: int, end: int) -> Hedge:
    before = plain[max(0, start - 30) : start]
    if (_ABOUT.search(before) and not _BY_HOW_MUCH.search(before)) or _ABOUT_BEHIND.match(plain[end : end + 20]):
        return "about"
    return "from" if _FROM.search(before) and not _AND_TO.match(plain[end : end + 40]) else ""


# --- the rest ---------------------------------------------------------------------------------------------------


def _percentages(plain: str) -> _Found:
    for match in _PERCENT.finditer(plain):
        yield match.start(), match.end(), {"kind": "percent", "values": (Decimal(match[1].replace(",", ".")),)}


def _instalments(plain: str) -> _Found:
    """Yield numbers of instalments; 0 where no number is said."""
    for match in (*_PARTS.finditer(plain), *_FINANCED.finditer(plain)):
        name = match.lastgroup or ""
        before = plain[max(0, match.start() - 7) : match.start()]
        needs = {"split": _INTO, "interest": _INTO, "months": _FOR_MONTHS}.get(name)
        if needs is None or needs.search(before):
            fields = {
                "kind": "instalments",
                "values": (Decimal(match["number"]),),
                "deal": "financed" if name == "number" else name,
            }
            yield match.start(), match.end(), fields


def _phrases(plain: str, starts: Starts) -> _Found:
    for start, end, percent in read_fractions(plain, starts):
        yield start, end, {"kind": "percent", "values": (percent,), "deal": "fraction"}
    if not _SOME_WORDS.isdisjoint(starts):
        for match in _SOME_PARTS.finditer(plain):
            yield match.start(), match.end(), {"kind": "instalments", "deal": "some"}
    offers = Offers(plain, starts)
    for start, end in offers.free():
        yield start, end, {"kind": "free"}
    for match in _ZERO.finditer(plain):
        before = _CURRENCY_BEFORE.search(plain, max(0, match.start() - 6), match.start())
        if before or _CURRENCY_BEHIND.match(plain, match.end()):
            yield before.start() if before else match.start(), match.end(), {"kind": "free"}
    for start, end, deal in offers.taxes():
        yield start, end, {"kind": "tax", "deal": deal}
    for start, end, deal in offers.deals():
        yield start, end, {"kind": "deal", "deal": deal}
