"""A stand-in for the Claude API (`POST /v1/messages`) on a loopback port; for Bedrock's and Vertex's form of it too.

It refuses what the real API refuses, answers in the structure that is asked for, whole or as a stream, counts tokens
with a prompt cache, keeps rate limits, takes its time, and fails as scripted or at random. Runs in a test (`with
ClaudeDouble() as double`), or by hand: `python -m tests.doubles.claude --port 8100`, then
`ANTHROPIC_BASE_URL=http://127.0.0.1:8100 ANTHROPIC_API_KEY=sk-ant-double`.
"""

import argparse
import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.doubles.claude_answers import Answers
from tests.doubles.claude_batches import PATH as BATCHES
from tests.doubles.claude_batches import BatchShelf, batch_routes
from tests.doubles.claude_rules import ApiError, check_cloud_request, check_request
from tests.doubles.claude_tokens import PromptCache, count_tokens
from tests.doubles.claude_traffic import (
    BROKEN_JSON,
    CUT_OFF,
    DISCONNECT,
    HANG,
    HTML,
    ORDINARY,
    OVERLOADED,
    REFUSAL,
    SERVER_ERROR,
    Latency,
    Mix,
    RateLimits,
    Step,
    rate_limited,
)
from tests.doubles.claude_wire import error_response, new_id, stream_response, whole_response

__all__ = [
    "API_KEY",
    "BROKEN_JSON",
    "CUT_OFF",
    "DISCONNECT",
    "HANG",
    "HTML",
    "OVERLOADED",
    "REFUSAL",
    "SERVER_ERROR",
    "ClaudeDouble",
    "Step",
    "rate_limited",
]

API_KEY = "sk-ant-double"
THINKING_TOKENS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenRequest:
    """A request as it arrived."""

    headers: Mapping[str, str]
    path: str
    body: Mapping[str, Any]

    @property
    def system(self) -> str:
        return _joined(self.body.get("system", ""))

    @property
    def user(self) -> str:
        return _joined(self.body["messages"][-1]["content"])


class ClaudeDouble:
    """The stand-in; a context manager that serves from its own thread. Read its lists from any thread."""

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        latency_s: float = 0,
        port: int = 0,
        latency: Latency | None = None,
        limits: RateLimits | None = None,
        mix: Mix | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api_key = api_key
        self.latency_s = latency_s
        self.latency = latency
        self.limits = limits
        self.mix = mix
        self.requests: list[SeenRequest] = []
        """Those that were valid."""
        self.answers = Answers()
        self.steps: list[Step] = []
        """What happens to the next requests, one each; afterwards all is as `always`, or as `mix` has it."""
        self.always = ORDINARY
        self.cache = PromptCache(clock=clock)
        self.batches = BatchShelf(
            lambda params, step: self.message(SeenRequest(headers={}, path=BATCHES, body=params), step)
        )
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
        self._server.should_exit = self._server.force_exit = True
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
        """Return what happens to the request at hand."""
        if self.steps:
            return self.steps.pop(0)
        return self.mix.draw() if self.mix is not None else self.always

    def message(self, seen: SeenRequest, step: Step) -> dict[str, Any]:
        """Return the answer to a valid request, and count what it costs."""
        text = step.text
        if text is None:
            fields = {**self.answers.answer(seen.system, seen.user, seen.body), **(step.answer or {})}
            text = json.dumps(fields, ensure_ascii=False)
        thinks = (seen.body.get("thinking") or {"type": "adaptive"})["type"] == "adaptive"
        thinking_tokens = THINKING_TOKENS if thinks else 0
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        if thinks:
            content.insert(0, {"type": "thinking", "thinking": "", "signature": new_id("sig")})
        refused = {"type": "refusal", "category": None, "explanation": None} if step.stop_reason == "refusal" else None
        return {
            "id": new_id("msg"),
            "type": "message",
            "role": "assistant",
            "model": seen.body["model"],
            "content": content,
            "stop_reason": step.stop_reason,
            "stop_sequence": None,
            "stop_details": refused,
            "usage": self.cache.count(seen.body)
            | {
                "output_tokens": count_tokens(text) + 1 + thinking_tokens,
                "output_tokens_details": {"thinking_tokens": thinking_tokens},
            },
        }


def create_app(double: ClaudeDouble) -> FastAPI:
    """Return the Messages API over a double's state, at the addresses of Anthropic, Bedrock and Vertex."""
    app = FastAPI()
    app.include_router(batch_routes(double.batches, api_key=double.api_key))

    @app.exception_handler(ApiError)
    async def refuse(request: Request, exc: ApiError) -> JSONResponse:
        return error_response(Step(status=exc.status, error_type=exc.type), str(exc))

    @app.post("/v1/messages")
    async def create(request: Request) -> Response:
        return await _answer(double, request, check_request(request.headers, await request.body(), double.api_key))

    @app.post("/model/{model}/invoke")
    async def invoke(request: Request, model: str) -> Response:
        name = model.rpartition("anthropic.")[2]
        body = check_cloud_request(request.headers, await request.body(), double.api_key, model=name, stream=False)
        return await _answer(double, request, body)

    @app.post("/projects/{project}/locations/{region}/publishers/anthropic/models/{call}")
    async def predict(request: Request, call: str) -> Response:
        model, _, verb = call.partition(":")
        streams = {"rawPredict": False, "streamRawPredict": True}
        if verb not in streams:
            raise ApiError(404, "not_found_error", verb)
        raw = await request.body()
        body = check_cloud_request(request.headers, raw, double.api_key, model=model, stream=streams[verb])
        return await _answer(double, request, body)

    return app


async def _answer(double: ClaudeDouble, request: Request, body: dict[str, Any]) -> Response:
    """Answer a valid request as the script, the limits and luck have it."""
    seen = SeenRequest(headers=dict(request.headers), path=request.url.path, body=body)
    double.requests.append(seen)
    step = double.next_step()
    await asyncio.sleep(double.latency_s + step.delay_s)
    if step.hang:
        await request.receive()  # returns when the client gives up; what we answer then goes nowhere
    if step.status != 200:
        return error_response(step)
    if step.body is not None:
        return Response(step.body, media_type=step.content_type)
    message = double.message(seen, step)
    headers = {"request-id": new_id("req")}
    if double.limits is not None:
        usage = message["usage"]
        taken = usage["input_tokens"] + usage["cache_creation_input_tokens"]  # what is read from the cache is free
        if refusal := double.limits.take(input_tokens=taken, output_tokens=usage["output_tokens"]):
            return error_response(refusal)
        headers |= double.limits.headers()
    first_s, token_s = double.latency.draw(body["model"]) if double.latency else (0.0, 0.0)
    seconds = token_s * message["usage"]["output_tokens"]
    await asyncio.sleep(first_s)
    if body.get("stream"):
        return stream_response(message, step, headers, seconds=seconds, request=request)
    await asyncio.sleep(seconds)
    return whole_response(message, step, headers)


def _joined(content: Any) -> str:
    """Return the text of a string, or of a list of blocks."""
    return content if isinstance(content, str) else "\n".join(block["text"] for block in content if "text" in block)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--slowness", type=float, default=1.0, help="how long answers take: 1 as the real one")
    arguments = parser.parse_args()
    with ClaudeDouble(port=arguments.port, latency=Latency(1, scale=arguments.slowness)) as double:
        print(f"ANTHROPIC_BASE_URL={double.base_url} ANTHROPIC_API_KEY={double.api_key}", flush=True)  # noqa: T201 — its output
        double.wait()


if __name__ == "__main__":
    main()
