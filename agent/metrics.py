"""Counters of what happens, for operators. One set in each worker; `jobs/recovery.py` adds them up in the database.

Labels are few and known beforehand: tiers, providers, outcomes. No tenant is one: their number has no bound, and their
figures are in `model_calls` and `events`.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.types import ModelCall

CALL_BUCKETS_S = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
TURN_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)

Sample = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels, sorted."""


class Metrics:
    """What a process has counted since it began."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.turns = Counter(
            "nightshift_turns", "Turns taken, by what became of them.", ["decision"], registry=self.registry
        )
        self.turn_seconds = Histogram(
            "nightshift_turn_seconds",
            "How long turns took, from the moment a worker had one; those that failed, too.",
            buckets=TURN_BUCKETS_S,
            registry=self.registry,
        )
        self.turn_failures = Counter(
            "nightshift_turn_failures",
            "Attempts at a turn that failed, by the kind of error. Most are tried again.",
            ["error"],
            registry=self.registry,
        )
        self.deliveries = Counter(
            "nightshift_deliveries",
            "Hand-overs of messages to a provider, by what it said.",
            ["provider", "outcome"],
            registry=self.registry,
        )
        self.sms_parts = Counter(
            "nightshift_sms_parts", "Parts of SMS that a provider has taken.", ["provider"], registry=self.registry
        )
        self.sms_cost = Counter(
            "nightshift_sms_cost_microusd",
            "Cost of those parts in micro-dollars, where the tenant's file says it.",
            ["provider"],
            registry=self.registry,
        )
        self.holding_lines = Counter(
            "nightshift_holding_lines",
            "Lines written to tell prospects that the models are down.",
            registry=self.registry,
        )
        self.answers = Counter(
            "nightshift_answers",
            "Answers looked for among earlier ones, by what became of it.",
            ["outcome"],
            registry=self.registry,
        )
        self.spend_caps = Counter(
            "nightshift_spend_caps",
            "Turns that met the spending limit of every model provider.",
            registry=self.registry,
        )
        # Counted by the web process and the clock, straight into the database (`agent.missed`).
        self.fallback_webhooks = Counter(
            "nightshift_fallback_webhooks",
            "Messages that came by the fallback URL, by why the first had failed.",
            ["code"],
            registry=self.registry,
        )
        self.missed_messages = Counter(
            "nightshift_missed_messages",
            "Messages that no webhook brought, found by asking the provider.",
            registry=self.registry,
        )
        # Counted by the clock, likewise (`jobs/events.py`).
        self.broken_event_chains = Counter(
            "nightshift_broken_event_chains",
            "Times that a tenant's chain of events was verified and did not hold.",
            registry=self.registry,
        )
        self.lost_spans = Counter(
            "nightshift_trace_spans_lost",
            "Observations that never reached Langfuse, or the OTLP endpoint. Their turns are told again later.",
            registry=self.registry,
        )
        self._calls = Counter(
            "nightshift_model_calls",
            "Requests to models, failed ones too, by outcome.",
            ["tier", "provider", "outcome"],
            registry=self.registry,
        )
        self._cost = Counter(
            "nightshift_model_cost_microusd",
            "Cost of model calls in micro-dollars.",
            ["tier", "provider"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "nightshift_model_call_seconds",
            "How long model calls took, failed ones too.",
            ["tier", "provider"],
            buckets=CALL_BUCKETS_S,
            registry=self.registry,
        )

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
