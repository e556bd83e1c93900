"""Reads money out of a text as a prospect would read it: amounts, percentages, instalments, "free", deals (P5).

Spanish, Portuguese and English; digits in any notation or script, and in words. The text is folded first, so the
evidence is what was read, not always what was typed. Every pattern is bounded: reading takes linear time.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from agent.folding import fold
from agent.guardrails.mentions import MONTHS
from agent.guardrails.number_words import digits_for_words

MAX_CHARS = 20_000
"""Longer texts are cut here before they are read; the channel limits of `format` are what stops them."""

Kind = Literal["amount", "percent", "instalments", "free", "deal", "tax"]
UnitCue = Literal["month", "course", "session", "year", "other", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class MoneyExpression:
    """One money statement. `value` is in whole units, a percentage, or a number of instalments."""

    kind: Kind
    text: str
    sentence: str
    """The folded sentence it stands in."""
    value: Decimal = Decimal(0)
    currencies: frozenset[str] = frozenset()
    """ISO codes the notation may stand for; empty: not stated, any."""
    unit: UnitCue = ""
    """What it is said to be the price of; "other" is a unit nobody publishes, such as a day."""


# --- currencies -------------------------------------------------------------------------------------------

_DOLLARS = "USD MXN COP ARS CLP UYU CAD AUD"
_PESOS = "MXN COP ARS CLP UYU DOP"
_CODES = "eur usd brl mxn cop ars clp pen gbp uyu cad aud dop chf"
_SYMBOLS = {
    "us$": "USD",
    "u$s": "USD",
    "u$d": "USD",
    "mx$": "MXN",
    "r$": "BRL",
    "ar$": "ARS",
    "$": _DOLLARS,
    "€": "EUR",
    "£": "GBP",
    "s/": "PEN",
}
_NAMES = {
    r"eur(?:os?|itos?)": "EUR",
    r"pavos?": "EUR USD",
    r"dolar(?:es)? americanos?|us dollars?|american dollars?": "USD",
    r"dolar(?:es)?|dollars?|bucks?": "USD CAD AUD",
    r"reais|real|reaizinhos|contos?|pilas?": "BRL",
    r"pes(?:os|itos) mexicanos|mexican pesos|varos": "MXN",
    r"pes(?:os?|itos?|otes?)|lucas?": _PESOS,
    r"libras?|pounds?|quid": "GBP",
    r"soles": "PEN",
}
_BEFORE = "|".join(map(re.escape, _SYMBOLS)) + "|" + _CODES.replace(" ", "|")
_AFTER_NAME = "|".join(_NAMES)
_AFTER_SIGN = rf"(?:us\$|mx\$|r\$|[$€£]|(?:{_CODES.replace(' ', '|')})(?!\w))(?! ?\d)"


def _currencies(notation: str) -> frozenset[str]:
    """Return the codes that one notation may stand for; none for an empty one."""
    notation = notation.strip()
    if not notation:
        return frozenset()
    if notation in _SYMBOLS:
        return frozenset(_SYMBOLS[notation].split())
    named = next((codes for name, codes in _NAMES.items() if re.fullmatch(name, notation)), notation.upper())
    return frozenset(named.split())


# --- what is not money ------------------------------------------------------------------------------------

_MONTH = rf"(?:{'|'.join(' '.join(MONTHS).split())})\b"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_PRICED = rf"(?! ?(?:[€$£]|(?:{_AFTER_NAME}|{_CODES.replace(' ', '|')})\b))"
_UNITS_OF_MEASURE = r"(?:kwh?|w|v|m2|km|kg|g|l|gb|mb|cm|mm|ml)"
NOT_MONEY = re.compile(
    r"https?://\S+|[\w.+-]{1,64}@[\w.-]{1,255}"
    r"|\+\d[\d ()-]{6,18}\d|(?<![\d.,$€£])\d{2,4}(?:[ -]\d{2,4}){2,4}(?![\d.,])"
    r"|(?<!\d)\d{1,2}(?::\d{2}|h\d{2})(?!\d)(?: ?(?:hs?|hrs|am|pm)\b)?|(?<!\d)\d{1,2} ?(?:am|pm|hs?|hrs)\b"
    r"|(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)|(?<![\d$€£])\d{1,2}/\d{1,2}(?:/\d{2,4})?(?![\d/])"
    rf"|(?<![\d.,]){_DAY}(?:st|nd|rd|th|o)?(?: de| of)? {_MONTH}(?:(?: de|,)? \d{{4}}\b{_PRICED})?"
    rf"|\b{_MONTH} {_DAY}(?:st|nd|rd|th)?\b(?![.,]\d){_PRICED}(?:,? \d{{4}}\b{_PRICED})?"
    rf"|(?<![\d.,])\d{{1,6}}(?:[.,]\d{{1,2}})? ?{_UNITS_OF_MEASURE}\b"
    rf"|\b(?!(?:{_CODES.replace(' ', '|')})\d)[a-z]{{1,12}}-?\d[\w.]{{0,12}}(?![\w.]){_PRICED}"
)
_MASK = "□"

# --- numbers and amounts ----------------------------------------------------------------------------------

_NUMBER = (
    r"(?:\d{1,3}(?:[.,']\d{3}){1,4}(?:[.,]\d{1,2})?|\d{1,3}(?: \d{3}){1,4}(?:[.,]\d{1,2})?|\d{1,12}(?:[.,']\d{1,2})?)"
    r"(?![\d%])(?![.,]\d)(?! ?(?:%|por ?cient|por ?cento|per ?cent))"
)
AMOUNT = re.compile(
    rf"(?:(?<![a-z])(?P<before>{_BEFORE}) {{0,2}}|(?<![\w.,/#-]))(?P<number>{_NUMBER})(?:\.-)?"
    rf"(?: ?(?P<sign>{_AFTER_SIGN})|[\s.,;:]{{0,3}}(?:(?:y|e|and) )?(?:(?:son|sao|de|in|en|em) )?"
    rf"(?P<name>{_AFTER_NAME})\b)?"
)
PERCENT = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d{1,2})?) ?(?:%|por ?ciento|por ?cento|per ?cent)")
INSTALMENTS = re.compile(
    r"(?<![\w.,])(\d{1,3}) ?(?:[x×]|veces|vezes)(?![a-z\d])(?! ?\d{1,3}\b(?![.,]))"
    r"|(?<![\w.,])(\d{1,3}) (?:(?:interest[- ]free|monthly|equal|comod[oa]s|iguales|iguais|mensuales"
    r"|mensais|easy) ){0,2}"
    r"(?:cuotas|plazos|mensualidades|pagos|parcelas|prestac[a-z]{2,4}s|instal?lments|payments"
    r"|meses sin intereses|msi)\b"
)
FREE = re.compile(
    r"\b(?:gratis|gratuit[oa]s?(?:mente)?|de graca|sin (?:ningun )?(?:costo|coste|cargo|pagar)\b(?! de)"
    r"|no (?:tiene|tienen|lleva) (?:costo|coste)|sem (?:nenhum |qualquer )?(?:custo|cobranca|pagar)|nao tem custo"
    r"|de regalo|(?:te|lo|la|se lo) regal[a-z]+|de brinde|por (?:nuestra cuenta|nossa conta"
    r"|cuenta de la casa|conta da casa)"
    r"|cortesia|free(?: of charge)?|complimentary|(?:no|zero|without|free of) (?:extra |additional |any )?"
    r"(?:charge|cost)s?"
    r"|(?:is|it's|are) on us|on the house|(?:costo|coste|custo) (?:cero|zero|0)|no (?:se|te) (?:cobra"
    r"|cobramos|paga)n?"
    r"|no pagas nada|nao (?:e|sao) cobrad[oa]s?|nao paga nada|throw(?:n)? in|waive[ds]?|for nothing)\b"
)
NOT_FREE = re.compile(
    r"\b(?:feel free|[a-z]{3,12}-free|(?:interest|toll|hassle|stress|risk) free"
    r"|(?:are|if|when|whenever) (?:you|they)(?: are)? free"
    r"|(?:i'm|i am|we're|we are|you're|you are) free|free (?:time|slots?|spots?|space|place|seats?|spirit|moment)"
    r"|free to (?:ask|write|call|reach|reply|message|contact|choose|send|come|visit|say))\b"
)
DEAL = re.compile(
    r"\b(?:[23] ?(?:x|por|for) ?(?:[12]|uno|um|one)\b(?! ?%)(?! ?[a-z]{2,}s\b)|half (?:the )?(?:price|off)"
    r"|half-price|mitad del? precio"
    r"|por la mitad|pela metade|metade do preco|paga(?:s|n)? (?:solo|so) (?:uno?|um|la mitad|a metade)"
    r"|buy one,? get one)"
)
TAX = re.compile(
    r"(?:\bmas|\+|\bplus|\bmais|\bsin|\bsem|\bexcluding|\bnot including) ?(?:el |o |os )?(?:iva|vat"
    r"|impuestos?|impostos?|tax(?:es)?)\b"
)

# A number without a currency is money only behind such a word, and not before a noun it counts.
_PRICE_WORD = re.compile(
    r"(?:\b(?:cuesta[ns]?|costar[a-z]+|cost[oe]s?|vale[ns]?|precios?|sale[ns]?|saldria[ns]?|queda[ns]?"
    r"|quedaria[ns]?|pag[a-z]{1,5}"
    r"|ahorr[a-z]{1,4}|total|suma[ns]?|cuota|importe|tarifa|dej[a-z]{1,5}|cobr[a-z]{1,5}|rebaj[a-z]{1,4}"
    r"|descuentos?|ofert[a-z]{1,4}"
    r"|custa[mr]?|precos?|valor|sai|saem|sairia|fica[mr]?|ficaria[m]?|fac[ao]|faz[a-z]{0,4}|deix[a-z]{1,4}"
    r"|economiz[a-z]{1,3}"
    r"|descontos?|mensalidade|costs?|prices?|priced|pay[a-z]{0,4}|saves?|comes? to|charge[ds]?|discount"
    r"|fee|call it|(?:that'd|it'd|would) be|serian?|por|for|do|just|only)\b)"
    r"[^\d.!?□]{0,25}$"
)
_COUNTED = re.compile(
    r"^(?:[-‐]| )(?!(?:al|por|per|a|each|cada|en|em|in|on|at|de|total|para|pra|for|if|si|se|y|e|and|or|o|ou|con|com"
    r"|with|instead|hoy|hoje|today|todo|tudo|ya|ja|nada|no|nao|not|by|until|hasta|ate|es|is|as|iva|te|you|me|mas|mais|menos"
    r"|less|off|apiece|una?|uma?|dia|diario)\b)[a-z]"
)
_LEAST_BARE = 10

_A = r"(?:\b(?:al|por|la|a|per|each|cada|every|the)|/)"
_WHOLE_COURSE = (
    r"\b(?:el|por el|o|pelo|por o|for the|for a|the) (?:whole |full |entire |complete )?(?:\d+-week )?(?:curso|course)"
    r"|\btodo el curso|\bcurso (?:completo|inteiro)"
)
_CUE_WORDS: Mapping[UnitCue, str] = {
    "other": rf"{_A} ?(?:dia|day|semana|week|hora|hour|watt?|w)|\b(?:diarios?|daily|weekly)",
    "month": rf"{_A} ?(?:mes|month|mo)|\b(?:mensual(?:es)?|mensa(?:l|is)|monthly)",
    "year": rf"{_A} ?(?:ano|year)",
    "session": rf"{_A} ?(?:clase|aula|lesson|class|sesion|sessao|session|visita|visit)",
    "course": rf"{_WHOLE_COURSE}|\b(?:por las|pelas|for the|for all) \d+ (?:semanas|weeks)",
}
_UNIT_CUES = {cue: re.compile(rf"^.{{0,12}}?(?:{words})\b") for cue, words in _CUE_WORDS.items()}


def read_money(text: str, language: str) -> tuple[MoneyExpression, ...]:
    """Return the money expressions of a text written in `language` (es, pt, en), kind by kind."""
    plain = _plain(text, language)
    return tuple(
        replace(expression, text=plain[start:end].strip(), sentence=_sentence_around(plain, start, end))
        for reader in (_amounts, _percentages, _instalments, _phrases)
        for start, end, expression in reader(plain)
    )


def read_numbers(text: str, language: str) -> frozenset[Decimal]:
    """Return every number of a text, in digits or words, that is not part of a date, a time, a phone or a measure."""
    return frozenset(_value(match[0]) for match in _ANY_NUMBER.finditer(_plain(text, language)))


_Found = tuple[int, int, MoneyExpression]
_ANY_NUMBER = re.compile(rf"(?<![\w.,]){_NUMBER}")
_LOOK_ALIKES = re.compile(r"(?<=[$€£]) ?\d[\doil]{1,9}|(?<!\w)\d[\doil]{1,9}(?= ?(?:[$€£]|eur|usd|reais|pesos|dol))")
_SPACED_DIGITS = re.compile(r"(?<![\d.,])\d(?:[ ._*-]\d){2,8}(?![\d.,]*\d)")
_A_DOLLAR = re.compile(r"\b(?:a|un|um|one) (?=(?:dolar|dollar|euro|buck|peso|real)\b)")
_GLUED = re.compile(r"(?<=[a-z])(?=\d[\d.,]{0,12} ?[$€£])")
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)|\n")
_SENTENCE_CHARS = 300


def _plain(text: str, language: str) -> str:
    """Return the folded text with numbers in digits and everything that is surely not money masked."""
    plain = _GLUED.sub(" ", fold(text[:MAX_CHARS]).replace("\u2019", "'"))
    plain = NOT_MONEY.sub(_MASK, plain)
    plain = _LOOK_ALIKES.sub(lambda match: match[0].translate(str.maketrans("oil", "011")), plain)
    plain = digits_for_words(_A_DOLLAR.sub("1 ", plain), language)
    return _SPACED_DIGITS.sub(lambda match: re.sub(r"\D", "", match[0]), plain)


def _sentence_around(plain: str, start: int, end: int) -> str:
    """Return the sentence that plain[start:end] stands in, of at most `_SENTENCE_CHARS` to either side."""
    least = max(0, start - _SENTENCE_CHARS)
    begin = max((match.end() for match in _SENTENCE_END.finditer(plain, least, start)), default=least)
    stop = _SENTENCE_END.search(plain, end, end + _SENTENCE_CHARS)
    return plain[begin : stop.start() if stop else end + _SENTENCE_CHARS].strip()


def _amounts(plain: str) -> Iterator[_Found]:
    for match in AMOUNT.finditer(plain):
        before, after = match["before"] or "", match["sign"] or match["name"] or ""
        value = _value(match["number"])
        if not (before or after) and not _is_bare_money(plain, match, value):
            continue
        stated = [codes for codes in (_currencies(before), _currencies(after)) if codes]
        currencies = frozenset.intersection(*stated) if stated else frozenset()
        if stated and not currencies:  # "R$ 20 USD": nothing can imply that
            currencies = frozenset({"XXX"})
        yield (
            match.start(),
            match.end(),
            MoneyExpression(
                kind="amount",
                text="",
                sentence="",
                value=value,
                currencies=currencies,
                unit=_unit(plain[match.end() :][:60]),
            ),
        )


def _value(number: str) -> Decimal:
    """Return the value of digits with separators: exactly three after the last one are thousands."""
    *head, tail = re.split(r"[.,' ]", number)
    if head and len(tail) != 3:
        return Decimal(f"{''.join(head)}.{tail}")
    return Decimal("".join([*head, tail]))


def _is_bare_money(plain: str, match: re.Match[str], value: Decimal) -> bool:
    """Say whether a number without a currency is meant as a price."""
    is_year = match["number"].isdigit() and 1990 <= value <= 2040
    after = plain[match.end() : match.end() + 40]
    if value < _LEAST_BARE or is_year:
        return False
    if _unit(after) in {"month", "year"} and not _COUNTED.match(after):
        return True
    return bool(_PRICE_WORD.search(plain[max(0, match.start() - 50) : match.start()])) and not _COUNTED.match(after)


def _unit(after: str) -> UnitCue:
    """Return what the words behind an amount say it is the price of."""
    return next((cue for cue, pattern in _UNIT_CUES.items() if pattern.match(after)), "")


def _percentages(plain: str) -> Iterator[_Found]:
    for match in PERCENT.finditer(plain):
        value = Decimal(match[1].replace(",", "."))
        yield match.start(), match.end(), MoneyExpression(kind="percent", text="", sentence="", value=value)


def _instalments(plain: str) -> Iterator[_Found]:
    for match in INSTALMENTS.finditer(plain):
        value = Decimal(match[1] or match[2])
        yield match.start(), match.end(), MoneyExpression(kind="instalments", text="", sentence="", value=value)


def _phrases(plain: str) -> Iterator[_Found]:
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("free", FREE), ("deal", DEAL), ("tax", TAX))
    not_free = [match.span() for match in NOT_FREE.finditer(plain)]
    for kind, pattern in kinds:
        for match in pattern.finditer(plain):
            if kind != "free" or not any(start <= match.start() < end for start, end in not_free):
                yield match.start(), match.end(), MoneyExpression(kind=kind, text="", sentence="")
