"""How fast we ask: token buckets, kept by the provider's own rate-limit headers, that slow us before it refuses.

Whoever must wait does so in their tenant's line, and the lines are served in turn, so one tenant's burst delays
another's call by one request at most. Before a provider has said what its limits are, nobody waits.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.models.retrying import Sleep
from agent.ports import Clock
from agent.types import TenantId

KINDS = ("requests", "input-tokens", "output-tokens")
"""What providers limit per minute, as the headers `anthropic-ratelimit-KIND-{limit,remaining}` call it."""
RESERVE = 0.05
"""Share of a limit that is left alone: other workers draw on it too, and the headers tell us only afterwards."""
MAX_DIGITS = 12
SHORTEST_WAIT_S, LOOK_AGAIN_S = 0.001, 1.0
"""A line's head looks this often whether things got better than expected."""

Need = tuple[int, int, int]
"""What a call draws from each bucket, estimated."""


@dataclass(slots=True)
class _Bucket:
    """One limit: refilled evenly over the minute."""

    limit: int
    level: float
    at: datetime

    def wait_s(self, need: int, now: datetime) -> float:
        """Seconds until `need` can be taken; a need beyond what it ever holds counts as all of that."""
        level = min(self.level + self.limit / 60 * (now - self.at).total_seconds(), self.limit)
        wanted = min(need, self.limit * (1 - RESERVE)) + self.limit * RESERVE
        return max((wanted - level) * 60 / self.limit, 0.0)

    def take(self, need: int, now: datetime) -> None:
        level = min(self.level + self.limit / 60 * (now - self.at).total_seconds(), self.limit)
        self.level, self.at = level - need, now


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """A call that may go. `drawn`: what all calls so far have drawn, this one included."""

    need: Need
    at: datetime
    drawn: Need


@dataclass(eq=False, slots=True)
class _Waiting:
    need: Need
    turn: asyncio.Future[Entry]


class Pace:
    """The pace at which one model of one provider is asked."""

    def __init__(self, *, now: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._now, self._sleep = now, sleep
        self._buckets: dict[str, _Bucket] = {}
        self._under_way: list[Entry] = []
        self._drawn: Need = (0, 0, 0)
        self._held_until = now()
        self._lines: dict[TenantId | None, deque[_Waiting]] = {}
        self._usher: asyncio.Task[None] | None = None

    def wait_s(self, need: Need = (1, 0, 0)) -> float:
        """Seconds until a call could go, were nobody waiting."""
        now = self._now()
        waits = [
            self._buckets[kind].wait_s(each, now)
            for kind, each in zip(KINDS, need, strict=True)
            if each and kind in self._buckets
        ]
        return max(*waits, (self._held_until - now).total_seconds(), 0.0, 0.0)

    async def enter(self, tenant_id: TenantId | None, need: Need, *, within_s: float) -> Entry | None:
        """Wait for this call's turn, `within_s` seconds at most; None: it does not come in time.

        Whoever entered must `leave`.
        """
        if not self._lines and self.wait_s(need) == 0:
            return self._take(need)
        if self.wait_s(need) > within_s:
            return None
        waiting = _Waiting(need, asyncio.get_running_loop().create_future())
        self._lines.setdefault(tenant_id, deque()).append(waiting)
        if self._usher is None or self._usher.done():
            self._usher = asyncio.create_task(self._serve())
        try:
            return await asyncio.wait_for(asyncio.shield(waiting.turn), within_s)
        except BaseException as exc:
            self._give_up(tenant_id, waiting)
            if isinstance(exc, TimeoutError):
                return None
            raise

    def leave(self, entry: Entry, headers: Mapping[str, str] | None = None) -> None:
        """Note that a call ended, and what the response said about the limits.

        That is as old as the call, for answers end in any order: what went later, or went before and is still under
        way, may not be counted in it.
        """
        before = self._under_way[: self._under_way.index(entry)]
        self._under_way.remove(entry)
        for place, kind in enumerate(KINDS):
            limit, remaining = (
                _count(headers or {}, f"anthropic-ratelimit-{kind}-{word}") for word in ("limit", "remaining")
            )
            if limit and remaining is not None:
                later = self._drawn[place] - entry.drawn[place]
                uncounted = later + sum(each.need[place] for each in before)
                self._buckets[kind] = _Bucket(limit, min(remaining, limit) - uncounted, entry.at)

    def hold(self, seconds: float) -> None:
        """Let nobody go for so long: the provider has asked for it."""
        self._held_until = max(self._held_until, self._now() + timedelta(seconds=seconds))

    async def aclose(self) -> None:
        """Stop serving the lines."""
        if self._usher is not None:
            self._usher.cancel()
            with suppress(asyncio.CancelledError):
                await self._usher

    async def _serve(self) -> None:
        """Let the lines' heads go in turn, each when there is enough for it; ends with the last."""
        while self._lines:
            tenant_id, line = next(iter(self._lines.items()))
            if (wait_s := self.wait_s(line[0].need)) > 0:
                await self._sleep(min(max(wait_s, SHORTEST_WAIT_S), LOOK_AGAIN_S))
                continue
            waiting = line.popleft()
            del self._lines[tenant_id]
            if line:
                self._lines[tenant_id] = line  # to the end: every other tenant is served before its next
            waiting.turn.set_result(self._take(waiting.need))

    def _take(self, need: Need) -> Entry:
        now = self._now()
        requests, read, written = self._drawn
        self._drawn = (requests + need[0], read + need[1], written + need[2])
        self._under_way.append(entry := Entry(need, now, self._drawn))
        for kind, each in zip(KINDS, need, strict=True):
            if kind in self._buckets:
                self._buckets[kind].take(each, now)
        return entry

    def _give_up(self, tenant_id: TenantId | None, waiting: _Waiting) -> None:
        """Leave the line; or, if the turn came just then, hand it back."""
        if waiting.turn.done():
            self.leave(waiting.turn.result())
            return
        line = self._lines[tenant_id]
        line.remove(waiting)
        if not line:
            del self._lines[tenant_id]


def _count(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header's number; None if it is absent or none."""
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= MAX_DIGITS else None
