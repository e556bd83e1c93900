"""The commands about evaluation: measuring a version, and keeping the cases it is measured on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from rich.console import Console
from rich.table import Table

from agent.errors import NightshiftError
from agent.evaluation.cases import Labelled, new_row, read_file, shipped
from agent.evaluation.figures import FIGURES, Change, Figures
from agent.evaluation.grading import Grader
from agent.evaluation.nightly import HELD_OUT, read_cases, run_asked
from agent.evaluation.proposing import propose_cases
from agent.evaluation.run import Order, evaluate
from agent.evaluation.spend import Allowance, read_allowance
from agent.evaluation.statistics import Share
from agent.ports import AgentDeps
from agent.rollouts.versions import Version, current_version, get_version
from agent.settings import Settings
from agent.spending.budgets import format_usd
from agent.store import eval_cases, evaluations
from agent.store.db import Tx
from agent.types import Tenant, TenantId
from channels.evaluation_report import render_report
from jobs.langfuse_experiments import publish_run
from jobs.wiring import open_tenant, require_tenant

if TYPE_CHECKING:
    from agent.models.grading import ClaudeGrader

SHIPPED = "shipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a command wants measured."""

    slug: str
    version: str = ""
    """A digest; empty: the version in force."""
    against: str = ""
    """A digest; empty: the newest run that was not worse."""
    sets: Sequence[Path] = ()
    """Files; none: the tenant's own cases, else those that ship for a demo tenant."""
    limit: int = 0
    """At most so many cases; 0: all."""
    limit_microusd: int | None = None
    """What it may cost; None: what the share of evaluation leaves."""
    judged: bool = True


async def run_evaluation(
    settings: Settings, wanted: Wanted, report: Path | None, out: Console, *, as_json: bool
) -> None:
    """Measure a version, print its figures, and write the report.

    Raises:
        NightshiftError: there is no such tenant or version, there are no cases, no money, or no model answered.
    """
    async with open_evaluation(settings, judged=wanted.judged) as (deps, grader):
        order, allowance = await _order(wanted, deps)
        async with deps.db.tenant(order.tenant.id) as tx:
            run_id = await evaluations.insert_run(
                tx,
                order.tenant.id,
                version=order.version.digest,
                cause="command",
                set_name=order.set_name,
                at=deps.now(),
            )
        figures = await evaluate(run_id, order, deps, grader)
        if figures is None:
            raise NightshiftError("Another process has taken this evaluation.")
        at = deps.now()
        await publish_run(run_id, order.tenant, order.cases, deps)
    _tell(figures, order, allowance, out, as_json=as_json)
    if report:
        page = render_report(order.tenant.name, order.version.digest, order.set_name, at, figures)
        await asyncio.to_thread(report.write_text, page, "utf-8")
        out.print(f"Report: {report}", markup=False)


@asynccontextmanager
async def open_evaluation(settings: Settings, *, judged: bool) -> AsyncIterator[tuple[AgentDeps, Grader | None]]:
    """Open what measuring needs: what a worker has, and the judge of replies where a model is configured."""
    from jobs.agent_wiring import open_agent  # noqa: PLC0415 — loads models, which the other commands need not wait for

    async with open_agent(settings) as (deps, _):
        grader = load_grader(settings) if judged and settings.has_models else None
        try:
            yield deps, grader
        finally:
            if grader is not None:
                await grader.aclose()


async def do_asked(tenant_id: TenantId, run_id: UUID, deps: AgentDeps) -> None:
    """Do an evaluation that the clock or staff have asked for, with the judge where a model is configured."""
    grader = load_grader(deps.settings) if deps.settings.has_models else None
    try:
        await run_asked(tenant_id, run_id, deps, grader)
        async with deps.db.tenant(tenant_id) as tx:
            tenant = await deps.tenants.get(tx, tenant_id)
            cases = read_cases(await eval_cases.list_cases(tx))
        await publish_run(run_id, tenant, cases, deps)
    finally:
        if grader is not None:
            await grader.aclose()


