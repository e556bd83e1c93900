"""`nightshift simulate`: prospects who are nobody, against a version, in the real pipeline."""

import sys
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from agent.errors import NightshiftError
from agent.evaluation.spend import Purse, read_allowance
from agent.log import configure_logging
from agent.ports import AgentDeps
from agent.rollouts.versions import keep_version
from agent.settings import Settings
from agent.simulation.play import Performance, perform, without_texts
from agent.simulation.prospect import Prospect
from agent.simulation.rehearsal import Theatre
from agent.simulation.scenarios import Scenario, load_scenarios
from agent.spending.budgets import format_usd
from agent.store import evaluations
from agent.store.tenants import get_tenant_file
from agent.tracing.traces import SilentTracer
from channels.simulator import SimulatorSender
from jobs.evaluation import find_measured
from jobs.wiring import require_tenant

if TYPE_CHECKING:
    from agent.models.prospect import ClaudeProspect

SET_NAME = "scenarios"


@dataclass(frozen=True, kw_only=True, slots=True)
class Programme:
    """What a command wants played."""

    slug: str
    version: str = ""
    """A digest; empty: the version in force."""
    paths: Sequence[Path] = ()
    """Of scenarios; none: those that ship for this tenant."""
    only: Collection[str] = ()
    """Ids; none: all."""
    limit_microusd: int | None = None
    """What it may cost; None: what the share of evaluation leaves."""


async def run_simulation(settings: Settings, programme: Programme, out: Console, *, as_json: bool) -> None:
    """Play scenarios, print what came of them, and keep it without what was said.

    Raises:
        NightshiftError: there is no such tenant, version or scenario, or no money.
        typer.Exit: with 1, a scenario did not pass.
    """
    from jobs.agent_wiring import open_agent  # noqa: PLC0415 — loads models, which the other commands need not wait for

    scenarios = choose(load_scenarios(programme.paths), programme)
    # A rehearsed turn is nobody's: what it logs as it goes would read as if prospects had written.
    configure_logging("warning", json=not sys.stderr.isatty())
    async with open_agent(settings) as (deps, _):
        prospect = load_prospect(settings) if settings.has_models and any(each.plays for each in scenarios) else None
        try:
            theatre, purse = await open_theatre(programme, deps)
            shown = track(scenarios, "Playing", console=Console(stderr=True), transient=True)
            played = [each async for each in play_all(shown, theatre, purse, prospect)]
        finally:
            if prospect is not None:
                await prospect.aclose()
        await keep(played, theatre)
    tell(played, out, as_json=as_json)
    if any(not each.passed and not each.skipped for each in played):
        raise typer.Exit(1)


def choose(scenarios: Sequence[Scenario], programme: Programme) -> Sequence[Scenario]:
    """Return the scenarios of a programme.

    Raises:
        NightshiftError: there are none.
    """
    found = [
        each
        for each in scenarios
        if each.tenant == programme.slug and (not programme.only or each.id in programme.only)
    ]
    if not found:
        raise NightshiftError(f"There are no such scenarios of {programme.slug}. Give some with --scenarios.")
    return found


async def open_theatre(programme: Programme, deps: AgentDeps) -> tuple[Theatre, Purse]:
    """Return where scenarios of a tenant are played by a version, and the money there is for it.

    Raises:
        NightshiftError: there is no such tenant or version.
    """
    tenant_id = await require_tenant(deps.db, programme.slug)
    async with deps.db.tenant(tenant_id) as tx:
        file = await get_tenant_file(tx, tenant_id)
        version = await find_measured(tx, file.tenant, programme.version, deps)
        allowance = await read_allowance(tx, deps.settings.nightshift_evaluation_percent, deps.now())
    limit = allowance.left_microusd if programme.limit_microusd is None else programme.limit_microusd
    theatre = Theatre(file=file, version=version, deps=deps, silent=SilentTracer(), limits=SimulatorSender.limits)
    return theatre, Purse(limit_microusd=limit if version.models else None)


async def play_all(
    scenarios: Iterable[Scenario], theatre: Theatre, purse: Purse, prospect: Prospect | None
) -> AsyncIterator[Performance]:
    """Play scenarios one after the other, as long as there is money."""
    for scenario in scenarios:
        if not purse.begin():
            yield Performance(id=scenario.id, passed=False, skipped="the money for evaluation is spent")
            continue
        played = await perform(scenario, theatre, prospect)
        purse.end(played.cost_microusd)
        yield played


def load_prospect(settings: Settings) -> "ClaudeProspect":
    """Return a model that plays prospects.

    Raises:
        Misconfigured: a provider lacks its key, or a model has no known price or abilities.
    """
    from agent.models.prospect import ClaudeProspect  # noqa: PLC0415 — the SDK takes a second to import
    from agent.models.providers import build_gateway  # noqa: PLC0415
    from agent.prompts import Prompts  # noqa: PLC0415
    from jobs.wiring import utc_now  # noqa: PLC0415

    timeout_s = settings.nightshift_model_timeout_s
    return ClaudeProspect(build_gateway(settings, now=utc_now), prompts=Prompts.load(), timeout_s=timeout_s)


async def keep(played: Sequence[Performance], theatre: Theatre) -> None:
    """Keep what came of scenarios as a run of the version, without anything that was said."""
    tenant_id, deps = theatre.file.tenant.id, theatre.deps
    async with deps.db.tenant(tenant_id) as tx:
        await keep_version(tx, tenant_id, theatre.version, "simulated")
        run_id = await evaluations.insert_run(
            tx,
            tenant_id,
            version=theatre.version.digest,
            cause="command",
            set_name=SET_NAME,
            at=deps.now(),
            kind="simulated",
        )
        await evaluations.begin_run(tx, run_id, theatre.version.digest)
        for each in map(without_texts, played):
            values = {"passed": each.passed, "wrong": each.wrong, "turns": each.turns, "skipped": each.skipped}
            await evaluations.insert_result(
                tx, tenant_id, run_id, key=each.id, kind="simulated", result=values, cost_microusd=each.cost_microusd
            )
        counts = {"played": sum(not each.skipped for each in played), "passed": sum(each.passed for each in played)}
        await evaluations.finish_run(tx, run_id, "done", at=deps.now(), figures=counts)


def tell(played: Sequence[Performance], out: Console, *, as_json: bool) -> None:
    """Print what came of scenarios; of those that did not pass, what was said and what was wrong."""
    if as_json:
        out.print_json(
            data=[
                {"id": each.id, "passed": each.passed, "wrong": each.wrong, "skipped": each.skipped,
                 "said": [[line.who, line.text] for line in each.said], "took_ms": each.took_ms,
                 "cost_microusd": each.cost_microusd}
                for each in played
            ]
        )  # fmt: skip
        return
    for each in played:
        mark = "[yellow]skip[/yellow]" if each.skipped else "[green]pass[/green]" if each.passed else "[red]FAIL[/red]"
        out.print(f"{mark} {each.id} ({each.turns} turns, {each.took_ms} ms) {escape(each.skipped)}")
        if each.wrong:
            for line in each.said:
                out.print(f"       {'<' if line.who == 'prospect' else '>'} {escape(line.text)}")
            for wrong in each.wrong:
                out.print(f"     [red]✗[/red] {escape(wrong)}")
    passed, counted = sum(each.passed for each in played), [each for each in played if not each.skipped]
    cost = sum(each.cost_microusd for each in played)
    out.print(f"{passed} of {len(counted)} scenarios passed; cost ${format_usd(cost)}. Nothing was sent.")
