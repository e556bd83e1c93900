"""One request to one provider of Claude: wire form, structured answer, usage and errors. It never retries.

Facts about SDK and API are those of anthropic 2.12 (API version 2026-10-21). Answers are streamed although nobody
reads along: a stream shows a stall within seconds, and what a request costs is known from its first event on, so
usage is not lost with an answer that breaks off.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import Generic, Literal, TypeVar, cast

import anthropic
import structlog
from anthropic.types import ImageBlockParam, TextBlockParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import BaseModel

from agent.models.capabilities import Capabilities, get_capabilities
from agent.models.failures import FAILURES, CallFailed, name_failure, read_failure
from agent.models.pricing import ModelPrices
from agent.models.received import Message, MessageUsage, Received, read_answer
from agent.models.request import Request
from agent.ports import Clock
from agent.types import Image, ModelCall

T = TypeVar("T", bound=BaseModel)
_log = structlog.stdlib.get_logger(__name__)

Sdk = anthropic.AsyncAnthropic | anthropic.AsyncAnthropicBedrock | anthropic.AsyncAnthropicVertex


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """How to reach a provider, and what an operator can mend about it."""

    name: str
    sdk: Sdk
    credentials: str
    """The settings that hold them."""
    address: str
    """The setting that holds it."""
    model_ids: Mapping[str, str] = field(default_factory=dict)
    """The provider's own names of models, where they differ."""
    streams: bool = True
    credential_errors: tuple[type[Exception], ...] = ()
    """What its SDK raises, besides the usual, when it finds no credentials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply(Generic[T]):
    """An answer. Without a `value`, `problem` says why, in words the model can heed."""

    call: ModelCall
    value: T | None
    problem: str
    headers: Mapping[str, str]


class ClaudeApi:
    """A connection pool to one provider of Claude."""

    def __init__(self, connection: Connection, *, prices: ModelPrices, now: Clock, stall_s: float) -> None:
        self.connection = connection
        self._prices = prices
        self._now = now
        self.stall_s = stall_s
        self._fixes = {
            401: f"Set {connection.credentials} to valid credentials, then run `nightshift doctor`.",
            403: f"Let the credentials use this model at {self.name}, or name another in NIGHTSHIFT_MODEL_FAST, "
            "_STANDARD, _EXPERT.",
            404: "Name models the key can use in NIGHTSHIFT_MODEL_FAST, _STANDARD, _EXPERT (or, by the provider's own "
            f"names, in NIGHTSHIFT_MODEL_IDS); check {connection.address}.",
        }

    @property
    def name(self) -> str:
        """The provider's name in the settings."""
        return self.connection.name

    async def ask(
        self,
        request: Request[T],
        *,
        model: str,
        timeout_s: float,
        record: Callable[[ModelCall], None],
    ) -> Reply[T]:
        """Ask once and wait `timeout_s` seconds at most. `record` gets the call, however it ends, even cancelled.

        Raises:
            CallFailed: no answer; says whether asking again may help.
        """
        received, loop = Received(), asyncio.get_running_loop()
        started = loop.time()
        outcome: Literal["ok", "refused", "invalid", "cut_off", "error"] = "error"
        error = ""
        try:
            answer = await self._receive(message_params(request, model), model, received, timeout_s)
            value, outcome, error = read_answer(answer, request.output)
        except self._failures as exc:
            error = name_failure(exc)
            raise self._read_failure(exc, model) from exc
        except asyncio.CancelledError:
            error = "given up"
            raise
        finally:
            usage = received.usage
            call = ModelCall(
                task=request.task,
                provider=self.name,
                model=model,
                prompt_version=request.prompt_version,
                usage=usage.counted(),
                cost_microusd=self._cost(model, usage),
                latency_ms=round((loop.time() - started) * 1000),
                outcome=outcome,
                error=error,
                tier=request.tier,
                ended_at=self._now(),
            )
            record(call)
        return Reply(call=call, value=value, problem=error, headers=received.headers)

    async def ping(self, model: str, *, timeout_s: float) -> None:
        """Ask for a single token, to see whether a model answers. What that costs is logged: no tenant pays for it.

        Raises:
            CallFailed: it does not.
        """
        params: MessageCreateParamsBase = {
            "model": model,
            "max_tokens": 1,
            "messages": [{"role": "user", "content": "ping"}],
        }
        received = Received()
        try:
            await self._receive(params, model, received, timeout_s)
        except self._failures as exc:
            raise self._read_failure(exc, model) from exc
        finally:
            cost = self._cost(model, received.usage)
            _log.info("model_probed", provider=self.name, model=model, cost_microusd=cost)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.connection.sdk.close()

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        return FAILURES + self.connection.credential_errors

    def _read_failure(self, exc: Exception, model: str) -> CallFailed:
        whom = f"Claude ({model} at {self.name})"
        if not isinstance(exc, FAILURES):
            return CallFailed(
                f"There are no credentials for {whom}.", kind="refused", error="no credentials", fix=self._fixes[401]
            )
        return read_failure(exc, whom=whom, fixes=self._fixes, now=self._now())

    async def _receive(
        self, params: MessageCreateParamsBase, model: str, received: Received, timeout_s: float
    ) -> Message:
        """Send a request and read its answer; `received` keeps what came of it, should it break off."""
        wire = params.copy()
        wire["model"] = self.connection.model_ids.get(model, model)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        messages = self.connection.sdk.messages
        async with asyncio.timeout_at(min(loop.time() + self.stall_s, deadline)) as patience:
            if not self.connection.streams:
                raw = await messages.with_raw_response.create(**wire)
                received.headers = raw.headers
                return received.take_whole(await raw.parse())
            async with await messages.create(**wire, stream=True) as stream:
                received.headers = stream.response.headers
                async for event in stream:  # pings are not among them
                    received.take(event)
                    patience.reschedule(min(loop.time() + self.stall_s, deadline))
        return received.whole()

    def _cost(self, model: str, usage: MessageUsage) -> int:
        """Return what the tokens cost today, in micro-dollars."""
        today = self._now().astimezone(UTC).date()
        return self._prices.cost_microusd(model, usage.billed(), on=today, in_us=usage.inference_geo == "us")


