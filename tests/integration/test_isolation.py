"""Promise P7 by raw SQL: tenant A, in the application's role, tries to see, change and escape to tenant B's rows."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Database, Tx, fetch_one, set_tenant
from tests.conftest import DatabaseUrls
from tests.integration.tenant_rows import Rows, insert_rows, list_tenant_tables, rows_of, visible_rows

pytestmark = pytest.mark.usefixtures("database_urls")  # a database for each test: what they try may outlast a session
REFUSALS = (
    *(errors.InsufficientPrivilege, errors.ForeignKeyViolation, errors.UniqueViolation),
    errors.CheckViolation,  # of two columns of which a row has one
)
COPY_CHANGED = (
    "insert into {table} ({columns}) overriding system value "
    "select {columns} from (select (jsonb_populate_record(t, %s)).* from {table} t limit 1) as copy"
)
"""Insert a row of A again, with some columns changed."""

ESCAPES = {
    "reset_role": "reset role",
    "role_none": "set role none",
    "default_authorization": "set session authorization default",
    "superuser": "set role postgres",
    "superuser_authorization": "set session authorization postgres",
    "router": "set role nightshift_router",
    "router_membership": "grant nightshift_router to nightshift_app",
    "bypass": "alter role nightshift_app bypassrls",
    "row_security_off": "set row_security = off",
    "replica": "set session_replication_role = replica",
    "disable": "alter table messages disable row level security",
    "no_force": "alter table messages no force row level security",
    "drop_policy": "drop policy tenant_isolation on messages",
    "open_policy": "create policy everybody on messages using (true)",
    "redefine": "create or replace function current_tenant() returns uuid language sql return null::uuid",
    "shadow": "create function pg_temp.current_tenant() returns uuid language sql return null::uuid",
    "new_table": "create table public.mine (id int)",
    "new_function": "create function public.mine() returns int language sql security definer return 1",
    "other_schema": "create schema mine",
    "program": "copy messages to program 'cat'",
    "file": "copy messages to '/tmp/messages'",
    "read_file": "select pg_read_file('postgresql.conf')",
    "catalogue": "select * from pg_authid",
    "search_path": "set search_path = pg_temp, jobs, public",
}


async def attempt(tx: Tx, query: sql.Composed | bytes, params: Any = None) -> int:
    """Return how many rows a statement touched; 0 where it is refused."""
    try:
        async with tx.transaction():
            return max(0, (await tx.execute(query, params)).rowcount)
    except REFUSALS:
        return 0


async def primary_keys(tx: Tx) -> dict[str, list[str]]:
    """Return the columns of every table's key, in its order."""
    cursor = await tx.execute(
        """select c.conrelid::regclass::text as name, array_agg(a.attname::text order by key.place) as columns
           from pg_constraint c, unnest(c.conkey) with ordinality as key (attnum, place), pg_attribute a
           where contype = 'p' and a.attrelid = c.conrelid and a.attnum = key.attnum group by 1"""
    )
    return {row["name"]: row["columns"] for row in await cursor.fetchall()}


async def written_columns(tx: Tx) -> dict[str, sql.Composed]:
    """Return the columns of every table that are not computed from others, as a statement lists them."""
    cursor = await tx.execute(
        """select attrelid::regclass::text as name, array_agg(attname::text order by attnum) as columns
           from pg_attribute join pg_class c on c.oid = attrelid
           where relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped and attgenerated = ''
           group by 1"""
    )
    rows = await cursor.fetchall()
    return {row["name"]: sql.SQL(", ").join(map(sql.Identifier, row["columns"])) for row in rows}


def fresh_key(like: object) -> str:
    return str(like + 1_000_000) if isinstance(like, int) else str(new_id())


async def test_every_table_has_rows_of_both_and_shows_each_tenant_its_own(db: Database, a: Rows, b: Rows) -> None:
    for mine in (a, b):
        async with db.tenant(mine.tenant) as tx:
            owners, seen = await list_tenant_tables(tx), await visible_rows(tx)
        for table, column in owners.items():
            assert {row[column] for row in seen[table]} == {str(mine.tenant)}, table


