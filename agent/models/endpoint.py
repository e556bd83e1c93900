"""One model at one provider: its circuit, its pace, and what each of its answers and failures teaches about both."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from statistics import quantiles
from typing import TypeVar

import structlog
from pydantic import BaseModel

from agent.models.anthropic import ClaudeApi, Reply
from agent.models.capabilities import get_capabilities
from agent.models.circuit import Circuit, CircuitHealth
from agent.models.failures import CallFailed
from agent.models.pace import Need, Pace
from agent.models.request import Request
from agent.models.retrying import Sleep
from agent.ports import Clock
from agent.types import ModelCall, ModelTier

CHARS_PER_TOKEN = 3
EXPECTED_SHARE = 4
"""An answer is expected to take this fraction of what it may."""
FAIR_S = 5.0
"""Silence is held against a provider only if it had this long: a caller in a hurry proves nothing."""
UNTOLD_HOLD_S = 1.0
"""How long we stop at a rate limit whose end the provider does not tell."""
PROBE_TIMEOUT_S = 10.0
PROVEN = timedelta(seconds=30)
"""How long an answer shows that the next call will be answered too."""
REMEMBERED, ENOUGH = 100, 20
"""Latencies that are kept, and how many it takes to know what is slow."""

T = TypeVar("T", bound=BaseModel)

_log = structlog.stdlib.get_logger(__name__)


class Endpoint:
    """One model at one provider, as far as this process knows it."""

    def __init__(
        self, api: ClaudeApi, model: str, tiers: tuple[ModelTier, ...], *, now: Clock, sleep: Sleep, random: Random
    ) -> None:
        self.api, self.model, self.tiers = api, model, tiers
        self.circuit = Circuit(now=now, random=random)
        self.pace = Pace(now=now, sleep=sleep)
        self._now = now
        self._answered_at: datetime | None = None
        self._latencies_ms: deque[int] = deque(maxlen=REMEMBERED)

    @property
    def wait_s(self) -> float:
        """Seconds until it can be asked, as far as is known."""
        return max(self.circuit.wait_s, self.pace.wait_s())

    @property
    def has_just_answered(self) -> bool:
        """Whether calls pass, and one was answered a moment ago."""
        last = self._answered_at
        return self.circuit.state == "closed" and last is not None and self._now() - last < PROVEN

    @property
    def slow_after_s(self) -> float | None:
        """What nineteen of twenty answers were faster than; None: too few are known."""
        return quantiles(self._latencies_ms, n=20)[-1] / 1000 if len(self._latencies_ms) >= ENOUGH else None

    async def ask(
        self,
        request: Request[T],
        *,
        deadline: float,
        patience_s: float,
        admit: Callable[[], bool],
        record: Callable[[ModelCall], None],
    ) -> Reply[T]:
        """Make one request: `patience_s` seconds at most until it may go, an answer by `deadline` (loop time).

        `admit` has the last word before it goes.

        Raises:
            CallFailed: no answer, or no request was made (`held_back`).
        """
        loop = asyncio.get_running_loop()
        need, headers = _need(request, self.model), None
        entry = await self.pace.enter(request.tenant_id, need, within_s=min(patience_s, deadline - loop.time()))
        if entry is None:
            raise self._held_back("its rate limit leaves no room in time")
        try:
            reply = await self._ask_now(request, deadline - loop.time(), admit, record)
            headers = reply.headers
        except CallFailed as exc:
            headers = exc.headers
            raise
        finally:
            self.pace.leave(entry, headers)
        return reply

    async def _ask_now(
        self, request: Request[T], timeout_s: float, admit: Callable[[], bool], record: Callable[[ModelCall], None]
    ) -> Reply[T]:
        """Make the request if the circuit and `admit` let it through, and learn from what comes of it."""
        permit = self.circuit.enter()
        if permit is None:
            raise self._held_back(f"it is left alone for a while ({self.circuit.last_error})")
        if timeout_s <= 0 or not admit():
            self.circuit.leave(permit)
            raise self._held_back("too many requests were made again in the last minute, or time is up")
        try:
            reply = await self.api.ask(request, model=self.model, timeout_s=timeout_s, record=record)
        except CallFailed as exc:
            self._learn(permit, exc, timeout_s)
            raise
        except BaseException:
            self.circuit.leave(permit)
            raise
        self._succeeded(permit)
        self._latencies_ms.append(reply.call.latency_ms)
        return reply

    async def ping(self) -> bool:
        """Return whether it answers a request of a single token; the circuit keeps what came of it.

        False without a request while it is left alone.
        """
        permit = self.circuit.enter() if self.wait_s == 0 else None
        if permit is None:
            return False
        try:
            await self.api.ping(self.model, timeout_s=PROBE_TIMEOUT_S)
        except CallFailed as exc:
            self._learn(permit, exc, PROBE_TIMEOUT_S)
            return False
        except BaseException:
            self.circuit.leave(permit)
            raise
        self._succeeded(permit)
        return True

    def health(self) -> CircuitHealth:
        """Return the state of the circuit."""
        circuit = self.circuit
        return CircuitHealth(
            provider=self.api.name,
            model=self.model,
            tiers=self.tiers,
            state=circuit.state,
            since=circuit.since,
            last_error=circuit.last_error,
            next_probe_at=None if circuit.state == "closed" else circuit.next_probe_at,
        )

    def _succeeded(self, permit: int) -> None:
        before, self._answered_at = self.circuit.state, self._now()
        self.circuit.succeed(permit)
        if before != self.circuit.state:
            _log.info("model_circuit_closed", provider=self.api.name, model=self.model)

    def _learn(self, permit: int, failure: CallFailed, timeout_s: float) -> None:
        """Draw the conclusions of a failure."""
        before, asked_s = self.circuit.state, failure.retry_after_s or 0.0
        in_a_hurry = failure.error == "timeout" and timeout_s < min(FAIR_S, self.api.stall_s)
        match failure.kind:
            case "limited":  # it is well, and has said when to come back
                self.pace.hold(failure.retry_after_s if failure.retry_after_s is not None else UNTOLD_HOLD_S)
                self.circuit.leave(permit, failure.error)
            case "capped":
                self.circuit.cap(failure.error, hold_s=asked_s)
            case "defect":  # it would refuse this request for ever, and take the next
                self.circuit.succeed(permit)
            case "held_back":
                self.circuit.leave(permit)
            case _ if in_a_hurry:
                self.circuit.leave(permit, failure.error)
            case _:
                self.circuit.fail(permit, failure.error, hold_s=asked_s)
        if self.circuit.state == "open" != before:
            _log.warning("model_circuit_open", provider=self.api.name, model=self.model, error=failure.error)

    def _held_back(self, why: str) -> CallFailed:
        return CallFailed(f"Claude ({self.model} at {self.api.name}) was not asked: {why}.", kind="held_back")


def _need(request: Request[T], model: str) -> Need:
    """Estimate what a request draws on the limits; the response's headers put it right."""
    room = request.max_tokens + get_capabilities(model).thinking_room
    prompt = len(request.system) + len(request.published) + len(request.user)
    return 1, prompt // CHARS_PER_TOKEN, room // EXPECTED_SHARE