# --- the request ----------------------------------------------------------------------------------------------


def message_params(request: Request[T], model: str) -> MessageCreateParamsBase:
    """Return a request in the form `model` accepts.

    Raises:
        Misconfigured: the model is not known here.
    """
    capabilities = get_capabilities(model)
    params: MessageCreateParamsBase = {
        "model": model,
        "max_tokens": request.max_tokens + capabilities.thinking_room,
        # Prospects write minutes apart at night: an hour pays for itself at the second message.
        "system": [
            {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
            for text in (request.system, request.published)
            if text
        ],
        "messages": [{"role": "user", "content": _content(request)}],
        "output_config": {
            "effort": request.effort,
            "format": {"type": "json_schema", "schema": _schema(request.output)},
        },
        "metadata": {"user_id": request.user_id},
    }
    if (thinking := _thinking(capabilities)) is not None:
        params["thinking"] = thinking
    return params


def _content(request: Request[T]) -> str | list[ImageBlockParam | TextBlockParam]:
    """Return what the user says: pictures first, as the API recommends, each with the number it is referred to by."""
    if not request.images:
        return request.user
    blocks: list[ImageBlockParam | TextBlockParam] = []
    for number, image in enumerate(request.images, start=1):
        blocks += [_text_block(f"Picture {number}:"), _image_block(image)]
    return [*blocks, _text_block(request.user)]


def _text_block(text: str) -> TextBlockParam:
    return {"type": "text", "text": text}


def _image_block(image: Image) -> ImageBlockParam:
    data = base64.b64encode(image.content).decode("ascii")
    # The store decides the type by the content, and only these four are shown.
    media_type = cast("Literal['image/jpeg', 'image/png', 'image/gif', 'image/webp']", image.content_type)
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


@cache
def _schema(output: type[BaseModel]) -> dict[str, object]:
    """Return the JSON schema of an answer as the API takes it."""
    return anthropic.transform_schema(output)


def _thinking(capabilities: Capabilities) -> ThinkingConfigParam | None:
    """Return how to keep a model from thinking: people wait for the answer. None: it cannot be kept from it."""
    match capabilities.no_thinking:
        case "disabled":
            return {"type": "disabled"}
        case "between_tools":
            return {"type": "between_tools"}
        case None:
            return None
