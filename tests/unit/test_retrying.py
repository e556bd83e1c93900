"""Asking again: the budget of retries, the waits, and the first of two answers."""

import asyncio
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.failures import CallFailed
from agent.models.retrying import (
    CALLS_PER_RETRY,
    FREE_IN_PROCESS,
    FREE_IN_TENANT,
    RetryBudget,
    ask_again,
    first_answer,
)
from agent.types import TenantId
from tests.conftest import FakeClock
from tests.factories import NOW

TENANTS = [TenantId(UUID(int=number)) for number in range(6)]
ONE, OTHER = TENANTS[:2]


def taken(budget: RetryBudget, tenant: TenantId, tries: int = 1000) -> int:
    """Return how many retries a tenant gets."""
    return sum(budget.take(tenant) for _ in range(tries))


def test_quiet_tenant_has_a_few_retries_and_no_more() -> None:
    budget = RetryBudget(now=FakeClock(NOW))
    budget.count_call(ONE)
    assert taken(budget, ONE) == FREE_IN_TENANT


def test_tenants_together_stay_within_the_budget_of_the_process() -> None:
    budget = RetryBudget(now=FakeClock(NOW))
    assert sum(taken(budget, tenant) for tenant in TENANTS) == FREE_IN_PROCESS


def test_busy_tenant_may_retry_a_tenth_of_its_calls_and_leaves_the_others_theirs() -> None:
    budget = RetryBudget(now=FakeClock(NOW))
    for _ in range(400):
        budget.count_call(ONE)
    for _ in range(100):
        budget.count_call(OTHER)
    assert taken(budget, ONE) == 40
    assert taken(budget, OTHER) == 10


def test_retries_and_calls_are_forgotten_after_a_minute() -> None:
    clock = FakeClock(NOW)
    budget = RetryBudget(now=clock)
    assert taken(budget, ONE) == FREE_IN_TENANT
    clock.advance(59.9)
    assert not budget.allows(ONE)
    clock.advance(0.1)
    assert taken(budget, ONE) == FREE_IN_TENANT


def test_tenants_that_have_gone_quiet_take_no_memory() -> None:
    clock = FakeClock(NOW)
    budget = RetryBudget(now=clock)
    for number in range(1000):
        budget.count_call(TenantId(UUID(int=number)))
    clock.advance(61)
    budget.count_call(ONE)
    assert len(budget._tenants) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(TENANTS[:3]), st.booleans(), st.sampled_from((0.0, 0.1, 1.0, 25.0))), max_size=400
    )
)
def test_retries_never_exceed_a_tenth_of_the_calls_of_any_minute(events: list[tuple[TenantId, bool, float]]) -> None:
    clock = FakeClock(NOW)
    budget = RetryBudget(now=clock)
    calls: list[tuple[float, TenantId]] = []
    retries: list[tuple[float, TenantId]] = []
    at = 0.0
    for tenant, is_call, seconds in events:
        clock.advance(seconds)
        at = (clock() - NOW).total_seconds()
        if is_call:
            budget.count_call(tenant)
            calls.append((at, tenant))
        elif budget.take(tenant):
            retries.append((at, tenant))
        for scope, free in ((None, FREE_IN_PROCESS), (tenant, FREE_IN_TENANT)):
            made, asked = (
                sum(then > at - 60 and scope in (None, whose) for then, whose in each) for each in (retries, calls)
            )
            if retries and retries[-1][0] == at:
                assert made <= max(free, asked / CALLS_PER_RETRY)


# --- asking again ----------------------------------------------------------------------------------------------


class Asked:
    """Fails as told, then answers; keeps the waits."""

    def __init__(self, *failures: CallFailed) -> None:
        self.failures = list(failures)
        self.times = 0
        self.waits: list[float] = []

    async def ask(self) -> str:
        self.times += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self, *, tries: int = 3, longest_s: float = 60) -> str:
        return await ask_again(
            self.ask, tries=tries, may_wait=lambda seconds: seconds <= longest_s, sleep=self.sleep, random=Random(1)
        )


def unavailable(retry_after_s: float | None = None) -> CallFailed:
    return CallFailed("x", kind="unavailable", again=True, retry_after_s=retry_after_s)


