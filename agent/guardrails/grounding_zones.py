"""Decides whether a time of a reply is a published one told by the clock of another time zone."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.guardrails.dates_text import DAY_MINUTES, CalendarDate
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import Mention, as_set, items_of
from agent.guardrails.grounding_statement import Conversation, Statement
from agent.guardrails.grounding_words import ZONES, find_concepts

_BY_ITS_CLOCK = re.compile(
    r"\b(?:hora|horario|fuso)s? (?:local )?(?:de|del|do|da|em|en|no) (?P<of>[a-z]+(?: [a-z]+){0,2})"
    r"|\b(?P<before>[a-z]+(?: [a-z]+)?) (?:local )?time\b"
    r"|\b(?P<hour>\d{1,2})(?:[:h.]\d\d)? ?(?:h|hs|am|pm|a\.m\.|p\.m\.)?"
    r" (?:in|en|em|no) (?!hora|fuso)(?P<at>[a-z]+(?: [a-z]+){0,2})"
)
_LEAST_LETTERS = 4
_LAST_SURE = 28
"""The last day that every month has."""
_NOW = re.compile(
    r"\b(?:now|today|currently|right now|this week|tonight|hoy|ahora|actualmente|esta semana|hoje|agora|atualmente)\b"
)
_YEAR_ROUND = (0, 45, 120, 240)
"""Days ahead on which clocks are compared where no day is told: summer time differs from place to place."""


def is_of_another_zone(
    minutes: frozenset[int], published: Sequence[Mention], statement: Statement, facts: Facts, talk: Conversation
) -> bool:
    """Say whether a published time is told as that of a place elsewhere, where it is another: "13:00 in São Paulo"."""
    clock = _BY_ITS_CLOCK.search(statement.clause_text)
    if clock and clock["hour"] and int(clock["hour"]) % 12 not in {each // 60 % 12 for each in minutes}:
        return False
    named = find_concepts(tuple((clock["of"] or clock["before"] or clock["at"]).split()), "en") if clock else ()
    zones = {ZONES[each.concept] for each in named if each.concept in ZONES and each.concept not in facts.concepts}
    if not zones or any(_is_alike(zone, talk) for zone in zones):
        return False
    return not is_converted(minutes, published, statement, talk)


def _is_alike(zone: str, talk: Conversation) -> bool:
    return _offset(zone, talk.now) == _offset(talk.zone, talk.now)


def is_somewhere_unknown(statement: Statement, facts: Facts, talk: Conversation) -> bool:
    """Say whether times are also told for a place of the prospect's whose time zone we do not know."""
    written = [m.value for m in talk.inbound.of("name") if isinstance(m.value, tuple)]
    unknown = [name for name in written if not any(f.concept in ZONES for f in find_concepts(name, "en"))]
    names = {word for name in unknown for word in name}
    here = {word for word in names if len(word) >= _LEAST_LETTERS and word in statement.sentence.text}
    return bool(here - facts.words) and statement.sentence.tells_time


def is_converted(
    minutes: frozenset[int], published: Sequence[Mention], statement: Statement, talk: Conversation
) -> bool:
    """Say whether a time is a published one in the zone of a place that is named, or of the contact.

    On the days that are told, where some are: clocks change on other days elsewhere. Where the reply is about an item
    that has times of its own, those only.
    """
    zones = {ZONES[place] for place in statement.sentence.places if place in ZONES}
    zones |= {ZONES[str(m.value)] for m in talk.inbound.of("place") if m.value in ZONES}
    zones |= {talk.contact_zone} if talk.contact_zone else set()
    items = items_of(statement.topics)
    of_item = [f for f in published if items & f.wide] or published
    moments = tuple(_moments(statement, talk))
    for zone in zones - {talk.zone}:
        shifts = {_offset(zone, moment) - _offset(talk.zone, moment) for moment in moments}
        if any((clock + shift) % DAY_MINUTES in minutes for f in of_item for clock in as_set(f) for shift in shifts):
            return True
    return False


def _moments(statement: Statement, talk: Conversation) -> Iterator[datetime]:
    """Yield when the clocks are compared: the days of the sentence, else those asked for, else all through the year."""
    here = [day for day in _dates(talk.told) if _names(statement.sentence.text, day)]
    told = here or _dates(talk.asked)
    days = [day for each in told for day in _days(each, talk.today)]
    for day in days:
        yield datetime.combine(day, time(12), UTC)
    if not days or _NOW.search(statement.sentence.text):
        yield from (talk.now + timedelta(ahead) for ahead in (_YEAR_ROUND if not days else (0,)))


def _dates(mentions: Sequence[Mention]) -> list[CalendarDate]:
    return [m.value for m in mentions if isinstance(m.value, CalendarDate)]


def _names(sentence: str, day: CalendarDate) -> bool:
    return day.day is None or re.search(rf"\b{day.day}\b(?!:)", sentence) is not None


def _days(said: CalendarDate, today: date) -> Iterator[date]:
    """Yield the day and the one before it ("until 29 March"), next time they come; of a month, its ends."""
    month = min(said.months)
    year = said.year or today.year + (month < today.month)
    for day in (1, _LAST_SURE) if said.day is None else (said.day,):
        try:
            moment = date(year, month, day)
        except ValueError:
            continue  # there is no 31 June
        yield moment
        yield moment - timedelta(1)


def _offset(zone: str, moment: datetime) -> int:
    offset = moment.astimezone(UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0
