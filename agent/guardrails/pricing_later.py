"""Prices on the day on which the prospect says to buy: "I'd sign up on 15 April", "¿y si pago en mayo?" (P5).

A price or a discount that ends before that day is no answer, unless the reply says when it ends or speaks of today.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.mentions import MONTH_NAMES, MONTH_NUMBERS, MONTHS, says_date
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.own_figures import NO_LONGER
from agent.guardrails.pricing_amounts import OUT_OF_DATE, amount_objections
from agent.guardrails.pricing_reading import Reading
from agent.guardrails.pricing_terms import objection
from agent.types import CatalogueItem

_CLAUSE_END = re.compile(r"[,;:!?\n()]|\.(?!\d)")
_BUYS = compiled_on_use(
    r"\b(?:compr[aeio]\w*|inscri[bp]\w*|inscrev\w*|matricul\w*|apunt\w*|anot[aeo]\w*|contrat[aeo]\w*"
    r"|pag[aou]\w*|abon[aoe]\w*"
    r"|adquir\w*|fech[aoe]\w*|cerr[aoe]\w*|cierr[aoe]\w*|firm[aoe]\w*|assin[aoe]\w*|suscrib\w*|decid\w*|esper[aeo]\w*"
    r"|buy\w*|purchas\w*|pay\w*|sign(?:ed|ing)?(?: \w+)? up|enrol\w*|join\w*|subscrib\w*|order\w*|register\w*"
    r"|wait\w*)\b"
    r"|\b(?!gust|viaj|ir|lleg|cheg|qued|fic|est|ser|pod|quer|dorm|vol|hosped|visit|alqu|alug|recor|cost|cust|sal|ten|hab"
    r"|hav|val|va|pas|empe|com|inic|entr|arr)[a-z]{1,10}(?:ari|eri|iri|dri)a(?:mos)?\b"
    r"|\b(?:i|we)(?:'d| would|'ll) (?:only |just |probably |rather )?(?:get|do|take|have it|order|go ahead|want it)\b"
)
"""What one does then, so that it is paid then: "me lo haría en mayo"."""
_BEGINS = compiled_on_use(
    r"\b(?:emp[ie]{1,2}[zc]\w*|comec\w*|com[ie]{1,2}n[zc]\w*|inici\w*|entr[aoe]\w*|arran[cq]\w*|start\w*|begin\w*)\b"
)
_ASKS_PRICE = compiled_on_use(r"\b(?:cuanto|quanto|how much|precios?|precos?|prices?|valor|cuesta|custa|costs?)\b")
_NOT_OF_A_THING = (
    r"(?! (?:group|course|class|cohort|intake|edition|batch|start|one|session|departure|trip|tour|camp)\b)"
)
_DAY = compiled_on_use(
    r"\b(?:(?P<until>until|till|hasta|ate|before|antes de|by)|en|em|in|el|on|no|na|a|dia"
    r"|a partir de|desde|from|after|despues de|depois de"
    r"|the(?= (?:first|second|last|end|mid|start|beg))|around|about|sobre|hacia|por)"
    r"(?: (?:el|la|o|a|the|dia|mes|month|de|of|do))*"
    r"(?: ?(?P<early>(?:primera?|primeir[oa]|first|1[oa]?)(?: (?:semana|quin[cz]ena|week|days?|dias?))?"
    r"|principios|comienzos|comeco|inicios?"
    r"|early|beginning|start)| ?(?P<mid>mediados|meados|mid|middle|(?:segunda|second|tercera|third) (?:semana|week))"
    r"| ?(?P<late>finales|fines|fin|final|fim|late|end|ultima semana|last week))?"
    r"(?:[ -](?:de|of|do|del|the))?"
    r"(?:[ -](?P<day>\d{1,2})(?:o|a|st|nd|rd|th)?(?: de| of)?)?"
    rf"[ -](?:(?P<month>{MONTH_NAMES})\b(?: (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?! ?(?:%|[.:]\d)))?{_NOT_OF_A_THING}"
    r"|(?P<next>(?:proximo mes|mes que v(?:iene|em)|next month|month after next)))\b"
    r"|\b(?P<next2>next month|mes que v(?:iene|em))\b"
)
_NOW = compiled_on_use(
    r"\b(?:ahora|agora|now|hoy|hoje|today|tonight|ya|ja|currently|actual(?:mente)?|right away|de momento"
    r"|por (?:ahora|enquanto|agora)"
    r"|at the moment|presently|vigente|ainda|todavia|still|(?:este|neste|nesse) mes|this month"
    r"|(?:en|em|in) (?:marzo|marco|march))\b"
)
_EDGE_MONTH = (
    r"\b(?:desde|a partir de|as of|from|since|hasta|ate|until|till|through|antes de|before|after"
    r"|despues de|depois de|fin(?:ales|es)? de|final de"
    r"|fim de|end of)(?: (?:el|o|a|the|final|fim|fin|end|1o?|de|of))* (?:{})\b"
)
_LOOSE_MONTH = re.compile(
    rf"(?<!\d de )(?<!\d )(?<!\do )(?<!st )(?<!primero de )"
    rf"(?<!primeiro de )(?<!of )\b(?:{MONTH_NAMES})\b(?! (?:the )?\d)"
)
_FAR = 70
"""So far apart a clause may say what one does and when."""
_MID, _LATE = 15, 25
_YEAR_PASSED = 6
"""A month so many before this one is that of next year."""


def later_objections(reading: Reading) -> Iterator[tuple[MoneyExpression, str]]:
    """Yield what a reply states as of today that no longer holds on the day on which the prospect says to buy."""
    if not any(map(_changes, reading.tenant.catalogue)):
        return
    day, for_months_only = purchase_day(reading.inbound, reading.today)
    if day is None or day <= reading.today:
        return
    later = replace(reading, today=day, _implied={}, _costs={}, _about={})
    for expression in _objected(later):
        if not _is_told_as_of_today(expression, reading) and not (
            for_months_only and not _is_by_the_month(expression, reading)
        ):
            yield expression, OUT_OF_DATE


def _changes(item: CatalogueItem) -> bool:
    """Say whether a price or a discount of an item has a last day."""
    return any(price.valid_to for price in item.prices) or any(each.valid_to for each in item.discounts)


def _objected(reading: Reading) -> Iterator[MoneyExpression]:
    for expression in reading.expressions:
        if expression.kind in {"percent", "free"} and objection(expression, reading):
            yield expression
    yield from (expression for expression, _ in amount_objections(reading))


def _is_by_the_month(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether what an expression is about is paid by the month: who begins in June pays the price of June."""
    catalogue = reading.tenant.catalogue
    prices = [price for item in reading.about(expression).items for price in catalogue[item].prices]
    return bool(prices) and all(price.unit in {"month", "seat_month"} for price in prices)


