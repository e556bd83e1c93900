"""Sending hours as a week of times, and back to how a tenant file says them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.dates import get_day_names

from agent.tenant.schema import DAYS, expand_days
from channels.inbox.fields import shaped

Opening = Mapping[str, Any]
SPARE = 1
"""Empty openings that each day offers."""
WORKDAYS = DAYS[1:5]
"""Take over Monday's times, if asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day of the week with its openings."""

    key: str
    name: str
    openings: Sequence[Opening]
    """`from` and `to` as typed."""

    @property
    def bars(self) -> Sequence[tuple[int, int]]:
        """Return when it is open, in minutes of the day: where each bar begins, and how long it is."""
        bars = []
        for each in self.openings:
            start, end = _minutes(each.get("from", "")), _minutes(each.get("to", ""))
            if start is not None and end is not None and start < end:
                bars.append((start, end - start))
        return bars


def week_of(hours: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return a tenant file's hours by day."""
    week: dict[str, list[dict[str, Any]]] = {day: [] for day in DAYS}
    for each in hours:
        for weekday in expand_days(each["days"]):
            week[DAYS[weekday]].append({"from": each["from"], "to": each["to"]})
    return {day: sorted(openings, key=lambda opening: str(opening["from"])) for day, openings in week.items()}


def typed_week(nested: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the openings of a form by day, as typed."""
    week = shaped(shaped(nested, {"hours": dict})["hours"], dict.fromkeys(DAYS, list))
    return {day: [each for each in openings if isinstance(each, dict)] for day, openings in week.items()}


def like_monday(week: Mapping[str, Any]) -> dict[str, Any]:
    """Return a week in which the other working days have Monday's openings."""
    return {**week, **dict.fromkeys(WORKDAYS, week[DAYS[0]])}


def hours_of(week: Mapping[str, Sequence[Opening]]) -> list[dict[str, Any]]:
    """Return a week as a tenant file says it, one entry an opening."""
    return [{"days": day, **each} for day in DAYS for each in week[day]]


def place_errors(week: Mapping[str, Sequence[Opening]], errors: Mapping[str, str]) -> dict[str, str]:
    """Return problems of entries (`hours.3.to`) by their day (`hours.tue.0`)."""
    places = [f"hours.{day}.{number}" for day in DAYS for number in range(len(week[day]))]
    placed = {}
    for field, problem in errors.items():
        parts = field.split(".")
        is_entry = parts[0] == "hours" and len(parts) > 1 and parts[1].isdecimal() and int(parts[1]) < len(places)
        placed[places[int(parts[1])] if is_entry else field] = problem
    return placed


def show_week(week: Mapping[str, Sequence[Opening]], language: str) -> Sequence[Day]:
    """Return the days as a form shows them."""
    names = get_day_names("wide", locale=language)
    return [
        Day(key=day, name=str(names[number]).capitalize(), openings=[*week[day], *({} for _ in range(SPARE))])
        for number, day in enumerate(DAYS)
    ]


def _minutes(text: object) -> int | None:
    """Read `09:30`; None: it is no time."""
    hours, _, minutes = str(text)[:5].partition(":")
    return int(hours) * 60 + int(minutes) if hours.isdecimal() and minutes.isdecimal() else None
