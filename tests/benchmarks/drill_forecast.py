"""What the providers are like in the course of the fault drill."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.doubles.claude_traffic import (
    BROKEN_JSON,
    DISCONNECT,
    EARLY_END,
    HANG,
    HTML,
    OVERLOADED,
    OVERLOADED_IN_STREAM,
    SERVER_ERROR,
    STALL,
    Step,
)

Shares = Sequence[tuple[float, Step]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """What the providers are like until a minute of the drill: the share of requests that fail, each in its way."""

    until_min: float
    name: str
    first: Shares = ()
    second: Shares = ()


ODD: Shares = ((0.004, OVERLOADED), (0.002, SERVER_ERROR), (0.002, DISCONNECT))
"""An ordinary day."""
DOWN: Shares = ((0.5, OVERLOADED), (0.25, SERVER_ERROR), (0.15, Step(status=503)), (0.1, HANG))
FORECAST = (
    Weather(until_min=4, name="calm", first=ODD, second=ODD),
    Weather(
        until_min=8,
        name="529s and 5xx",
        first=((0.25, OVERLOADED), (0.1, SERVER_ERROR), (0.05, Step(status=502)), (0.05, OVERLOADED_IN_STREAM)),
        second=((0.05, OVERLOADED),),
    ),
    Weather(
        until_min=12,
        name="stalls",
        first=((0.15, STALL), (0.05, HANG), (0.05, HTML), (0.05, BROKEN_JSON), (0.05, EARLY_END), (0.05, DISCONNECT)),
        second=((0.04, STALL), (0.02, DISCONNECT)),
    ),
    Weather(until_min=22, name="total outage", first=DOWN, second=DOWN),
    Weather(
        until_min=25, name="recovery", first=((0.1, OVERLOADED), (0.05, SERVER_ERROR)), second=((0.05, OVERLOADED),)
    ),
    Weather(until_min=30, name="calm", first=ODD, second=ODD),
)
