"""Bring a database to the schema of this release: the files of `supabase/migrations`, in order, once each.

What was applied is recorded in the Supabase CLI's own table, as the CLI records it, so that `supabase db push`
and `nightshift migrate` may be used in turn on one database. Each file is one transaction: all of it or nothing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from agent.errors import Misconfigured
from agent.store.db import APP_ROLE, require_session_mode
from agent.store.secret_files import keep_secret

Connection = psycopg.Connection[tuple[Any, ...]]

LOCK_KEY = 0x6E69676874  # "night": the advisory lock of whoever changes the schema or a login
FILE_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.*)\.sql")
"""The names that the Supabase CLI takes for migrations; it passes over all others."""

TRACKING_TABLE = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""

SQL_TOKEN = re.compile(
    r"""
      --[^\n]*                                     # comment to the end of the line
    | \bE'(?:[^'\\]|\\.|'')*'                      # string with backslash escapes
    | '(?:[^']|'')*' | "(?:[^"]|"")*"              # string, quoted name
    | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)      # dollar-quoted string
    | \bbegin\s+atomic\b.*?;\s*end\b               # body of an SQL-standard function
    | /\*(?:[^*/]|\*(?!/)|/(?!\*)|/\*.*?\*/)*\*/   # comment, which may hold one more inside
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One file."""

    version: str
    name: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement of a file."""

    text: str
    line: int
    """Where it begins in the file, counted from 1, comments before it included."""


def migrations_dir() -> Path:
    """Return the directory of migrations: the copy in an installed package, else the checkout's."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "supabase" / "migrations"


def migrate(url: str, directory: Path | None = None) -> list[str]:
    """Apply what is missing, in order, and return the versions applied now.

    Does nothing on a current database. Several processes may call it at once: one applies, the rest wait.

    Raises:
        Misconfigured: a file fails (nothing of it stays), or files and database contradict each other.
    """
    migrations = _read_directory(directory or migrations_dir())
    with _alone(url) as connection:
        missing = _missing(connection, migrations)
        if missing:
            connection.execute(TRACKING_TABLE.encode())
        for migration in missing:
            _apply(connection, migration)
    return [migration.version for migration in missing]


def pending(url: str, directory: Path | None = None) -> list[str]:
    """Return the versions that `migrate` would apply, changing nothing.

    Raises:
        Misconfigured: files and database contradict each other.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        missing = _missing(connection, _read_directory(directory or migrations_dir()))
    return [migration.version for migration in missing]


def ensure_app_login(url: str, home: Path) -> str:
    """Let the application log in under its own role, and return the URL that does.

    A session that logged in as `nightshift_app` gains nothing by `set role none`, unlike one that logged in as an
    administrator. The password is made once and kept in `home/app.password` (0600). Run `migrate` first: it
    makes the role.

    Raises:
        Misconfigured: the role does not exist yet.
    """
    password = keep_secret(home / "app.password")
    parts = urlsplit(url)
    app_url = urlunsplit(parts._replace(netloc=f"{APP_ROLE}:{password}@{parts.netloc.rpartition('@')[2]}"))
    with _alone(url) as connection:
        if not _logs_in(app_url):
            verifier = connection.pgconn.encrypt_password(password.encode(), APP_ROLE.encode(), b"scram-sha-256")
            try:
                connection.execute(f"alter role {APP_ROLE} login password '{verifier.decode()}'".encode())
            except psycopg.errors.UndefinedObject as exc:
                raise Misconfigured(f"The database has no role {APP_ROLE} yet.", "Run `nightshift migrate`.") from exc
    return app_url


