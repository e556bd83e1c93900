"""Arithmetic on the explained amounts of a reply: sums, multiples, differences, deposits (P5)."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import combinations

from agent.guardrails.conditions import is_regardless
from agent.guardrails.expressions import load_expressions
from agent.guardrails.implied import MAX_NAMED, find_sums
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.pricing_reading import Reading, is_unit_of_name
from agent.guardrails.pricing_terms import (
    GIVEN_BACK,
    SURCHARGE,
    TAX,
    called_off_percents,
    deposit_percents,
    is_percent_explained,
    percent_kind,
    speaks_of_deposit,
    with_tax,
)
from agent.guardrails.unit_cues import unit_class

_WORDS = load_expressions("pricing_words")

MAX_ROUNDS = 3
"""So many steps of arithmetic are followed, from a price to a total of totals."""
MAX_KNOWN = 30
_OPENING = 15
"""Characters in front of an amount that a reply opens with: "hi! "."""

DIFFERS = _WORDS["differs"]
ASKS_HOW_MUCH_MORE = _WORDS["asks_how_much_more"]
"""How a prospect asks for a difference, so that an amount alone may answer."""
_REST = re.compile(
    r"\b(?:saldo|rest\w*|balance|remain\w*|falta\w*|outstanding|qued\w* (?:\w{1,9} )?(?:por|pend)"
    r"|fica\w* faltando|left to pay)\b"
)
_LEFT_OVER = re.compile(r"\b(?:left|spare|to go|short|sobr\w*|qued\w*(?! (?:en|a|por)\b)|falt\w*|rest\w*)\b")
"""How a sentence tells what remains of the prospect's own money, or what lacks."""
_ADDS_UP = re.compile(
    r"\b(?:(?:con|com|with|mais|mas|plus|y|e|and) (?:l[ao] |el |a |o )?(?:tuy[oa]|suy[oa]|tua|sua|teu|seu|yours|mi[oa]"
    r"|minha|meu|mine)|junt[oa]s|together|both|ambos|ambas|(?:los|las|os|as|the) (?:dos|dois|duas|two|2)|en total"
    r"|no total|ao todo|in total)\b"
)
"""How a sentence adds the price of another person, or thing, to what it has told …"""
_BESIDE = 30
"""… this close to the total."""
_SINCE = re.compile(
    r"\b(?:20\d\d|last (?:year|month|season)|used to|was|were|before|pasad[oa]|passad[oa]|anterior\w*|antes|era[mn]?"
    r"|costaba\w*|custava\w*|subi[oudr]\w*|aument\w+|went up|has (?:gone up|risen)|rose)\b"
)
"""How a sentence compares with a price that is over."""
Money = tuple[int, str]
"""Minor units and currency."""


@dataclass
class Known:
    """What is explained so far, to do arithmetic with."""

    money: set[Money] = field(default_factory=set)
    extras: set[Money] = field(default_factory=set)
    """Of these, what only a text has: a supplement, a fee that comes on top of a price."""
    deposits: set[Money] = field(default_factory=set)
    """Of these, what a text calls a deposit: it is part of a price."""
    later: set[Money] = field(default_factory=set)
    """Of these, what only the second person pays, and the next: several of it are no total."""
    derived: dict[Money, int] = field(default_factory=dict)
    """Of these, what only arithmetic explains, and where it is told."""

    def add(self, found: Iterable[Money]) -> None:
        """Remember amounts, up to `MAX_KNOWN`."""
        self.money.update(each for each in found if len(self.money) < MAX_KNOWN)


def after_arithmetic(left: list[MoneyExpression], known: Known, reading: Reading) -> list[MoneyExpression]:
    """Return what is left when sums, multiples and published shares of explained amounts are explained too."""
    if not left:
        return left
    groups = _costs(left, reading)
    extras = known.extras or set(_told_supplements(reading))
    supplements = [_sums(frozenset(extras), reading.counts)[0]] if extras and len(groups) < MAX_NAMED else []
    for _ in range(MAX_ROUNDS):
        explained = [e for e in left if _follows(e, known, [*groups, *supplements], reading)]
        if not explained:
            break
        left = [e for e in left if e not in explained]
        for e in explained:
            money = reading.money(e)
            found = (money & _derived(e, known, reading)) | find_sums(money, groups)
            known.derived.update((each, e.start) for each in found - known.money)
            known.add(found)
    return left


