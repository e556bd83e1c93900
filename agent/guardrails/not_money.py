"""What in a text is surely no money, whatever number it has: dates, times, telephones, measures, codes, addresses.

For folded text with numbers in digits. Every pattern is bounded: reading takes linear time.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from agent.guardrails.currencies import CODES, PRICED, SIGNS
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.mentions import MONTH_NAMES, MONTH_NUMBERS
from agent.guardrails.number_words import Edit
from agent.guardrails.word_lists import load_words

MASK = "□"
"""What stands for them in the text that is read on."""

_NO_PRICE = rf"(?!{PRICED})"
_MONTH = rf"(?:{MONTH_NAMES})\b"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|o)?"
_NEXT_DAY = rf"(?:(?:,| y| e| and| a| al| to| o| ou| or|-| -|, y|, and){{1,2}} ?(?:el |o |the )?{_DAY})"
_DAYS = rf"{_DAY}{_NEXT_DAY}{{0,5}}"
_MEASURE = (
    r"(?:(?:kw[hp]?|w|v|hp|cv|kms?|mph|mpg|kg|gr?|mg|l|lts?|litros?|ml|m[23]?|cm|mm|gb|mb|tb|gbps|mbps|px|ft|sqft"
    r"|° ?[cf]|o ?c|grados|graus|degrees|nudos|nos(?= de vento)|knots)(?!\w)|°)"
)

_WEB = re.compile(r"https?://\S{1,300}|(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,255}")
_DIGITS_FIRST = compiled_on_use(
    r"(?=[\d+(])(?:"
    rf"\+\d[\d ()-]{{6,18}}\d|\(\d{{2,4}}\) ?\d{{3,5}}[ -]?\d{{4}}"  # telephones
    rf"|(?<![\d.,{SIGNS}])(?<![{SIGNS}] )\d{{2,4}}(?:[ -]\d{{2,5}}){{2,4}}(?!\d|[.,]\d){_NO_PRICE}"
    rf"|(?<![\d.,{SIGNS}])\d{{9,15}}(?!\d|[.,]\d){_NO_PRICE}"
    r"|(?<!\d)\d{1,2}(?::\d{2}|h\d{2})(?!\d)(?: ?(?:hs?|hrs|[ap]\.? ?m)\b\.?)?"  # times
    r"|(?<!\d)\d{1,2} ?(?:[ap]\.? ?m|hs?|hrs)\b\.?"
    rf"|(?<![\d.,{SIGNS}])\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?(?![\d/])|(?<!\d)\d{{4}}-\d{{2}}-\d{{2}}(?!\d)"  # dates
    rf"|(?<![\d.,]){_DAY}\.{_DAY}\.\d{{2,4}}(?!\d)"
    rf"|(?<![\d.,]){_DAYS}(?: de| of)? {_MONTH}(?:(?: de|,| del)? \d{{4}}\b{_NO_PRICE})?"
    rf"|(?<![\d.,{SIGNS}])\d{{1,3}}(?:st|nd|rd|th)\b"
    rf"|(?<![\d.,{SIGNS}])(?<![{SIGNS}] )\d{{1,6}}(?:[.,]\d{{1,3}})?(?:(?: (?:a|y|e|o|os|to"
    rf"|and|or|ou|ate|hasta)(?: os| los)? | ?[-–/] ?)\d{{1,6}}(?:[.,]\d{{1,3}})?)? ?{_MEASURE}"  # measures
    r"|(?<=[a-z] )\d{1,2} (?:to|till|until) \d{1,2}(?= ?(?:[.,;!?)\n]|$|on |every |and ))(?!\d)"
    r"|(?<=de )(?:1?\d|2[0-4]) (?:a|as|ate) (?:1?\d|2[0-4])(?= ?(?:[.,;!?)\n]|$|y |e |and |los |aos ))"
    r"|(?<!\d)\d{1,2}x\d{1,2}(?= ?(?:cm|m|pulgadas|inch))|(?<!\w)4 ?x ?4(?!\w)"
    rf"|(?<![\d.,{SIGNS}])\d{{1,5}} (?:[a-z]{{2,15}} ){{1,3}}"  # "2200 Invented Blvd"
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|drive|lane|highway)\b)"
)

_MEASURED = compiled_on_use(rf"(?<![\w.,])(\d{{1,4}}) ?{_MEASURE}")
_LABELS = load_words("money_words")["labels"]
_HOUR_WORDS = frozenset({"las", "la", "as"})
_THE_DAY = re.compile(r"\b(?:el|del|o|do|n[ao]|ao|ate) $")
_SINCE_OR_UNTIL = re.compile(
    r"\b(?:hasta|ate|desde|antes|despues|depois|a partir|pas(?:a[dn]o|sado)|entre|(?:termin|acab|venc|caduc|expir"
    r"|finaliz|encerr|cerr|cierr|conclu|empez|empiez|comenz|comienz|comec|arranc|inici|abr|volv|vuelv|sub|cambi"
    r"|mud)[a-z]{1,6})(?: de)? (?P<article>el|del|o|do|al|ao) $"
)
"""What stands before a number when that is a day: "terminó el 31", "antes del 31"."""
_ARTICLES = frozenset({"el", "del", "o", "do", "al", "ao"})
_BEHIND = 30
"""How far before a number the word is looked for that says what it is."""
_WORD_BEFORE = re.compile(
    r"(?<![\w#])(?P<word>#|[a-z]{1,14})"
    r"(?P<rest>(?: (?:de|del|do|da|no|is|es|e|em|en|in|the))?[ .:#nº]{0,3}(?:[a-z]{1,2}[ -])?)-?$"
)
_NUMBER = re.compile(r"\d(?<!\d\d)(?<![$€£¥].)(?<![$€£¥] .)")
_LABELLED = compiled_on_use(rf"\d[\d.-]{{0,14}}(?![\d%])(?!,\d)(?! ?(?:%|por ?c|per ?c)){_NO_PRICE}")
_DAYS_BEHIND_MONTH = compiled_on_use(rf"{_DAYS}\b(?![.,]\d){_NO_PRICE}(?:,? \d{{4}}\b{_NO_PRICE})?")
_AT = re.compile(r"\b(?:a|de|desde|hasta|son|sobre|y|antes de|entre|es) $")
_MONEY_BEFORE = re.compile(r"(?:[\d€]|\b(?:reais|euros|pesos|dolares)) $")
"""In front of "as 2": people or things that one pays for."""
_COUNTS = re.compile(r"\d{1,2} (?!de |en |y |a |hs?\b|horas?\b|am\b|pm\b|da |do |na |no |e |o )[a-z]{3,}")
_OF_WHAT = re.compile(r"\d{1,2} ?(?:%|por |per|de (?!mes)[a-z]|[a-z]{4,}s\b)")
"""Behind a number: what there are so many of, or what it is a share of."""
_HOUR = compiled_on_use(rf"(?:[01]?\d|2[0-4])\b(?![.,:]\d){_NO_PRICE}")
_CODE = compiled_on_use(rf"\d[\w.]{{0,12}}(?![\w.%]){_NO_PRICE}")
_TELLING = _LABELS | frozenset(MONTH_NUMBERS) | _HOUR_WORDS | _ARTICLES | {"dia"}
_CURRENCY_CODES = frozenset(CODES.split())
_STREETS = (
    "calle", "avenida", "avenue", "av.", "av ", "rua ", "carrera", "cra", "cll", "c/", "paseo", "plaza", "praca",
    "boulevard", "blvd", "calzada", "alameda", "travessa", "estrada", "carretera", "rodovia",
)  # fmt: skip
_STREET = compiled_on_use(
    r"(?<!\w)(?:calles?|avenidas?|avenue|av\.?|rua|carrera|cra\.?|cll\.?|c/|paseo|plaza|praca|boulevard|blvd\.?|calzada"
    r"|alameda|travessa|estrada|carretera|rodovia) ?"
    r"(?:(?!(?:cuest|cost|cust|vale|sale|sai|son|queda|fica|por|es|en|a|em|is|for"
    r"|paga)\w{0,4}\b)[a-z]{1,15}[ ,]{1,2}){0,5}"
    rf"(?:n[.º°]? ?|#)?\d{{1,5}}(?: ?[#-] ?\d{{1,4}}){{0,2}}\b(?![.,]\d){_NO_PRICE}"
)


def not_money_edits(text: str) -> Iterator[Edit]:
    """Yield, in order, the pieces of folded `text` that are no money, each to be replaced by `MASK`."""
    done = 0
    for start, end in sorted(_spans(text)):
        if start >= done:
            yield start, end, MASK
            done = end


def measured_in(text: str) -> Iterator[Decimal]:
    """Yield the whole numbers of a folded text that have a unit of measure: 90 of "hasta 90 m2"."""
    yield from (Decimal(match[1]) for match in _MEASURED.finditer(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield what every pattern finds; some overlap."""
    if "@" in text or "://" in text:
        yield from (match.span() for match in _WEB.finditer(text))
    yield from (match.span() for match in _DIGITS_FIRST.finditer(text))
    yield from filter(None, (_named(text, match.start()) for match in _NUMBER.finditer(text)))
    if any(word in text for word in _STREETS):
        yield from (match.span() for match in _STREET.finditer(text))


