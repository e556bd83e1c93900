"""When a request is made again: how long to wait, how often at most, and how many in a minute (promise P8).

The budget keeps an outage from multiplying the bill and the load on a provider that is already down: a request beyond
the first of a call, wherever it goes, counts as a retry, and retries are at most a tenth of the calls of the last
minute, in the process and in each tenant. A tenth alone would forbid a quiet process any retry at all, so a few are
always free: in a tenant as many as it takes failures to open a circuit, so that one business alone at night gets all
its answers from the next provider until the failing one is left alone; in the process twice that, so that one tenant
cannot use up what the others may need.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from agent.models.circuit import FAILURES_IN_A_ROW
from agent.models.failures import CallFailed
from agent.ports import Clock
from agent.types import TenantId

MINUTE = timedelta(minutes=1)
CALLS_PER_RETRY = 10
FREE_IN_PROCESS, FREE_IN_TENANT = 2 * FAILURES_IN_A_ROW, FAILURES_IN_A_ROW
"""Retries a minute that need no calls to pay for them."""
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 8.0

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class _Minute:
    """Calls and retries of the last minute."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._calls: deque[datetime] = deque()
        self._retries: deque[datetime] = deque()

    def forget(self, now: datetime) -> bool:
        """Drop what is older; return whether nothing is left."""
        for times in (self._calls, self._retries):
            while times and times[0] <= now - MINUTE:
                times.popleft()
        return not self._calls and not self._retries

    def call(self, now: datetime) -> None:
        self._calls.append(now)

    def retry(self, now: datetime) -> None:
        self._retries.append(now)

    def allows(self, now: datetime) -> bool:
        self.forget(now)
        return len(self._retries) < max(self._free, len(self._calls) // CALLS_PER_RETRY)


class RetryBudget:
    """How many retries there may be, in this process and in each tenant."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._process = _Minute(FREE_IN_PROCESS)
        self._tenants: dict[TenantId | None, _Minute] = {}
        self._tidied = now()

    def count_call(self, tenant_id: TenantId | None) -> None:
        """Note a call, whatever requests it will take."""
        now = self._now()
        self._tidy(now)
        for minute in self._minutes(tenant_id):
            minute.forget(now)
            minute.call(now)

    def allows(self, tenant_id: TenantId | None) -> bool:
        """Whether a retry may be made now."""
        now = self._now()
        return all(minute.allows(now) for minute in self._minutes(tenant_id))

    def take(self, tenant_id: TenantId | None) -> bool:
        """Spend a retry, if one is left."""
        if not self.allows(tenant_id):
            return False
        for minute in self._minutes(tenant_id):
            minute.retry(self._now())
        return True

    def _minutes(self, tenant_id: TenantId | None) -> tuple[_Minute, _Minute]:
        return self._process, self._tenants.setdefault(tenant_id, _Minute(FREE_IN_TENANT))

    def _tidy(self, now: datetime) -> None:
        """Forget tenants that have been quiet for a minute."""
        if now - self._tidied >= MINUTE:
            self._tidied = now
            self._tenants = {tenant: minute for tenant, minute in self._tenants.items() if not minute.forget(now)}


async def ask_again(
    ask: Callable[[], Awaitable[T]],
    *,
    tries: int,
    may_wait: Callable[[float], bool],
    sleep: Sleep,
    random: Random,
) -> T:
    """Ask up to `tries` times while the failure is one that may pass and `may_wait` agrees to the seconds before.

    Raises:
        CallFailed: the last failure.
    """

    def wait_s(state: RetryCallState) -> float:
        asked_s = _failure(state).retry_after_s
        usual_s = min(FIRST_WAIT_S * 2 ** (state.attempt_number - 1), MAX_WAIT_S)
        # Scattered, so that those who failed together do not come back together; never sooner than asked.
        return float(usual_s * random.uniform(0.5, 1.5)) if asked_s is None else asked_s * random.uniform(1, 1.1)

    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda exc: isinstance(exc, CallFailed) and exc.again),
        wait=wait_s,
        stop=lambda state: state.attempt_number >= tries or not may_wait(state.upcoming_sleep),
        sleep=sleep,
        reraise=True,
    )
    return await retrying(ask)


def _failure(state: RetryCallState) -> CallFailed:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, CallFailed):
        raise TypeError("only a failed call is asked again")
    return failure


async def first_answer(
    ask: Callable[[], Coroutine[Any, Any, T]], backup: Callable[[], Coroutine[Any, Any, T]], *, after_s: float
) -> T:
    """Ask, and ask `backup` too if there is no answer after `after_s` seconds; return the first answer.

    The slower one is cancelled. If the first fails before that, or both fail, its failure is raised.
    """
    asked = asyncio.create_task(ask())
    tasks = {asked}
    try:
        await asyncio.wait(tasks, timeout=after_s)
        if not asked.done():
            tasks.add(asyncio.create_task(backup()))
        running = set(tasks)
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() is None:
                    return task.result()
        return asked.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
