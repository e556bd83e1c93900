"""Drift in the database: baselines, readings, who hears of it, and where it is shown."""

import json
from datetime import datetime, timedelta
from io import StringIO

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import NightshiftError
from agent.ports import Deps
from agent.settings import Settings
from agent.store.db import Database, Tx, fetch_one
from agent.store.drift import count_features, list_baselines
from agent.tenant.file import TenantFile
from agent.watching import rebase, watch_drift
from jobs.drift import run_rebase, run_show, watch_all
from tests.conftest import DatabaseUrls, FakeClock
from tests.integration.tenant_rows import Rows

WRITE = """
with turn as (
    insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, created_at,
                       finished_at)
    select gen_random_uuid(), %(tenant)s, %(idle)s, 'done', 1000 + n, 1000 + n, '',
           jsonb_build_object('classification', jsonb_build_object('intent', %(intent)s::text, 'confidence', 0.93)),
           %(at)s::timestamptz - n * interval '1 s', now() from generate_series(1, %(count)s) n
    returning id)
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, provider_id, body, turn_id,
                      language, created_at)
    select gen_random_uuid(), %(tenant)s, %(idle)s, %(account)s, 'inbound', 'contact', gen_random_uuid()::text,
           repeat('x', 30), id, %(language)s, %(at)s from turn
"""


async def write(admin: Tx, rows: Rows, at: datetime, count: int, language: str = "es", intent: str = "pricing") -> None:
    names = {"tenant": rows.tenant, "idle": rows.idle, "account": rows.account}
    await admin.execute(WRITE.encode(), {**names, "at": at, "count": count, "language": language, "intent": intent})


async def events(admin: Tx, kind: str = "drift.detected") -> list[dict[str, object]]:
    cursor = await admin.execute("select data from events where kind = %s order by id", (kind,))
    return [row["data"] for row in await cursor.fetchall()]


async def begin_anew(admin: Tx) -> None:
    """Take away what every table's rows begin with."""
    for table in ("drift_readings", "drift_baselines"):
        await admin.execute(f"delete from {table}".encode())


async def test_a_change_of_language_is_told_once_until_somebody_says_it_is_well(
    db: Database, admin: Tx, clock: FakeClock, deps: Deps, a: Rows, b: Rows
) -> None:
    await begin_anew(admin)
    await write(admin, a, clock.now - timedelta(days=14), 320)
    await write(admin, b, clock.now - timedelta(days=14), 320)
    await write(admin, a, clock.now - timedelta(hours=1), 110)
    found = await watch_drift(a.tenant, db, clock.now)
    assert {feature: each.level for feature, each in found.items()} == dict.fromkeys(
        ("language", "intent", "confidence", "length"), "steady"
    )
    async with db.tenant(a.tenant) as tx:
        assert await count_features(tx, clock.now - timedelta(days=7), clock.now) == {
            "language": {"es": 110},
            "intent": {"pricing": 110},
            "confidence": {"0.9": 110},
            "length": {"50": 110},
        }

    await write(admin, a, clock.now, 60, language="pt")
    for _ in range(2):
        clock.advance(3600)
        await watch_all(deps)
    (told,) = await events(admin)
    assert (told["feature"], told["before"], told["after"]) == ("language", "steady", "drifted")
    alerted = await fetch_one(admin, "select kind, data from system_events")
    assert alerted == {"kind": "drift.detected", "data": {"tenant": str(a.tenant), "features": ["language"]}}

    await write(admin, a, clock.now, 200, language="pt")
    async with db.tenant(a.tenant) as tx:
        assert (await rebase(tx, a.tenant, clock.now, actor="test"))["language"] == 370
    clock.advance(3600)
    assert (await watch_drift(a.tenant, db, clock.now))["language"].level == "steady"
    assert len(await events(admin, "drift.rebased")) == 1


async def test_a_small_business_has_no_drift(db: Database, admin: Tx, clock: FakeClock, a: Rows) -> None:
    await begin_anew(admin)
    await write(admin, a, clock.now - timedelta(days=14), 50)
    assert await watch_drift(a.tenant, db, clock.now) == {}
    async with db.tenant(a.tenant) as tx:
        assert await list_baselines(tx) == {}
        assert await rebase(tx, a.tenant, clock.now, actor="test") == {}


async def test_the_command_line_shows_drift_and_metrics_count_tenants(
    deps: Deps,
    admin: Tx,
    client: httpx.AsyncClient,
    clock: FakeClock,
    lumen: TenantFile,
    settings: Settings,
    database_urls: DatabaseUrls,
) -> None:
    real = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
    out = Console(file=StringIO(), width=200)
    assert isinstance(out.file, StringIO)
    await run_show(real, "lumen", out, as_json=False)
    assert "Nothing measured yet" in out.file.getvalue()
    with pytest.raises(NightshiftError, match="fewer than 300"):
        await run_rebase(real, "lumen", out)
    for table, columns, values in (
        ("drift_baselines", "counts, since, until", '\'{"es": 900, "pt": 100}\', now(), now()'),
        ("drift_readings", "counts, measured_at, psi, level", "'{\"es\": 50, \"pt\": 50}', now(), 0.9, 'drifted'"),
    ):
        query = f"insert into {table} (tenant_id, feature, {columns}) values (%s, 'language', {values})"
        await admin.execute(query.encode(), (lumen.tenant.id,))
    await run_show(real, "lumen", out, as_json=False)
    said = " ".join(out.file.getvalue().split())
    assert "language drifted PSI 0.90 pt: 10.0 % → 50.0 %; es: 90.0 % → 50.0 %" in said
    shown = Console(file=StringIO(), width=200)
    await run_show(real, "lumen", shown, as_json=True)
    assert isinstance(shown.file, StringIO)
    assert json.loads(shown.file.getvalue())["language"]["level"] == "drifted"
    metrics = (await client.get("/metrics")).text
    assert 'nightshift_drift_tenants{feature="language",level="drifted"} 1.0' in metrics
