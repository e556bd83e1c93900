"""A circuit breaker: a provider that fails is left alone for a while, then tried by a single call.

Our own, because no kept library fits asyncio with an injected clock: purgatory and aiobreaker read the system's clock
and let every caller through while half-open, circuitbreaker likewise, and pybreaker's asynchronous calls need tornado.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from agent.ports import Clock
from agent.types import ModelTier

CircuitState = Literal["closed", "open", "half_open", "capped"]
"""Calls pass · none passes · one passes, to see · none passes, because the provider's spending limit is reached."""
FAILURES_IN_A_ROW = 5
RECENT = 20
"""Calls that are looked back on: the circuit also opens when half of them failed."""
FIRST_HOLD_S, MAX_HOLD_S = 10.0, 120.0
CAPPED_HOLD_S = 900.0
"""A spending limit is raised by a person, so it is asked after rarely."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitHealth:
    """A circuit as operators see it, and as routing reads it."""

    provider: str
    model: str
    tiers: tuple[ModelTier, ...]
    state: CircuitState
    since: datetime
    last_error: str = ""
    next_probe_at: datetime | None = None
    """When a call may try it again; None: calls pass."""


class Circuit:
    """The state of one model at one provider. A permit is the number of the state it was given in."""

    def __init__(self, *, now: Clock, random: Random) -> None:
        self._now, self._random = now, random
        self.state: CircuitState = "closed"
        self.since = self.next_probe_at = now()
        self.last_error = ""
        self._permit = self._times_opened = 0
        self._recent: deque[bool] = deque(maxlen=RECENT)

    @property
    def wait_s(self) -> float:
        """Seconds until a call may pass, as far as is known."""
        return 0.0 if self.state == "closed" else max((self.next_probe_at - self._now()).total_seconds(), 0.0)

    @property
    def lets_through(self) -> bool:
        """Whether a call would pass now."""
        return self.state == "closed" or (self.state != "half_open" and self.wait_s == 0)

    def enter(self) -> int | None:
        """Let a call through: return its permit, or None. The first after a hold is the one that tries."""
        if not self.lets_through:
            return None
        if self.state != "closed":
            self._become("half_open")
        return self._permit

    def succeed(self, permit: int) -> None:
        """Note that a call was answered."""
        if permit != self._permit:
            return  # it began before the circuit changed, and says nothing about now
        self._recent.append(True)
        if self.state == "half_open":
            self._times_opened = 0
            self._recent.clear()
            self._become("closed")

    def fail(self, permit: int, error: str, *, hold_s: float = 0) -> None:
        """Note that a call failed. If that opens the circuit, it stays so `hold_s` at least."""
        self.last_error = error
        if permit != self._permit:
            return
        self._recent.append(False)
        if self.state == "half_open" or self._fails_too_often():
            usual_s = min(FIRST_HOLD_S * 2 ** min(self._times_opened, 10), MAX_HOLD_S)
            self._times_opened += 1
            # Scattered, so that the workers of an installation do not all try at once.
            self._become("open", hold_s=max(usual_s * self._random.uniform(0.75, 1.25), hold_s))

    def cap(self, error: str, *, hold_s: float = 0) -> None:
        """Note that the provider's spending limit is reached, whichever call learned it."""
        self.last_error = error
        self._become("capped", hold_s=max(CAPPED_HOLD_S, hold_s))

    def leave(self, permit: int, error: str = "") -> None:
        """Note that a call ended without telling whether calls can be answered: the next one may try."""
        self.last_error = error or self.last_error
        if permit == self._permit and self.state == "half_open":
            self._become("open")

    def _fails_too_often(self) -> bool:
        recent = list(self._recent)
        in_a_row = len(recent) >= FAILURES_IN_A_ROW and not any(recent[-FAILURES_IN_A_ROW:])
        return in_a_row or (len(recent) == RECENT and recent.count(False) * 2 >= RECENT)

    def _become(self, state: CircuitState, *, hold_s: float = 0) -> None:
        now = self._now()
        self.state, self.since, self.next_probe_at = state, now, now + timedelta(seconds=hold_s)
        self._permit += 1
