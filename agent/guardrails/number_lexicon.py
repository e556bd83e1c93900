"""The number words of Spanish, Portuguese and English, folded, and how to find them in a text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal

Kind = Literal["value", "one", "scale", "half", "join", "digits"]

_VALUES: Mapping[str, str] = {
    "es": "cero=0 dos=2 tres=3 cuatro=4 cinco=5 seis=6 siete=7 ocho=8 nueve=9 diez=10 once=11 "
    "doce=12 trece=13 catorce=14 quince=15 dieciseis=16 diecisiete=17 dieciocho=18 diecinueve=19 veinte=20 "
    "veintiun=21 veintiuno=21 veintiuna=21 veintidos=22 veintitres=23 veinticuatro=24 veinticinco=25 veintiseis=26 "
    "veintisiete=27 veintiocho=28 veintinueve=29 treinta=30 cuarenta=40 cincuenta=50 sesenta=60 setenta=70 "
    "ochenta=80 noventa=90 cien=100 ciento=100 doscientos=200 doscientas=200 trescientos=300 trescientas=300 "
    "cuatrocientos=400 cuatrocientas=400 quinientos=500 quinientas=500 seiscientos=600 seiscientas=600 "
    "setecientos=700 setecientas=700 ochocientos=800 ochocientas=800 novecientos=900 novecientas=900",
    "pt": "zero=0 dois=2 duas=2 tres=3 quatro=4 cinco=5 seis=6 sete=7 oito=8 nove=9 dez=10 onze=11 "
    "doze=12 treze=13 quatorze=14 catorze=14 quinze=15 dezesseis=16 dezasseis=16 dezessete=17 dezassete=17 "
    "dezoito=18 dezenove=19 dezanove=19 vinte=20 trinta=30 quarenta=40 cinquenta=50 cincoenta=50 sessenta=60 "
    "setenta=70 oitenta=80 noventa=90 cem=100 cento=100 duzentos=200 duzentas=200 trezentos=300 trezentas=300 "
    "quatrocentos=400 quatrocentas=400 quinhentos=500 quinhentas=500 seiscentos=600 seiscentas=600 "
    "setecentos=700 setecentas=700 oitocentos=800 oitocentas=800 novecentos=900 novecentas=900",
    "en": "zero=0 oh=0 one=1 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12 "
    "thirteen=13 fourteen=14 fifteen=15 sixteen=16 seventeen=17 eighteen=18 nineteen=19 twenty=20 thirty=30 "
    "forty=40 fourty=40 fifty=50 sixty=60 seventy=70 eighty=80 ninety=90",
}
_TENS: Mapping[str, str] = {
    "es": "treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
}
_UNITS: Mapping[str, str] = {
    "es": "uno un una dos tres cuatro cinco seis siete ocho nueve",
    "pt": "um uma dois duas tres quatro cinco seis sete oito nove",
    "en": "one two three four five six seven eight nine",
}
_SCALES: Mapping[str, str] = {
    "es": "mil=1000 millar=1000 millares=1000 miles=1000 millon=1000000 millones=1000000 cientos=100 cientas=100 "
    "centenar=100 centenares=100 docena=12 docenas=12",
    "pt": "mil=1000 milhar=1000 milhares=1000 milhao=1000000 milhoes=1000000 milao=1000 centos=100 centena=100 "
    "centenas=100 duzia=12 duzias=12",
    "en": "hundred=100 hundreds=100 thousand=1000 thousands=1000 grand=1000 million=1000000 millions=1000000 dozen=12 "
    "dozens=12",
}
STARTS_ALONE = frozenset({"mil", "hundred", "thousand"})
"""Scales that are a number by themselves; any other needs a number before it ("a grand", "dos docenas")."""
_ONES = frozenset({"un", "uno", "una", "um", "uma", "a", "one"})
MASCULINE_ONES = frozenset({"un", "uno", "um", "one"})
SAID_AS_DIGIT = frozenset({"uno", "one"})
_HALVES = frozenset({"medio", "media", "meio", "meia", "half"})
COUPLES = frozenset({"par", "couple"})
_CONNECTORS = frozenset({"y", "e", "and"})
_AMBIGUOUS = frozenset({"once", "dos", "ten", "oh", "one", "tres", "cem", "sete", "mil", "miles", "par", "grand"})
"""Words that mean something else in another of the three languages: read in their own only."""


LANGUAGES = frozenset(_VALUES)
_HALF_VALUE = Decimal("0.5")


def small_number(word: str) -> int:
    """Return the value of one number word of any language, or of digits, if it is a whole number from 1 to 99."""
    value = Decimal(word) if word.isdecimal() and len(word) < 3 else _SMALL.get(word, Decimal(0))
    return int(value) if value < 100 else 0


@cache
def lexicon(language: str) -> Mapping[str, tuple[Kind, Decimal]]:
    """Return the number words to read in a text of `language`."""
    words: dict[str, tuple[Kind, Decimal]] = {}
    for other in (*(each for each in _VALUES if each != language), language):
        for word, kind, value in _words_of_language(other):
            if other == language or word not in _AMBIGUOUS:
                words[word] = (kind, value)
    words |= dict.fromkeys(_HALVES, ("half", _HALF_VALUE))
    words |= dict.fromkeys(_CONNECTORS, ("join", Decimal(0)))
    return words | dict.fromkeys(_ONES, ("one", Decimal(1)))


def _words_of_language(language: str) -> Iterator[tuple[str, Kind, Decimal]]:
    values = dict(_pairs(_VALUES[language]))
    for word, value in values.items():
        yield word, "value", value
    for ten in _TENS[language].split():  # "treintaycinco", "thirtyfive"
        for unit in _UNITS[language].split():
            for glue in ("y", "i", "e", ""):
                yield f"{ten}{glue}{unit}", "value", values[ten] + values.get(unit, Decimal(1))
    for word, factor in _pairs(_SCALES[language]):
        yield word, "scale", factor


def _pairs(text: str) -> Iterator[tuple[str, Decimal]]:
    for pair in text.split():
        word, _, value = pair.partition("=")
        yield word, Decimal(value)


@cache
def telling(language: str) -> frozenset[str]:
    """Return the number words that need no other."""
    return frozenset(word for word, (kind, _) in lexicon(language).items() if kind in {"value", "scale"})


_SMALL = {word: value for each in _VALUES.values() for word, value in _pairs(each)} | dict.fromkeys(
    _ONES - {"a"}, Decimal(1)
)


@cache
def number_tokens(language: str) -> re.Pattern[str]:
    """Return a pattern of digits, with a `k` behind them, and of the number words to read in a text of `language`."""
    words = _either({*lexicon(language), *COUPLES})
    return re.compile(rf"\b(?:{words}(?!\w)|\d(?<![.,].)\d{{0,11}}(?:[.,]\d{{1,3}}){{0,4}}(?: ?k(?!\w)|(?!\w)))")


def _either(words: Iterable[str]) -> str:
    """Return a pattern of any of the words that branches letter by letter: as fast for a thousand as for ten."""
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for letter in [*word, ""]:
            node = node.setdefault(letter, {})
    return _branches(tree)


def _branches(node: Mapping[str, Any]) -> str:
    longer = [f"{letter}{_branches(rest)}" for letter, rest in sorted(node.items()) if letter]
    either = longer[0] if len(longer) == 1 and "" not in node else f"(?:{'|'.join(longer)})" if longer else ""
    return f"{either}?" if longer and "" in node else either
