"""A reply beside everything its money is judged by: what it states, about which items, what the prospect wrote (P5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache, cached_property

from babel.numbers import get_currency_precision

from agent.folding import fold, words_of
from agent.guardrails.conditions import Said
from agent.guardrails.counts import MAX_COUNTS, bought_in, counts_in, measures_in, parts_in
from agent.guardrails.expressions import load_expressions
from agent.guardrails.folded import fold_text
from agent.guardrails.implied import Implied, Question, costs_of, implied_by
from agent.guardrails.item_names import WORDS, is_in_name, stem
from agent.guardrails.mentions import Mention, find_mentions
from agent.guardrails.money_text import MoneyExpression, money_in, numbers_in
from agent.guardrails.not_money import MASK
from agent.guardrails.plain_text import FREE_SIGN, Plain, read_plain
from agent.guardrails.published import PublishedTexts, currencies_in, is_cognate, price_values, published_texts
from agent.guardrails.required_words import starts_in
from agent.types import Candidate, CatalogueItem, Message, Tenant, Turn

_WORDS = load_expressions("pricing_words")

_UNIT_NOUNS = WORDS["unit_nouns"] - {"price", "precio", "preco", "month", "person", "persona", "pessoa"}
_CREDITED = re.compile(
    r"[^.;!?]{0,12}\b(?:descuent\w+|descont\w+|abat\w+|deduc\w+|credit\w+|comes? off|goes? towards?)\b"
)
"""Behind an amount: it lowers the price of something else."""
_UNIT_STEMS = frozenset(stem(noun) for noun in _UNIT_NOUNS) | {"visit"}
_OF_NOUN = re.compile(r"^ (?:de|do|da|del|de la|for the|of the|of) ([a-z]{3,})\b(?! (?:de|do|da|del)\b)")
MAX_BEFORE = 120
"""Characters before an amount in which a common noun may tell what it is of."""

_ALL_UNIT_STEMS = frozenset(stem(noun) for noun in WORDS["unit_nouns"])
_THOUSAND = 1_000
_OFFER = re.compile(
    r"\b(?:en|em|por|a|at|for|con|com|with) (\d{2,3})(?=[.,;:?!)\n]|$| (?:y|e|and|el|la|o|a|the|me|te|lo)\b)(?![.,]\d)"
)
"""A bare number that a prospect offers."""
_HEAD_WORDS = 3
"""Of a description: what it is of stands among so many words."""
_AT_ONCE = frozenset({"session", "one_time", "item"})

MAX_EARLIER = 4
"""So many earlier messages of the prospect are read for what they said."""
MAX_CONTEXT_CHARS = 2_000

_ABOUT_PRICES = _WORDS["about_prices"]
_COMPARED = _WORDS["compared"]
_TIGHT = _WORDS["tight"]


_WITHOUT = re.compile(
    r"\b(?:sin|sem|without|en vez del?|em vez d[aeo]|instead of)(?: (?:el|la|los|las|un|una|ningun|o|a|os|as|um|uma"
    r"|nenhum|nenhuma|the|any|an?|(?:comprar|contratar|buying|taking)))* $"
)
"""In front of an item that one does not want."""
_ANOTHER = re.compile(r"\b(?:y|e|and|pero|but|mas|luego|despues|depois|then|after|when|if|si|se|con|com|with)\b")
"""Between an expression and an item behind it: the item is spoken of for itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """The items a statement is about."""

    items: tuple[int, ...]
    """Places in the catalogue."""
    explicit: bool
    """Whether its own sentence names them."""
    named: bool
    """Whether anything names them; otherwise they are all there are."""
    aside: bool = False
    """Whether its own sentence names them in passing only."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A reply, read once."""

    tenant: Tenant
    today: date
    draft: str
    plain: Plain
    expressions: tuple[MoneyExpression, ...]
    mentions: tuple[Mention, ...]
    """In the reply."""
    asked: tuple[MoneyExpression, ...]
    """The money in what the prospect wrote."""
    asked_numbers: frozenset[Decimal]
    bound_counts: Mapping[int, frozenset[int]]
    """How many of an item reply and prospect speak of with its name: "2 open waters and 1 advanced"."""
    asked_items: frozenset[int]
    context_items: frozenset[int]
    """What our last message named."""
    said: Said
    counts: tuple[int, ...]
    distances: frozenset[int]
    """In kilometres or miles, where prices are published by them."""
    parts: tuple[int, ...]
    inbound: str
    """Folded."""
    published: PublishedTexts
    _implied: dict[int, tuple[Implied, ...]] = field(default_factory=dict)
    _costs: dict[int, frozenset[tuple[int, str]]] = field(default_factory=dict)
    _about: dict[MoneyExpression, Bound] = field(default_factory=dict)

    def implied(self, item: int) -> tuple[Implied, ...]:
        """Return the amounts that catalogue[item] implies."""
        if item not in self._implied:
            self._implied[item] = tuple(implied_by(item, self._question))
        return self._implied[item]

    def costs(self, item: int) -> frozenset[tuple[int, str]]:
        """Return all that catalogue[item] may cost; only so many of it as are said with its name, if any are."""
        if item not in self._costs:
            counts = self.bound_counts.get(item)
            question = replace(self._question, counts=tuple(sorted(counts))) if counts else self._question
            self._costs[item] = costs_of(item, question)
        return self._costs[item]

    def money(self, expression: MoneyExpression) -> frozenset[tuple[int, str]]:
        """Return the money an amount may mean, in minor units, one entry per value and currency it may stand for."""
        published = currencies_in(self.tenant)
        currencies = expression.currencies & published if expression.currencies else published
        return frozenset(
            (minor, currency)
            for value in expression.values
            for currency in currencies
            if (minor := _minor(value, currency)) is not None
        )

    @cached_property
    def _question(self) -> Question:
        return Question(
            tenant=self.tenant,
            today=self.today,
            said=self.said,
            counts=self.counts,
            parts=self.parts,
            wanted=frozenset(minor for each in (*self.amounts, *self.asked) for minor, _ in self.money(each)),
        )

    @cached_property
    def amounts(self) -> tuple[MoneyExpression, ...]:
        """The amounts, in order."""
        return tuple(sorted((e for e in self.expressions if e.kind == "amount"), key=lambda e: e.start))

    @cached_property
    def named_items(self) -> frozenset[int]:
        """What reply and prospect name."""
        return frozenset(i for m in self.mentions for i in m.items) | self.asked_items

    def about(self, expression: MoneyExpression) -> Bound:
        """Return the items a statement is about: the ones its sentence names beside it, or those named before."""
        if expression not in self._about:
            self._about[expression] = self._tell_about(expression)
        return self._about[expression]

    def _tell_about(self, expression: MoneyExpression) -> Bound:
        bound = self._bound(expression)
        is_certain = bound.explicit and (self._has_own_name(expression) or _CREDITED.match(expression.after))
        loose = frozenset() if is_certain else self.named_by_noun(expression)
        if bound.explicit and self._is_weakly_named(expression):
            loose |= self._named_before(expression)
        return replace(bound, items=tuple(sorted({*bound.items, *loose}))) if loose else bound

    def _bound(self, expression: MoneyExpression) -> Bound:
        own, aside = _beside(expression, self.mentions, self.amounts)
        behind = self._named_behind(expression) or self._called_free(expression)
        if behind:
            return Bound(items=behind, explicit=True, named=True)
        if own and not aside and _COMPARED.search(expression.before) and self.asked_items - own:
            return Bound(items=tuple(sorted(self.asked_items | own)), explicit=False, named=True)
        if own and not aside:
            return Bound(items=tuple(sorted(own)), explicit=True, named=True)
        earlier = _in_last_sentence(expression, self.mentions) | self.asked_items or self.context_items
        if earlier or own:
            return Bound(items=tuple(sorted(earlier | own)), explicit=bool(own), named=True, aside=aside)
        return Bound(items=tuple(range(len(self.tenant.catalogue))), explicit=False, named=False)

    def _has_own_name(self, expression: MoneyExpression) -> bool:
        """Say whether an item is named for an expression alone: before it, and since the amount that precedes it."""
        since, start = self._since_last_amount(expression), expression.span[0]
        return any(since <= m.start < start and not m.weak and not m.is_aside for m in self.mentions)

    def _is_weakly_named(self, expression: MoneyExpression) -> bool:
        """Say whether what is named for an expression are but words that qualify names: "1 kW", "la empresa"."""
        since, start = self._since_last_amount(expression), expression.span[0]
        own = [m for m in self.mentions if since <= m.start < start]
        return bool(own) and all(m.weak for m in own)

    def _named_before(self, expression: MoneyExpression) -> frozenset[int]:
        """Return the items that the prospect, the last sentence or this one before an expression names outright."""
        first, start = expression.sentence_span[0], expression.span[0]
        here = [m for m in self.mentions if first <= m.start < start and not m.weak and not m.is_aside]
        return _items(here) | _in_last_sentence(expression, self.mentions) | self.asked_items

    def _since_last_amount(self, expression: MoneyExpression) -> int:
        """Return where the amount before an expression ends, or else its sentence begins, in the original."""
        start, first = expression.span[0], expression.sentence_span[0]
        return max((a.span[1] for a in self.amounts if first <= a.span[0] and a.span[1] <= start), default=first)

    def named_by_noun(self, expression: MoneyExpression) -> frozenset[int]:
        """Return the items that a common noun tells which is said before: "15 lessons come to 432".

        Names alone have it, or else the beginning of the description of what is paid at once: "One visit of 3 hours".
        """
        begin = max((a.end for a in self.amounts if a.end <= expression.start), default=0)
        said = expression.before[-min(MAX_BEFORE, max(1, expression.start - begin)) :]
        return frozenset(items[0] for noun in _unit_nouns(said) if len(items := self._with_noun(noun)) == 1)

    def _with_noun(self, noun: str) -> tuple[int, ...]:
        catalogue = self.tenant.catalogue
        named = tuple(place for place in range(len(catalogue)) if is_in_name(catalogue, place, noun))
        return named or tuple(place for place, item in enumerate(catalogue) if _begins_with(item, noun))

    def _called_free(self, expression: MoneyExpression) -> tuple[int, ...]:
        """Return the items whose name an expression is part of: "no joining fee", "sem taxa de adesão"."""
        start, end = expression.span
        within = [m for m in self.mentions if m.start < end and start < m.end] if expression.kind == "free" else []
        return tuple(sorted(within[-1].items)) if within else ()

    def _named_behind(self, expression: MoneyExpression) -> tuple[int, ...]:
        """Return the one item whose common name stands right behind an amount: "94 € de tasa"."""
        noun = _OF_NOUN.match(expression.after)
        if noun is None or stem(noun[1]) not in _ALL_UNIT_STEMS:
            return ()
        items = self._with_noun(noun[1])
        return items if len(items) == 1 else ()


