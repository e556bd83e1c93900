"""Reads what a clause counts or measures: "12 semanas" is 12 of `units:week`, "550 W" is 550 of `units:watt`.

Money is not read here (it is the rule `pricing`'s), nor are telephone numbers, addresses of web pages and codes.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_words import LISTS, concepts_at, family, pattern

_ALWAYS_COUNTS = frozenset(
    {"percent", *(f"units:{key}" for key in ("minute", "hour", "day", "workday", "week", "month", "year", "person"))}
)
"""Units that make a number a count even behind "plan" or "room"."""
_COMPOUNDS = frozenset(
    f"units:{key}" for key in ("room", "session", "group", "team", "course", "branch", "seat", "bed_unit")
)
"""Units that in English may stand before what is counted."""
_LOOK_BACK = 60
_LOOK_AHEAD = 80
"""Characters around a number that tell what it counts."""
_NAME_BACK = 30
"""Characters before a number that tell what it numbers: "room", "call"."""
_SMALL = 60
MASK = "□"
"""Stands for what other readers have read, one sign a character."""


class Quantity(NamedTuple):
    """A number at text[start:end] and its unit: a concept, `word:…` for one we do not know, or none."""

    start: int
    end: int
    value: Decimal
    unit: str


_CURRENCY = r"(?:[€$£]|r\$|us\$|mx\$|u\$s|s/|\b(?:eur|usd|brl|mxn|cop|ars|clp|gbp|pen|uyu)\b)"
_MONEY_NAME = pattern("money_name")
_AMOUNT = r"\d{1,3}(?:[.,' ]\d{3}){0,3}(?:[.,']\d{1,2})?(?!\d)|\d{1,9}(?:[.,]\d{1,2})?"
MONEY = compiled_on_use(
    rf"{_CURRENCY} ?(?:{_AMOUNT})(?:\.-)?(?: ?(?:{_MONEY_NAME}|{_CURRENCY}))?"
    rf"|(?<![\w.,])(?:{_AMOUNT})[ -]?(?:[€£$]|(?:us |mil |million(?:es)? de |de |mexican )?{_MONEY_NAME})"
)
_NOT_COUNTS = re.compile(
    r"https?://\S+|[\w.+-]{1,64}@[\w.-]{1,255}|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[a-z]{2,10}/\S*"
    r"|\+\d[\d ()-]{6,18}\d|(?<![\d.,])\d{2,4}(?:[ -]\d{2,4}){2,4}(?![\d.,])"
    r"|(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)"
)
_MAY_NOT_COUNT = re.compile(r"[/@]|\+\d|\d[ -]\d")
"""Without one of these there is no address, telephone number or date in digits."""
_NUMBER = re.compile(
    r"\d(?:(?<![\w.,].)\d{0,2}(?:[.,']\d{3})+(?:[.,]\d{1,2})?(?!\d)"
    r"|(?<![a-z\d.,].)\d{0,8}(?:[.,]\d{1,2})?(?!\d)(?![.,]\d))"
)
_WORD = re.compile(r"[a-z]+\d{0,3}|%|□+|\d+|[-–—x×/*+=]")
_PERCENT = re.compile(r"^ ?(?:%|por ?ciento|por ?cento|per ?cent|percent)")
_JOINS = LISTS["joins"]
_SKIPS = LISTS["skips"]
_STOPS = LISTS["stops"]
_LED_BY = re.compile(
    r"\b(?:grupos?|turmas?|groups?|class(?:es)?|clases?|aulas?|equipo|equipe|equipa|team|plantilla)"
    r"(?: (?:de|of|with|con|com|hasta|ate|up|to|maximo|max|no|son|sao|are|have|has|tem|tienen|at|most|como|un|um|del?"
    r"|solo|only|so|limited|pequenos|reducidos|small|reduzidas|mas|mais|more|than|que)\.?){0,5} $"
)
_AGED = re.compile(
    r"\b(?:ages?|aged|edad(?: minima)?|idade(?: minima)?|minimum age)(?: (?:of|de|is|es|e|from))?"
    r"(?: \d{1,2}(?: (?:to|a|and|y|e) | ?- ?)| )$"
)
_PER_GROUP = re.compile(r"^ ?(?:por|per|en cada|in each|em cada|a|in a|na|en) (?:grupo|turma|group|class|clase|aula)\b")
_NUMBERED = compiled_on_use(rf"\b{pattern('numbered')}\.? ?#?$")


_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
"""Behind a number that counts nothing: "the 14th"."""
_WHEN = frozenset({"last"})
"""What stands behind it is when: "turned 13 last month"."""


def read_quantities(text: str, language: str) -> tuple[Quantity, ...]:
    """Return the quantities in folded text, where other readings are masked, in order."""
    numbers = [
        match
        for match in _NUMBER.finditer(text)
        if _value(match[0]) is not None and not _ORDINAL.match(text, match.end())
    ]
    found: list[Quantity] = []
    unit_behind = ""
    for at in range(len(numbers) - 1, -1, -1):
        match = numbers[at]
        stop = numbers[at + 1].start() if at + 1 < len(numbers) else len(text)
        unit = _unit(text, match, stop, language, unit_behind)
        unit_behind = unit
        before = text[max(0, match.start() - _NAME_BACK) : match.start()]
        numbered = unit not in _ALWAYS_COUNTS and bool(_NUMBERED.search(before))
        value = _value(match[0])
        if value is not None and not numbered:
            found.append(Quantity(start=match.start(), end=match.end(), value=value, unit=unit))
    return _with_carried_units(text, tuple(reversed(found)))


def _with_carried_units(text: str, quantities: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    """Return the quantities; one that ends its clause without a unit has the one before: "6 airbags … and that 10"."""
    if len(quantities) < 2 or quantities[-1].unit or not quantities[-2].unit.startswith("units:"):
        return quantities
    last = quantities[-1]
    ends = not text[last.end :].strip(" .") and last.value <= _SMALL
    between = text[quantities[-2].end : last.start]
    ends = ends and not (_TAKES.search(between) or _LED_BY.search(between))
    return (*quantities[:-1], last._replace(unit=quantities[-2].unit)) if ends else quantities


_TAKES = re.compile(r"\b(?:takes?|lasts?|tardan?|llevan?|duran?|dura[mn]?|leva[m]?|demora[nm]?)\b")
"""What stands behind it is a time, not what was counted before."""


def without_addresses(text: str) -> str:
    """Return folded text with addresses, telephone numbers and dates in digits masked."""
    return mask(text, [m.span() for m in _NOT_COUNTS.finditer(text)]) if _MAY_NOT_COUNT.search(text) else text


def without_money(text: str) -> str:
    """Return folded text with amounts of money masked."""
    return mask(text, [m.span() for m in MONEY.finditer(text)])


def mask(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return `text` with each span replaced by as many `MASK` signs."""
    for start, end in spans:
        text = text[:start] + MASK * (end - start) + text[end:]
    return text


