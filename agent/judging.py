"""Step `judge`: a model reads the statements of a draft that code cannot decide, where there is one to ask."""

from functools import partial

import structlog

from agent.check import trace_verdicts
from agent.errors import Misconfigured, ModelRefused, ModelUnavailable
from agent.guardrails import as_strict
from agent.guardrails.grounding import claims_to_judge
from agent.guardrails.judge import judged_verdict, unjudged_verdict
from agent.ports import Judged
from agent.steps import Steps
from agent.types import Candidate, Verdict

log = structlog.get_logger(__name__)


async def judge_draft(
    steps: Steps, name: str, candidate: Candidate, verdicts: tuple[Verdict, ...]
) -> tuple[Verdict, ...]:
    """Return `verdicts`, and the judge's where code lets the text pass but leaves statements open.

    `name` is the step's. Where nobody can judge, the text is held if the tenant demands judging, else it goes on.

    Raises:
        ModelUnavailable: the tenant demands judging, and no model answered: the turn waits.
        Fenced: another worker has taken over.
    """
    tenant = steps.turn.tenant
    if any(verdict.outcome not in {"pass", "delay"} for verdict in verdicts):
        return verdicts
    claims = claims_to_judge(candidate, steps.turn, tenant)
    if not claims:
        return verdicts
    judged = await _ask(steps, name, claims)
    if judged is None and not tenant.policy.demand_judging:
        return verdicts
    verdict = judged_verdict(judged.judgements) if judged is not None else unjudged_verdict(claims)
    verdict = as_strict(verdict, tenant.policy)
    trace_verdicts((verdict,), steps.deps.tracer)
    return (*verdicts, verdict)


async def _ask(steps: Steps, name: str, claims: tuple[str, ...]) -> Judged | None:
    """Return the judgements; None where nobody can give them."""
    judge, turn = steps.deps.judge, steps.turn
    if judge is None:
        return None
    try:
        return await steps.model(name, Judged, partial(judge.judge, claims, turn))
    except ModelUnavailable:
        if turn.tenant.policy.demand_judging:
            raise
        log.warning("judge.unavailable", turn_id=str(turn.id))
    except (ModelRefused, Misconfigured) as exc:
        log.warning("judge.failed", turn_id=str(turn.id), error=type(exc).__name__)
    return None
