"""What must be shown before anything is moved up: a version to more conversations, the agent to more freedom (P10)."""

from agent.evaluation.figures import FIGURES
from agent.evaluation.holds import promotion_hold
from agent.store.db import Tx
from agent.store.evaluations import find_latest_run
from agent.types import TenantId

MIN_ACCURACY = 0.93
"""Share of the tenant's held-out messages that must be classified right."""


async def why_not_evaluated(tx: Tx, tenant_id: TenantId, digest: str, *, min_accuracy: float = MIN_ACCURACY) -> str:
    """Return why a version's last evaluation does not let it be moved up, as sentences; empty: it does."""
    if hold := await promotion_hold(tx, tenant_id):
        return f"Promotions are on hold: {hold.reason}. Mend that and evaluate again, or lift the hold."
    run = await find_latest_run(tx, digest)
    if run is None:
        return f"Version {digest} has not been evaluated. Run `nightshift evaluate` on it first."
    if run.has_dropped:
        return f"Version {digest} was significantly worse than the version before when it was evaluated."
    labelled = FIGURES.validate_python(run.figures).classification
    if labelled is None:
        return f"The evaluation of version {digest} had no labelled messages. Add some to the held-out set."
    if labelled.accuracy.value < min_accuracy:
        return (
            f"Version {digest} classifies {labelled.accuracy.value:.1%} of the held-out messages right; "
            f"{min_accuracy:.0%} are needed."
        )
    return ""
