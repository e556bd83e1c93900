"""What became of the traces of turns on their way out of this process, until the database has been told."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from threading import Lock
from typing import TypeVar
from uuid import UUID

from opentelemetry.sdk.trace import ReadableSpan

from agent.store.traces import TraceState

TURN = "langfuse.trace.metadata.turn"
"""The attribute in which every span of a turn names it, as JSON."""
V = TypeVar("V")

MAX_TURNS = 10_000
"""Turns that are remembered; the oldest are forgotten, and then found by what the database has not been told."""


def trace_id_of(turn_id: str) -> str:
    """Return a turn's trace id, the one `Langfuse.create_trace_id(seed=turn_id)` gives, in any process."""
    return sha256(turn_id.encode()).hexdigest()[:32]


def turn_of(span: ReadableSpan) -> UUID | None:
    """Return the turn whose trace a span belongs to; None: it is another trace, perhaps about that turn."""
    named = (span.attributes or {}).get(TURN)
    if not isinstance(named, str) or span.context is None:
        return None
    turn_id = str(json.loads(named))
    return UUID(turn_id) if int(trace_id_of(turn_id), 16) == span.context.trace_id else None


class TraceLedger:
    """Counts spans that were lost, and remembers whose trace has arrived, is incomplete, or was left out."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._states: OrderedDict[UUID, TraceState] = OrderedDict()
        self._incomplete: OrderedDict[UUID, None] = OrderedDict()
        self._lost = 0

    def arrive(self, spans: Iterable[ReadableSpan]) -> None:
        """Note spans that Langfuse has taken. A trace has arrived with its root, if nothing of it was lost before."""
        for span in spans:
            turn_id = turn_of(span) if span.parent is None else None
            with self._lock:
                if turn_id is not None and turn_id not in self._incomplete:
                    self._note(turn_id, "sent")

    def lose(self, spans: Iterable[ReadableSpan]) -> None:
        """Count spans that will never arrive; their turns' traces are to be told again."""
        for span in spans:
            turn_id = turn_of(span)
            with self._lock:
                self._lost += 1
                if turn_id is not None:
                    _remember(self._incomplete, turn_id, None)
                    self._note(turn_id, "wanted")

    def leave_out(self, turn_id: UUID) -> None:
        """Note a turn that is not in the sample."""
        with self._lock:
            self._note(turn_id, "left_out")

    def want(self, turn_id: UUID) -> None:
        """Note a turn that turned out to belong into the sample when its own spans were gone."""
        with self._lock:
            self._note(turn_id, "wanted")

    def begin_again(self, turn_id: UUID) -> None:
        """Forget what was lost of a turn: its trace is told again from the start."""
        with self._lock:
            self._incomplete.pop(turn_id, None)

    def take_states(self) -> Mapping[UUID, TraceState]:
        """Return what has become known since the last time."""
        with self._lock:
            taken, self._states = self._states, OrderedDict()
        return taken

    def take_lost(self) -> int:
        """Return how many spans were lost since the last time."""
        with self._lock:
            lost, self._lost = self._lost, 0
        return lost

    def _note(self, turn_id: UUID, state: TraceState) -> None:
        _remember(self._states, turn_id, state)


def _remember(kept: OrderedDict[UUID, V], key: UUID, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MAX_TURNS:
        kept.popitem(last=False)
