"""Twilio's error codes as classes, and each class as the error that says who acts next.

Twilio splits and renames codes, so a code only selects a class; one that is not listed falls back to the HTTP
status. The same table serves answers and status callbacks; what is done about one is in `agent/delivery/failures.py`.
Sources: https://www.twilio.com/docs/api/errors and the OpenAPI description of the Messages API.
"""

from collections.abc import Mapping

from agent.delivery.failures import Failure
from agent.errors import Ambiguous, Misconfigured, OptedOut, Permanent, Retryable
from agent.types import MessageId

CODES: Mapping[Failure, frozenset[int]] = {
    "opt_out": frozenset({21610, 63014}),
    "blocked": frozenset({30004}),
    "bad_address": frozenset({21211, 21612, 21614, 30005, 30006, 63003, 63024}),
    "window": frozenset({63016}),
    "policy_defer": frozenset({63032, 63049}),
    "content": frozenset(
        {11751, 21602, 21605, 21617, 21619, 21620, 21623, 21656, 21658} | {30007, 63005, 63006, 63013, 63019, 63021}
    ),
    "permission": frozenset({21408, 21604, 21608, 21609, 21910}),
    "template": frozenset({63040, 63041, 63042}),
    "config": frozenset({20003, 21212, 21603, 21606, 30032, 30034, 63001, 63007, 63020}),
    "account": frozenset({30002, 63051}),
    "rate": frozenset({20429, 21611, 30001, 63017, 63018}),
    "loop": frozenset({14107}),
    "transient": frozenset({30003, 30008, 63012, 63023}),
    "expired": frozenset({30036}),
}
AMBIGUOUS = frozenset({20500, 20503})
"""Twilio failed while handling the request: nobody says how far it came."""

ADVICE: Mapping[Failure, str] = {
    "opt_out": "the recipient has opted out: do not write to this address again",
    "blocked": "the message was blocked on its way: review it before writing to this address again",
    "bad_address": "the recipient cannot be reached at this address: use another channel",
    "window": "WhatsApp's reply window is closed: wait for the prospect, or send an approved template",
    "policy_defer": "WhatsApp chose not to deliver it: do not resend now",
    "content": "the text or attachment is not acceptable: change it before sending again",
    "permission": "this destination is not allowed: correct it in the Twilio console",
    "template": "WhatsApp has rejected, paused or disabled this template: use another one",
    "config": "the sender or the account is not set up for this: correct it in the Twilio console",
    "account": "the account is suspended or locked: contact Twilio",
    "rate": "too many messages at once: it will be tried again",
    "loop": "two numbers write to each other too fast: see whether a machine answers",
    "transient": "the recipient could not be reached for the moment: it will be tried again",
    "expired": "it was not sent in time: decide again what to say",
    "unknown": "the request is not acceptable: see the code",
}

TRANSIENT_RETRY_S = 60.0

_CLASS_OF = {code: failure for failure, codes in CODES.items() for code in codes}


def failure_class(code: int | str | None) -> Failure | None:
    """Return the class of a code, of an answer or of a status callback; None: not a code we know."""
    text = str(code or "")
    return _CLASS_OF.get(int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def refusal(message_id: MessageId, status: int, code: int | str | None) -> Retryable | Ambiguous | Permanent:
    """Return the error for Twilio's answer to a send: HTTP `status` (not 2xx) with its error `code`.

    A 5xx is ambiguous whatever the code: the request was read, and nobody says how far it came.
    """
    code = code or status
    found: Failure = "rate" if status == 429 else failure_class(code) or "unknown"
    text = f"(HTTP {status}, code {code}: https://www.twilio.com/docs/api/errors/{code})."
    if status >= 500 or code in AMBIGUOUS:
        return Ambiguous(f"Twilio failed while handling message {message_id}: ask before sending again {text}")
    text = f"Twilio did not take message {message_id}: {ADVICE[found]} {text}"
    match found:
        case "rate" | "loop":
            return Retryable(text, failure=found, code=str(code))
        case "transient":
            return Retryable(text, retry_after_s=TRANSIENT_RETRY_S, code=str(code))
        case "opt_out":
            return OptedOut(text, code=str(code))
        case _:
            return Permanent(text, code=str(code), failure=found)


def read_refusal(exc: Exception, what: str) -> Retryable | Misconfigured | Permanent:
    """Return who acts when the SDK could not read `what` (templates, messages …), which may always be tried again.

    A page that fails comes as a bare exception with the answer inside.
    """
    answer = exc.args[1] if len(exc.args) > 1 else None
    status = getattr(exc, "status", None) or getattr(answer, "status_code", None) or 500
    if status in (401, 403):
        return Misconfigured(
            f"Twilio does not let us read the {what} (HTTP {status}).",
            "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
        )
    if isinstance(exc, Ambiguous) or status >= 500:
        return Retryable(f"Twilio could not be asked for its {what}: {exc}")
    return Permanent(f"Twilio does not tell its {what} (HTTP {status}).", code=str(getattr(exc, "code", status)))
