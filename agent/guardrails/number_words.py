"""Numbers in words, in Spanish, Portuguese and English, read as digits: "mil doscientos" → "1200".

Works on folded text (`agent.folding.fold`). Digits told one by one and hundreds left out are read as people
mean them: "one-two-nine" is 129, "three ninety nine" is 399.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

_VALUES: Mapping[str, str] = {
    "es": "cero=0 un=1 uno=1 una=1 dos=2 tres=3 cuatro=4 cinco=5 seis=6 siete=7 ocho=8 nueve=9 diez=10 once=11 "
    "doce=12 trece=13 catorce=14 quince=15 dieciseis=16 diecisiete=17 dieciocho=18 diecinueve=19 veinte=20 "
    "veintiun=21 veintiuno=21 veintiuna=21 veintidos=22 veintitres=23 veinticuatro=24 veinticinco=25 veintiseis=26 "
    "veintisiete=27 veintiocho=28 veintinueve=29 treinta=30 cuarenta=40 cincuenta=50 sesenta=60 setenta=70 "
    "ochenta=80 noventa=90 cien=100 ciento=100 doscientos=200 doscientas=200 trescientos=300 trescientas=300 "
    "cuatrocientos=400 cuatrocientas=400 quinientos=500 quinientas=500 seiscientos=600 seiscientas=600 "
    "setecientos=700 setecientas=700 ochocientos=800 ochocientas=800 novecientos=900 novecientas=900",
    "pt": "zero=0 um=1 uma=1 dois=2 duas=2 tres=3 quatro=4 cinco=5 seis=6 sete=7 oito=8 nove=9 dez=10 onze=11 "
    "doze=12 treze=13 quatorze=14 catorze=14 quinze=15 dezesseis=16 dezasseis=16 dezessete=17 dezassete=17 "
    "dezoito=18 dezenove=19 dezanove=19 vinte=20 trinta=30 quarenta=40 cinquenta=50 sessenta=60 setenta=70 "
    "oitenta=80 noventa=90 cem=100 cento=100 duzentos=200 duzentas=200 trezentos=300 trezentas=300 "
    "quatrocentos=400 quatrocentas=400 quinhentos=500 quinhentas=500 seiscentos=600 seiscentas=600 "
    "setecentos=700 setecentas=700 oitocentos=800 oitocentas=800 novecentos=900 novecentas=900",
    "en": "zero=0 oh=0 one=1 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12 "
    "thirteen=13 fourteen=14 fifteen=15 sixteen=16 seventeen=17 eighteen=18 nineteen=19 twenty=20 thirty=30 "
    "forty=40 fourty=40 fifty=50 sixty=60 seventy=70 eighty=80 ninety=90",
}
_SCALES: Mapping[str, str] = {
    "es": "mil=1000 millon=1000000 millones=1000000",
    "pt": "mil=1000 milhao=1000000 milhoes=1000000",
    "en": "hundred=100 thousand=1000 grand=1000 million=1000000",
}
_CONNECTORS: Mapping[str, str] = {"es": "y", "pt": "e", "en": "and"}
_HALF_A_DOZEN = re.compile(r"\b(?:media docena(?: de)?|meia duzia(?: de)?|half a dozen)\b")
_DOZEN = re.compile(r"\b(?:una docena(?: de)?|uma duzia(?: de)?|a dozen)\b")
_A_HUNDRED = re.compile(r"\ba (hundred|thousand|grand|million)\b")
_ROUND_THOUSANDS = re.compile(r"\b(\d{1,6}(?:[.,]\d{1,2})?)(?: ?k| (?:mil|thousand|grand))\b(?! (?:y |e |and )?\w*\d)")
_ARTICLES = frozenset({"un", "uno", "una", "um", "uma", "one"})
_MAX_DIGITS = 12


def _table(pairs: str) -> dict[str, int]:
    return {word: int(value) for word, value in (pair.split("=") for pair in pairs.split())}


def _run_pattern(language: str) -> re.Pattern[str]:
    """Return the pattern of one run of number words; digits count beside a scale only ("2 mil 390")."""
    values, scales = "|".join(_table(_VALUES[language])), "|".join(_table(_SCALES[language]))
    opening = "|mil" if language != "en" else ""
    digits_before = rf"\d{{1,3}}(?= (?:{scales})\b)"
    digits_after = r"(?<=\bmil )\d{1,3}\b" if language != "en" else r"(?<=\bthousand )\d{1,3}\b"
    join = rf"(?:[ -]{_CONNECTORS[language]}[ -]|[ -])"
    return re.compile(
        rf"(?<![\w.,])(?:{values}{opening}|{digits_before})\b(?:{join}(?:{values}|{scales}|{digits_before}|{digits_after})\b)*"
    )


_WORDS = {language: _table(_VALUES[language]) for language in _VALUES}
_FACTORS = {language: _table(_SCALES[language]) for language in _SCALES}
_RUNS = {language: _run_pattern(language) for language in _VALUES}


def digits_for_words(text: str, language: str) -> str:
    """Return folded `text` with every number word of `language` (es, pt or en) replaced by digits.

    A run of number words becomes one number; `k` and "mil" after digits multiply them. A lone "one" stays: it is
    mostly an article. Text in another language is returned as it is.
    """
    if language not in _RUNS:
        return text
    text = _A_HUNDRED.sub(r"one \1", _DOZEN.sub("12", _HALF_A_DOZEN.sub("6", text)))
    text = _ROUND_THOUSANDS.sub(lambda match: _plain(Decimal(match[1].replace(",", ".")) * 1000), text)
    return _RUNS[language].sub(lambda match: _read_run(match[0], language), text)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _read_run(run: str, language: str) -> str:
    """Return the digits of a run; two numbers that do not add up ("two and three") stay two."""
    if run in _ARTICLES:
        return run
    numbers: list[str] = []
    total, group, connected = 0, 0, False
    for word in re.split(r"[ -]", run):
        if word == _CONNECTORS[language]:
            connected = True
            continue
        factor = _FACTORS[language].get(word, 0)
        value = _WORDS[language].get(word) if not word.isdigit() else int(word)
        if factor == 100:
            group = max(group, 1) * 100
        elif factor:
            total, group = total + max(group, 1) * factor, 0
        elif value is not None and connected and not _adds_up(group, value):
            numbers.append(f"{total + group} {_CONNECTORS[language]}")
            total, group = 0, value
        elif value is not None:
            group = group + value if _adds_up(group, value) else _told_in_digits(group, value)
        connected = False
    return " ".join([*numbers, str(total + group)])


def _adds_up(group: int, value: int) -> bool:
    """Say whether `value` fits behind `group` as in "ninety nine": a smaller place that is still free."""
    if group == 0:
        return True
    if value == 0:
        return False
    place = 10 if value < 10 else 100 if value < 100 else 1000
    teen = place == 10 and 10 <= group % 100 < 20
    return group % place == 0 and not teen


def _told_in_digits(group: int, value: int) -> int:
    return int(f"{group}{value}"[:_MAX_DIGITS])
