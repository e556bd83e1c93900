"""A tenant with a version that has proven itself, and conversations of both arms of a rollout."""

from dataclasses import replace
from uuid import UUID

from agent.evaluation.figures import FIGURES, Figures
from agent.evaluation.figures import ClassificationFigures as Labelled
from agent.evaluation.statistics import Share
from agent.rollouts.criteria import Criterion
from agent.rollouts.rollout import Terms, start_rollout
from agent.rollouts.versions import Version, current_version, keep_version, version_of
from agent.store import evaluations
from agent.store.rollouts import Arm, RolloutRow
from tests.integration.agents import Agent

TERMS = Terms(criteria=(Criterion(measure="errors"), Criterion(measure="escalation")), min_exposed=40)

SEED = """
with drawn as (
    insert into contacts (id, tenant_id)
        select gen_random_uuid(), %(tenant)s from generate_series(1, %(n)s) returning id),
points as (
    insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
        select id, %(tenant)s, id, 'phone', id::text, id::text from drawn returning id),
threads as (
    insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id)
        select p.id, %(tenant)s, p.id, p.id, a.id from points p, channel_accounts a where a.tenant_id = %(tenant)s
        returning id),
arms as (
    insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm)
        select %(rollout)s, id, %(tenant)s, %(arm)s from threads returning conversation_id),
numbered as (select conversation_id, row_number() over () as place from arms)
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, decision, finished_at)
    select gen_random_uuid(), %(tenant)s, conversation_id, case when place <= %(failed)s then 'failed' else 'done' end,
           1, 1, 't', case when place <= %(failed)s then 'escalate' else 'send' end,
           clock_timestamp() + interval '1 s'
    from numbered
"""


async def evaluated(agent: Agent, version: Version, *, accuracy: float = 0.95, has_dropped: bool = False) -> None:
    """Have a version evaluated on the held-out set."""
    share = Share(value=accuracy, low=accuracy, high=accuracy, n=100)
    labelled = Labelled(
        accuracy=share,
        macro_f1=share,
        by_language=(),
        by_label=(),
        confusion={},
        calibration_error=0.0,
        reliability=(),
    )
    figures = FIGURES.dump_python(Figures(cases=100, costs={}, classification=labelled), mode="json")
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        run_id = await evaluations.insert_run(
            tx, agent.tenant_id, version=version.digest, cause="command", set_name="held-out", at=agent.deps.now()
        )
        await evaluations.finish_run(tx, run_id, "done", at=agent.deps.now(), figures=figures, has_dropped=has_dropped)


async def candidate_of(agent: Agent, **policy: object) -> Version:
    """Store a version that differs from the current one in its policy."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        version = version_of(agent.deps.release, replace(tenant.policy, **policy))  # type: ignore[arg-type]  # by name
        await keep_version(tx, agent.tenant_id, version, "a trial")
        return version


async def current_of(agent: Agent) -> Version:
    """Return the version that everybody has."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        return await current_version(tx, tenant, agent.deps.release)


async def begin(agent: Agent, version: Version, terms: Terms = TERMS) -> RolloutRow:
    """Start a rollout as an operator."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        return await start_rollout(tx, tenant, version.digest, terms, actor="operator", deps=agent.deps)


async def seed(agent: Agent, rollout_id: UUID, arm: Arm, n: int, failed: int = 0) -> None:
    """Add conversations of an arm, each with a turn; the first `failed` of them failed and went to a person."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await tx.execute(SEED, {"tenant": agent.tenant_id, "n": n, "rollout": rollout_id, "arm": arm, "failed": failed})