def load_grader(settings: Settings) -> "ClaudeGrader":
    """Return the judge of replies: the expert tier of this installation, with the prompts of this release.

    Raises:
        Misconfigured: a provider lacks its key, or a model has no known price or abilities.
    """
    from agent.models.grading import ClaudeGrader  # noqa: PLC0415 — the SDK takes a second to import
    from agent.models.providers import build_gateway  # noqa: PLC0415
    from agent.prompts import Prompts  # noqa: PLC0415
    from jobs.wiring import utc_now  # noqa: PLC0415

    gateway = build_gateway(settings, now=utc_now)
    return ClaudeGrader(gateway, prompts=Prompts.load(), now=utc_now, timeout_s=settings.nightshift_model_timeout_s)


async def _order(wanted: Wanted, deps: AgentDeps) -> tuple[Order, Allowance]:
    tenant_id = await require_tenant(deps.db, wanted.slug)
    async with deps.db.tenant(tenant_id) as tx:
        tenant = await deps.tenants.get(tx, tenant_id)
        version = await find_measured(tx, tenant, wanted.version, deps)
        set_name, cases = await load_cases(tx, tenant, wanted.sets)
        allowance = await read_allowance(tx, deps.settings.nightshift_evaluation_percent, deps.now())
    if not cases:
        raise NightshiftError(
            f"{wanted.slug} has no labelled cases. Give a file with --set, or keep some: `nightshift cases import`."
        )
    limit = allowance.left_microusd if wanted.limit_microusd is None else wanted.limit_microusd
    order = Order(
        tenant=tenant,
        version=version,
        cases=sorted(cases, key=lambda each: each.key)[: wanted.limit or None],
        set_name=f"{set_name} (part)" if wanted.limit and wanted.limit < len(cases) else set_name,
        limit_microusd=limit if version.models else None,
        against=wanted.against,
    )
    if order.limit_microusd == 0:
        raise NightshiftError(
            f"Evaluation has cost ${format_usd(allowance.spent_microusd)} in 30 days and may cost "
            f"${format_usd(allowance.limit_microusd)} (NIGHTSHIFT_EVALUATION_PERCENT). Give --budget to spend more."
        )
    return order, allowance


async def find_measured(tx: Tx, tenant: Tenant, digest: str, deps: AgentDeps) -> Version:
    """Return the version of that name; of no name, the one in force.

    Raises:
        NightshiftError: this tenant has none of that name.
    """
    if not digest:
        return await current_version(tx, tenant, deps.release)
    try:
        return await get_version(tx, tenant.id, digest)
    except LookupError as exc:
        raise NightshiftError(
            f"{tenant.slug} has no version {digest}; see the rollouts page for those there are."
        ) from exc


async def load_cases(tx: Tx, tenant: Tenant, sets: Sequence[Path]) -> tuple[str, Sequence[Labelled]]:
    """Return the cases to measure on and what they are called: files, the tenant's own, or what ships for a demo."""
    if sets:
        found = {each.key: each for path in sets for each in read_file(path, tenant.slug)}
        return "+".join(path.name for path in sets), tuple(found.values())
    own = read_cases(await eval_cases.list_cases(tx))
    return (HELD_OUT, own) if own else (SHIPPED, shipped(tenant.slug))


# --- what is printed -----------------------------------------------------------------------------------------


def _tell(figures: Figures, order: Order, allowance: Allowance, out: Console, *, as_json: bool) -> None:
    if as_json:
        values = {"version": order.version.digest, "set": order.set_name, **FIGURES.dump_python(figures, mode="json")}
        out.print_json(data=values)
        return
    cost = sum(each.total_microusd for each in figures.costs.values())
    out.print(f"{order.tenant.slug}, version {order.version.digest}, set {order.set_name}: {figures.cases} cases")
    if figures.left_out:
        out.print(f"{figures.left_out} cases were left out: the money did not reach, or no model answered.")
    table = Table("figure", "value", "95 % interval", "cases")
    for name, share in shares(figures):
        table.add_row(name, f"{share.value:.3f}", f"{share.low:.3f}–{share.high:.3f}", str(share.n))
    if figures.classification:
        table.add_row("calibration error", f"{figures.classification.calibration_error:.3f}", "", "")
    out.print(table)
    if figures.comparison:
        out.print(f"Compared with {figures.comparison.version}, on the same cases:")
        for change in figures.comparison.changes:
            out.print(_changed(change))
    for kind, taken in figures.costs.items():
        out.print(f"{kind}: {taken.p50_ms:.0f} ms p50, {taken.p95_ms:.0f} ms p95, ${format_usd(taken.total_microusd)}")
    spent = allowance.spent_microusd + cost
    out.print(f"Evaluation in 30 days: ${format_usd(spent)} of ${format_usd(allowance.limit_microusd)} allowed.")


