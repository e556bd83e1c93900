"""Whether the amounts of a reply follow from the catalogue, a published text, the prospect or arithmetic (P5)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from agent.folding import fold
from agent.guardrails.conditions import condition_of, is_regardless
from agent.guardrails.implied import Implied, find_sums
from agent.guardrails.item_names import is_in_name
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.pricing_dates import is_out_of_date
from agent.guardrails.pricing_reading import Bound, Reading
from agent.guardrails.pricing_terms import (
    GIVEN_BACK,
    deposit_percents,
    is_own_figure,
    is_percent_explained,
    is_published,
    percent_kind,
)
from agent.guardrails.unit_cues import EVERYONE, is_for_everyone, unit_class

MAX_ROUNDS = 3
"""So many steps of arithmetic are followed, from a price to a total of totals."""
MAX_KNOWN = 30

NOT_FOLLOWING = "This amount does not follow from the catalogue; use a price reference."
ROUNDED = "A price is stated exactly, never about."
NOT_THE_LEAST = "There is a lower price than this 'from'."
OUT_OF_DATE = "This price does not hold as long as that; name its last day, or the price that follows."
NOT_A_PART = "These instalments do not add up to a published price."

_DIFFERS = re.compile(
    r"\b(?:adds?|plus|suma\w*|suplement\w*|supplement\w*|recargo|surcharge|rather than|mas|menos|more|less|ahorr\w*|econom\w*|sav\w*|diff?eren\w*|extra|adicional\w*|cheaper|barat\w*|dearer"
    r"|car[oa]|rest\w*|saldo|balance|remain\w*|sube\w*|aument\w*"
    r"|baj\w*|off|descuent\w*|descont\w*|discount\w*|rebaj\w*|sobra\w*|falta\w*|a mais|a menos|instead|go(?:es)? up"
    r"|reduc\w*|under|below|gap|keep|rise\w*|increase\w*|drop\w*)\b|[=-]"
)
_PAST = re.compile(
    r"\b(?:era[n]?|eram|costaba\w*|custava\w*|was|were|used to|antes|before|hasta|ate|until|en 20\d\d|in 20\d\d"
    r"|em 20\d\d|anterior|previous|old|pasad[oa])\b"
)
_REST = re.compile(r"\b(?:saldo|rest\w*|balance|remain\w*|falta\w*|outstanding)\b")
_TO_PART = re.compile(
    r"^ ?(?:(?:sin interes(?:es)?|sem juros|interest[- ]free|mensual(?:es)?|mensa(?:l|is)|monthly|iguales|iguais"
    r"|equal|comod[oa]s|fij[oa]s|fixas|cada un[oa]|payments?"
    r"|instal?lments|cuotas|pagos|plazos|parcelas|de|of|a|at|por|x|=|:|,|\(|son|sao|each|is|are|solo|just|only|apenas"
    r"|te queda[n]? en|quedan? en|ficam? em) ?){0,6}$"
)

_PER_HEAD = re.compile(
    r"^[^\d.,;!?]{0,14}\b(?:por|per|each|cada|a) (?:persona|person|pessoa|emplead\w+|employee|funcionari\w+|usuari\w+|user"
    r"|seat|head|cabeza|cabeca|colaborador\w*|puesto|licen\w+)\b"
)
_ONE_MORE = re.compile(r" ?\+ ?1 ?[x×]")
"""How `agent.prices` renders a last part that makes the sum exact: "5 x R$ 398,33 + 1 x R$ 398,35"."""

_Money = tuple[int, str]
"""Minor units and currency."""


@dataclass
class _Known:
    """What is explained so far, to do arithmetic with."""

    money: set[_Money] = field(default_factory=set)

    def add(self, found: Iterable[_Money]) -> None:
        """Remember amounts, up to `MAX_KNOWN`."""
        self.money.update(each for each in found if len(self.money) < MAX_KNOWN)


def amount_objections(reading: Reading) -> Iterator[tuple[MoneyExpression, str]]:
    """Yield the amounts that nothing explains, and those that are said in a wrong way, with what is wrong."""
    known = _Known()
    left: list[MoneyExpression] = []
    for expression in reading.amounts:
        about = reading.about(expression)
        instalments = _instalments_of(expression, reading)
        found = _implied(expression, about, instalments, reading)
        if found:
            known.add((each.amount_minor, each.currency) for each in found)
            yield from _said_wrongly(expression, about, reading)
            if is_out_of_date(expression, found, reading):
                yield expression, OUT_OF_DATE
        elif _is_published_amount(expression, reading):
            known.add(reading.money(expression))
        elif is_own_figure(expression, reading):
            continue
        elif instalments and instalments.value > 1:
            yield expression, NOT_A_PART
        else:
            left.append(expression)
    yield from ((expression, NOT_FOLLOWING) for expression in _after_arithmetic(left, known, reading))


# --- the catalogue ----------------------------------------------------------------------------------------------


def _implied(
    expression: MoneyExpression, about: Bound, instalments: MoneyExpression | None, reading: Reading
) -> list[Implied]:
    """Return what of the catalogue an amount may be."""
    money = reading.money(expression)
    return [
        each
        for item in about.items
        for each in reading.implied(item)
        if (each.amount_minor, each.currency) in money and _fits(each, expression, instalments, reading)
    ]


def _fits(each: Implied, expression: MoneyExpression, instalments: MoneyExpression | None, reading: Reading) -> bool:
    """Say whether the words around an amount suit what it may be."""
    if not _fits_unit(each, expression, reading):
        return False
    if instalments and instalments.value > 1:
        multiplies = instalments.deal == "times" and each.role in {"price", "discounted"}
        more = bool(_ONE_MORE.match(reading.plain.text, expression.end))
        return multiplies or each.parts == instalments.value + more
    match each.role:
        case "part":
            return any(e.kind == "instalments" for e in (*reading.expressions, *reading.asked))
        case "saving" if is_regardless(expression.sentence):
            return False
        case "discounted" if is_regardless(expression.sentence):
            return False
        case "saving":
            return bool(_DIFFERS.search(expression.sentence))
        case "past":
            return bool(_PAST.search(expression.sentence))
        case _:
            return _fits_number(each, expression, reading)


def _fits_unit(each: Implied, expression: MoneyExpression, reading: Reading) -> bool:
    if expression.unit in {"session", "other"} and each.quantity > 1:
        return False
    if expression.unit in each.units or _is_published_unit(expression, reading):
        return True
    return expression.unit == "other" and any(
        is_in_name(reading.tenant.catalogue, each.item, word) for word in expression.unit_words.split() if len(word) > 2
    )


def _fits_number(each: Implied, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a price may be that of so many people or sessions as its sentence says."""
    if _PER_HEAD.match(expression.after) and _describes(each.item, EVERYONE, reading):
        return False
    if expression.people > 1 and each.quantity == 1:
        return _describes(each.item, expression.people, reading)
    return not (expression.people == 1 and each.role == "discounted" and _least(each.item, reading) > 1)