def read(candidate: Candidate, turn: Turn, tenant: Tenant, today: date) -> Reading:
    """Read a reply and what it answers."""
    inbound = read_plain(turn.text, candidate.language)
    earlier = _earlier(turn.history)
    draft = read_plain(candidate.text, candidate.language)
    mentions = find_mentions(tenant.catalogue, candidate.text)
    asked_mentions = find_mentions(tenant.catalogue, turn.text)
    asked_items = _items(asked_mentions)
    about_prices = bool(asked_items) or bool(_ABOUT_PRICES.search(inbound.text))
    starts = starts_in(fold_text(candidate.text).text)
    if FREE_SIGN in candidate.text:
        starts |= starts_in("free")
    asked_starts = starts_in(fold_text(turn.text).text)
    asked = money_in(inbound, asked_starts, about_prices=True)
    known = price_values(tenant).union(value for each in asked if each.kind == "amount" for value in each.values)
    expressions = money_in(draft, starts, about_prices=about_prices, known=known)
    told = f"{_without_amounts(draft, expressions)}\n{_without_amounts(inbound, asked)}\n{earlier}"
    published = published_texts(tenant)
    reply = words_of(fold_text(candidate.text).text)
    asked_text = fold_text(turn.text).text
    asked_words, earlier_words = words_of(asked_text), words_of(earlier)
    words = f"{reply} {asked_words} {earlier_words}"
    starts = starts.union(asked_starts, starts_in(earlier_words))
    counts = counts_in(told, starts, published.counted) | {1}
    items = _items(_wanted(mentions, candidate.text)) | _items(_wanted(asked_mentions, turn.text))
    called = _told_by_noun(tenant.catalogue, f"{fold_text(candidate.text).text} {asked_text}")
    bought = bought_in(told, starts, published.counted, several_items=len(items) > 1)
    folded = f"{fold_text(candidate.text).text}\n{asked_text}"
    counts |= measures_in(folded, published.counted & {"hour"})
    return Reading(
        tenant=tenant,
        today=today,
        draft=candidate.text,
        plain=draft,
        expressions=expressions,
        mentions=mentions,
        asked=asked,
        asked_numbers=numbers_in(inbound).union(_in_thousands(inbound.text)),
        bound_counts=_bound_counts((*mentions, *asked_mentions)),
        asked_items=asked_items,
        context_items=_items(find_mentions(tenant.catalogue, (turn.context or "")[:MAX_CONTEXT_CHARS])),
        said=Said(
            words=words,
            starts=starts,
            asked=asked_words,
            language=candidate.language,
            amounts=frozenset(v for e in (*expressions, *asked) if e.kind == "amount" for v in e.values),
            reply=reply,
            counts=bought | {1},
            items=items | called,
            loose_items=frozenset(item for m in (*mentions, *asked_mentions) for item in m.items),
        ),
        counts=tuple(sorted(counts)[:MAX_COUNTS]),
        distances=measures_in(folded, published.counted - {"hour"}),
        parts=tuple(sorted(parts_in(f"{draft.text}\n{inbound.text}"))[: 2 * MAX_COUNTS]),
        inbound=asked_text,
        published=published,
    )


