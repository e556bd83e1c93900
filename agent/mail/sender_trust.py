"""What a sender whose address is not proven may trigger: the policy, as data.

The words of a mail's From are free for anybody to write. A prospect on WhatsApp or SMS is known by the network, so
there every sender is proven.
"""

from collections.abc import Mapping
from typing import Literal

Trust = Literal["proven", "replying", "unknown", "failed"]
"""How far a sender's address is known to be theirs.

`proven`: SPF or DKIM passes for the domain in From, or DMARC passes. `replying`: they name one of our mails to that
very address, which only its reader can know. `unknown`: nobody has checked, or there was nothing to check. `failed`:
the domain disowns the mail (DMARC or a hard SPF fail).
"""
Act = Literal["opt_out", "answer", "opt_in", "join_thread"]
"""What a mail can bring about: that we stop writing, an answer by the agent, that we write again, that it counts as
written by somebody whose conversation it names."""

MAY: Mapping[Act, frozenset[Trust]] = {
    # A forged opt-out only makes us silent, which staff can see and the person can undo.
    "opt_out": frozenset({"proven", "replying", "unknown", "failed"}),
    # An answer goes to the address that was claimed: to a forged one it would be unwanted mail (backscatter).
    "answer": frozenset({"proven", "replying", "unknown"}),
    # Consent is the person's own.
    "opt_in": frozenset({"proven", "replying"}),
    # To be taken for one of the contact's addresses, in a thread begun with another of them.
    "join_thread": frozenset({"proven", "replying"}),
}


def may(act: Act, trust: Trust) -> bool:
    """Say whether a sender of that standing may bring this about."""
    return trust in MAY[act]
