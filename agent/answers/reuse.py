"""Step `reuse`: a question that anybody could ask gets the answer somebody got, if it stands every check today."""

from agent.answers.cache import Found, Question
from agent.check import prepare, settle
from agent.errors import ModelUnavailable
from agent.judging import judge_draft
from agent.steps import Steps
from agent.types import Classification, Decision, Reply, Route, Send, Sources


async def reuse_answer(
    steps: Steps, classification: Classification, sources: Sources, route: Route
) -> tuple[Question | None, Send | None]:
    """Return a turn's question, if anybody could ask it, and the answer, if one is kept and may be sent today.

    Traced and counted as `hit`, `miss`, `refused` (a check objects today) or `not_asked` (somebody's own question).

    Raises:
        Fenced: another worker has taken over.
    """
    turn, deps = steps.turn, steps.deps
    if deps.answers is None:
        return None, None
    with deps.tracer.step("answer cache", "retriever", input=turn.text) as observation:
        question = deps.answers.question(turn, classification, sources, route, deps.now())
        if isinstance(question, str):
            observation.update(output="not asked", metadata={"reason": question})
            deps.metrics.answers.labels("not_asked").inc()
            return None, None
        found = await deps.answers.find(question, deps.now())
        decision = await _check_again(steps, found, route) if found else None
        outcome = "hit" if decision else "refused" if found else "miss"
        deps.metrics.answers.labels(outcome).inc()
        known = {"answered_in": str(found.turn_id), "cosine": round(found.cosine, 3)} if found else {}
        observation.update(output=outcome, metadata=known)
        return question, decision


async def _check_again(steps: Steps, found: Found, route: Route) -> Send | None:
    """Render a kept draft with today's prices and run every check; None if any objects: then a model writes."""
    candidate, checked = prepare(found.draft, steps.turn, steps.deps)
    try:
        verdicts = await judge_draft(steps, "judge_reused", candidate, checked)
    except ModelUnavailable:
        return None
    reply = Reply(candidate=candidate, source="cache", verdicts=verdicts, draft=found.draft)
    decision = settle(reply, f"{route.reason}; answered before")
    return decision if isinstance(decision, Send) else None


async def keep_answer(steps: Steps, question: Question | None, decision: Decision) -> None:
    """Keep an answer that went out at the first draft, for whoever asks the same."""
    if question is None or steps.deps.answers is None or not isinstance(decision, Send):
        return
    await steps.deps.answers.keep(question, decision.reply, steps.turn, steps.deps.now())
