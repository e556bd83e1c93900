"""The clock's part in drift, and `nightshift drift …`."""

import json
from dataclasses import asdict

from rich.console import Console

from agent.drift import LEAST_BEFORE, LEAST_NOW, compare
from agent.errors import NightshiftError
from agent.ports import Deps
from agent.settings import Settings
from agent.store.drift import list_baselines, list_latest_readings
from agent.store.tenants import list_tenants
from agent.watching import rebase, watch_drift
from jobs.wiring import open_tenant, utc_now

ACTOR = "command line"


async def watch_all(deps: Deps) -> int:
    """Measure the drift of every tenant; return how many features could be measured."""
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    return sum([len(await watch_drift(each.id, deps.db, deps.now())) for each in tenants])


async def run_show(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """Print a tenant's drift as last measured.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        baselines = await list_baselines(opened.tx)
        readings = await list_latest_readings(opened.tx, utc_now())
    drifts = {each.feature: compare(baselines[each.feature].counts, each.counts) for each in readings}
    if as_json:
        told = {
            each.feature: {
                "psi": each.psi,
                "level": each.level,
                "measured_at": each.measured_at.isoformat(),
                "moved": [asdict(moved) for moved in found.moved] if (found := drifts[each.feature]) else [],
            }
            for each in readings
        }
        out.print_json(json.dumps(told))
        return
    if not readings:
        out.print(
            f"Nothing measured yet: it takes {LEAST_BEFORE} messages for a baseline and {LEAST_NOW} in the last week.",
            markup=False,
        )
    for each in readings:
        found = drifts[each.feature]
        moved = "; ".join(f"{m.label}: {m.before} % → {m.now} %" for m in found.moved) if found else ""
        out.print(f"{each.feature}\t{each.level}\tPSI {each.psi:.2f}\t{moved}".rstrip(), markup=False)


async def run_rebase(settings: Settings, slug: str, out: Console) -> None:
    """Make what is now a tenant's baseline.

    Raises:
        NightshiftError: there is no such tenant, or there is too little of them.
    """
    async with open_tenant(settings, slug) as opened:
        taken = await rebase(opened.tx, opened.tenant.id, utc_now(), actor=ACTOR)
    if not taken:
        raise NightshiftError(f"There are fewer than {LEAST_BEFORE} messages in four weeks; the baseline stays.")
    out.print(
        f"{slug}: new baseline of " + ", ".join(f"{name} ({total})" for name, total in taken.items()), markup=False
    )
