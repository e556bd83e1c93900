"""How amounts name their currency, in Spanish, Portuguese and English, officially and in slang. For folded text."""

import re
from decimal import Decimal
from functools import lru_cache

_DOLLARS = "USD MXN COP ARS CLP UYU CAD AUD DOP NZD SGD HKD"
_PESOS = "MXN COP ARS CLP UYU DOP PHP"
CODES = (
    "eur usd brl mxn cop ars clp pen gbp uyu cad aud dop chf jpy cny crc gtq hnl nio pyg bob ves inr btc usdt usdc "
    "eth nzd sgd hkd php sek nok dkk pln"
)
_SYMBOLS = {
    "us$": "USD",
    "u$s": "USD",
    "u$d": "USD",
    "u$": "USD",
    "mx$": "MXN",
    "col$": "COP",
    "r$": "BRL",
    "ar$": "ARS",
    "ca$": "CAD",
    "a$": "AUD",
    "$": _DOLLARS,
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY CNY",
    "₹": "INR",
    "₡": "CRC",
    "₿": "BTC",
    "¤": CODES.upper(),
    "s/.": "PEN",
    "s/": "PEN",
}
_NAMES = {
    r"eur(?:os?|itos?|illos?|etes?|acos?|inhos?)": "EUR",
    r"pavos?|machacantes|leuros|lereles": "EUR USD",
    r"dolar(?:es)? (?:norte)?american[oa]s?|us dollars?|u\.s\. dollars?|american dollars?": "USD",
    r"dolar(?:es)? (?:estadounidenses|estadunidenses)": "USD",
    r"dolar(?:es|itos?)?|dollars?|bucks?|dolares|verdes|greenbacks?|smackers": "USD CAD AUD",
    r"reais|reales|reaizinhos|realitos|contos?(?! de )|pilas?|pratas|mangos?|paus?|dinheiros": "BRL ARS",
    r"pes(?:os|itos) mexicanos?|mexican pesos|pesos de mexico|varos|varitos": "MXN",
    r"pesos? colombianos?|colombian pesos": "COP",
    r"pesos? argentinos?|argentine pesos": "ARS",
    r"pesos? chilenos?|chilean pesos": "CLP",
    r"pesos? uruguayos?": "UYU",
    r"pes(?:os?|itos?|otes?|oles)|barras|lucas?|luquitas?|palos?|lana": _PESOS,
    r"libras? esterlinas?|libras?|pounds?|quid": "GBP",
    r"tenners?|fivers?": "GBP USD EUR",
    r"soles|cocos": "PEN",
    r"francos?|francs?": "CHF",
    r"quetzales": "GTQ",
    r"lempiras?": "HNL",
    r"colones": "CRC",
    r"guaranies": "PYG",
    r"bolivianos": "BOB",
    r"bolivares": "VES",
    r"yenes|yen|ienes": "JPY",
    r"rupias?|rupees?": "INR",
    r"bitcoins?": "BTC",
    r"(?:centimos?|centavos?|cents?)(?: de (?:euro|dolar|real|peso))?|pence": "EUR USD BRL GBP " + _PESOS,
}
_FACTORS = {
    "ten": Decimal(10),
    "fiv": Decimal(5),
    "luc": Decimal(1000),
    "luq": Decimal(1000),
    "bar": Decimal(1000),
    "pal": Decimal(1_000_000),
    "cen": Decimal("0.01"),
    "pen": Decimal("0.01"),
}
"""What one of a name is worth, by how the name begins, where it is not one whole unit."""

_CODE = "(?:" + CODES.replace(" ", "|") + ")"
_SYMBOL = "(?:" + "|".join(map(re.escape, _SYMBOLS)) + ")"
NAME = rf"(?:{'|'.join(_NAMES)})"
BEFORE = rf"(?:{_CODE} ?{_SYMBOL}|{_SYMBOL}(?: ?{_CODE}(?= ?\d))?|{_CODE})"
AFTER = rf"(?:us\$|mx\$|r\$|[$€£¥¤](?: ?{_CODE}(?!\w))?|{_CODE}(?!\w))(?! ?\d)"
SIGNS = "$€£¥"
PRICED = rf"(?: ?(?:(?:[{SIGNS}¤]|r\$|us\$|mx\$)(?! ?\d)|(?:{NAME}|{_CODE})\b(?! ?\d)))"
"""What makes the number before it an amount."""

_PARTS = re.compile(rf"{_SYMBOL}|{_CODE}(?![a-z])")


@lru_cache(maxsize=1024)
def currencies_of(notation: str) -> frozenset[str]:
    """Return the ISO codes that one folded notation may stand for; none for an empty one.

    A symbol and a code that contradict each other ("R$ 20 USD") give `XXX`, which nobody publishes.
    """
    notation = notation.strip()
    if not notation:
        return frozenset()
    named = next((codes for name, codes in _NAMES.items() if re.fullmatch(name, notation)), None)
    if named is not None:
        return frozenset(named.split())
    return both([frozenset(_SYMBOLS.get(part, part.upper()).split()) for part in _PARTS.findall(notation)])


def both(stated: list[frozenset[str]]) -> frozenset[str]:
    """Return the currencies on which several notations of one amount agree; `XXX` where they do not."""
    known = [codes for codes in stated if codes]
    return (frozenset.intersection(*known) or frozenset({"XXX"})) if known else frozenset()


def factor_of(name: str) -> Decimal:
    """Return what one unit of a currency's name is worth: 1000 for "lucas", a hundredth for "céntimos"."""
    return _FACTORS.get(name[:3], Decimal(1))
