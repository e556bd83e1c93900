"""Step `check`: all guardrails over a rendered text, each traced, and what their verdicts amount to."""

from agent.guardrails import check_all
from agent.ports import AgentDeps
from agent.prices import PriceReferenceError
from agent.render import render_draft
from agent.types import Candidate, Decision, Draft, Escalate, Nothing, Reply, Send, Turn, Verdict


def prepare(draft: Draft, turn: Turn, deps: AgentDeps) -> tuple[Candidate, tuple[Verdict, ...]]:
    """Render a draft and check it. A reference that names nothing published asks for a revision."""
    try:
        candidate = render_draft(draft, turn, deps.now())
    except PriceReferenceError as exc:
        candidate = Candidate(text=draft.text, language=draft.language, channel=turn.conversation.channel)
        return candidate, (Verdict(rule="pricing", outcome="revise", reason=str(exc), evidence=exc.reference),)
    return candidate, check(candidate, turn, deps)


def check(candidate: Candidate, turn: Turn, deps: AgentDeps) -> tuple[Verdict, ...]:
    """Run every guardrail and trace each verdict."""
    verdicts = check_all(deps.rules, candidate, turn, turn.tenant, deps.now())
    for verdict in verdicts:
        with deps.tracer.step(verdict.rule, "guardrail") as observation:
            observation.update(
                output=verdict.outcome,
                metadata={"version": verdict.version},
                level="DEFAULT" if verdict.outcome == "pass" else "WARNING",
                status_message=verdict.reason or None,
            )
    return verdicts


def settle(reply: Reply, reason: str) -> Decision:
    """Turn verdicts into a decision: block, then hold or an unmet revision, then delay, else send."""
    by_outcome = {verdict.outcome: verdict for verdict in reversed(reply.verdicts)}
    if blocked := by_outcome.get("block"):
        if reply.source == "rule":
            return Nothing(reason=blocked.reason)
        return Escalate(reason=blocked.reason, draft=reply.candidate.text, verdicts=reply.verdicts)
    if held := by_outcome.get("hold") or by_outcome.get("revise"):
        return Escalate(reason=held.reason, draft=reply.candidate.text, verdicts=reply.verdicts)
    delays = [verdict.until for verdict in reply.verdicts if verdict.until is not None]
    ready = Reply(
        candidate=reply.candidate,
        source=reply.source,
        verdicts=reply.verdicts,
        draft=reply.draft,
        not_before=max(delays, default=None),
    )
    return Send(reply=ready, reason=reason)
