"""Whether the amounts of a reply follow from the catalogue, a published text, the prospect or arithmetic (P5)."""

import re
from collections.abc import Iterator

from agent.folding import fold
from agent.guardrails.conditions import condition_of, is_regardless
from agent.guardrails.expressions import load_expressions
from agent.guardrails.implied import UNITS, Implied
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.pricing_arithmetic import ASKS_HOW_MUCH_MORE, DIFFERS, Known, after_arithmetic
from agent.guardrails.pricing_dates import is_out_of_date
from agent.guardrails.pricing_free import FEE
from agent.guardrails.pricing_reading import Bound, Reading, is_unit_of_name
from agent.guardrails.pricing_terms import is_own_figure, is_published, items_cheaper_with, percent_kind
from agent.guardrails.published import price_values
from agent.guardrails.unit_cues import EVERYONE, is_for_everyone, is_for_the_first, sold_units, unit_class
from agent.prices import valid_prices

_WORDS = load_expressions("pricing_words")

_EACH = re.compile(r"\b(?:cada|each|every|per|adicional|additional|further|extra|suplementari[oa])\b")
_BY_THE_PIECE = frozenset({"other", "session"})

NOT_FOLLOWING = "This amount does not follow from the catalogue; use a price reference."
ROUNDED = "A price is stated exactly, never about."
NOT_THE_LEAST = "There is a lower price than this 'from'."
OUT_OF_DATE = "This price does not hold as long as that; name its last day, or the price that follows."
NOT_A_PART = "These instalments do not add up to a published price."

_PAST = re.compile(
    r"\b(?:era[n]?|eram|costaba\w*|custava\w*|was|were|used to|antes|before|en 20\d\d|in 20\d\d"
    r"|(?:hasta|ate|until)(?! \d{1,3} ?(?:x\b|cuota|plazo|pago|parcel|prest|mensual|instal|payment|vezes|mes\b|meses))"
    r"|em 20\d\d|anterior|previous|old|pasad[oa]|(?:termino|acabo|expiro|caduco|vencio)(?! (?:de|el|la|por)\b)"
    r"|terminou|acabou|expirou|venceu|encerrou|ended|expired|lapsed)\b"
)
_TO_PART = _WORDS["to_part"]

