"""Decides whether a number without a currency is meant as a price: "te lo dejo en 350" is, "grupos de 8" is not."""

import re
from decimal import Decimal
from itertools import pairwise

from agent.guardrails.currencies import AFTER, BEFORE
from agent.guardrails.expressions import load_expressions
from agent.guardrails.unit_cues import UnitCue
from agent.guardrails.word_lists import load_words

_WORDS = load_expressions("pricing_words")

LEAST = 10
"""Smaller numbers without a currency are prices only where a unit follows: "8 al mes"."""
LEAST_UNSAID = 20
"""The least one where no word but the prospect's question says that it is a price."""
_MEASURE_CHARS = 150
"""So far before a number a measure may tell what it counts."""

_PACK = re.compile(
    r"\b(?:pack|bono|paquete|pacote|bundle|lote|set|group|grupo|familia|family|mesa|equipo|team|party|total)s? (?:de"
    r"|of) $"
)
_PRICE_WORD = _WORDS["price_word"]
_STRONG = re.compile(
    r"\b(?:cuesta[ns]?|cuest[ao]n?|custa[mr]?|costs?|vale[ns]?|precio|preco|price|fee|cobr[a-z]{1,5}|paga[a-z]{0,3}"
    r"|charges?|sale a|sai por|queda en"
    r"|fica em|fica por|dejo en|por)(?: \w{1,10}){0,2} $"
)
_MORE_NUMBERS = re.compile(
    r"(?:, ?| ?(?:-|/) ?| (?:a|al|y|e|and|o|u|ou|or|to|hasta|ate) ?)\d{1,6}(?:[.,]\d{1,3})?(?![\d%])"
)
_OR_MORE = re.compile(
    r" (?:o|ou|or|y|e|and) (?:mas|mais|more|menos|less|fewer|above|over|superior)|\+"
    r"|(?:(?<=[ (]\d)|(?<=[ (]\d\d)),? (?:(?:pero|mas|but) )?(?:con|com|with|sin|sem|without|no) (?:interes|juros\b)"
    r"|(?: (?:monthly|equal|fixed|interest[- ]free)){1,2} (?:payments|instal?lments)\b"
)
_TO_MASKED = re.compile(r" ?(?:a|as|to|hasta|ate|till|until|-|–) ?(?:las |as )?□")
"""It begins a range whose end is no money: "de 17 a 19 h"."""
_AT_PRICE = re.compile(
    rf"(?: ?@| at| x| ×| por| of)(?: (?:just|only|solo|so|apenas))? ?(?:{BEFORE}) ?\d"
    rf"|(?: ?@| at| x| ×) ?[\d.,]{{1,9}} ?(?:{AFTER})"
)
"""So many are bought at a price: "21 at MXN 199", "9 por $199"."""
_FEW = re.compile(r"(?<![\d.,])\d{1,2}$")
_A_PRICE = re.compile(rf" a (?:{BEFORE}) ?\d{{3}}")
_NEXT = re.compile(r"(?:-| |)([a-z×]+)")
_NOT_COUNTED = load_words("money_words")["not_counted"]


_LESS = re.compile(
    r" (?:(?:de |of |em )?(?:descuent|descont|discount|rebaj|ahorr|econom|bonificac)|off\b|less\b|menos\b|cheaper\b"
    r"|apart\b|(?:de |of )?diff?eren)"
)


