"""Where not every turn is traced: a fixed share is, and every one with an error or a person in it."""

from collections.abc import Iterator
from itertools import count
from uuid import UUID, uuid4

import pytest

from agent.ports import Observation
from agent.tracing.traced import TraceAttributes
from agent.tracing.traces import LangfuseTracer
from tests.doubles.langfuse import FakeLangfuse, fake_langfuse


@pytest.fixture
def server() -> Iterator[FakeLangfuse]:
    with fake_langfuse(f"pk-lf-{uuid4()}") as running:
        yield running


class Sampled:
    """A tracer with a sample rate, and turns in it."""

    def __init__(self, server: FakeLangfuse, rate: float) -> None:
        self.tracer = LangfuseTracer(server.project, environment="test", sample_rate=rate)
        self._numbers = count(1)

    def turn(self, decision: str = "send", *, level: str | None = None, resumed: bool = False) -> UUID:
        """Take a turn; `level` is that of a step in it."""
        turn_id = UUID(int=next(self._numbers))  # which are kept depends on it
        with self.tracer.turn(**self.attributes(turn_id), input="hola") as root:
            with self.tracer.step("step") as step:
                self._mark(step, level)
            root.update(metadata={"decision": decision, "resumed": resumed})
        return turn_id

    def deliver(self, turn_id: UUID, level: str | None = None) -> None:
        with self.tracer.continued("deliver", **self.attributes(turn_id)) as delivery:
            self._mark(delivery, level)

    def _mark(self, observation: Observation, level: str | None) -> None:
        if level == "ERROR":
            observation.update(level="ERROR", status_message="it failed")

    def attributes(self, turn_id: UUID) -> TraceAttributes:
        return TraceAttributes(
            trace_id=self.tracer.trace_id(str(turn_id)),
            session_id="conversation",
            user_id="contact",
            tags=["lumen"],
            metadata={"tenant": "lumen", "turn": str(turn_id)},
        )

    def arrived(self, server: FakeLangfuse) -> dict[str, list[str]]:
        """Stop, and return the names of the observations that arrived, by trace."""
        self.tracer.shutdown()
        names: dict[str, list[str]] = {}
        for span in server.spans:
            names.setdefault(span.trace_id, []).append(span.name)
        return names


def test_the_share_is_kept_and_the_rest_noted_as_left_out(server: FakeLangfuse) -> None:
    sampled = Sampled(server, 0.3)
    turns = [sampled.turn() for _ in range(300)]
    arrived = sampled.arrived(server)
    states = sampled.tracer.fates().states
    assert 50 < len(arrived) < 140
    kept = {turn_id for turn_id in turns if sampled.tracer.trace_id(str(turn_id)) in arrived}
    assert {turn_id for turn_id, state in states.items() if state == "sent"} == kept
    assert {turn_id for turn_id, state in states.items() if state == "left_out"} == {*turns} - kept


@pytest.mark.parametrize(
    ("decision", "level", "resumed", "is_kept"),
    [
        ("send", None, False, False),
        ("nothing", None, False, False),
        ("escalate", None, False, True),
        ("wait", None, False, True),
        ("send", "ERROR", False, True),
        ("send", None, True, True),
    ],
)
def test_errors_and_escalations_are_kept_whatever_the_share(
    server: FakeLangfuse, decision: str, level: str | None, *, resumed: bool, is_kept: bool
) -> None:
    sampled = Sampled(server, 0.0)
    sampled.turn(decision, level=level, resumed=resumed)
    assert [sorted(names) for names in sampled.arrived(server).values()] == ([["step", "turn"]] if is_kept else [])


def test_what_comes_later_joins_a_trace_that_was_kept_and_no_other(server: FakeLangfuse) -> None:
    sampled = Sampled(server, 0.0)
    kept, left_out = sampled.turn("escalate"), sampled.turn("send")
    for turn_id in (kept, left_out):
        sampled.deliver(turn_id)
    arrived = sampled.arrived(server)
    assert [sorted(names) for names in arrived.values()] == [["deliver", "step", "turn"]]


def test_an_error_that_comes_later_has_the_whole_turn_told_again(server: FakeLangfuse) -> None:
    sampled = Sampled(server, 0.0)
    turn_id = sampled.turn("send")
    sampled.deliver(turn_id, level="ERROR")
    assert [*sampled.arrived(server).values()] == [["deliver"]]
    assert sampled.tracer.fates().states == {turn_id: "wanted"}


def test_what_is_held_back_is_bounded(server: FakeLangfuse) -> None:
    sampled = Sampled(server, 0.0)
    with sampled.tracer.turn(**sampled.attributes(uuid4()), input="endless") as root:
        for _ in range(3_000):
            with sampled.tracer.step("step"):
                pass
        root.update(metadata={"decision": "send"})
    sampled.tracer.shutdown()
    assert sampled.tracer.fates().lost >= 2_000
