"""Why a message was not delivered, as a class, and what is done about each class: a table.

Providers' codes are mapped to classes where the provider is known (`channels/twilio_errors.py`); what follows from a
class is the same for an answer to a request and for a report that comes later. `undelivered.py` carries it out.
Free of I/O, and imported by `agent.types`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Failure = Literal[
    "opt_out",
    "blocked",
    "bad_address",
    "window",
    "policy_defer",
    "content",
    "permission",
    "template",
    "config",
    "account",
    "rate",
    "loop",
    "transient",
    "expired",
    "unknown",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """What is done about a message that was not delivered, beside recording it. Fields combine."""

    escalate: str = ""
    """Ask a person, for this reason; empty: nobody needs to act."""
    suppress: bool = False
    """The contact does not want to be written to: an opt-out, with the refused message as its proof."""
    unusable: bool = False
    """Nothing can be delivered at the address, until they write from it."""
    busy_s: float | None = None
    """The sender sends nothing for at least so many seconds; messages wait for it, and none is lost."""
    keeps: bool = False
    """Refused before it was taken: the message stays in the outbox, because the sender is at fault."""
    retry_in_s: float | None = None
    """Reported after it was taken: it is written once more, so many seconds later, and checked again."""
    alert: str = ""
    """Operators hear of it, once an hour; says what they can do."""


REACTIONS: Mapping[Failure, Reaction] = {
    "opt_out": Reaction(suppress=True, escalate="The provider says that the contact has opted out"),
    "blocked": Reaction(unusable=True, escalate="Blocked on its way: review before writing again"),
    "bad_address": Reaction(unusable=True, escalate="Cannot be reached at this address: use another channel"),
    "window": Reaction(escalate="The reply window has closed"),
    "policy_defer": Reaction(escalate="WhatsApp chose not to deliver it: do not resend now"),
    "content": Reaction(escalate="Could not be delivered as it is: change the text or the attachment"),
    "permission": Reaction(
        escalate="Could not be delivered",
        alert="allow the destination in the provider's console; others are not affected",
    ),
    "template": Reaction(
        escalate="The template may not be sent",
        alert="WhatsApp has rejected, paused or disabled a template: it is not sent until a sync finds it approved "
        "again; `nightshift templates list` shows all",
    ),
    "config": Reaction(
        keeps=True,
        busy_s=300.0,
        escalate="Could not be delivered",
        alert="set the sender up in the provider's console; its messages wait, and it is tried every 5 minutes",
    ),
    "account": Reaction(
        keeps=True,
        busy_s=300.0,
        escalate="Could not be delivered",
        alert="the provider has suspended the account: contact it; messages wait and are tried every 5 minutes",
    ),
    "rate": Reaction(keeps=True, busy_s=2.0, retry_in_s=60.0, escalate="Could not be delivered"),
    "loop": Reaction(
        keeps=True,
        busy_s=30.0,
        escalate="Could not be delivered",
        alert="two numbers wrote to each other more than 30 times in 30 seconds: see whether a machine answers ours",
    ),
    "transient": Reaction(retry_in_s=60.0, escalate="Could not be delivered"),
    "expired": Reaction(escalate="Could not be delivered in time"),
    "unknown": Reaction(escalate="Could not be delivered"),
}
"""With `retry_in_s`, a person is asked when the repetition fails, too."""
