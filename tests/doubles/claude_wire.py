"""How the double for Claude puts an answer on the wire: whole or as a stream, to its end or broken."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.doubles.claude_traffic import Step

CHARS_PER_EVENT = 24
PING_S = 0.05
NEVER_S = 600.0


def new_id(prefix: str) -> str:
    """Return an id like the vendor's."""
    return f"{prefix}_{secrets.token_hex(12)}"


def error_response(step: Step, message: str = "scripted") -> JSONResponse:
    """Return an error as the API words it."""
    request_id = new_id("req")
    details = {"details": {"error_code": step.error_code}} if step.error_code else {}
    body = {
        "type": "error",
        "error": {"type": step.error_type, "message": message, **details},
        "request_id": request_id,
    }
    return JSONResponse(body, status_code=step.status, headers={"request-id": request_id, **step.headers})


def whole_response(message: Mapping[str, Any], step: Step, headers: Mapping[str, str]) -> Response:
    """Return an answer in one piece."""
    if step.disconnect:
        return Response("{", headers={"content-length": "1000"}, media_type="application/json")
    if step.early_end:
        return JSONResponse({**message, "stop_reason": None}, headers=dict(headers))
    if step.stall or step.pings:
        return StreamingResponse(_stall(), headers={**headers, "content-length": "1000"}, media_type="application/json")
    return JSONResponse(message, headers=dict(headers))


def stream_response(
    message: Mapping[str, Any], step: Step, headers: Mapping[str, str], *, seconds: float, request: Request
) -> Response:
    """Return an answer as a stream of server-sent events that takes some seconds."""
    # A length that is never reached makes the server cut the connection.
    broken = {"content-length": "1000000"} if step.disconnect else {}
    lines = _pace(list(_events(message)), step, seconds, request)
    return StreamingResponse(lines, headers={**headers, **broken}, media_type="text/event-stream")


async def _stall() -> AsyncIterator[str]:
    yield "{"
    await asyncio.sleep(NEVER_S)


async def _pace(
    events: list[tuple[str, dict[str, Any]]], step: Step, seconds: float, request: Request
) -> AsyncIterator[str]:
    """Yield the events over some seconds, up to where the step breaks them off."""
    broken = step.stall or step.disconnect or step.early_end or step.stream_error
    last = 1 if step.pings else len(events) // 2 if broken else len(events)
    for kind, data in events[:last]:
        yield _line(kind, data)
        if seconds:
            await asyncio.sleep(seconds / len(events))
    while step.pings and not await request.is_disconnected():
        yield _line("ping", {})
        await asyncio.sleep(PING_S)
    if step.stall:
        await asyncio.sleep(NEVER_S)
    if step.stream_error:
        yield _line("error", {"error": {"type": step.stream_error, "message": "scripted"}})


def _events(message: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    usage = message["usage"]
    opening = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[tuple[str, dict[str, Any]]] = [("message_start", {"message": opening})]
    for index, block in enumerate(message["content"]):
        is_text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if is_text else block
        events.append(("content_block_start", {"index": index, "content_block": empty}))
        text = block["text"] if is_text else ""
        for start in range(0, len(text), CHARS_PER_EVENT):
            delta = {"type": "text_delta", "text": text[start : start + CHARS_PER_EVENT]}
            events.append(("content_block_delta", {"index": index, "delta": delta}))
        events.append(("content_block_stop", {"index": index}))
    ending = {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    totals = {key: usage[key] for key in ("output_tokens", "output_tokens_details")}
    return [*events, ("message_delta", {"delta": ending, "usage": totals}), ("message_stop", {})]


def _line(kind: str, data: Mapping[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n"
