"""No invented price (P5): whatever money a rendered reply states must follow from what the tenant has published.

The reply is read back as a prospect reads it. Every expression is explained by, in this order: the catalogue on
the tenant-local day, the published texts, the prospect's own figure when we decline it, arithmetic on other
explained amounts of the same reply. One that nothing explains makes the reply be rewritten.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from babel.numbers import get_currency_precision

from agent.folding import words_of
from agent.guardrails.mentions import items_named
from agent.guardrails.money_text import MAX_CHARS, MoneyExpression, read_money, read_numbers
from agent.guardrails.published import (
    Implied,
    expired_codes,
    implied_amounts,
    implied_sums,
    is_free,
    passages_money,
    published_percents,
)
from agent.render import local_date
from agent.types import Candidate, CatalogueItem, Tenant, Turn, Verdict

RULE = "pricing"
VERSION = 1
MAX_COUNT = 50
"""Most people, months or sessions a total is believed for."""
MAX_EXPRESSIONS = 40
"""A reply with more money in it than this is refused unread."""
MAX_ROUNDS = 3
"""So many steps of arithmetic are followed, from a price to a total of totals."""

DECLINES = re.compile(
    r"\b(?:no|nao|not|never|nunca|jamas|ni|nem|tampoco|cannot|can't|cant|don't|doesn't|isn't|won't"
    r"|couldn't|unable|infelizmente"
    r"|lamento|lamentablemente|sorry|afraid|unfortunately|desculpe|entiendo|entendo|understand|hear you"
    r"|tentador|tempting|under"
    r"|below|less than|por debajo|debajo|abaixo|lejos|longe|instead|ended|expir[a-z]+|venci[a-z]+"
    r"|termin[a-z]+|acabou|encerr[a-z]+)\b"
)
REFUSES = re.compile(
    r"\b(?:no|nao) (?:l[oa] |te )?(?:podemos|puedo|podria[a-z]*|conseguimos|consigo|posso|es posible"
    r"|e possivel|llegamos)\b"
    r"|\b(?:can't|cannot|can not|unable|not able|couldn't)\b"
)
SOOTHES = re.compile(
    r"\b(?:no te preocupes|no se preocupe|nao se preocupe|no hay problema|no problem|no worries|sem problema|not only"
    r"|no pasa nada|por que no|por que nao|why not|no solo|nao so|no doubt|sin duda)\b"
)
AGREES = re.compile(
    r"^\W*(?:si|sim|yes|ok|okay|sure|deal|dale|listo|vale|claro|perfecto|perfeito|hecho|fechado|done|great|genial)\b"
    r"|(?<!no )(?<!nao )\b(?:te l[oa] (?:dejo|puedo dejar|dejamos)|l[oa] dejamos en|trato hecho|cerramos"
    r"|aceptamos|acepto"
    r"|fechamos|fechado|fa[cz](?:o|emos) por|(?:i|we) can do|works for us|you have a deal|it's yours"
    r"|tuyo por|seu por)\b"
)
_DENIAL = re.compile(r"\b(?:no|nao|not|isn't|aren't|ningun|nenhum)(?! mas\b| mais\b| more\b)(?: \w+){0,4} ?$")
_UNEVEN_PARTS = re.compile(r"\b(\d{1,2}) ?[x×][^+\n]{1,25}\+ ?1 ?[x×]")  # as `agent.prices` renders instalments
LOWERS_PRICE = re.compile(
    r"\b(?:descuent|descont|discount|rebaj|promo|gratis|bonific)|\b(?:off|less|cheaper|barat[oa])\b"
    r"|(?<!al )(?<!pelo )\bmenos\b"
)
FOREVER = re.compile(r"\b(?:siempre|sempre|forever|always|de por vida|vitalici[oa]|lifetime|ilimitad[oa])\b")
INTEREST_FREE = re.compile(r"\b(?:sin interes(?:es)?|sem juros|interest[- ]free|no interest|without interest|0 ?%)")


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A reply beside everything it is judged by."""

    expressions: tuple[MoneyExpression, ...]
    items: tuple[CatalogueItem, ...]
    """What draft, inbound and our last message name; everything when they name nothing."""
    names_items: bool
    tenant: Tenant
    today: date
    language: str
    words: str
    """Folded words of draft and inbound."""
    draft: str
    inbound: str

    @cached_property
    def counts(self) -> frozenset[int]:
        """Numbers that a total may be of: those that draft or inbound mention, and the smallest."""
        last_part_differs = {Decimal(n) + 1 for n in _UNEVEN_PARTS.findall(self.draft)}
        numbers = read_numbers(self.draft, self.language) | self.asked | last_part_differs
        return frozenset(int(n) for n in numbers if 1 <= n <= MAX_COUNT and n == int(n)) | {1, 2, 3}

    @cached_property
    def implied(self) -> frozenset[Implied]:
        """Amounts that follow from the catalogue."""
        return implied_amounts(self.items, self.tenant, self.today, words=self.words, counts=self.counts)

    @cached_property
    def sums(self) -> frozenset[Implied]:
        """Totals over two named items."""
        return implied_sums(self.items, self.today, self.counts) if self.names_items else frozenset()

    @cached_property
    def published(self) -> tuple[MoneyExpression, ...]:
        """Money in the tenant's texts."""
        return passages_money(self.tenant)

    @cached_property
    def asked(self) -> frozenset[Decimal]:
        """Numbers the prospect wrote, percentages included."""
        written = (e.value for e in read_money(self.inbound, self.language))
        return read_numbers(self.inbound, self.language) | frozenset(written)


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    """Revise the reply if any money in it does not follow from what the tenant has published."""
    if candidate.author == "staff":
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    reading = _read(candidate, turn, tenant, local_date(tenant, now))
    problem = next(_problems(reading), None)
    if problem is None:
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    reason, evidence = problem
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence[:120], version=VERSION)


