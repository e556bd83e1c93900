"""Models at the service of staff: asked within the same budgets as for prospects, every call accounted for (P8)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from agent.errors import BudgetReached, NightshiftError, calls_of
from agent.ports import StaffDeps
from agent.spending.accounting import Occasion, read_spent, record_calls
from agent.spending.budgets import limit_reached
from agent.types import ModelCall


class Costly(Protocol):
    """What a model gave, and what it cost."""

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """Every call it took."""
        ...


R = TypeVar("R", bound=Costly)


async def ask_for_staff(work: Callable[[], Awaitable[R]], occasion: Occasion, deps: StaffDeps) -> R:
    """Have a model do something for staff. What it costs is recorded, also where nothing comes of it.

    Raises:
        BudgetReached: a hard limit is reached; nothing was asked.
        ModelUnavailable, ModelRefused, Misconfigured: as `work` does.
    """
    async with deps.db.tenant(occasion.tenant.id) as tx:
        spent = await read_spent(tx, occasion, deps.now())
    limit = limit_reached(occasion.tenant.policy.budgets, spent)
    if limit.level == "hard":
        raise BudgetReached(f"No model was asked: {limit}.")
    try:
        result = await work()
    except (NightshiftError, asyncio.CancelledError) as exc:
        await asyncio.shield(_account(occasion, calls_of(exc), deps))
        raise
    await asyncio.shield(_account(occasion, result.calls, deps))
    return result


async def _account(occasion: Occasion, calls: Sequence[ModelCall], deps: StaffDeps) -> None:
    """Record calls in the tenant's name: no member may write what was spent."""
    async with deps.db.tenant(occasion.tenant.id) as tx:
        await record_calls(tx, occasion, calls, deps.now())
