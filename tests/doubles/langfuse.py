"""A stand-in for Langfuse: takes spans (OTLP, protobuf) and scores (JSON) as its ingestion API does; keeps prompts.

Modes: `healthy`; `hang` accepts a request and never answers; `refuse` closes the connection without an answer;
`error` answers 500.
"""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import SecretStr

from agent.settings import LangfuseProject

PROMPTS = "/api/public/v2/prompts"
Mode = Literal["healthy", "hang", "refuse", "error"]


@dataclass(frozen=True, kw_only=True)
class SeenSpan:
    """One span as it arrived; ids in hex, `parent_id` empty for a root."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    events: int
    status: str
    start_ns: int
    end_ns: int

    @property
    def kind(self) -> str:
        return str(self.attributes["langfuse.observation.type"])

    def json(self, key: str) -> Any:
        """The value of an attribute that carries JSON, `langfuse.observation.` being understood."""
        return json.loads(self.attributes[f"langfuse.observation.{key}"])


@dataclass
class FakeLangfuse:
    """What the server knows. `url` is its base URL; wait for arrivals with `wait_for`."""

    public_key: str
    secret_key: str
    url: str = ""
    mode: Mode = "healthy"
    spans: list[SeenSpan] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    prompts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Versions by name, the first first."""
    bodies: list[bytes] = field(default_factory=list)
    """Every accepted body, decompressed."""
    headers: list[dict[str, str]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """Names of scores it will not have."""
    refused: int = 0
    """Requests with a wrong key."""
    requests: int = 0
    arrival: threading.Condition = field(default_factory=threading.Condition)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def project(self) -> LangfuseProject:
        """The project it stands for, and its keys."""
        return LangfuseProject(public_key=self.public_key, secret_key=SecretStr(self.secret_key), base_url=self.url)

    def wait_for_requests(self, count: int, timeout_s: float = 30) -> bool:
        """Wait until so many requests have begun; False when they have not in time."""
        with self.arrival:
            return self.arrival.wait_for(lambda: self.requests >= count, timeout_s)

    def named(self, name: str) -> SeenSpan:
        """The only span of that name."""
        [span] = [span for span in self.spans if span.name == name]
        return span

    @property
    def everything(self) -> str:
        """All that was sent, as text."""
        return b"\n".join(self.bodies).decode("utf-8", "replace")

    def write_prompt(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """A new version; the labels leave whatever had them."""
        versions = self.prompts.setdefault(wanted["name"], [])
        prompt = {**wanted, "version": len(versions) + 1, "labels": []}
        versions.append(prompt)
        self.label(wanted["name"], prompt["version"], [*wanted.get("labels", []), "latest"])
        return prompt

    def label(self, name: str, version: int, labels: list[str]) -> dict[str, Any]:
        for prompt in self.prompts[name]:
            prompt["labels"] = [each for each in prompt["labels"] if each not in labels]
        chosen = self.prompts[name][version - 1]
        chosen["labels"] += labels
        return chosen

    def find_prompt(self, name: str, label: str) -> dict[str, Any] | None:
        return next((each for each in self.prompts.get(name, []) if label in each["labels"]), None)

    @property
    def credentials(self) -> str:
        """Its keys, as HTTP's Basic scheme has them."""
        return base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()

    def is_authorized(self, header: str | None) -> bool:
        return header == f"Basic {self.credentials}"

    def begin(self) -> None:
        with self.arrival:
            self.requests += 1
            self.arrival.notify_all()

    def accept(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append(headers)
        self.bodies.append(body)
        if path == "/api/public/otel/v1/traces":
            self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
        else:
            self.scores.extend(score for score in json.loads(body) if score["name"] not in self.refuses)


@contextmanager
def fake_langfuse(public_key: str, secret_key: str = "sk-lf-test") -> Iterator[FakeLangfuse]:
    """Run the server on a free port of the loopback interface."""
    state = FakeLangfuse(public_key, secret_key)

    class Handler(_Handler):
        langfuse = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    langfuse: FakeLangfuse
    paths = ("/api/public/otel/v1/traces", "/api/public/scores")

    def do_GET(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        self.langfuse.begin()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.langfuse.mode == "hang":
            self.langfuse.closing.wait()
        if self.langfuse.mode in {"hang", "refuse"}:
            self.close_connection = True
        elif self.langfuse.mode == "error":
            self._answer(500, b"{}")
        elif self.path not in self.paths and not self.path.startswith(PROMPTS):
            self._answer(404, b"{}")
        elif not self.langfuse.is_authorized(self.headers.get("authorization")):
            self.langfuse.refused += 1
            self._answer(401, b'{"message":"Invalid credentials"}')
        elif self.path.startswith(PROMPTS):
            self._answer_prompt(body)
        else:
            self._take(body)

    def _answer_prompt(self, body: bytes) -> None:
        url = urlsplit(self.path)
        name, _, rest = url.path[len(PROMPTS) + 1 :].partition("/versions/")
        found: dict[str, Any] | None
        if self.command == "POST":
            found = self.langfuse.write_prompt(json.loads(body))
        elif self.command == "PATCH":
            found = self.langfuse.label(unquote(name), int(rest), json.loads(body)["newLabels"])
        else:
            found = self.langfuse.find_prompt(unquote(name), parse_qs(url.query)["label"][0])
        self._answer(200 if found else 404, json.dumps(found or {"message": "Prompt not found"}).encode())

    def _take(self, body: bytes) -> None:
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.langfuse.accept(self.path, headers, body)
        if self.path.endswith("traces"):
            self._answer(200, ExportTraceServiceResponse().SerializeToString())
        else:
            self._answer_scores(json.loads(body))

    def _answer_scores(self, scores: list[dict[str, Any]]) -> None:
        rejected = sum(score["name"] in self.langfuse.refuses for score in scores)
        if rejected:
            results = {"accepted": len(scores) - rejected, "rejected": rejected, "errors": [{"message": "invalid"}]}
            self._answer(207, json.dumps(results).encode())
        else:
            self._answer(202, json.dumps([{"id": score.get("id", "")} for score in scores]).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class's name
        """Stay silent."""


def _spans(request: ExportTraceServiceRequest) -> Iterator[SeenSpan]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _seen(span)


def _seen(span: Span) -> SeenSpan:
    return SeenSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes={pair.key: _plain(pair.value) for pair in span.attributes},
        events=len(span.events),
        status=span.status.message,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
    )


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
