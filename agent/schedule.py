"""When a text may leave: opening hours on people's wall clocks. Pure; correct over clock changes (P4)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from agent.types import OpeningHours

HORIZON = timedelta(days=22)
"""How far ahead an opening is sought. Any weekly opening falls inside, even one that a clock change skips once."""


def is_open(hours: Sequence[OpeningHours], zones: Sequence[ZoneInfo], at: datetime) -> bool:
    """Say whether every zone's wall clock stands inside one of `hours` (`end` excluded). No hours: always."""
    return not hours or all(_is_open_in(hours, zone, at) for zone in zones)


def next_open(hours: Sequence[OpeningHours], zones: Sequence[ZoneInfo], after: datetime) -> datetime | None:
    """Return the first instant (UTC) from `after` on at which all `zones` are open; None: not within `HORIZON`."""
    if is_open(hours, zones, after):
        return after.astimezone(UTC)
    end = after + HORIZON
    starts = {start for zone in zones for start in _possible_starts(hours, zone, after)}
    ahead = sorted(start for start in starts if after < start <= end)
    return next((start for start in ahead if is_open(hours, zones, start)), None)


def _is_open_in(hours: Sequence[OpeningHours], zone: ZoneInfo, at: datetime) -> bool:
    local = at.astimezone(zone)
    wall = local.time()
    return any(h.weekday == local.weekday() and h.start <= wall < h.end for h in hours)


def _possible_starts(hours: Sequence[OpeningHours], zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield every instant (UTC) at which an opening may begin: its wall-clock start, or a clock change."""
    first = after.astimezone(zone).date() - timedelta(days=1)
    for offset in range(HORIZON.days + 3):
        day = first + timedelta(days=offset)
        for opening in hours:
            if opening.weekday == day.weekday():
                start = datetime.combine(day, opening.start, zone)
                yield start.astimezone(UTC)
                yield start.replace(fold=1).astimezone(UTC)
    yield from _clock_changes(zone, after.astimezone(UTC))


def _clock_changes(zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the instants (UTC) within the horizon at which the zone's clock jumps, to the second."""
    for offset in range(HORIZON.days + 1):
        before, later = after + timedelta(days=offset), after + timedelta(days=offset + 1)
        if before.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield _change_between(zone, before.replace(microsecond=0), later.replace(microsecond=0))


def _change_between(zone: ZoneInfo, before: datetime, later: datetime) -> datetime:
    old = before.astimezone(zone).utcoffset()
    while later - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(later - before).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            later = middle
    return later