async def check_app_role(url: str) -> list[str]:
    """Return what is wrong with the role that the application runs as under this URL; empty: nothing.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        try:
            await connection.execute(f"set role {APP_ROLE}".encode())
        except psycopg.errors.InvalidParameterValue:
            return [f"The role {APP_ROLE} does not exist: run `nightshift migrate`."]
        except psycopg.errors.InsufficientPrivilege:
            return [f"The login of DATABASE_URL may not become {APP_ROLE}: `grant {APP_ROLE} to` it."]
        row = await (
            await connection.execute(
                "select rolsuper, rolbypassrls, exists (select from pg_class where relowner = r.oid"
                " and relkind in ('r', 'p')) from pg_roles r where rolname = current_user"
            )
        ).fetchone()
    is_superuser, bypasses, owns = row or (False, False, False)
    return [
        *([f"{APP_ROLE} is a superuser: `alter role {APP_ROLE} nosuperuser`."] if is_superuser else []),
        *([f"{APP_ROLE} bypasses row level security: `alter role {APP_ROLE} nobypassrls`."] if bypasses else []),
        *([f"{APP_ROLE} owns tables: give them to the role that runs migrations."] if owns else []),
    ]


def split_statements(sql: str) -> list[Statement]:
    """Split a file at its semicolons, as the Supabase CLI does: comments stay with what follows them."""
    ends = [token.start() for token in SQL_TOKEN.finditer(sql) if token["end"]]
    statements = []
    for begin, end in zip([0, *(end + 1 for end in ends)], [*ends, len(sql)], strict=True):
        piece = sql[begin:end]
        if text := piece.strip():
            first = begin + len(piece) - len(piece.lstrip())
            statements.append(Statement(text=text, line=sql.count("\n", 0, first) + 1))
    return statements


def _read_directory(directory: Path) -> list[Migration]:
    """List the migrations of a directory by version."""
    found: dict[str, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        if not (match := FILE_NAME.fullmatch(path.name)):
            continue
        migration = Migration(version=match["version"], name=match["name"], path=path)
        if twin := found.get(migration.version):
            raise Misconfigured(
                f"Two migrations have the version {migration.version}: {twin.path.name} and {path.name}.",
                "Give the newer one a later timestamp.",
            )
        found[migration.version] = migration
    if not found:
        raise Misconfigured(f"There are no migrations in {directory}.", "Install nightshift again.")
    return [found[version] for version in sorted(found)]


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """Connect and wait until nobody else changes the schema."""
    require_session_mode(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
        yield connection


def _missing(connection: Connection, migrations: list[Migration]) -> list[Migration]:
    """Return what is not applied yet; refuse when files and database contradict each other."""
    exists = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    applied: set[str] = set()
    if exists and exists[0]:
        rows = connection.execute("select version from supabase_migrations.schema_migrations")
        applied = {version for (version,) in rows}
    if unknown := sorted(applied - {migration.version for migration in migrations}):
        raise Misconfigured(
            f"The database has migrations that this release does not know: {', '.join(unknown)}.",
            "A newer release was here: install that one. If they are another project's, use a database of "
            "your own for nightshift.",
        )
    missing = [migration for migration in migrations if migration.version not in applied]
    if late := [migration for migration in missing if migration.version < max(applied, default="")]:
        raise Misconfigured(
            f"{late[0].path.name} is older than {max(applied)}, which the database already has.",
            "Give the file a later timestamp; or, if it may run out of order, apply it with "
            "`supabase db push --include-all`.",
        )
    return missing


def _apply(connection: Connection, migration: Migration) -> None:
    """Run one file and record it, in one transaction."""
    statements = split_statements(migration.path.read_text(encoding="utf-8"))
    # Whatever the file before has set ends here. A change that waits for a lock blocks everybody behind it, so
    # it had better give up.
    connection.execute("reset all")
    connection.execute("set lock_timeout = '10s'")
    with connection.transaction():
        for number, statement in enumerate(statements, start=1):
            try:
                connection.execute(statement.text.encode())
            except psycopg.Error as exc:
                before = statement.text[: int(exc.diag.statement_position or 1) - 1]
                line = statement.line + before.count("\n")
                raise Misconfigured(
                    f"Migration {migration.path.name} failed at statement {number} (line {line}): "
                    f"{exc.diag.message_primary or exc}. Nothing of it was applied.",
                    "Mend what it names and run `nightshift migrate` again.",
                ) from exc
        connection.execute(
            "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)",
            (migration.version, [statement.text for statement in statements], migration.name),
        )


def _logs_in(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
