"""What Nightshift thought at one turn: a saved turn row, told to a newcomer.

The saved steps are JSON of an earlier moment, perhaps of an earlier release: whatever is absent is left out, and
an unknown name is shown as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from babel import Locale, UnknownLocaleError

from agent.saved_steps import DRAFT_STEPS, saved_classification, saved_draft, saved_part
from agent.store.simulator import Thread, ThreadTurn
from agent.types import Source
from channels.thought_words import TIERS, VERDICTS, percent, plain_reason, words

Outcome = Literal["sent", "person", "silent", "superseded", "working", "failed"]
MAX_QUOTE_CHARS = 90

OUTCOMES: Mapping[Outcome, str] = {
    "sent": "Answered",
    "person": "Handed to a person",
    "silent": "Stayed silent",
    "superseded": "Started over: you wrote again",
    "working": "Thinking",
    "failed": "Could not be processed",
}
RULES = {
    "consent": "They have not opted out",
    "send_window": "A time of day when we may write",
    "reply_window": "Within the channel’s reply window",
    "pricing": "Every price is a published one",
    "language": "Written in their language",
    "format": "Fits the channel",
    "disclosure": "Says that an assistant is writing",
    "confidence": "Sure enough to send",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing understood. `percent` is how sure, where that is known."""

    name: str
    value: str
    detail: str = ""
    percent: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A guardrail's answer."""

    label: str
    outcome: str
    passed: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ThoughtView:
    """One turn, ready to render."""

    id: str
    quote: str
    burst: int
    """How many messages it answers at once."""
    outcome: Outcome
    outcome_label: str
    reason: str
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    checks_label: str
    engines: tuple[Fact, ...]
    """Who understood the message and who wrote the reply: always said."""
    timing: str
    trace_id: str


def engine_label(source: Source, model: str, *, has_model_key: bool) -> str:
    """Say who answered, so that nobody takes the local engine for Claude."""
    match source:
        case "claude":
            return f"Claude ({model})" if model else "Claude"
        case "local":
            return "local engine — Claude gave no answer" if has_model_key else "local engine — no model key set"
        case "rule":
            return "rule — no model involved"
        case "cache":
            return "an earlier answer to the same question — checked again, prices of today"
        case "staff":
            return "a person on the team"


def language_name(code: str) -> str:
    """Return a language's English name, or its code."""
    try:
        return Locale.parse(code).english_name or code
    except (UnknownLocaleError, ValueError):
        return code


def show_thoughts(thread: Thread, *, has_model_key: bool) -> Iterator[ThoughtView]:
    """Yield the thoughts of each turn, newest first."""
    for turn in reversed(thread.turns):
        burst = [
            each.body
            for each in thread.messages
            if each.direction == "inbound" and turn.first_seq <= each.seq <= turn.last_seq
        ]
        yield _show(turn, burst, tuple(_engines(thread, turn, has_model_key)))


def _show(turn: ThreadTurn, burst: list[str], engines: tuple[Fact, ...]) -> ThoughtView:
    outcome = _outcome(turn)
    checks = tuple(_checks(turn.steps))
    quote = " · ".join(burst)
    return ThoughtView(
        id=str(turn.id),
        quote=quote if len(quote) <= MAX_QUOTE_CHARS else f"{quote[:MAX_QUOTE_CHARS].rstrip()}…",
        burst=len(burst),
        outcome=outcome,
        outcome_label=OUTCOMES[outcome],
        reason=_own_reason(turn, outcome),
        facts=tuple(_facts(turn.steps)),
        checks=checks,
        checks_label=f"{sum(check.passed for check in checks)} of {len(checks)} checks passed" if checks else "",
        engines=engines,
        timing=_timing(turn),
        trace_id=turn.trace_id,
    )


