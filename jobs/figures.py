"""The clock's part in figures: count each hour once it has ended, and again while reports on it may still come."""

import asyncio
from datetime import datetime, timedelta

from agent.ports import Deps
from agent.store.figures import HOUR, KEPT, count_hours, find_last_hour, list_unsettled_hours, save_hours
from agent.store.figures import Counted as CountedHour
from agent.store.tenants import list_tenants
from agent.types import TenantId

AT_A_TIME = timedelta(days=1)
"""So much of the past is counted in one transaction: a busy tenant's month would take longer than a statement may."""
RECOUNTED = 12
"""Hours of one tenant that are counted again in one tick, at most."""


async def keep_figures(deps: Deps) -> int:
    """Bring the figures of all tenants up to the last full hour; return how many hours were counted."""
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    counted = 0
    for tenant in tenants:
        counted += await keep_tenant_figures(tenant.id, deps)
        await asyncio.sleep(0)
    return counted


async def keep_tenant_figures(tenant_id: TenantId, deps: Deps) -> int:
    """Bring the figures of a tenant up to the last full hour; return how many hours were counted."""
    now = deps.now()
    end = now.replace(minute=0, second=0, microsecond=0)
    async with deps.db.tenant(tenant_id) as tx:
        last = await find_last_hour(tx)
    since, counted = last + HOUR if last else end - KEPT, 0
    while since < end:
        until = min(since + AT_A_TIME, end)
        counted += await _count(tenant_id, since, until, now, deps)
        since = until
    async with deps.db.tenant(tenant_id) as tx:
        again = await list_unsettled_hours(tx, now, limit=RECOUNTED)
    for hour in again:
        counted += await _count(tenant_id, hour, hour + HOUR, now, deps)
    return counted


async def _count(tenant_id: TenantId, since: datetime, until: datetime, now: datetime, deps: Deps) -> int:
    """Count full hours and keep them, those in which nothing happened as well."""
    async with deps.db.tenant(tenant_id) as tx:
        found = {each.starts_at: each for each in await count_hours(tx, since, until)}
        hours = [since + place * HOUR for place in range(int((until - since) / HOUR))]
        kept = [found.get(hour) or CountedHour(starts_at=hour, figures={}) for hour in hours]
        await save_hours(tx, tenant_id, kept, now)
    return len(hours)