_FLAT = _WORDS["flat"]
"""A price for all, however many they are."""
_LASTS_A_YEAR = _WORDS["lasts_a_year"]
_FOR_ALL = re.compile(
    r"^[^.;!?\d]{0,25}\b(?:for|para|pra|entre|pel[oa]s)(?: the| l[oa]s| os| as)?"
    r" (?:[2-9]|both|two|three|four|five|six|all|dos|dois|duas|tres|cuatro|quatro|cinco|seis|todos|todas|ambos|ambas)\b"
)
_HOLDS = re.compile(
    r"^ (?:only |solo |so |apenas |ya |also )?(?:runs?|applies|is valid|vale|rige|aplica|corre|valem|rigen)\b"
)
"""Behind the amount of a discount: "the £750 only runs until April"."""
_LOWERED = frozenset({"discounted", "saving"})
_OTHERWISE = re.compile(
    r"\b(?:demas|demais|others?|otherwise|everyone else|si no|senao|otros|outros|sin|sem|without|por separado"
    r"|separately|aparte|a parte|on (?:its|their) own)\b"
)
"""In front of what those pay who do not have the other item."""
_TOGETHER = re.compile(r"(?:o|el|la|los|a|the) (?:casal|pareja|couple|grupo|group|familia|family)")
"""The amount is for all of them: no unit of which there may be several."""
_NEXT = 8
"""Characters between "you don't pay" and what."""
_CALLED_FEE = re.compile(
    r"\b(?:tasa|taxa|fee|cuota|cargo|custo|costo)(?: (?:unic[oa]|inicial|de (?:inicio|alta|entrada)))?"
    r"(?: (?:de|of|es|e|is|son|sao)){0,2} ?[(,:]? ?$"
)
_AN_HOUR = re.compile(r"\b(?:60 ?min\w*|(?:1|una|uma|one|an) (?:hora|hour))\b")
_HOURLY = re.compile(r"\b(?:hora|hour)\b")
_ONE_PAYMENT = re.compile(r"\b(?:pag|payment|vez\b)")
"""How several months are paid together."""
_TIMES = frozenset({"day", "week", "night", "hour", "kilometre", "mile"})
_BY_PIECE = re.compile(
    r"\b(?:por|per|cada|each|(?:de|of) (?:un|una|um|uma|one|an?)) (?!mes|month|person|pessoa|dia|day|semana|week|noche"
    r"|night|noite|hora|hour|ano|year|vez)[a-z]{3,}"
)
_FOR_SEVERAL = re.compile(
    r"\b(?:para|ate|hasta|up to|for) (?:[2-9]|1\d|dos|duas|two|tres|three|quatro|cuatro|four)"
    r" (?:personas|pessoas|people|persons|pax|pasajeros|passageiros|passengers|adultos|adults)\b"
)
_WITH_DISCOUNT = re.compile(
    r"^ ?,? ?(?:(?:ya|ja|already) )?(?:with|con|com|after|tras|apos|incluy\w+|incluindo)"
    r"(?: (?:the|el|o|un|um|a|your|tu|su|seu))? \d{1,2} ?% (?:off|discount|de desc|desc|menos|less)"
)
"""Behind an amount: it is said to be lowered already."""
_PER_HEAD = re.compile(
    r"^[^\d.,;!?]{0,14}\b(?:por|per|each|cada|a) (?:persona|person|pessoa|emplead\w+|employee|funcionari\w+|usuari\w+"
    r"|user|seat|head|cabeza|cabeca|colaborador\w*|puesto|licen\w+)\b"
)
_ELIDED = re.compile(r"\b(?:el|la|lo|o|a|the(?: one)?) (?:de|of) ?$")
_LOWER_PRICE = re.compile(r"\b(?:descuent|descont|discount|rebaj|promo|oferta|offer|off\b)")
"""What "the one of $450" is, where the prospect has asked about it."""
_ONE_MORE = re.compile(r" ?\+ ?1 ?[x×]")
"""How `agent.prices` renders a last part that makes the sum exact: "5 x R$ 398,33 + 1 x R$ 398,35"."""


def amount_objections(reading: Reading) -> Iterator[tuple[MoneyExpression, str]]:
    """Yield the amounts that nothing explains, and those that are said in a wrong way, with what is wrong."""
    known = Known()
    left: list[MoneyExpression] = []
    for expression in reading.amounts:
        if _is_in_a_name(expression, reading):
            continue
        about = reading.about(expression)
        instalments = _instalments_of(expression, reading)
        is_extra = not about.named and percent_kind(expression) == "surcharge"
        found = [] if is_extra else _implied(expression, about, instalments, reading)
        if found:
            known.add((each.amount_minor, each.currency) for each in found)
            known.later.update(
                (each.amount_minor, each.currency)
                for each in found
                if each.role == "discounted" and each.quantity == 1 and _is_never_first(each.item, reading)
            )
            if instalments and instalments.deal == "times":
                whole = (each for each in found if each.role != "part")
                known.add((each.amount_minor * int(instalments.value), each.currency) for each in whole)
            yield from _said_wrongly(expression, about, reading)
            if is_out_of_date(expression, found, reading):
                yield expression, OUT_OF_DATE
        elif _is_published_amount(expression, reading):
            known.add(reading.money(expression))
            if expression.currencies:
                apart = known.deposits if percent_kind(expression) == "deposit" else known.extras
                apart.update(reading.money(expression))
        elif is_own_figure(expression, reading) and not _is_waived(expression, reading):
            known.add(reading.money(expression) & _list_prices(reading))
        elif instalments and instalments.value > 1:
            yield expression, NOT_A_PART
        else:
            left.append(expression)
    yield from ((expression, NOT_FOLLOWING) for expression in after_arithmetic(left, known, reading))


def _list_prices(reading: Reading) -> frozenset[tuple[int, str]]:
    """Return all prices of the day: one that the prospect names may be added to."""
    return frozenset(
        (price.amount_minor, price.currency)
        for item in reading.tenant.catalogue
        for price in valid_prices(item, reading.today)
    )


