"""Step `check`: all guardrails over a rendered text, each traced, and what their verdicts amount to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from agent.guardrails import UNCHECKED, binding, check_all, pricing, worst
from agent.guardrails.rule import Rule
from agent.ports import AgentDeps, Level, Tracer
from agent.prices import PriceReferenceError
from agent.render import render_draft
from agent.types import Candidate, Decision, Draft, Escalate, Nothing, Reply, Send, Turn, Verdict

_VERDICTS = TypeAdapter(tuple[Verdict, ...])


def prepare(draft: Draft, turn: Turn, deps: AgentDeps) -> tuple[Candidate, tuple[Verdict, ...]]:
    """Render a draft and check it, and trace each verdict. A reference that names nothing asks for a revision."""
    candidate, verdicts = render_and_check(draft, turn, deps.rules, deps.now(), unknown="revise")
    trace_verdicts(verdicts, deps.tracer)
    return candidate, verdicts


def render_and_check(
    draft: Draft, turn: Turn, rules: Sequence[Rule], now: datetime, *, unknown: Literal["revise", "hold"]
) -> tuple[Candidate, tuple[Verdict, ...]]:
    """Render a draft and have every guardrail read it.

    A reference that names nothing published makes the text unreadable: its one verdict has the outcome `unknown`.
    """
    try:
        candidate = render_draft(draft, turn, now)
    except PriceReferenceError as exc:
        candidate = Candidate(text=draft.text, language=draft.language, channel=turn.conversation.channel)
        verdict = Verdict(
            rule=pricing.RULE, outcome=unknown, reason=str(exc), evidence=exc.reference, version=pricing.VERSION
        )
        return candidate, (verdict,)
    return candidate, check_all(rules, candidate, turn, turn.tenant, now)


def check(candidate: Candidate, turn: Turn, deps: AgentDeps) -> tuple[Verdict, ...]:
    """Run every guardrail and trace each verdict."""
    verdicts = check_all(deps.rules, candidate, turn, turn.tenant, deps.now())
    trace_verdicts(verdicts, deps.tracer)
    return verdicts


def trace_verdicts(verdicts: Sequence[Verdict], tracer: Tracer) -> None:
    """Report each verdict as an observation of its own: a warning if it objects, an error if its rule failed."""
    for verdict in verdicts:
        with tracer.step(verdict.rule, "guardrail") as observation:
            observation.update(
                output=verdict.outcome,
                metadata={"version": verdict.version, "evidence": verdict.evidence, "span": verdict.span},
                level=_level(verdict),
                status_message=verdict.reason or None,
            )


def _level(verdict: Verdict) -> Level:
    if verdict.outcome == "pass":
        return "DEFAULT"
    return "ERROR" if verdict.evidence.startswith(UNCHECKED) else "WARNING"


def dump_verdicts(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return verdicts as JSON-safe data, to be stored: rule and its version, outcome, reason, evidence, span, until."""
    dumped: list[dict[str, Any]] = _VERDICTS.dump_python(tuple(verdicts), mode="json")
    return dumped


def settle(reply: Reply, reason: str) -> Decision:
    """Turn the verdicts that bind the text's author into a decision: the worst decides.

    A template was filled in by code, whoever sends it: all rules bind it.

    Raises:
        ValueError: no rule has checked the text.
    """
    text, author = reply.candidate.text, "agent" if reply.candidate.template else reply.candidate.author
    decisive = worst(binding(reply.verdicts, author))
    match decisive.outcome:
        case "block" if reply.source == "rule":
            return Nothing(reason=decisive.reason)
        case "block" | "hold" | "revise":
            return Escalate(reason=decisive.reason, draft=text, verdicts=reply.verdicts)
        case "delay" | "pass":
            return Send(reply=replace(reply, not_before=decisive.until), reason=reason)


def settle_notice(candidate: Candidate, turn: Turn, reason: str, deps: AgentDeps) -> Decision:
    """Check a fixed text of ours and decide: it leaves, later if it must wait, or nothing is said."""
    reply = Reply(candidate=candidate, source="rule", verdicts=check(candidate, turn, deps))
    return settle(reply, reason)