def _instalments_of(expression: MoneyExpression, reading: Reading) -> MoneyExpression | None:
    """Return the number of instalments right before an amount: "6 cuotas sin intereses de 66,50 €"."""
    before = [e for e in reading.expressions if e.kind == "instalments" and e.value and e.end <= expression.start]
    last = max(before, key=lambda e: e.end, default=None)
    if last is None or expression.start - last.end > 60:
        return None
    return last if _TO_PART.match(reading.plain.text[last.end : expression.start]) else None


def _is_published_unit(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether prices are published by a unit that only texts name: "por noche"."""
    return expression.unit == "other" and unit_class(expression.unit_words) in reading.published.units


def _least(item: int, reading: Reading) -> int:
    """Return of how many a discount of the item is at least, at most."""
    catalogue = reading.tenant.catalogue
    return max((condition_of(d, item, catalogue).least for d in catalogue[item].discounts), default=0)


def _describes(item: int, number: int, reading: Reading) -> bool:
    """Say whether an item's description or name has a number: a treatment in two visits is the price of both."""
    product = reading.tenant.catalogue[item]
    texts = (*product.description.items(), *product.name.items())
    if number == EVERYONE:
        return any(is_for_everyone(fold(text)) for _, text in texts)
    return any(re.search(rf"\b{number}\b", digits_for_words(text.casefold(), language)) for language, text in texts)


def _is_published_amount(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a published text states the amount, and not clearly of another thing."""
    if expression.unit not in {"", "once", "other"}:
        return False
    if not is_published(expression, reading):
        return not expression.currencies and expression.value in reading.published.numbers and expression.unit == ""
    return expression.hedge != "about" or any(
        each.hedge == "about" and each.value == expression.value for each in reading.published.of_kind("amount")
    )


def _said_wrongly(expression: MoneyExpression, about: Bound, reading: Reading) -> Iterator[tuple[MoneyExpression, str]]:
    """Yield what is wrong with the way a price is said: rounded, or a "from" that is not the least."""
    if expression.hedge == "about" and not is_own_figure(expression, reading) and not is_published(expression, reading):
        yield expression, ROUNDED
    if (
        expression.hedge == "from"
        and not _is_least(expression, about, reading)
        and not is_published(expression, reading)
    ):
        yield expression, NOT_THE_LEAST


def _is_least(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether no item the amount is about costs less; where nothing is named, none sold by the same unit."""
    money = reading.money(expression)
    found = [each for item in about.items for each in reading.implied(item)]
    same = [each for each in found if (each.amount_minor, each.currency) in money]
    units = {unit for each in same for unit in each.units} if not about.named else None
    least = {
        each.currency: min(
            o.amount_minor
            for o in found
            if o.currency == each.currency and o.role == "price" and (units is None or o.units & units - {""})
        )
        for each in same
        if each.role == "price"
    }
    return any(least.get(currency, amount) >= amount for amount, currency in money)


# --- arithmetic -------------------------------------------------------------------------------------------------


def _after_arithmetic(left: list[MoneyExpression], known: _Known, reading: Reading) -> list[MoneyExpression]:
    """Return what is left when sums, multiples and published shares of explained amounts are explained too."""
    if not left:
        return left
    groups = _costs(reading)
    for _ in range(MAX_ROUNDS):
        explained = [e for e in left if _follows(e, known.money, groups, reading)]
        if not explained:
            break
        left = [e for e in left if e not in explained]
        for e in explained:
            money = reading.money(e)
            known.add((money & _derived(e, known.money, reading)) | find_sums(money, groups))
    return left


def _follows(
    expression: MoneyExpression, known: set[_Money], groups: Sequence[frozenset[_Money]], reading: Reading
) -> bool:
    if expression.unit not in {"", "month", "year", "once"} or expression.hedge:
        return False
    if is_regardless(expression.sentence) and _DIFFERS.search(expression.sentence):
        return False
    money = reading.money(expression)
    return bool(find_sums(money, groups)) or bool(money & _derived(expression, known, reading))


def _derived(expression: MoneyExpression, known: set[_Money], reading: Reading) -> frozenset[_Money]:
    """Return what follows from explained amounts, as far as the words of the expression's sentence allow it."""
    multiples = {(amount * count, currency) for amount, currency in known for count in reading.counts}
    found = set(multiples) | _subset_sums(known) | set(_pairs(multiples, known, minus=False))
    if _DIFFERS.search(expression.sentence):
        found |= set(_pairs(multiples | _prices(reading), known | _prices(reading), minus=True))
    found |= set(_shares(multiples | _subset_sums(known) | _base(expression, reading), expression, reading))
    return frozenset(found)


def _pairs(some: Iterable[_Money], others: Iterable[_Money], *, minus: bool) -> Iterator[_Money]:
    for amount, currency in some:
        for other, other_currency in others:
            if currency == other_currency and amount != other:
                yield (abs(amount - other) if minus else amount + other), currency
            elif currency == other_currency and not minus:
                yield amount + other, currency


def _subset_sums(known: set[_Money]) -> set[_Money]:
    """Return the sums of three or four explained amounts."""
    few = sorted(known)[:8]
    return {
        (sum(amount for amount, _ in chosen), chosen[0][1])
        for size in (3, 4)
        for chosen in combinations(few, size)
        if len({currency for _, currency in chosen}) == 1
    }


def _prices(reading: Reading) -> set[_Money]:
    """Return the prices of the items that reply and prospect name."""
    return {
        (each.amount_minor, each.currency)
        for item in sorted(reading.named_items)[:MAX_KNOWN]
        for each in reading.implied(item)
        if each.role == "price" and each.quantity == 1
    }


def _base(expression: MoneyExpression, reading: Reading) -> set[_Money]:
    """Return the totals of the items an expression is about: what a deposit may be a share of."""
    about = reading.about(expression)
    if not about.named and percent_kind(expression) != "deposit" and not _REST.search(expression.sentence):
        return set()
    return {cost for item in about.items for cost in reading.costs(item)}


def _shares(base: Iterable[_Money], expression: MoneyExpression, reading: Reading) -> Iterator[_Money]:
    """Yield published percentages (a deposit, a fee) of totals, and what remains; a discount is no such share."""
    published = {e.value for e in reading.published.of_kind("percent")}
    stated = [
        e for e in reading.expressions if e.kind == "percent" and percent_kind(e) != "discount" and e.value in published
    ]
    percents = {e.value for e in stated if is_percent_explained(e, reading.about(e), reading)}
    if percent_kind(expression) == "deposit" or _REST.search(expression.sentence):
        percents |= deposit_percents(reading.about(expression), reading)
    totals = (*base, *_asked_amounts(expression, reading))
    more = bool(_DIFFERS.search(expression.sentence)) and any(percent_kind(e) == "surcharge" for e in stated)
    for percent in percents:
        for amount, currency in totals:
            share = int((amount * percent / 100).quantize(Decimal(1)))
            yield share, currency
            yield amount + share if more else amount - share, currency


def _asked_amounts(expression: MoneyExpression, reading: Reading) -> Iterator[_Money]:
    """Yield what the prospect says to have paid, where the sentence is about giving it back."""
    if GIVEN_BACK.search(expression.sentence):
        yield from (money for each in reading.asked if each.kind == "amount" for money in reading.money(each))


def _costs(reading: Reading) -> list[frozenset[_Money]]:
    """Return, for each of the few items that are named, what it may cost."""
    return [reading.costs(item) for item in sorted(reading.named_items)]
