"""Countries and cities by their names in Spanish, Portuguese and English, from CLDR, with their time zones."""

import re
from collections.abc import Iterator

from babel import Locale
from babel.core import get_global

from agent.folding import fold

LANGUAGES = ("es", "pt", "en")
_WORDS = re.compile(r"[a-z0-9]+")
_OTHER_MEANINGS = frozenset(
    {"nome", "reunion", "center", "easter", "man", "chad", "mali", "niue", "turkey", "georgia", "jersey"}
)
"""Names that are mostly another word, or another place."""
_MOST_WORDS = 4


def place_names() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each place with one of its names, as folded words: a country by its code, a city by its time zone."""
    for language in LANGUAGES:
        locale = Locale(language)
        for code, name in locale.territories.items():
            if code.isalpha() and len(code) == 2:
                yield from _named(code, name)
        for zone, names in locale.time_zones.items():
            yield from _named(zone, names.get("city", ""))
    for zone in _zones():
        yield from _named(zone, zone.rpartition("/")[2].replace("_", " "))


def place_zones() -> dict[str, str]:
    """Return the time zone of each city, and of each country that has but one."""
    zones = {zone: zone for zone in _zones()}
    return zones | {code: only[0] for code, only in get_global("territory_zones").items() if len(only) == 1}


def _zones() -> list[str]:
    return [zone for zones in get_global("territory_zones").values() for zone in zones if "/" in zone]


def _named(place: str, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    words = tuple(_WORDS.findall(fold(name)))
    if words and len(words) <= _MOST_WORDS and words[0] not in _OTHER_MEANINGS and len(words[0]) > 2:
        yield place, words
