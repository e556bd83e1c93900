"""When a snoozed conversation comes back: words of three languages, the reader's clock, clear refusals."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.staff.snooze import LONGEST, MAX_CHARS, SnoozeError, parse_snooze

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)
"""A Wednesday, 11:20 in Madrid."""

MOMENTS = {
    "tomorrow 9": "2026-11-19 09:00",
    "Tomorrow at 9:30": "2026-11-19 09:30",
    "tomorrow": "2026-11-19 09:00",
    "mañana 9": "2026-11-19 09:00",
    "mañana a las 18": "2026-11-19 18:00",
    "mañana por la tarde": "2026-11-19 15:00",
    "mañana por la mañana": "2026-11-19 09:00",
    "pasado mañana": "2026-11-20 09:00",
    "amanhã às 9": "2026-11-19 09:00",
    "amanhã 9h": "2026-11-19 09:00",
    "amanha às 9h30": "2026-11-19 09:30",
    "depois de amanhã": "2026-11-20 09:00",
    "in 2 hours": "2026-11-18 13:20",
    "2h": "2026-11-18 13:20",
    "in an hour": "2026-11-18 12:20",
    "half an hour": "2026-11-18 11:50",
    "en media hora": "2026-11-18 11:50",
    "en dos horas": "2026-11-18 13:20",
    "em duas horas": "2026-11-18 13:20",
    "daqui a 3 dias": "2026-11-21 11:20",
    "dentro de una semana": "2026-11-25 11:20",
    "30 min": "2026-11-18 11:50",
    "monday": "2026-11-23 09:00",
    "on friday at 4pm": "2026-11-20 16:00",
    "next monday": "2026-11-23 09:00",
    "wednesday": "2026-11-25 09:00",
    "miércoles 10:30": "2026-11-25 10:30",
    "el lunes": "2026-11-23 09:00",
    "segunda-feira às 8": "2026-11-23 08:00",
    "na sexta": "2026-11-20 09:00",
    "next week": "2026-11-23 09:00",
    "la semana que viene": "2026-11-23 09:00",
    "próxima semana 14:00": "2026-11-23 14:00",
    "18:30": "2026-11-18 18:30",
    "18h": "2026-11-18 18:00",
    "9": "2026-11-19 09:00",
    "9 pm": "2026-11-18 21:00",
    "12 am": "2026-11-19 00:00",
    "tonight": "2026-11-18 19:00",
    "esta tarde": "2026-11-18 15:00",
    "this afternoon": "2026-11-18 15:00",
    "today 17:00": "2026-11-18 17:00",
    "hoje às 17h": "2026-11-18 17:00",
    "at 8 tomorrow": "2026-11-19 08:00",
    "2026-12-01": "2026-12-01 09:00",
    "2026-12-01 14:15": "2026-12-01 14:15",
    "25/12": "2026-12-25 09:00",
    "3/2 at 10": "2027-02-03 10:00",
    "25.12.2026": "2026-12-25 09:00",
    "1 de diciembre": "2026-12-01 09:00",
    "3 mar": "2027-03-03 09:00",
    "Dec 24, 8:00": "2026-12-24 08:00",
}
REFUSED = {
    "": "empty",
    "   ": "empty",
    "soon": "unreadable",
    "blue monday cheese": "unreadable",
    "25:00": "unreadable",
    "13 pm": "unreadable",
    "31/2": "unreadable",
    "monday tuesday": "unreadable",
    "tomorrow " * 20: "unreadable",
    "today 9": "past",
    "0 min": "past",
    "in 60 weeks": "far",
    "in 9999 weeks": "far",
    "2036-01-01": "far",
}


@pytest.mark.parametrize(("words", "local"), MOMENTS.items(), ids=MOMENTS)
def test_words_name_a_time_of_the_readers_clock(words: str, local: str) -> None:
    assert f"{parse_snooze(words, NOW, MADRID).astimezone(MADRID):%Y-%m-%d %H:%M}" == local


@pytest.mark.parametrize(("words", "problem"), REFUSED.items(), ids=[each[:20] or "nothing" for each in REFUSED])
def test_what_names_no_time_to_come_is_refused_with_an_example_or_the_reason(words: str, problem: str) -> None:
    with pytest.raises(SnoozeError) as refused:
        parse_snooze(words, NOW, MADRID)
    assert refused.value.problem == problem
    assert len(str(refused.value)) < 60 + 2 * MAX_CHARS


def test_a_time_that_the_clocks_skip_is_the_hour_after() -> None:
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert parse_snooze("tomorrow 2:30", before, MADRID) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


ANY_WORDS = st.lists(st.sampled_from(" ".join(MOMENTS).split()), max_size=6).map(" ".join)


@given(
    words=st.one_of(st.text(max_size=80), ANY_WORDS),
    zone=st.sampled_from(["UTC", "Europe/Madrid", "America/Sao_Paulo", "Asia/Kathmandu"]),
)
def test_any_words_are_a_time_to_come_within_a_year_or_refused(words: str, zone: str) -> None:
    try:
        at = parse_snooze(words, NOW, ZoneInfo(zone))
    except SnoozeError:
        return
    assert NOW < at <= NOW + LONGEST
    assert at.utcoffset() == timedelta()
