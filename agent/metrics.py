"""Counters of what happens, for operators. One set in each worker; `jobs/recovery.py` adds them up in the database.

Labels are few and known beforehand: tiers, providers, outcomes. No tenant is one: their number has no bound, and their
figures are in `model_calls` and `events`.
"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.types import ModelCall

CALL_BUCKETS_S = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
TURN_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
COUNTED_ELSEWHERE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("nightshift_fallback_webhooks", "Messages that came by the fallback URL, by why the first had failed.", ("code",)),
    ("nightshift_missed_messages", "Messages that no webhook brought, found by asking the provider.", ()),
    ("nightshift_broken_event_chains", "Times that a tenant's chain of events was verified and did not hold.", ()),
)
"""Counted by the web process and the clock, straight into the database (`agent.delivery.missed`, `jobs/events.py`)."""

Sample = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels, sorted."""


class Metrics:
    """What a process has counted since it began."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.turns = self._counter("nightshift_turns", "Turns taken, by what became of them.", ["decision"])
        self.turn_seconds = self._histogram(
            "nightshift_turn_seconds",
            "How long turns took, from the moment a worker had one; those that failed, too.",
            TURN_BUCKETS_S,
        )
        self.turn_failures = self._counter(
            "nightshift_turn_failures",
            "Attempts at a turn that failed, by the kind of error. Most are tried again.",
            ["error"],
        )
        self.deliveries = self._counter(
            "nightshift_deliveries", "Hand-overs of messages to a provider, by what it said.", ["provider", "outcome"]
        )
        self.sms_parts = self._counter("nightshift_sms_parts", "Parts of SMS that a provider has taken.", ["provider"])
        self.sms_cost = self._counter(
            "nightshift_sms_cost_microusd",
            "Cost of those parts in micro-dollars, where the tenant's file says it.",
            ["provider"],
        )
        self.holding_lines = self._counter(
            "nightshift_holding_lines", "Lines written to tell prospects that the models are down."
        )
        self.answers = self._counter(
            "nightshift_answers", "Answers looked for among earlier ones, by what became of it.", ["outcome"]
        )
        self.spend_caps = self._counter(
            "nightshift_spend_caps", "Turns that met the spending limit of every model provider."
        )
        self.lost_spans = self._counter(
            "nightshift_trace_spans_lost",
            "Observations that never reached Langfuse, or the OTLP endpoint. Their turns are told again later.",
        )
        self._calls = self._counter(
            "nightshift_model_calls",
            "Requests to models, failed ones too, by outcome.",
            ["tier", "provider", "outcome"],
        )
        self._cost = self._counter(
            "nightshift_model_cost_microusd", "Cost of model calls in micro-dollars.", ["tier", "provider"]
        )
        self._seconds = self._histogram(
            "nightshift_model_call_seconds",
            "How long model calls took, failed ones too.",
            CALL_BUCKETS_S,
            ["tier", "provider"],
        )
        for name, what, labels in COUNTED_ELSEWHERE:
            self._counter(name, what, labels)

    def _counter(self, name: str, what: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)

    def count_calls(self, calls: Iterable[ModelCall]) -> None:
        """Count model calls: how many, how long, how dear."""
        for call in calls:
            self._calls.labels(call.tier, call.provider, call.outcome).inc()
            self._cost.labels(call.tier, call.provider).inc(call.cost_microusd)
            self._seconds.labels(call.tier, call.provider).observe(call.latency_ms / 1000)

    def totals(self) -> Iterator[tuple[Sample, float]]:
        """Yield every sample that has a value, each of which only ever grows."""
        for family in self.registry.collect():
            for sample in family.samples:
                if sample.value and not sample.name.endswith("_created"):
                    yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value
