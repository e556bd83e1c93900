"""Who plays a prospect: a script, or a model with a goal, a persona and some patience."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.simulation.scenarios import Scenario
from agent.types import ModelCall, Tenant


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Something said in a rehearsal."""

    who: Literal["prospect", "us"]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NextLine:
    """What a played prospect does next."""

    text: str
    """Empty: nothing more."""
    is_done: bool
    """Whether they have what they wanted, or give up."""
    calls: tuple[ModelCall, ...] = ()


class Prospect(Protocol):
    """Plays prospects."""

    async def next_line(self, scenario: Scenario, said: Sequence[Line], tenant: Tenant) -> NextLine:
        """Return what the prospect writes next.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...
