"""What a failed request to a model means: who can help, and whether asking again would.

The rules are those of anthropic 2.12 (API version 2026-10-21), SDK errors included.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import anthropic
import httpx2
from pydantic import ValidationError

from agent.errors import NightshiftError
from agent.models.received import EndedEarly
from agent.types import ModelCall

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
FAILURES = (
    TimeoutError,
    anthropic.AnthropicError,
    httpx2.HTTPError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    ValidationError,
    EndedEarly,
)
"""Everything a request can end with besides an answer; of the last four, a proxy is a likely source."""
DEFECT = "Our request does not fit this API: check the models and ANTHROPIC_BASE_URL, or report it with the request id."

FailureKind = Literal["unavailable", "limited", "capped", "refused", "defect", "held_back"]
"""No answer · over the rate limit · over the spending limit · we may not ask there · nobody would take this request
· we did not ask."""


class CallFailed(NightshiftError):  # noqa: N818 — ours, between a provider and the gateway
    """One request to one provider failed. `again`: the same request may succeed there later."""

    def __init__(
        self,
        text: str,
        *,
        kind: FailureKind,
        error: str = "",
        again: bool = False,
        retry_after_s: float | None = None,
        fix: str = "",
        headers: Mapping[str, str] | None = None,
        calls: tuple[ModelCall, ...] = (),
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.error = error
        self.again = again
        self.retry_after_s = retry_after_s
        self.fix = fix
        self.headers: Mapping[str, str] = headers or {}
        self.calls = calls


def name_failure(exc: BaseException) -> str:
    """Name a failure in a few words: no text of ours, of a prospect or of a key can be in it."""
    if isinstance(exc, anthropic.APIStatusError):
        parts = (exc.status_code, exc.type, exc.error_code, exc.request_id)
        return " ".join(str(part)[:80] for part in parts if part)
    if isinstance(exc, TimeoutError | anthropic.APITimeoutError | httpx2.TimeoutException):
        return "timeout"
    if isinstance(exc, ValueError):
        return "not an answer of the API"
    if isinstance(exc, EndedEarly):
        return "the answer broke off"
    return type(exc.__cause__ or exc).__name__


def read_failure(exc: Exception, *, whom: str, fixes: Mapping[int, str], now: datetime) -> CallFailed:
    """Return what a failed request to `whom` means; `fixes` say what an operator can do, by HTTP status."""
    name = name_failure(exc)
    if not isinstance(exc, anthropic.APIStatusError):
        return CallFailed(f"{whom} gave no answer: {name}.", kind="unavailable", error=name, again=True)
    headers = exc.response.headers
    retry_after_s = parse_retry_after(headers, now)
    kind = _kind_of(exc)
    said = f" It says: {exc.api_message[:200]}" if exc.api_message and kind in {"refused", "defect"} else ""
    texts: dict[FailureKind, str] = {
        "capped": f"{whom} is off: the spending limit is reached ({name}). Raise it in the provider's console.",
        "limited": f"{whom} refuses more requests for now ({name}).",
        "unavailable": f"{whom} is not available now ({name}).",
    }
    return CallFailed(
        texts.get(kind, f"{whom} refused the request ({name}).{said}"),
        kind=kind,
        error=name,
        again=_is_worth_repeating(kind, headers),
        retry_after_s=retry_after_s,
        fix=fixes.get(exc.status_code, DEFECT),
        headers=headers,
    )


def _kind_of(exc: anthropic.APIStatusError) -> FailureKind:
    if exc.status_code == 402 or exc.error_code in SPEND_CAPS:
        return "capped"
    if exc.status_code == 429 or exc.type == "rate_limit_error":
        return "limited"
    if exc.status_code in RETRYABLE_STATUSES or exc.status_code >= 500 or exc.type in RETRYABLE_TYPES:
        return "unavailable"
    return "refused" if exc.status_code in {401, 403, 404} else "defect"


def _is_worth_repeating(kind: FailureKind, headers: Mapping[str, str]) -> bool:
    """The API's own word (`x-should-retry`) wins; but no repetition helps against a spending limit."""
    said = {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
    return kind != "capped" and (said if said is not None else kind in {"unavailable", "limited"})


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
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
