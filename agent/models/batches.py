"""The Message Batches API: requests that can wait a day, at half price. One call each; it keeps no state of ours.

Facts are those of anthropic 2.12. A batch carries no name or note of ours, only the ids of its requests, and those come
back with the results alone: so a batch whose id we never learned is recognised when it has ended.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import anthropic
from anthropic.types.messages.batch_create_params import Request as WireRequest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.models.answers import IntentAnswer
from agent.models.anthropic import ClaudeApi, Connection, message_params
from agent.models.failures import FAILURES, CallFailed, read_failure
from agent.models.pricing import ModelPrices
from agent.models.received import Message, MessageUsage, read_answer
from agent.models.request import Request
from agent.ports import Clock
from agent.store.batches import BatchWork
from agent.types import ModelCall, Task

TIMEOUT_S = 60.0
PAGE = 100
ID_CHARS = 64
"""Longest id of a request that the API takes."""

OUTPUTS: Mapping[Task, type[BaseModel]] = MappingProxyType({"classify": IntentAnswer})
"""The structure of an answer by its task: a batch outlives the process that asked for it."""
PER_REQUEST = ("messages", "metadata")
"""The parameters in which the requests of a batch differ."""


class StillUnknown(Exception):  # noqa: N818 — says what is the case
    """A batch that may be ours has not ended, so nobody can tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchRequest:
    """One request: its id among those of the batch, and its parameters."""

    custom_id: str
    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchAnswer:
    """How a request ended. Without an `answer`, `problem` says why, and `again` whether it may be asked again."""

    custom_id: str
    call: ModelCall
    answer: dict[str, Any] | None
    problem: str
    again: bool


def shared_params(request: Request[Any], model: str) -> dict[str, Any]:
    """Return the parameters that all requests have which differ from `request` in `user` and `user_id` only."""
    return {name: value for name, value in message_params(request, model).items() if name not in PER_REQUEST}


def request_params(shared: Mapping[str, Any], prompt: str, user_id: str | None) -> dict[str, Any]:
    """Return the parameters of one request."""
    return {**shared, "messages": [{"role": "user", "content": prompt}], "metadata": {"user_id": user_id}}


