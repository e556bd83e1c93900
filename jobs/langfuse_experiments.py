"""Evaluations as Langfuse shows them: the cases as a dataset, a run as an experiment on it, each case's trace scored.

The database has everything without it, so whatever goes wrong here is reported and nothing else (promise P9). Texts are
masked as in traces. Source: the public API of Langfuse, `/api/public/v2/datasets`, `/dataset-items`,
`/dataset-run-items` and `/scores`. What is sent twice replaces itself: ids follow from tenant, run and case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_OID, UUID, uuid5

import structlog

from agent.evaluation.cases import Labelled, dump
from agent.evaluation.measure import Result
from agent.evaluation.run import RESULTS
from agent.ports import AgentDeps
from agent.settings import LangfuseProject, Settings
from agent.store import evaluations
from agent.store.evaluations import RunRow
from agent.tracing.langfuse_api import LangfuseApi, LangfuseRefused, LangfuseUnavailable
from agent.tracing.masking import mask
from agent.types import Tenant

log = structlog.get_logger(__name__)


async def publish_run(run_id: UUID, tenant: Tenant, cases: Sequence[Labelled], deps: AgentDeps) -> bool:
    """Show a finished run in Langfuse; False: Langfuse is not configured, or has not taken it."""
    project = project_of(deps.settings, tenant)
    async with deps.db.tenant(tenant.id) as tx:
        run = await evaluations.find_run(tx, run_id)
        results = [RESULTS.validate_python(each) for each in await evaluations.list_results(tx, run_id)]
    if project is None or run is None or run.state != "done":
        return False
    try:
        async with LangfuseApi(project) as api:
            experiment = Experiment(run=run, tenant=tenant, cases={each.key: each for each in cases}, results=results)
            await _publish(api, experiment, deps)
    except (LangfuseUnavailable, LangfuseRefused) as exc:
        log.warning("evaluation.not_published", run=str(run_id), error=str(exc))
        return False
    return True


def project_of(settings: Settings, tenant: Tenant) -> LangfuseProject | None:
    """Return the project that has a tenant's traces."""
    return settings.langfuse_projects.get(tenant.slug) or settings.langfuse_project


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """A run, and the cases it was measured on, by key."""

    run: RunRow
    tenant: Tenant
    cases: Mapping[str, Labelled]
    results: Sequence[Result]


async def _publish(api: LangfuseApi, experiment: Experiment, deps: AgentDeps) -> None:
    run, tenant = experiment.run, experiment.tenant
    dataset = f"{tenant.slug}/{run.set_name}"
    await api.request("POST", "/api/public/v2/datasets", json={"name": dataset})
    for result in experiment.results:
        labelled = experiment.cases.get(result.key)
        if labelled is None:
            continue
        item_id = str(uuid5(NAMESPACE_OID, f"{tenant.id}:{result.key}"))
        item = {"id": item_id, "datasetName": dataset, "input": mask(dump(labelled.case))}
        await api.request("POST", "/api/public/dataset-items", json={**item, "expectedOutput": result.expected})
        trace_id = deps.tracer.trace_id(f"{run.id}:{result.key}")
        link = {"runName": f"{run.version} {run.id}", "datasetItemId": item_id, "traceId": trace_id}
        await api.request("POST", "/api/public/dataset-run-items", json={**link, "metadata": {"version": run.version}})
    await api.post_scores([_score(run, each, deps) for each in experiment.results])


def _score(run: RunRow, result: Result, deps: AgentDeps) -> dict[str, object]:
    return {
        "id": str(uuid5(NAMESPACE_OID, f"{run.id}:{result.key}:right")),
        "traceId": deps.tracer.trace_id(f"{run.id}:{result.key}"),
        "name": "right",
        "value": float(result.right),
        "dataType": "NUMERIC",
        "environment": deps.settings.nightshift_environment,
    }
