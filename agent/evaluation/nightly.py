"""Every night, for every tenant that has cases: measure the version in force, and look for cases in what happened.

The clock asks, at the tenant's own night; a worker measures. Who asks from the inbox is served the same way.
"""

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from agent.errors import NightshiftError
from agent.evaluation.cases import Labelled, from_row
from agent.evaluation.grading import Grader
from agent.evaluation.proposing import propose_cases
from agent.evaluation.run import Order, evaluate
from agent.evaluation.spend import read_allowance
from agent.ports import AgentDeps, Deps
from agent.rollouts.versions import current_version
from agent.store import eval_cases, evaluations
from agent.store.db import Tx
from agent.store.evaluations import Cause
from agent.store.tenants import list_tenants
from agent.types import Tenant, TenantId

AT_HOUR = 3
"""On the tenant's own clock."""
HELD_OUT = "held-out"
OUT_OF_MONEY = "Evaluation has cost what it may in thirty days."

log = structlog.get_logger(__name__)


async def ask_for_evaluation(tx: Tx, tenant: Tenant, cause: Cause, deps: Deps) -> UUID:
    """Have the version in force measured on the tenant's own cases."""
    version = await current_version(tx, tenant, deps.release)
    run_id = await evaluations.insert_run(
        tx, tenant.id, version=version.digest, cause=cause, set_name=HELD_OUT, at=deps.now()
    )
    await deps.queue.evaluate(tx, tenant.id, run_id)
    return run_id


async def ask_nightly(deps: Deps) -> int:
    """Ask for the evaluations of this hour and propose new cases; return of how many tenants. Call it once an hour."""
    async with deps.db.system() as connection:
        names = await list_tenants(connection)
    asked = 0
    for name in names:
        async with deps.db.tenant(name.id) as tx:
            tenant = await deps.tenants.get(tx, name.id)
            if deps.now().astimezone(ZoneInfo(tenant.timezone)).hour != AT_HOUR:
                continue
            await propose_cases(tx, tenant.id, deps)
            if await eval_cases.list_cases(tx, limit=1):
                await ask_for_evaluation(tx, tenant, "night", deps)
                asked += 1
    return asked


async def run_asked(tenant_id: TenantId, run_id: UUID, deps: AgentDeps, grader: Grader | None) -> None:
    """Do an evaluation that was asked for. What goes wrong is kept with it; nobody waits for it."""
    async with deps.db.tenant(tenant_id) as tx:
        run = await evaluations.find_run(tx, run_id)
        if run is None or run.state not in ("pending", "running"):
            return
        tenant = await deps.tenants.get(tx, tenant_id)
        version = await current_version(tx, tenant, deps.release)
        cases = read_cases(await eval_cases.list_cases(tx))
        allowance = await read_allowance(tx, deps.settings.nightshift_evaluation_percent, deps.now())
        limit = allowance.left_microusd if version.models else None
        if not cases or limit == 0:
            why = OUT_OF_MONEY if cases else "There are no accepted cases."
            await evaluations.finish_run(tx, run_id, "skipped", at=deps.now(), error=why)
            return
    order = Order(
        tenant=tenant,
        version=version,
        cases=cases,
        set_name=run.set_name,
        limit_microusd=limit,
        guards_promotion=True,
    )
    try:
        await evaluate(run_id, order, deps, grader)
    except NightshiftError as exc:
        log.warning("evaluation.failed", run=str(run_id), error=str(exc))


def read_cases(rows: Sequence[eval_cases.CaseRow]) -> Sequence[Labelled]:
    """Return the cases that can be read; one of an earlier release that cannot is reported and left out."""
    found = []
    for row in rows:
        try:
            found.append(from_row(row))
        except ValueError as exc:
            log.warning("evaluation.unreadable_case", case=str(row.id), error=str(exc))
    return found