class BatchApi:
    """The batches of one provider."""

    def __init__(self, connection: Connection, *, prices: ModelPrices, now: Clock) -> None:
        if not isinstance(connection.sdk, anthropic.AsyncAnthropic):
            raise TypeError(f"{connection.name} has no batches")
        self.connection = connection
        self._batches = connection.sdk.with_options(timeout=TIMEOUT_S).messages.batches
        self._prices = prices
        self._now = now

    async def create(self, requests: Sequence[BatchRequest]) -> str:
        """Hand requests over; return the id of their batch.

        Raises:
            CallFailed: of kind `unavailable`, nobody knows whether it was taken; of any other, it was not.
        """
        wire: list[WireRequest] = [
            {"custom_id": each.custom_id, "params": self._named(each.params)}  # type: ignore[typeddict-item]  # JSON from our own rows
            for each in requests
        ]
        try:
            return (await self._batches.create(requests=wire)).id
        except FAILURES as exc:
            raise self._failure(exc) from exc

    async def find(self, prefix: str, *, count: int, since: datetime, known: Collection[str] = ()) -> str | None:
        """Return the id of the batch of `count` requests, handed over after `since`, whose ids begin with `prefix`.

        `known` are batches that are surely others.

        Raises:
            StillUnknown: one that may be it has not ended.
            CallFailed: the provider cannot be asked.
        """
        open_ones = 0
        try:
            async for batch in self._batches.list(limit=PAGE):  # newest first
                if batch.created_at < since:
                    break
                counts = batch.request_counts
                total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
                if total != count or batch.id in known:
                    continue
                if batch.processing_status != "ended":
                    open_ones += 1
                elif await self._first_id(batch.id, prefix):
                    return batch.id
        except FAILURES as exc:
            raise self._failure(exc) from exc
        if open_ones:
            raise StillUnknown
        return None

    async def has_ended(self, batch_id: str) -> bool:
        """Whether the results are there.

        Raises:
            CallFailed: the provider cannot be asked.
        """
        try:
            return (await self._batches.retrieve(batch_id)).processing_status == "ended"
        except FAILURES as exc:
            raise self._failure(exc) from exc

    async def results(self, batch_id: str, work: BatchWork) -> AsyncIterator[BatchAnswer]:
        """Yield how each request of a batch that has ended did, in no order. What cannot be read is left out.

        Raises:
            CallFailed: the provider cannot be asked.
        """
        try:
            async for line in await self._batches.results(batch_id):
                try:
                    read = _Line.model_validate(line)
                except ValidationError:
                    continue
                yield self._answer(read, work)
        except FAILURES as exc:
            raise self._failure(exc) from exc

    async def _first_id(self, batch_id: str, prefix: str) -> bool:
        """Whether the ids of a batch's requests begin with `prefix`; one tells for all."""
        results = await self._batches.results(batch_id)
        try:
            async for line in results:
                return line.custom_id.startswith(prefix)
        finally:
            await results.close()
        return False

    def _answer(self, line: "_Line", work: BatchWork) -> BatchAnswer:
        result = line.result
        if result.message is None:
            kind = result.error.error.type if result.error else result.type
            call = self._call(work, MessageUsage(), "error", kind)
            # Expired: a day was too short. Canceled: somebody wanted it so.
            again = result.type == "expired" or (result.type == "errored" and kind in TRANSIENT)
            return BatchAnswer(custom_id=line.custom_id, call=call, answer=None, problem=kind, again=again)
        value, outcome, problem = read_answer(result.message, OUTPUTS[work.task])
        return BatchAnswer(
            custom_id=line.custom_id,
            call=self._call(work, result.message.usage, outcome, problem),
            answer=None if value is None else value.model_dump(mode="json"),
            problem=problem,
            again=False,
        )

    def _call(
        self,
        work: BatchWork,
        usage: MessageUsage,
        outcome: Literal["ok", "refused", "invalid", "cut_off", "error"],
        error: str,
    ) -> ModelCall:
        """Return a request for accounting, at half price. How long it took on its own is not known."""
        today = self._now().astimezone(UTC).date()
        in_us = usage.inference_geo == "us"
        return ModelCall(
            task=work.task,
            provider=self.connection.name,
            model=work.model,
            prompt_version=work.prompt_version,
            usage=usage.counted(),
            cost_microusd=self._prices.cost_microusd(work.model, usage.billed(), on=today, in_us=in_us, batch=True),
            latency_ms=0,
            outcome=outcome,
            error=error,
            tier=work.tier,
            batch=True,
        )

    def _named(self, params: Mapping[str, Any]) -> dict[str, Any]:
        model = params["model"]
        return {**params, "model": self.connection.model_ids.get(model, model)}

    def _failure(self, exc: Exception) -> CallFailed:
        return read_failure(exc, whom=f"The batches of {self.connection.name}", fixes={}, now=self._now())


def find_batch_api(providers: Sequence[ClaudeApi], *, prices: ModelPrices, now: Clock) -> BatchApi | None:
    """Return the batches of the first provider that has them: Anthropic's API, or one like it."""
    for api in providers:
        if isinstance(api.connection.sdk, anthropic.AsyncAnthropic):
            return BatchApi(api.connection, prices=prices, now=now)
    return None


TRANSIENT = frozenset({"api_error", "overloaded_error", "rate_limit_error", "timeout_error"})


class _Checked(BaseModel):
    model_config = ConfigDict(from_attributes=True, hide_input_in_errors=True)


class _Error(_Checked):
    type: str = "error"


class _ErrorResponse(_Checked):
    error: _Error


class _Result(_Checked):
    type: str
    message: Message | None = None
    error: _ErrorResponse | None = None


class _Line(_Checked):
    """One line of the results, as far as we read it."""

    custom_id: str = Field(max_length=ID_CHARS)
    result: _Result
