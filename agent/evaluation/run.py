"""One evaluation: a version on labelled cases, kept case by case, compared with the version before, told of a drop.

The cases are taken in the order of their keys, which are hashes: where the money ends early, those measured are a
random part of all. A case that no model answered is left out; too many of those, and the run proves nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog
from pydantic import TypeAdapter

from agent.errors import Misconfigured, ModelRefused, ModelUnavailable
from agent.evaluation.cases import Labelled
from agent.evaluation.compare import compare_results
from agent.evaluation.figures import FIGURES, Agreement, Comparison, Figures, agreement_of, figures_of
from agent.evaluation.grading import Grader
from agent.evaluation.holds import SYSTEM, hold_promotion, lift_promotion_hold
from agent.evaluation.measure import Bench, Result, case_turn, measure, pay, set_up
from agent.evaluation.spend import Purse
from agent.ports import AgentDeps
from agent.rollouts.versions import Version, keep_version
from agent.store import eval_cases, evaluations
from agent.store.db import Tx
from agent.store.evaluations import RunRow
from agent.store.events import insert_event
from agent.types import Tenant

AT_ONCE = 8
MOST_UNANSWERED = 0.05
"""Share of cases that may be without a model's answer; with more, the figures are of the outage."""
JUDGED_DRAFTS = 40
"""Staff's verdicts that the judge is compared with, the newest."""
LEAST_JUDGED = 10

