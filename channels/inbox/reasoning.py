"""What the agent thought at one turn, told to staff: what it understood, how it went about it, and what was checked.

The saved steps are JSON of an earlier moment, perhaps of an earlier release: whatever is absent is left out, and an
unknown name is shown as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.saved_steps import saved_classification, saved_draft, saved_part
from agent.spending.budgets import format_usd
from agent.store.timeline import Thought
from channels.inbox.navigation import N_
from channels.inbox.review_words import INTENTS, RULES, UNKNOWN_RULE
from channels.thought_words import TIERS, VERDICTS, percent, plain_reason, words

MAX_EVIDENCE_CHARS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing understood or done. `name` is a message to translate; `percent` is how sure, where that is known."""

    name: str
    value: str
    detail: str = ""
    percent: int | None = None
    is_language: bool = False
    """Whether `value` is the code of a language."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A guardrail's answer. `label`, `source` and `outcome_label` are messages to translate."""

    rule: str
    label: str
    outcome: str
    is_passed: bool
    reason: str
    source: str
    """What it compares the text with."""
    evidence: str
    """What in the text, or in the facts, decided it."""

    @property
    def outcome_label(self) -> str:
        """What the outcome is called."""
        return VERDICTS.get(self.outcome, self.outcome)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reasoning:
    """One turn, ready to render."""

    id: str
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    claims: tuple[tuple[str, str], ...]
    """Statements of the draft, each with its source."""
    seconds: float | None
    calls: int
    cost: str
    """In dollars; empty: it cost nothing."""
    trace_url: str
    """Of the trace in Langfuse; empty: it is not configured."""

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.is_passed for check in self.checks)


def explain(thought: Thought, *, langfuse: str) -> Reasoning:
    """Return what to show of a turn. `langfuse` is where its traces are; empty: nowhere."""
    steps = thought.steps
    seconds = (thought.finished_at - thought.created_at).total_seconds() if thought.finished_at else None
    return Reasoning(
        id=str(thought.id),
        facts=tuple(_facts(steps)),
        checks=tuple(_checks(steps)),
        claims=tuple(_claims(steps)),
        seconds=seconds,
        calls=thought.calls,
        cost=format_usd(thought.cost_microusd) if thought.cost_microusd else "",
        trace_url=f"{langfuse.rstrip('/')}/trace/{thought.trace_id}" if langfuse and thought.trace_id else "",
    )


def _facts(steps: Mapping[str, Any]) -> Iterator[Fact]:
    classification = saved_classification(steps)
    spoken, route = saved_part(steps, "language"), saved_part(steps, "route")
    if language := spoken.get("language") or classification.get("language"):
        yield Fact(
            name=N_("Language"), value=str(language), percent=percent(spoken.get("confidence")), is_language=True
        )
    if intent := classification.get("intent"):
        also = ", ".join(map(words, classification.get("secondary") or ()))
        sure = percent(classification.get("confidence"))
        yield Fact(name=N_("Intent"), value=INTENTS.get(str(intent), words(intent)), detail=also, percent=sure)
        if (sentiment := classification.get("sentiment", "neutral")) != "neutral":
            yield Fact(name=N_("Tone"), value=words(sentiment))
    if tier := route.get("tier"):
        detail = plain_reason(str(route.get("reason", "")))
        yield Fact(name=N_("Route"), value=TIERS.get(str(tier), words(tier)), detail=detail)
    if understood := classification.get("model") or classification.get("source"):
        yield Fact(name=N_("Understood by"), value=str(understood))
    if draft := saved_draft(steps):
        written = draft.get("model") or draft.get("source") or ""
        yield Fact(name=N_("Written by"), value=str(written), percent=percent(draft.get("confidence")))


def _checks(steps: Mapping[str, Any]) -> Iterator[Check]:
    for verdict in steps.get("verdicts") or ():
        rule, outcome = str(verdict.get("rule", "")), str(verdict.get("outcome", ""))
        label, source = RULES.get(rule, UNKNOWN_RULE)
        yield Check(
            rule=rule,
            label=label,
            source=source,
            outcome=outcome,
            is_passed=outcome == "pass",
            reason=str(verdict.get("reason") or ""),
            evidence=str(verdict.get("evidence") or "")[:MAX_EVIDENCE_CHARS],
        )


def _claims(steps: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for claim in saved_draft(steps).get("claims") or ():
        yield str(claim.get("text", "")), str(claim.get("source", ""))