def _named(text: str, start: int) -> tuple[int, int] | None:
    """Return where the number at `start` and the word before it are, when that word says it is no money."""
    offset = max(0, start - _BEHIND)
    if not _may_be_named(text[offset:start]):
        return None
    if (day := _day(text, offset, start)) is not None:
        return day
    before = _WORD_BEFORE.search(text[offset:start])
    if before is None:
        return None
    word, rest = before["word"], before["rest"]
    glued = not rest and word not in _CURRENCY_CODES
    found: re.Match[str] | None = None
    if glued and word != "#":
        found = _CODE.match(text, start)
    elif word in _LABELS:
        found = _LABELLED.match(text, start)
    elif rest in {" ", " the "} and (word in MONTH_NUMBERS or _is_the_day(text, offset + before.start(), word)):
        found = _DAYS_BEHIND_MONTH.match(text, start)
    elif (
        word in _HOUR_WORDS
        and rest == " "
        and _says_at(text, offset + before.start(), word)
        and not _COUNTS.match(text, start)
    ):
        found = _HOUR.match(text, start)
    return (offset + before.start(), found.end()) if found else None


def _may_be_named(before: str) -> bool:
    """Say quickly whether the text before a number may end in a word that says what it is."""
    if before[-1:].isalpha() or before.endswith(("-", "#")):
        return True
    return any(word.strip(".:#º,") in _TELLING for word in before.split()[-3:]) or "#" in before


def _is_the_day(text: str, start: int, word: str) -> bool:
    """Say whether "dia 28" at `start` is a date: "venció el día 28", but not "sale al día 28"."""
    return word == "dia" and bool(_THE_DAY.search(text[max(0, start - 5) : start]))


def _day(text: str, offset: int, start: int) -> tuple[int, int] | None:
    """Return where a day without its month is, if the number at `start` is one: "terminó el 31", "antes del 31"."""
    before = _SINCE_OR_UNTIL.search(text[offset:start])
    if before is None or _OF_WHAT.match(text, start):
        return None
    found = _DAYS_BEHIND_MONTH.match(text, start)
    return (offset + before.start("article"), found.end()) if found else None


def _says_at(text: str, start: int, word: str) -> bool:
    """Say whether "las 5" at `start` is an hour: "a las 5", but not "28 € las 5"."""
    if word == "as":
        return not _MONEY_BEFORE.search(text[max(0, start - 10) : start])
    return bool(_AT.search(text[max(0, start - 10) : start]))
