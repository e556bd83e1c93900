"""Finds how long a way takes, on foot or by car, told otherwise than it is published."""

import re
from collections.abc import Iterator
from functools import lru_cache

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import Reading
from agent.guardrails.grounding_statements import Clause

_ON_FOOT = r"(?:caminando|a pie|andando|caminhando|caminata|caminhada|a pe|walk(?:ing|s)?|on foot|stroll)"
_BY_CAR = (
    r"(?:(?:en|de|em|by|in a) (?:coche|carro|auto|car|taxi|uber)"
    r"|driv(?:e|ing)|manejando|conduciendo|conduzindo|dirigindo)"
)
_LENGTH = r"(?<![\d.,:])(?P<n{0}>\d{{1,3}}(?:\.5)?)[ -](?P<u{0}>min(?:uto|ute)?s?|h(?:ora|our)?s?)\b"
_TOLD = compiled_on_use(
    rf"{_LENGTH.format(1)}'?(?: [a-z]+){{0,2}}? (?:(?P<foot1>{_ON_FOOT})|(?P<car1>{_BY_CAR}))\b"
    rf"|\b(?:(?P<foot2>{_ON_FOOT})|(?P<car2>{_BY_CAR}))(?: (?:de|of|for|por|unos|uns|about))+ {_LENGTH.format(2)}"
)
_ONE_MINUTE = re.compile(r"\b(?:un|um|uma|a|one)[ -](minuto|minute)\b")
_MAY_TELL = re.compile(r"minut|\d ?-?(?:min|h)")
"""Without it no time is told that a way could take."""
_NEARLY = 0.15
"""People round how long a way takes; by a minute in any case."""

Ways = frozenset[tuple[str, float]]
"""Ways of going with the minutes they take."""


def wrong_ways(reading: Reading, facts: Facts) -> Iterator[Clause]:
    """Yield the clauses that give a time on foot, or by car, unlike all that are published for going so."""
    for clause in reading.clauses:
        if not clause.is_claim or clause.is_denied or not _MAY_TELL.search(clause.plain):
            continue
        told = _ways(_ONE_MINUTE.sub(r"1 \1", clause.plain))
        for manner, minutes in told:
            published = [length for other, length in _published(facts.text) if other == manner]
            if published and not any(abs(minutes - length) <= max(1, _NEARLY * length) for length in published):
                yield clause


@lru_cache(maxsize=64)
def _published(text: str) -> Ways:
    return frozenset(_ways(text))


def _ways(text: str) -> Iterator[tuple[str, float]]:
    for match in _TOLD.finditer(text):
        number, unit = match["n1"] or match["n2"], match["u1"] or match["u2"]
        yield ("foot" if match["foot1"] or match["foot2"] else "car"), float(number) * (60 if unit[0] == "h" else 1)