def shares(figures: Figures) -> Sequence[tuple[str, Share]]:
    """Return the main figures by name."""
    found: list[tuple[str, Share]] = []
    if known := figures.classification:
        found += [("accuracy", known.accuracy), ("macro F1", known.macro_f1)]
        found += [(f"accuracy {each.language}", each.share) for each in known.by_language]
    if checked := figures.guardrails:
        found += [("guardrail recall", checked.recall), ("false alarms", checked.false_alarms)]
        found += [("rule named", checked.named)]
    if replied := figures.replies:
        found += [("replies right", replied.right)]
        found += [(f"rubric {name}", share) for name, share in replied.rubric.items()]
        if replied.agreement:
            found += [("judge and staff: kappa", replied.agreement.kappa)]
    return found


def _changed(change: Change) -> str:
    difference = change.difference
    told = f", McNemar p {change.p_value:.3f}" if change.p_value is not None else ""
    mark = "[red]worse[/red] " if difference.is_worse else ""
    return (
        f"  {mark}{change.name}: {change.before:.3f} → {change.after:.3f} "
        f"({difference.value:+.3f}, {difference.low:+.3f} to {difference.high:+.3f}{told})"
    )


# --- cases ---------------------------------------------------------------------------------------------------


async def run_import(settings: Settings, slug: str, path: Path, out: Console) -> None:
    """Keep the cases of a file as the tenant's own, accepted.

    Raises:
        NightshiftError: there is no such tenant, or a line is no case.
    """
    cases = read_file(path, slug)
    async with open_tenant(settings, slug) as opened:
        rows = [new_row(each, origin="file") for each in cases]
        new = await eval_cases.insert_cases(opened.tx, opened.tenant.id, rows)
    out.print(f"{len(cases)} cases read, {new} of them new.")


async def run_proposing(settings: Settings, slug: str, out: Console) -> None:
    """Propose cases from what staff and prospects objected to lately; the clock does it every night.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        new = await propose_cases(opened.tx, opened.tenant.id, opened.deps)
    out.print(f"{new} new cases wait for somebody to accept them in the inbox, under Operations, Evaluation.")


async def run_cases(settings: Settings, slug: str, out: Console) -> None:
    """Say how many cases a tenant has, by kind and state.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        counts = await eval_cases.count_cases(opened.tx)
    if not counts:
        out.print(f"{slug} has no cases of its own yet.")
    for (kind, state), count in sorted(counts.items()):
        out.print(f"{kind} {state}: {count}")


async def run_runs(settings: Settings, slug: str, out: Console) -> None:
    """List a tenant's evaluations, newest first.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        runs = await evaluations.list_runs(opened.tx, limit=20)
    table = Table("began (UTC)", "version", "set", "state", "cause", "accuracy", "cost", "")
    for each in runs:
        known = FIGURES.validate_python(each.figures) if each.state == "done" and each.kind == "labelled" else None
        accuracy = f"{known.classification.accuracy.value:.3f}" if known and known.classification else ""
        table.add_row(
            f"{each.started_at:%Y-%m-%d %H:%M}",
            each.version,
            each.set_name,
            each.state,
            each.cause,
            accuracy,
            f"${format_usd(each.cost_microusd)}",
            "worse" if each.has_dropped else each.error[:80],
        )
    out.print(table)
