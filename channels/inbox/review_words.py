"""What a review card says of rules, sources and verdicts, in words that sellers use: messages to translate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.staff.reviewing import Rejection
from channels.inbox.navigation import N_


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A message to translate, and the values in it."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)


RULES: Mapping[str, tuple[str, str]] = {
    "consent": (N_("Permission to write"), N_("what they asked for, and the law")),
    "send_window": (N_("Sending hours"), N_("your hours, and the law where they are")),
    "reply_window": (N_("WhatsApp's 24 hours"), N_("WhatsApp's terms")),
    "frequency": (N_("How often we write"), N_("your limits")),
    "pricing": (N_("Prices"), N_("your catalogue")),
    "promises": (N_("Promises"), N_("your policies")),
    "grounding": (N_("Facts"), N_("what you have published")),
    "pii": (N_("Personal data"), N_("data protection")),
    "leakage": (N_("Internal matters"), N_("what stays inside")),
    "links": (N_("Links"), N_("your list of links")),
    "language": (N_("Language"), N_("the language they write in")),
    "tone": (N_("Tone"), N_("your forbidden subjects, and good manners")),
    "disclosure": (N_("Says it is automated"), N_("the law on automated messages")),
    "format": (N_("Form"), N_("what the channel carries")),
    "confidence": (N_("Confidence"), N_("the agent's own estimate")),
}
"""By rule: its name, and what it compares with."""
UNKNOWN_RULE = (N_("Another check"), N_("your settings"))

REJECTIONS: Mapping[Rejection, str] = {
    "wrong_facts": N_("Wrong facts"),
    "wrong_tone": N_("Wrong tone"),
    "wrong_language": N_("Wrong language"),
    "not_needed": N_("Not needed"),
    "needs_person": N_("Should be a person"),
    "other": N_("Other"),
}
"""In the order of their keys, 1 to 6."""

WHY_ANYWAY: tuple[str, ...] = (
    N_("It is right: I have checked"),
    N_("Agreed with this customer"),
    N_("Not published yet, but true"),
)
"""Reasons for overriding a warning, one tap each. They are recorded as they stand here, in English."""

KINDS: Mapping[str, str] = {
    "item": N_("Catalogue"),
    "fact": N_("Published fact"),
    "policy": N_("Policy"),
    "conversation": N_("Said in this conversation"),
}
"""Where a claim comes from."""

INTENTS: Mapping[str, str] = {
    "opt_out": N_("Wants no more messages"),
    "complaint": N_("Complaint"),
    "human_request": N_("Asked for a person"),
    "ready_to_buy": N_("Ready to buy"),
    "negotiation": N_("Negotiates"),
    "payment": N_("Payment"),
    "scheduling": N_("Scheduling"),
    "support": N_("Support"),
    "objection": N_("Hesitates"),
    "not_interested": N_("Not interested"),
    "pricing": N_("Asks for a price"),
    "product_question": N_("Asks about a product"),
    "acknowledgement": N_("Acknowledges"),
    "greeting": N_("Greeting"),
    "off_topic": N_("Off topic"),
}

CHANNELS: Mapping[str, str] = {"whatsapp": "WhatsApp", "sms": "SMS", "email": N_("E-mail")}
