"""The law's quiet hours: `quiet_hours.toml` as openings of a local day. Dated, so that a change of law is data (P4)."""

import tomllib
from collections.abc import Sequence
from datetime import date, time
from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal

import holidays
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agent.schedule import Openings, Span, weekly
from agent.tenant.schema import expand_days
from agent.types import Channel, OpeningHours

Covers = Literal["proactive", "answer"]
"""What a rule binds: what we start ourselves, or what answers the person's own message."""
WHOLE_DAY: tuple[Span, ...] = ((time.min, None),)


def _week(texts: object) -> object:
    """Read `["mon-fri 09:00-21:00", …]` as openings."""
    return tuple(each for text in texts for each in _openings(str(text))) if isinstance(texts, list) else texts


def _openings(text: str) -> tuple[OpeningHours, ...]:
    days, _, hours = text.partition(" ")
    start, end = (time.fromisoformat(each) for each in hours.partition("-")[::2])
    if start >= end:
        raise ValueError(f"{text!r} runs backwards; split hours past midnight in two")
    return tuple(OpeningHours(weekday=day, start=start, end=end) for day in expand_days(days))


class QuietHours(BaseModel):
    """One rule of law, valid on the local days `valid_from`..`valid_to` (inclusive)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    places: tuple[str, ...] = Field(min_length=1)
    week: Annotated[tuple[OpeningHours, ...], BeforeValidator(_week)] = Field(alias="open", min_length=1)
    """When writing is allowed."""
    source: str
    confidence: Literal["high", "medium", "low"]
    covers: Covers = "proactive"
    channels: tuple[Channel, ...] = ("sms", "whatsapp")
    holidays: bool = False
    """Whether public holidays are closed."""
    max_per_day: int | None = Field(default=None, ge=1)
    valid_from: date = date.min
    valid_to: date = date.max


def read_rules(text: str) -> tuple[QuietHours, ...]:
    """Read rules from TOML.

    Raises:
        ValueError: it is no TOML, or an entry is wrong; says which and why.
    """
    return tuple(QuietHours.model_validate(entry) for entry in tomllib.loads(text)["rule"])


RULES = read_rules(resources.files("agent.guardrails").joinpath("quiet_hours.toml").read_text(encoding="utf-8"))


def rule_of(
    place: str, day: date, channel: Channel, covers: Covers, rules: Sequence[QuietHours] = RULES
) -> QuietHours | None:
    """Return the rule that binds a channel in a place on a local day: the one of the most exact place."""
    for name in (place, f"{place[:2]}-*" if "-" in place else "", "*"):
        for rule in rules:
            if name in rule.places and rule.covers == covers and rule.valid_from <= day <= rule.valid_to:
                return rule if channel in rule.channels else None
    return None


def lawful_openings(place: str, channel: Channel, covers: Covers, rules: Sequence[QuietHours] = RULES) -> Openings:
    """Return when the law of a place lets us write: at any hour on a channel that it does not bind."""

    def openings(day: date) -> Sequence[Span]:
        rule = rule_of(place, day, channel, covers, rules)
        if rule is None:
            return WHOLE_DAY
        if rule.holidays and day in holidays_of(place, day.year):
            return ()
        return weekly(rule.week)(day)

    return openings


@lru_cache(maxsize=1024)
def holidays_of(place: str, year: int) -> frozenset[date]:
    """Return the public holidays of a country, with those of the state; empty where the library knows none."""
    country, _, state = place.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=state or None, years=year))
    except NotImplementedError:
        return frozenset()
