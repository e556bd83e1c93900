"""The hours within which a business is open, or a thing may be used, and whether a time of a reply lies in them."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.guardrails.dates_text import DAY_MINUTES
from agent.guardrails.grounding_reading import Mention, Reading, Topics, as_set, read_slots

_NO_DAYS = frozenset[int]()
_OPENING = 240
"""Minutes from which on a span that is called opening hours is one, and no lesson."""
_LONG = 360
"""Minutes from which on any span is one within which to come: nothing is taught or shown for so long."""
_UNTIL = (
    r"\b(?:hasta|ate|until|till|cierra\w*|cerramos|closes?|fecha\w*|abre\w*|abrimos|opens?|desde|from|a partir|by"
    r"|before|antes)"
)
_ENDS_AT = re.compile(
    rf"{_UNTIL}(?: (?:de|del?|at|a|as|las?|o|el|al|the))* "
    r"(?:(?P<hour>\d{1,2})(?:[:h.](?P<minute>\d\d))?|(?P<noon>noon|midday|mediodia|meio[- ]dia))"
)
_BEGINS = re.compile(
    r"\b(?:empie[zc]\w*|empez\w*|comien\w*|comenz\w*|come[cs]\w*|inici\w*|arranc\w*|starts?|begins?|sa[il]e[ns]?|sai|saem"
    r"|salimos|saimos|volta|vuelve\w*|leaves?|departs?|returns?)\b"
    r"|\b(?:es|son|e|sao|is|are) (?:(?:el|los|as|os|aos|na|nas|no|on|toda|todas|todos|cada|every) |a las?|at )"
)
"""How a clause says when something is held, which is not when one may come."""
_ONLY_UNTIL = re.compile(r"\b(?:hasta|ate|until|till)(?: (?:as|a|las?))? $")


class Window(NamedTuple):
    """From when to when, in minutes after midnight, and on which days; none: it does not say."""

    first: int
    last: int
    days: frozenset[int]
    topics: Topics
    sentence: int

    @property
    def is_long(self) -> bool:
        """Whether it is a time within which to come, and no lesson."""
        return self.last - self.first >= (_OPENING if "topics:opening" in self.topics else _LONG)

    def is_on(self, days: frozenset[int], topics: Topics) -> bool:
        """Whether it holds on these days; where it names none, those it may be about the same thing on."""
        return days <= self.days if self.days else not days or bool(topics & self.topics)


def read_windows(reading: Reading) -> Iterator[Window]:
    """Yield the spans of time that a published text gives, on the days it gives them for."""
    days = {(slot.first.clause, slot.first.group): slot.days for slot in read_slots(reading)}
    for key, run in itertools.groupby(reading.of("time"), lambda m: (m.clause, m.group)):
        ends = tuple(run)
        times = [as_set(end) for end in ends]
        sentence = reading.clauses[ends[0].clause].sentence
        if len(ends) == 2:
            first, last = min(times[0]), max(times[1])
            yield Window(
                first, last + (DAY_MINUTES if last <= first else 0), days.get(key, _NO_DAYS), ends[0].wide, sentence
            )
        elif len(ends) == 1 and _ONLY_UNTIL.search(_before(ends[0], reading)):
            last = max(times[0])
            yield Window(last - _OPENING, last, days.get(key, _NO_DAYS), ends[0].wide | {"topics:opening"}, sentence)


def _before(mention: Mention, reading: Reading) -> str:
    clause = reading.clauses[mention.clause]
    return clause.plain[: max(0, mention.start - clause.start)]


def is_within(minutes: frozenset[int], clause: str, windows: Iterable[Window]) -> bool:
    """Say whether a time of a clause lies in one of `windows`, and is not said to begin or end anything."""
    if _BEGINS.search(clause) or minutes & _bounds(clause):
        return False
    return any(window.first < minute < window.last for window in windows if window.is_long for minute in minutes)


def is_between(minutes: frozenset[int], told: Iterable[Window], windows: Iterable[Window]) -> bool:
    """Say whether a time lies in a published span that its own sentence tells: "from 8 to 21, so 20:00 works"."""
    published = {(window.first, window.last) for window in windows}
    return any(
        window.first < minute < window.last and (window.first, window.last) in published
        for window in told
        for minute in minutes
    )


def _bounds(clause: str) -> frozenset[int]:
    """Return the times of which a clause says that something lasts until or from then, on either half of the day."""
    said = (int(match["hour"] or 12) * 60 + int(match["minute"] or 0) for match in _ENDS_AT.finditer(clause))
    return frozenset((time + half) % DAY_MINUTES for time in said for half in (0, DAY_MINUTES // 2))
