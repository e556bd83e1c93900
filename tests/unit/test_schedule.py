"""Send windows: open when every wall clock says so, and always found again, whatever the clocks do."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.schedule import HORIZON, Window, after_open_time, is_open, next_open, weekly
from agent.types import OpeningHours

MADRID = ZoneInfo("Europe/Madrid")
ZONES = sorted(available_timezones())
WEEKDAYS = tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(5))
DAILY = tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(7))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 — bounds are naive


def windows(hours: Sequence[OpeningHours], zones: Sequence[ZoneInfo]) -> list[Window]:
    return [Window(zone=zone, openings=weekly(hours)) for zone in zones]


@st.composite
def openings(draw: st.DrawFn) -> OpeningHours:
    start, end = sorted(draw(st.lists(st.integers(0, 24 * 60 - 1), min_size=2, max_size=2, unique=True)))
    return OpeningHours(
        weekday=draw(st.integers(0, 6)), start=time(start // 60, start % 60), end=time(end // 60, end % 60)
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param("2026-03-10T10:00+01:00", "2026-03-10T10:00+01:00", id="open now"),
        pytest.param("2026-03-10T03:00+01:00", "2026-03-10T09:00+01:00", id="three at night on a Tuesday"),
        pytest.param("2026-03-10T20:00+01:00", "2026-03-11T09:00+01:00", id="the end is excluded"),
        pytest.param("2026-03-13T21:00+01:00", "2026-03-16T09:00+01:00", id="over a weekend"),
        pytest.param("2026-03-27T21:00+01:00", "2026-03-30T09:00+02:00", id="over the change to summer time"),
        pytest.param("2026-10-23T21:00+02:00", "2026-10-26T09:00+01:00", id="over the change to winter time"),
    ],
)
def test_next_opening_in_madrid(after: str, expected: str) -> None:
    assert next_open(windows(WEEKDAYS, [MADRID]), datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


def test_without_windows_any_time_is_open() -> None:
    at = datetime(2026, 3, 10, 3, tzinfo=UTC)
    assert is_open((), at)
    assert next_open((), at) == at


def test_span_without_end_lasts_to_the_end_of_the_day() -> None:
    evenings = Window(zone=MADRID, openings=lambda day: ((time(22), None),))
    assert is_open([evenings], datetime(2026, 3, 10, 23, 59, 59, 999999, tzinfo=MADRID))
    assert not is_open([evenings], datetime(2026, 3, 11, tzinfo=MADRID))


def test_openings_that_differ_by_day_are_read_day_by_day() -> None:
    once = Window(zone=MADRID, openings=lambda day: ((time(9), time(10)),) if day == date(2026, 4, 20) else ())
    assert next_open([once], datetime(2026, 3, 10, tzinfo=UTC)) == datetime(2026, 4, 20, 9, tzinfo=MADRID)
    assert next_open([once], datetime(2026, 4, 20, 10, tzinfo=MADRID)) is None


def test_window_must_be_open_in_every_zone() -> None:
    zones = [ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")]
    night = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert next_open(windows(WEEKDAYS, zones), night) == datetime(2026, 3, 10, 9, tzinfo=zones[1])


def test_zones_that_never_overlap_give_none() -> None:
    mornings = (OpeningHours(weekday=1, start=time(9), end=time(10)),)
    zones = [ZoneInfo("Europe/Madrid"), ZoneInfo("America/Los_Angeles")]
    assert next_open(windows(mornings, zones), datetime(2026, 3, 10, tzinfo=UTC)) is None


def test_window_that_the_clock_change_skips_opens_a_week_later() -> None:
    skipped = (OpeningHours(weekday=6, start=time(2, 10), end=time(2, 50)),)  # 02:00-03:00 does not exist on 29 March
    found = next_open(windows(skipped, [MADRID]), datetime(2026, 3, 28, tzinfo=UTC))
    assert found == datetime(2026, 4, 5, 2, 10, tzinfo=MADRID)


def test_window_that_begins_in_the_skipped_hour_opens_when_the_clock_lands_in_it() -> None:
    hours = (OpeningHours(weekday=6, start=time(2, 30), end=time(4)),)
    found = next_open(windows(hours, [MADRID]), datetime(2026, 3, 29, tzinfo=UTC))
    assert found == datetime(2026, 3, 29, 3, 0, tzinfo=MADRID)


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(ZONES), after=INSTANTS)
def test_daytime_hours_open_within_a_day_in_every_zone(zone: str, after: datetime) -> None:
    found = next_open(windows(DAILY, [ZoneInfo(zone)]), after)
    assert found is not None
    assert after <= found <= after + timedelta(hours=26)
    assert 9 <= found.astimezone(ZoneInfo(zone)).hour < 20


@settings(max_examples=200, deadline=None)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=4),
    hours=st.lists(openings(), min_size=1, max_size=4),
    after=INSTANTS,
)
def test_what_is_found_is_open_and_nothing_is_missed_before_it(
    zones: list[str], hours: list[OpeningHours], after: datetime
) -> None:
    places = windows(hours, [ZoneInfo(zone) for zone in zones])
    after = after.replace(second=0, microsecond=0)
    found = next_open(places, after)
    assert found is None or is_open(places, found)
    end = min(found or after + HORIZON, after + timedelta(days=2))
    step = timedelta(minutes=7)
    probes = [after + step * n for n in range(int((end - after) / step))]
    assert not any(is_open(places, probe) for probe in probes if probe < end)


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Sao_Paulo", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("around", ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"])
def test_opening_is_the_first_minute_around_clock_changes(zone: str, around: str) -> None:
    hours = tuple(OpeningHours(weekday=day, start=time(1, 15), end=time(2, 45)) for day in range(7))
    place = windows(hours, [ZoneInfo(zone)])
    start = datetime.fromisoformat(around).replace(tzinfo=UTC) - timedelta(hours=14)
    minutes = [start + timedelta(minutes=n) for n in range(48 * 60)]
    upcoming: datetime | None = None
    for minute in reversed(minutes):
        upcoming = minute if is_open(place, minute) else upcoming
        if upcoming and minute.minute % 20 == 0:
            assert next_open(place, minute) == upcoming


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        pytest.param("2026-11-18T10:00", 90, "2026-11-18T11:30", id="within a day"),
        pytest.param("2026-11-18T18:30", 60, "2026-11-19T08:30", id="over the night"),
        pytest.param("2026-11-18T05:00", 60, "2026-11-18T09:00", id="from before the opening"),
        pytest.param("2026-11-20T18:30", 60, "2026-11-23T08:30", id="over the weekend"),
        pytest.param("2026-11-18T18:00", 60, "2026-11-18T19:00", id="to the minute of closing"),
        pytest.param("2026-03-27T18:30", 60, "2026-03-30T07:30", id="over the change to summer time"),
        pytest.param("2026-10-23T17:30", 60, "2026-10-26T08:30", id="over the change to winter time"),
    ],
)
def test_open_time_is_counted_by_the_wall_clock(start: str, minutes: int, expected: str) -> None:
    found = after_open_time(
        Window(zone=MADRID, openings=weekly(WEEKDAYS)),
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        timedelta(minutes=minutes),
    )
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(("hours", "days"), [((), 1), (DAILY, 60)], ids=["never open", "longer than the horizon"])
def test_open_time_that_does_not_come_is_none(hours: tuple[OpeningHours, ...], days: int) -> None:
    start = datetime(2026, 11, 18, tzinfo=UTC)
    assert after_open_time(Window(zone=MADRID, openings=weekly(hours)), start, timedelta(days=days)) is None


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    hours=st.lists(openings(), min_size=1, max_size=5),
    start=INSTANTS,
    minutes=st.integers(1, 300),
)
def test_so_many_minutes_are_open_until_then(
    zone: str, hours: list[OpeningHours], start: datetime, minutes: int
) -> None:
    place = Window(zone=ZoneInfo(zone), openings=weekly(hours))
    found = after_open_time(place, start, timedelta(minutes=minutes))
    if found is not None:
        assert found - start >= timedelta(minutes=minutes)
        assert is_open([place], found - timedelta(microseconds=1))


def test_openings_that_overlap_are_counted_once() -> None:
    day = [OpeningHours(weekday=2, start=time(9), end=time(12)), OpeningHours(weekday=2, start=time(10), end=time(13))]
    found = after_open_time(
        Window(zone=ZoneInfo("UTC"), openings=weekly(day)),
        datetime(2026, 11, 18, 9, tzinfo=UTC),
        timedelta(hours=4),
    )
    assert found == datetime(2026, 11, 18, 13, tzinfo=UTC)
