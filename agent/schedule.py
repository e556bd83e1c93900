"""When a text may leave: openings on people's wall clocks. Pure; correct over clock changes (P4)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.types import OpeningHours

HORIZON = timedelta(days=45)
"""How far ahead an opening is sought. Any weekly opening falls inside, even if holidays skip some."""

Span = tuple[time, time | None]
"""Wall-clock start and end of an opening; the end is excluded. None: to the end of the day."""
Openings = Callable[[date], Sequence[Span]]
"""The openings of a local day. None that day: an empty sequence."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When one set of openings lets us write, told by the clock of one zone."""

    zone: ZoneInfo
    openings: Openings


def weekly(hours: Sequence[OpeningHours]) -> Openings:
    """Return the openings of a week that repeats."""
    by_weekday = tuple(tuple((h.start, h.end) for h in hours if h.weekday == weekday) for weekday in range(7))
    return lambda day: by_weekday[day.weekday()]


def is_open(windows: Sequence[Window], at: datetime) -> bool:
    """Say whether all windows are open at an instant. No windows: always."""
    return all(_is_open(window, at) for window in windows)


def next_open(windows: Sequence[Window], after: datetime) -> datetime | None:
    """Return the first instant (UTC) from `after` on at which all windows are open; None: not within `HORIZON`."""
    at, end = after.astimezone(UTC), after.astimezone(UTC) + HORIZON
    while at <= end:
        closed = next((window for window in windows if not _is_open(window, at)), None)
        if closed is None:
            return at
        opening = _next_opening(closed, at, end)
        if opening is None:
            return None
        at = opening  # nothing before it is open in every window
    return None


def after_open_time(window: Window, start: datetime, length: timedelta) -> datetime | None:
    """Return when a window has been open for `length` since `start` (UTC); None: not within `HORIZON`."""
    first, at, left = start.astimezone(window.zone).date(), start, length
    for days in range(HORIZON.days + 1):
        for opens, closes in _opening_times(window, first + days * _DAY):
            begins = max(opens, at)
            if closes - begins >= left:
                return begins + left
            left -= max(closes - begins, timedelta())
            at = max(at, closes)  # openings may overlap
    return None


def _opening_times(window: Window, day: date) -> list[tuple[datetime, datetime]]:
    """Return the openings of a local day as instants (UTC), in order. What a clock change cuts out is not open."""
    zone, following = window.zone, datetime.combine(day + _DAY, time(), window.zone)
    times = [
        (
            datetime.combine(day, start, zone).astimezone(UTC),
            (datetime.combine(day, end, zone) if end else following).astimezone(UTC),
        )
        for start, end in window.openings(day)
    ]
    return sorted(each for each in times if each[0] < each[1])


def _is_open(window: Window, at: datetime) -> bool:
    local = at.astimezone(window.zone)
    wall = local.time()
    return any(start <= wall and (end is None or wall < end) for start, end in window.openings(local.date()))


def _next_opening(window: Window, at: datetime, end: datetime) -> datetime | None:
    """Return the first instant after `at` at which a closed window is open."""
    day, last = at.astimezone(window.zone).date() - _DAY, end.astimezone(window.zone).date()
    while day <= last:
        starts = sorted(start for start in _possible_starts(window, day) if start > at)
        found = next((start for start in starts if _is_open(window, start)), None)
        if found is not None:
            return found
        day += _DAY
    return None


def _possible_starts(window: Window, day: date) -> Iterator[datetime]:
    """Yield every instant (UTC) at which an opening may begin on a local day: its start, or a clock change."""
    for start, _ in window.openings(day):
        local = datetime.combine(day, start, window.zone)
        yield local.astimezone(UTC)
        yield local.replace(fold=1).astimezone(UTC)
    midnight = datetime.combine(day, time(), window.zone)
    following = datetime.combine(day + _DAY, time(), window.zone)
    if midnight.utcoffset() != following.utcoffset():
        yield _change_between(window.zone, midnight.astimezone(UTC), following.astimezone(UTC))


def _change_between(zone: ZoneInfo, before: datetime, later: datetime) -> datetime:
    """Return the instant (UTC, to the second) at which the zone's clock jumps."""
    old = before.astimezone(zone).utcoffset()
    while later - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(later - before).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            later = middle
    return later
