"""Operations and runs with a month of a million messages: how long their queries take; none reads a big table whole.

The queries run as a member of staff, under row level security, on a PostgreSQL without fsync (they only read). Seeding
takes two minutes. Run alone: `python -m tests.benchmarks.operations`.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg

from agent.ports import Deps
from agent.settings import Settings
from agent.store import embedded, figures, runs, standing
from agent.store.db import Database, Tx
from agent.store.migrate import ensure_app_login, migrate
from agent.store.tenants import TenantCache
from agent.types import MemberId, TenantId
from jobs.figures import keep_tenant_figures
from jobs.queue import JobQueue

TURNS, CONVERSATIONS = 400_000, 100_000
TENANT = TenantId(UUID(int=1))
MEMBER = MemberId(UUID(int=2))
ACCOUNT = UUID(int=3)
TIMES = 15
BIG = ("turns", "messages", "deliveries", "delivery_statuses", "model_calls", "escalations", "conversations")

SEED = f"""
set session_replication_role = replica;
insert into tenants (id, slug, name, profile) values ('{TENANT}', 'big', 'Big', '{{}}');
insert into members (id, tenant_id, email, name, role)
    values ('{MEMBER}', '{TENANT}', 'ana@big.example', 'Ana', 'manager');
insert into channel_accounts (id, tenant_id, channel, address, provider)
    values ('{ACCOUNT}', '{TENANT}', 'whatsapp', '+34910555012', 'simulator');
insert into contacts (id, tenant_id, name)
    select md5('k' || g)::uuid, '{TENANT}', 'Contact ' || g from generate_series(1, {CONVERSATIONS}) g;
insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, last_inbound_at)
    select md5('c' || g)::uuid, '{TENANT}', md5('k' || g)::uuid, md5('p' || g)::uuid, '{ACCOUNT}', now()
    from generate_series(1, {CONVERSATIONS}) g;
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, decision, reason, error,
                   created_at, finished_at)
    select md5('t' || g)::uuid, '{TENANT}', md5('c' || (1 + (g::bigint * 7919) % {CONVERSATIONS}))::uuid,
           case when g % 500 = 0 then 'failed' else 'done' end, g, g, md5('t' || g),
           jsonb_build_object('classification', jsonb_build_object(
               'intent', (array['pricing', 'greeting', 'ready_to_buy', 'support', 'complaint'])[1 + g % 5],
               'stage', (array['new', 'exploring', 'comparing', 'deciding'])[1 + (g / 3) % 4]),
               'draft', jsonb_build_object('draft', jsonb_build_object('text', repeat(md5(g::text), 20)))),
           (array['send', 'send', 'send', 'send', 'escalate', 'nothing'])[1 + g % 6], 'because',
           case when g % 500 = 0 then 'ValueError: broken' end, at, at + (1 + random() * 8) * interval '1 s'
    from (select g, now() - (g::float / {TURNS}) * interval '30 days' as at from generate_series(1, {TURNS}) g) t;
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at)
    select md5('i' || first_seq || '-' || n)::uuid, tenant_id, conversation_id, '{ACCOUNT}', 'inbound', 'contact',
           'hola, cuanto cuesta el curso intensivo', id, created_at
    from turns, generate_series(1, 1 + (first_seq % 2)::int) n;
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at,
                      purpose, source, state)
    select md5('o' || first_seq)::uuid, tenant_id, conversation_id, '{ACCOUNT}', 'outbound', 'agent',
           'el curso intensivo cuesta lo que cuesta', id, finished_at, 'reply', 'claude', 'delivered' from turns;
insert into deliveries (id, tenant_id, message_id, attempt, state, claimed_at, finished_at)
    select md5('d' || id)::uuid, tenant_id, id, 1, 'accepted', created_at, created_at + interval '0.4 s'
    from messages where direction = 'outbound';
insert into delivery_statuses (id, tenant_id, message_id, state, received_at)
    select md5('s' || s || id)::uuid, tenant_id, id, s, created_at + interval '2 s'
    from messages, unnest(array['sent', 'delivered', 'read']) s where direction = 'outbound';
insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome, tier, created_at)
    select md5('m' || t.id || x.tier)::uuid, tenant_id, t.id, x.task, 'anthropic', 'm', 'v', 1000, 100, 0, 0,
           (1000 * random())::int, 900, 'ok', x.tier, t.created_at
    from turns t, (values ('classify', 'fast'), ('draft', 'standard')) x (task, tier);
insert into escalations (id, tenant_id, conversation_id, turn_id, reason, cause, state, resolved_at, created_at)
    select md5('e' || id)::uuid, tenant_id, conversation_id, id, 'r',
           (array['complaint', 'asked', 'price', 'unsure'])[1 + first_seq % 4], 'resolved', finished_at, created_at
    from turns where decision = 'escalate';
vacuum analyze
"""

Query = Callable[[Tx], Awaitable[object]]


def _seed(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for statement in SEED.split(";\n"):
            connection.execute(statement.encode())


def _reset_statistics(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("select pg_stat_reset()")


def _queries(now: datetime) -> Iterator[tuple[str, Query]]:
    """Yield what the pages ask."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    month = now - timedelta(days=30)
    for name, wanted in (
        ("runs, all", runs.RunFilter()),
        ("runs, failed", runs.RunFilter(state="failed")),
        ("runs, one intent and outcome", runs.RunFilter(intent="complaint", decision="escalate")),
        ("runs, a filter that nothing fits", runs.RunFilter(channel="sms")),
    ):
        yield name, lambda tx, wanted=wanted: runs.list_runs(tx, wanted)  # type: ignore[misc]  # bound at once
    yield "the hour under way", lambda tx: figures.count_hours(tx, hour - figures.HOUR, hour)
    yield "30 days by day", lambda tx: figures.sum_hours(tx, [], since=month, timezone="Europe/Madrid", unit="day")
    yield "what waits", lambda tx: standing.read_standing(tx, now)
    yield "turns at work", runs.count_work


def run() -> list[tuple[str, str]]:
    """Return how long each query takes: the median and the slowest of `TIMES`, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="nightshift-operations-") as folder:
        home = Path(folder)
        home.chmod(0o711)  # under root the server's account passes through
        admin_url = embedded.start(home, extra_settings={"fsync": "off", "synchronous_commit": "off"})
        try:
            migrate(admin_url)
            app_url = ensure_app_login(admin_url, home)
            _seed(admin_url)
            _reset_statistics(admin_url)
            lines = asyncio.run(_measure(app_url))
            return [*lines, ("operations: tables read whole", ", ".join(_read_whole(admin_url)) or "none")]
        finally:
            embedded.stop(home)


async def _measure(url: str) -> list[tuple[str, str]]:
    now = datetime.now(UTC)
    async with Database(url, max_size=2) as db:
        deps = Deps(
            settings=Settings(_env_file=None), db=db, tenants=TenantCache(), queue=JobQueue(db), now=lambda: now
        )
        began = perf_counter()
        await keep_tenant_figures(TENANT, deps)
        lines = [("operations: counting 31 days", f"{perf_counter() - began:.1f} s, once")]
        for name, query in _queries(now):
            lines.append((f"operations: {name}", _told([await _time(db, query) for _ in range(TIMES)])))
    return lines


async def _time(db: Database, query: Query) -> float:
    async with db.member(TENANT, MEMBER) as tx:
        began = perf_counter()
        await query(tx)
        return (perf_counter() - began) * 1000


def _told(times: Sequence[float]) -> str:
    ordered = sorted(times)
    return f"{ordered[len(ordered) // 2]:.0f} ms, at most {ordered[-1]:.0f} ms"


def _read_whole(admin_url: str) -> list[str]:
    """Return the big tables that somebody has read from end to end since the statistics were reset."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        rows: list[Any] = connection.execute(
            "select relname from pg_stat_user_tables where seq_scan > 0 and relname = any(%s)", (list(BIG),)
        ).fetchall()
    return [row[0] for row in rows]


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:45} {figure}", flush=True)  # noqa: T201 — its output
