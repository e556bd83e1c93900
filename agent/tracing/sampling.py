"""Which traces are sent where not all are: a fixed share by trace id, and every one with an error or a person in it.

A trace outside the share is held back until its root ends and says what it came to. What belongs to it later, perhaps
in another process, is sent only if it was kept, or is an error itself: then the whole trace is told again.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from agent.tracing.ledger import TraceLedger, turn_of

MAX_HELD = 2048
"""Spans that are held back; the oldest traces make room, and are lost."""
MAX_KEPT = 10_000
KEPT_DECISIONS = ("escalate", "wait")
CONTINUED = "langfuse.internal.as_root"
"""The SDK's mark on a span whose parent ended elsewhere."""
_OBSERVATION = "langfuse.observation"


class Sampler(SpanProcessor):
    """Passes spans on, or holds them back until it is known whether their trace is kept."""

    def __init__(self, rate: float, onward: Sequence[SpanProcessor], ledger: TraceLedger) -> None:
        self._bound = int(rate * 2**128)
        self._onward = onward
        self._ledger = ledger
        self._held: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._count = 0
        self._kept: OrderedDict[int, None] = OrderedDict()
        self._lock = Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on if its trace is in the sample; else hold it, and decide when its part of the trace ends."""
        trace_id = span.context.trace_id
        with self._lock:
            if trace_id < self._bound or trace_id in self._kept:
                self._pass_on([span])
            else:
                self._hold(span, trace_id)

    def _hold(self, span: ReadableSpan, trace_id: int) -> None:
        self._held.setdefault(trace_id, []).append(span)
        self._count += 1
        if span.parent is None:
            self._decide(span, self._release(trace_id))
        elif (span.attributes or {}).get(CONTINUED):
            self._decide_late(span, trace_id)
        while self._count > MAX_HELD:
            self._ledger.lose(self._release(next(iter(self._held))))

    def shutdown(self) -> None:
        """Stop those it passes spans on to."""
        for processor in self._onward:
            processor.shutdown()

    def _decide(self, root: ReadableSpan, spans: list[ReadableSpan]) -> None:
        turn_id = turn_of(root)
        if _is_remarkable(root) or any(map(_is_error, spans)):
            self._keep(root.context.trace_id)
            self._pass_on(spans)
        elif turn_id is not None:
            self._ledger.leave_out(turn_id)

    def _decide_late(self, span: ReadableSpan, trace_id: int) -> None:
        """What was done for a turn later has ended: this is all there is of it here."""
        spans = self._release(trace_id)
        if any(map(_is_error, spans)):
            self._keep(trace_id)
            self._pass_on(spans)
            if turn_id := turn_of(span):
                self._ledger.want(turn_id)

    def _keep(self, trace_id: int) -> None:
        self._kept[trace_id] = None
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def _release(self, trace_id: int) -> list[ReadableSpan]:
        spans = self._held.pop(trace_id, [])
        self._count -= len(spans)
        return spans

    def _pass_on(self, spans: Sequence[ReadableSpan]) -> None:
        for span in spans:
            for processor in self._onward:
                processor.on_end(span)


def _is_error(span: ReadableSpan) -> bool:
    return (span.attributes or {}).get(f"{_OBSERVATION}.level") == "ERROR"


def _is_remarkable(root: ReadableSpan) -> bool:
    """Whether a turn was handed to a person, had to wait or to be tried again, or is wanted for what came later."""
    said = {
        name: json.loads(str((root.attributes or {}).get(f"{_OBSERVATION}.metadata.{name}", '""')))
        for name in ("decision", "resumed", "told_again")
    }
    return said["decision"] in KEPT_DECISIONS or bool(said["resumed"]) or said["told_again"] == "wanted"
