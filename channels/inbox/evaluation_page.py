"""Evaluation: what was measured, what it cost, what holds promotion, and cases that wait for a person's word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import ValidationError
from starlette.responses import Response

from agent.errors import BadRequest
from agent.evaluation.cases import ReplyCase, read_case
from agent.evaluation.figures import FIGURES, Figures
from agent.evaluation.holds import lift_promotion_hold, promotion_hold
from agent.evaluation.nightly import ask_for_evaluation, read_cases
from agent.evaluation.run import summary
from agent.evaluation.spend import read_allowance
from agent.spending.budgets import format_usd
from agent.store import eval_cases, evaluations
from agent.store.db import Tx
from agent.store.eval_cases import CaseRow
from agent.store.evaluations import Hold, RunRow
from agent.store.events import insert_event
from channels.evaluation_report import build_report
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.visit import Visit

PROPOSED = 20
"""Proposed cases shown at a time, the newest."""
RUNS = 30
ORIGINS: Mapping[str, str] = {
    "edited": N_("Staff changed the draft"),
    "rejected": N_("Staff rejected the draft"),
    "complaint": N_("The prospect complained"),
    "file": N_("From a file"),
}
STATES: Mapping[str, str] = {
    "pending": N_("waits for a worker"),
    "running": N_("under way"),
    "done": N_("done"),
    "failed": N_("failed"),
    "skipped": N_("skipped"),
}
DECISIONS: Mapping[str, str] = {
    "send": N_("Answer"),
    "escalate": N_("Ask a person"),
    "nothing": N_("Stay silent"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A run with the figures that its line shows."""

    run: RunRow
    figures: Mapping[str, float]
    cost: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposedCase:
    """A case that waits for a person."""

    row: CaseRow
    case: ReplyCase


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationView:
    """The page."""

    hold: Hold | None
    runs: Sequence[Measured]
    proposed: Sequence[ProposedCase]
    accepted: int
    waiting: int
    spent: str
    limit: str
    percent: int


async def show(visit: Visit) -> Response:
    """Show evaluations, money, the hold and proposed cases."""
    return await _page(visit)


async def _page(visit: Visit, problem: str = "") -> Response:
    member, deps = visit.member, visit.deps
    percent = deps.settings.nightshift_evaluation_percent
    async with visit.tx() as tx:
        allowance = await read_allowance(tx, percent, deps.now())
        counts = await eval_cases.count_cases(tx)
        view = EvaluationView(
            hold=await promotion_hold(tx, member.tenant_id),
            runs=[_measured(run) for run in await evaluations.list_runs(tx, limit=RUNS)],
            proposed=_readable(await eval_cases.list_cases(tx, "proposed", limit=PROPOSED)),
            accepted=sum(count for (_, state), count in counts.items() if state == "accepted"),
            waiting=sum(count for (_, state), count in counts.items() if state == "proposed"),
            spent=format_usd(allowance.spent_microusd),
            limit=format_usd(allowance.limit_microusd),
            percent=percent,
        )
    return visit.page(
        "evaluation.html",
        status=400 if problem else 200,
        view=view,
        problem=problem,
        origins=ORIGINS,
        states=STATES,
        decisions=DECISIONS,
    )


def _measured(run: RunRow) -> Measured:
    return Measured(run=run, figures=_line(run), cost=format_usd(run.cost_microusd))


def _line(run: RunRow) -> Mapping[str, float]:
    if run.kind == "simulated" and run.figures:
        return {N_("scenarios passed"): run.figures["passed"] / max(1, run.figures["played"])}
    figures = _read(run)
    return summary(figures) if figures else {}


def _read(run: RunRow) -> Figures | None:
    """Return a run's figures; None: it has none, or they are of an earlier release."""
    try:
        return FIGURES.validate_python(run.figures) if run.state == "done" and run.kind == "labelled" else None
    except ValidationError:
        return None


