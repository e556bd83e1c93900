"""Twilio's error codes as classes, and each class as the error that says who acts next.

Twilio splits and renames codes, so a code only selects a class; one that is not listed falls back to the HTTP
status. Sources: https://www.twilio.com/docs/api/errors and the OpenAPI description of the Messages API.
"""

from collections.abc import Mapping
from typing import Literal

from agent.errors import Ambiguous, OptedOut, Permanent, Retryable
from agent.types import MessageId

ErrorClass = Literal[
    "opt_out",
    "bad_address",
    "window",
    "policy_defer",
    "content",
    "config",
    "account",
    "rate",
    "transient",
    "ambiguous",
]

CODES: Mapping[ErrorClass, frozenset[int]] = {
    "opt_out": frozenset({21610, 30004, 63014}),
    "bad_address": frozenset({21211, 21612, 21614, 30005, 30006, 63003, 63024}),
    "window": frozenset({63016}),
    "policy_defer": frozenset({63032, 63049}),
    "content": frozenset({11751, 21602, 21617, 21619, 21620, 21656, 21658, 30007, 63005, 63013, 63019, 63021}),
    "config": frozenset(
        {20003, 21212, 21408, 21603, 21604, 21606, 21608, 21609, 21910, 30032, 30034}
        | {63001, 63007, 63020, 63040, 63041, 63042}
    ),
    "account": frozenset({30002, 63051}),
    "rate": frozenset({14107, 20429, 21611, 30001, 63017, 63018}),
    "transient": frozenset({30003, 30008, 30036, 63012, 63023}),
    "ambiguous": frozenset({20500, 20503}),
}

ADVICE: Mapping[ErrorClass, str] = {
    "opt_out": "the recipient has opted out: do not write to this address again",
    "bad_address": "the recipient cannot be reached at this address: use another channel",
    "window": "WhatsApp's reply window is closed: wait for the prospect, or send an approved template",
    "policy_defer": "WhatsApp chose not to deliver it: do not resend now",
    "content": "the text or attachment is not acceptable: change it before sending again",
    "config": "the sender or the account is not set up for this: correct it in the Twilio console",
    "account": "the account is suspended or locked: contact Twilio",
    "rate": "too many messages at once: it will be tried again",
    "transient": "the recipient could not be reached for the moment: it will be tried again",
    "ambiguous": "Twilio failed while handling it: ask whether it was taken before sending again",
}

TRANSIENT_RETRY_S = 60.0

_CLASS_OF = {code: error_class for error_class, codes in CODES.items() for code in codes}


def error_class(code: int | str | None) -> ErrorClass | None:
    """Return the class of a code, of an answer or of a status callback; None: not a code we know."""
    text = str(code or "")
    return _CLASS_OF.get(int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def refusal(message_id: MessageId, status: int, code: int | str | None) -> Retryable | Ambiguous | Permanent:
    """Return the error for Twilio's answer to a send: HTTP `status` (not 2xx) with its error `code`.

    A 5xx is ambiguous whatever the code: the request was read, and nobody says how far it came.
    """
    code = code or status
    found = _class_of_answer(status, code)
    reason = ADVICE[found] if found else "the request is not acceptable: see the code"
    text = (
        f"Twilio did not take message {message_id}: {reason} "
        f"(HTTP {status}, code {code}: https://www.twilio.com/docs/api/errors/{code})."
    )
    match found:
        case "ambiguous":
            return Ambiguous(text)
        case "rate":
            return Retryable(text)
        case "transient":
            return Retryable(text, retry_after_s=TRANSIENT_RETRY_S)
        case "opt_out":
            return OptedOut(text, code=str(code))
        case _:
            return Permanent(text, code=str(code))


def _class_of_answer(status: int, code: int | str) -> ErrorClass | None:
    if status >= 500:
        return "ambiguous"
    return "rate" if status == 429 else error_class(code)