def _in_thousands(plain: str) -> Iterator[Decimal]:
    """Yield what prospects mean who leave the thousands of an offer unsaid: "déjamelo en 60"."""
    yield from (Decimal(match[1]) * _THOUSAND for match in _OFFER.finditer(plain))


def _minor(value: Decimal, currency: str) -> int | None:
    minor = value.scaleb(_precision(currency))
    return int(minor) if minor == minor.to_integral_value() else None


_precision = cache(get_currency_precision)


def _unit_nouns(folded: str) -> frozenset[str]:
    """Return the words of a folded text that are common nouns for what one sells, in any form: "visits", "visita"."""
    words = (word for word in re.findall(r"[a-z]{4,}", folded) if stem(word) in _UNIT_STEMS)
    return frozenset(word if word.endswith("ss") else word.removesuffix("s") for word in words)


def _told_by_noun(catalogue: Sequence[CatalogueItem], folded: str) -> frozenset[int]:
    """Return the items whose names alone have a common noun of a folded text: "a consulta"."""
    named = ([n for n in range(len(catalogue)) if is_in_name(catalogue, n, noun)] for noun in _unit_nouns(folded))
    return frozenset(items[0] for items in named if len(items) == 1)


def _begins_with(item: CatalogueItem, noun: str) -> bool:
    """Say whether the description of what is paid at once begins with a noun, be it as another language has it."""
    if not all(price.unit in _AT_ONCE for price in item.prices):
        return False
    heads = frozenset(stem(word) for text in item.description.values() for word in fold(text).split()[:_HEAD_WORDS])
    return is_cognate(stem(noun), heads)