def _read(candidate: Candidate, turn: Turn, tenant: Tenant, today: date) -> _Reading:
    inbound = turn.text[:MAX_CHARS]
    words = f"{words_of(candidate.text[:MAX_CHARS])} {words_of(inbound)}"
    context = words_of((turn.context or "")[:MAX_CHARS])
    named = items_named(tenant.catalogue, words) or items_named(tenant.catalogue, context)
    return _Reading(
        expressions=read_money(candidate.text, candidate.language),
        items=named or tenant.catalogue,
        names_items=bool(named),
        tenant=tenant,
        today=today,
        language=candidate.language,
        words=words,
        draft=candidate.text,
        inbound=inbound,
    )


def _problems(reading: _Reading) -> Iterator[tuple[str, str]]:
    """Yield (reason, evidence) for every statement that nothing published explains."""
    if len(reading.expressions) > MAX_EXPRESSIONS:
        yield "The reply states more prices than can be checked; name at most a few.", ""
        return
    draft = words_of(reading.draft[:MAX_CHARS])
    for code in expired_codes(reading.tenant, reading.today):
        if re.search(rf"\b{re.escape(code)}\b", draft) and not DECLINES.search(draft):
            yield "This discount code has expired; do not offer it.", code
    for expression in reading.expressions:
        if reason := _objection(expression, reading):
            yield reason, expression.text
    for amount in _unexplained([e for e in reading.expressions if e.kind == "amount"], reading):
        yield "This amount does not follow from the catalogue; use a price reference.", amount.text


def _objection(expression: MoneyExpression, reading: _Reading) -> str:
    """Return what is wrong with an expression that is not an amount; nothing if it is explained."""
    match expression.kind:
        case "percent":
            return "" if _is_percent_explained(expression, reading) else "This percentage is not published."
        case "instalments":
            return "" if _are_instalments_explained(expression, reading) else "These instalments are not published."
        case "free":
            return "" if _is_free_explained(expression, reading) else "Nothing published says that this is free."
        case "deal":
            return "" if _is_quoted_deal(expression, reading) else "This deal is not published."
        case "tax":
            return "" if _is_published(expression, reading) else "Nothing published says that tax is added."
        case "amount":
            return ""


# --- what explains an expression --------------------------------------------------------------------------


def _is_percent_explained(expression: MoneyExpression, reading: _Reading) -> bool:
    if expression.value in published_percents(reading.items, reading.today) | {Decimal(0)}:
        return True
    if _is_refused(expression, reading):
        return True
    if LOWERS_PRICE.search(expression.sentence):  # a percentage of something else is no discount
        return any(_is_same(each, expression) and LOWERS_PRICE.search(each.sentence) for each in reading.published)
    return expression.value == 100 or _is_published(expression, reading)  # "100 % online"


def _are_instalments_explained(expression: MoneyExpression, reading: _Reading) -> bool:
    if expression.value == 1 or _is_refused(expression, reading):
        return True
    terms = [item.instalments for item in reading.items if item.instalments]
    free_of_interest = bool(INTEREST_FREE.search(expression.sentence))
    return any(expression.value <= each.max and (each.interest_free or not free_of_interest) for each in terms)


