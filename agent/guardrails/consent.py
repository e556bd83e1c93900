"""Nobody who asked us to stop is written to (P4): not by the agent, not by staff, not from the queue."""

from datetime import datetime

from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "consent"
VERSION = 1


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Block every text to a suppressed contact, except the confirmation that we stop.

    That there is only one confirmation is decided by `agent.screen`: it asks for one only while the
    contact is not yet suppressed.
    """
    suppression = turn.conversation.suppression
    if suppression is None or candidate.purpose == "opt_out_confirmation":
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    return Verdict(
        rule=RULE,
        outcome="block",
        reason=f"This contact asked us on {suppression.since:%Y-%m-%d} not to write; they can return with START.",
        evidence=suppression.reason,
        version=VERSION,
    )
