"""Whether a percentage, instalments, something free, a deal or a tax on top follows from what is published (P5)."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from agent.guardrails.conditions import condition_of, is_met, is_regardless
from agent.guardrails.expressions import load_expressions
from agent.guardrails.money_text import MoneyExpression
from agent.guardrails.own_figures import NO_LONGER, is_acknowledged, is_declined, is_denied, is_offered
from agent.guardrails.pricing_facts import is_share_of_counts, is_told_of_customers
from agent.guardrails.pricing_free import is_free_explained
from agent.guardrails.pricing_reading import Bound, Reading
from agent.guardrails.published import mentions_in_published, sounds_alike
from agent.prices import valid_discounts

_WORDS = load_expressions("pricing_words")

_WINDOW = 45
_NEAR = 12
_LOWERS = _WORDS["lowers"]
_DEPOSIT = _WORDS["deposit"]
GIVEN_BACK = re.compile(
    r"\b(?:devol|devuel|reembols|refund|get(?:ting)? (?:\w+ ){0,2}back"
    r"|retien|retid|reten|retain(?!er)|withh|give back|money back|regres"
    r"|(?:we|will|you) return\b|returned\b)"
)
"""How a text says that money is paid back, or kept."""
TAX = re.compile(r"\b(?:iva|vat|gst|igv|itbis|iss|icms|impuestos?|impostos?|tax(?:es)?)\b")
_AHEAD = re.compile(r"\b(?:prepay\w*|prepaid|up ?front|in advance|(?:adelant|anticip|antecip|adiant)ad\w+)\b")
SURCHARGE = re.compile(r"\b(?:suplement|recargo|surcharge|supplement|acrescim|adicional|adds?\b|sobretasa|encarece)")
"""How a text says that something comes on top."""
_INTEREST_FREE = re.compile(
    r"\b(?:(?:sin|cero|0 ?%(?: de)?) interes(?:es)?|sem juros|juros? zero|interest[- ]free|no interest"
    r"|without interest|zero interest|0 ?% (?:interest|apr|tae|intereses"
    r"|juros|financing)|msi)\b"
)
_LOANS = frozenset({"months", "term", "financed"})
"""Ways to name instalments that mean a loan."""
_OF_A_DEPOSIT = re.compile(
    r"^ (?:del|d[oa](?: seu| teu)?|(?:of|de) (?:the|your|our|that|la|tu|su|nuestr[oa])) (?:deposit\w*|anticipo"
    r"|sen(?:al|a)\b|sinal|entrada|fianza|enganche|down ?payment|abono|reserva)"
)
"""Behind a percentage: it is a share of the deposit ("50 % del anticipo"), and none itself ("30 % de anticipo")."""
_CALLED_OFF = re.compile(
    r"\b(?:cance\w+|anul\w+|desmarc\w+|desist\w+|avis\w+|notice|notify|no[- ]?shows?|antelac\w+|antecedenc\w+"
    r"|anticipac\w+|falt(?:o|as|ar|a|e)\b|miss(?:ed|ing)?|call(?:ed)? off|ultim[oa] (?:momento|hora)|last[- ]minute"
    r"|vispera|vespera)\b"
)
"""How reply or prospect speak of what is called off: a share of the price may be charged, or given back."""
_PART_OF = re.compile(
    r" (?:of|del?|d[oa]|d(?:isso|esse|essa|aquilo))\b|half the (?!price|cost|rate)"
    r"|(?:terc|third|cuart|quart|quint|fifth|deci|tent)"
)
"""A fraction that may be a share of a price, as "a quarter of that": no "half price"."""
_ENDS = re.compile(r"[;!?]|\.(?!\d)")
_ENDS_OR_COMMA = re.compile(r"[;!?]|[.,](?!\d)")
_UNSURE = re.compile(
    r"\b(?:confirm\w*|consult\w*|averigu\w*|revis\w*|verific\w*|check\w*|pregunt\w*|pergunt\w*|ask\w*|find out"
    r"|se puede\?|depende|depends)\b"
)

_NOTHING_WITHOUT = re.compile(
    r"^,?(?: (?!cobr|charg|fee|gast)[\w']+){0,3}? (?:no|nao|not|cannot|\w+n't|nada|nothing|nadie|ninguem|nobody|no one"
    r"|none|imposible|impossivel|impossible)\b(?! (?:(?:hay|tem|ha|es|e|a|any|pasa|is a) )?(?:ningun |nenhum )?"
    r"(?:problema?s?\b|nada\b|worr|issue|cobr|cargo|cost|custo|pag|pay|charge|fee|hace falta|strings|matter|drama"
    r"|stress))"
)
"""Behind "without a deposit": it is needed."""


def objection(expression: MoneyExpression, reading: Reading) -> str:
    """Return what is wrong with an expression that is not an amount; nothing if it is explained."""
    about = reading.about(expression)
    explained, reason = _CHECKS[expression.kind]
    return "" if explained(expression, about, reading) else reason


def is_published(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a published text states the same."""
    same = (each for each in reading.published.of_kind(expression.kind) if _is_same(each, expression))
    return any(expression.kind != "amount" or is_alike(each, expression, reading) for each in same)