def _told_supplements(reading: Reading) -> Iterator[Money]:
    """Yield the published supplements, if the reply speaks of one without telling how much: "com quarto individual"."""
    if SURCHARGE.search(reading.plain.text):
        for each in reading.published.of_kind("amount"):
            if SURCHARGE.search(each.sentence):
                yield from reading.money(each)


def _follows(expression: MoneyExpression, known: Known, groups: Sequence[frozenset[Money]], reading: Reading) -> bool:
    if expression.hedge or not (
        expression.unit in {"", "month", "year", "once"}
        or (expression.unit == "other" and unit_class(expression.unit_words) in reading.published.counted)
        or any(is_unit_of_name(expression, item, reading) for item in reading.named_items)
    ):
        return False
    if is_regardless(expression.sentence) and DIFFERS.search(expression.sentence):
        return False
    money = reading.money(expression)
    return bool(find_sums(money, groups)) or bool(money & _derived(expression, known, reading))


def _derived(expression: MoneyExpression, all_known: Known, reading: Reading) -> frozenset[Money]:
    """Return what follows from explained amounts, as far as the words of the expression's sentence allow it."""
    # What is told after it, as a total is, may be wrong for its sake.
    known = {each for each in all_known.money if all_known.derived.get(each, -1) < expression.start}
    deposits = all_known.deposits
    multiples, sums = _sums(frozenset(known), reading.counts)
    found = multiples | sums
    if _ADDS_UP.search(expression.before[-_BESIDE:]) or _ADDS_UP.search(expression.after[:_BESIDE]):
        found |= set(_pairs(known, _prices(reading), minus=False))
    found |= set(_pairs(told := known & _told(reading), told, minus=True))
    found |= set(_changes(expression, reading))
    if _tells_difference(expression, reading):
        prices = _prices(reading)
        found |= set(_pairs(multiples | prices, known | prices, minus=True))
    if _LEFT_OVER.search(expression.sentence):
        found |= set(_pairs(_asked_money(reading), multiples | sums | _prices(reading), minus=True))
    if _REST.search(expression.sentence) or _LEFT_OVER.search(expression.sentence):
        found |= set(_pairs({cost for costs in _costs([expression], reading) for cost in costs}, deposits, minus=True))
    if TAX.search(expression.sentence):
        found |= set(with_tax(multiples | sums | _prices(reading), reading))
    found |= set(_shares(multiples | sums | _base(expression, reading), expression, reading))
    return frozenset(
        found - {(amount * n, currency) for amount, currency in all_known.later for n in reading.counts[1:]}
    )


def _told(reading: Reading) -> set[Money]:
    """Return what the amounts of a reply may mean: two of them that are explained explain what lies between them."""
    return {money for each in reading.amounts for money in reading.money(each)}


