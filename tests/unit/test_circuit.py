"""The circuit breaker: opens, holds, lets a single call try, closes; on a clock and a chance that the test owns."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.circuit import CAPPED_HOLD_S, FAILURES_IN_A_ROW, FIRST_HOLD_S, MAX_HOLD_S, RECENT, Circuit
from tests.conftest import FakeClock
from tests.factories import NOW

LONGEST_HOLD_S = MAX_HOLD_S * 1.25


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def circuit(clock: FakeClock) -> Circuit:
    return Circuit(now=clock, random=Random(1))


def enter(circuit: Circuit) -> int:
    """Return the permit of a call that is let through."""
    permit = circuit.enter()
    assert permit is not None
    return permit


def fail(circuit: Circuit, times: int = FAILURES_IN_A_ROW) -> None:
    for _ in range(times):
        circuit.fail(enter(circuit), "529")


def test_failures_in_a_row_open_it_and_fewer_do_not(circuit: Circuit) -> None:
    fail(circuit, FAILURES_IN_A_ROW - 1)
    assert circuit.lets_through
    fail(circuit, 1)
    assert (circuit.state, circuit.lets_through, circuit.enter()) == ("open", False, None)
    assert circuit.last_error == "529"


def test_an_answer_in_between_starts_the_row_anew(circuit: Circuit) -> None:
    for _ in range(2):
        fail(circuit, FAILURES_IN_A_ROW - 1)
        circuit.succeed(enter(circuit))
    assert circuit.state == "closed"


def test_half_of_the_recent_calls_failing_opens_it_though_never_in_a_row(circuit: Circuit) -> None:
    for _ in range(RECENT // 2):
        assert circuit.state == "closed"
        circuit.succeed(enter(circuit))
        fail(circuit, 1)
    assert circuit.state == "open"


def test_one_failure_in_three_leaves_it_closed(circuit: Circuit) -> None:
    for _ in range(RECENT):
        circuit.succeed(enter(circuit))
        circuit.succeed(enter(circuit))
        fail(circuit, 1)
    assert circuit.state == "closed"


def test_after_the_hold_a_single_call_tries(circuit: Circuit, clock: FakeClock) -> None:
    fail(circuit)
    clock.advance(circuit.wait_s - 0.001)
    assert circuit.enter() is None
    clock.advance(0.002)
    assert circuit.enter() is not None
    assert circuit.state == "half_open"
    assert [circuit.enter() for _ in range(3)] == [None, None, None]


def test_an_answer_to_the_try_closes_it(circuit: Circuit, clock: FakeClock) -> None:
    fail(circuit)
    clock.advance(LONGEST_HOLD_S)
    circuit.succeed(enter(circuit))
    assert (circuit.state, circuit.wait_s, circuit.since) == ("closed", 0, clock())
    fail(circuit, FAILURES_IN_A_ROW - 1)
    assert circuit.state == "closed"


def test_each_failed_try_holds_longer_up_to_a_limit(circuit: Circuit, clock: FakeClock) -> None:
    fail(circuit)
    holds = []
    for _ in range(1100):  # more than the powers of two that fit a float
        holds.append(circuit.wait_s)
        clock.advance(circuit.wait_s)
        fail(circuit, 1)
    for place, hold in enumerate(holds[:4]):
        assert 0.75 * FIRST_HOLD_S * 2**place <= hold <= 1.25 * FIRST_HOLD_S * 2**place
    assert max(holds) <= LONGEST_HOLD_S
    assert min(holds[10:]) >= 0.75 * MAX_HOLD_S
    assert len(set(holds)) > 1000  # scattered


def test_hold_is_as_long_as_the_provider_asks(circuit: Circuit) -> None:
    fail(circuit, FAILURES_IN_A_ROW - 1)
    circuit.fail(enter(circuit), "503", hold_s=500)
    assert circuit.wait_s == 500


def test_a_try_that_tells_nothing_lets_the_next_try(circuit: Circuit, clock: FakeClock) -> None:
    fail(circuit)
    clock.advance(LONGEST_HOLD_S)
    circuit.leave(enter(circuit))
    assert circuit.state == "open"
    assert circuit.enter() is not None


def test_results_of_calls_from_before_a_change_count_for_nothing(circuit: Circuit, clock: FakeClock) -> None:
    early = [enter(circuit) for _ in range(3)]
    fail(circuit)
    circuit.succeed(early[0])
    assert not circuit.lets_through
    clock.advance(LONGEST_HOLD_S)
    probe = enter(circuit)
    circuit.fail(early[1], "late")
    circuit.leave(early[2])
    assert circuit.enter() is None
    circuit.succeed(probe)
    assert circuit.enter() is not None


def test_spending_limit_holds_long_whoever_learned_it(circuit: Circuit, clock: FakeClock) -> None:
    early = enter(circuit)
    circuit.cap("429 enforced_spend_limit_reached")
    circuit.succeed(early)
    assert circuit.state == "capped"
    assert circuit.next_probe_at == NOW + timedelta(seconds=CAPPED_HOLD_S)
    clock.advance(CAPPED_HOLD_S)
    circuit.succeed(enter(circuit))
    assert circuit.wait_s == 0
    assert circuit.enter() is not None


@given(
    events=st.lists(
        st.tuples(st.sampled_from(("ok", "fail", "leave", "cap", "enter")), st.floats(0, 200)), max_size=200
    ),
    seed=st.integers(),
)
def test_never_more_than_one_call_tries_and_it_never_stays_shut(events: list[tuple[str, float]], seed: int) -> None:
    clock = FakeClock(NOW)
    circuit = Circuit(now=clock, random=Random(seed))
    running: list[tuple[int, bool]] = []  # permit, and whether it was given to try
    for what, seconds in events:
        clock.advance(seconds)
        shut = circuit.state != "closed"
        if what == "enter":
            if (permit := circuit.enter()) is not None:
                running.append((permit, shut))
        elif what == "cap":
            circuit.cap("402")
        elif running:
            permit, _ = running.pop(0)
            circuit.succeed(permit) if what == "ok" else getattr(circuit, what)(permit, "x")
        trying = [permit for permit, tries in running if tries and permit == circuit._permit]
        assert len(trying) <= 1
        assert (circuit.state == "half_open") == bool(trying)
    for permit, _ in running:
        circuit.leave(permit)
    clock.advance(max(CAPPED_HOLD_S, LONGEST_HOLD_S))
    assert circuit.lets_through
