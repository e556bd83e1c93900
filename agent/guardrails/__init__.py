"""What the agent cannot do: every outbound text passes every rule, at drafting and again at sending (P4).

The rules are listed in one place, in order. All of them run, the worst outcome wins, and a rule that fails
holds the message: nothing leaves because a check could not be made.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from agent.guardrails import (
    confidence,
    consent,
    disclosure,
    format,  # noqa: A004 — the rule's name
    pricing,
    reply_window,
    send_window,
)
from agent.guardrails.language import Detect, make_language_rule
from agent.guardrails.rule import Rule
from agent.types import Candidate, Outcome, Tenant, Turn, Verdict

SEVERITY: tuple[Outcome, ...] = ("pass", "revise", "delay", "hold", "block")
"""From harmless to final: the worst verdict decides."""

LEGAL_RULES: tuple[Rule, ...] = (
    Rule(name=consent.RULE, version=consent.VERSION, check=consent.check),
    Rule(name=send_window.RULE, version=send_window.VERSION, check=send_window.check),
    Rule(name=reply_window.RULE, version=reply_window.VERSION, check=reply_window.check),
)
"""What also binds texts that staff wrote."""

log = structlog.get_logger(__name__)


def build_rules(detect: Detect) -> tuple[Rule, ...]:
    """Return all rules in order. `detect` is the language detector's question."""
    return (
        *LEGAL_RULES,
        Rule(name=pricing.RULE, version=pricing.VERSION, check=pricing.check),
        make_language_rule(detect),
        Rule(name=format.RULE, version=format.VERSION, check=format.check),
        Rule(name=disclosure.RULE, version=disclosure.VERSION, check=disclosure.check),
        Rule(name=confidence.RULE, version=confidence.VERSION, check=confidence.check),
    )


def check_all(
    rules: Sequence[Rule], candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime
) -> tuple[Verdict, ...]:
    """Return the verdict of every rule, in order. `now` is aware, in UTC."""
    return tuple(_check(rule, candidate, turn, tenant, now) for rule in rules)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that decides: the most severe, and of several delays the longest.

    Raises:
        ValueError: there are no verdicts; a text that nothing has checked must not leave.
    """
    if not verdicts:
        raise ValueError("no verdicts: no rule has checked this text, so it must not leave")
    return max(verdicts, key=lambda v: (SEVERITY.index(v.outcome), v.until.timestamp() if v.until else 0))


def _check(rule: Rule, candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    try:
        return rule.check(candidate, turn, tenant, now)
    except Exception as exc:
        log.exception("guardrail_failed", rule=rule.name, version=rule.version, turn_id=str(turn.id))
        return Verdict(
            rule=rule.name,
            outcome="hold",
            reason=f"The rule {rule.name!r} could not be checked ({type(exc).__name__}); a person must look.",
            version=rule.version,
        )