async def test_failure_that_may_pass_is_asked_again_after_growing_scattered_waits() -> None:
    asked = Asked(*(unavailable() for _ in range(7)))
    assert await asked.run(tries=8) == "answer"
    for place, wait in enumerate(asked.waits):
        usual = min(0.5 * 2**place, 8)
        assert 0.5 * usual <= wait <= 1.5 * usual
    assert len({round(wait / min(0.5 * 2**place, 8), 6) for place, wait in enumerate(asked.waits)}) == 7


async def test_wait_is_never_shorter_than_the_provider_asks() -> None:
    asked = Asked(unavailable(7), unavailable(0))
    await asked.run()
    assert 7 <= asked.waits[0] <= 7.7
    assert asked.waits[1] == 0


@pytest.mark.parametrize(
    ("failures", "tries", "longest_s", "times"),
    [
        pytest.param([CallFailed("x", kind="refused")], 3, 60, 1, id="nothing-would-change"),
        pytest.param([unavailable(), unavailable()], 2, 60, 2, id="tries-are-spent"),
        pytest.param([unavailable(30)], 3, 10, 1, id="the-wait-is-too-long"),
    ],
)
async def test_last_failure_is_raised_when(
    failures: list[CallFailed], tries: int, longest_s: float, times: int
) -> None:
    asked = Asked(*failures)
    with pytest.raises(CallFailed):
        await asked.run(tries=tries, longest_s=longest_s)
    assert asked.times == times


# --- the first of two answers ----------------------------------------------------------------------------------


class Racer:
    """Answers, or fails, when it is told to."""

    def __init__(self) -> None:
        self.begun = self.ended = self.cancelled = False
        self._told = asyncio.Event()
        self._fails = False

    def tell(self, *, fails: bool = False) -> None:
        self._fails = fails
        self._told.set()

    async def run(self) -> "Racer":
        self.begun = True
        try:
            await self._told.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended = True
        if self._fails:
            raise CallFailed("x", kind="unavailable")
        return self


async def race_of(first: Racer, backup: Racer) -> "asyncio.Task[Racer]":
    """Begin a race in which the first has not answered when the backup is asked."""
    race = asyncio.create_task(first_answer(first.run, backup.run, after_s=0))
    while not backup.begun:
        await asyncio.sleep(0)
    return race


async def fail(racer: Racer) -> None:
    racer.tell(fails=True)
    while not racer.ended:
        await asyncio.sleep(0)


async def test_fast_answer_asks_nobody_else() -> None:
    first, backup = Racer(), Racer()
    first.tell()
    assert await first_answer(first.run, backup.run, after_s=60) is first
    assert not backup.begun


@pytest.mark.parametrize("winner", [0, 1], ids=["backup-may-be-slower-still", "slow-answer-is-overtaken"])
async def test_first_answer_wins_and_the_other_is_cancelled(winner: int) -> None:
    racers = Racer(), Racer()
    race = await race_of(*racers)
    racers[winner].tell()
    assert await race is racers[winner]
    assert racers[1 - winner].cancelled


@pytest.mark.parametrize("loser", [0, 1], ids=["failing-slowly-leaves-the-backup", "failing-backup-leaves-the-first"])
async def test_failure_leaves_the_race_to_the_other(loser: int) -> None:
    racers = Racer(), Racer()
    race = await race_of(*racers)
    await fail(racers[loser])
    assert not race.done()
    racers[1 - loser].tell()
    assert await race is racers[1 - loser]


async def test_when_both_fail_the_first_failure_counts() -> None:
    first, backup = Racer(), Racer()
    race = await race_of(first, backup)
    await fail(backup)
    await fail(first)
    with pytest.raises(CallFailed):
        await race


async def test_failure_before_the_delay_does_not_ask_the_backup() -> None:
    first, backup = Racer(), Racer()
    first.tell(fails=True)
    with pytest.raises(CallFailed):
        await first_answer(first.run, backup.run, after_s=60)
    assert not backup.begun


async def test_cancelling_the_race_cancels_both() -> None:
    first, backup = Racer(), Racer()
    race = await race_of(first, backup)
    race.cancel()
    with pytest.raises(asyncio.CancelledError):
        await race
    assert first.cancelled
    assert backup.cancelled