def _items(mentions: Sequence[Mention]) -> frozenset[int]:
    """Return the items that mentions name; weak ones count where nothing else is named but in passing."""
    strong = [each for each in mentions if not each.weak]
    kept = mentions if all(each.is_aside for each in strong) else strong
    return frozenset(item for each in kept for item in each.items)


def _wanted(mentions: Sequence[Mention], text: str) -> tuple[Mention, ...]:
    """Return the mentions in a text but those that it says to do without: "sin kit", "without the course"."""
    return tuple(each for each in mentions if not _WITHOUT.search(fold(text[max(0, each.start - 24) : each.start])))


def _bound_counts(mentions: Sequence[Mention]) -> Mapping[int, frozenset[int]]:
    """Return how many of each item the mentions of one item say."""
    single = [mention for mention in mentions if len(mention.items) == 1 and mention.count]
    counted = [(item, mention.count) for mention in single for item in mention.items]
    return {item: frozenset(count for other, count in counted if other == item) for item, _ in counted}


def _without_amounts(plain: Plain, expressions: Sequence[MoneyExpression]) -> str:
    """Return a text with the amounts masked whose currency is stated, or that are large: they count nothing."""
    amounts = [e for e in expressions if e.kind == "amount" and (e.currencies or e.value >= _THOUSAND)]
    stated = [(e.start, e.end, MASK) for e in amounts]
    return plain.edited(sorted(stated)).text


