"""The clock's part in the chain of events, and `nightshift events …`: what operators learn, and what they can prove."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr
from rich.console import Console

from agent.errors import NightshiftError
from agent.ports import Deps
from agent.settings import Settings
from agent.store.db import Database, Tx, fetch_one
from agent.store.events import insert_event
from agent.tenant.file import TenantFile
from jobs.events import keep_chains, run_export, run_verify, run_verify_file, seal_all
from tests.conftest import DatabaseUrls


@pytest.fixture
def out() -> Console:
    return Console(file=StringIO(), width=200)


def printed(out: Console) -> str:
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


@pytest.fixture
def real_settings(settings: Settings, database_urls: DatabaseUrls) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})


@pytest.fixture
def now_deps(deps: Deps) -> Deps:
    """The clock's: events carry the database's time, so it goes by the real one."""
    return replace(deps, now=lambda: datetime.now(UTC))


async def happen(db: Database, file: TenantFile, count: int) -> None:
    for number in range(count):
        async with db.tenant(file.tenant.id) as tx:
            await insert_event(tx, file.tenant.id, "x", actor="agent", data={"number": number, "text": "ñ"})


async def test_an_export_can_be_verified_without_a_database_and_shows_what_was_done_to_it(
    db: Database, now_deps: Deps, real_settings: Settings, lumen: TenantFile, tmp_path: Path, out: Console
) -> None:
    await happen(db, lumen, 3)
    target = tmp_path / "events.jsonl"
    await run_export(real_settings, "lumen", target, out)
    run_verify_file(target, "", out, as_json=False)
    assert "lumen: holds. 3 events" in printed(out)

    lines = target.read_text("utf-8").splitlines(keepends=True)
    changed = {
        "altered": "".join(lines).replace('"number": 1', '"number": 7'),
        "moved": "".join([lines[0], lines[2], lines[1], *lines[3:]]),
        "cut": "".join(lines[:-2]),
        "shortened": "".join([*lines[:-2], lines[-1]]),
    }
    for name, text in changed.items():
        target.write_text(text, "utf-8")
        with pytest.raises(typer.Exit):
            run_verify_file(target, "", out, as_json=False)
        assert "does NOT hold" in printed(out), name
    target.write_text("{}\n", "utf-8")
    with pytest.raises(NightshiftError, match="not a file of"):
        run_verify_file(target, "", out, as_json=False)


async def test_the_clock_seals_and_verify_tells_the_head_to_note(
    db: Database, now_deps: Deps, real_settings: Settings, lumen: TenantFile, out: Console
) -> None:
    await happen(db, lumen, 2)
    assert await seal_all(now_deps) == 2
    await run_verify(real_settings, "lumen", "", out, as_json=True)
    told = json.loads(printed(out))["lumen"]
    assert (told["holds"], told["events"]) == (True, 2)
    await run_verify(real_settings, "lumen", told["head"], out, as_json=True)
    with pytest.raises(typer.Exit):
        await run_verify(real_settings, "lumen", "2:" + 64 * "0", out, as_json=True)
    with pytest.raises(NightshiftError, match="give it as"):
        await run_verify(real_settings, "lumen", "2:xyz", out, as_json=True)
    with pytest.raises(NightshiftError, match="no tenant 'nobody'"):
        await run_verify(real_settings, "nobody", "", out, as_json=True)


async def test_operators_hear_once_an_hour_of_events_that_stay_unsealed(
    db: Database, admin: Tx, now_deps: Deps, lumen: TenantFile
) -> None:
    await happen(db, lumen, 1)
    await admin.execute("update unsealed_events set at = at - interval '1 hour', event_id = event_id + 1000")
    for _ in range(2):
        assert await seal_all(now_deps) == 0
    told = await fetch_one(admin, "select kind, data from system_events")
    assert told == {"kind": "events.unsealed", "data": {"tenants": 1, "events": 1}}
    assert await fetch_one(admin, "select count(*) as n from system_events") == {"n": 1}


async def test_every_night_a_broken_chain_is_told_and_left_alone_and_a_whole_one_is_cut(
    db: Database, admin: Tx, now_deps: Deps, lumen: TenantFile, verdesolar: TenantFile
) -> None:
    deps = replace(now_deps, settings=now_deps.settings.model_copy(update={"nightshift_events_keep_days": 1}))
    for each in (lumen, verdesolar):
        await happen(db, each, 3)
    await seal_all(deps)
    await admin.execute("set session_replication_role = replica")
    await admin.execute("update events set actor = 'nobody' where tenant_id = %s", (lumen.tenant.id,))
    await admin.execute("set session_replication_role = origin")
    later = replace(deps, now=lambda: datetime.now(UTC) + timedelta(days=2))
    assert await keep_chains(later) == 1
    told = await fetch_one(admin, "select kind, data from system_events")
    assert told
    assert (told["kind"], told["data"]["tenant"], told["data"]["breaks"]) == ("events.broken", "lumen", 3)
    left = await fetch_one(
        admin,
        "select array_agg(count order by count) as n from (select count(*) from events group by tenant_id) as each",
    )
    assert left == {"n": [1, 3]}  # of the whole chain, what says that it was cut
    counted = await fetch_one(admin, "select value from metric_totals where sample like '%event_chains_total'")
    assert counted == {"value": 1}
    await seal_all(deps)
    assert await keep_chains(deps) == 1
