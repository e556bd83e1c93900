"""When a snoozed conversation comes back, in plain words: `tomorrow 9`, `in 2 hours`, `lunes 10:30`, `25/12`.

Pure. Words of English, Spanish and Portuguese are read side by side, with or without accents; times are those of the
reader's wall clock. A day without a time means `MORNING`, a weekday the next one to come, a time alone the next one to
come: today's, or tomorrow's if that has passed. Dates are written day first, or as ISO 8601.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agent.folding import fold

MORNING = time(9)
LONGEST = timedelta(days=366)
MAX_CHARS = 60
_DAY = timedelta(days=1)
_NOON = 12

_UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "minuto", "minutos"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "hora", "horas"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days", "dia", "dias"), _DAY),
    **dict.fromkeys(("w", "week", "weeks", "semana", "semanas"), timedelta(weeks=1)),
}
_NUMBERS = {"a": 1, "an": 1, "one": 1, "un": 1, "una": 1, "um": 1, "uma": 1, "two": 2, "dos": 2, "dois": 2, "duas": 2}
_DAYS = {
    **dict.fromkeys(("today", "hoy", "hoje"), 0),
    **dict.fromkeys(("tomorrow", "tmrw", "manana", "amanha"), 1),
    **dict.fromkeys(("pasado manana", "day after tomorrow", "depois de amanha"), 2),
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday mon lunes lun segunda segunda-feira seg",
            "tuesday tue tues martes mar terca terca-feira ter",
            "wednesday wed miercoles mie quarta quarta-feira qua",
            "thursday thu thurs jueves jue quinta quinta-feira qui",
            "friday fri viernes vie sexta sexta-feira sex",
            "saturday sat sabado sab",
            "sunday sun domingo dom",
        )
    )
    for name in names.split()
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene janeiro",
            "february feb febrero fevereiro fev",
            "march mar marzo marco",
            "april apr abril abr",
            "may mayo maio mai",
            "june jun junio junho",
            "july jul julio julho",
            "august aug agosto ago",
            "september sep sept septiembre set setembro",
            "october oct octubre outubro out",
            "november nov noviembre novembro",
            "december dec diciembre dic dezembro dez",
        ),
        start=1,
    )
    for name in names.split()
}
_NEXT_WEEK = frozenset(
    {"next week", "la semana que viene", "la proxima semana", "proxima semana", "semana que vem", "na proxima semana"}
)
_PARTS = {
    **dict.fromkeys(("morning", "in the morning", "this morning", "por la manana", "de manha", "pela manha"), time(9)),
    **dict.fromkeys(("noon", "mediodia", "al mediodia", "meio-dia", "ao meio-dia"), time(12)),
    **dict.fromkeys(
        ("afternoon", "in the afternoon", "this afternoon", "por la tarde", "a tarde", "de tarde", "esta tarde"),
        time(15),
    ),
    **dict.fromkeys(
        ("evening", "this evening", "tonight", "esta noche", "hoje a noite", "a noite", "por la noche"), time(19)
    ),
}
_SPAN = re.compile(r"(?:(?:in|en|dentro de|em|daqui a) )?(?P<n>\d{1,4}|[a-z]{1,5}) ?(?P<unit>[a-z]{1,8})")
_HALF_HOURS = re.compile(r"(?:(?:in|en|dentro de|em|daqui a) )?(?:half an hour|media hora|meia hora)")
_CLOCK = re.compile(
    r"(?:(?:at|a las?|as) )?(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))? ?(?P<suffix>am|pm|a\.m\.|p\.m\.|h|hs|horas)?"
)
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})")
_SLASHED = re.compile(r"(?P<day>\d{1,2})[/.](?P<month>\d{1,2})(?:[/.](?P<year>\d{4}))?")
_NAMED = re.compile(r"(?P<day>\d{1,2}) (?:de |of )?(?P<month>[a-z]{3,10})(?: (?:de )?(?P<year>\d{4}))?")
_NAMED_FIRST = re.compile(r"(?P<month>[a-z]{3,10}) (?P<day>\d{1,2})(?:,? (?P<year>\d{4}))?")


Problem = Literal["empty", "unreadable", "past", "far"]
_SAID: dict[Problem, str] = {
    "empty": "Write when it should come back, such as “tomorrow 9”, “in 2 hours”, “monday” or “18:30”.",
    "unreadable": "“{text}” names no time. Try “tomorrow 9”, “in 2 hours”, “monday”, “18:30” or “25/12”.",
    "past": "“{text}” has passed. Name a time to come.",
    "far": "“{text}” is more than a year away. Name an earlier time.",
}


class SnoozeError(ValueError):
    """Words that name no time to come back at. The message says what to write instead."""

    def __init__(self, problem: Problem, text: str = "") -> None:
        self.problem = problem
        super().__init__(_SAID[problem].format(text=text.strip()[:MAX_CHARS]))


def parse_snooze(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) that words name, read at `now` by the clock of `zone`.

    Raises:
        SnoozeError: they name none, one that has passed, or one more than a year away.
    """
    words = " ".join(fold(text[: MAX_CHARS + 1]).replace(",", " ").split())
    if not words:
        raise SnoozeError("empty")
    found = None if len(text) > MAX_CHARS else _span(words, now) or _moment(words, now.astimezone(zone))
    if found is None:
        raise SnoozeError("unreadable", text)
    at = found.astimezone(UTC)
    if at <= now:
        raise SnoozeError("past", text)
    if at - now > LONGEST:
        raise SnoozeError("far", text)
    return at


