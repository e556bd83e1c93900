"""Where a recipient may be: the places whose law binds us, and the zones whose clocks count (P4).

Law counts the recipient's local time, and a number does not say where its holder is. So we keep every place and
zone that is possible and write only when all of them allow it. What the person states narrows the zones.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel.core import get_global
from phonenumbers.timezone import time_zones_for_number

from agent.addresses import normalise_phone
from agent.types import Conversation, Tenant

UNKNOWN_ZONE = "Etc/Unknown"
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whereabouts:
    """Where somebody may be. Never empty."""

    places: tuple[str, ...]
    """ISO 3166: a country (`ES`) or a state of the United States (`US-FL`). `US` alone: the state is unknown."""
    zones: tuple[ZoneInfo, ...]


def locate(conversation: Conversation, tenant: Tenant, at: datetime) -> Whereabouts:
    """Return where the recipient may be at an instant.

    The zone is the stated one, else those of the number, else the tenant's. The place is the number's, else the
    tenant's country. Who states a zone in which the number's clocks do not run is under the law of both countries,
    and in the United States in no known state.
    """
    address = "" if conversation.channel == "email" else conversation.contact_address
    place, zones = _of_address(address)
    place, zones = place or tenant.country, zones or (ZoneInfo(tenant.timezone),)
    stated = _zone(conversation.contact.timezone or "")
    if stated is None:
        return Whereabouts(places=(place,), zones=zones)
    if _offset(stated, at) in {_offset(zone, at) for zone in zones}:
        return Whereabouts(places=(place,), zones=(stated,))
    elsewhere = _territories().get(stated.key, place[:2])
    return Whereabouts(places=tuple(dict.fromkeys((place[:2], elsewhere))), zones=(stated,))


@lru_cache(maxsize=4096)
def _of_address(address: str) -> tuple[str, tuple[ZoneInfo, ...]]:
    """Return the place and zones of a number or a WhatsApp user id; empty: not known."""
    try:
        number = phonenumbers.parse(normalise_phone(address))
    except phonenumbers.NumberParseException:
        country = address[:2] if address[2:3] == "." and address[:2] in COUNTRIES else ""
        return country, _zones_of_country(country)  # `BR.1502576394655843` names its country and no more
    country = _country(number)
    zones = tuple(zone for name in time_zones_for_number(number) if (zone := _zone(name)))
    inside = tuple(zone for zone in zones if _territories().get(zone.key) == country)
    if country != "US":
        return country, inside or zones
    code = (number.national_number or 0) // 10_000_000
    state = _states().get(code)
    split = tuple(zone for name in _split_zones().get(code, ()) if (zone := _zone(name)))
    return (f"US-{state}" if state else "US"), split or inside or zones


def _country(number: phonenumbers.PhoneNumber) -> str:
    """Return the country of a number; for one that is not in use, the country its code belongs to."""
    country = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )
    return country if country in COUNTRIES else ""


def _offset(zone: ZoneInfo, at: datetime) -> object:
    return at.astimezone(zone).utcoffset()


def _zone(name: str) -> ZoneInfo | None:
    """Return a zone that exists here."""
    try:
        return ZoneInfo(name) if name and name != UNKNOWN_ZONE else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def _territories() -> dict[str, str]:
    """Return the country of every zone, from CLDR."""
    return {str(zone): str(country) for zone, country in get_global("zone_territories").items()}


@lru_cache(maxsize=256)
def _zones_of_country(country: str) -> tuple[ZoneInfo, ...]:
    names = (name for name, territory in sorted(_territories().items()) if country and territory == country)
    return tuple(zone for name in names if (zone := _zone(name)))


@lru_cache(maxsize=1)
def _area_codes() -> dict[str, dict[str, list[int]]]:
    text = resources.files("agent").joinpath("us_area_codes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def _states() -> dict[int, str]:
    return {code: state for state, codes in _area_codes()["states"].items() for code in codes}


@lru_cache(maxsize=1)
def _split_zones() -> dict[int, tuple[str, ...]]:
    return {code: tuple(names.split()) for names, codes in _area_codes()["split"].items() for code in codes}
