"""The migration runner: once each, all or nothing, in agreement with the Supabase CLI's records."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.errors import Misconfigured
from agent.store.db import APP_ROLE, Database
from agent.store.migrate import (
    check_app_role,
    ensure_app_login,
    migrate,
    migrations_dir,
    pending,
    split_statements,
)
from tests.conftest import DatabaseUrls, in_database

TRACKING = "supabase_migrations.schema_migrations"


@pytest.fixture
def empty(
    postgres: str, postgres_admin: "psycopg.Connection[tuple[str]]", database_names: Iterator[str]
) -> Iterator[str]:
    """A database without anything in it, as its superuser."""
    name = next(database_names)
    postgres_admin.execute(f"create database {name}".encode())
    yield in_database(postgres, name)
    postgres_admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, and files that are none."""
    (tmp_path / "20260101000000_first.sql").write_text(
        "-- Why.\ncreate table first (n int);\n\ninsert into first values (1);\n"
    )
    (tmp_path / "20260102000000_second.sql").write_text("create table second (n int);")
    (tmp_path / "notes.sql").write_text("this is no migration")
    return tmp_path


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def test_files_are_applied_once_in_order_and_recorded_as_the_cli_does(empty: str, folder: Path) -> None:
    assert pending(empty, folder) == ["20260101000000", "20260102000000"]
    assert migrate(empty, folder) == ["20260101000000", "20260102000000"]
    assert pending(empty, folder) == []
    assert migrate(empty, folder) == []

    assert rows(empty, f"select version, name, statements from {TRACKING} order by version") == [
        ("20260101000000", "first", ["-- Why.\ncreate table first (n int)", "insert into first values (1)"]),
        ("20260102000000", "second", ["create table second (n int)"]),
    ]
    assert rows(empty, "select n from first") == [(1,)]


def test_pending_changes_nothing(empty: str, folder: Path) -> None:
    pending(empty, folder)

    assert rows(empty, "select from pg_namespace where nspname = 'supabase_migrations'") == []


def test_what_the_cli_applied_is_not_applied_again(empty: str, folder: Path) -> None:
    with psycopg.connect(empty) as connection:  # its first form, from before it kept names
        connection.execute(b"create schema supabase_migrations")
        connection.execute(f"create table {TRACKING} (version text not null primary key)".encode())
        connection.execute(f"insert into {TRACKING} values ('20260101000000')".encode())

    assert migrate(empty, folder) == ["20260102000000"]


def test_five_starters_at_once_apply_each_file_once(empty: str, folder: Path) -> None:
    with ThreadPoolExecutor(5) as starters:
        applied = list(starters.map(lambda _: migrate(empty, folder), range(5)))

    assert sorted(applied, key=len) == [[], [], [], [], ["20260101000000", "20260102000000"]]


def test_starter_killed_in_the_middle_leaves_nothing_half_done(empty: str, folder: Path) -> None:
    with (folder / "20260102000000_second.sql").open("a") as file:
        file.write(";\nselect pg_sleep(30);")
    code = (
        "import sys; from pathlib import Path; from agent.store.migrate import migrate;"
        "migrate(sys.argv[1], Path(sys.argv[2]))"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, empty, str(folder)], cwd=Path(__file__).parents[2])
    sleeping = "select pid from pg_stat_activity where query = 'select pg_sleep(30)' and datname = current_database()"
    while not (found := rows(empty, sleeping)):
        assert starter.poll() is None
    starter.kill()
    starter.wait()
    rows(empty, f"select pg_terminate_backend({found[0][0]}, 5000)")
    assert rows(empty, "select to_regclass('second')") == [(None,)]

    (folder / "20260102000000_second.sql").write_text("create table second (n int);")
    assert migrate(empty, folder) == ["20260102000000"]


@pytest.mark.parametrize(
    ("sql", "place", "reason"),
    [
        pytest.param(
            "create table a();\n\n-- b\ncreate table b (\n  x int,\n  y nosuch\n);",
            "statement 2 (line 6)",
            'type "nosuch" does not exist',
            id="position within a statement",
        ),
        pytest.param("select 1;\nselect 1/0;", "statement 2 (line 2)", "division by zero", id="run-time error"),
        pytest.param("create table a();\ncreate tabel", "statement 2 (line 2)", "syntax error", id="syntax"),
    ],
)
def test_failing_file_leaves_nothing_and_is_named(empty: str, folder: Path, sql: str, place: str, reason: str) -> None:
    (folder / "20260103000000_bad.sql").write_text(sql)

    with pytest.raises(Misconfigured) as failure:
        migrate(empty, folder)

    assert f"20260103000000_bad.sql failed at {place}" in str(failure.value)
    assert reason in str(failure.value)
    assert rows(empty, "select to_regclass('a')") == [(None,)]
    assert pending(empty, folder) == ["20260103000000"]


def test_settings_of_one_file_do_not_reach_the_next(empty: str, folder: Path) -> None:
    (folder / "20260101000000_first.sql").write_text("create schema aside; set search_path to aside;")

    migrate(empty, folder)

    assert rows(empty, "select to_regclass('public.second')") == [("second",)]


def test_unknown_version_in_the_database_is_refused(empty: str, folder: Path) -> None:
    migrate(empty, folder)
    (folder / "20260102000000_second.sql").unlink()

    for call in (migrate, pending):
        with pytest.raises(Misconfigured, match=r"does not know: 20260102000000\. A newer release was here"):
            call(empty, folder)


