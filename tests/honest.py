"""Honest replies composed from what a tenant publishes: prices, totals, parts, differences, discounts, hours."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from agent.guardrails.grounding_facts import facts_of
from agent.guardrails.grounding_windows import Window
from agent.prices import format_money, less_percent, valid_discounts, valid_prices
from agent.types import CatalogueItem, Price, Tenant

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "price": {
        "es": "{item} cuesta {price}{unit}.",
        "pt": "{item} custa {price}{unit}.",
        "en": "{item} is {price}{unit}.",
    },
    "plain": {"es": "Son {price}{unit}.", "pt": "São {price}{unit}.", "en": "It's {price}{unit}."},
    "total": {
        "es": "{item}: {price} cada uno, así que {count} salen en {total}.",
        "pt": "{item}: {price} cada um, então {count} saem por {total}.",
        "en": "{item}: {price} each, so {count} come to {total}.",
    },
    "parts": {
        "es": "{item} se puede pagar en {count} cuotas sin intereses de {part}.",
        "pt": "{item} pode ser pago em {count} parcelas sem juros de {part}.",
        "en": "{item} can be paid in {count} interest-free instalments of {part}.",
    },
    "difference": {
        "es": "{part}. {item} cuesta {price} y {other}, {total}.",
        "pt": "{part}. {item} custa {price} e {other}, {total}.",
        "en": "{part}. {item} is {price} and {other}, {total}.",
    },
    "compared": {
        "es": "{item} cuesta {price} y {other}, {total}: hay {part} de diferencia.",
        "pt": "{item} custa {price} e {other}, {total}: são {part} de diferença.",
        "en": "{item} is {price} and {other} is {total}, so they are {part} apart.",
    },
    "sum": {
        "es": "{item} y {other} juntos suman {total}.",
        "pt": "{item} e {other} juntos somam {total}.",
        "en": "{item} and {other} together come to {total}.",
    },
    "change": {
        "es": "{item}: {price} hasta el {last} y {total} desde el {first}. Sube {part}.",
        "pt": "{item}: {price} até {last} e {total} a partir de {first}. Sobe {part}.",
        "en": "{item}: {price} until {last} and {total} from {first}. It goes up by {part}.",
    },
    "fall": {
        "es": "{item}: {price} hasta el {last} y {total} desde el {first}. Baja {part}.",
        "pt": "{item}: {price} até {last} e {total} a partir de {first}. Baixa {part}.",
        "en": "{item}: {price} until {last} and {total} from {first}. It goes down by {part}.",
    },
    "discount": {
        "es": "{item}: con el {percent} % de descuento ({condition}) queda en {total} y no {price}; son {part} menos.",
        "pt": "{item}: com {percent}% de desconto ({condition}) fica em {total} em vez de {price}; são {part} a menos.",
        "en": "{item}: with {percent}% off ({condition}) it is {total} instead of {price}, {part} less.",
    },
    "within": {
        "es": "Sí, a las {time} te viene bien: atendemos de {first} a {last}.",
        "pt": "Sim, às {time} dá certo: atendemos das {first} às {last}.",
        "en": "Yes, {time} works: we are open from {first} to {last}.",
    },
}
"""How a seller says each, by language."""
ASKS = {
    "": {"es": "¿Cuánto cuesta {item}?", "pt": "Quanto custa {item}?", "en": "How much is {item}?"},
    "difference": {
        "es": "¿Qué diferencia de precio hay entre {item} y {other}?",
        "pt": "Qual a diferença de preço entre {item} e {other}?",
        "en": "What's the price difference between {item} and {other}?",
    },
    "within": {"es": "¿Puedo ir a las {time}?", "pt": "Posso ir às {time}?", "en": "Can I come at {time}?"},
    "quote": {"es": "¿Y cómo es eso?", "pt": "E como funciona?", "en": "How does that work?"},
}
UNITS = {
    "month": {"es": " al mes", "pt": " por mês", "en": " a month"},
    "seat_month": {"es": " por puesto al mes", "pt": " por vaga ao mês", "en": " per seat a month"},
    "session": {"es": " por sesión", "pt": " por sessão", "en": " per session"},
}
MONTHS = {
    "es": "enero,febrero,marzo,abril,mayo,junio,julio,agosto,septiembre,octubre,noviembre,diciembre",
    "pt": "janeiro,fevereiro,março,abril,maio,junho,julho,agosto,setembro,outubro,novembro,dezembro",
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
}
_COUNTED = frozenset({"session", "month", "seat_month"})


class Honest(NamedTuple):
    """A question and the reply to it."""

    kind: str
    language: str
    asked: str
    reply: str


def honest_replies(tenant: Tenant, today: date) -> Iterator[Honest]:
    """Yield replies that follow from what `tenant` publishes, in each of its languages."""
    for language in tenant.languages:
        said = _Speaker(tenant, language, today)
        items = [item for item in tenant.catalogue if valid_prices(item, today)]
        for item in items:
            yield from said.of_item(item)
        for item, other in pairwise(items):
            yield from said.of_both(item, other)
        yield from said.of_hours()
    for passage in tenant.passages:
        for language, text in passage.text.items():
            yield Honest("quote", language, ASKS["quote"][language], text)


class _Speaker(NamedTuple):
    """Says what a tenant publishes in one language."""

    tenant: Tenant
    language: str
    today: date

    def of_item(self, item: CatalogueItem) -> Iterator[Honest]:
        """Yield what may be said of one item alone."""
        for price in valid_prices(item, self.today):
            for kind in ("price", "plain"):
                yield self._say(kind, item, price.currency, {"price": price.amount_minor, "unit": self._unit(price)})
            yield from self._multiples(item, price)
            yield from self._parts(item, price)
            yield from self._changes(item, price)
            yield from self._discounts(item, price)

    def of_both(self, item: CatalogueItem, other: CatalogueItem) -> Iterator[Honest]:
        """Yield what may be said of two items: the sum and the difference of their prices."""
        one, two = (self._home_price(each) for each in (item, other))
        if one is None or two is None or one.amount_minor == two.amount_minor:
            return
        apart, total = abs(one.amount_minor - two.amount_minor), one.amount_minor + two.amount_minor
        both: dict[str, int | str] = {
            "price": one.amount_minor,
            "total": two.amount_minor,
            "part": apart,
            "other": self._name(other),
        }
        yield self._say("difference", item, one.currency, both, asked="difference")
        yield self._say("compared", item, one.currency, both, asked="difference")
        yield self._say("sum", item, one.currency, {**both, "total": total}, asked="difference")

    def of_hours(self) -> Iterator[Honest]:
        """Yield that a time in the middle of published opening hours is one to come at."""
        for window in facts_of(self.tenant).windows:
            if window.is_long and "topics:opening" in window.topics and window.days:
                clock = dict(zip(("first", "time", "last"), map(_clock, _three(window)), strict=True))
                reply = SENTENCES["within"][self.language].format(**clock)
                yield Honest("within", self.language, ASKS["within"][self.language].format(**clock), reply)

    def _multiples(self, item: CatalogueItem, price: Price) -> Iterator[Honest]:
        for count in (2, 3) if price.unit in _COUNTED else ():
            amounts = {"price": price.amount_minor, "total": price.amount_minor * count}
            yield self._say("total", item, price.currency, {"count": count, **amounts})

    def _parts(self, item: CatalogueItem, price: Price) -> Iterator[Honest]:
        terms = item.instalments
        least = terms.min_amount_minor or 0 if terms else 0
        if terms and terms.interest_free and price.currency == self.tenant.currency and price.amount_minor >= least:
            for count in {2, terms.max}:
                part = (2 * price.amount_minor + count) // (2 * count)
                yield self._say("parts", item, price.currency, {"count": count, "part": part})

    def _changes(self, item: CatalogueItem, price: Price) -> Iterator[Honest]:
        for later in item.prices:
            follows = price.valid_to and later.valid_from == price.valid_to + timedelta(1)
            if follows and later.currency == price.currency and price.valid_to and later.valid_from:
                days = {"last": self._day(price.valid_to), "first": self._day(later.valid_from)}
                apart = later.amount_minor - price.amount_minor
                amounts = {"price": price.amount_minor, "total": later.amount_minor, "part": abs(apart)}
                yield self._say("change" if apart > 0 else "fall", item, price.currency, {**days, **amounts})

    def _discounts(self, item: CatalogueItem, price: Price) -> Iterator[Honest]:
        for discount in valid_discounts(item, self.today):
            if discount.percent and discount.percent < 100 and self.language in discount.condition:
                total = less_percent(price.amount_minor, discount.percent)
                amounts = {"price": price.amount_minor, "total": total, "part": price.amount_minor - total}
                told = {"percent": str(discount.percent), "condition": discount.condition[self.language]}
                yield self._say("discount", item, price.currency, {**told, **amounts})

    def _say(
        self, kind: str, item: CatalogueItem, currency: str, said: Mapping[str, int | str], asked: str = ""
    ) -> Honest:
        amounts = {
            key: format_money(value, currency, self.language, self.tenant.country)
            for key, value in said.items()
            if key in {"price", "total", "part"} and isinstance(value, int)
        }
        words = {"unit": "", **said, **amounts, "item": self._name(item)}
        reply = SENTENCES[kind][self.language].format(**words)
        return Honest(kind, self.language, ASKS[asked][self.language].format(**words), reply)

    def _name(self, item: CatalogueItem) -> str:
        return item.name.get(self.language) or next(iter(item.name.values()))

    def _unit(self, price: Price) -> str:
        return UNITS.get(price.unit, {}).get(self.language, "")

    def _home_price(self, item: CatalogueItem) -> Price | None:
        return next(iter(valid_prices(item, self.today, self.tenant.currency)), None)

    def _day(self, day: date) -> str:
        month = MONTHS[self.language].split(",")[day.month - 1]
        return f"{month} {day.day}" if self.language == "en" else f"{day.day} de {month}"


def _three(window: Window) -> tuple[int, int, int]:
    """Return the beginning of a span, a whole hour in the middle, and the end."""
    return window.first, (window.first + window.last) // 120 * 60, window.last


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24}:{minutes % 60:02}"