def _outcome(turn: ThreadTurn) -> Outcome:
    match turn.state, turn.decision:
        case ("running", _):
            return "working"
        case ("superseded", _):
            return "superseded"
        case ("failed", _):
            return "failed"
        case (_, "escalate"):
            return "person"
        case (_, "nothing"):
            return "silent"
    return "sent"


def _engines(thread: Thread, turn: ThreadTurn, has_model_key: bool) -> Iterator[Fact]:
    """Say who understood the message and who wrote the reply."""
    classification = saved_classification(turn.steps)
    replies = [m for m in thread.messages if m.turn_id == turn.id and m.direction == "outbound"]
    draft = saved_draft(turn.steps)
    if source := _source(classification):
        model = str(classification.get("model") or "")
        yield Fact(name="Understood by", value=engine_label(source, model, has_model_key=has_model_key))
    elif turn.state != "running":
        yield Fact(name="Understood by", value=engine_label("rule", "", has_model_key=has_model_key))
    if replies:
        reply = replies[-1]
        value = engine_label(reply.source or "rule", reply.model or "", has_model_key=has_model_key)
        yield Fact(name="Reply written by", value=value)
    elif source := _source(draft):
        model = str(draft.get("model") or "")
        yield Fact(name="Draft written by", value=engine_label(source, model, has_model_key=has_model_key))


def _source(step: Mapping[str, Any]) -> Source | None:
    match step.get("source"):
        case "claude":
            return "claude"
        case "local":
            return "local"
        case "rule":
            return "rule"
        case "cache":
            return "cache"
    return None


def _facts(steps: Mapping[str, Any]) -> Iterator[Fact]:
    classification = saved_classification(steps)
    spoken, route = saved_part(steps, "language"), saved_part(steps, "route")
    if language := spoken.get("language") or classification.get("language"):
        sure = percent(spoken.get("confidence"))
        yield Fact(name="Language", value=language_name(str(language)), percent=sure)
    if intent := classification.get("intent"):
        extra = [words(each) for each in classification.get("secondary") or ()]
        yield Fact(
            name="Intent",
            value=words(intent),
            detail=f"also {', '.join(extra)}" if extra else "",
            percent=percent(classification.get("confidence")),
        )
        if (sentiment := classification.get("sentiment", "neutral")) != "neutral":
            yield Fact(name="Tone", value=words(sentiment))
    if tier := route.get("tier"):
        yield Fact(
            name="Route", value=TIERS.get(str(tier), words(tier)), detail=plain_reason(str(route.get("reason", "")))
        )
    drafts = sum(name in steps for name in DRAFT_STEPS)
    if drafts > 1:
        yield Fact(name="Drafts", value=str(drafts), detail="rewritten after a check objected")


def _checks(steps: Mapping[str, Any]) -> Iterator[Check]:
    for verdict in steps.get("verdicts") or ():
        rule, outcome = str(verdict.get("rule", "")), str(verdict.get("outcome", ""))
        yield Check(
            label=RULES.get(rule, words(rule)),
            outcome=VERDICTS.get(outcome, outcome),
            passed=outcome == "pass",
            reason=str(verdict.get("reason") or ""),
        )


def _own_reason(turn: ThreadTurn, outcome: Outcome) -> str:
    """Why it ended so, unless the route's reason says the same."""
    if outcome in ("working", "superseded") or turn.reason == saved_part(turn.steps, "route").get("reason"):
        return ""
    return plain_reason(turn.reason or "")


def _timing(turn: ThreadTurn) -> str:
    parts = []
    if turn.finished_at:
        ms = round((turn.finished_at - turn.created_at).total_seconds() * 1000)
        parts.append(f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s")
    if turn.calls:
        parts.append(f"{turn.calls} model call{'s' if turn.calls > 1 else ''}")
        parts.append(f"${turn.cost_microusd // 1_000_000}.{turn.cost_microusd % 1_000_000 // 100:04d}")
    if turn.attempts > 1:
        parts.append(f"attempt {turn.attempts}")
    return " · ".join(parts)