def _earlier(history: Sequence[Message]) -> str:
    """Return what the prospect wrote in the last few messages before this burst."""
    theirs = [message.text for message in history if message.direction == "inbound" and message.text]
    return "\n".join(text[:MAX_CONTEXT_CHARS] for text in theirs[-MAX_EARLIER:])


def is_unit_of_name(expression: MoneyExpression, item: int, reading: Reading) -> bool:
    """Say whether what looks like the unit of an amount is a word of an item's name: "Revisión anual: 189 €"."""
    words = re.findall(r"[a-z]{3,}", expression.unit_words)
    return any(is_in_name(reading.tenant.catalogue, item, word) for word in words)


# --- which item -------------------------------------------------------------------------------------------------


def _beside(
    expression: MoneyExpression, mentions: Sequence[Mention], amounts: Sequence[MoneyExpression]
) -> tuple[frozenset[int], bool]:
    """Return the items that the expression's own sentence names for it, if any, and whether only in passing.

    Those named since the amount before it; else those close behind it; else those of the amount before it.
    """
    start, end = expression.span
    first, last = expression.sentence_span
    here = [m for m in mentions if first <= m.start and m.end <= last and not _in_unit(m, expression)]
    here = [m for m in here if not any(_is_its_unit(m, a) for a in amounts if a is not expression)]
    before = [m for m in here if m.end <= start]
    cuts = [a.span[1] for a in amounts if first <= a.span[0] and a.span[1] <= start]
    tight = _close_behind(expression, here)
    run = [m for m in before if m.start >= max(cuts, default=first)]
    while cuts and not run and (not tight or expression.kind == "free"):
        cut = cuts.pop()
        run = [m for m in before if max(cuts, default=first) <= m.start and m.end <= cut]
    if not run and not tight:
        run = [m for m in here if m.start >= end and _leads_to(m, expression, amounts)][:1]
    is_unit = any(_is_its_unit(m, expression) for m in here)
    return _items(run) | tight, is_unit or (all(m.is_aside for m in run) and not tight)


def _in_unit(mention: Mention, expression: MoneyExpression) -> bool:
    """Say whether a mention is only the unit of the amount: "28 € por clase"."""
    end = expression.span[1]
    return expression.unit not in {"", "other"} and end <= mention.start <= end + 16 and mention.is_unit


def _is_its_unit(mention: Mention, expression: MoneyExpression) -> bool:
    """Say whether a mention may only be the unit, where one sells such a thing as well: "R$ 180 por hora"."""
    end = expression.span[1]
    return expression.unit == "other" and mention.is_unit and end <= mention.start <= end + 16


def _close_behind(expression: MoneyExpression, mentions: Sequence[Mention]) -> frozenset[int]:
    """Return the item right behind an expression, as in "399 € (inglés intensivo)"."""
    following = next((m for m in mentions if m.start >= expression.span[1]), None)
    if following is None:
        return frozenset()
    between = following.start - expression.span[1]
    if between > 30 or not _TIGHT.match(expression.after[:between]):
        return frozenset()
    return following.items


def _leads_to(mention: Mention, expression: MoneyExpression, amounts: Sequence[MoneyExpression]) -> bool:
    """Say whether a sentence goes from an amount to an item behind it: "por 399 € tienes el intensivo"."""
    start, end = expression.span[1], mention.start
    between = expression.after[: end - start]
    passed = any(start <= a.span[0] < end for a in amounts)
    if passed and (expression.kind != "free" or _ANOTHER.search(between)):
        return False  # "we waive the $150 documentation fee" goes on to the name
    return not re.search(r"[;:(]|, ", between)


def _in_last_sentence(expression: MoneyExpression, mentions: Sequence[Mention]) -> frozenset[int]:
    """Return the items of the nearest earlier sentence that names any."""
    before = [m for m in mentions if m.end <= expression.sentence_span[0]]
    if not before:
        return frozenset()
    last = before[-1].end
    return _items([m for m in before if last - m.end <= 120])
