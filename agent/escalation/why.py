"""Why somebody is asked for, as a class and as a label of at most five words: what a row of the queue says.

Pure. A request's reason is a sentence of the step that asked; its class (`Cause`) is what staff filter by, what
`agent.escalation.urgency` weighs, and what is translated. A reason that no class knows is shortened, never hidden.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from agent.types import Intent

Cause = Literal[
    "threat",
    "opt_out",
    "complaint",
    "asked",
    "deal",
    "payment",
    "sensitive",
    "wrote_again",
    "unclear",
    "unsure",
    "agent_asks",
    "price",
    "promise",
    "source",
    "personal",
    "internal",
    "link",
    "language",
    "tone",
    "disclosure",
    "format",
    "consent",
    "frequency",
    "hours",
    "window",
    "unknown_delivery",
    "undelivered",
    "unreachable",
    "template",
    "unseen",
    "forged",
    "loop",
    "held",
    "budget",
    "models",
    "failed",
    "approval",
    "dial",
    "other",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

LABELS: Mapping[Cause, str] = {
    "threat": "Threat or abuse",
    "opt_out": "Perhaps wants no messages",
    "complaint": "Complaint",
    "asked": "Asked for a person",
    "deal": "Deal within reach",
    "payment": "Payment question",
    "sensitive": "Needs a person's judgement",
    "wrote_again": "Wrote to you again",
    "unclear": "Message not understood",
    "unsure": "Agent is unsure",
    "agent_asks": "Agent asks for help",
    "price": "Price not in catalogue",
    "promise": "Promises too much",
    "source": "Claim without a source",
    "personal": "Personal data in reply",
    "internal": "Reply tells internals",
    "link": "Link not allowed",
    "language": "Reply in wrong language",
    "tone": "Tone of the reply",
    "disclosure": "Must say it's automated",
    "format": "Reply doesn't fit channel",
    "consent": "No consent to write",
    "frequency": "Too many messages already",
    "hours": "No lawful sending hour",
    "window": "Reply window has closed",
    "unknown_delivery": "Sent? Nobody knows",
    "undelivered": "Not delivered",
    "unreachable": "Address can't be reached",
    "template": "Template can't be sent",
    "unseen": "Only people can open",
    "forged": "Sender may be forged",
    "loop": "Machine may be answering",
    "held": "Unreadable or late message",
    "budget": "Model budget is spent",
    "models": "Models down too long",
    "failed": "Could not be processed",
    "approval": "Waits for your approval",
    "dial": "Staff answer these",
    "other": "Needs a person",
}
"""In the interface's own language; the pages translate them."""

MAX_WORDS, MAX_CHARS = 5, 40

_OF_INTENT: Mapping[Intent, Cause] = {
    "complaint": "complaint",
    "human_request": "asked",
    "ready_to_buy": "deal",
    "negotiation": "deal",
    "payment": "payment",
    "opt_out": "opt_out",
}
_OF_RULE: Mapping[str, Cause] = {
    "consent": "consent",
    "send_window": "hours",
    "reply_window": "window",
    "frequency": "frequency",
    "pricing": "price",
    "promises": "promise",
    "grounding": "source",
    "pii": "personal",
    "leakage": "internal",
    "links": "link",
    "language": "language",
    "tone": "tone",
    "disclosure": "disclosure",
    "format": "format",
    "confidence": "unsure",
}
_OF_WORDS: tuple[tuple[str, Cause], ...] = (
    ("staff approve the answers", "approval"),
    ("staff answer these themselves", "dial"),
    ("threat in the message", "threat"),
    ("abuse in the message", "threat"),
    ("in the message: a person", "sensitive"),
    ("perhaps an opt-out", "opt_out"),
    ("opt-out that needs a person", "opt_out"),
    ("asks that we write again", "opt_out"),
    ("has opted out", "opt_out"),
    ("asked us on", "opt_out"),
    ("asked for a person", "asked"),
    ("not understood (", "unclear"),
    ("asks for a person to answer", "agent_asks"),
    ("wrote again to staff", "wrote_again"),
    ("budget is spent", "budget"),
    ("models were down", "models"),
    ("no usable answer", "failed"),
    ("could not be processed", "failed"),
    ("only a person can see or hear", "unseen"),
    ("nobody here can see or hear", "unseen"),
    ("outcome unknown", "unknown_delivery"),
    ("cannot be reached", "unreachable"),
    ("blocked on its way", "unreachable"),
    ("template may not be sent", "template"),
    ("reply window has closed", "window"),
    ("could not be delivered", "undelivered"),
    ("chose not to deliver", "undelivered"),
    ("may be forged", "forged"),
    ("a loop?", "loop"),
    ("its webhook failed", "held"),
    ("voice note was written down only after", "held"),
    ("the mail is ", "held"),
)
"""What a reason's sentence has in it, whoever wrote it: the first that fits."""


def cause_of(reason: str, objecting: Sequence[str] = (), intent: Intent | None = None) -> Cause:
    """Return the class of a reason.

    In this order: the words of the steps that ask for a person; what the prospect wants, where that is why; the
    guardrail that objected (`objecting`: the names of the rules that did, the weightiest first).
    """
    words = reason.casefold()
    if found := next((cause for part, cause in _OF_WORDS if part in words), None):
        return found
    if words.endswith(("a person answers these", "an automatic reply could do harm")):
        return _OF_INTENT.get(intent or "support", "sensitive")
    if found := next((_OF_RULE[rule] for rule in objecting if rule in _OF_RULE), None):
        return found
    return "other"


def shorten_reason(reason: str) -> str:
    """Return the beginning of a reason that no class knows: whole words, at most `MAX_WORDS` and `MAX_CHARS`."""
    words = reason.split()[:MAX_WORDS]
    short = " ".join(words)
    while len(short) > MAX_CHARS and len(words) > 1:
        words.pop()
        short = " ".join(words)
    return short[:MAX_CHARS].rstrip(" ,;:.-–")


def why(cause: str, reason: str) -> str:
    """Return the label of a request: a message to translate, or the beginning of its own reason."""
    if cause in CAUSES and cause != "other":
        return next(label for each, label in LABELS.items() if each == cause)
    return shorten_reason(reason) or LABELS["other"]
