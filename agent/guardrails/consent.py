"""Nobody who asked us to stop is written to, and nobody is approached who gave no reason to be (P4).

Binds the agent, staff and the queue alike. Sources: FCC 47 CFR 64.1200(a)(10) (revocation by any reasonable means),
(a)(12) (one confirmation, presumed lawful within five minutes), (f)(5) (an inquiry is a basis for three months);
CTIA Messaging Principles (HELP is answered also after STOP); Spain, LSSI art. 21.
"""

from datetime import datetime, timedelta

from agent.guardrails.rule import passed
from agent.types import PROACTIVE, Candidate, Outcome, Suppression, Tenant, Turn, Verdict

RULE = "consent"
VERSION = 2
CONFIRM_WITHIN = timedelta(minutes=5)
"""A later confirmation is a text to somebody who has long asked us to stop; the opt-out holds without it."""
INQUIRY = timedelta(days=90)
"""How long somebody's own message to us is a basis for writing to them again."""


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Block every text to a suppressed contact but the confirmation and HELP; hold an approach without a basis.

    That there is only one confirmation is decided by `agent.screening.screen`: it asks for one only while the
    contact is not yet suppressed.
    """
    suppression = turn.conversation.suppression
    if suppression is not None:
        return _of_suppressed(candidate, turn, suppression, now)
    if candidate.purpose in PROACTIVE:
        return _of_approach(turn, now)
    return passed(RULE, VERSION)


def _of_suppressed(candidate: Candidate, turn: Turn, suppression: Suppression, now: datetime) -> Verdict:
    """Let through the confirmation in time, and the answer to a HELP that came after the opt-out."""
    if candidate.purpose == "opt_out_confirmation":
        if now - suppression.since <= CONFIRM_WITHIN:
            return passed(RULE, VERSION)
        reason = "It is too late to confirm this opt-out with a text; it holds all the same."
        return _verdict("block", reason, suppression.reason)
    if candidate.purpose == "help" and turn.inbound[-1].created_at >= suppression.since:
        return passed(RULE, VERSION)
    reason = f"This contact asked us on {suppression.since:%Y-%m-%d} not to write; they can return with START."
    return _verdict("block", reason, suppression.reason)


def _of_approach(turn: Turn, now: datetime) -> Verdict:
    """Hold a text that we start ourselves unless the contact wrote to us within `INQUIRY`."""
    last = turn.conversation.last_inbound_at
    if last is not None and now - last <= INQUIRY:
        return passed(RULE, VERSION)
    since = f"last wrote to us on {last:%Y-%m-%d}" if last else "has never written to us"
    reason = f"This contact {since}: there is no consent on record to write first; a person decides."
    return _verdict("hold", reason, last.isoformat() if last else "")


def _verdict(outcome: Outcome, reason: str, evidence: str) -> Verdict:
    return Verdict(rule=RULE, outcome=outcome, reason=reason, evidence=evidence, version=VERSION)