def is_own_figure(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether an expression repeats the prospect's figure without agreeing to it, or is denied outright."""
    if is_denied(expression.before):
        return True
    asked = reading.asked_numbers | {value for each in reading.asked for value in each.values}
    if not asked.intersection(expression.values):
        return False
    if expression.kind == "amount" and not expression.currencies and _is_counted_by_prospect(expression, reading):
        return True
    if is_declined(expression.sentence) or is_acknowledged(expression.sentence, expression.before):
        return True
    return expression.kind == "amount" and not is_offered(expression.sentence, expression.before)


def _is_counted_by_prospect(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a bare number repeats what the prospect counts, and no money: "print 80 pages?" "80 is fine"."""
    return not any(set(each.values) & set(expression.values) for each in reading.asked)


def is_percent_explained(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether a percentage is a discount whose condition is stated, or a published fact."""
    if expression.value == 0 or is_own_figure(expression, reading) or _is_said_to_be_over(expression, reading):
        return True
    if _is_published_share(expression, about, reading):
        return True
    kind = percent_kind(expression)
    is_deposit = kind == "deposit" and not (
        _is_for_paying_ahead(expression) or _is_of_a_fee(expression, about, reading)
    )
    if not is_deposit and _is_discount(expression, about, reading):
        return True
    if _is_figure(kind, expression, about, reading):
        return True
    if kind == "deposit":
        return expression.value in deposit_percents(about, reading)
    same = [each for each in reading.published.of_kind("percent") if each.value == expression.value]
    if not kind and _is_unmet_discount(expression, about, reading):
        same = [each for each in same if sounds_alike(each.sentence, expression.sentence)]
    return any(is_alike(each, expression, reading) for each in same)


def _is_published_share(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether a percentage is the deposit, or what is charged of what is called off: "a quarter of that"."""
    if expression.deal == "fraction" and not _PART_OF.search(expression.text):
        return False
    if expression.deal != "fraction" and percent_kind(expression) == "discount":
        return False
    if speaks_of_deposit(reading) and expression.value in deposit_percents(about, reading):
        return True
    called_off = _CALLED_OFF.search(expression.sentence) or _CALLED_OFF.search(reading.inbound)
    same = (each for each in reading.published.of_kind("percent") if each.value == expression.value)
    return bool(called_off) and any(_CALLED_OFF.search(each.sentence) for each in same)


def called_off_percents(expression: MoneyExpression, reading: Reading) -> frozenset[Decimal]:
    """Return the published shares of what is called off, where its sentence or the prospect speaks of that."""
    if not (_CALLED_OFF.search(expression.sentence) or _CALLED_OFF.search(reading.inbound)):
        return frozenset()
    return frozenset(each.value for each in reading.published.of_kind("percent") if _CALLED_OFF.search(each.sentence))


def _is_figure(kind: str, expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether a percentage is a figure of the reply that follows from others: what is left of one, a share."""
    if kind == "":  # "100 % online"
        follows = expression.value == 100 or is_share_of_counts(expression, reading)
        return follows or _is_the_rest(expression, about, reading)
    if kind == "discount":
        return not about.explicit and is_told_of_customers(expression, reading)
    return kind == "deposit" and _is_the_rest(expression, about, reading)


def _is_the_rest(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether a percentage is what another of the reply leaves: of a fact, or of a deposit named before it."""
    others = [e for e in reading.expressions if e.kind == "percent" and e.value == 100 - expression.value]
    for other in others:
        kind = percent_kind(other)
        told = kind == "deposit" or (kind == "" and speaks_of_deposit(reading))
        if told and other.start < expression.start and other.value in deposit_percents(about, reading):
            return True
        facts = {e.value for e in reading.published.of_kind("percent") if not percent_kind(e)}
        if kind == "" and percent_kind(expression) == "" and other.value in facts:
            return True
    return False


def _is_for_paying_ahead(expression: MoneyExpression) -> bool:
    """Say whether what looks like a deposit is what one gets for paying ahead: "20 % for annual prepayment"."""
    return bool(_AHEAD.search(expression.before[-_WINDOW:]) or _AHEAD.search(expression.after[:_WINDOW]))


def _is_of_a_fee(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether what looks like a deposit is what is taken off an item named behind it: "50 % na matrícula"."""
    end = expression.span[1]
    behind = (m for m in reading.mentions if end <= m.start <= end + _NEAR)
    return any(m.items == frozenset(about.items) for m in behind)


def is_alike(published: MoneyExpression, expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a reply calls an amount what the text that has it does: a discount, a deposit, or neither."""
    kind = percent_kind(expression)
    if kind in {"refund", "surcharge"} and not percent_kind(published):
        return True
    return percent_kind(published) == kind or (not kind and _speaks_like(published, reading))


def deposit_percents(about: Bound, reading: Reading) -> frozenset[Decimal]:
    """Return the published percentages of a deposit; where there are several, those of the items spoken of."""
    published = [each for each in reading.published.of_kind("percent") if percent_kind(each) == "deposit"]
    if about.named and len({each.value for each in published}) > 1:
        published = [each for each in published if _is_of(each, about, reading)]
    return frozenset(each.value for each in published)


def _is_of(published: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether the item that a published text names next to a statement, if any, is among those spoken of."""
    mentions = mentions_in_published(reading.tenant)[published.sentence]
    end = published.place + len(published.text)
    nearest = min(
        mentions, key=lambda m: m.start - end if m.start >= end else published.place - m.end + 20, default=None
    )
    return nearest is None or bool(nearest.items.intersection(about.items))


def _speaks_like(published: MoneyExpression, reading: Reading) -> bool:
    """Say whether the reply may mean a published figure that it calls nothing: of a deposit only beside such a word."""
    return percent_kind(published) != "deposit" or speaks_of_deposit(reading)


def speaks_of_deposit(reading: Reading) -> bool:
    """Say whether reply or prospect speak of a deposit."""
    return bool(_DEPOSIT.search(reading.plain.text) or _DEPOSIT.search(reading.inbound))


def percent_kind(expression: MoneyExpression) -> str:
    """Return whether a percentage is called a discount or a deposit, by the nearest such word."""
    before, after = expression.before[-_WINDOW:], expression.after[:_WINDOW]
    clause_before, clause_after = _ENDS.split(before)[-1], _ENDS_OR_COMMA.split(after)[0]
    return _kind_between(clause_before, clause_after, is_fraction=expression.deal == "fraction")


@lru_cache(maxsize=2048)
def _kind_between(clause_before: str, clause_after: str, *, is_fraction: bool) -> str:
    """Return what the words on both sides call a percentage or an amount."""
    near = {
        "discount": _distance(_LOWERS, clause_before, clause_after),
        "deposit": _distance(_DEPOSIT, clause_before, clause_after),
    }
    if GIVEN_BACK.search(clause_before) or GIVEN_BACK.search(clause_after):
        return "refund"
    if SURCHARGE.search(clause_before) or SURCHARGE.search(clause_after):
        return "surcharge"
    if _OF_A_DEPOSIT.match(clause_after):
        return "refund"
    if is_fraction:
        near["discount"] = 0
    kind = min(near, key=lambda each: near[each])
    return kind if near[kind] < _WINDOW else ""


def _distance(pattern: re.Pattern[str], before: str, after: str) -> int:
    behind = pattern.search(after)
    ahead = max((len(before) - match.end() for match in [*pattern.finditer(before)][-1:]), default=_WINDOW)
    return min(ahead, behind.start() if behind else _WINDOW)


def _is_said_to_be_over(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a percentage is that of a discount which has ended, and its sentence says so."""
    ended = (
        Decimal(discount.percent)
        for item in reading.tenant.catalogue
        for discount in item.discounts
        if discount.percent is not None and discount.valid_to and discount.valid_to < reading.today
    )
    return expression.value in ended and bool(NO_LONGER.search(expression.sentence))


def _is_discount(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether an item that the expression is about has this discount, and its condition is said."""
    if is_regardless(expression.sentence):
        return False
    catalogue = reading.tenant.catalogue
    return any(
        discount.percent is not None
        and Decimal(discount.percent) == expression.value
        and is_met(discount, item, catalogue, reading.said)
        for item in (*_may_be_of(about, reading), *items_cheaper_with(about, expression, reading))
        for discount in valid_discounts(catalogue[item], reading.today)
    )


def _may_be_of(about: Bound, reading: Reading) -> Iterable[int]:
    """Return the items a percentage may be off: any, where its sentence names none."""
    return about.items if about.explicit else range(len(reading.tenant.catalogue))


def _is_unmet_discount(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether a percentage that is called nothing is that of a discount whose condition is not said."""
    return any(
        discount.percent == expression.value
        for item in about.items
        for discount in valid_discounts(reading.tenant.catalogue[item], reading.today)
    )


def items_cheaper_with(about: Bound, expression: MoneyExpression, reading: Reading) -> Iterator[int]:
    """Yield the items spoken of that cost less for who has one named before: "clients of X get $1,500 off" of Y."""
    start, first = expression.span[0], expression.sentence_span[0]
    before = {i for m in reading.mentions if first <= m.start and m.end <= start for i in m.items}.intersection(
        about.items
    )
    catalogue = reading.tenant.catalogue
    for item in reading.named_items - set(about.items) if before else ():
        discounts = valid_discounts(catalogue[item], reading.today)
        if any(condition_of(each, item, catalogue).items & before for each in discounts):
            yield item


# --- instalments ------------------------------------------------------------------------------------------------


def _are_instalments_explained(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    if (
        expression.value == 1
        or is_own_figure(expression, reading)
        or (not expression.value and _UNSURE.search(expression.sentence))
    ):
        return True
    claims_free = bool(_INTEREST_FREE.search(expression.text + expression.after[:40]))
    spoken_of = {*about.items, *(_items_behind(expression, reading) if not expression.value else ())}
    terms = [reading.tenant.catalogue[item].instalments for item in sorted(spoken_of)]
    if any(each and expression.value <= each.max and (each.interest_free or not claims_free) for each in terms):
        return True
    if expression.deal == "times" and _multiplies_price(expression, about, reading):
        return True
    if not claims_free and _are_months(expression, about, reading):
        return True
    published = [
        e for e in reading.published.of_kind("instalments") if bool(_INTEREST_FREE.search(e.sentence)) >= claims_free
    ]
    financed = expression.deal in _LOANS
    return any(expression.value <= each.value and (each.deal in _LOANS) == financed for each in published)


def _items_behind(expression: MoneyExpression, reading: Reading) -> frozenset[int]:
    """Return the items named behind an expression in its sentence: "en cuotas, el total del intensivo sería …"."""
    start, end = expression.span[1], expression.sentence_span[1]
    return frozenset(item for m in reading.mentions if start <= m.start and m.end <= end for item in m.items)


def _multiplies_price(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether "2 x 65 €" only multiplies a price."""
    following = next((each for each in reading.amounts if each.start >= expression.end), None)
    if following is None or following.start - expression.end > 3 or "×" in following.text:
        return False
    money = reading.money(following)
    return any(
        (each.amount_minor, each.currency) in money and each.role in {"price", "discounted"}
        for item in about.items
        for each in reading.implied(item)
    )


def _are_months(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether "12 cuotas de 22 €" are no parts of a price, but twelve times one that is paid every month."""
    following = next((each for each in reading.amounts if each.start >= expression.end), None)
    if following is None or following.start - expression.end > _NEAR:
        return False
    money = reading.money(following)
    return any(
        (each.amount_minor, each.currency) in money
        and each.role == "price"
        and each.quantity == 1
        and "month" in each.units
        for item in about.items
        for each in reading.implied(item)
    )


# --- deals and taxes --------------------------------------------------------------------------------------------


def _is_deal_explained(expression: MoneyExpression, _: Bound, reading: Reading) -> bool:
    if is_denied(expression.before) or is_published(expression, reading):
        return True
    if expression.deal == "no_deposit" and _NOTHING_WITHOUT.match(expression.after):
        return True
    if expression.deal == "vague_discount":
        return any(
            e.kind == "percent" and is_percent_explained(e, reading.about(e), reading) for e in reading.expressions
        )
    asked = any(each.deal == expression.deal for each in reading.asked if each.kind == "deal")
    return asked and is_declined(expression.sentence)


def with_tax(money: Iterable[tuple[int, str]], reading: Reading) -> Iterator[tuple[int, str]]:
    """Yield amounts with the tax that comes on top of prices, where its rate is published: 16 % on $650 make $754."""
    if not any(each.deal == "added" for each in reading.published.of_kind("tax")):
        return
    rates = {e.value for e in reading.published.of_kind("percent") if TAX.search(e.sentence)}
    for amount, currency in money:
        for rate in rates:
            yield amount + int((amount * rate / 100).quantize(Decimal(1), ROUND_HALF_UP)), currency


def _is_restated(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    """Say whether "with tax" is said of a price to which the published rate has been added."""
    costs = (cost for item in about.items for cost in reading.costs(item))
    taxed = frozenset(with_tax(costs, reading))
    here = (each for each in reading.amounts if each.sentence_span == expression.sentence_span)
    return any(reading.money(each) & taxed for each in here)


def _is_tax_explained(expression: MoneyExpression, about: Bound, reading: Reading) -> bool:
    if is_denied(expression.before):
        return True
    if expression.deal == "included":  # where nothing is published, the rule `grounding` judges it
        stated = [each.deal for each in reading.published.of_kind("tax")]
        return not stated or "included" in stated or _is_restated(expression, about, reading)
    return is_published(expression, reading)


def _is_same(published: MoneyExpression, expression: MoneyExpression) -> bool:
    one, other = published.currencies, expression.currencies
    return (
        (published.kind, published.deal) == (expression.kind, expression.deal)
        and bool(set(published.values) & set(expression.values))
        and (not one or not other or bool(one & other))
    )


_CHECKS: Mapping[str, tuple[Callable[[MoneyExpression, Bound, Reading], bool], str]] = {
    "percent": (is_percent_explained, "This percentage is not published, or its condition is not said."),
    "instalments": (_are_instalments_explained, "These instalments are not published."),
    "free": (is_free_explained, "Nothing published says that this is free, or its condition is not said."),
    "deal": (_is_deal_explained, "This offer is not published."),
    "tax": (_is_tax_explained, "Published prices say something else about tax."),
}
