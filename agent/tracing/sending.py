"""Sends spans to one OTLP endpoint: from a bounded queue, by a thread of its own, within a bounded time at the end.

The SDK's own processor waits without a bound at exit and does not say what it drops. Here the oldest spans are dropped
when the endpoint is slower than we are, and each that is lost is counted (promise P9: tracing never touches a turn).
"""

import base64
import logging
from collections import deque
from threading import Condition, Thread

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agent.settings import LangfuseProject, OtlpEndpoint
from agent.tracing.ledger import TraceLedger

MAX_SPANS = 1024
MAX_TEXT = 2_000_000
"""Characters of text in the spans that wait: about 30 turns, or 5 MB with all that is around them."""
BATCH = 256
FLUSH_S = 1.0
EXPORT_TIMEOUT_S = 2
SHUTDOWN_TIMEOUT_S = 2.5

log = logging.getLogger(__name__)
# It would say so for every batch, each second, for as long as an endpoint is away.
logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").setLevel(logging.CRITICAL)


def langfuse_exporter(project: LangfuseProject) -> SpanExporter:
    """Return what hands spans to a Langfuse project, as its SDK does."""
    secret = project.secret_key.get_secret_value()
    credentials = base64.b64encode(f"{project.public_key}:{secret}".encode()).decode("ascii")
    return OTLPSpanExporter(
        endpoint=f"{project.base_url.rstrip('/')}/api/public/otel/v1/traces",
        headers={
            "Authorization": f"Basic {credentials}",
            "x-langfuse-public-key": project.public_key,
            "x-langfuse-ingestion-version": "4",
        },
        timeout=EXPORT_TIMEOUT_S,
        compression=Compression.Gzip,
    )


def otlp_exporter(endpoint: OtlpEndpoint) -> SpanExporter:
    """Return what hands spans to any OTLP endpoint over HTTP."""
    headers = {name: value.get_secret_value() for name, value in endpoint.headers.items()}
    return OTLPSpanExporter(
        endpoint=endpoint.url, headers=headers, timeout=EXPORT_TIMEOUT_S, compression=Compression.Gzip
    )


class SpanSender(SpanProcessor):
    """The way of ended spans to one endpoint."""

    def __init__(self, exporter: SpanExporter, ledger: TraceLedger) -> None:
        self._exporter = exporter
        self.ledger = ledger
        """What has become of them."""
        self._waiting: deque[tuple[ReadableSpan, int]] = deque()
        self._text = 0
        self._closing = False
        self._wake = Condition()
        self.is_well = True
        """Whether the endpoint took what it was last sent."""
        self._thread = Thread(target=self._run, name="trace-sender", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span; the oldest make room for it."""
        lost: list[ReadableSpan] = []
        with self._wake:
            if self._closing:
                lost.append(span)
            else:
                size = _text_of(span)
                self._waiting.append((span, size))
                self._text += size
                while len(self._waiting) > MAX_SPANS or self._text > MAX_TEXT:
                    lost.append(self._pop())
                if len(self._waiting) >= BATCH:
                    self._wake.notify()
        if lost:
            self.ledger.lose(lost)

    def close(self) -> None:
        """Take nothing more, and begin to send the rest. Returns at once."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    def shutdown(self) -> None:
        """Send what can be sent within 2.5 s and stop. What is left is lost, and counted."""
        self.close()
        self._thread.join(SHUTDOWN_TIMEOUT_S)
        with self._wake:
            rest = [self._pop() for _ in range(len(self._waiting))]
        self.ledger.lose(rest)

    def _pop(self) -> ReadableSpan:
        span, size = self._waiting.popleft()
        self._text -= size
        return span

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing or len(self._waiting) >= BATCH, FLUSH_S)
                batch = [self._pop() for _ in range(min(BATCH, len(self._waiting)))]
                if not batch and self._closing:
                    break
            if batch:
                self._send(batch)
        self._exporter.shutdown()

    def _send(self, batch: list[ReadableSpan]) -> None:
        try:
            result = self._exporter.export(batch)
        except Exception as exc:  # noqa: BLE001 — a library's thread boundary: what it cannot send is lost, not fatal
            log.debug("Spans could not be exported (%s).", type(exc).__name__)
            result = SpanExportResult.FAILURE
        self._tell(is_well=result is SpanExportResult.SUCCESS)
        if self.is_well:
            self.ledger.arrive(batch)
        else:
            self.ledger.lose(batch)

    def _tell(self, *, is_well: bool) -> None:
        """Log when the endpoint stops taking spans, and when it takes them again."""
        if is_well != self.is_well:
            log.warning("Traces are taken again." if is_well else "Traces are not taken; what is lost is counted.")
        self.is_well = is_well


def _text_of(span: ReadableSpan) -> int:
    return sum(len(value) for value in (span.attributes or {}).values() if isinstance(value, str))
