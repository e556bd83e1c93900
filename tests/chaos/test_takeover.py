"""A worker that dies or is frozen in the middle of a turn: another takes over in time, and the first writes nothing."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.chaos.conftest import Fleet
from tests.chaos.ledger import (
    NOTHING_UNDER_WAY,
    assert_answered_once,
    assert_in_one_turn,
    assert_sent_once,
    read_ledger,
)
from tests.chaos.prospects import Post, Prospects
from tests.doubles.claude import API_KEY, ClaudeDouble, Step
from tests.doubles.twilio import TwilioDouble
from tests.processes import environment
from tests.stores import Store

TAKEOVER_S = 15.0
WAIT_S = 120.0
"""Longest wait for anything to happen."""
HELLO = Post(at_s=0, sender="+34600000001", message_id=f"SM{1:032x}", text="Hola, ¿cuánto cuesta el curso intensivo?")


@pytest.fixture
def claude(fleet: Fleet) -> Iterator[ClaudeDouble]:
    """The model, for the processes of the fleet."""
    with ClaudeDouble() as double:
        fleet.settings |= environment(anthropic_api_key=API_KEY, anthropic_base_url=double.base_url)
        yield double


async def begin_turn(fleet: Fleet, claude: ClaudeDouble, first_answer: Step) -> None:
    """Have `worker-1` ask the model, which answers so, while `worker-2` sleeps; then wake it."""
    claude.script(first_answer)
    fleet.start("web", "worker-1", "worker-2")
    await asyncio.to_thread(fleet.wait_ready)
    fleet.running["worker-2"].pause()
    await Prospects(fleet.settings["NIGHTSHIFT_PUBLIC_URL"]).write([HELLO])
    async with asyncio.timeout(WAIT_S):
        while not claude.requests:
            await asyncio.sleep(0.02)
    fleet.running["worker-2"].resume()


async def clock_of(store: Store) -> datetime:
    """Return the time by the database."""
    at: datetime = (await store.rows("select clock_timestamp() as at"))[0]["at"]
    return at


async def assert_taken_over_once(store: Store, twilio: TwilioDouble, since: datetime) -> float:
    """Check that another worker finished the turn and answered once; return how many seconds after `since`."""
    await store.wait_until(NOTHING_UNDER_WAY, timeout_s=WAIT_S)
    ledger = await read_ledger(store, twilio.messages)
    assert [turn["attempts"] for turn in ledger.turns.values()] == [2]
    assert_in_one_turn(ledger)
    assert_sent_once(ledger)
    assert_answered_once(ledger)
    assert len(ledger.taken) == 1
    (decided,) = await store.rows("select at from events where kind = 'turn.decided'")
    return float((decided["at"] - since).total_seconds())


@pytest.mark.soak
async def test_turn_of_a_killed_worker_is_finished_by_another_within_15_seconds(
    store: Store, twilio: TwilioDouble, fleet: Fleet, claude: ClaudeDouble
) -> None:
    await begin_turn(fleet, claude, Step(hang=True))
    fleet.kill("worker-1")
    killed_at = await clock_of(store)
    await store.wait_until("exists (select from events where kind = 'turn.decided')", timeout_s=WAIT_S)
    taken_over_s = await assert_taken_over_once(store, twilio, killed_at)
    print(f"\nA killed worker's turn was finished by another after {taken_over_s:.1f} s")  # noqa: T201 — for `pytest -s`
    assert taken_over_s <= TAKEOVER_S


@pytest.mark.soak
async def test_worker_frozen_beyond_its_lease_writes_nothing_when_it_goes_on(
    store: Store, twilio: TwilioDouble, fleet: Fleet, claude: ClaudeDouble
) -> None:
    await begin_turn(fleet, claude, Step(delay_s=20))
    frozen = fleet.running["worker-1"]
    frozen.pause()
    frozen_at = await clock_of(store)
    await store.wait_until("exists (select from events where kind = 'turn.decided')", timeout_s=WAIT_S)
    frozen.resume()
    async with asyncio.timeout(WAIT_S):
        while "turn.fenced" not in frozen.output and "turn.lease_lost" not in frozen.output:
            await asyncio.sleep(0.1)
    await assert_taken_over_once(store, twilio, frozen_at)
    assert set((await asyncio.to_thread(fleet.stop)).values()) == {0}