def _tells_difference(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether an amount may be a difference: words say so, or a reply opens with it and goes on to both prices."""
    if DIFFERS.search(expression.sentence) or ASKS_HOW_MUCH_MORE.search(reading.inbound):
        return True
    behind = [each for each in reading.amounts if each.start > expression.start]
    return expression.start <= _OPENING and len(behind) > 1 and expression is reading.amounts[0]


@lru_cache(maxsize=16)
def _sums(known: frozenset[Money], counts: tuple[int, ...]) -> tuple[frozenset[Money], frozenset[Money]]:
    """Return the multiples of explained amounts; and sums of two with a multiple, or of three or four."""
    multiples = frozenset((amount * count, currency) for amount, currency in known for count in counts)
    few = sorted(known)[:8]
    several = (
        (sum(amount for amount, _ in chosen), chosen[0][1])
        for size in (3, 4)
        for chosen in combinations(few, size)
        if len({currency for _, currency in chosen}) == 1
    )
    return multiples, frozenset((*several, *_pairs(multiples, known, minus=False)))


def _pairs(some: Collection[Money], others: Collection[Money], *, minus: bool) -> Iterator[Money]:
    for currency in {its for _, its in some}:
        here, there = ([amount for amount, its in each if its == currency] for each in (some, others))
        if minus:
            yield from [(abs(one - other), currency) for one in here for other in there if one != other]
        else:
            yield from [(one + other, currency) for one in here for other in there]


def _prices(reading: Reading) -> set[Money]:
    """Return the prices of the items that reply and prospect name."""
    return {
        (each.amount_minor, each.currency)
        for item in sorted(reading.named_items)[:MAX_KNOWN]
        for each in reading.implied(item)
        if each.role == "price" and each.quantity == 1
    }


def _changes(expression: MoneyExpression, reading: Reading) -> Iterator[Money]:
    """Yield by how much the price of an item goes up or down: between two of its prices that may be told."""
    said = {money for each in (*reading.amounts, *reading.asked) for money in reading.money(each)}
    is_of_the_past = bool(_SINCE.search(expression.sentence))
    for item in reading.about(expression).items:
        told = {
            (each.amount_minor, each.currency)
            for each in reading.implied(item)
            if each.quantity == 1
            and (each.role == "price" or (each.role == "past" and (is_of_the_past or each[:2] in said)))
        }
        yield from _pairs(told, told, minus=True)


def _base(expression: MoneyExpression, reading: Reading) -> set[Money]:
    """Return the totals of the items an expression is about: what a deposit may be a share of."""
    about = reading.about(expression)
    items = set(about.items) if about.named else _items_of_shares(reading)
    return {cost for item in items for cost in reading.costs(item)}


def _items_of_shares(reading: Reading) -> set[int]:
    """Return the items of whose price a reply tells a share, where the amount itself names none."""
    bound = [reading.about(each) for each in reading.expressions if each.kind == "percent"]
    named = {item for each in bound if each.named for item in each.items}
    is_told = bool(bound) or speaks_of_deposit(reading)
    return named or (set(range(len(reading.tenant.catalogue))) if is_told else set())


def _shares(base: Iterable[Money], expression: MoneyExpression, reading: Reading) -> Iterator[Money]:
    """Yield published percentages (a deposit, a fee) of totals, and what remains; a discount is no such share."""
    published = {e.value for e in reading.published.of_kind("percent")}
    told = [e for e in reading.expressions if e.kind == "percent" and e.value in published]
    stated = [e for e in told if e.deal == "fraction" or percent_kind(e) != "discount"]
    percents = {e.value for e in stated if is_percent_explained(e, reading.about(e), reading)}
    if speaks_of_deposit(reading) or _REST.search(expression.sentence):
        percents |= deposit_percents(reading.about(expression), reading)
    percents |= called_off_percents(expression, reading)
    totals = {*base, *_asked_amounts(expression, reading)}
    more = bool(DIFFERS.search(expression.sentence)) and any(percent_kind(e) == "surcharge" for e in stated)
    for percent in (int(each) if each == int(each) else each for each in percents):
        shares = [(amount, _share(amount, percent), currency) for amount, currency in totals]
        yield from [(share, currency) for _, share, currency in shares]
        yield from [(amount + share if more else amount - share, currency) for amount, share, currency in shares]


def _share(amount: int, percent: int | Decimal) -> int:
    """Return a percentage of an amount, rounded half up to the minor unit."""
    if isinstance(percent, int):
        return (amount * percent + 50) // 100
    return int((amount * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def _asked_money(reading: Reading) -> set[Money]:
    return {money for each in reading.asked if each.kind == "amount" for money in reading.money(each)}


def _asked_amounts(expression: MoneyExpression, reading: Reading) -> Iterator[Money]:
    """Yield what the prospect says to have paid, where the sentence is about giving it back."""
    if GIVEN_BACK.search(expression.sentence) or GIVEN_BACK.search(reading.inbound):
        yield from _asked_money(reading)


def _costs(left: Sequence[MoneyExpression], reading: Reading) -> list[frozenset[Money]]:
    """Return, for each of the few items that are named or that a common noun tells, what it may cost."""
    spoken_of = reading.named_items | reading.said.items
    named = spoken_of if len(spoken_of) <= MAX_NAMED else reading.named_items
    items = named or {item for e in left for item in reading.named_by_noun(e)}
    return [reading.costs(item) for item in sorted(items)]
