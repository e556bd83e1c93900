"""Accounting: every model call is a row, a generation in the trace, and counts towards the budgets (promise P8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from agent.alerts import alert
from agent.metrics import Metrics
from agent.ports import AgentDeps, Tracer
from agent.spending.budgets import SCOPES
from agent.store import spending
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.model_calls import insert_model_calls
from agent.store.spending import Account, Spent
from agent.types import BudgetScope, ContactId, ConversationId, ModelCall, Tenant, Turn, TurnId

FIX = "If this spend is wanted, raise `settings.budgets` in the tenant file; else look for a loop or abuse."


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """What calls are made for: a turn of a contact, or a tenant's work outside of any turn."""

    tenant: Tenant
    contact_id: ContactId | None = None
    conversation_id: ConversationId | None = None
    turn_id: TurnId | None = None
    begun_at: datetime | None = None
    """When the message came that the turn answers: that day is the turn's, though it may go on after midnight."""


def occasion_of(turn: Turn) -> Occasion:
    """Return a turn as what calls are made for."""
    return Occasion(
        tenant=turn.tenant,
        contact_id=turn.conversation.contact.id,
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        begun_at=turn.inbound[0].created_at,
    )


def accounts_of(occasion: Occasion, now: datetime) -> tuple[Account, ...]:
    """Return what a cost counts towards now, always in the same order: rows are locked in it."""
    zone = ZoneInfo(occasion.tenant.timezone)
    today = now.astimezone(zone).date()
    subjects: Sequence[tuple[BudgetScope, UUID | None, date]] = (
        ("message", occasion.turn_id, (occasion.begun_at or now).astimezone(zone).date()),
        ("contact_day", occasion.contact_id, today),
        ("tenant_day", occasion.tenant.id, today),
        ("tenant_month", occasion.tenant.id, today.replace(day=1)),
    )
    return tuple(
        Account(scope=scope, subject=subject, starts_on=starts_on)
        for scope, subject, starts_on in subjects
        if subject is not None
    )


async def read_spent(tx: Tx, occasion: Occasion, now: datetime) -> dict[BudgetScope, int]:
    """Return what has been spent, in micro-dollars, by what it counts towards."""
    spent = await spending.read_spending(tx, occasion.tenant.id, accounts_of(occasion, now))
    found = {each.account.scope: each.cost_microusd for each in spent}
    return {scope: found.get(scope, 0) for scope in SCOPES}


async def record_calls(tx: Tx, occasion: Occasion, calls: Sequence[ModelCall], now: datetime) -> dict[BudgetScope, int]:
    """Record calls, count their cost, and tell of each limit that is reached by it, once.

    Returns what has been spent by now, whoever spent it; empty if the calls cost nothing.
    """
    await insert_model_calls(tx, occasion.tenant.id, calls, turn_id=occasion.turn_id, at=now)
    cost = sum(call.cost_microusd for call in calls)
    if cost == 0:
        return {}
    accounts = await spending.add_spending(tx, occasion.tenant.id, accounts_of(occasion, now), cost)
    for spent in accounts:
        await _tell(tx, occasion, spent)
    return {spent.account.scope: spent.cost_microusd for spent in accounts}


async def _tell(tx: Tx, occasion: Occasion, spent: Spent) -> None:
    """Record the limits that an account has reached and that were not told yet. Its row is locked."""
    tenant, account = occasion.tenant, spent.account
    budget = tenant.policy.budgets.get(account.scope)
    if budget is None:
        return
    for level, limit in (("soft", budget.soft_microusd), ("hard", budget.hard_microusd)):
        if level in spent.told or spent.cost_microusd < limit:
            continue
        await spending.mark_told(tx, tenant.id, account, level)
        data = {"scope": account.scope, "spent_microusd": spent.cost_microusd, "limit_microusd": limit}
        await insert_event(
            tx,
            tenant.id,
            f"budget.{level}",
            actor="agent",
            conversation_id=occasion.conversation_id,
            turn_id=occasion.turn_id,
            data=data,
        )
        await alert(tx, f"budget.{level}", {"tenant": tenant.slug, **data}, fix=FIX)


class Reporting(Protocol):
    """Where calls are reported."""

    @property
    def tracer(self) -> Tracer:
        """The trace they belong to is open."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The counters of this process."""
        ...


def report_calls(calls: Sequence[ModelCall], deps: Reporting) -> None:
    """Count calls in the metrics, and show each in the trace under the current step.

    Usage and cost are theirs alone, so nothing is added up twice.
    """
    deps.metrics.count_calls(calls)
    for call in calls:
        deps.tracer.call(call)


async def account_for(turn: Turn, calls: Sequence[ModelCall], deps: AgentDeps) -> dict[BudgetScope, int]:
    """Record and report calls made for a turn, in a transaction of their own; returns what `record_calls` does."""
    if not calls:
        return {}
    async with deps.db.tenant(turn.tenant.id) as tx:
        spent = await record_calls(tx, occasion_of(turn), calls, deps.now())
    report_calls(calls, deps)
    return spent