@lru_cache(maxsize=4096)
def _value(written: str) -> Decimal | None:
    """Return the value of digits with separators: three digits after each are thousands."""
    head, *groups = re.split(r"[.,']", written)
    if groups and all(len(group) == 3 for group in groups):
        written = "".join([head, *groups])
    elif groups:
        written = "".join([head, *groups[:-1]]) + "." + groups[-1]
    try:
        return Decimal(written)
    except InvalidOperation:
        return None


def _unit(text: str, number: re.Match[str], stop: int, language: str, unit_behind: str) -> str:
    """Return what a number counts. `stop` is where the next number begins, whose unit is `unit_behind`."""
    behind, before = text[number.end() : stop], text[max(0, number.start() - _LOOK_BACK) : number.start()]
    if _PERCENT.match(behind):
        return "percent"
    if unit_behind and stop < len(text) and behind.strip() in _JOINS:
        return unit_behind
    if counted := _counted(_WORD.findall(behind[:_LOOK_AHEAD])[:5], language):
        return counted
    if _AGED.search(before):
        return "units:year"
    return "units:person" if _LED_BY.search(before) or _PER_GROUP.match(behind) else ""


def _counted(words: Sequence[str], language: str) -> str:
    """Return the unit among the words behind a number: a known one, else the first noun, else none."""
    unknown = ""
    for at, word in enumerate(words):
        if word.startswith(MASK) or word in _WHEN or (word in _STOPS and word not in _SKIPS):
            break
        known = [f for f in concepts_at(words, at, language) if f.concept.startswith("units:")]
        if known:
            unit = max(known, key=lambda f: f.length).concept
            if language == "en" and not word.endswith("s") and unit in _COMPOUNDS and at < 2:
                unknown = unknown or unit  # "10 meeting room hours" counts hours
                continue
            return unit
        if word not in _SKIPS and len(word) > 2 and word.isalpha():
            unknown = unknown or f"word:{family(word)}"
            if at and language != "en":
                break
        if at >= 3:
            break
    return unknown