def _readable(rows: Sequence[CaseRow]) -> list[ProposedCase]:
    """Return the proposed replies; a case of an earlier release that cannot be read any more is left out."""
    cases = {each.key: each.case for each in read_cases(rows)}
    return [ProposedCase(row=row, case=case) for row in rows if isinstance(case := cases.get(row.key), ReplyCase)]


async def show_run(visit: Visit) -> Response:
    """Show the report of one evaluation."""
    async with visit.tx() as tx:
        run = await evaluations.find_run(tx, visit.path_id("run"))
    if run is None:
        raise BadRequest(visit.say(N_("There is no such evaluation here.")), status=404)
    figures = _read(run)
    report = build_report(figures) if figures else None
    return visit.page("evaluation_run.html", run=run, report=report, states=STATES, cost=format_usd(run.cost_microusd))


async def ask(visit: Visit) -> Response:
    """Have the version in force measured now."""
    async with visit.tx() as tx:
        tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
        has_cases = bool(await eval_cases.list_cases(tx, limit=1))
        if has_cases:
            run_id = await ask_for_evaluation(tx, tenant, "staff", visit.deps)
            await _tell(tx, visit, "evaluation.asked", {"run": str(run_id)})
    if not has_cases:
        return await _page(visit, visit.say(N_("There are no accepted cases to measure on yet.")))
    return visit.go("/inbox/evaluation")


async def lift(visit: Visit) -> Response:
    """Let promotions go on."""
    async with visit.tx() as tx:
        await lift_promotion_hold(tx, visit.member.tenant_id, visit.member.actor)
    return visit.go("/inbox/evaluation")


async def decide(visit: Visit) -> Response:
    """Accept a proposed case, as the person says it is right, or reject it."""
    case_id, action = visit.path_id("case"), visit.field("action")
    if action not in ("accept", "reject"):
        raise BadRequest(visit.say(N_("Say whether it is a case.")))
    async with visit.tx() as tx:
        row = await eval_cases.find_case(tx, case_id)
        if row is None:
            raise BadRequest(visit.say(N_("There is no such case here.")), status=404)
        problem, expected = _expected(visit, row) if action == "accept" else ("", None)
        if not problem:
            state: Literal["accepted", "rejected"] = "accepted" if action == "accept" else "rejected"
            if await eval_cases.decide_case(tx, case_id, state, visit.member.id, expected):
                await _tell(tx, visit, f"evaluation.case_{state}", {"case": str(case_id)})
    return await _page(visit, problem) if problem else visit.go("/inbox/evaluation#proposed")


def _expected(visit: Visit, row: CaseRow) -> tuple[str, dict[str, object] | None]:
    """Return what is wrong with what the person says is right; and what it is."""
    decision = visit.field("decision")
    expected: dict[str, object] = {
        "decisions": [decision],
        "must": _lines(visit.field("must")),
        "never": _lines(visit.field("never")),
        "reference": visit.field("reference"),
        "rejected": row.expected.get("rejected", ""),
    }
    try:
        read_case({**row.input, **expected})
    except ValueError:
        return visit.say(N_("Say what the agent should have done, in texts that are not too long.")), None
    return "", expected


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


async def _tell(tx: Tx, visit: Visit, kind: str, data: Mapping[str, str | UUID]) -> None:
    await insert_event(tx, visit.member.tenant_id, kind, actor=visit.member.actor, data=data)


PAGES = (
    Page(method="GET", path="/inbox/evaluation", answer=show),
    Page(method="POST", path="/inbox/evaluation", answer=ask, role="manager"),
    Page(method="POST", path="/inbox/evaluation/hold", answer=lift, role="manager"),
    Page(method="POST", path="/inbox/evaluation/cases/{case}", answer=decide, role="manager"),
    Page(method="GET", path="/inbox/evaluation/{run}", answer=show_run),
)
"""Its addresses."""
