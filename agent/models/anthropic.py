"""One request to the Claude API: wire form, structured answer, usage and errors. The only importer of the SDK.

Facts about SDK and API are those of anthropic 2.12 (API version 2026-10-21). It never retries: the queue retries
the turn. It counts what a request cost before it looks at the answer, so usage is not lost with a bad one.
"""

import asyncio
import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

import anthropic
import httpx2
from anthropic.types import TextBlockParam, ThinkingConfigParam
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import Misconfigured, ModelUnavailable, NightshiftError
from agent.models.capabilities import Capabilities, Effort, get_capabilities
from agent.models.pricing import ModelPrices, Tokens
from agent.ports import Clock
from agent.types import ModelCall, Usage

PROVIDER = "anthropic"
MAX_RETRY_AFTER_S = 3600.0
RETRYABLE_STATUSES = frozenset({408, 409, 429})
RETRYABLE_TYPES = frozenset({"overloaded_error", "api_error", "rate_limit_error", "timeout_error"})
SPEND_CAPS = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
FAILURES = (TimeoutError, anthropic.AnthropicError, httpx2.HTTPError, json.JSONDecodeError, ValidationError)
"""Everything a request can end with besides an answer; the last two mean that it was not the API that answered."""
FIXES = {
    401: "Set ANTHROPIC_API_KEY to a valid key, then run `nightshift doctor`.",
    403: "Let the key's workspace use this model, or name another in NIGHTSHIFT_MODEL_FAST, _STANDARD, _EXPERT.",
    404: "Name models the key can use in NIGHTSHIFT_MODEL_FAST, _STANDARD, _EXPERT; check ANTHROPIC_BASE_URL.",
}
DEFECT = "Our request does not fit this API: check the models and ANTHROPIC_BASE_URL, or report it with the request id."

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Generic[T]):
    """One request. `system` is stable and cached; `user` varies. The answer has the structure of `output`."""

    task: Literal["classify", "draft", "revise", "judge"]
    model: str
    system: str
    user: str
    output: type[T]
    effort: Effort
    max_tokens: int
    prompt_version: str
    user_id: str | None = None
    """Opaque id of the person behind the request, for the vendor's abuse detection. Never a name or address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion(Generic[T]):
    """An answer and what it cost. Without a `value`, `problem` says why, in words the model can heed."""

    call: ModelCall
    value: T | None = None
    problem: str = ""


class ClaudeApi:
    """A connection pool to the Claude API, or to anything that speaks its protocol at `base_url`."""

    def __init__(self, api_key: str, *, base_url: str | None, prices: ModelPrices, now: Clock) -> None:
        self._sdk = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(30, connect=3),
            open_telemetry=False,
        )
        self._prices = prices
        self._now = now

    async def complete(self, request: Request[T], *, timeout_s: float) -> Completion[T]:
        """Ask once and wait `timeout_s` seconds at most, in total.

        Raises:
            ModelUnavailable: no answer; trying later may help. Carries the call.
            Misconfigured: the API refuses us for a reason only the operator can mend. Carries the call.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                raw = await self._create(request)
                answer = _Message.model_validate(await raw.parse(), from_attributes=True)
        except FAILURES as exc:
            failure = _failure(exc, request.model, self._now())
            failure.calls = (
                _call(request, started, usage=Usage(), cost_microusd=0, outcome="error", error=_name(exc)),
            )
            raise failure from exc
        value, outcome, problem = _read(answer, request.output)
        call = _call(
            request,
            started,
            usage=answer.usage.counted(),
            cost_microusd=self._cost(request.model, answer.usage),
            outcome=outcome,
            error=problem,
        )
        return Completion(call=call, value=value, problem=problem)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._sdk.close()

    async def _create(self, request: Request[T]) -> Any:
        """Send the request in its wire form; the caller parses the raw response."""
        capabilities = get_capabilities(request.model)
        system: TextBlockParam = {
            "type": "text",
            "text": request.system,
            # Prospects write minutes apart at night: an hour pays for itself at the second message.
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
        return await self._sdk.messages.with_raw_response.create(
            model=request.model,
            max_tokens=request.max_tokens + capabilities.thinking_room,
            system=[system],
            messages=[{"role": "user", "content": request.user}],
            thinking=_thinking(capabilities),
            output_config={
                "effort": request.effort,
                "format": {"type": "json_schema", "schema": _schema(request.output)},
            },
            metadata={"user_id": request.user_id},
        )

    def _cost(self, model: str, usage: "_Usage") -> int:
        """Return what the tokens cost today, in micro-dollars."""
        today = self._now().astimezone(UTC).date()
        return self._prices.cost_microusd(model, usage.billed(), on=today, in_us=usage.inference_geo == "us")


# --- the answer -----------------------------------------------------------------------------------------------
# The SDK builds its types without checking them: a field may be missing, None, or of another type. So what we
# rely on is checked here, and an answer without it counts as no answer.

Count = Annotated[int, Field(ge=0)]


class _Checked(BaseModel):
    """Base: read from the SDK's objects, ignore what is new, repeat nothing in messages."""

    model_config = ConfigDict(from_attributes=True, hide_input_in_errors=True)


class _CacheWrites(_Checked):
    """Tokens written to the cache, by how long it lives."""

    ephemeral_5m_input_tokens: Count = 0
    ephemeral_1h_input_tokens: Count = 0


class _Usage(_Checked):
    """Tokens as the API counts them."""

    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: _CacheWrites | None = None
    inference_geo: str | None = None

    def billed(self) -> Tokens:
        """Return the counts by price. Writes of unknown life count as the kind we ask for, one hour."""
        short = self.cache_creation.ephemeral_5m_input_tokens if self.cache_creation else 0
        return Tokens(
            input=self.input_tokens,
            output=self.output_tokens,
            cache_write_5m=short,
            cache_write_1h=max((self.cache_creation_input_tokens or 0) - short, 0),
            cache_read=self.cache_read_input_tokens or 0,
        )

    def counted(self) -> Usage:
        """Return the counts for accounting."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_input_tokens or 0,
            cache_write_tokens=self.cache_creation_input_tokens or 0,
        )


class _Block(_Checked):
    """One block of the answer: text, or something we skip."""

    type: str
    text: str | None = None


class _Message(_Checked):
    """An answer of the API."""

    content: list[_Block]
    stop_reason: str | None
    usage: _Usage


Outcome = Literal["ok", "refused", "invalid", "cut_off"]


def _read(answer: _Message, output: type[T]) -> tuple[T | None, Outcome, str]:
    """Return the value of an answer; or None, what happened and the problem."""
    match answer.stop_reason:
        case "refusal":
            return None, "refused", "it was a refusal."
        case "max_tokens" | "model_context_window_exceeded":
            return None, "cut_off", "it was too long and was cut off; be much shorter."
    text = "".join(block.text or "" for block in answer.content if block.type == "text")
    try:
        return output.model_validate_json(text), "ok", ""
    except ValidationError as exc:
        return None, "invalid", _describe(exc)
    except UnicodeEncodeError:
        return None, "invalid", "its text is not valid Unicode."


def _describe(exc: ValidationError) -> str:
    """Say what is wrong with an answer by field, without repeating what it said."""
    problems = [
        f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}"
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"it does not fit the required structure ({'; '.join(problems[:5])})."[:500]


@cache
def _schema(output: type[BaseModel]) -> dict[str, object]:
    """Return the JSON schema of an answer as the API takes it."""
    return anthropic.transform_schema(output)


def _thinking(capabilities: Capabilities) -> ThinkingConfigParam | anthropic.Omit:
    """Return how to keep a model from thinking: people wait for the answer."""
    match capabilities.no_thinking:
        case "disabled":
            return {"type": "disabled"}
        case "between_tools":
            return {"type": "between_tools"}
        case None:
            return anthropic.omit


def _call(
    request: Request[T],
    started: float,
    *,
    usage: Usage,
    cost_microusd: int,
    outcome: Literal["ok", "refused", "invalid", "cut_off", "error"],
    error: str,
) -> ModelCall:
    """Return the record of a request that began at `started` (monotonic seconds)."""
    return ModelCall(
        task=request.task,
        provider=PROVIDER,
        model=request.model,
        prompt_version=request.prompt_version,
        usage=usage,
        cost_microusd=cost_microusd,
        latency_ms=round((time.monotonic() - started) * 1000),
        outcome=outcome,
        error=error,
    )


# --- failures -------------------------------------------------------------------------------------------------


def _name(exc: Exception) -> str:
    """Name a failure in a few words: no text of ours, of a prospect or of a key can be in it."""
    if isinstance(exc, anthropic.APIStatusError):
        parts = (exc.status_code, exc.type, exc.error_code, exc.request_id)
        return " ".join(str(part)[:80] for part in parts if part)
    if isinstance(exc, TimeoutError | anthropic.APITimeoutError):
        return "timeout"
    if isinstance(exc, json.JSONDecodeError | ValidationError):
        return "not an answer of the API"
    return type(exc.__cause__ or exc).__name__


def _failure(exc: Exception, model: str, now: datetime) -> NightshiftError:
    """Return our error for a failed request: who acts next?"""
    name = _name(exc)
    if not isinstance(exc, anthropic.APIStatusError):
        return ModelUnavailable(
            f"Claude ({model}) gave no answer: {name}. The turn is tried again; if this lasts, "
            "check the network and ANTHROPIC_BASE_URL."
        )
    retry_after_s = parse_retry_after(exc.response.headers, now)
    if exc.status_code == 402 or exc.error_code in SPEND_CAPS:
        return ModelUnavailable(
            f"Claude ({model}) is off: the spending limit is reached ({name}). Raise it in the Claude Console.",
            retry_after_s=retry_after_s,
            spend_cap=True,
        )
    if exc.status_code in RETRYABLE_STATUSES or exc.status_code >= 500 or exc.type in RETRYABLE_TYPES:
        return ModelUnavailable(
            f"Claude ({model}) is not available now ({name}). The turn is tried again.",
            retry_after_s=retry_after_s,
        )
    said = f" It says: {exc.api_message[:200]}" if exc.api_message else ""
    return Misconfigured(f"Claude ({model}) refused the request ({name}).{said}", FIXES.get(exc.status_code, DEFECT))


def parse_retry_after(headers: httpx2.Headers, now: datetime) -> float | None:
    """Return the seconds a response asks us to wait, an hour at most; None if it does not say so clearly."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            seconds = float(milliseconds) / 1000
        elif value is None:
            return None
        elif value[:1].isalpha():
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        else:
            seconds = float(value)
    except (ValueError, TypeError):  # TypeError: a date without a time zone
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None
