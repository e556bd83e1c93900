"""Budgets: what models may cost in a turn, with a contact in a day, for a tenant in a day and month (promise P8).

What was spent is read when a turn is gathered, and again whenever a step of it has cost something; no step begins at a
limit that its turn knows to be reached. So a hard limit is passed by the steps that are under way when it is reached,
one for each turn in flight, and by no more. A step is one answer: the retries and repairs it may take are bounded, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from agent.types import Budget, BudgetScope, Turn

MICRO_PER_USD = 1_000_000
MICRO_DECIMALS = 6
MAX_WHOLE_DIGITS = 6
"""Of an amount of dollars: a budget is below a million."""
SCOPES: tuple[BudgetScope, ...] = get_args(BudgetScope)
"""From the narrowest to the widest."""
WHOSE: Mapping[BudgetScope, str] = {
    "message": "this message",
    "contact_day": "this contact today",
    "tenant_day": "the business today",
    "tenant_month": "the business this month",
}

Level = Literal["none", "soft", "hard"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """The limit that is reached: the hardest, and of several the narrowest. Level `none`: none is."""

    level: Level
    scope: BudgetScope | None = None
    spent_microusd: int = 0
    limit_microusd: int = 0

    def __str__(self) -> str:
        """Say it to staff."""
        if self.scope is None:
            return "within budget"
        spent, limit = format_usd(self.spent_microusd), format_usd(self.limit_microusd)
        return f"model budget for {WHOSE[self.scope]}: ${spent} of ${limit} spent"


WITHIN_BUDGET = Limit(level="none")


def limit_of(turn: Turn) -> Limit:
    """Return the limit a turn has reached."""
    return limit_reached(turn.tenant.policy.budgets, turn.spent_microusd)


def limit_reached(budgets: Mapping[BudgetScope, Budget], spent_microusd: Mapping[BudgetScope, int]) -> Limit:
    """Return the limit of `budgets` that `spent_microusd` reaches. A scope without a budget has none."""
    reached = [
        limit
        for scope in SCOPES
        if scope in budgets and (limit := _limit(scope, budgets[scope], spent_microusd.get(scope, 0)))
    ]
    return max(reached, key=lambda limit: limit.level == "hard", default=WITHIN_BUDGET)


def _limit(scope: BudgetScope, budget: Budget, spent: int) -> Limit | None:
    if spent >= budget.hard_microusd:
        return Limit(level="hard", scope=scope, spent_microusd=spent, limit_microusd=budget.hard_microusd)
    if spent >= budget.soft_microusd:
        return Limit(level="soft", scope=scope, spent_microusd=spent, limit_microusd=budget.soft_microusd)
    return None


def parse_usd(text: str) -> int:
    """Read a plain decimal number of dollars such as `0.05` as micro-dollars, exactly.

    Raises:
        ValueError: not a plain decimal, or finer than a micro-dollar.
    """
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole and digits.isascii() and digits.isdecimal()) or text.endswith(".") or len(whole) > MAX_WHOLE_DIGITS:
        raise ValueError('expected dollars such as "0.05", below a million: digits, a point for decimals')
    if len(fraction) > MICRO_DECIMALS:
        raise ValueError("a budget has six decimals at most")
    return int(whole) * MICRO_PER_USD + int(fraction.ljust(MICRO_DECIMALS, "0"))


def format_usd(microusd: int) -> str:
    """Write micro-dollars as a plain decimal number of dollars, the inverse of `parse_usd`: at least two decimals."""
    whole, fraction = divmod(microusd, MICRO_PER_USD)
    return f"{whole}.{f'{fraction:06d}'.rstrip('0').ljust(2, '0')}"