def _is_told_as_of_today(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether the reply says up to when something holds, or that it is so today, or no more then."""
    if _NOW.search(expression.sentence) or NO_LONGER.search(expression.sentence):
        return True
    items = reading.about(expression).items
    return any(_says_edge(reading.said.reply, day) for item in items for day in _edges(reading.tenant.catalogue[item]))


def _edges(item: CatalogueItem) -> Iterator[date]:
    """Yield the days around which a price or a discount of an item changes: its last, and the first one after."""
    ends = (*(price.valid_to for price in item.prices), *(discount.valid_to for discount in item.discounts))
    for day in filter(None, ends):
        yield from (day, day + timedelta(days=1))


def _says_edge(words: str, day: date) -> bool:
    """Say whether words name a day: with its number, or as the month that something goes up to, or begins with."""
    month = MONTHS[day.month - 1].replace(" ", "|")
    return bool(re.search(_EDGE_MONTH.format(month), words)) or says_date(_LOOSE_MONTH.sub(" ", words), day)


def purchase_day(inbound: str, today: date) -> tuple[date | None, bool]:
    """Return the day on which a folded message says that one buys; or else begins, or asks for a price, with True.

    What begins in June may well be paid today. Of a month alone it is the first day; None: no such day is said.
    """
    for clause in _CLAUSE_END.split(inbound):
        for match in _DAY.finditer(clause):
            kind = _what_happens(clause, match)
            if kind:
                day = _day(match, today)
                if day is not None:
                    return day, kind != "buys"
    return None, False


def _what_happens(clause: str, match: re.Match[str]) -> str:
    """Return what a clause says to happen on a day: by the verb next to it."""
    before = clause[max(0, match.start() - _FAR) : match.start()]
    after = clause[match.end() : match.end() + _FAR]
    near = {
        kind: max((found.end() for found in pattern.finditer(before)), default=-1)
        for kind, pattern in (("buys", _BUYS), ("begins", _BEGINS), ("asks", _ASKS_PRICE))
    }
    kind = max(near, key=lambda each: near[each])
    if near[kind] < 0:
        kind = next((k for k, pattern in (("buys", _BUYS), ("begins", _BEGINS)) if pattern.search(after)), "")
    verb = before[near[kind] :] if kind and near[kind] >= 0 else before
    return "" if _NOW.search(verb) or _NOW.search(after[:12]) else kind


def _day(match: re.Match[str], today: date) -> date | None:
    if match["next"] or match["next2"]:
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    month = MONTH_NUMBERS[match["month"]]
    number = match["day"] or match["day2"]
    part = _MID if match["mid"] else _LATE if match["late"] else 1
    try:
        day = date(today.year + (month < today.month - _YEAR_PASSED), month, int(number or part))
    except ValueError:
        return None
    return day - timedelta(days=1) if match["until"] and number else day
