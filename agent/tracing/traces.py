"""Traces in Langfuse, one per turn (promise P9). The only importer of `langfuse`.

Nothing here may touch a turn: no call raises, none waits for the network, and what leaves is masked and bounded.
Spans go to a bounded queue that a thread sends (`agent.tracing.sending`); what is lost is counted, and told again from
the database (`agent.tracing.retelling`).
"""

import logging
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from threading import Thread
from typing import Any, Unpack
from uuid import UUID

from langfuse import Langfuse, LangfuseGeneration, propagate_attributes
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from pydantic import SecretStr

from agent.ports import Observation, ObservationType, TraceFates
from agent.settings import LangfuseProject, OtlpEndpoint
from agent.store.prompt_links import PromptLink
from agent.tracing.generation import generation_attributes, generation_id
from agent.tracing.ledger import TraceLedger, trace_id_of
from agent.tracing.observation import (
    OpenObservation,
    SdkObservation,
    SilentObservation,
    bounded,
    bounded_metadata,
    known_names,
    short_attribute,
)
from agent.tracing.sampling import Sampler
from agent.tracing.sending import SpanSender, langfuse_exporter, otlp_exporter
from agent.tracing.traced import TraceAttributes
from agent.types import ModelCall

log = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT_S = 3.0

SDK_ENVIRONMENT = {
    "LANGFUSE_MEDIA_UPLOAD_ENABLED": "false",  # else a text that looks like a data URI is uploaded, unmasked
}
"""Settings the SDK reads from the environment only."""
SDK_SCOPE = "langfuse-sdk"
"""The instrumentation scope whose spans the SDK exports."""

NO_PROJECT = LangfuseProject(public_key="no-project", secret_key=SecretStr("none"))
"""Where only an OTLP endpoint is configured: the SDK wants keys to make spans, and sends nothing here."""

_wanted_trace_id: ContextVar[str | None] = ContextVar("wanted_trace_id", default=None)
_wanted_span_id: ContextVar[int | None] = ContextVar("wanted_span_id", default=None)


class SilentTracer:
    """The tracer while Langfuse is not configured: the same trace ids, nothing sent."""

    def trace_id(self, turn_id: str) -> str:
        """Return the trace id of a turn, as the tracer with keys would."""
        return trace_id_of(turn_id)

    def turn(self, **_attributes: Any) -> AbstractContextManager[Observation]:
        """Open nothing."""
        return nullcontext(SilentObservation())

    def continued(self, *_names: Any, **_attributes: Any) -> AbstractContextManager[Observation]:
        """Open nothing."""
        return nullcontext(SilentObservation())

    def step(self, *_names: Any, **_attributes: Any) -> AbstractContextManager[Observation]:
        """Open nothing."""
        return nullcontext(SilentObservation())

    def passed(self, name: str, since: datetime, until: datetime) -> None:
        """Report nothing."""

    def call(self, call: ModelCall) -> None:
        """Report nothing."""

    def link_prompts(self, links: Collection[PromptLink]) -> None:
        """Link nothing."""

    def begin_again(self, turn_id: UUID) -> None:
        """Forget nothing."""

    def fates(self) -> TraceFates:
        """Return that nothing was sent, and nothing lost."""
        return TraceFates()

    def shutdown(self) -> None:
        """Do nothing."""


