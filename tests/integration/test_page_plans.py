"""No page of the inbox reads a large table from end to end, also not within the functions that search.

PostgreSQL counts how often each table is read so: what it counted before and after a page is compared.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from agent.ports import StaffDeps
from agent.staff.members import Member
from agent.store import runs
from agent.store.db import Tx
from agent.store.members import set_role
from agent.store.sessions import insert_session
from agent.store.tenants import update_published
from agent.tenant.file import parse_tenant_file
from channels.inbox.pages import cookie_name
from tests.conftest import FakeClock
from tests.integration.conftest import TENANT_FILES
from tests.integration.tenant_rows import Rows
from tests.integration.test_queue_plans import LARGE, member

__all__ = ["member"]

TABLES = [*sorted(LARGE), "turns", "model_calls", "message_words"]
MORE = """
set session_replication_role = replica;
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, decision, created_at,
                   finished_at)
    select md5('t' || n || '-' || k)::uuid, %(tenant)s, md5('v' || n)::uuid,
           case when n %% 50 = 0 then 'failed' else 'done' end, 1, 1, 'trace', '{}', 'send',
           %(now)s::timestamptz - n * interval '1 min', %(now)s::timestamptz from generate_series(1, 4000) n,
           generate_series(1, 1) k;
insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome)
    select md5(id::text)::uuid, tenant_id, id, 'draft', 'anthropic', 'm', 'v', 1, 1, 0, 0, 1, 1, 'ok' from turns;
insert into events (tenant_id, kind, actor, conversation_id)
    select %(tenant)s, 'conversation.taken_over', 'member:' || %(member)s::text, md5('v' || n)::uuid
    from generate_series(1, 4000) n;
insert into message_words (message_id, tenant_id, seq, at, words)
    select id, tenant_id, seq, created_at, list_message_words(m) from messages m
    on conflict (message_id) do nothing;
set session_replication_role = origin;
update contacts set name = name;
analyze
"""
PAGES = {
    "queue": "/inbox",
    "queue-done": "/inbox?tab=done",
    "news": "/inbox/queue/news?since=2026-11-17T10:00:00%2B00:00",
    "conversations": "/inbox/conversations",
    "conversation": "/inbox/conversations/{conversation}",
    "conversation-at": "/inbox/conversations/{conversation}?at=7",
    "review": "/inbox/review/{request}",
    "search-common": "/inbox/search?q=hola",
    "search-none": "/inbox/search?q=nowhere+said",
    "search-filter": "/inbox/search?q=hol&channel=email&by=contact&since=2026-01-01",
    "search-label": "/inbox/search?q=big",
    "contacts": "/inbox/contacts",
    "contacts-name": "/inbox/contacts?q=prospect+399",
    "contacts-nobody": "/inbox/contacts?q=nobody",
    "contact": "/inbox/contacts/{contact}",
    "runs": "/inbox/runs",
    "runs-failed": "/inbox/runs?state=failed",
    "run": "/inbox/runs/{run}",
    "operations": "/inbox/operations",
    "audit": "/inbox/settings/audit",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A manager's browser, and how to see what was read."""

    http: httpx.AsyncClient
    deps: StaffDeps
    admin: Tx

    async def count_scans(self) -> dict[str, int]:
        """Return how often each large table has been read from end to end."""
        async with AsyncExitStack() as borrowed:
            for _ in range(self.deps.db.pool.get_stats()["pool_size"]):
                tx = await borrowed.enter_async_context(self.deps.db.system())
                await tx.execute("select pg_stat_force_next_flush()")
        await self.admin.execute("select pg_stat_force_next_flush()")  # what it has read itself, before
        cursor = await self.admin.execute(
            "select relname, seq_scan from pg_stat_user_tables where relname = any(%s)", (TABLES,)
        )
        return {row["relname"]: row["seq_scan"] for row in await cursor.fetchall()}


@pytest.fixture
async def desk(
    staff_deps: StaffDeps, inbox: httpx.AsyncClient, a: Rows, member: Member, admin: Tx, clock: FakeClock
) -> Desk:
    """A manager at a tenant with thousands of everything."""
    values = {"tenant": a.tenant, "member": a.member, "now": clock.now}
    for statement in MORE.split(";\n"):
        await admin.execute(statement.encode(), values if "%(" in statement else None)
    async with staff_deps.db.tenant(a.tenant) as tx:
        await set_role(tx, member.id, "manager")
        secret = await insert_session(tx, member, "test", clock.now)
    async with staff_deps.db.tenant(a.tenant) as tx:
        file = (TENANT_FILES / "lumen.yaml").read_text().replace("slug: lumen", f"slug: {a.slug}")
        await update_published(tx, parse_tenant_file(file))
    inbox.cookies.set(cookie_name(staff_deps), secret)
    # Four thousand rows are few, and few pages: with this, the same plans are made for them as for a hundred thousand.
    await admin.execute(f"alter database {admin.info.dbname} set seq_page_cost = 8".encode())
    await staff_deps.db.pool.drain()
    return Desk(inbox, staff_deps, admin)


async def test_no_page_reads_a_large_table_from_end_to_end(
    desk: Desk, admin: Tx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_BACK", 200)  # of four thousand
    ids = {"conversation": "v3998", "request": "e3997", "contact": "c3998", "run": "t3998-1"}
    found = {
        name: (await (await admin.execute("select md5(%s)::uuid as id", (text,))).fetchall())[0]["id"]
        for name, text in ids.items()
    }
    read_whole = {}
    before = await desk.count_scans()
    assert before.keys() == set(TABLES)
    for name, path in PAGES.items():
        answer = await desk.http.get(path.format(**found))
        assert answer.status_code == 200, (name, answer.text[:400])
        after = await desk.count_scans()
        read_whole[name] = {table for table in TABLES if after[table] > before[table]}
        before = after
    assert {name: tables for name, tables in read_whole.items() if tables} == {}
