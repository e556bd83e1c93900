"""The law's quiet hours: the data, and proof that nothing leaves inside them but everything in the end.

Over all IANA zones, all clock changes of 2026-2028, public holidays, and numbers of every country.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.guardrails import send_window
from agent.guardrails.quiet_hours import RULES, holidays_of, lawful_openings, read_rules, rule_of
from agent.schedule import Window, next_open
from agent.types import Candidate, Conversation, Purpose, Verdict
from agent.whereabouts import locate
from tests.factories import make_contact, make_conversation, make_tenant, make_turn

INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 — bounds are naive


def conversation(address: str, stated: str | None = None) -> Conversation:
    contact = make_contact(timezone=stated)
    return make_conversation(channel="sms", contact_address=address, contact=contact, last_inbound_at=None)


def judge(recipient: Conversation, at: datetime, purpose: Purpose) -> Verdict:
    candidate = Candidate(text="Hola", language="es", channel="sms", purpose=purpose)
    return send_window.check(candidate, make_turn(conversation=recipient), make_tenant(), at)


# --- the law as data --------------------------------------------------------------------------------------

DATED = read_rules("""
[[rule]]
places = ["XA"]
open = ["mon-sun 09:00-21:00"]
valid_to = 2026-06-30
confidence = "high"
source = "the old law"

[[rule]]
places = ["XA"]
open = ["mon-sun 10:00-18:00"]
valid_from = 2026-07-01
confidence = "high"
source = "the new law"
""")


@pytest.mark.parametrize(
    ("day", "spans"),
    [(date(2026, 6, 30), [(time(9), time(21))]), (date(2026, 7, 1), [(time(10), time(18))])],
    ids=["last day of the old law", "first day of the new law"],
)
def test_change_of_law_takes_effect_on_its_day(day: date, spans: list[tuple[time, time]]) -> None:
    assert list(lawful_openings("XA", "sms", "proactive", DATED)(day)) == spans


def test_wait_across_a_change_of_law_ends_by_the_new_one() -> None:
    window = Window(zone=ZoneInfo("UTC"), openings=lawful_openings("XA", "sms", "proactive", DATED))
    assert next_open([window], datetime(2026, 6, 30, 21, tzinfo=UTC)) == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ('open = ["mon-sun 21:00-08:00"]', "backwards"),
        ("open = []", "at least 1"),
        ('open = ["always"]', "open"),
        ('open = ["mon-sun 09:00-21:00"]\nchanels = ["sms"]', "chanels"),
    ],
)
def test_wrong_rule_is_refused_with_its_fault(broken: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_rules(f'[[rule]]\nplaces = ["XA"]\nconfidence = "low"\nsource = "s"\n{broken}')


def test_no_two_rules_bind_the_same_thing_on_the_same_day() -> None:
    for index, rule in enumerate(RULES):
        for other in RULES[index + 1 :]:
            same = set(rule.places) & set(other.places) and rule.covers == other.covers
            assert not (same and rule.valid_from <= other.valid_to and other.valid_from <= rule.valid_to), other.places


def test_default_for_the_united_states_lies_inside_every_state() -> None:
    day = date(2026, 1, 1)
    while day < date(2029, 1, 1):
        for start, end in lawful_openings("US", "sms", "proactive")(day):
            for state in {place for rule in RULES for place in rule.places if place.startswith("US-")}:
                inside = lawful_openings(state, "sms", "proactive")(day) or (
                    # A state's own holiday is unknown where the state is.
                    [(start, end)] if day in holidays_of(state, day.year) else []
                )
                assert any(first <= start and (last is None or (end and end <= last)) for first, last in inside), (
                    state,
                    day,
                )
        day += timedelta(days=1)


@pytest.mark.parametrize("place", ["ES", "PT", "BR", "MX", "CO", "US", "US-LA", "AR", "DE"])
def test_public_holidays_are_closed(place: str) -> None:
    closed = {day for year in (2026, 2027, 2028) for day in holidays_of(place, year)}
    assert len(closed) >= 20
    assert not any(lawful_openings(place, "sms", "proactive")(day) for day in closed)


@pytest.mark.parametrize(
    ("place", "day", "source"),
    [
        ("US-FL", date(2021, 7, 1), "501.616"),
        ("US-FL", date(2021, 6, 30), "TCPA"),
        ("US-NY", date(2026, 3, 10), "TCPA"),
        ("US", date(2026, 3, 10), "inside the hours of every state"),
        ("ES", date(2026, 3, 10), "TRLGDCU"),
        ("FR", date(2026, 3, 10), "cautious default"),
    ],
)
def test_most_exact_rule_of_the_day_decides(place: str, day: date, source: str) -> None:
    rule = rule_of(place, day, "sms", "proactive")
    assert rule is not None
    assert source in rule.source


# --- never inside quiet hours, always open in the end -----------------------------------------------------

LAW = {
    "ES": ((9, 21), (9, 21), (9, 21), (9, 21), (9, 21), None, None),
    "CO": ((7, 19), (7, 19), (7, 19), (7, 19), (7, 19), (8, 15), None),
    "US": ((10, 17), (10, 17), (10, 17), (10, 17), (10, 17), (10, 17), None),
}
"""What the three strictest weeks allow, Monday first: written out again, not read from the data."""


def is_lawful(place: str, zone: ZoneInfo, at: datetime) -> bool:
    wall = at.astimezone(zone)
    hours = LAW[place][wall.weekday()]
    return hours is not None and hours[0] <= wall.hour < hours[1] and wall.date() not in holidays_of(place, wall.year)


def clock_changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield, to the hour, the instants of 2026-2028 after which the zone's clock differs from before."""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    while day < datetime(2029, 1, 1, tzinfo=UTC):
        later = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            offsets = [(day + timedelta(hours=hour)).astimezone(zone).utcoffset() for hour in range(25)]
            yield day + timedelta(hours=next(hour for hour in range(24) if offsets[hour] != offsets[hour + 1]))
        day = later


