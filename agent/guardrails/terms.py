"""Reads the terms of a statement, so that a reply's can be compared with a policy's across languages.

Terms are spans of time ("14 días", "two weeks", "10 years"), shares ("50 %"), distances, days ("hasta el viernes",
"13 April") and the things they are about. Works on folded text in Spanish, Portuguese and English.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.mentions import MONTHS
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.required_words import Lookup, needs_of, starts_in

Term = tuple[str, str]
"""Kind (`day`, `month`, `percent`, `km`, …) and number, the same for equal terms: two weeks are 14 days."""

_NUMBER = r"\d{1,7}(?:[.,]\d{1,3})*"
_UNITS = {
    "hour": r"horas?|hours?|hrs?|hs?",
    "day": r"dias?|days?",
    "week": r"semanas?|weeks?",
    "fortnight": r"quincenas?|quinzenas?|fortnights?",
    "month": r"mes(?:es)?|months?",
    "year": r"anos?|years?|yrs?",
    "minute": r"minutos?|minutes?|mins?",
    "session": r"sesion(?:es)?|sessions?|sessao|sessoes",
    "class": r"clases?|aulas?|class(?:es)?|lessons?",
    "km": r"km|kilometros?|kilometers?|kilometres?|quilometros?",
    "percent": r"%|percent|per cent|por ?ciento|por ?cento",
}
_ANY_UNIT = "|".join(f"(?P<{name}>{words})" for name, words in _UNITS.items())
_OPEN_DAYS = r"habil(?:es)?|uteis|util|laborables?|working|business"
_TERM = compiled_on_use(
    rf"(?<![\w.,])(?P<low>{_NUMBER}|una?|uma?|an?|one)(?:(?: ?- ?| (?:a|to|ate|y|e|and|o|ou|or) )(?P<high>{_NUMBER}))?"
    rf"[ -]?(?:(?:full|whole|calendar|corridos|naturales|primer[oa]s?|(?P<working>{_OPEN_DAYS})) )?"
    rf"(?:{_ANY_UNIT})(?!\w)(?P<open> (?:{_OPEN_DAYS}))?"
)
_YEAR_NUMBER = re.compile(r"\b(?:ano|year) (\d{1,2})\b")
_HALF = re.compile(r"\b(?:la mitad|metade|half)\b")
_ARTICLES = frozenset({"un", "una", "um", "uma", "a", "an", "one"})
_FACTORS = {"week": ("day", 7), "fortnight": ("day", 14), "year": ("month", 12)}

_MONTH = "|".join(" ".join(MONTHS).split())
_DATE = compiled_on_use(
    rf"(?<!\d)(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|o)? (?:de |of )?(?P<month>{_MONTH})\b"
    rf"|\b(?P<month2>{_MONTH}) (?P<day2>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?! ?(?:percent|%|\d))"
    r"|(?<!\d)(?P<day3>3[01]|[12]\d|0?[1-9])/(?P<month3>1[0-2]|0?[1-9])(?!\d)"
)
_MONTH_END = re.compile(r"^(?:final de mes|fim d[oe] mes|month end|end of (?:the )?(?:\w+ )?month)$")
"""One day in any language."""
_NOT_MONDAY = (
    r"(?:semana|quin[cz]ena|clase|aula|sesion|sessao|cuota|parcela|vez|parte|visita|mensualidad|mensalidade|pessoa|persona|via"
    r"|noche|noite|unidad|consulta|cita|revision|etapa|fase|turma|hora)"
)
"""Before these "segunda" is "second"."""
_DAY = compiled_on_use(
    rf"\b(?:(?P<weekday>lunes|martes|miercoles|jueves|viernes|sabado|domingo|segunda(?! {_NOT_MONDAY})"
    r"|terca|quarta|quinta|sexta"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?:-feira)?"
    r"|(?P<near>hoy|hoje|today|tonight|tomorrow|amanha|pasado manana|manana mismo"
    r"|(?:para|ya|pero|desde|lista|listo) manana|fin de(?:l)? mes|final de(?:l)? mes|fim d[oe] mes|month end"
    r"|end of (?:the )?(?:(?:billing|current|paid|calendar) )?(?:month|quarter|year|week)"
    r"|fin(?:ales)? de(?:l)? (?:trimestre|ano)"
    r"|fin de semana|fim de semana|(?:the|next) weekend|next (?:week|month|year)|semana que v(?:iene|em)|proxima semana"
    r"|proximo mes|mes que v(?:iene|em)|ano que v(?:iene|em)|esta semana|this week|payday|quincena|navidad|natal"
    r"|christmas|noon|midday|mediodia|meio dia|this (?:afternoon|evening|morning)|esta (?:tarde|noche|manana)"
    r"|(?:by|before|as|a las|antes de las?|ate as|at) \d{1,2}(?![\d.,]*\d? ?(?:%|percent|por ?cien|por ?cento))"
    r"(?:[:h]\d{2})?(?: ?(?:am|pm|h))?"
    rf"|(?:in|by|before|en|em|para|antes de|ate) (?:{_MONTH})(?! \d)|within the hour|dentro de la hora"
    rf"|(?:primer[ao]?|primeir[ao]|segund[ao]|ultim[ao]|first|second|last) (?:semana|quincena|quinzena|week)"
    rf" (?:de|do|of|in) (?:{_MONTH})"
    r"|de inmediato|imediat\w+|inmediat\w+|immediately"
    r"|right away|overnight|na hora|al instante|instant\w*)"
    r"|(?:el dia|dia|the|o dia) (?P<monthday>3[01]|[12]\d|[1-9])(?:st|nd|rd|th)?\b"
    r"(?! (?:de|primer|class|dias?|days?|horas|hours|weeks|semanas|months|meses|sessions|lessons)))\b"
)


class _Things:
    """Things a term may be about, by the words that name them in any language."""

    def __init__(self, things: Mapping[str, Sequence[str]]) -> None:
        self._patterns = [(name, compiled_on_use(rf"\b(?:{'|'.join(words)})")) for name, words in things.items()]
        self._lookup = Lookup(lambda: (needs_of(pattern.pattern) for _, pattern in self._patterns))

    def in_text(self, text: str) -> frozenset[str]:
        """Return the things that folded `text` names."""
        possible = (self._patterns[place] for place in self._lookup.places(starts_in(text)))
        return frozenset(name for name, pattern in possible if pattern.search(text))


_THINGS = {
    table: _Things(things)
    for table, things in tomllib.loads(files("agent.guardrails").joinpath("terms.toml").read_text("utf-8")).items()
}


@lru_cache(maxsize=512)
def spans_of(text: str, language: str) -> frozenset[Term]:
    """Return the spans of time, shares and distances that folded `text` in `language` states."""
    text = digits_for_words(text, language)
    found = {term for match in _TERM.finditer(text) for term in _terms(match)}
    found |= {_normal("year", _plain(match[1])) for match in _YEAR_NUMBER.finditer(text)}
    return frozenset(found | ({("percent", "50")} if _HALF.search(text) else set()))


@lru_cache(maxsize=512)
def days_of(text: str) -> frozenset[Term]:
    """Return the days that folded `text` names: dates, weekdays, "tomorrow", "the 30th"."""
    dates = frozenset(("date", _date(match)) for match in _DATE.finditer(text))
    rest = _DATE.sub(" ", text)
    named = ((match.lastgroup or "", match[match.lastgroup or 0]) for match in _DAY.finditer(rest))
    return dates | frozenset((kind, _MONTH_END.sub("fin de mes", day)) for kind, day in named)


@lru_cache(maxsize=512)
def anchors_of(text: str) -> frozenset[str]:
    """Return what a term may count from, of what folded `text` names: `payment`, `departure` …, in any language."""
    return _THINGS["anchors"].in_text(text)


@lru_cache(maxsize=512)
def parts_of(text: str) -> frozenset[str]:
    """Return what a warranty may be for, of what folded `text` names: `panel`, `engine` …, in any language."""
    return _THINGS["parts"].in_text(text)


def _terms(match: re.Match[str]) -> Iterator[Term]:
    unit = next(name for name in _UNITS if match[name])
    for number in (match["low"], match["high"]):
        if number and not (number in _ARTICLES and unit == "percent"):
            yield _normal(unit, "1" if number in _ARTICLES else _plain(number))
    if match["open"] or match["working"]:  # working days: five make a week
        for number in (match["low"], match["high"]):
            if number and number.isdigit() and int(number) % 5 == 0:
                yield "day", str(int(number) // 5 * 7)


def _normal(unit: str, number: str) -> Term:
    """Return weeks as days, years as months, and whole days told in hours as days."""
    if not number.isdigit():
        return unit, number
    if unit == "hour" and int(number) % 24 == 0:
        return "day", str(int(number) // 24)
    larger, factor = _FACTORS.get(unit, (unit, 1))
    return larger, str(int(number) * factor)


def _plain(number: str) -> str:
    """Return a number without thousands separators, with a point before decimals."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number):
        return re.sub(r"[.,]", "", number)
    return number.replace(",", ".")


def _date(match: re.Match[str]) -> str:
    day, month = match["day"] or match["day2"] or match["day3"], match["month"] or match["month2"] or match["month3"]
    number = month if month.isdigit() else next(n for n, names in enumerate(MONTHS, 1) if month in names.split())
    return f"{int(number)}-{int(day)}"