async def test_no_statement_of_one_tenant_touches_a_row_of_another(db: Database, a: Rows, b: Rows) -> None:
    before = await rows_of(db, b)
    async with db.tenant(a.tenant) as tx:
        for table, column in (await list_tenant_tables(tx)).items():
            for query in (
                "select from {table} where {owner} = %(b)s",
                "select from {table} where {owner} = %(b)s for update",
                "update {table} set {owner} = {owner} where {owner} = %(b)s",
                "update {table} set {owner} = %(a)s where {owner} = %(b)s",
                "update {table} set {owner} = %(b)s",
                "delete from {table} where {owner} = %(b)s",
                "truncate {table} cascade",
            ):
                names = {"table": sql.Identifier(table), "owner": sql.Identifier(column)}
                touched = await attempt(tx, sql.SQL(query).format(**names), {"a": a.tenant, "b": b.tenant})
                assert touched == 0, (table, query)
    assert await rows_of(db, b) == before


async def test_no_row_can_be_inserted_for_another_tenant_or_over_its_row(db: Database, a: Rows, b: Rows) -> None:
    before = await rows_of(db, b)
    async with db.tenant(a.tenant) as tx:
        keys, columns = await primary_keys(tx), await written_columns(tx)
        for table, column in (await list_tenant_tables(tx)).items():
            key = keys[table][0]
            theirs = before[table][0][key]
            over = sql.SQL(f"{COPY_CHANGED} on conflict ({{keys}}) do update set {{owner}} = excluded.{{owner}}")
            attacks: list[tuple[sql.SQL, dict[str, Any]]] = [
                (sql.SQL(COPY_CHANGED), {key: fresh_key(theirs), column: str(b.tenant)}),
                (sql.SQL(COPY_CHANGED), {key: theirs, column: str(b.tenant)}),
            ]
            if "tenant_id" not in keys[table]:  # else there is nothing of B's to collide with
                attacks.append((over, {name: before[table][0][name] for name in keys[table]}))
            for query, changes in attacks:
                names = {"table": table, "owner": column}
                named = query.format(
                    **{name: sql.Identifier(value) for name, value in names.items()},
                    keys=sql.SQL(", ").join(map(sql.Identifier, keys[table])),
                    columns=columns[table],
                )
                assert await attempt(tx, named, (Jsonb(changes),)) == 0, (table, changes)
    assert await rows_of(db, b) == before


async def test_no_row_can_be_hung_on_another_tenants_row(db: Database, a: Rows, b: Rows, admin: Tx) -> None:
    cursor = await admin.execute(
        """select c.conrelid::regclass::text as from_table, f.attname as from_column,
                  c.confrelid::regclass::text as to_table
           from pg_constraint c
           cross join unnest(c.conkey, c.confkey) as pair (from_number, to_number)
           join pg_attribute f on f.attrelid = c.conrelid and f.attnum = from_number
           join pg_attribute t on t.attrelid = c.confrelid and t.attnum = to_number
           where contype = 'f' and connamespace = 'public'::regnamespace and f.attname <> 'tenant_id'
             and t.attname = 'id'  -- what is known by a name of the tenant's own is another row in each"""
    )
    references = await cursor.fetchall()
    before = await rows_of(db, b)
    async with db.tenant(a.tenant) as tx:
        keys, columns = await primary_keys(tx), await written_columns(tx)
        for each in references:
            table, key = each["from_table"], keys[each["from_table"]][0]
            for target in before[each["to_table"]]:
                changes = {key: fresh_key(before[table][0][key]), each["from_column"]: target["id"]}
                query = sql.SQL(COPY_CHANGED).format(table=sql.Identifier(table), columns=columns[table])
                assert await attempt(tx, query, (Jsonb(changes),)) == 0, each
    assert len(references) > 15
    assert await rows_of(db, b) == before


