"""The hold: while one is open, no version and no channel of a tenant is moved up (promise P10)."""

from agent.alerts import alert
from agent.store import evaluations
from agent.store.db import Tx
from agent.store.evaluations import Hold, RunRow
from agent.store.events import insert_event
from agent.types import Tenant, TenantId

FIX = "look at the evaluation's report, mend or roll back what changed, then evaluate again or lift the hold"
SYSTEM = "evaluation"


async def promotion_hold(tx: Tx, tenant_id: TenantId) -> Hold | None:
    """Return why nothing of a tenant may be moved up now; None: it may."""
    return await evaluations.find_hold(tx, tenant_id)


async def hold_promotion(tx: Tx, tenant: Tenant, run: RunRow, reason: str) -> bool:
    """Stop promotions because a run was significantly worse, and tell operators; False: they are stopped already."""
    if not await evaluations.insert_hold(tx, tenant.id, run.id, reason):
        return False
    data = {"run": str(run.id), "version": run.version, "reason": reason}
    await insert_event(tx, tenant.id, "evaluation.dropped", actor=SYSTEM, data=data)
    await alert(tx, "evaluation.dropped", {"tenant": tenant.slug, **data}, fix=FIX)
    return True


async def lift_promotion_hold(tx: Tx, tenant_id: TenantId, actor: str) -> bool:
    """Let promotions go on: a later run was not worse, or a manager knows why; False: there was no hold."""
    lifted = await evaluations.lift_hold(tx, tenant_id, actor)
    if lifted:
        await insert_event(tx, tenant_id, "evaluation.hold_lifted", actor=actor)
    return lifted