class LangfuseTracer:
    """Reports turns and their steps to one Langfuse project, to an OTLP endpoint, or to both.

    One per process and public key: the SDK keeps one client per key and ignores the arguments of a second.
    """

    def __init__(
        self,
        project: LangfuseProject | None,
        *,
        environment: str,
        release: str = "",
        sample_rate: float = 1.0,
        otlp: OtlpEndpoint | None = None,
    ) -> None:
        for name, value in SDK_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        exporters = [
            *([langfuse_exporter(project)] if project else []),
            *([otlp_exporter(otlp)] if otlp else []),
        ]
        self._senders = [SpanSender(each, TraceLedger()) for each in exporters]
        self._ledger = self._senders[0].ledger
        project = project or NO_PROJECT
        # Our own provider: no other library's spans, ids of our choice, and no wait of 30 s at exit.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": "nightshift"}),
            shutdown_on_exit=False,
            id_generator=TurnIdGenerator(),
        )
        for processor in _sampled(sample_rate, self._senders, self._ledger):
            self._provider.add_span_processor(processor)
        self._client = Langfuse(
            public_key=project.public_key,
            secret_key=project.secret_key.get_secret_value(),
            base_url=project.base_url.rstrip("/"),
            environment=environment,
            release=release or None,
            tracer_provider=self._provider,
            # It puts a trace's attributes on each span at its start. Sending what has ended is ours.
            should_export_span=lambda span: span.end_time is None,
        )
        # For observations that begin in the past, which the client cannot make; its processor takes those of its name.
        self._spans = self._provider.get_tracer(SDK_SCOPE, attributes={"public_key": project.public_key})
        self._public_key = project.public_key
        self._prompts: Mapping[tuple[str, str], int] = {}
        self.failures = 0
        """How many calls of the SDK have failed so far."""

    def trace_id(self, turn_id: str) -> str:
        """Return the trace id of a turn: the same at every call, in every process."""
        return trace_id_of(turn_id)

    def turn(
        self,
        *,
        input: Any,  # noqa: A002 — Langfuse's word
        name: str = "turn",
        **attributes: Unpack[TraceAttributes],
    ) -> AbstractContextManager[Observation]:
        """Open the root observation of a trace; every step inside carries its session, user, tags and version."""

        def start(stack: ExitStack) -> SdkObservation:
            trace_id = attributes["trace_id"]
            _propagate(stack, attributes, trace_name=name)
            with _ids(trace_id, int(_root_span_id(trace_id), 16)):
                opened = self._client.start_as_current_observation(name=name, as_type="agent", input=bounded(input))
                return stack.enter_context(opened)

        return OpenObservation(start, self._contained)

    def continued(self, name: str, **attributes: Unpack[TraceAttributes]) -> AbstractContextManager[Observation]:
        """Open an observation under the root of a turn taken earlier, perhaps by another process."""

        def start(stack: ExitStack) -> SdkObservation:
            trace_id = attributes["trace_id"]
            _propagate(stack, attributes)
            opened = self._client.start_as_current_observation(
                name=name,
                as_type="tool",
                trace_context={"trace_id": trace_id, "parent_span_id": _root_span_id(trace_id)},
            )
            return stack.enter_context(opened)

        return OpenObservation(start, self._contained)

    def step(
        self,
        name: str,
        kind: ObservationType = "span",
        *,
        input: Any = None,  # noqa: A002
        metadata: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[Observation]:
        """Open a step inside the current turn or step. Outside of a turn nothing is reported."""
        if not trace.get_current_span().get_span_context().is_valid:
            return nullcontext(SilentObservation())

        def start(stack: ExitStack) -> SdkObservation:
            opened = self._client.start_as_current_observation(
                name=name, as_type=kind, input=bounded(input), metadata=bounded_metadata(metadata)
            )
            return stack.enter_context(opened)

        return OpenObservation(start, self._contained)

    def passed(self, name: str, since: datetime, until: datetime) -> None:
        """Report time that has passed as a step of the current turn. Outside of a turn nothing is reported."""
        if not trace.get_current_span().get_span_context().is_valid:
            return
        with self._contained("passed"):
            span = self._spans.start_span(name, start_time=_ns(min(since, until)))
            span.set_attribute("langfuse.observation.type", "span")
            span.end(end_time=_ns(until))

    def call(self, call: ModelCall) -> None:
        """Report a model call as a generation under the current step, for as long as it took.

        The same call again replaces itself. Outside of a turn nothing is reported.
        """
        if not trace.get_current_span().get_span_context().is_valid:
            return
        with self._contained("call"):
            end_ns = time.time_ns() if call.ended_at is None else _ns(call.ended_at)
            with _ids(None, generation_id(call)):
                span = self._spans.start_span(f"{call.task} call", start_time=end_ns - call.latency_ms * 1_000_000)
            span.set_attributes(self._prompt_of(call))
            generation = LangfuseGeneration(otel_span=span, langfuse_client=self._client, **generation_attributes(call))
            generation.end(end_time=end_ns)

    def link_prompts(self, links: Collection[PromptLink]) -> None:
        """Link generations from now on to the versions of their prompts in this project."""
        self._prompts = {(each.name, each.version): each.number for each in links if each.project == self._public_key}

    def begin_again(self, turn_id: UUID) -> None:
        """Forget what was lost of a turn's trace: it is told again, whole."""
        self._ledger.begin_again(turn_id)

    def fates(self) -> TraceFates:
        """Return what has become of turns' traces since the last time, and how many spans were lost."""
        return TraceFates(
            states=self._ledger.take_states(),
            lost=sum(sender.ledger.take_lost() for sender in self._senders),
            is_well=self._senders[0].is_well,
        )

    def _prompt_of(self, call: ModelCall) -> dict[str, str | int]:
        """Return the attributes by which Langfuse links a generation; none while its prompt was never pushed."""
        number = self._prompts.get((call.task, call.prompt_version))
        if number is None:
            return {}
        return {"langfuse.observation.prompt.name": call.task, "langfuse.observation.prompt.version": number}

    def shutdown(self) -> None:
        """Send what can be sent within 3 s and stop. Blocks: call it in a thread.

        The SDK waits without a bound, so it waits in a daemon thread, which dies with the process.
        """
        stopping = Thread(target=self._stop, name="langfuse-shutdown", daemon=True)
        stopping.start()
        stopping.join(SHUTDOWN_TIMEOUT_S)

    def _stop(self) -> None:
        with self._contained("shutdown"):
            for sender in self._senders:
                sender.close()
            self._provider.shutdown()
            self._client.shutdown()

    @contextmanager
    def _contained(self, call: str) -> Iterator[None]:
        """Keep an error of the SDK away from the turn (P9): count it, and log the first."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 — the boundary to a library that must not stop a turn
            self.failures += 1
            if self.failures == 1:
                log.debug("Tracing failed in %s (%s); the turn goes on.", call, type(exc).__name__)


def _sampled(rate: float, senders: Sequence[SpanProcessor], ledger: TraceLedger) -> Sequence[SpanProcessor]:
    return senders if rate >= 1 else [Sampler(rate, senders, ledger)]


def _ns(at: datetime) -> int:
    """Return nanoseconds since 1970, exact to the microsecond."""
    return round(at.timestamp() * 1_000_000) * 1000


def _propagate(stack: ExitStack, attributes: TraceAttributes, *, trace_name: str = "turn") -> None:
    """Start from no active span, and give every span inside the trace's attributes."""
    # Langfuse shows input and output of a trace only from a span without any parent.
    stack.callback(detach, attach(Context()))
    stack.callback(known_names.reset, known_names.set(attributes.get("names", ())))
    stack.enter_context(
        propagate_attributes(
            session_id=short_attribute(attributes["session_id"]),
            user_id=short_attribute(attributes["user_id"]),
            tags=[short_attribute(tag) for tag in attributes["tags"]],
            metadata={key: short_attribute(value) for key, value in attributes["metadata"].items()},
            trace_name=trace_name,
            version=attributes.get("version") or None,
        )
    )


def _root_span_id(trace_id: str) -> str:
    """Return the id of a turn's root span: known to whoever knows the trace, so that a delivery finds it."""
    return trace_id[:16]


class TurnIdGenerator(RandomIdGenerator):
    """Gives a turn's root span the trace id we want, it and generations span ids that follow from them; else random.

    The SDK's own way, `trace_context=`, invents a parent, and Langfuse then shows the trace without input and output.
    """

    def generate_trace_id(self) -> int:
        """Return the wanted trace id, else a random one."""
        wanted = _wanted_trace_id.get()
        return int(wanted, 16) if wanted else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the wanted span id, else a random one."""
        wanted = _wanted_span_id.get()
        return super().generate_span_id() if wanted is None else wanted


@contextmanager
def _ids(trace_id: str | None, span_id: int) -> Iterator[None]:
    """Have the span that is started here get these ids."""
    trace_token, span_token = _wanted_trace_id.set(trace_id), _wanted_span_id.set(span_id)
    try:
        yield
    finally:
        _wanted_trace_id.reset(trace_token)
        _wanted_span_id.reset(span_token)