_TAKES = re.compile(
    r"\b(?:pide[ns]?|ped(?:e|em|ia)|ocup[a-z]{1,3}|necesit[a-z]{1,3}|precis[a-z]{1,3}|requier[a-z]{1,3}"
    r"|requer(?:em)?|exig[a-z]{1,3}|mide[ns]?|mede[m]?|pesa[n]?|pesam|dura[nm]?|tarda[n]?|lleva[n]?|leva[m]?"
    r"|cab(?:e|en|em)|gener[a-z]{1,2}|gera[m]?|produc[a-z]{1,3}|produz(?:em)?|consum[a-z]{1,3}|rinde[n]?"
    r"|rende[m]?|alcanz[a-z]{1,2}|cubre[n]?|cobre[m]?|tiene[n]?|tem|(?:takes?|gets?|te da|lhe da)(?: you)?"
    r"|needs?|occup[a-z]{1,3}|requires?|measures?|weighs?|lasts?|holds?|fits?|covers?|produces?|generates?"
    r"|uses?|has|have)(?: (?:un[oa]s|uns|umas|cerca de|alrededor de|aproximadamente|about|around|roughly|some"
    r"|up to|hasta|ate|only|just|solo|apenas|al menos|pelo menos|at least|mas de|mais de|more than)){0,2} $"
)
"""In front of a number: how much of what was measured before a thing takes, not what it costs."""
_AGED = re.compile(
    r"\b(?:menor(?:es)?|mayor(?:es)?|maior(?:es)?|younger|older|aged?|edad|idade"
    r"|(?:tien\w+|tener|tenga\w*|tenia\w*|cumpl\w+|tem|tenha\w*|have|has) (?:menos|mas|mais|less|more)"
    r"|(?:you're|you are|he's|he is|she's|she is|they're|they are|anyone|everyone|kids|children|people|students|those"
    r"|clients|drivers|guests|teens|adults) (?:under|over|below|above))(?: (?:de|a|que|than|of|is|es))*(?: los| os)? $"
)
"""In front of a number: it is an age."""
_OLDEST = 100
_LIKEWISE = re.compile(
    r"□[^.;!?$€£¥¤]{1,60}□"
    r"(?: (?!cuest|cost|cust|vale|sal|qued|son|sao|por|dej|deix|pag|for|precio|preco|price)[a-z]+){0,4},?"
    r" (?:un[oa]s|uns|umas|about|around|roughly|some|cerca de|alrededor de|aproximadamente|aprox\.?) $"
)
"""Two measures in front of a number: it is another one of them, "the 3 kW needs 16 m², the 5 kW one roughly 27"."""
_LIMIT = re.compile(
    r"\b(hasta|ate|to|un[oa]s|uns|umas|around|about|roughly|over|under"
    r"|(?:mas|menos|mais|more|less) (?:de|than))(?: los| os)? $"
)
"""What two measures may both have in front."""
_TIME_COUNTED = re.compile(
    r"(?<![\w.,])(\d{1,3})(?: \w+){0,1}? (?:semanas?|weeks?|dias?|days?|mes(?:es)?|months?|horas?|hours?|hrs?"
    r"|minutos?|minutes?|clases?|aulas?|class(?:es)?|lessons?|sesiones|sessoes|sessions?|modulos?|modules?"
    r"|noches?|noites?|nights?)\b"
)
"""How long, or how often, something takes."""
_MEASURED_BEFORE = re.compile(r"□[^$€£¥¤]*$")
_THE_TWO = re.compile(r"\b(?:l[oa]s|[oa]s|the|entre|between|n[oó]s|voces|ustedes) $")
"""Before a small number they make it people or things: "por los dos al mes"."""


def is_price(plain: str, start: int, end: int, value: Decimal, unit: UnitCue, *, about_prices: bool) -> bool:
    """Say whether the number plain[start:end], of no stated currency and counting nothing, is meant as a price."""
    before = plain[max(0, start - 50) : start]
    is_year = 1990 <= value <= 2040 and value % 1 == 0 and not _STRONG.search(before)
    if is_year or (unit == "" and _counts_otherwise(plain, start, value, before)):
        return False
    if value < LEAST:
        return not _THE_TWO.search(before) and unit in {"month", "year"} and bool(_PRICE_WORD.search(before))
    if unit in {"month", "year"}:
        return True
    if _PACK.search(before):
        return False
    if _LESS.match(plain, end):
        return True
    return (about_prices and value >= LEAST_UNSAID) or bool(_PRICE_WORD.search(before))


def _is_parallel(before: str) -> bool:
    """Say whether a number has before it what a measure had: "hasta □ en uno y hasta 30 en otro"."""
    word = _LIMIT.search(before)
    return word is not None and f"{word[1]} □" in before and not _PRICE_WORD.search(before)


def _is_product(plain: str, start: int, value: Decimal) -> bool:
    """Say whether a number is what two counts of time before it make: "12 semanas de 6 horas, 72 no total"."""
    counts = [int(match[1]) for match in _TIME_COUNTED.finditer(plain, max(0, start - _MEASURE_CHARS), start)]
    return any(one * other == value for one, other in pairwise(counts))


def _is_age(value: Decimal, before: str) -> bool:
    """Say whether a number is how old somebody is: "porque tiene menos de 16"."""
    return value < _OLDEST and bool(_AGED.search(before))


def _counts_otherwise(plain: str, start: int, value: Decimal, before: str) -> bool:
    """Say whether what stands before a number makes it a measure, an age or a count."""
    return _is_measured(plain, start) or _is_age(value, before) or _is_product(plain, start, value)


def _is_measured(plain: str, start: int) -> bool:
    """Say whether a number goes on with what was measured before: "con □ no entra, pide unos 27"."""
    before = plain[max(0, start - _MEASURE_CHARS) : start]
    if _LIKEWISE.search(before) or _is_parallel(before):
        return True
    if not _TAKES.search(before[-50:]):
        return False
    return bool(_MEASURED_BEFORE.search(before))


def is_count_at_price(plain: str, end: int) -> bool:
    """Say whether the number that ends at `end` says how many are bought at the price behind it: "9 a $199"."""
    return bool(
        _AT_PRICE.match(plain, end) or (_FEW.search(plain, max(0, end - 4), end) and _A_PRICE.match(plain, end))
    )


def is_counted(plain: str, end: int) -> bool:
    """Say whether the number that ends at `end` counts something: "12 semanas", "10 ou mais aulas", "15 a 20 dias"."""
    for _ in range(5):
        more = _MORE_NUMBERS.match(plain, end)
        if more is None:
            break
        end = more.end()
    if _OR_MORE.match(plain, end) or _TO_MASKED.match(plain, end):
        return True
    following = _NEXT.match(plain, end)
    return bool(following) and following[1] not in _NOT_COUNTED if following else plain[end : end + 1] == "□"
