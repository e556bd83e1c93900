"""kill -9, of everything, while prospects write: nothing is lost, nothing is answered twice (P1, P2, P3)."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.chaos.conftest import Fleet
from tests.chaos.ledger import (
    NOTHING_UNDER_WAY,
    Ledger,
    assert_answered_once,
    assert_in_one_turn,
    assert_in_order,
    assert_sent_once,
    assert_stored_once,
    read_ledger,
)
from tests.chaos.prospects import Prospects, plan_posts
from tests.doubles.twilio import TwilioDouble
from tests.stores import Store

POSTGRES = "postgres"
EVERYTHING = ("web", "worker-1", "worker-2", "clock", POSTGRES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is written, and who is killed once so many messages are acknowledged, in the middle of something."""

    messages: int
    conversations: int
    duplicates: int
    over_s: float
    havoc: tuple[tuple[int, tuple[str, ...]], ...]


SHORT = Plan(
    messages=45,
    conversations=15,
    duplicates=8,
    over_s=10,
    havoc=((8, ("worker-1",)), (18, EVERYTHING), (32, ("web", "worker-1", "worker-2"))),
)
SOAK = Plan(
    messages=200,
    conversations=40,
    duplicates=30,
    over_s=45,
    havoc=(
        (10, ("worker-1",)),
        (25, ("web",)),
        (40, ("worker-2",)),
        (55, EVERYTHING),
        (75, (POSTGRES,)),
        (95, ("worker-1", "worker-2")),
        (115, ("web", "clock")),
        (130, EVERYTHING),
        (150, ("worker-2",)),
        (165, ("web", "worker-1")),
        (185, EVERYTHING[:-1]),
    ),
)
UNDER_WAY = """
    exists (select from messages where state = 'sending' and claimed_until > clock_timestamp() + interval '29 s')
    or exists (select from conversations where turn_state = 'running')
    or not exists (select from conversations where turn_state = 'queued')"""


@pytest.mark.timeout(900)  # on a busy machine every restart takes its time
async def test_kill_of_anything_at_any_time_loses_nothing_and_answers_nothing_twice(
    store: Store, twilio: TwilioDouble, fleet: Fleet, soak: bool
) -> None:
    plan = SOAK if soak else SHORT
    fleet.start("web", "worker-1", "worker-2", "clock")
    await asyncio.to_thread(fleet.wait_ready)
    _make_trouble(twilio)
    prospects = Prospects(fleet.settings["NIGHTSHIFT_PUBLIC_URL"])
    posts = plan_posts(
        conversations=plan.conversations,
        messages=plan.messages,
        duplicates=plan.duplicates,
        over_s=plan.over_s,
        seed=2,
    )

    async with asyncio.TaskGroup() as group:
        group.create_task(prospects.write(posts))
        group.create_task(_wreak_havoc(plan, prospects, fleet, store, twilio))
    await fleet.wait_stored()
    await store.wait_until(NOTHING_UNDER_WAY, timeout_s=240)
    codes = await asyncio.to_thread(fleet.stop)

    ledger = await read_ledger(store, twilio.messages)
    _report(prospects, fleet, ledger)
    assert_stored_once(ledger, prospects.acknowledged)
    assert_in_one_turn(ledger)
    assert_sent_once(ledger)
    assert_answered_once(ledger)
    assert_in_order(ledger)
    assert len(prospects.acknowledged) == plan.messages
    assert prospects.answers.keys() <= {0, 200, 503}, "an outage is a 503, never another error"
    assert codes == dict.fromkeys(codes, 0)


def _make_trouble(twilio: TwilioDouble) -> None:
    """Let the provider answer slowly, so that kills hit between its taking a message and our knowing; and fail."""
    twilio.fail_next(delay_s=0.1, times=8)
    twilio.fail_next(dropped=True, accepted=True)
    twilio.fail_next(dropped=True)
    twilio.fail_next(status=429, code=20429, headers={"Retry-After": "1"})
    twilio.fail_next(status=503, code=20503)
    twilio.fail_next(delay_s=0.3, times=500)


async def _wreak_havoc(plan: Plan, prospects: Prospects, fleet: Fleet, store: Store, twilio: TwilioDouble) -> None:
    """Kill as planned. Early on the provider reports nothing, so that what is in doubt must be asked for."""
    for count, victims in plan.havoc:
        while len(prospects.acknowledged) < count:
            await asyncio.sleep(0.02)
        processes = [victim for victim in victims if victim != POSTGRES]
        if processes:
            await asyncio.to_thread(fleet.wait_ready, *processes)
            await store.wait_until(UNDER_WAY, timeout_s=120)
            await asyncio.to_thread(fleet.kill, *processes)
        if POSTGRES in victims:
            await asyncio.to_thread(store.crash)
        fleet.start(*processes)
        if count > plan.messages // 2:
            twilio.script = ("sent", "delivered")
    assert all(process.is_running for process in fleet.running.values()), "a process ended by itself"


def _report(prospects: Prospects, fleet: Fleet, ledger: Ledger) -> None:
    states = Counter(f"{turn['state']} ({turn['decision']})" for turn in ledger.turns.values())
    print(  # noqa: T201 — figures for people, shown by `pytest -s`
        f"\n{len(prospects.acknowledged)} messages acknowledged (answers {dict(prospects.answers)}), "
        f"{len(fleet.killed)} processes killed, turns {dict(states)}, "
        f"{len(ledger.taken)} sent, {ledger.reconciled} reconciled, {fleet.logged('turn.fenced')} late writes fenced"
    )
