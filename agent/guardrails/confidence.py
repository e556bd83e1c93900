"""A reply the writer itself doubts is not sent: a person reads it first."""

from datetime import datetime

from agent.guardrails.rule import passed
from agent.types import WRITTEN, Candidate, Tenant, Turn, Verdict

RULE = "confidence"
VERSION = 2


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Hold what the agent wrote if it asks for a person or falls below the tenant's least confidence."""
    if candidate.author == "agent" and candidate.purpose in WRITTEN:
        if candidate.needs_human:
            return _hold("The agent asks for a person to answer this.", "needs_human")
        if not candidate.confidence >= tenant.policy.min_confidence:  # also true for NaN
            least = tenant.policy.min_confidence
            return _hold(
                f"The agent is {candidate.confidence:.0%} sure of this reply; you ask for {least:.0%}.",
                f"confidence={candidate.confidence:.2f}",
            )
    return passed(RULE, VERSION)


def _hold(reason: str, evidence: str) -> Verdict:
    return Verdict(rule=RULE, outcome="hold", reason=reason, evidence=evidence, version=VERSION)
