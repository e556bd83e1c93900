"""Reads times of day, weekdays, dates and years out of folded text, in Spanish, Portuguese and English.

Every pattern is bounded: reading takes linear time.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_words import LISTS
from agent.guardrails.mentions import MONTH_NUMBERS

DAY_MINUTES = 24 * 60


class Clock(NamedTuple):
    """A time of day at text[start:end], in minutes after midnight: several where "7:30" may be morning or evening."""

    start: int
    end: int
    minutes: frozenset[int]
    group: int
    """Two times with the same number are the ends of a range."""
    may_be_duration: bool = False
    """"8 horas" is eight o'clock or eight hours."""


class Weekdays(NamedTuple):
    """Days of the week named at text[start:end]; Monday is 0."""

    start: int
    end: int
    days: frozenset[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarDate:
    """A day of a month at text[start:end], of `year` where it is said; `day` None is the whole month."""

    start: int
    end: int
    day: int | None
    months: frozenset[int]
    """One month, or two where 3/4 may be either way round."""
    year: int | None = None


# --- times ----------------------------------------------------------------------------------------------------

_PART = (
    r"(?:de|da|por|in|at)? ?(?:la |the )?(?:manana|madrugada|manha|tarde|noche|noite|morning|afternoon|evening|night)"
)
_MARK = rf"(?:a\.? ?m\b\.?|p\.? ?m\b\.?|hs\b|hrs?\b|horas?\b|h\b|o'?clock\b|{_PART}\b)"
_HALF = r"(?: (?:(?:y|e) (?:media|meia|cuarto|1/2)|menos cuarto)\b)"
_TIME = compiled_on_use(
    rf"(?<![\w.,:/$€£+%])(?P<half>half past |quarter past |quarter to )?(?P<hour>[01]?\d|2[0-4])"
    rf"(?:(?:(?P<sep>[:h])(?P<minute>[0-5]\d)|\.(?P<dotted>[0-5]\d)(?= ?(?:h|hs|am|pm|p\.m|a\.m)\b)"
    rf"|(?P<and>{_HALF}))(?!\d))?"
    rf"(?![\d%/]| %|[.,:]\d)(?: ?(?P<mark>{_MARK}))?"
)
_NOON = re.compile(r"\b(?:mediodia|meio.dia|noon|midday)\b|\b(?P<midnight>medianoche|meia.noite|midnight)\b")
_BEFORE_TIME = {
    "es": re.compile(r"\b(?:a|de|desde|hasta|sobre|entre|y|para)? ?las? $"),
    "pt": re.compile(r"\b(?:as|das|ate as|ate|desde as|(?<!□ )pelas|entre as|a partir das) $"),
    "en": re.compile(r"\b(?:at|from|until|till|by|before|after|to|past) $"),
}
_LOOK_BACK = 30
"""Characters before a number that tell whether it is a time."""
_WEAK_BEFORE = re.compile(r"\b(?:to|from|by|past|before|after|ate) $")
_RANGE_GAP = re.compile(
    r"^ ?(?:-|–|—|a|as|ate|ate as|ate a|to|until|till|through|hasta|hasta las|a las|y las|e as|and|y) ?(?:las? )?$"
)
_COUNTED = re.compile(
    r"^ ?(?:de una? vez|de uma vez)\b"
    r"|^ ?(?!(?:y|e|and|o|or|ou|a|as|to|de|da|do|en|em|in|on|los|las|aos|with|con|com|hora|horario|local|time|if|si|se"
    r"|for|para|que|with|right|sharp|every|each|cada|todos|menos|las?|el|os|lunes|sabados?|domingos?|segunda|sexta|mon|tue|wed"
    r"|thu|fri|sat|sun|h|hs|london|madrid)\b)[a-z]{2,}"
)
_COUNTS_UP = re.compile(r"\b(?:discount|descuento|desconto|reduction|rate|price|precio|preco|tier|bonus|rebate)\b")
"""Where one of these begins "at four", it begins with so many things."""


@lru_cache(maxsize=2048)
def read_times(text: str, language: str) -> tuple[Clock, ...]:
    """Return the times of day in a clause, in order. A bare number is one only where the words around it say so."""
    found = [
        _read_time(match, text, language)
        for match in _TIME.finditer(text)
        if not (
            _is_day_of(match, text)
            or _is_all_day(match, text)
            or _LASTS.search(text, max(0, match.start() - _LOOK_BACK), match.start())
        )
    ]
    for at, (one, other) in enumerate(itertools.pairwise(found)):
        if _RANGE_GAP.match(text[one.clock.end : other.clock.start]) and (one.is_sure or other.is_sure):
            found[at] = one.joined_to(other)
            found[at + 1] = other.joined_to(found[at])
        elif _RANGE_GAP.match(text[one.clock.end : other.clock.start]) and _is_marked(text, one.clock, other.clock):
            found[at] = one._replace(clock=one.clock._replace(may_be_duration=True), is_sure=True)
            found[at + 1] = _Reading(clock=_in_group(other.clock, one.clock.group), is_sure=True)
        elif _RANGE_GAP.match(text[one.clock.end : other.clock.start]) and _is_hours(text, one.clock, other.clock):
            found[at] = one.joined_to(other)
            found[at + 1] = _Reading(clock=_in_group(other.clock, one.clock.group), is_sure=True)
    noons = (
        Clock(
            start=match.start(),
            end=match.end(),
            minutes=frozenset({0, DAY_MINUTES} if match["midnight"] else {12 * 60}),
            group=match.start(),
        )
        for match in _NOON.finditer(text)
    )
    return tuple(sorted((*(r.clock for r in found if r.is_sure), *noons), key=lambda clock: clock.start))


_LASTS = re.compile(
    r"\b(?:dura[nm]?|duran|leva[m]?|lleva[n]?|tarda[n]?|demora[nm]?|takes?|lasts?)\b"
    r"(?! (?:las?|as|from|a partir|ate|hasta|until|till))(?: [a-z]{1,12}){0,4} $"
    r"|□,? (?:las|los|pel[ao]s|as|os) $"
)
"""Behind it stands how long, "1h20", or how many an amount is for, "$ 90 las dos": not when."""
_AFTER_WEEKDAY = re.compile(
    r"\b(?:lunes|martes|miercoles|jueves|viernes|sabado|domingo|segunda|terca|quarta|quinta|sexta|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)(?:-feira)?,? $"
)
_THEN_TIME = re.compile(r"^,? (?:a las|a la|as|at) \d")


def _is_day_of(match: re.Match[str], text: str) -> bool:
    """Say whether a number behind a weekday is the day of a month: "martes 10 a las 11"."""
    bare = match.end() - match.start() == len(match["hour"])
    return bare and bool(_AFTER_WEEKDAY.search(text[: match.start()]) and _THEN_TIME.match(text[match.end() :]))


_UP_TO = re.compile(r"\b(?:a|hasta|ate|to|till|until|by|antes de) (?:l?as )?$|[-–] ?$")


def _is_all_day(match: re.Match[str], text: str) -> bool:
    """Say whether "24 horas" is how long, the whole day, and not midnight."""
    is_long = match["hour"] == "24" and not match["sep"] and (match["mark"] or "").strip(".")[:1] == "h"
    return is_long and not _UP_TO.search(text, max(0, match.start() - _LOOK_BACK), match.start())


_BARE = 2
"""A number of so many digits is a time or, before another that counts hours, a duration: "8 a 10 horas"."""


class _Reading(NamedTuple):
    clock: Clock
    is_sure: bool
    mark: str = ""

    def joined_to(self, other: "_Reading") -> "_Reading":
        """Return this end of a range; it takes am or pm, and its group, from the other end."""
        clock = self.clock
        if not self.mark and not other.mark and min(other.clock.minutes) >= 13 * 60:
            earliest = frozenset({min(clock.minutes)})  # "8:00 a 21:00": the clock of 24 hours
            clock = Clock(start=clock.start, end=clock.end, minutes=earliest, group=clock.group)
        lasts = clock.may_be_duration or (other.clock.may_be_duration and clock.end - clock.start <= _BARE)
        clock = _in_group(clock, min(clock.group, other.clock.group))._replace(may_be_duration=lasts)
        return _Reading(clock=clock, is_sure=True, mark=self.mark)


def _in_group(clock: Clock, group: int) -> Clock:
    return clock._replace(group=group)


def _read_time(match: re.Match[str], text: str, language: str) -> _Reading:
    hour, mark = int(match["hour"]), (match["mark"] or "").replace(".", "").replace(" ", "")
    written = match["minute"] or match["dotted"]
    minute = int(written) if written else 30 if "half" in (match["half"] or "") or match["and"] else 0
    if "quarter" in (match["half"] or "") or "cuarto" in (match["and"] or ""):
        minute = 45 if "to" in (match["half"] or "") or "menos" in (match["and"] or "") else 15
        hour -= minute == 45
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    is_hours = mark in {"h", "hs", "hr", "hrs", "hora", "horas"}
    led = bool(_BEFORE_TIME.get(language, _BEFORE_TIME["en"]).search(before)) and not _COUNTED.match(
        text[match.end() :]
    )
    strong = led and not _WEAK_BEFORE.search(before)
    led = led and (strong or bool(written or mark)) and (bool(written or mark) or not _COUNTS_UP.search(before))
    day_part = bool(mark) and not is_hours
    if match["and"] and not (led or day_part):
        return _Reading(clock=_clock(match, frozenset({hour * 60})), is_sure=False)
    sure = bool(written or match["half"] or day_part or led or (is_hours and mark == "h" and language == "pt"))
    minutes = _minutes(hour, minute, mark, exact=bool(match["sep"]) and match["hour"].startswith("0"))
    return _Reading(
        clock=_clock(match, minutes, may_be_duration=is_hours and not (written or (led and strong))),
        is_sure=sure,
        mark="pm" if mark[:2] == "pm" else "am" if mark == "am" else "part" if day_part else "",
    )


def _clock(match: re.Match[str], minutes: frozenset[int], *, may_be_duration: bool = False) -> Clock:
    return Clock(
        start=match.start(), end=match.end(), minutes=minutes, group=match.start(), may_be_duration=may_be_duration
    )


def _minutes(hour: int, minute: int, mark: str, *, exact: bool) -> frozenset[int]:
    """Return what a spoken hour may mean: one time, or two twelve hours apart."""
    time = hour % 24 * 60 + minute
    half_day = 12 * 60
    if hour > 12 or hour == 0 or exact:
        return frozenset({time})
    if mark == "am" or mark.endswith(("manana", "manha", "morning", "madrugada")):
        return frozenset({time % half_day})
    if mark == "pm" or mark.endswith(("tarde", "noche", "noite", "afternoon", "evening", "night")):
        return frozenset({time % half_day + half_day})
    return frozenset({time, (time + half_day) % DAY_MINUTES})


_LEADS_HOURS = re.compile(r"\b(?:de|das|from|between|desde|entre)(?: las| as)? $")
_OF_AGES = re.compile(r"\b(?:ages?|aged|children|kids|ninos|ninas|criancas|jovens|jovenes|teens|edades?|idades?)\b")
"""Behind it stand ages: "children from 6 to 12"."""


_HOUR_SIGN = re.compile(r" ?(?:hs?|hora)\b\.?$")


def _is_marked(text: str, one: Clock, other: Clock) -> bool:
    """Say whether two numbers may be hours by the sign behind the second, where days or nothing lead: "9 a 20 h"."""
    rises = min(one.minutes) < max(other.minutes)
    return rises and other.may_be_duration and bool(_HOUR_SIGN.search(text, other.start, other.end))


def _is_hours(text: str, one: Clock, other: Clock) -> bool:
    """Say whether two bare numbers are opening hours: "de 9 a 18", "from 9 to 5", with nothing counted behind."""
    led = _LEADS_HOURS.search(text[: one.start]) and not _OF_AGES.search(
        text, max(0, one.start - _LOOK_BACK), one.start
    )
    after = text[other.end :]
    return bool(led) and (not after.strip() or bool(re.match(r"^ ?(?:[.,;)]|y\b|e\b|and\b|los\b|aos\b|on\b)", after)))


# --- weekdays -------------------------------------------------------------------------------------------------

_DAY_WORDS = {
    "es": "lunes lun:0 martes:1 miercoles mie:2 jueves jue:3 viernes vie:4 sabado sabados sab:5 domingo domingos dom:6",
    "pt": "segunda segundas seg:0 terca tercas ter:1 quarta quartas qua:2 quinta quintas qui:3 sexta sextas sex:4"
    " sabado sabados sab:5 domingo domingos dom:6",
    "en": "monday mondays mon:0 tuesday tuesdays tue tues:1 wednesday wednesdays wed:2 thursday thursdays thu thur"
    " thurs:3 friday fridays fri:4 saturday saturdays sat:5 sunday sundays sun:6",
}
_AMBIGUOUS = LISTS["ambiguous_days"]
"""Words that are a day only beside another day, a time, "feira" or an article of days."""


def _day_table(written: str) -> dict[str, int]:
    table: dict[str, int] = {}
    for group in re.findall(r"([a-z ]+):(\d)", written):
        table.update(dict.fromkeys(group[0].split(), int(group[1])))
    return table


_DAYS = {language: _day_table(written) for language, written in _DAY_WORDS.items()}
_DAY = {
    language: re.compile(rf"\b({'|'.join(sorted(table, key=len, reverse=True))})\b\.?(-feiras?| feiras?)?")
    for language, table in _DAYS.items()
}
_THROUGH = re.compile(r"^ ?(?:-|–|—|a|ate|to|through|thru|until|till|hasta|al) ?(?:el |la |as? )?$")
_BESIDE = re.compile(r"^ ?(?:,|y|e|and|o|ou|or|&|/|-|–|a|ate|to|through)? ?(?:los |el |as |a |aos |on )?$")
_LEADS_DAY = re.compile(r"^ ?$|\b(?:de|as|na|nas|toda|todas as|cada|a|ate|every|on|each|next|este|los|el|e|y|and|da) $")
_LEADS_DAYS = re.compile(r"\b(?:as|nas) $")
_AFTER_DAY = re.compile(r"^ ?(?:$|[,;:.)]|a\b|e\b|y\b|to\b|and\b|as\b|das\b|de\b|from\b|at\b|ate\b|-|–|\d|through\b)")
_SETS = compiled_on_use(
    r"(?P<week>\b(?:dias de semana|entre semana|dias laborables|dias uteis|weekdays?|business days|working days)\b)"
    r"|(?P<end>\b(?:fin(?:es)? de semana|fins? de semana|fim de semana|finde|findes|weekends?)\b)"
    r"|(?P<all>\b(?:todos los dias|todos os dias|todo dia|todo o dia|every ?day|each day|cada dia|daily|a diario"
    r"|(?:los|os) 7 dias|7 dias (?:a|por|de|na|en) (?:la |a )?semana|7 days (?:a|per) week|diariamente"
    r"|(?:los|os) 365 dias"
    r"|365 (?:days a|dias (?:del|por|ao|al)) (?:year|ano)|toda la semana|toda a semana|all week)\b)"
)
ANY_DAY = re.compile(
    r"\b(?:lun|mar|mie|jue|vie|sab|dom|seg|ter|qua|qui|sex|mon|tue|wed|thu|fri|sat|sun|dia|day|fim|fin|sem|entr"
    r"|week|wor|busi|tod|every|each|cada|dai|all)"
)
"""How the words begin of which days of the week are told with one at least."""
_ANY_SET = re.compile(r"seman|week|labor|uteis|busi|work|find|tod[oa]|every|each|cada|dail|diari|dias|days")
_COUNTED_DAYS = re.compile(r"(?<![:\d])\d{1,3} ?$")


@lru_cache(maxsize=2048)
def read_weekdays(text: str, language: str) -> tuple[Weekdays, ...]:
    """Return the weekdays in a clause: each group of days, with ranges filled in."""
    if not ANY_DAY.search(text):
        return ()
    table = _DAYS.get(language, _DAYS["en"])
    matches = list(_DAY.get(language, _DAY["en"]).finditer(text))
    days = [match for at, match in enumerate(matches) if _is_day(text, matches, at)]
    found: list[Weekdays] = []
    for match in days:
        gap = text[found[-1].end : match.start()] if found else ""
        first = table[match[1]]
        if found and _THROUGH.match(gap):
            last = _last_of(found[-1])
            run = {(last + step) % 7 for step in range((first - last) % 7 + 1)}
            found[-1] = Weekdays(start=found[-1].start, end=match.end(), days=found[-1].days | run)
        elif found and _BESIDE.match(gap):
            found[-1] = Weekdays(start=found[-1].start, end=match.end(), days=found[-1].days | {first})
        else:
            found.append(Weekdays(start=match.start(), end=match.end(), days=frozenset({first})))
    return tuple(sorted((*found, *_day_sets(text)), key=lambda group: group.start))


def _last_of(group: Weekdays) -> int:
    """Return the day a range goes on from: "lunes a jueves" has named Monday only."""
    return max(group.days)


def _is_day(text: str, matches: Sequence[re.Match[str]], at: int) -> bool:
    match = matches[at]
    if match[1] not in _AMBIGUOUS or match[2]:
        return True
    before, after = text[: match.start()], text[match.end() :]
    if "primeir" in before:
        return False  # "a primeira vaga e a segunda"
    neighbours = [m for m in matches[max(0, at - 1) : at + 2] if m is not match]
    if any(_beside(text, match, other) for other in neighbours):
        return True
    if len(match[1]) == 3:
        return bool(re.match(r"^ ?(?:a |de |das |from |at )?\d", after))
    if match[1].endswith("s") and _LEADS_DAYS.search(before):
        return True
    return bool(_LEADS_DAY.search(before)) and bool(_AFTER_DAY.match(after))


def _beside(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    first, second = sorted((one, other), key=lambda match: match.start())
    return bool(_BESIDE.match(text[first.end() : second.start()]))


def _day_sets(text: str) -> list[Weekdays]:
    if not _ANY_SET.search(text):
        return []
    whole = {"week": frozenset(range(5)), "end": frozenset({5, 6}), "all": frozenset(range(7))}
    return [
        Weekdays(start=match.start(), end=match.end(), days=whole[str(match.lastgroup)])
        for match in _SETS.finditer(text)
        if match[0] == "entre semana" or not (match.lastgroup != "all" and _COUNTED_DAYS.search(text[: match.start()]))
    ]


# --- dates and years ------------------------------------------------------------------------------------------

_MONTH = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_DATE = compiled_on_use(
    rf"(?<![\d.,])(?P<day>[0-3]?\d)(?:st|nd|rd|th|o|ro)?(?: de| of)? (?P<month>{_MONTH})\b\.?"
    r"(?:(?: de| del|,)? (?P<year>20\d\d)\b)?"
    rf"|\b(?P<month2>{_MONTH})\.? (?P<day2>[0-3]?\d)(?:st|nd|rd|th)?\b(?![.,:]\d)(?:,? (?P<year2>20\d\d)\b)?"
    r"|(?<![\d/.,])(?!24/7\b)(?P<a>[0-3]?\d)/(?P<b>[0-3]?\d)(?:/(?P<year3>20\d\d|\d\d))?(?![\d/])"
    r"|(?<!\d)(?P<year4>20\d\d)-(?P<month4>[01]\d)-(?P<day4>[0-3]\d)(?!\d)"
)
ANY_MONTH = re.compile(r"\b(?:ene|jan|feb|fev|mar|abr|apr|may|mai|jun|jul|ago|aug|sep|set|out|oct|nov|dic|diz|dez|dec)")
_MONTH_ALONE = compiled_on_use(
    r"\b(?:en|em|in|de|desde|hasta|ate|from|until|till|since|para|during|durante|a|to|through|y|e|and|by|of)"
    rf" (?P<month>{_MONTH})\b"
    r"(?:(?: de| del|,)? (?P<year>(?:19|20)\d\d)\b)?"
)
_TOO_SHORT = frozenset(
    {"mar", "may", "set", "ago", "dec", "out", "abr", "ene", "jan", "sep", "sept", "oct", "nov", "feb", "fev"}
)
LED_YEAR = re.compile(
    r"\b(?:en|em|in|de|del|do|desde|since|from|until|ate|hasta|of|year|ano|fundada|fundado|founded) $"
)
YEAR = re.compile(r"(?<![\w.,/:$€£-])(?:19[5-9]|20[0-4])\d(?![\d%]|[.,]\d|-\d)")


def read_dates(text: str) -> tuple[CalendarDate, ...]:
    """Return the dates and months in a clause, in order."""
    if not ANY_MONTH.search(text) and "/" not in text and "-" not in text:
        return ()
    found = [date for match in _DATE.finditer(text) if (date := _read_date(match))]
    taken = [(date.start, date.end) for date in found]
    for match in _MONTH_ALONE.finditer(text):
        if match["month"] in _TOO_SHORT or any(start < match.end() and match.start() < end for start, end in taken):
            continue
        year = int(match["year"]) if match["year"] else None
        months = frozenset({MONTH_NUMBERS[match["month"]]})
        found.append(CalendarDate(start=match.start("month"), end=match.end(), day=None, months=months, year=year))
    return tuple(sorted(found, key=lambda date: date.start))


def _read_date(match: re.Match[str]) -> CalendarDate | None:
    named = match["month"] or match["month2"]
    written_year = match["year"] or match["year2"] or match["year3"] or match["year4"]
    year = int(written_year) if written_year else None
    if year is not None and year < 100:
        year += 2000
    if named:
        day, months = int(match["day"] or match["day2"]), {MONTH_NUMBERS[named]}
    elif match["year4"]:
        day, months = int(match["day4"]), {int(match["month4"])}
    else:
        day, month = int(match["a"]), int(match["b"])
        if month > 12:
            day, month = month, day
        months = {month}
        if not 1 <= month <= 12:
            return None
    if not 1 <= day <= 31:
        return None
    return CalendarDate(start=match.start(), end=match.end(), day=day, months=frozenset(months), year=year)