async def test_deleting_a_tenant_leaves_every_row_of_another(db: Database, a: Rows, b: Rows) -> None:
    before = await rows_of(db, b)
    async with db.tenant(a.tenant) as tx:
        assert await attempt(tx, b"delete from tenants") == 1
    left = {table: len(rows) for table, rows in (await rows_of(db, a)).items() if rows}
    assert left == {"media_discarded": 3}  # which files' bytes must go: ids alone, until they are gone
    assert await rows_of(db, b) == before


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
async def test_no_session_command_opens_another_tenants_rows(db: Database, a: Rows, b: Rows, escape: str) -> None:
    async with db.tenant(a.tenant) as tx, tx.transaction(force_rollback=True):
        await attempt(tx, escape.encode())
        try:
            row = await fetch_one(tx, "select count(*) as n from public.messages where tenant_id = %s", (b.tenant,))
        except errors.InsufficientPrivilege:  # row_security off: the server would rather refuse than filter
            return
        assert row == {"n": 0}


async def test_an_unfiltered_function_sees_no_row_of_another_tenant(db: Database, a: Rows, b: Rows) -> None:
    """A cheap function that talks, in a condition the planner would like to run first."""
    said: list[str] = []
    async with db.tenant(a.tenant) as tx:
        tx.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        await tx.execute(
            """create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001 as
               $$ begin raise notice '%', $1; return true; end $$"""
        )
        await tx.execute("select from messages where pg_temp.tell(body)")
    assert "Secret of attacker" in said
    assert not [text for text in said if "victim" in text]


async def test_statistics_tell_nothing_of_any_tenant(db: Database, a: Rows, b: Rows, admin: Tx) -> None:
    await admin.execute("analyze")
    assert await fetch_one(admin, "select from pg_stats where tablename = 'messages'") is not None
    async with db.tenant(a.tenant) as tx:
        assert await fetch_one(tx, "select from pg_stats where schemaname = 'public'") is None


async def test_without_a_tenant_nothing_is_seen_and_nothing_can_be_written(db: Database, b: Rows) -> None:
    async with db.system() as tx:
        assert set(map(len, (await visible_rows(tx)).values())) == {0}
        with pytest.raises(errors.InsufficientPrivilege):
            await tx.execute("insert into contacts (id, tenant_id) values (%s, %s)", (new_id(), b.tenant))


@pytest.mark.parametrize("fails", [False, True], ids=["committed", "rolled_back"])
async def test_the_scope_ends_with_its_transaction(database_urls: DatabaseUrls, fails: bool) -> None:
    async with Database(database_urls.app_url, max_size=1) as db:
        async with db.system() as tx, tx.transaction():
            rows = await insert_rows(tx, "victim")
        with suppress(errors.DivisionByZero):
            async with db.tenant(rows.tenant) as tx:
                assert await fetch_one(tx, "select from messages") is not None
                await tx.execute("select 1 / %s::int", (0 if fails else 1,))
        async with db.system() as tx:
            assert await fetch_one(tx, "select from messages") is None


async def test_scopes_of_two_connections_do_not_mix(db: Database, a: Rows, b: Rows) -> None:
    async with db.tenant(a.tenant) as ours, db.tenant(b.tenant) as theirs:
        for tx, mine in ((ours, a), (theirs, b), (ours, a)):
            assert await fetch_one(tx, "select id from tenants") == {"id": mine.tenant}


async def test_a_tenant_id_that_is_none_is_an_error(db: Database) -> None:
    async with db.system() as tx, tx.transaction():
        await set_tenant(tx, "all")  # type: ignore[arg-type]  # what an attacker might get in
        with pytest.raises(psycopg.DataError):
            await tx.execute("select from messages")


async def test_the_application_cannot_read_what_happened_outside_tenants(db: Database) -> None:
    async with db.system() as tx:
        with pytest.raises(errors.InsufficientPrivilege):
            await tx.execute("select from system_events")