def _is_waived(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether an amount is what is said not to be paid: "no pagas los 25 EUR de inscripción"."""
    return any(e.kind == "free" and 0 <= expression.start - e.end <= _NEXT for e in reading.expressions)


def _is_in_a_name(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a bare number is part of an item's name: "el de 25 pies cuesta 73 €"."""
    if expression.currencies or expression.kind != "amount":
        return False
    start, end = expression.span
    return any(m.start <= start and end <= m.end and end - start < m.end - m.start for m in reading.mentions)


# --- the catalogue ----------------------------------------------------------------------------------------------


def _implied(
    expression: MoneyExpression, about: Bound, instalments: MoneyExpression | None, reading: Reading
) -> list[Implied]:
    """Return what of the catalogue an amount may be."""
    money = reading.money(expression)
    cheaper = (each for item in items_cheaper_with(about, expression, reading) for each in reading.implied(item))
    lowered = [
        each
        for each in cheaper
        if (each.role in _LOWERED or (each.role == "price" and _OTHERWISE.search(expression.before)))
        and each[:2] in money
        and _fits(each, expression, instalments, reading)
    ]
    reductions = [] if instalments else [*_reductions(expression, reading)]
    return (
        reductions
        + lowered
        + [
            each
            for item in _items_of(expression, about, instalments, reading)
            for each in reading.implied(item)
            if (each.amount_minor, each.currency) in money and _fits(each, expression, instalments, reading)
        ]
    )


def _reductions(expression: MoneyExpression, reading: Reading) -> Iterator[Implied]:
    """Yield the published amounts that an item spoken of is lowered by, whatever else the sentence names."""
    about = reading.about(expression)
    if expression.unit or not about.named or is_regardless(expression.sentence):
        return
    catalogue, money = reading.tenant.catalogue, reading.money(expression)
    others = frozenset() if about.explicit and not about.aside else reading.named_items | reading.said.items
    for item in others.union(about.items):
        fixed = {each.amount_minor for each in catalogue[item].discounts} - {None}
        savings = (each for each in reading.implied(item) if each.role == "saving" and each.quantity == 1)
        yield from (each for each in savings if each[:2] in money and each.amount_minor in fixed)


def _items_of(
    expression: MoneyExpression, about: Bound, instalments: MoneyExpression | None, reading: Reading
) -> Iterator[int]:
    """Yield the items an amount may be the price of; what is multiplied, "12 × 149,90", of any that is spoken of."""
    yield from about.items
    yield from _fee(expression, reading)
    yield from _sold_so(about, expression, reading)
    if instalments and instalments.deal == "times" and ASKS_HOW_MUCH_MORE.search(reading.inbound):
        yield from reading.named_items - set(about.items)


def _fee(expression: MoneyExpression, reading: Reading) -> list[int]:
    """Return the item that is a fee, if there is one only, and an amount is called one: "a taxa única de R$ 150"."""
    if not _CALLED_FEE.search(expression.before):
        return []
    catalogue = reading.tenant.catalogue
    fees = [n for n, each in enumerate(catalogue) if any(FEE.search(fold(name)) for name in each.name.values())]
    return fees if len(fees) == 1 else []


def _sold_so(about: Bound, expression: MoneyExpression, reading: Reading) -> list[int]:
    """Return the items sold by the unit said, if none that is spoken of is: "the plan".

    Where its sentence names others, "£19 a month covers a service", only those that the prospect has named.
    """
    if expression.unit not in {"month", "session", "course"}:
        return []
    catalogue = reading.tenant.catalogue
    sold = [n for n, each in enumerate(catalogue) if any(expression.unit in UNITS[p.unit] for p in each.prices)]
    if set(sold) & set(about.items):
        return []
    return [n for n in sold if n in reading.asked_items] if about.explicit and not about.aside else sold


def _fits(each: Implied, expression: MoneyExpression, instalments: MoneyExpression | None, reading: Reading) -> bool:
    """Say whether the words around an amount suit what it may be."""
    lasts_too_long = "month" in each.units and "year" not in each.units and _covers_a_year(expression)
    if lasts_too_long or not _fits_unit(each, expression, reading):
        return False
    if instalments and instalments.value > 1:
        multiplies = each.role in {"price", "discounted"} and (instalments.deal == "times" or "month" in each.units)
        more = bool(_ONE_MORE.match(reading.plain.text, expression.end))
        return multiplies or each.parts == instalments.value + more
    if each.role in {"saving", "discounted"} and is_regardless(expression.sentence):
        return False
    return _fits_role(each, expression, reading)


def _fits_role(each: Implied, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether the sentence speaks of a part, a saving, a past price or a price."""
    match each.role:
        case "part":
            in_parts = any(e.kind == "instalments" for e in (*reading.expressions, *reading.asked))
            return in_parts or expression.before.rstrip().endswith((f" {each.parts} de", f" {each.parts} of"))
        case "saving":
            told = DIFFERS.search(expression.sentence) or _HOLDS.search(expression.after)
            told = told or (_ELIDED.search(expression.before) and _LOWER_PRICE.search(reading.inbound))
            return bool(told) or _answers_how_much_less(expression, reading) or _lowers_a_total(each, reading)
        case "past":
            return bool(_PAST.search(expression.sentence))
        case "discounted" if each.quantity == 1 and is_for_the_first(expression.before, expression.after):
            return not _is_never_first(each.item, reading)
        case _:
            return _fits_number(each, expression, reading)


def _answers_how_much_less(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a sentence begins with the saving that the prospect asks for: "$42.90, if you pay in full"."""
    return expression.place <= _NEXT and bool(ASKS_HOW_MUCH_MORE.search(reading.inbound))


def _lowers_a_total(each: Implied, reading: Reading) -> bool:
    """Say whether a reply tells what a discount makes of what: "157.500 … saem 8.000 … 149.500"."""
    told = {amount for e in reading.amounts for amount, currency in reading.money(e) if currency == each.currency}
    return any(total - each.amount_minor in told for total in told - {each.amount_minor})


def _fits_unit(each: Implied, expression: MoneyExpression, reading: Reading) -> bool:
    if expression.unit == "other" and _TOGETHER.fullmatch(expression.unit_words):
        return each.quantity > 1 or _is_for_several(each.item, reading)
    if expression.unit in {"session", "other"} and each.quantity > 1 and not _FOR_ALL.match(expression.after):
        return False
    at_once = expression.unit == "once" and each.quantity > 1 and _ONE_PAYMENT.search(expression.unit_words)
    if at_once or ("" in each.units and _is_unit_of_another(each.item, expression, reading)):
        return True
    if expression.unit in each.units or _is_published_unit(each.item, expression, reading):
        return True
    if expression.unit == "other" and _is_sold_by_piece(each.item, reading):
        return unit_class(expression.unit_words) not in _TIMES
    return expression.unit in {"other", "year"} and is_unit_of_name(expression, each.item, reading)


def _is_unit_of_another(item: int, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a unit in front is a word of another item's name: "no plano anual a matrícula de R$ 99"."""
    if not expression.unit_words or not expression.before.endswith(expression.unit_words):
        return False
    start = reading.plain.span(expression.start - len(expression.unit_words), expression.start)[0]
    return any(m.start <= start < m.end and item not in m.items for m in reading.mentions)


def _fits_number(each: Implied, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a price may be that of so many people or sessions as its sentence says."""
    if _PER_HEAD.match(expression.after) and (
        _describes(each.item, EVERYONE, reading) or _is_for_several(each.item, reading)
    ):
        return False
    if _WITH_DISCOUNT.match(expression.after) and each.role == "price" and not _is_followed(expression, reading):
        return False
    if each.quantity == 1 and _FLAT.search(expression.sentence) and _is_by_seat(each.item, reading):
        return False
    if expression.people > 1 and each.quantity == 1:
        return _describes(each.item, expression.people, reading)
    return not (expression.people == 1 and each.role == "discounted" and _least(each.item, reading) > 1)


def _is_by_seat(item: int, reading: Reading) -> bool:
    """Say whether an item is paid for each person, so that its price is no flat one."""
    return any(price.unit == "seat_month" for price in reading.tenant.catalogue[item].prices)


def _covers_a_year(expression: MoneyExpression) -> bool:
    """Say whether an amount is told to last a year by words further behind it: "$19, and that covers you all year"."""
    return expression.unit in {"", "once"} and bool(_LASTS_A_YEAR.match(expression.after))


def _instalments_of(expression: MoneyExpression, reading: Reading) -> MoneyExpression | None:
    """Return the number of instalments right before an amount: "6 cuotas sin intereses de 66,50 €"."""
    before = [e for e in reading.expressions if e.kind == "instalments" and e.value and e.end <= expression.start]
    last = max(before, key=lambda e: e.end, default=None)
    if last is None or expression.start - last.end > 60:
        return None
    return last if _TO_PART.match(reading.plain.text[last.end : expression.start]) else None


def _is_published_unit(item: int, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether prices are published by a unit that only texts name, "por noche", or the item's own description."""
    if expression.unit != "other":
        return False
    told = [fold(text) for text in reading.tenant.catalogue[item].description.values()]
    if _HOURLY.search(expression.unit_words) and any(map(_AN_HOUR.search, told)):
        return all(price.unit == "session" for price in reading.tenant.catalogue[item].prices)
    return unit_class(expression.unit_words) in reading.published.units.union(*map(sold_units, told))


def _is_never_first(item: int, reading: Reading) -> bool:
    """Say whether a discount of an item lowers only what the second person pays, and the next."""
    catalogue = reading.tenant.catalogue
    return any(condition_of(d, item, catalogue).not_first for d in catalogue[item].discounts)


def _least(item: int, reading: Reading) -> int:
    """Return of how many a discount of the item is at least, at most."""
    catalogue = reading.tenant.catalogue
    return max((condition_of(d, item, catalogue).least for d in catalogue[item].discounts), default=0)


def _is_sold_by_piece(item: int, reading: Reading) -> bool:
    """Say whether an item's description says of what it is the price, "por trecho": a reply may say it otherwise."""
    return any(_BY_PIECE.search(fold(text)) for text in reading.tenant.catalogue[item].description.values())


def _is_for_several(item: int, reading: Reading) -> bool:
    """Say whether an item is sold once for some people together: "a tour of 4 hours, up to 4 people"."""
    product = reading.tenant.catalogue[item]
    once = all(price.unit in {"one_time", "item"} for price in product.prices)
    return once and any(_FOR_SEVERAL.search(fold(text)) for text in product.description.values())


def _is_followed(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether another amount stands behind this one in its sentence."""
    return any(expression.end < each.start <= expression.sentence_span[1] for each in reading.amounts)


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
        return _is_published_so(expression, reading)
    if not expression.hedge and _is_multiple_of_published(expression, reading):
        return True
    if not is_published(expression, reading):
        return not expression.currencies and _is_published_number(expression, reading)
    return expression.hedge != "about" or any(
        each.hedge == "about" and each.value == expression.value for each in reading.published.of_kind("amount")
    )


def _is_published_number(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a bare number is one that a text states, and by the week or the day none of the prices."""
    if expression.value not in reading.published.numbers:
        return False
    return expression.unit == "" or expression.value not in price_values(reading.tenant)


def _is_published_so(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a published text states the amount by the same unit: "250.000 pesos por cita"."""
    return any(
        each.unit == expression.unit and set(each.values) & set(expression.values)
        for each in reading.published.of_kind("amount")
        if not each.currencies or not expression.currencies or each.currencies & expression.currencies
    )


def _is_multiple_of_published(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether an amount is so many times one that a text states by the piece: "each further metre costs 18 €"."""
    several = [count for count in {*reading.counts, *reading.distances} if count > 1]
    return any(
        value * count in expression.values
        for each in reading.published.of_kind("amount")
        if (each.unit in _BY_THE_PIECE or _EACH.search(each.before[-60:]))
        and (not each.currencies or not expression.currencies or each.currencies & expression.currencies)
        for value in each.values
        for count in several
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