RESULTS = TypeAdapter(Result)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be measured."""

    tenant: Tenant
    """As it is published."""
    version: Version
    cases: Sequence[Labelled]
    set_name: str
    limit_microusd: int | None = None
    """What it may cost; None: no limit."""
    against: str = ""
    """Digest of the version it is compared with; empty: the newest run that was not worse."""
    guards_promotion: bool = False
    """Whether a drop stops promotion, and no drop lets it go on: the nightly run of the version in force."""


@dataclass(slots=True)
class _Progress:
    """What came of the cases so far."""

    purse: Purse
    results: list[Result] = field(default_factory=list)
    unanswered: int = 0
    unpaid: int = 0


async def evaluate(run_id: UUID, order: Order, deps: AgentDeps, grader: Grader | None = None) -> Figures | None:
    """Do a run that was asked for and keep what came of it; None: it has begun already.

    Raises:
        Misconfigured: the version names a model whose price or abilities are unknown, or the API refuses us.
        ModelUnavailable: too many cases had no answer. The run has failed, and says so.
    """
    tenant_id = order.tenant.id
    async with deps.db.tenant(tenant_id) as tx:
        await keep_version(tx, tenant_id, order.version, "evaluated")
        if not await evaluations.begin_run(tx, run_id, order.version.digest):
            return None
    try:
        return await _evaluate(run_id, order, deps, grader)
    except (Misconfigured, ModelUnavailable) as exc:
        async with deps.db.tenant(tenant_id) as tx:
            await evaluations.finish_run(tx, run_id, "failed", at=deps.now(), error=str(exc)[:500])
        raise


async def _evaluate(run_id: UUID, order: Order, deps: AgentDeps, grader: Grader | None) -> Figures:
    bench = set_up(order.tenant, order.version, deps, grader=grader)
    progress = _Progress(purse=Purse(limit_microusd=order.limit_microusd))
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(labelled: Labelled) -> None:
        async with slots:
            await _measure(run_id, labelled, bench, progress)

    await asyncio.gather(*(one(each) for each in sorted(order.cases, key=lambda each: each.key)))
    if progress.unanswered > MOST_UNANSWERED * len(order.cases):
        raise ModelUnavailable(
            f"{progress.unanswered} of {len(order.cases)} cases had no answer of a model: nothing was learned."
        )
    agreement = await _agree(run_id, bench, progress)
    figures = figures_of(progress.results, left_out=progress.unpaid + progress.unanswered, agreement=agreement)
    async with deps.db.tenant(order.tenant.id) as tx:
        return await _conclude(tx, run_id, order, figures, results=progress.results, at=deps.now())


async def _measure(run_id: UUID, labelled: Labelled, bench: Bench, progress: _Progress) -> None:
    """Measure one case under a trace of its own, and keep the result."""
    if not progress.purse.begin():
        progress.unpaid += 1
        return
    cost = 0
    try:
        with bench.books.tracer.turn(
            name="evaluation",
            trace_id=trace_of(bench, run_id, labelled.key),
            session_id=str(run_id),
            user_id=labelled.key,
            tags=[bench.tenant.slug, "evaluation", labelled.kind],
            metadata={"tenant": bench.tenant.slug, "case": labelled.key},
            version=bench.version.digest,
            input=labelled.kind,
        ) as root:
            result = await measure(labelled, bench)
            root.update(output={"expected": result.expected, "got": result.got, "right": result.right})
        cost = result.cost_microusd
    except (ModelUnavailable, ModelRefused) as exc:
        cost = sum(call.cost_microusd for call in exc.calls)
        progress.unanswered += 1
        log.warning("evaluation.unanswered", case=labelled.key, error=str(exc))
        async with bench.books.db.tenant(bench.tenant.id) as tx:
            await evaluations.add_cost(tx, run_id, cost)
        return
    finally:
        progress.purse.end(cost)
    progress.results.append(result)
    async with bench.books.db.tenant(bench.tenant.id) as tx:
        await evaluations.insert_result(
            tx,
            bench.tenant.id,
            run_id,
            key=result.key,
            kind=result.kind,
            result=RESULTS.dump_python(result, mode="json"),
            cost_microusd=result.cost_microusd,
        )


def trace_of(bench: Bench, run_id: UUID, key: str) -> str:
    """Return the trace of one case of a run."""
    return bench.books.tracer.trace_id(f"{run_id}:{key}")


async def _agree(run_id: UUID, bench: Bench, progress: _Progress) -> Agreement | None:
    """Have the judge judge drafts that staff have judged; None: there is no judge, or too little to compare."""
    if bench.grader is None or not progress.results:
        return None
    async with bench.books.db.tenant(bench.tenant.id) as tx:
        verdicts = await eval_cases.list_human_verdicts(tx, limit=JUDGED_DRAFTS)
    judged: list[bool] = []
    human: list[bool] = []
    for verdict in verdicts if len(verdicts) >= LEAST_JUDGED else ():
        if not progress.purse.begin():
            break
        cost = 0
        try:
            turn = case_turn(bench, (verdict.said,), "whatsapp")
            graded = await bench.grader.grade(turn, (verdict.draft,))
            await pay(graded.calls, bench)
            cost = sum(call.cost_microusd for call in graded.calls)
            judged.append(graded.grades[0].would_send)
            human.append(verdict.approved)
        except (ModelUnavailable, ModelRefused) as exc:
            cost = sum(call.cost_microusd for call in exc.calls)
            log.warning("evaluation.judge_silent", turn=str(verdict.turn_id), error=str(exc))
        finally:
            progress.purse.end(cost)
        async with bench.books.db.tenant(bench.tenant.id) as tx:
            await evaluations.add_cost(tx, run_id, cost)
    return agreement_of(judged, human) if judged else None


# --- what follows --------------------------------------------------------------------------------------------


async def _conclude(
    tx: Tx, run_id: UUID, order: Order, figures: Figures, *, results: Sequence[Result], at: datetime
) -> Figures:
    """Compare, keep the figures, and stop promotion or let it go on."""
    reference = await evaluations.find_reference(tx, run_id, order.set_name, version=order.against)
    comparison = await _compare(tx, reference, results) if reference else None
    figures = replace(figures, comparison=comparison)
    drops = comparison.drops if comparison else ()
    await evaluations.finish_run(
        tx,
        run_id,
        "done",
        at=at,
        figures=FIGURES.dump_python(figures, mode="json"),
        reference_id=reference.id if reference else None,
        has_dropped=bool(drops),
    )
    data = {"run": str(run_id), "version": order.version.digest, "cases": figures.cases, "dropped": bool(drops)}
    await insert_event(tx, order.tenant.id, "evaluation.finished", actor=SYSTEM, data=data)
    if order.guards_promotion:
        await _guard(tx, run_id, order, comparison)
    return figures


async def _compare(tx: Tx, reference: RunRow, results: Sequence[Result]) -> Comparison:
    before = [RESULTS.validate_python(each) for each in await evaluations.list_results(tx, reference.id)]
    return compare_results(reference.version, before, results)


async def _guard(tx: Tx, run_id: UUID, order: Order, comparison: Comparison | None) -> None:
    run = await evaluations.find_run(tx, run_id)
    if run is None or comparison is None:
        return
    if comparison.drops:
        told = "; ".join(f"{each.name} {each.before:.1%} → {each.after:.1%}" for each in comparison.drops)
        await hold_promotion(tx, order.tenant, run, f"{told} (compared with {comparison.version})")
    else:
        await lift_promotion_hold(tx, order.tenant.id, SYSTEM)


def summary(figures: Figures) -> dict[str, float]:
    """Return the figures that a line shows, by name."""
    found: dict[str, float] = {}
    if figures.classification:
        found["accuracy"] = figures.classification.accuracy.value
        found["macro F1"] = figures.classification.macro_f1.value
    if figures.guardrails:
        found["guardrail recall"] = figures.guardrails.recall.value
        found["false alarms"] = figures.guardrails.false_alarms.value
    if figures.replies:
        found["replies right"] = figures.replies.right.value
    return found
