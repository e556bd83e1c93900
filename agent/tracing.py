"""Traces in Langfuse, one per turn (promise P9). The only importer of `langfuse`.

Nothing here may touch a turn: no call raises, none waits for the network, and what leaves is masked and bounded.
Spans go to a bounded queue that a thread of the SDK sends; when Langfuse is down the oldest are dropped, and the
`events` table still has everything.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import sha256
from threading import Thread
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import NAMESPACE_OID, uuid5

from langfuse import Langfuse, LangfuseGeneration, propagate_attributes
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from agent.generation import generation_attributes
from agent.masking import mask, mask_text
from agent.ports import Level, Observation, ObservationType, Tracer
from agent.settings import Settings
from agent.types import ModelCall

log = logging.getLogger(__name__)

EXPORT_TIMEOUT_S = 2
SHUTDOWN_TIMEOUT_S = 4.5
MAX_BYTES = 10_000
"""Largest input, output or metadata value that is sent."""
MAX_METADATA_KEYS = 32
MAX_ATTRIBUTE_CHARS = 200
"""Langfuse drops longer ids, tags and trace metadata instead of cutting them; metadata is counted as JSON."""

SDK_ENVIRONMENT = {
    "LANGFUSE_MEDIA_UPLOAD_ENABLED": "false",  # else a text that looks like a data URI is uploaded, unmasked
    "OTEL_BSP_MAX_QUEUE_SIZE": "1024",  # spans waiting to be sent
}
"""Settings the SDK reads from the environment only."""
SDK_SCOPE = "langfuse-sdk"
"""The instrumentation scope whose spans the SDK exports."""

_wanted_trace_id: ContextVar[str | None] = ContextVar("wanted_trace_id", default=None)


def build_tracer(settings: Settings) -> Tracer:
    """Return a tracer for the configured Langfuse project, or a silent one while a key is missing."""
    if not (settings.langfuse_public_key and settings.langfuse_secret_key):
        return SilentTracer()
    return LangfuseTracer(
        public_key=settings.langfuse_public_key,
        secret_key=settings.langfuse_secret_key.get_secret_value(),
        base_url=settings.langfuse_base_url,
        environment=settings.nightshift_environment,
    )


def trace_id_of(turn_id: str) -> str:
    """Return a turn's trace id, the one `Langfuse.create_trace_id(seed=turn_id)` gives, in any process."""
    return sha256(turn_id.encode()).hexdigest()[:32]


class SilentObservation:
    """An observation that nobody sees."""

    def update(self, **_values: Any) -> None:
        """Do nothing."""


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

    def call(self, call: ModelCall) -> None:
        """Report nothing."""

    def score(self, name: str, value: float | str, *, trace_id: str, subject: str, comment: str = "") -> None:
        """Report nothing."""

    def shutdown(self) -> None:
        """Do nothing."""


class LangfuseTracer:
    """Reports turns and their steps to one Langfuse project. One per process and public key.

    The SDK keeps one client per public key and ignores the arguments of a second.
    """

    def __init__(self, *, public_key: str, secret_key: str, base_url: str, environment: str) -> None:
        for name, value in SDK_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        # Our own provider: no other library's spans, ids of our choice, and no wait of 30 s at exit.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": "nightshift"}),
            shutdown_on_exit=False,
            id_generator=TurnIdGenerator(),
        )
        self._client = Langfuse(
            public_key=public_key,
            secret_key=secret_key,
            base_url=base_url.rstrip("/"),
            environment=environment,
            timeout=EXPORT_TIMEOUT_S,
            flush_at=256,
            flush_interval=1,
            tracer_provider=self._provider,
        )
        # For observations that begin in the past, which the client cannot make; its processor takes those of its name.
        self._spans = self._provider.get_tracer(SDK_SCOPE, attributes={"public_key": public_key})
        self._environment = environment
        self.failures = 0
        """How many calls of the SDK have failed so far."""

    def trace_id(self, turn_id: str) -> str:
        """Return the trace id of a turn: the same at every call, in every process."""
        return trace_id_of(turn_id)

    def turn(
        self,
        *,
        trace_id: str,
        session_id: str,
        user_id: str,
        tags: Sequence[str],
        metadata: Mapping[str, str],
        input: Any,  # noqa: A002 — Langfuse's word
        name: str = "turn",
    ) -> AbstractContextManager[Observation]:
        """Open the root observation of a trace; every step inside carries its session, user and tags."""

        def start(stack: ExitStack) -> SdkObservation:
            _propagate(stack, session_id, user_id, tags, metadata, trace_name=name)
            with _trace_id(trace_id):
                opened = self._client.start_as_current_observation(name=name, as_type="agent", input=bounded(input))
                return stack.enter_context(opened)

        return OpenObservation(start, self._contained)

    def continued(
        self,
        name: str,
        *,
        trace_id: str,
        session_id: str,
        user_id: str,
        tags: Sequence[str],
        metadata: Mapping[str, str],
    ) -> AbstractContextManager[Observation]:
        """Open an observation under the root of a turn taken earlier, perhaps by another process."""

        def start(stack: ExitStack) -> SdkObservation:
            _propagate(stack, session_id, user_id, tags, metadata)
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
                name=name, as_type=kind, input=bounded(input), metadata=_metadata(metadata)
            )
            return stack.enter_context(opened)

        return OpenObservation(start, self._contained)

    def call(self, call: ModelCall) -> None:
        """Report a model call as a generation under the current step, for as long as it took.

        Outside of a turn nothing is reported.
        """
        if not trace.get_current_span().get_span_context().is_valid:
            return
        with self._contained("call"):
            end_ns = time.time_ns() if call.ended_at is None else round(call.ended_at.timestamp() * 1_000_000) * 1000
            span = self._spans.start_span(f"{call.task} call", start_time=end_ns - call.latency_ms * 1_000_000)
            generation = LangfuseGeneration(otel_span=span, langfuse_client=self._client, **generation_attributes(call))
            generation.end(end_time=end_ns)

    def score(self, name: str, value: float | str, *, trace_id: str, subject: str, comment: str = "") -> None:
        """Report a judgement on a trace: a number, or one of a few words. The same name and `subject` replace it.

        Langfuse keeps one score per id, and masks nothing of a score.
        """
        with self._contained("score"):
            self._client.create_score(  # type: ignore[call-overload]  # its overloads part numbers from words
                name=name,
                value=value,
                trace_id=trace_id,
                data_type="CATEGORICAL" if isinstance(value, str) else "NUMERIC",
                score_id=str(uuid5(NAMESPACE_OID, f"{subject}:{name}")),
                comment=mask_text(comment, 500) or None,
                environment=self._environment,
            )

    def shutdown(self) -> None:
        """Send what can be sent within 4.5 s and stop. Blocks: call it in a thread.

        The SDK waits without a bound, so it waits in a daemon thread, which dies with the process.
        """
        stopping = Thread(target=self._stop, name="langfuse-shutdown", daemon=True)
        stopping.start()
        stopping.join(SHUTDOWN_TIMEOUT_S)

    def _stop(self) -> None:
        with self._contained("shutdown"):
            self._client.shutdown()
            self._provider.shutdown()

    @contextmanager
    def _contained(self, call: str) -> Iterator[None]:
        """Keep an error of the SDK away from the turn (P9): count it, and log the first."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 — the boundary to a library that must not stop a turn
            self.failures += 1
            if self.failures == 1:
                log.debug("Tracing failed in %s (%s); the turn goes on.", call, type(exc).__name__)


class SdkObservation(Protocol):
    """The part of the SDK's observations that is used here."""

    def update(self, **values: Any) -> object:
        """Set what is given and not None."""
        ...