def test_around_every_clock_change_of_every_zone_the_first_lawful_minute_is_found() -> None:
    checked = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for change in clock_changes(zone):
            for place, hours in (("ES", -30), ("CO", -9), ("US", 0), ("CO", 1)):
                after = change + timedelta(hours=hours)
                found = next_open([Window(zone=zone, openings=lawful_openings(place, "sms", "proactive"))], after)
                assert found is not None
                assert is_lawful(place, zone, found), (name, after)
                assert found == after or not is_lawful(place, zone, found - timedelta(minutes=1)), (name, after)
                assert found - after <= timedelta(days=6), (name, after)
                checked += 1
    assert checked > 3_000


NUMBERS = {
    "+34612345678": "ES",
    "+573001234567": "CO",
    "+18005550123": "US",
    "US.13491208655302741918": "US",
    "ES.13491208655302741918": "ES",
}


@example(address="+573001234567", stated="America/Chicago", at=datetime(2028, 11, 4, 20, tzinfo=UTC))
@settings(max_examples=400, deadline=None)
@given(
    address=st.sampled_from(sorted(NUMBERS)),
    stated=st.none() | st.sampled_from(sorted(available_timezones())),
    at=INSTANTS,
)
def test_follow_up_leaves_only_when_it_is_lawful_in_every_zone(address: str, stated: str | None, at: datetime) -> None:
    recipient = conversation(address, stated)
    verdict = judge(recipient, at, "follow_up")
    sent = verdict.until or at
    assert verdict.outcome in {"pass", "delay"}
    assert timedelta() <= sent - at <= timedelta(days=14)  # the Lunar New Year is long
    assert judge(recipient, sent, "follow_up").outcome == "pass"
    for zone in locate(recipient, make_tenant(), at).zones:
        assert is_lawful(NUMBERS[address], zone, sent)


@settings(max_examples=300, deadline=None)
@given(
    region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    purpose=st.sampled_from(["reply", "follow_up"]),
    at=INSTANTS,
)
def test_number_of_any_country_can_be_written_to_in_the_end(region: str, purpose: Purpose, at: datetime) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    example = example or phonenumbers.example_number(region)
    assert example is not None
    address = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    verdict = judge(conversation(address), at, purpose)
    assert verdict.outcome in {"pass", "delay"}
    sent = verdict.until or at
    for zone in locate(conversation(address), make_tenant(), at).zones:
        assert 7 <= sent.astimezone(zone).hour < 21
