"""Every shipped scenario and the shipped labelled set with the local engine: `python -m tests.benchmarks.simulation`.

All is real: PostgreSQL, the pipeline, every guardrail; only the channel ends here. Scenarios that a model plays are
left out. Also reports those that do not come out as stated, with what was said.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from agent.evaluation.cases import shipped
from agent.evaluation.figures import Figures
from agent.evaluation.run import Order, evaluate, summary
from agent.log import configure_logging
from agent.ports import AgentDeps
from agent.rollouts.versions import current_version
from agent.settings import Settings
from agent.simulation.play import Performance, perform
from agent.simulation.rehearsal import Theatre
from agent.simulation.scenarios import load_scenarios
from agent.store import evaluations
from agent.store.tenants import save_tenant_file
from agent.tenant.file import load_tenant_file
from agent.tracing.traces import SilentTracer
from channels.simulator import SimulatorSender
from jobs.agent_wiring import open_agent
from jobs.wiring import example_tenants
from tests.stores import create_store, durable_home

SLUGS = ("lumen", "verdesolar")


async def open_theatre(slug: str, deps: AgentDeps) -> Theatre:
    """Return where the scenarios of a demo tenant are played."""
    file = load_tenant_file(example_tenants() / f"{slug}.yaml")
    async with deps.db.tenant(file.tenant.id) as tx:
        await save_tenant_file(tx, file)
        version = await current_version(tx, file.tenant, deps.release)
    return Theatre(file=file, version=version, deps=deps, silent=SilentTracer(), limits=SimulatorSender.limits)


async def play(deps: AgentDeps) -> list[Performance]:
    """Play every scripted scenario."""
    theatres = {slug: await open_theatre(slug, deps) for slug in SLUGS}
    return [await perform(each, theatres[each.tenant]) for each in load_scenarios() if each.script]


async def measure(deps: AgentDeps) -> Figures | None:
    """Measure the version in force on the shipped set."""
    theatre = await open_theatre("lumen", deps)
    tenant = theatre.file.tenant
    async with deps.db.tenant(tenant.id) as tx:
        run_id = await evaluations.insert_run(
            tx, tenant.id, version=theatre.version.digest, cause="command", set_name="shipped", at=deps.now()
        )
    order = Order(tenant=tenant, version=theatre.version, cases=shipped("lumen"), set_name="shipped")
    return await evaluate(run_id, order, deps)


def told(played: Sequence[Performance]) -> list[tuple[str, str]]:
    """Return lines of a table."""
    passed = sum(each.passed for each in played)
    taken = sorted(each.took_ms for each in played)
    figure = f"{passed} of {len(played)} passed; {median(taken):.0f} ms p50, {taken[-1]} ms at most"
    wrong = [("simulated prospects", f"{each.id}: {'; '.join(each.wrong)}") for each in played if not each.passed]
    return [("simulated prospects: shipped scenarios", figure), *wrong]


async def run() -> list[tuple[str, str]]:
    """Play and measure; return lines of a table: what, and how much."""
    configure_logging("error", json=False)
    with durable_home() as home:
        store = await create_store(home, "simulation", quiet_s=0, max_wait_s=0)
        settings = Settings(_env_file=None, nightshift_home=home, database_url=store.app_url)
        async with open_agent(settings) as (deps, _):
            played = await play(replace(deps, settings=settings))
            figures = await measure(deps)
    lines = told(played)
    if figures:
        lines += [("evaluation: shipped set", ", ".join(f"{k} {v:.3f}" for k, v in summary(figures).items()))]
    return lines


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:40} {figure}")  # noqa: T201 — its output
