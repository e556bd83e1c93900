"""The pace: slowed by what the provider's headers say, and fair between tenants. On a clock that the test owns."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.pace import Entry, Need, Pace
from agent.types import TenantId
from tests.conftest import FakeClock
from tests.factories import NOW

ONE, OTHER, THIRD = (TenantId(UUID(int=number)) for number in range(3))
CALL: Need = (1, 0, 0)


def said(**counts: int) -> dict[str, str]:
    """Return rate-limit headers: `said(requests_limit=60, …)`."""
    return {f"anthropic-ratelimit-{name.replace('_', '-')}": str(count) for name, count in counts.items()}


class World:
    """A pace on a clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.pace = Pace(now=self.clock, sleep=self.sleep)
        self.went: list[tuple[TenantId, float]] = []
        self.under_way: list[Entry] = []

    async def sleep(self, seconds: float) -> None:
        for _ in range(50):  # let everybody who can act do so first
            await asyncio.sleep(0)
        self.clock.advance(seconds)

    def learn(self, headers: dict[str, str]) -> None:
        """Learn limits from a call that has ended."""
        self.pace.leave(self.pace._take(CALL), headers)

    async def go(self, tenant: TenantId, need: Need = CALL, within_s: float = 600) -> bool:
        entry = await self.pace.enter(tenant, need, within_s=within_s)
        if entry:
            self.went.append((tenant, (self.clock() - NOW).total_seconds()))
            self.under_way.append(entry)
        return entry is not None


@pytest.fixture
def world() -> World:
    return World()


async def test_nobody_waits_before_limits_are_known(world: World) -> None:
    assert await asyncio.gather(*(world.go(ONE) for _ in range(500))) == [True] * 500
    assert {at for _, at in world.went} == {0}


async def test_calls_go_as_fast_as_the_limit_fills(world: World) -> None:
    world.learn(said(requests_limit=60, requests_remaining=3))  # one a second; 60 × 5 % are left alone
    await asyncio.gather(*(world.go(ONE) for _ in range(5)))
    assert [round(at) for _, at in world.went] == [1, 2, 3, 4, 5]


async def test_tokens_are_limited_like_requests(world: World) -> None:
    world.learn(
        said(output_tokens_limit=6000, output_tokens_remaining=1300, requests_limit=1000, requests_remaining=999)
    )
    await asyncio.gather(*(world.go(ONE, (1, 0, 1000)) for _ in range(3)))
    assert [round(at) for _, at in world.went] == [0, 10, 20]


async def test_what_is_under_way_is_not_spent_twice(world: World) -> None:
    world.learn(said(requests_limit=60, requests_remaining=60))
    await asyncio.gather(*(world.go(ONE) for _ in range(10)))
    world.pace.leave(world.under_way[0], said(requests_limit=60, requests_remaining=59))  # the others are not in there
    assert world.pace._buckets["requests"].level == 50


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
async def test_answers_that_end_in_any_order_tell_the_same(world: World, order: tuple[int, ...]) -> None:
    world.learn(said(requests_limit=60, requests_remaining=40))
    for _ in order:
        await world.go(ONE)
        world.clock.advance(0.001)
    for place in order:
        world.pace.leave(world.under_way[place], said(requests_limit=60, requests_remaining=39 - place))
    assert world.pace._buckets["requests"].level == 36


async def test_long_answer_does_not_hide_what_went_meanwhile(world: World) -> None:
    world.learn(said(requests_limit=60, requests_remaining=30))
    await asyncio.gather(*(world.go(ONE) for _ in range(21)))
    long, *others = world.under_way
    for place, entry in enumerate(others):
        world.pace.leave(entry, said(requests_limit=60, requests_remaining=28 - place))
    world.pace.leave(long, said(requests_limit=60, requests_remaining=29))
    assert world.pace._buckets["requests"].level == 9


async def test_call_larger_than_the_limit_goes_when_the_bucket_is_full(world: World) -> None:
    world.learn(said(input_tokens_limit=600, input_tokens_remaining=0))
    assert await world.go(ONE, (1, 10_000, 0))
    assert [round(at) for _, at in world.went] == [60]


async def test_nobody_waits_for_a_turn_that_cannot_come_in_time(world: World) -> None:
    world.learn(said(requests_limit=60, requests_remaining=0))
    assert not await world.go(ONE, within_s=2)
    assert world.clock() == NOW


async def test_refusal_stops_everybody_until_the_time_it_names(world: World) -> None:
    world.pace.hold(30)
    assert world.pace.wait_s() == 30
    await world.go(ONE)
    assert [round(at) for _, at in world.went] == [30]


@pytest.mark.parametrize("value", ["", "-1", "soon", "1e3", "９", "9" * 5000])
async def test_headers_that_make_no_sense_change_nothing(world: World, value: str) -> None:
    world.learn({"anthropic-ratelimit-requests-limit": value, "anthropic-ratelimit-requests-remaining": "0"})
    world.learn({"anthropic-ratelimit-requests-limit": "0", "anthropic-ratelimit-requests-remaining": "0"})
    assert world.pace.wait_s() == 0


async def test_burst_of_one_tenant_delays_another_by_one_call(world: World) -> None:
    world.learn(said(requests_limit=60, requests_remaining=0))
    burst = [asyncio.create_task(world.go(ONE)) for _ in range(100)]
    await asyncio.sleep(0)
    late = [asyncio.create_task(world.go(tenant)) for tenant in (OTHER, OTHER, THIRD)]
    await asyncio.gather(*burst, *late)
    order = [tenant for tenant, _ in world.went]
    assert order[:6] == [ONE, OTHER, THIRD, ONE, OTHER, ONE]
    assert len(order) == 103


async def test_who_gives_up_leaves_the_line_to_the_others() -> None:
    clock = FakeClock(NOW)
    pace = Pace(now=clock, sleep=asyncio.sleep)
    pace.hold(60)
    waiting = [asyncio.create_task(pace.enter(ONE, CALL, within_s=600)) for _ in range(3)]
    impatient = asyncio.create_task(pace.enter(OTHER, CALL, within_s=60))
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    assert [len(line) for line in pace._lines.values()] == [2, 1]
    for task in (*waiting, impatient):
        task.cancel()
    await asyncio.gather(*waiting, impatient, return_exceptions=True)
    assert pace._lines == {}
    await pace.aclose()


async def test_waiting_ends_with_its_time_even_if_the_clock_lies() -> None:
    pace = Pace(now=lambda: NOW)  # never fills
    pace.hold(0.01)
    assert not await pace.enter(ONE, CALL, within_s=0.05)
    assert pace._lines == {}
    assert pace._under_way == []
    await pace.aclose()


@given(
    st.lists(st.sampled_from((ONE, OTHER, THIRD)), min_size=1, max_size=40), st.integers(20, 600), st.integers(0, 20)
)
async def test_never_more_in_a_minute_than_the_limit_and_all_are_served(
    tenants: list[TenantId], limit: int, remaining: int
) -> None:
    world = World()
    world.learn(said(requests_limit=limit, requests_remaining=min(remaining, limit)))
    await asyncio.gather(*(world.go(tenant) for tenant in tenants))
    assert sorted(tenant for tenant, _ in world.went) == sorted(tenants)
    for _, start in world.went:
        in_minute = sum(start <= at < start + 60 for _, at in world.went)
        assert in_minute <= remaining + limit + 1
    assert world.pace._lines == {}
