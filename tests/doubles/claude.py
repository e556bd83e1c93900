"""A stand-in for the Claude API (`POST /v1/messages`) on a loopback port.

It refuses what the real API refuses, answers in the structure that is asked for, counts tokens with a prompt cache,
and fails as scripted. Runs in a test (`with ClaudeDouble() as double`), or by hand: `python -m tests.doubles.claude
--port 8100`, then `ANTHROPIC_BASE_URL=http://127.0.0.1:8100 ANTHROPIC_API_KEY=sk-ant-double`.
"""

import argparse
import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.doubles.claude_answers import Answers
from tests.doubles.claude_rules import ApiError, check_request

API_KEY = "sk-ant-double"
MIN_CACHED_TOKENS = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happens to one request; the default is an ordinary answer."""

    status: int = 200
    error_type: str = "api_error"
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    """Fields to put over the ordinary answer's."""
    text: str | None = None
    """The text of the answer, verbatim, whatever was asked for."""
    stop_reason: str = "end_turn"
    body: str | None = None
    """The whole response body, verbatim."""
    content_type: str = "application/json"
    delay_s: float = 0
    hang: bool = False
    """Answer never."""
    disconnect: bool = False
    """Break the connection in the middle of the answer."""


ORDINARY = Step()
OVERLOADED = Step(status=529, error_type="overloaded_error")
SERVER_ERROR = Step(status=500)
REFUSAL = Step(text="", stop_reason="refusal")
CUT_OFF = Step(text='{"language": "es", "te', stop_reason="max_tokens")
HTML = Step(body="<html>502 Bad Gateway</html>", content_type="text/html")
BROKEN_JSON = Step(body='{"id": "msg_1", "content": [')
HANG = Step(hang=True)
DISCONNECT = Step(disconnect=True)


def rate_limited(retry_after: str = "7", error_code: str | None = None) -> Step:
    """Return a 429, of a spending cap if `error_code` says so."""
    return Step(status=429, error_type="rate_limit_error", error_code=error_code, headers={"retry-after": retry_after})


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenRequest:
    """A request as it arrived."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def system(self) -> str:
        return _joined(self.body.get("system", ""))

    @property
    def user(self) -> str:
        return _joined(self.body["messages"][-1]["content"])


class ClaudeDouble:
    """The stand-in; a context manager that serves from its own thread. Read its lists from any thread."""

    def __init__(self, *, api_key: str = API_KEY, latency_s: float = 0, port: int = 0) -> None:
        self.api_key = api_key
        self.latency_s = latency_s
        self.requests: list[SeenRequest] = []
        """Those that were valid."""
        self.answers = Answers()
        self.steps: list[Step] = []
        """What happens to the next requests, one each; afterwards all is ordinary."""
        self.always = ORDINARY
        self._cached: set[tuple[str, str]] = set()
        self._socket = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(create_app(self), ws="none", lifespan="off", log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="claude-double")

    @property
    def base_url(self) -> str:
        """Where it listens: the value for ANTHROPIC_BASE_URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()  # the socket listens already, so nobody need wait
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def wait(self) -> None:
        """Wait until the server ends."""
        self._thread.join()

    def script(self, *steps: Step) -> None:
        """Say what happens to the next requests, one each."""
        self.steps.extend(steps)

    def when(self, fragment: str, **fields: Any) -> None:
        """Answer messages that contain `fragment` with these fields over the ordinary ones."""
        self.answers.table[fragment] = fields

    def next_step(self) -> Step:
        return self.steps.pop(0) if self.steps else self.always

    def count_prompt(self, seen: SeenRequest) -> dict[str, Any]:
        """Count the prompt's tokens, four characters each; what ends at a cache mark is written once, then read."""
        prefix = _cached_prefix(seen.body)
        tokens = len(prefix) // 4
        if tokens < MIN_CACHED_TOKENS:
            prefix, tokens = "", 0
        key = (str(seen.body["model"]), prefix)
        is_read = key in self._cached
        self._cached.add(key)
        written = 0 if is_read else tokens
        return {
            "input_tokens": max(1, (len(seen.system) + len(seen.user)) // 4 - tokens),
            "cache_read_input_tokens": tokens if is_read else 0,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written},
            "inference_geo": "global",
            "service_tier": "standard",
        }


def create_app(double: ClaudeDouble) -> FastAPI:
    """Return the Messages API over a double's state."""
    app = FastAPI()

    @app.exception_handler(ApiError)
    async def refuse(request: Request, exc: ApiError) -> JSONResponse:
        return _error(exc.status, exc.type, str(exc))

    @app.post("/v1/messages")
    async def create(request: Request) -> Response:
        body = check_request(request.headers, await request.body(), double.api_key)
        seen = SeenRequest(headers=dict(request.headers), body=body)
        double.requests.append(seen)
        step = double.next_step()
        await asyncio.sleep(double.latency_s + step.delay_s)
        if step.hang:
            await request.receive()  # returns when the client gives up; what we answer then goes nowhere
        if step.disconnect:
            return Response("{", headers={"content-length": "1000"}, media_type="application/json")
        if step.status != 200:
            return _error(step.status, step.error_type, "scripted", step.error_code, step.headers)
        if step.body is not None:
            return Response(step.body, media_type=step.content_type)
        return JSONResponse(_message(double, seen, step), headers={"request-id": _id("req")})

    return app


def _message(double: ClaudeDouble, seen: SeenRequest, step: Step) -> dict[str, Any]:
    """Return the answer to a valid request."""
    text = step.text
    if text is None:
        fields = {**double.answers.answer(seen.system, seen.user, seen.body), **(step.answer or {})}
        text = json.dumps(fields, ensure_ascii=False)
    thinks = seen.body.get("thinking", {"type": "adaptive"})["type"] == "adaptive"
    thinking_tokens = 40 if thinks else 0
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    if thinks:
        content.insert(0, {"type": "thinking", "thinking": "", "signature": secrets.token_hex(8)})
    usage = double.count_prompt(seen) | {
        "output_tokens": len(text) // 4 + 1 + thinking_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
    }
    refused = {"type": "refusal", "category": None, "explanation": None} if step.stop_reason == "refusal" else None
    return {
        "id": _id("msg"),
        "type": "message",
        "role": "assistant",
        "model": seen.body["model"],
        "content": content,
        "stop_reason": step.stop_reason,
        "stop_sequence": None,
        "stop_details": refused,
        "usage": usage,
    }


def _error(
    status: int, kind: str, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    details = {"details": {"error_code": code}} if code else {}
    request_id = _id("req")
    body = {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": request_id}
    return JSONResponse(body, status_code=status, headers={"request-id": request_id, **(headers or {})})


def _joined(content: Any) -> str:
    """Return the text of a string, or of a list of blocks."""
    return content if isinstance(content, str) else "\n".join(block["text"] for block in content)


def _cached_prefix(body: Mapping[str, Any]) -> str:
    """Return the system text up to the last block with a cache mark."""
    system = body.get("system", "")
    blocks = [] if isinstance(system, str) else system
    marked = [place for place, block in enumerate(blocks) if block.get("cache_control")]
    return _joined(blocks[: marked[-1] + 1]) if marked else ""


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds before each answer")
    arguments = parser.parse_args()
    with ClaudeDouble(port=arguments.port, latency_s=arguments.latency) as double:
        print(f"ANTHROPIC_BASE_URL={double.base_url} ANTHROPIC_API_KEY={double.api_key}", flush=True)  # noqa: T201 — its output
        double.wait()


if __name__ == "__main__":
    main()