def _is_free_explained(expression: MoneyExpression, reading: _Reading) -> bool:
    if _says_no(expression):
        return True
    if FOREVER.search(expression.sentence):
        return False
    return is_free(reading.tenant, reading.items if reading.names_items else (), reading.today, reading.words)


def _says_no(expression: MoneyExpression) -> bool:
    """Say whether the words right before deny the expression: "no es gratis"."""
    before = expression.sentence.partition(expression.text)[0]
    return bool(_DENIAL.search(before)) and not SOOTHES.search(before)


def _is_quoted_deal(expression: MoneyExpression, reading: _Reading) -> bool:
    half = "half" in expression.text or "mitad" in expression.text or "metade" in expression.text
    if half and Decimal(50) in published_percents(reading.items, reading.today):
        return True
    return _says_no(expression) or _is_published(expression, reading)


def _is_published(expression: MoneyExpression, reading: _Reading) -> bool:
    """Say whether a published text has the same expression."""
    return any(_is_same(each, expression) for each in reading.published)


def _is_same(published: MoneyExpression, expression: MoneyExpression) -> bool:
    one, other = published.currencies, expression.currencies
    return (
        (published.kind, published.value) == (expression.kind, expression.value)
        and (not one or not other or bool(one & other))
        and (expression.kind != "deal" or published.text == expression.text)
    )


def _is_refused(expression: MoneyExpression, reading: _Reading) -> bool:
    """Say whether an expression repeats the prospect's figure without agreeing to it, or is denied outright."""
    if _says_no(expression):
        return True
    if expression.value not in reading.asked:
        return False
    sentence = SOOTHES.sub("", expression.sentence)
    return bool(REFUSES.search(sentence) or (DECLINES.search(sentence) and not AGREES.search(sentence)))


# --- amounts ----------------------------------------------------------------------------------------------

_Money = tuple[int, str]
"""Minor units and currency."""


def _unexplained(amounts: Sequence[MoneyExpression], reading: _Reading) -> list[MoneyExpression]:
    """Return the amounts that neither the catalogue, a text, the prospect nor arithmetic explains."""
    left: list[MoneyExpression] = []
    known: set[_Money] = set()
    for expression in amounts:
        readings = _readings(expression, reading)
        found = {
            (i.amount_minor, i.currency)
            for i in reading.implied
            if (i.amount_minor, i.currency) in readings and expression.unit in i.units
        }
        known |= found
        if not found and not _is_published(expression, reading) and not _is_refused(expression, reading):
            left.append(expression)
    return _after_arithmetic(left, known, reading) if left else []


def _after_arithmetic(left: list[MoneyExpression], known: set[_Money], reading: _Reading) -> list[MoneyExpression]:
    """Return what is left when sums, multiples and percentages of explained amounts are explained too."""
    known = known | {
        (i.amount_minor, i.currency)
        for i in reading.sums
        if any((i.amount_minor, i.currency) in _readings(e, reading) for e in left)
    }
    percents = [e.value for e in reading.expressions if e.kind == "percent" and _is_percent_explained(e, reading)]
    for _ in range(MAX_ROUNDS):
        derived = set(_derived(known, reading.counts, percents)) | known
        explained = [e for e in left if e.unit in {"", "month", "year"} and _readings(e, reading) & derived]
        if not explained:
            break
        left = [e for e in left if e not in explained]
        known |= {money for e in explained for money in _readings(e, reading) & derived}
    return left


def _derived(known: Iterable[_Money], counts: Iterable[int], percents: Iterable[Decimal]) -> Iterator[_Money]:
    """Yield multiples, published shares, and sums and differences of two multiples of explained amounts."""
    multiples = {(amount * count, currency) for amount, currency in known for count in counts}
    for amount, currency in multiples:
        yield amount, currency
        for percent in percents:
            share = int((amount * percent / 100).quantize(Decimal(1)))
            yield share, currency
            yield amount - share, currency
    for amount, currency in multiples:
        for other, other_currency in known:
            if currency == other_currency:
                yield amount + other, currency
                yield abs(amount - other), currency


def _readings(expression: MoneyExpression, reading: _Reading) -> set[_Money]:
    """Return the money an amount may mean: one entry per currency its notation may stand for."""
    published = {price.currency for item in reading.tenant.catalogue for price in item.prices}
    currencies = expression.currencies & published if expression.currencies else published
    return {
        (int(minor), currency)
        for currency in currencies
        if (minor := expression.value.scaleb(get_currency_precision(currency))) == minor.to_integral_value()
    }