class OpenObservation:
    """An observation of Langfuse, open while its `with` block runs."""

    def __init__(
        self,
        start: Callable[[ExitStack], SdkObservation],
        contained: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._start = start
        self._contained = contained
        self._open = ExitStack()
        self._sdk: SdkObservation | None = None

    def __enter__(self) -> Self:
        """Start it."""
        with self._contained("start"):
            self._sdk = self._start(self._open)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """End it. An exception goes on unchanged; only the name of its type is reported.

        The SDK never sees the exception: it would send its message and stack trace, unmasked.
        """
        if kind is not None:
            self.update(level="ERROR", status_message=kind.__name__)
        with self._contained("end"):
            self._open.close()

    def update(
        self,
        *,
        output: Any = None,
        metadata: Mapping[str, Any] | None = None,
        level: Level | None = None,
        status_message: str | None = None,
    ) -> None:
        """Add what is known by now."""
        if self._sdk is None:
            return
        with self._contained("update"):
            values = {
                "output": bounded(output),
                "metadata": _metadata(metadata),
                "level": level,
                "status_message": None if status_message is None else mask_text(status_message, 500),
            }
            self._sdk.update(**values)


def _propagate(
    stack: ExitStack,
    session_id: str,
    user_id: str,
    tags: Sequence[str],
    metadata: Mapping[str, str],
    *,
    trace_name: str = "turn",
) -> None:
    """Start from no active span, and give every span inside the trace's attributes."""
    # Langfuse shows input and output of a trace only from a span without any parent.
    stack.callback(detach, attach(Context()))
    stack.enter_context(
        propagate_attributes(
            session_id=_short(session_id),
            user_id=_short(user_id),
            tags=[_short(tag) for tag in tags],
            metadata={key: _short(value) for key, value in metadata.items()},
            trace_name=trace_name,
        )
    )


def _root_span_id(trace_id: str) -> str:
    """Return the id of a turn's root span: known to whoever knows the trace, so that a delivery finds it."""
    return trace_id[:16]


class TurnIdGenerator(RandomIdGenerator):
    """Gives a turn's root span the trace id we want, and an id that follows from it; every other id is random.

    The SDK's own way, `trace_context=`, invents a parent, and Langfuse then shows the trace without input and output.
    """

    def generate_trace_id(self) -> int:
        """Return the wanted trace id, else a random one."""
        wanted = _wanted_trace_id.get()
        return int(wanted, 16) if wanted else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the root's id while a root is started, else a random one."""
        wanted = _wanted_trace_id.get()
        return int(_root_span_id(wanted), 16) if wanted else super().generate_span_id()


@contextmanager
def _trace_id(trace_id: str) -> Iterator[None]:
    token = _wanted_trace_id.set(trace_id)
    try:
        yield
    finally:
        _wanted_trace_id.reset(token)


def bounded(value: Any) -> Any:
    """Mask a value and bring it under 10 kB: what is larger becomes the start of its JSON text."""
    clean = mask(value)
    data = (clean if isinstance(clean, str) else json.dumps(clean)).encode()
    if len(data) <= MAX_BYTES:
        return clean
    return data[:MAX_BYTES].decode(errors="ignore") + "…"


def _metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not metadata:
        return None
    clean = mask(dict(metadata))
    return {key: bounded(clean[key]) for key in list(clean)[:MAX_METADATA_KEYS]}


def _short(text: str) -> str:
    """Mask a trace attribute and cut it so that its JSON text fits into Langfuse's 200 characters."""
    clean = mask_text(text)[: MAX_ATTRIBUTE_CHARS - 2]
    excess = len(json.dumps(clean, ensure_ascii=False)) - MAX_ATTRIBUTE_CHARS
    return clean[: len(clean) - max(0, excess)]
