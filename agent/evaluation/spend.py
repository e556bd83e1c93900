"""What evaluation may cost: a share of what models have cost a tenant in the last thirty days (promise P8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.store.db import Tx
from agent.store.evaluations import read_evaluation_spend

WINDOW = timedelta(days=30)
FIRST_GUESS_MICROUSD = 20_000
"""What a case is reckoned to cost until one has cost more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What evaluation has cost in the last thirty days, and what it may. Micro-dollars."""

    spent_microusd: int
    limit_microusd: int
    models_microusd: int
    """What answering prospects has cost in that time."""

    @property
    def left_microusd(self) -> int:
        """Return what may still be spent now."""
        return max(0, self.limit_microusd - self.spent_microusd)


async def read_allowance(tx: Tx, percent: int, now: datetime) -> Allowance:
    """Return what evaluation may cost the transaction's tenant: `percent` of what answering prospects costs."""
    spend = await read_evaluation_spend(tx, now - WINDOW)
    others = max(0, spend.models_microusd - spend.evaluation_microusd)
    return Allowance(
        spent_microusd=spend.evaluation_microusd, limit_microusd=others * percent // 100, models_microusd=others
    )


@dataclass(slots=True)
class Purse:
    """Money for one run. Work under way is reckoned to cost as much as the dearest so far, so the limit holds."""

    limit_microusd: int | None
    """None: no limit, because nothing costs anything."""
    spent_microusd: int = 0
    under_way: int = 0
    dearest_microusd: int = FIRST_GUESS_MICROUSD

    def begin(self) -> bool:
        """Say whether there is money for one more case; if so it counts as under way."""
        if self.limit_microusd is not None:
            reckoned = self.spent_microusd + (self.under_way + 1) * self.dearest_microusd
            if reckoned > self.limit_microusd:
                return False
        self.under_way += 1
        return True

    def end(self, cost_microusd: int) -> None:
        """Count what a case has cost."""
        self.under_way -= 1
        self.spent_microusd += cost_microusd
        self.dearest_microusd = max(self.dearest_microusd, cost_microusd)
