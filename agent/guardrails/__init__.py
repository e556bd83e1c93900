"""What the agent cannot do: every outbound text passes every rule, at drafting and again at sending (P4).

The rules are listed in one place, in order. All of them run, the worst outcome wins, and a rule that fails
holds the message: nothing leaves because a check could not be made. What binds whom is said by `binds`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from agent.guardrails import (
    confidence,
    consent,
    disclosure,
    format,  # noqa: A004 — the rule's name
    frequency,
    grounding,
    leakage,
    links,
    pii,
    pricing,
    promises,
    reply_window,
    send_window,
    tone,
)
from agent.guardrails.language import Detect, make_language_rule
from agent.guardrails.rule import Rule
from agent.types import CONTENT_RULES, Author, Candidate, Outcome, Policy, Tenant, Turn, Verdict

SEVERITY: tuple[Outcome, ...] = ("pass", "delay", "revise", "hold", "block")
"""From harmless to final: the worst verdict decides."""
MAX_DELAYS = 5
"""How often in a row a delayed text is judged as of the time it would leave."""

UNCHECKED = "not checked: "
"""How the evidence begins when a rule failed; the error's name follows."""

LEGAL_RULES: tuple[Rule, ...] = (
    Rule.of(consent),
    Rule.of(send_window),
    Rule.of(reply_window),
    Rule.of(frequency),
)
"""What also binds texts that staff wrote. No tenant can change them."""
LEGAL = frozenset(rule.name for rule in LEGAL_RULES)
"""Their names."""

log = structlog.get_logger(__name__)


def content_rules(detect: Detect | None) -> tuple[Rule, ...]:
    """Return the rules about what a text says, in order.

    `detect` is the language detector's question; None, where none is at hand: without the rule about the language.
    """
    return (
        Rule.of(pricing),
        Rule.of(promises),
        Rule.of(grounding),
        Rule.of(pii),
        Rule.of(leakage),
        Rule.of(links),
        *((make_language_rule(detect),) if detect else ()),
        Rule.of(tone),
        Rule.of(disclosure),
        Rule.of(format),
    )


def build_rules(detect: Detect) -> tuple[Rule, ...]:
    """Return all rules in order."""
    return (*LEGAL_RULES, *content_rules(detect), Rule.of(confidence))


def check_all(
    rules: Sequence[Rule], candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime
) -> tuple[Verdict, ...]:
    """Return the verdict of every rule, in order, as strict as the tenant wants it. `now` is aware, in UTC.

    A text that must wait is judged by the legal rules as of then, too: what may not leave any more when its time comes
    is stopped now. It is checked again when it leaves all the same.
    """
    verdicts = tuple(as_strict(_check(rule, candidate, turn, tenant, now), tenant.policy) for rule in rules)
    for _ in range(MAX_DELAYS):
        until = max((verdict.until for verdict in verdicts if verdict.until), default=None)
        if until is None:
            break
        later = (_check(rule, candidate, turn, tenant, until) if rule.name in LEGAL else None for rule in rules)
        foreseen = tuple(worst([now_, then]) if then else now_ for now_, then in zip(verdicts, later, strict=True))
        if foreseen == verdicts:
            break
        verdicts = foreseen
    return verdicts


def binds(rule: str, author: Author) -> bool:
    """Say whether a rule decides over what `author` wrote; else it only warns.

    Staff answer for what they write themselves, also when they edit a draft: the rules about content tell them what
    they see, and the legal ones bind them. Whatever else leaves must pass all rules.
    """
    return author != "staff" or rule in LEGAL


def binding(verdicts: Sequence[Verdict], author: Author) -> tuple[Verdict, ...]:
    """Return the verdicts that decide over what `author` wrote, in order."""
    return tuple(verdict for verdict in verdicts if binds(verdict.rule, author))


def warnings(verdicts: Sequence[Verdict], author: Author) -> tuple[Verdict, ...]:
    """Return the objections that `author` should read and may overrule, in order."""
    return tuple(verdict for verdict in verdicts if verdict.outcome != "pass" and not binds(verdict.rule, author))


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that decides: the most severe, and of several delays the longest.

    Raises:
        ValueError: there are no verdicts; a text that nothing has checked must not leave.
    """
    if not verdicts:
        raise ValueError("no verdicts: no rule has checked this text, so it must not leave")
    return max(verdicts, key=lambda v: (SEVERITY.index(v.outcome), v.until.timestamp() if v.until else 0))


def as_strict(verdict: Verdict, policy: Policy) -> Verdict:
    """Hold at once what could be redrafted, where the tenant wants that. Only content rules, and only upwards."""
    if verdict.outcome != "revise" or verdict.rule not in CONTENT_RULES:
        return verdict
    return replace(verdict, outcome="hold") if policy.strictness.get(verdict.rule) == "hold" else verdict


def _check(rule: Rule, candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    try:
        return rule.check(candidate, turn, tenant, now)
    except Exception as exc:
        log.exception("guardrail_failed", rule=rule.name, version=rule.version, turn_id=str(turn.id))
        return Verdict(
            rule=rule.name,
            outcome="hold",
            reason=f"The rule {rule.name!r} could not be checked ({type(exc).__name__}); a person must look.",
            evidence=f"{UNCHECKED}{type(exc).__name__}",
            version=rule.version,
        )
