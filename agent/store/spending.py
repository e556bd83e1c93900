"""What models have cost, added up by what a budget bounds: each read is a few rows by key (promise P8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from psycopg.rows import DictRow

from agent.store.db import Tx
from agent.types import BudgetScope, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a cost counts towards: a turn, a contact or a tenant (`subject`) from a day on, in the tenant's zone."""

    scope: BudgetScope
    subject: UUID
    starts_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What an account has come to, and which of its limits have been told."""

    account: Account
    cost_microusd: int
    told: frozenset[str]


async def read_spending(tx: Tx, tenant_id: TenantId, accounts: Sequence[Account]) -> list[Spent]:
    """Return those of the accounts that have cost anything."""
    cursor = await tx.execute(
        """select scope, subject, starts_on, cost_microusd, soft_at, hard_at from spending
           where tenant_id = %(tenant_id)s and (subject, scope, starts_on) in (
               select * from unnest(%(subjects)s::uuid[], %(scopes)s::text[], %(days)s::date[]))""",
        {**_columns(accounts), "tenant_id": tenant_id},
    )
    return [_spent(row) for row in await cursor.fetchall()]


async def add_spending(tx: Tx, tenant_id: TenantId, accounts: Sequence[Account], cost_microusd: int) -> list[Spent]:
    """Add a cost to each account and return what they have come to; their rows stay locked until `tx` ends.

    Rows are locked in the order given: with the same order everywhere, nobody waits for ever.
    """
    cursor = await tx.execute(
        """insert into spending as s (subject, scope, starts_on, tenant_id, cost_microusd)
           select subject, scope, starts_on, %(tenant_id)s, %(cost)s
           from unnest(%(subjects)s::uuid[], %(scopes)s::text[], %(days)s::date[])
               with ordinality as account (subject, scope, starts_on, place) order by place
           on conflict (subject, scope, starts_on, tenant_id)
               do update set cost_microusd = s.cost_microusd + excluded.cost_microusd
           returning scope, subject, starts_on, cost_microusd, soft_at, hard_at""",
        {**_columns(accounts), "tenant_id": tenant_id, "cost": cost_microusd},
    )
    return [_spent(row) for row in await cursor.fetchall()]


async def mark_told(tx: Tx, tenant_id: TenantId, account: Account, level: str) -> None:
    """Note that the limit `soft` or `hard` of an account has been told."""
    await tx.execute(
        """update spending set soft_at = case when %(level)s = 'soft' then clock_timestamp() else soft_at end,
                               hard_at = case when %(level)s = 'hard' then clock_timestamp() else hard_at end
           where subject = %(subject)s and scope = %(scope)s and starts_on = %(day)s and tenant_id = %(tenant_id)s""",
        {
            "level": level,
            "subject": account.subject,
            "scope": account.scope,
            "day": account.starts_on,
            "tenant_id": tenant_id,
        },
    )


async def delete_old_spending(tx: Tx, tenant_id: TenantId, *, before: date) -> None:
    """Forget what messages and contacts cost on days before `before`; the tenant's own sums are kept."""
    await tx.execute(
        """delete from spending where tenant_id = %s and starts_on < %s and scope in ('message', 'contact_day')""",
        (tenant_id, before),
    )


def _columns(accounts: Sequence[Account]) -> dict[str, object]:
    return {
        "subjects": [each.subject for each in accounts],
        "scopes": [each.scope for each in accounts],
        "days": [each.starts_on for each in accounts],
    }


def _spent(row: DictRow) -> Spent:
    return Spent(
        account=Account(scope=row["scope"], subject=row["subject"], starts_on=row["starts_on"]),
        cost_microusd=row["cost_microusd"],
        told=frozenset(level for level in ("soft", "hard") if row[f"{level}_at"] is not None),
    )
