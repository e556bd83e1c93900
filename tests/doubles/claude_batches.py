"""The Message Batches API of the double for Claude: create, retrieve, list, results and cancel, as the SDK calls them.

A batch ends when a test says so, or at the first look if `end_at_once`. Its results come in another order than its
requests. What cannot be known of a batch before it has ended, here cannot be known either.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from re import fullmatch
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from tests.doubles.claude_rules import API_VERSION, ApiError, check_body, check_key, read_body, require
from tests.doubles.claude_traffic import ORDINARY, Step
from tests.doubles.claude_wire import error_response, new_id

Fate = Literal["expired", "canceled", "overloaded_error", "api_error", "lost"] | Step
"""How a request ends, unless well: a step is an answer of that kind, and what is lost is not among the results."""
Answer = Callable[[dict[str, Any], Step], dict[str, Any]]
"""Answers the parameters of a message."""
LIFE = timedelta(hours=24)
MAX_REQUESTS = 100_000
PATH = "/v1/messages/batches"


@dataclass(kw_only=True, slots=True)
class HeldBatch:
    """A batch the double has taken."""

    id: str
    requests: list[dict[str, Any]]
    created_at: datetime
    status: Literal["in_progress", "canceling", "ended"] = "in_progress"
    results: list[dict[str, Any]] = field(default_factory=list)
    ended_at: datetime | None = None
    cancelled_at: datetime | None = None

    def wire(self, base_url: str) -> dict[str, Any]:
        """Return it as the API shows it: neither names nor notes, and counts only at the end."""
        kinds = [line["result"]["type"] for line in self.results]
        counts = {kind: kinds.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")}
        open_ones = 0 if self.status == "ended" else len(self.requests)
        if self.status == "ended":
            counts["errored"] += len(self.requests) - len(kinds)  # lost ones
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": {"processing": open_ones, **counts},
            "created_at": self.created_at.isoformat(),
            "expires_at": (self.created_at + LIFE).isoformat(),
            "ended_at": self.ended_at and self.ended_at.isoformat(),
            "cancel_initiated_at": self.cancelled_at and self.cancelled_at.isoformat(),
            "archived_at": None,
            "results_url": f"{base_url}{PATH}/{self.id}/results" if self.status == "ended" else None,
        }


class BatchShelf:
    """All batches of a double, oldest first."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.held: list[HeldBatch] = []
        self.end_at_once = True
        self.fates: dict[str, list[Fate]] = {}
        """How requests end whose prompt holds a fragment, one after the other; then they succeed."""
        self.steps: list[Step] = []
        """What happens to the next calls of this API; a hang is one after the batch was taken."""

    @property
    def prompts(self) -> list[str]:
        """What was asked, in all batches."""
        return [each["params"]["messages"][-1]["content"] for batch in self.held for each in batch.requests]

    def next_step(self) -> Step:
        """Return what happens to the call at hand."""
        return self.steps.pop(0) if self.steps else ORDINARY

    def create(self, body: Mapping[str, Any]) -> HeldBatch:
        """Take a batch, or refuse it. What is wrong with a single request shows in its result only."""
        requests = body.get("requests")
        require(isinstance(requests, list) and 0 < len(requests) <= MAX_REQUESTS, "requests: 1 to 100000 are taken")
        names = [each.get("custom_id") for each in requests or ()]
        require(all(fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(name)) for name in names), "custom_id: malformed")
        require(len(set(names)) == len(names), "custom_id: must be unique")
        batch = HeldBatch(id=new_id("msgbatch"), requests=list(requests or ()), created_at=datetime.now(UTC))
        self.held.append(batch)
        return batch

    def get(self, batch_id: str) -> HeldBatch:
        """Return a batch."""
        found = [batch for batch in self.held if batch.id == batch_id]
        if not found:
            raise ApiError(404, "not_found_error", f"batch {batch_id}")
        return found[0]

    def end(self, batch: HeldBatch) -> None:
        """Answer every request of a batch."""
        if batch.status == "ended":
            return
        fate: Fate | None = "canceled" if batch.status == "canceling" else None
        lines = [self._line(each, fate) for each in batch.requests]
        batch.results = [line for line in lines if line is not None]
        Random(len(lines)).shuffle(batch.results)
        batch.status, batch.ended_at = "ended", datetime.now(UTC)

    def _line(self, request: Mapping[str, Any], fate: Fate | None) -> dict[str, Any] | None:
        prompt = request["params"]["messages"][-1]["content"]
        fate = fate or self._fate(prompt)
        if fate == "lost":
            return None
        return {"custom_id": request["custom_id"], "result": self._result(request["params"], fate)}

    def _fate(self, prompt: str) -> Fate:
        for fragment, fates in self.fates.items():
            if fragment in prompt and fates:
                return fates.pop(0)
        return ORDINARY

    def _result(self, params: dict[str, Any], fate: Fate) -> dict[str, Any]:
        if not isinstance(fate, Step):
            return {"type": fate} if fate in {"expired", "canceled"} else _errored(fate, "scripted")
        try:
            check_body(params)
            require("stream" not in params, "stream: not in a batch")
        except ApiError as exc:
            return _errored(exc.type, str(exc))
        return {"type": "succeeded", "message": self._answer(params, fate)}


def _errored(kind: str, message: str) -> dict[str, Any]:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": new_id("req")}
    return {"type": "errored", "error": error}


def batch_routes(shelf: BatchShelf, *, api_key: str) -> APIRouter:
    """Return the API over a double's batches."""
    router = APIRouter(prefix=PATH)

    def admit(request: Request) -> None:
        check_key(request.headers, api_key)
        require(request.headers.get("anthropic-version") == API_VERSION, "anthropic-version: unsupported")

    def wire(request: Request, batch: HeldBatch) -> dict[str, Any]:
        return batch.wire(str(request.base_url).rstrip("/"))

    @router.post("")
    async def create(request: Request) -> Any:
        admit(request)
        step = shelf.next_step()
        if step.status != 200:
            return error_response(step)
        batch = shelf.create(read_body(await request.body()))
        while step.hang and not await request.is_disconnected():
            await asyncio.sleep(0.01)
        return wire(request, batch)

    @router.get("")
    async def list_batches(request: Request, limit: int = 20, after_id: str = "") -> Any:
        admit(request)
        step = shelf.next_step()
        if step.status != 200:
            return error_response(step)
        newest = shelf.held[::-1]
        start = next((place for place, batch in enumerate(newest, start=1) if batch.id == after_id), 0)
        page = newest[start : start + limit]
        return {
            "data": [wire(request, batch) for batch in page],
            "has_more": start + limit < len(newest),
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }

    @router.get("/{batch_id}")
    async def retrieve(request: Request, batch_id: str) -> Any:
        admit(request)
        batch = shelf.get(batch_id)
        if shelf.end_at_once:
            shelf.end(batch)
        return wire(request, batch)

    @router.get("/{batch_id}/results")
    async def results(request: Request, batch_id: str) -> Response:
        admit(request)
        batch = shelf.get(batch_id)
        if batch.status != "ended":
            raise ApiError(404, "not_found_error", "the batch has not ended")
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in batch.results)
        return Response(text, media_type="application/x-jsonl")

    @router.post("/{batch_id}/cancel")
    async def cancel(request: Request, batch_id: str) -> Any:
        admit(request)
        batch = shelf.get(batch_id)
        require(batch.status == "in_progress", "the batch is not in progress")
        batch.status, batch.cancelled_at = "canceling", datetime.now(UTC)
        return wire(request, batch)

    return router