def _span(words: str, now: datetime) -> datetime | None:
    """Read a length of time from now on: `in 2 hours`, `30 min`."""
    if _HALF_HOURS.fullmatch(words):
        return now + timedelta(minutes=30)
    found = _SPAN.fullmatch(words)
    unit = found and _UNITS.get(found["unit"])
    if not found or unit is None:
        return None
    number = int(found["n"]) if found["n"].isdigit() else _NUMBERS.get(found["n"])
    if number is None or (found["unit"] in {"h", "horas"} and _is_clock_only(words, number)):
        return None
    return now + min(number * unit, 2 * LONGEST)


def _is_clock_only(words: str, number: int) -> bool:
    """Whether `18h` is a time of day: nothing before it says that it is a length."""
    return words[0].isdigit() and " " not in words and _NOON <= number <= 23


def _moment(words: str, local: datetime) -> datetime | None:
    """Read a day, a time, or both, in either order."""
    pieces = words.split(" ")
    for cut in range(len(pieces), -1, -1):
        head, tail = " ".join(pieces[:cut]), " ".join(pieces[cut:])
        for day_words, clock_words in ((head, tail), (tail, head)):
            day = _day(day_words, local.date()) if day_words else None
            clock = _clock(clock_words) if clock_words else None
            if (day is None) != (not day_words) or (clock is None) != (not clock_words):
                continue
            return _combine(day, clock, local)
    return None


def _combine(day: date | None, clock: time | None, local: datetime) -> datetime:
    if day is None:
        today = datetime.combine(local.date(), clock or MORNING, local.tzinfo)
        return today if today > local else datetime.combine(local.date() + _DAY, clock or MORNING, local.tzinfo)
    return datetime.combine(day, clock or MORNING, local.tzinfo)


def _day(words: str, today: date) -> date | None:
    if words in _DAYS:
        return today + _DAYS[words] * _DAY
    if words in _NEXT_WEEK:
        return today + (7 - today.weekday()) * _DAY
    bare = re.sub(r"^(?:on|next|this|el|este|na|no|proximo|proxima|el proximo|a proxima) ", "", words)
    if bare in _WEEKDAYS:
        return today + ((_WEEKDAYS[bare] - today.weekday() - 1) % 7 + 1) * _DAY
    return _dated(bare, today)


def _dated(words: str, today: date) -> date | None:
    """Read a date; one without a year is the next to come."""
    for pattern in (_ISO, _SLASHED, _NAMED, _NAMED_FIRST):
        if found := pattern.fullmatch(words):
            month = int(found["month"]) if found["month"].isdigit() else _MONTHS.get(found["month"], 0)
            years = [int(found["year"])] if found["year"] else [today.year, today.year + 1]
            return next((each for each in _dates(years, month, int(found["day"])) if each >= today), None)
    return None


def _dates(years: list[int], month: int, day: int) -> list[date]:
    found = []
    for year in years:
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return found


def _clock(words: str) -> time | None:
    if words in _PARTS:
        return _PARTS[words]
    found = _CLOCK.fullmatch(words)
    if not found:
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    half = (found["suffix"] or "").replace(".", "")
    if half in {"am", "pm"}:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half == "pm" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None
