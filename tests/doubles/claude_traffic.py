"""How the double for Claude behaves under traffic: how long it takes, what fails, how much it allows a minute."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.doubles.claude_rules import HAIKU, OPUS, SONNET

FIRST_TOKEN_S = {HAIKU: 0.45, SONNET: 0.9, OPUS: 1.6}
"""Median until the first token."""
TOKENS_PER_S = {HAIKU: 170, SONNET: 85, OPUS: 55}
SPREAD = 0.35
SLOW_SHARE, SLOW_FACTOR = 0.01, 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happens to one request; the default is an ordinary answer."""

    status: int = 200
    error_type: str = "api_error"
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    """Fields to put over the ordinary answer's."""
    text: str | None = None
    """The text of the answer, verbatim, whatever was asked for."""
    stop_reason: str = "end_turn"
    body: str | bytes | None = None
    """The whole response body, verbatim; bytes, if they are no UTF-8."""
    content_type: str = "application/json"
    delay_s: float = 0
    hang: bool = False
    """Answer never."""
    pings: bool = False
    """In a stream: begin, then send pings for ever."""
    stall: bool = False
    """Fall silent for ever in the middle of the answer."""
    disconnect: bool = False
    """Break the connection in the middle of the answer."""
    early_end: bool = False
    """End in good order in the middle of the answer."""
    stream_error: str | None = None
    """In a stream: this error's type as an event in the middle of the answer."""


ORDINARY = Step()
OVERLOADED = Step(status=529, error_type="overloaded_error")
SERVER_ERROR = Step(status=500)
REFUSAL = Step(text="", stop_reason="refusal")
CUT_OFF = Step(text='{"language": "es", "te', stop_reason="max_tokens")
HTML = Step(body="<html>502 Bad Gateway</html>", content_type="text/html")
BROKEN_JSON = Step(body='{"id": "msg_1", "content": [')
HANG = Step(hang=True)
PINGS = Step(pings=True)
STALL = Step(stall=True)
DISCONNECT = Step(disconnect=True)
EARLY_END = Step(early_end=True)
OVERLOADED_IN_STREAM = Step(stream_error="overloaded_error")
BILLING = Step(status=402, error_type="billing_error")


def rate_limited(retry_after: str | None = "7", error_code: str | None = None) -> Step:
    """Return a 429, of a spending cap if `error_code` says so."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Step(status=429, error_type="rate_limit_error", error_code=error_code, headers=headers)


SPEND_CAP = rate_limited(None, "enforced_spend_limit_reached")


class Latency:
    """Seconds until the first token, and for each: log-normal, with a tail of slow answers. The same for a seed."""

    def __init__(self, seed: int, *, scale: float = 1.0) -> None:
        self._random = Random(seed)
        self._scale = scale

    def draw(self, model: str) -> tuple[float, float]:
        """Return the seconds until the first token and those for each token."""
        slow = SLOW_FACTOR if self._random.random() < SLOW_SHARE else 1.0
        luck = self._random.lognormvariate(0, SPREAD) * slow * self._scale
        return FIRST_TOKEN_S[model] * luck, luck / TOKENS_PER_S[model]


class Mix:
    """A share of requests that fail, in each way its own; the same sequence for a seed."""

    def __init__(self, seed: int, shares: Sequence[tuple[float, Step]]) -> None:
        self._random = Random(seed)
        self._shares = shares

    def draw(self) -> Step:
        """Return what happens to the next request."""
        at = self._random.random()
        for share, step in self._shares:
            at -= share
            if at < 0:
                return step
        return ORDINARY


class RateLimits:
    """What an account may do in a minute: buckets that fill evenly, as the vendor's do, and headers that tell."""

    def __init__(
        self,
        *,
        requests: int = 50,
        input_tokens: int = 50_000,
        output_tokens: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._limits = {"requests": requests, "input-tokens": input_tokens, "output-tokens": output_tokens}
        self._levels = {kind: float(limit) for kind, limit in self._limits.items()}
        self._at = clock()

    def take(self, *, input_tokens: int, output_tokens: int) -> Step | None:
        """Count a request; or return the refusal it gets, which says when to come back."""
        self._fill()
        wanted = {"requests": 1, "input-tokens": input_tokens, "output-tokens": output_tokens}
        waits = [(wanted[kind] - self._levels[kind]) * 60 / limit for kind, limit in self._limits.items()]
        if max(waits) > 0:
            seconds = str(math.ceil(max(waits)))
            return Step(status=429, error_type="rate_limit_error", headers={"retry-after": seconds, **self.headers()})
        for kind, amount in wanted.items():
            self._levels[kind] -= amount
        return None

    def headers(self) -> dict[str, str]:
        """Return what every response says about the limits."""
        self._fill()
        headers: dict[str, str] = {}
        for kind, limit in self._limits.items():
            full = datetime.now(UTC) + timedelta(seconds=(limit - self._levels[kind]) * 60 / limit)
            headers |= {
                f"anthropic-ratelimit-{kind}-limit": str(limit),
                f"anthropic-ratelimit-{kind}-remaining": str(int(self._levels[kind])),
                f"anthropic-ratelimit-{kind}-reset": full.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        return headers

    def _fill(self) -> None:
        now = self._clock()
        for kind, limit in self._limits.items():
            self._levels[kind] = min(self._levels[kind] + limit * (now - self._at) / 60, limit)
        self._at = now
