"""Decides whether the times, days, dates and years of a reply follow from what is published."""

import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from agent.guardrails.dates_text import ANY_DAY, DAY_MINUTES, CalendarDate
from agent.guardrails.grounding_calendar import follows
from agent.guardrails.grounding_facts import MINUTES, Facts
from agent.guardrails.grounding_numbers import MONEY
from agent.guardrails.grounding_reading import Mention, Slot, as_set, items_of
from agent.guardrails.grounding_statement import (
    WEAK,
    Conversation,
    Finding,
    Statement,
    closeness,
    is_echo,
    is_rival,
    settle,
)
from agent.guardrails.grounding_windows import Window, is_between, is_within
from agent.guardrails.grounding_words import ZONES
from agent.guardrails.grounding_zones import is_converted, is_of_another_zone, is_somewhere_unknown

# --- hours and days -------------------------------------------------------------------------------------------


def judge_time(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a time of day: published, inside opening hours, or a published one told in another zone."""
    if _is_age_range(statement, facts):
        return "undecided"
    minutes = as_set(statement.mention)
    published = [f for f in facts.of("time") if not f.is_denied]
    equal = [f for f in published if as_set(f) & minutes]
    is_elsewhere = bool(equal) and is_of_another_zone(minutes, published, statement, facts, talk)
    is_sure = bool(statement.sentence.days) or len(minutes) == 1  # "de 2 a 6" may count people
    is_end = is_sure and _ends_span(minutes, statement)
    if not (is_elsewhere or is_end) and is_between(minutes, statement.sentence.windows, facts.windows):
        return "supported"
    if equal and not is_elsewhere:
        finding = settle(equal, published, statement.topics)
        is_told_elsewhere = finding == "contradicted" and is_converted(minutes, published, statement, talk)
        return "supported" if is_told_elsewhere else finding
    if not published:
        return "unsupported" if statement.sentence.serves or statement.mention.group >= 0 else "undecided"
    if (
        is_converted(minutes, published, statement, talk)
        or (not (equal or is_end) and is_within(minutes, statement.clause_text, _windows_on(statement, facts, talk)))
        or _is_counted(minutes, published, facts, talk)
    ):
        return "supported"
    open_ended = is_echo(statement, talk) or is_somewhere_unknown(statement, facts, talk)
    return "undecided" if open_ended else "unsupported"


_BARE_RANGE = re.compile(
    r"(?<![\w.,:])(\d{1,2})(?: (?:a|aos|al|to|and|y|e|hasta|ate|through) | ?[-–—] ?)(\d{1,2})"
    r"(?![\w:,]|[.]\d| ?(?:am|pm|h|hs)\b)"
)


def _is_age_range(statement: Statement, facts: Facts) -> bool:
    """Say whether two bare numbers of a clause are published ages: "the range runs from 7 to 12"."""
    match = _BARE_RANGE.search(statement.clause_text) if statement.mention.group >= 0 else None
    if match is None:
        return False
    years = [f for f in facts.of("quantity") if f.unit == "units:year"]
    told = [(one.value, other.value) for one, other in itertools.pairwise(years) if one.wide == other.wide]
    return (Decimal(match[1]), Decimal(match[2])) in told


_CLOCK_UNITS = ("units:minute", "units:hour")


def _is_counted(minutes: frozenset[int], published: Sequence[Mention], facts: Facts, talk: Conversation) -> bool:
    """Say whether a time is a published or asked one, so long before or after."""
    lengths = {
        int(m.value * MINUTES[m.unit])
        for m in (*talk.told, *talk.asked, *facts.notices)
        if m.unit in _CLOCK_UNITS and isinstance(m.value, Decimal) and m.other < 0
    }
    times = {time for m in (*published, *(each for each in talk.asked if each.kind == "time")) for time in as_set(m)}
    moved = {(time + sign * length) % DAY_MINUTES for time in times for length in lengths for sign in (-1, 1)}
    return bool(minutes & moved)


def _ends_span(minutes: frozenset[int], statement: Statement) -> bool:
    """Say whether a time is the end of a span that its sentence tells."""
    return any(minutes & {window.first, window.last % DAY_MINUTES} for window in statement.sentence.windows)


def _windows_on(statement: Statement, facts: Facts, talk: Conversation) -> Iterator[Window]:
    """Yield the published spans of the days that a sentence names, or else of those that were asked for."""
    if any(ZONES.get(place, talk.zone) != talk.zone for place in statement.sentence.places):
        return
    asked = frozenset(day for mention in talk.inbound.of("weekday") for day in as_set(mention))
    days = statement.sentence.days or asked
    about = statement.mention.own - WEAK
    is_told_of = about and any(about & f.wide for f in facts.of("time"))
    for window in facts.windows:
        if window.is_on(days, statement.topics) and (not is_told_of or about & window.topics):
            yield window


_ALL_DAYS = 7
_DAILY = re.compile(r"\b(?:daily|diari[ao]s?|diariamente)\b")


_NO_SUBJECT = (WEAK - {"topics:opening"}) | {"topics:group_size"}
"""What a statement may be about without saying whose days it tells: "the next group begins …, Monday to Thursday"."""
_DAYS_ONLY = re.compile(
    rf"^\W*(?:(?:with|con|com|de|from|on|l[oa]s|[oa]s|clases|classes|aulas|lessons|y|e|and) )*{ANY_DAY.pattern}"
)


def judge_weekday(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge days of the week, each by itself; the day that a published date falls on is published."""
    published = [f for f in facts.of("weekday") if not f.is_denied]
    dates = [d.value for d in facts.of("date") if isinstance(d.value, CalendarDate)]
    findings: list[Finding] = []
    if len(as_set(statement.mention)) == _ALL_DAYS and _DAILY.search(facts.text):
        return "undecided"
    is_bare = statement.topics <= _NO_SUBJECT and _DAYS_ONLY.match(statement.clause_text)
    if is_bare and any(as_set(f) == as_set(statement.mention) for f in published):
        return "supported"
    for day in as_set(statement.mention):
        if any(_is_on_date(f, day, statement) for f in facts.of("date")):
            findings.append("supported")  # "Monday 13 April"
            continue
        equal = [f for f in published if day in as_set(f)]
        if not equal and _is_elsewhere_by_clock(statement, talk):
            equal = [f for f in published if {(day - 1) % _ALL_DAYS, (day + 1) % _ALL_DAYS} & as_set(f)]
        if equal:
            finding = settle(equal, published, statement.topics)
            is_priced = is_echo(statement, talk) and MONEY.search(statement.sentence.text)
            findings.append("undecided" if is_priced else finding)  # "on a Saturday it comes to £234"
        elif not any(_falls_on(each, day) for each in dates):
            findings.append("undecided" if is_echo(statement, talk) else "unsupported")
    return _worst(findings)


def _is_on_date(published: Mention, weekday: int, statement: Statement) -> bool:
    """Say whether a statement names a published date of no other item, which is on that day of the week."""
    day = published.value
    items, others = items_of(statement.topics), items_of(published.wide)
    return (
        isinstance(day, CalendarDate)
        and _falls_on(day, weekday)
        and not (items and others and items.isdisjoint(others))
        and re.search(rf"\b{day.day}\b(?!:)", statement.clause_text) is not None
    )


def _is_elsewhere_by_clock(statement: Statement, talk: Conversation) -> bool:
    """Say whether a time is told for a place in another zone, where it may be another day already."""
    zones = {ZONES[place] for place in statement.sentence.places if place in ZONES}
    return statement.sentence.tells_time and bool(zones - {talk.zone})


def _falls_on(day: CalendarDate, weekday: int) -> bool:
    """Say whether a published date is on a weekday (where its year is not said, in this or the next few)."""
    years = [day.year] if day.year else range(2025, 2031)
    try:
        return any(date(year, min(day.months), day.day).weekday() == weekday for year in years) if day.day else False
    except ValueError:
        return False


def _worst(findings: Sequence[Finding]) -> Finding:
    order: tuple[Finding, ...] = ("contradicted", "unsupported", "undecided")
    return next((finding for finding in order if finding in findings), "supported")


def judge_slot(slot: Slot, facts: Facts) -> Finding:
    """Say whether the times of a reply are published for the days it gives them."""
    if not facts.slots:
        return "undecided"
    closest = max(closeness(each.wide, slot.topics) for each in facts.slots)
    fitting = [each for each in facts.slots if closest < 1 or closeness(each.wide, slot.topics) == closest]
    for day in slot.days:
        on_day = [each for each in fitting if day in each.days]
        if not on_day:
            continue
        times = [time for each in on_day for time in each.times]
        elsewhere = [time for each in facts.slots for time in each.times]
        for time in slot.times:
            if any(time & other for other in elsewhere) and not any(time & other for other in times):
                return "contradicted"
    return "supported"


def judge_part(statement: Statement, facts: Facts, talk: Conversation) -> Finding:  # noqa: ARG001 — a judge
    """Judge "in the mornings" and "evenings" by the times that are published."""
    published = [f for f in facts.of("time") if not f.is_denied]
    about = [f for f in published if f.wide & statement.topics] or published
    if not about or facts.of("part"):
        return "undecided"
    morning = str(statement.mention.value).endswith("morning")
    fits = [f for f in about if any(m < 720 if morning else m > 1080 for m in as_set(f))]
    return "supported" if fits else "unsupported"


# --- dates and years ------------------------------------------------------------------------------------------


def judge_date(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a date or a month."""
    said = statement.mention.value
    if not isinstance(said, CalendarDate):
        return "undecided"
    published = [f for f in facts.of("date") if isinstance(f.value, CalendarDate)]
    equal = [f for f in published if isinstance(f.value, CalendarDate) and _same_date(said, f.value)]
    if equal:
        is_priced = MONEY.search(statement.clause_text) and any(f.unit in {"from", "to"} for f in equal)
        others = [f for f in published if _is_day(f) == (said.day is not None)]
        is_other = not is_priced and is_rival(equal, others, statement)  # else it is of a price: `pricing` judges it
        return "contradicted" if is_other else "supported"
    if said.day is not None and _starts_otherwise(statement, published, talk):
        return "unsupported"
    if (
        _is_near(said, talk.today)
        or _is_later(said, published, facts, talk.today)
        or _is_edge(said, published)
        or _in_range(said, published)
        or follows(said, statement, facts, talk)
    ):
        return "supported"
    asked = [d.value for d in talk.inbound.of("date") if isinstance(d.value, CalendarDate)]
    if said.day is not None and f"{said.day}" in _days_of_the_month(facts.text):
        return "undecided"
    is_theirs = any(_same_date(said, each) for each in asked)
    measured = is_theirs and not statement.serves and _tells_another(said, published, statement, facts, talk)
    return "undecided" if measured or (is_theirs and not statement.sentence.serves) else "unsupported"


def _tells_another(
    said: CalendarDate, published: Sequence[Mention], statement: Statement, facts: Facts, talk: Conversation
) -> bool:
    """Say whether the reply sets the prospect's own date against another that holds: "10 April is in time"."""
    others = [m.value for m in talk.told if isinstance(m.value, CalendarDate) and not _same_date(m.value, said)]
    return any(
        any(isinstance(f.value, CalendarDate) and _same_date(other, f.value) for f in published)
        or follows(other, statement, facts, talk)
        for other in others
    )


_BEGINS = "topics:start"


def _starts_otherwise(statement: Statement, published: Sequence[Mention], talk: Conversation) -> bool:
    """Say whether a clause says when something starts, and other days are published on which it does."""
    if _BEGINS not in statement.mention.own or _IF_OR_UNTIL.search(statement.clause_text):
        return False
    topics = statement.topics.union(statement.mention.subject, *talk.inbound.topics)
    items = items_of(topics)
    dated = [f.wide for f in published if _is_day(f) and f.unit not in {"from", "to"}]
    return any(items & wide if items else _BEGINS in wide for wide in dated)


_IF_OR_UNTIL = re.compile(
    r"\b(?:si|se|if|hasta|ate|until|before|antes|podr\w+|could|can|may|might|puedes?|pode[ms]?|podes|quieres|want)\b"
)
_DAY_OF_THE_MONTH = re.compile(
    r"\b(?:dia|el|o|day|the) (\d{1,2})(?:st|nd|rd|th|o)?"
    r"(?= (?:de cada|de todos|do|del|of each|of every|of the|each|every)\b)"
)


@lru_cache(maxsize=64)
def _days_of_the_month(text: str) -> frozenset[str]:
    """Return the days that are published of every month: "by the 20th of the month before"."""
    return frozenset(match[1] for match in _DAY_OF_THE_MONTH.finditer(text))


def _is_day(mention: Mention) -> bool:
    return isinstance(mention.value, CalendarDate) and mention.value.day is not None


def _same_date(one: CalendarDate, other: CalendarDate) -> bool:
    """Say whether two dates agree in all that both say; a month agrees with a day in it, not the other way round."""
    return (
        bool(one.months & other.months)
        and one.day in {None, other.day}
        and (one.year is None or other.year is None or one.year == other.year)
    )


def _is_near(said: CalendarDate, today: date) -> bool:
    return said.day == today.day and today.month in said.months


_LONGEST_STAY = 31


def _is_later(said: CalendarDate, published: Sequence[Mention], facts: Facts, today: date) -> bool:
    """Say whether a date is the last day, or the day after, of something published that begins on a published date."""
    units = {"units:day", "units:night"}
    lengths = {int(str(q.value)) for q in facts.quantities.get("time", ()) if q.unit in units and _is_whole(q.value)}
    for mention in published:
        first = _first_day(mention, today)
        ends = {first + timedelta(n - day) for n in lengths if n <= _LONGEST_STAY for day in (0, 1)} if first else ()
        if any(day.day == said.day and day.month in said.months for day in ends):
            return True
    return False


def _is_whole(number: object) -> bool:
    return str(number).isdigit()


def _first_day(mention: Mention, today: date) -> date | None:
    """Return a published date as a day something may begin."""
    value = mention.value
    if mention.unit == "to" or not isinstance(value, CalendarDate) or value.day is None:
        return None
    return date(value.year or today.year, min(value.months), min(value.day, 28))


def _is_edge(said: CalendarDate, published: Sequence[Mention]) -> bool:
    """Say whether a date is the day after a price ends, or before one begins."""
    for mention in published:
        value = mention.value
        step = {"to": timedelta(1), "from": -timedelta(1)}.get(mention.unit)
        if step and isinstance(value, CalendarDate) and value.year and value.day:
            day = date(value.year, min(value.months), value.day) + step
            if day.day == said.day and day.month in said.months:
                return True
    return False


def _in_range(said: CalendarDate, published: Sequence[Mention]) -> bool:
    """Say whether a month lies between two published months of one sentence ("de noviembre a marzo")."""
    if said.day is not None:
        return False
    months = [min(m.value.months) for m in published if isinstance(m.value, CalendarDate) and m.value.day is None]
    for first, last in itertools.pairwise(months):
        run = {(first + step - 1) % 12 + 1 for step in range((last - first) % 12 + 1)}
        if said.months & run:
            return True
    return False


def judge_year(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a year, such as that of the foundation."""
    said = statement.mention.value
    published = list(facts.of("year"))
    dated = {f.value.year for f in facts.of("date") if isinstance(f.value, CalendarDate)}
    equal = [f for f in published if f.value == said]
    if equal:
        together = _is_told_with(str(said), statement.clause_text, facts)
        return "supported" if together else settle(equal, published, statement.topics)
    if said in dated or said == talk.today.year:
        return "supported"
    if any(q.value == said for q in (*facts.of("quantity"), *talk.inbound.of("quantity"))):
        return "undecided"
    return "undecided" if is_echo(statement, talk) or _in_inbound(said, talk) else "unsupported"


_NUMBERS = re.compile(r"\d{2,}")


def _is_told_with(year: str, clause: str, facts: Facts) -> bool:
    """Say whether a published text has a year and another number of the clause: "in 2025, 94 % of our patients"."""
    others = set(_NUMBERS.findall(clause)) - {year}
    return any(year in told and others & told for told in map(set, map(_NUMBERS.findall, facts.text.split("\n"))))


def _in_inbound(year: object, talk: Conversation) -> bool:
    return any(m.value == year for m in talk.inbound.of("year", "quantity"))
