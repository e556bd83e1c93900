"""Errors, named by who acts next. A refusal by policy is a value (`Verdict`), not an exception."""

from agent.delivery.failures import Failure
from agent.types import ModelCall


class NightshiftError(Exception):
    """Base of our own errors. The message says what happened, to whom, and what to do."""

    calls: tuple[ModelCall, ...] = ()
    """Model calls made before the failure: they cost money, so whoever catches this accounts for them."""


def calls_of(exc: BaseException) -> tuple[ModelCall, ...]:
    """Return the model calls made before a failure; a cancellation carries them likewise."""
    calls: tuple[ModelCall, ...] = getattr(exc, "calls", ())
    return calls


class Misconfigured(NightshiftError):  # noqa: N818 — names who acts, not that it is an error
    """The operator acts: a setting or a file is wrong. `fix` says how to mend it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem} {fix}")
        self.problem = problem
        self.fix = fix


class Retryable(NightshiftError):  # noqa: N818
    """The queue acts: nothing happened, try again after `retry_after_s` seconds (None: as it sees fit)."""

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, failure: Failure = "transient", code: str = ""
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.failure = failure
        self.code = code


class ModelUnavailable(Retryable):
    """No model answered in time. The turn waits, or a person takes it.

    `spend_cap`: the provider's spending limit is reached. Waiting does not help; the operator raises it.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, spend_cap: bool = False) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.spend_cap = spend_cap


class ModelRefused(NightshiftError):  # noqa: N818
    """A person acts: the model declined, gave no usable answer, twice, or may not be asked."""


class BudgetReached(ModelRefused):
    """A person acts: the hard limit of a budget is reached, so no model may be asked."""


class Permanent(NightshiftError):  # noqa: N818
    """A person acts: the provider refused this message. `code` is the provider's, `failure` what kind it is."""

    def __init__(self, message: str, *, code: str = "", failure: Failure = "unknown") -> None:
        super().__init__(message)
        self.code = code
        self.failure = failure


class OptedOut(Permanent):
    """The provider says that the recipient has opted out: suppress the address."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, code=code, failure="opt_out")


class Ambiguous(NightshiftError):  # noqa: N818
    """Nobody knows whether the provider took the message: reconcile before any resend."""


class CannotAsk(NightshiftError):  # noqa: N818
    """A person acts: this provider never says what became of a message."""


class Fenced(NightshiftError):  # noqa: N818
    """The conversation was taken over by another worker: write nothing."""


class BadRequest(NightshiftError):  # noqa: N818
    """The sender acts: the request is malformed. `status` is the HTTP status to answer with."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class UnknownRecipient(BadRequest):
    """No tenant owns the address this message was sent to."""

    def __init__(self, channel: str, address: str) -> None:
        super().__init__(
            f"No tenant has the {channel} address {address!r}; add it under `channels:` in a tenant file "
            "and run `nightshift tenant apply`.",
            status=404,
        )


class MediaRefused(NightshiftError):  # noqa: N818
    """Nobody acts: a file is none that we keep. The message says why."""


class MediaMissing(NightshiftError):  # noqa: N818
    """A file is not where it should be: it was deleted, or its store is another one now."""