def test_file_older_than_the_last_applied_is_refused(empty: str, folder: Path) -> None:
    migrate(empty, folder)
    (folder / "20260101120000_late.sql").write_text("create table late (n int);")

    with pytest.raises(Misconfigured, match=r"20260101120000_late\.sql is older than 20260102000000"):
        migrate(empty, folder)
    assert rows(empty, "select to_regclass('late')") == [(None,)]


def test_two_files_of_one_version_are_refused(empty: str, folder: Path) -> None:
    (folder / "20260101000000_twin.sql").write_text("select 1")

    with pytest.raises(Misconfigured, match="Two migrations have the version 20260101000000"):
        migrate(empty, folder)


def test_folder_without_migrations_is_refused(empty: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no migrations in"):
        migrate(empty, tmp_path)


def test_transaction_pooler_is_refused(folder: Path) -> None:
    with pytest.raises(Misconfigured, match="session pooler"):
        migrate("postgresql://u:p@127.0.0.1:6543/postgres", folder)


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" ;; \n;", [], id="only semicolons"),
        pytest.param("select 1", ["select 1"], id="no semicolon at the end"),
        pytest.param("a;\n b ;", ["a", "b"], id="trimmed"),
        pytest.param("-- a; b\nx;", ["-- a; b\nx"], id="line comment"),
        pytest.param("a; -- why\nb;", ["a", "-- why\nb"], id="comment goes with the next"),
        pytest.param("a;\n-- end\n", ["a", "-- end"], id="comment at the end"),
        pytest.param("/* ; */ a;", ["/* ; */ a"], id="block comment"),
        pytest.param("/* ; /* ; */ ; */ a; b", ["/* ; /* ; */ ; */ a", "b"], id="nested comment"),
        pytest.param("select ';', 'it''s;'; b", ["select ';', 'it''s;'", "b"], id="strings"),
        pytest.param(r"select E'it\'s;'; b", [r"select E'it\'s;'", "b"], id="backslash in E string"),
        pytest.param(r"select 'C:\'; b", [r"select 'C:\'", "b"], id="backslash in plain string"),
        pytest.param('create table "a;b"(); b', ['create table "a;b"()', "b"], id="quoted name"),
        pytest.param("do $$ a; b; $$; c", ["do $$ a; b; $$", "c"], id="dollar quotes"),
        pytest.param("do $x$ $$;$$ ; $x$; c", ["do $x$ $$;$$ ; $x$", "c"], id="tagged dollar quotes"),
        pytest.param("select $1; b", ["select $1", "b"], id="parameter is no quote"),
        pytest.param(
            "create function f() returns int begin atomic select 1; select case when true then 2 end; end; b",
            ["create function f() returns int begin atomic select 1; select case when true then 2 end; end", "b"],
            id="begin atomic",
        ),
    ],
)
def test_statements_are_split_where_the_cli_splits(sql: str, statements: list[str]) -> None:
    assert [statement.text for statement in split_statements(sql)] == statements


def test_shipped_migrations_split_into_pieces_that_make_up_the_files() -> None:
    for path in migrations_dir().glob("*.sql"):
        sql = path.read_text(encoding="utf-8")
        lines = sql.split("\n")
        for statement in split_statements(sql):
            assert lines[statement.line - 1].strip().startswith(statement.text.split("\n")[0].strip())


def test_app_login_is_its_own_role_and_stays_the_same(database_urls: DatabaseUrls, postgres_home: Path) -> None:
    with ThreadPoolExecutor(4) as starters:
        urls = set(starters.map(lambda _: ensure_app_login(database_urls.admin_url, postgres_home), range(4)))

    assert urls == {database_urls.app_url}
    assert (postgres_home / "app.password").stat().st_mode & 0o777 == 0o600
    assert rows(database_urls.app_url, "select session_user, current_user") == [(APP_ROLE, APP_ROLE)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(database_urls.app_url, "set role none; set role postgres; select 1")


def test_app_login_before_the_role_exists_says_to_migrate(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.migrate.APP_ROLE", "nightshift_nobody")

    with pytest.raises(Misconfigured, match="Run `nightshift migrate`"):
        ensure_app_login(empty, tmp_path)


async def test_app_role_of_a_migrated_database_is_fine_by_either_login(database_urls: DatabaseUrls) -> None:
    assert await check_app_role(database_urls.admin_url) == []
    assert await check_app_role(database_urls.app_url) == []


async def test_app_role_that_owns_a_table_is_reported(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.admin_url, autocommit=True) as connection:
        connection.execute(b"create table owned ()")
        connection.execute(f"alter table owned owner to {APP_ROLE}".encode())

    assert await check_app_role(database_urls.app_url) == [
        f"{APP_ROLE} owns tables: give them to the role that runs migrations."
    ]


async def test_app_role_that_is_missing_or_forbidden_is_reported(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.migrate.APP_ROLE", "postgres")
    assert "may not become postgres" in (await check_app_role(database_urls.app_url))[0]
    monkeypatch.setattr("agent.store.migrate.APP_ROLE", "nightshift_nobody")
    assert "does not exist" in (await check_app_role(database_urls.app_url))[0]


async def test_dangerous_app_role_is_reported(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.store.migrate.APP_ROLE", "postgres")

    problems = await check_app_role(database_urls.admin_url)

    assert [problem.split(":")[0] for problem in problems] == [
        "postgres is a superuser",
        "postgres bypasses row level security",
        "postgres owns tables",
    ]


async def test_application_pool_runs_as_the_app_role(db: Database) -> None:
    async with db.system() as tx:
        row = await (await tx.execute("select current_user, session_user")).fetchone()

    assert row == {"current_user": APP_ROLE, "session_user": APP_ROLE}
