"""Tells a turn's trace again, from what the database has: its process died before it was sent, or Langfuse was away.

What counts is told: what came in and what came of it, and every model call with its cost. Ids are those of the first
time, so that whatever had arrived is replaced and nothing counts twice; the steps between are in the turn's row.
"""

from agent.ports import AgentDeps
from agent.store.model_calls import list_calls
from agent.store.run_details import RunDetail, find_run
from agent.store.traces import UntoldTurn, find_untold, mark_traces
from agent.tracing.masking import name_parts
from agent.tracing.traced import TraceAttributes
from agent.types import TenantId, TurnId


async def retell(tenant_id: TenantId, turn_id: TurnId, deps: AgentDeps) -> None:
    """Report a turn's root and its model calls once more, if its tenant's traces go anywhere and it is still there."""
    async with deps.db.tenant(tenant_id) as tx:
        tenant = await deps.tenants.get(tx, tenant_id)
        untold, past = await find_untold(tx, turn_id), await find_run(tx, turn_id)
        calls = await list_calls(tx, turn_id)
        if not deps.settings.traces(tenant.slug):
            await mark_traces(tx, [turn_id], "left_out")
            return
    if untold is None or past is None:
        return
    deps.tracer.begin_again(turn_id)
    said = "\n".join(each.body for each in past.said if each.body)
    with deps.tracer.turn(**_attributes(tenant.slug, past, untold), input=said) as root:
        for call in calls:
            deps.tracer.call(call)
        run = past.run
        told_again = untold.trace or "unknown"
        root.update(
            output=past.text or run.reason or run.state,
            metadata={"decision": run.decision or run.state, "told_again": told_again, "resumed": run.attempts > 1},
        )
        if run.state == "failed":
            root.update(level="ERROR", status_message=run.error)


def _attributes(tenant: str, past: RunDetail, untold: UntoldTurn) -> TraceAttributes:
    run = past.run
    return TraceAttributes(
        trace_id=run.trace_id,
        session_id=str(run.conversation_id),
        user_id=str(untold.contact_id),
        tags=[tenant, run.channel],
        metadata={"tenant": tenant, "turn": str(run.id), "attempt": str(run.attempts)},
        version=untold.version,
        names=name_parts(run.contact_name),
    )
