"""Whether a reply keeps a price beyond its last day: "in May it stays at …", "if you pay until 10 April" (P5)."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from agent.folding import fold
from agent.guardrails.expressions import load_expressions
from agent.guardrails.implied import Implied
from agent.guardrails.mentions import MONTHS
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.pricing_reading import Reading
from agent.prices import is_valid
from agent.types import Price

_WORDS = load_expressions("pricing_words")

MAX_CHARS_AWAY = 90
"""So far from an amount its day is looked for."""

_NUMBERS = {name: number for number, names in enumerate(MONTHS, start=1) for name in names.split()}
_DAY = re.compile(
    r"\b(?:(?P<until>until|till|hasta|ate|through)|en|em|in|para|for|desde|from|since|on|el|no|dia|a partir de)"
    r"(?: (?:el|o|the|dia|fin(?:es)? de|final de|the end of))?"
    r" (?:(?P<day>\d{1,2})(?:o|a|st|nd|rd|th)?(?: de| of)? )?"
    rf"(?P<month>{'|'.join(_NUMBERS)})\b(?:(?: de| del|,)? (?P<year>20\d\d))?"
)
_KEEPS = _WORDS["keeps"]
_WHENEVER = re.compile(
    r"\b(?:any ?time|whenever|no matter when|cuando (?:quieras|quiera|sea)|quando (?:quiser|for)"
    r"|en cualquier (?:momento|mes)|a qualquer (?:momento|altura)|em qualquer mes|todo el ano"
    r"|o ano (?:todo|inteiro)|all year)\b"
)
"""How a reply says that a price does not depend on the day that the prospect has asked about."""
_IN_MONTH = re.compile(rf"\b(?:en|em|in|para|for) ({'|'.join(_NUMBERS)})\b[^.;!?\d]{{0,20}}$")
_NOT_A_PRICE_OF = re.compile(
    r"\b(?:empi|empe|inici|comen|comec|comie|start|begin|arranc|hasta|ate|until|till|ya no|ja nao|no longer)"
)
"""In such a sentence a month may say when something begins, or a price ends."""
_CHANGES_FROM = re.compile(
    r"\b(?:sub\w+|aument\w+|pas\w+|goes|go|going|move\w*|ris\w+|chang\w+|increas\w+|mud\w+|cambi\w+)(?: \w+){0,2}"
    r" (?:from|de|desde|dos)(?: l[oa]s)? ?$"
)
"""In front of the price that changes: "en abril sube de 540 € a 590 €"."""
_NEXT_STATEMENT = re.compile(
    r"[;:]|[.!?](?: |$)|, (?:y|e|and|pero|mas|but)\b|\b(?:despues|luego|depois|then|after(?:wards)?|a partir|desde"
    r"|from)\b"
)


def is_out_of_date(expression: MoneyExpression, found: Sequence[Implied], reading: Reading) -> bool:
    """Say whether the words around an amount keep it as a price for a day on which it is no longer valid."""
    whenever = bool(_WHENEVER.search(expression.sentence)) or _is_of_month_asked(expression, reading)
    if not (whenever or _KEEPS.search(expression.sentence)):
        return False
    prices = [price for each in found for price in _ending_prices(each, reading)]
    if len(prices) < len(found):
        return False
    days = (*_days_said(expression, reading), *(_days_in(reading.inbound, reading) if whenever else ()))
    return any(not is_valid(price, day) for day in days for price in prices[:1])


def _is_of_month_asked(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether an amount is told as the price in a month that the prospect asks about: "en junio son 85 €"."""
    told = _IN_MONTH.search(expression.before[-40:])
    if _CHANGES_FROM.search(expression.before[-40:]):
        return False
    return bool(told and re.search(rf"\b{told[1]}\b", reading.inbound)) and not _NOT_A_PRICE_OF.search(
        expression.sentence
    )


def _ending_prices(each: Implied, reading: Reading) -> Iterator[Price]:
    """Yield the price of today that an amount follows from, if it has a last day."""
    prices = reading.tenant.catalogue[each.item].prices
    if any(
        p.valid_from
        and p.valid_from > reading.today
        and p.amount_minor * each.quantity == each.amount_minor
        and p.currency == each.currency
        for p in prices
    ):
        return  # it is a price of later
    yield from (p for p in prices if p.currency == each.currency and p.valid_to and is_valid(p, reading.today))


def _days_said(expression: MoneyExpression, reading: Reading) -> Iterator[date]:
    """Yield the days that the words around an amount name, on either side up to another statement."""
    start, end = expression.span
    first, last = expression.sentence_span
    before = fold(reading.draft[max(first, start - MAX_CHARS_AWAY) : start])
    after = fold(reading.draft[end : min(last, end + MAX_CHARS_AWAY)])
    for text in (_NEXT_STATEMENT.split(before)[-1], _NEXT_STATEMENT.split(after)[0]):
        yield from _days_in(text, reading)


def _days_in(text: str, reading: Reading) -> Iterator[date]:
    for match in _DAY.finditer(text):
        yield from _day(match, reading.today)


def _day(match: re.Match[str], today: date) -> Iterator[date]:
    """Yield the day that is named; of "until" a month, or a day, the last before it still counts."""
    month = _NUMBERS[match["month"]]
    try:
        day = date(int(match["year"] or today.year + (month < today.month - 6)), month, int(match["day"] or 1))
    except ValueError:
        return
    yield day - timedelta(days=1) if match["until"] else day
