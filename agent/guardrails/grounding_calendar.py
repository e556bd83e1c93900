"""Decides whether a date of a reply follows from other dates: so many days before an event, or a day of every week."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from agent.guardrails.dates_text import CalendarDate
from agent.guardrails.grounding_facts import MINUTES, Facts
from agent.guardrails.grounding_reading import Mention, as_set
from agent.guardrails.grounding_statement import WEAK, Conversation, Statement

_MOST_DAYS = 400
_MOST_SPANS = 24
"""So many spans of time are tried; nobody publishes more."""
_DAYS = ("units:day", "units:night", "units:workday", "units:week", "units:month", "units:hour")
_SOON = 70
"""Days within which a day of every week may be told as a date."""
_PER_WEEK = 7
_HOURS_A_DAY = 24
_WEEKEND = 5


def follows(said: CalendarDate, statement: Statement, facts: Facts, talk: Conversation) -> bool:
    """Say whether a date is a published, asked or present one, some days earlier or later, or a day of every week."""
    published = frozenset(_days(facts.of("date"), talk.today))
    asked = {*_days(talk.asked, talk.today), talk.today}
    spans = [m for m in (*talk.told, *talk.asked) if m.unit in _DAYS]
    return (
        any(_is(said, day) for day in _moved(published | asked, spans))
        or any(_is(said, day) for day in _last_of_weekly(published | asked, facts, talk))
        or any(_is(said, day) for day in _moved(published | asked, facts.notices, back_only=True))
        or _is_weekly(said, statement, facts, talk)
    )


def _is(said: CalendarDate, day: date) -> bool:
    return said.day in {None, day.day} and day.month in said.months and said.year in {None, day.year}


def _days(mentions: Iterable[Mention], today: date) -> Iterator[date]:
    """Yield the days that dates are, those without a year in this year and the next."""
    for mention in mentions:
        value = mention.value
        if isinstance(value, CalendarDate) and value.day is not None:
            for month in value.months:
                for year in [value.year] if value.year else [today.year, today.year + 1]:
                    try:
                        yield date(year, month, value.day)
                    except ValueError:
                        continue  # there is no 31 June


def _moved(days: Iterable[date], spans: Sequence[Mention], *, back_only: bool = False) -> Iterator[date]:
    """Yield the days so long before and after some days; the first day may count as one."""
    for span in spans[:_MOST_SPANS]:
        value = span.value
        if (
            span.unit not in _DAYS
            or not isinstance(value, Decimal)
            or not 0 < value * MINUTES[span.unit] <= _MOST_DAYS * MINUTES["units:day"]
        ):
            continue
        for day in days:
            yield from _before_and_after(day, int(value), span.unit, back_only=back_only)


def _before_and_after(day: date, count: int, unit: str, *, back_only: bool) -> Iterator[date]:
    for sign in (-1,) if back_only else (-1, 1):
        if unit == "units:month":
            yield from _months_away(day, sign * count)
        elif unit == "units:workday":
            yield _workdays_away(day, sign, count)
        else:
            length = {"units:week": count * _PER_WEEK, "units:hour": count // _HOURS_A_DAY}.get(unit, count)
            yield day + timedelta(sign * length)
            within = (
                _PER_WEEK if unit == "units:week" else 1
            )  # something ends within the last week; the first day counts
            yield from (day + timedelta(length - less) for less in range(1, within + 1) if sign > 0)


def _months_away(day: date, months: int) -> Iterator[date]:
    years, month = divmod(day.month - 1 + months, 12)
    moved = date(day.year + years, month + 1, min(day.day, 28)) + timedelta(max(0, day.day - 28))
    yield moved
    if months > 0:
        yield moved - timedelta(1)


def _workdays_away(day: date, sign: int, count: int) -> date:
    while count:
        day += timedelta(sign)
        count -= day.weekday() < _WEEKEND
    return day


_WEEKLY = re.compile(r"\b(?:weekly|(?:each|every|a|per|once a) week|semana(?:l|is|les)|(?:por|a la|cada|na) semana)\b")


def _last_of_weekly(firsts: Iterable[date], facts: Facts, talk: Conversation) -> Iterator[date]:
    """Yield when so many weekly sessions that begin on a day end."""
    if _WEEKLY.search(facts.text):
        counts = [int(number) for number in talk.said_numbers if 1 < number < _MOST_DAYS // _PER_WEEK]
        yield from (first + timedelta(_PER_WEEK * (count - 1)) for first in firsts for count in counts)


def _is_weekly(said: CalendarDate, statement: Statement, facts: Facts, talk: Conversation) -> bool:
    """Say whether a date soon falls on a day that is published for the same subject, which has no date of its own."""
    about = (statement.topics | statement.mention.subject) - WEAK - {"topics:opening"}
    dated = any(about & f.wide for f in facts.of("date"))
    weekly = {day for f in facts.of("weekday") if about & f.wide and not f.is_denied for day in as_set(f)}
    if not weekly or dated:
        return False
    soon = (talk.today + timedelta(ahead) for ahead in range(_SOON))
    return any(day.weekday() in weekly for day in soon if _is(said, day))
