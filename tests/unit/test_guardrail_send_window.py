"""Send window: the tenant's hours and the law's, on the recipient's clock; who answers at once and who waits."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from agent.guardrails import send_window
from agent.types import Candidate, Channel, Conversation, OpeningHours, Outcome, Policy, Purpose, Tenant, Verdict
from agent.whereabouts import locate
from tests.factories import make_contact, make_conversation, make_tenant, make_turn

TUESDAY = datetime(2026, 3, 10, tzinfo=UTC)
NINE_TO_EIGHT = tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(5))
MEXICO_CITY = "America/Mexico_City"


def judge(
    conversation: Conversation, at: datetime, *, tenant: Tenant | None = None, purpose: Purpose = "reply"
) -> Verdict:
    candidate = Candidate(text="Hola", language="es", channel=conversation.channel, purpose=purpose)
    return send_window.check(candidate, make_turn(conversation=conversation), tenant or make_tenant(), at)


def conversation(
    address: str, *, channel: Channel = "sms", stated: str | None = None, last: datetime | None = None
) -> Conversation:
    contact = make_contact(timezone=stated)
    return make_conversation(channel=channel, contact_address=address, contact=contact, last_inbound_at=last)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# --- where the recipient may be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "address", "stated", "at", "opens"),
    [
        pytest.param("sms", "+5511987654321", None, 13, None, id="open in Sao Paulo"),
        pytest.param("sms", "+5511987654321", None, 11, 12, id="closed in Sao Paulo, open in Madrid"),
        pytest.param("sms", "+34612345678", None, 8, 9, id="Spain waits for the Canaries"),
        pytest.param("sms", "+34612345678", "Europe/Madrid", 8, None, id="a stated zone narrows it"),
        pytest.param("sms", "+34612345678", "Mars/Olympus", 8, 9, id="a stated zone that does not exist is ignored"),
        pytest.param("whatsapp", "+5215512345678", None, 14, 15, id="Mexican number with the old 1"),
        pytest.param("whatsapp", "ES.13491208655302741918", None, 8, 9, id="user id: all zones of its country"),
        pytest.param("whatsapp", "XX.13491208655302741918", None, 8, None, id="odd user id: the tenant's zone"),
        pytest.param("whatsapp", "+999123", None, 8, None, id="unknown number: the tenant's zone"),
        pytest.param("email", "a@b.example", None, 7, 8, id="e-mail: the tenant's zone"),
    ],
)
def test_hours_are_told_by_the_recipients_clock(
    channel: Channel, address: str, stated: str | None, at: int, opens: int | None
) -> None:
    tenant = make_tenant(policy=Policy(send_hours=NINE_TO_EIGHT))
    verdict = judge(conversation(address, channel=channel, stated=stated), TUESDAY + timedelta(hours=at), tenant=tenant)
    assert verdict.outcome == ("pass" if opens is None else "delay")
    assert verdict.until == (None if opens is None else TUESDAY + timedelta(hours=opens))


@pytest.mark.parametrize(
    ("address", "stated", "places"),
    [
        pytest.param("+13055550123", None, ("US-FL",), id="Miami"),
        pytest.param("+13055550123", "America/New_York", ("US-FL",), id="Miami, on its own clock"),
        pytest.param("+13135550123", "America/Detroit", ("US-MI",), id="another name of the same clock"),
        pytest.param("+13055550123", "America/Los_Angeles", ("US",), id="moved west: no known state"),
        pytest.param("+18005550123", None, ("US",), id="toll-free: no known state"),
        pytest.param("+34612345678", "America/New_York", ("ES", "US"), id="moved abroad: both laws"),
        pytest.param("+34612345678", "Europe/Paris", ("ES",), id="the same clock elsewhere"),
        pytest.param("+17875550123", None, ("PR",), id="Puerto Rico"),
        pytest.param("+14165550123", None, ("CA",), id="Toronto"),
        pytest.param("+441534123456", None, ("JE",), id="Jersey"),
        pytest.param("+447400123456", None, ("GB",), id="Britain"),
        pytest.param("US.1349", None, ("US",), id="user id of the United States"),
        pytest.param("not a number", None, ("ES",), id="nothing known: the tenant's country"),
    ],
)
def test_place_of_a_recipient(address: str, stated: str | None, places: tuple[str, ...]) -> None:
    assert locate(conversation(address, stated=stated), make_tenant(), TUESDAY).places == places


@pytest.mark.parametrize(
    ("address", "zones"),
    [
        pytest.param("+18505550123", {"America/New_York", "America/Chicago"}, id="Florida's panhandle"),
        pytest.param("+351912345678", {"Atlantic/Azores", "Europe/Lisbon"}, id="Portugal"),
        pytest.param("+13055550123", {"America/New_York"}, id="Miami"),
    ],
)
def test_every_zone_a_number_may_be_in_counts(address: str, zones: set[str]) -> None:
    assert {zone.key for zone in locate(conversation(address), make_tenant(), TUESDAY).zones} == zones


def test_number_without_a_state_stays_inside_the_united_states() -> None:
    zones = {zone.key for zone in locate(conversation("+18005550123"), make_tenant(), TUESDAY).zones}
    assert {"Pacific/Honolulu", "America/New_York"} <= zones
    assert not zones & {"America/St_Johns", "Pacific/Guam", "America/Barbados"}


def test_area_codes_agree_with_the_geocoder() -> None:
    from phonenumbers import geocoder  # noqa: PLC0415 — 100 MB, for this test only

    names = {"US-FL": "Florida", "US-TX": "Texas", "US-CA": "California", "US-WA": "Washington State"}
    found = 0
    for code in range(201, 990):
        number = phonenumbers.parse(f"+1{code}5556789")
        description = geocoder.description_for_number(number, "en")
        place = locate(conversation(f"+1{code}5556789"), make_tenant(), TUESDAY).places[0]
        if description in names.values():
            found += 1
            assert names.get(place) == description, code
        else:
            assert place not in names or description.endswith(f", {place[3:]}"), code
    assert found > 70


# --- whose hours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "zone", "at", "opens"),
    [
        pytest.param("+34612345678", "Europe/Madrid", "2026-03-10T10:00", None, id="es: a weekday"),
        pytest.param("+34612345678", "Europe/Madrid", "2026-03-10T20:59", None, id="es: evening"),
        pytest.param("+34612345678", "Europe/Madrid", "2026-03-10T21:00", "2026-03-11T10:00", id="es: night"),
        pytest.param("+34612345678", "Europe/Madrid", "2026-03-14T12:00", "2026-03-16T10:00", id="es: Saturday"),
        pytest.param("+34612345678", "Europe/Madrid", "2026-12-25T12:00", "2026-12-28T10:00", id="es: Christmas"),
        pytest.param("+573001234567", "America/Bogota", "2026-03-10T18:59", None, id="co: evening"),
        pytest.param("+573001234567", "America/Bogota", "2026-03-14T15:00", "2026-03-16T07:00", id="co: Saturday"),
        pytest.param("+573001234567", "America/Bogota", "2026-03-21T15:00", "2026-03-24T07:00", id="co: a holiday"),
        pytest.param("+5511987654321", "America/Sao_Paulo", "2026-03-14T15:59", None, id="br: Saturday"),
        pytest.param("+5511987654321", "America/Sao_Paulo", "2026-03-15T12:00", "2026-03-16T09:00", id="br: Sunday"),
        pytest.param("+525512345678", MEXICO_CITY, "2026-03-10T19:00", "2026-03-11T09:00", id="mx: night"),
        pytest.param("+351912345678", "Europe/Lisbon", "2026-03-10T09:30", "2026-03-10T10:00", id="pt: the Azores"),
        pytest.param("+13055550123", "America/New_York", "2026-03-10T20:00", "2026-03-11T08:00", id="us: Florida"),
        pytest.param("+12125550123", "America/New_York", "2026-03-10T20:59", None, id="us: no rule of its own"),
        pytest.param("+12105550123", "America/Chicago", "2026-03-15T11:59", "2026-03-15T12:00", id="us: Texan Sunday"),
        pytest.param("+15045550123", "America/Chicago", "2026-02-17T12:00", "2026-02-18T08:00", id="us: Mardi Gras"),
        pytest.param("+18005550123", "America/New_York", "2026-03-10T14:00", "2026-03-10T16:00", id="us: all zones"),
        pytest.param("+5491123456789", "America/Argentina/Buenos_Aires", "2026-03-15T12:00", "2026-03-16T09:00",
                     id="a country without a rule"),
    ],
)  # fmt: skip
def test_law_binds_what_we_start(address: str, zone: str, at: str, opens: str | None) -> None:
    verdict = judge(conversation(address), local(at, zone), purpose="follow_up")
    assert verdict.until == (local(opens, zone) if opens else None)


@pytest.mark.parametrize(
    ("grace", "ago", "purpose", "outcome"),
    [
        pytest.param(0, timedelta(), "reply", "delay", id="strict"),
        pytest.param(30, timedelta(minutes=30), "reply", "pass", id="within the grace"),
        pytest.param(30, timedelta(minutes=30), "opt_out_confirmation", "pass", id="confirmation within the grace"),
        pytest.param(30, timedelta(minutes=31), "reply", "delay", id="after the grace"),
        pytest.param(30, None, "reply", "delay", id="never wrote"),
        pytest.param(30, timedelta(), "follow_up", "delay", id="the grace is for answers only"),
    ],
)
@pytest.mark.parametrize("hours", [NINE_TO_EIGHT, ()], ids=["with hours", "without hours"])
def test_grace_lets_answer_who_is_writing_now(
    hours: tuple[OpeningHours, ...], grace: int, ago: timedelta | None, purpose: Purpose, outcome: Outcome
) -> None:
    now = TUESDAY + timedelta(hours=3)
    tenant = make_tenant(policy=Policy(send_hours=hours, reply_grace_minutes=grace))
    last = now - ago if ago is not None else None
    assert judge(conversation("+34612345678", last=last), now, tenant=tenant, purpose=purpose).outcome == outcome


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        pytest.param("2026-03-14T12:00", "pass", id="Saturday"),
        pytest.param("2026-12-25T12:00", "pass", id="Christmas"),
        pytest.param("2026-03-14T21:00", "delay", id="night"),
    ],
)
def test_answer_keeps_out_of_the_night_but_not_of_weekends(at: str, outcome: Outcome) -> None:
    assert judge(conversation("+34612345678"), local(at, "Europe/Madrid")).outcome == outcome


def test_tenants_hours_bind_an_answer_at_the_weekend() -> None:
    tenant = make_tenant(policy=Policy(send_hours=NINE_TO_EIGHT))
    verdict = judge(conversation("+525512345678"), local("2026-03-14T12:00", MEXICO_CITY), tenant=tenant)
    assert verdict.until == local("2026-03-16T09:00", MEXICO_CITY)
    assert "your send hours" in verdict.reason


def test_delay_for_the_laws_sake_says_so_and_names_the_source() -> None:
    verdict = judge(conversation("+573001234567"), local("2026-03-15T12:00", "America/Bogota"), purpose="follow_up")
    assert "the law's hours" in verdict.reason
    assert "Ley 2300" in verdict.evidence


@pytest.mark.parametrize(
    ("country", "outcome"),
    [pytest.param("ES", "pass", id="no rule for mail"), pytest.param("CO", "delay", id="Ley 2300")],
)
def test_mail_is_bound_only_where_the_law_names_it(country: str, outcome: Outcome) -> None:
    tenant = make_tenant(country=country, timezone="America/Bogota")
    mail = conversation("a@b.example", channel="email")
    assert (
        judge(mail, local("2026-03-15T12:00", "America/Bogota"), tenant=tenant, purpose="follow_up").outcome == outcome
    )


@pytest.mark.parametrize("purpose", ["reply", "follow_up"])
def test_hours_that_never_meet_are_held(purpose: Purpose) -> None:
    short = (OpeningHours(weekday=1, start=time(9), end=time(10)),)
    verdict = judge(
        conversation("+18005550123"), TUESDAY, tenant=make_tenant(policy=Policy(send_hours=short)), purpose=purpose
    )
    assert verdict.outcome == "hold"
