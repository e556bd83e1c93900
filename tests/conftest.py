"""What tests share: one PostgreSQL for the session, a fresh migrated database for each test, a settable clock."""

import gc
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import hypothesis
import psycopg
import pytest
from jinja2 import Environment, PackageLoader, Template
from structlog.dev import ConsoleRenderer, plain_traceback

from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import Encoder, load_encoder
from agent.settings import Settings
from agent.store import embedded
from agent.store.db import Database
from agent.store.migrate import ensure_app_login, migrate
from tests.lending import POOL_SIZE, Lender
from tests.page_templates import CompiledTemplates

TEMPLATE = "nightshift_template"
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "scram_iterations": "1",
}
# No test promises a time. What lands is held against the same examples each time; `make soak` looks for new ones.
hypothesis.settings.register_profile(
    "same", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.register_profile("new", hypothesis.settings.get_profile("same"), derandomize=False)
hypothesis.settings.load_profile("same")

OF_THE_MACHINE = re.compile(
    r"(ANTHROPIC|AWS|CLOUD_ML|GCLOUD|GOOGLE|LANGFUSE|NIGHTSHIFT|OPENAI|OTEL)_.*|PG[A-Z]+|.*_PROXY"
    r"|COLUMNS|LINES|(NO|FORCE)_COLOR",
    re.IGNORECASE,
)
"""Variables by which a machine would change what providers' clients, libpq or the command line do."""

TRAINING_S = 900
"""Longest test that may have to wait until the classifier is trained: half a minute on a machine that is idle."""
MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3
"""What must be free in `MEMORY`: the databases of several test processes, with their logs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tests at their full length (make soak)")


def pytest_configure(config: pytest.Config) -> None:
    """See nothing of this machine's settings.

    Exceptions are logged in plain lines: with the values of all variables, as rich shows, one can take ten seconds.
    """
    for name in [*os.environ]:
        if name.lower() in Settings.model_fields or OF_THE_MACHINE.fullmatch(name):
            del os.environ[name]
    if config.getoption("--soak"):
        hypothesis.settings.load_profile("new")
    ConsoleRenderer.get_active().exception_formatter = plain_traceback


def pytest_collection_finish() -> None:
    """Never search for garbage in what has been imported and collected."""
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what CI has no time for, unless it is asked for, and let tests wait until the classifier is trained."""
    for item in items:
        if isinstance(item, pytest.Function) and "trained_home" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(TRAINING_S))
    if not config.getoption("--soak"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="takes long: make soak"))


@pytest.fixture(scope="session", autouse=True)
def compiled_templates() -> Iterator[None]:
    """Compile each template of a page once, not once for every application: that took longer than answering."""
    cache, load = CompiledTemplates(), PackageLoader.load

    def load_compiled(
        self: PackageLoader, environment: Environment, name: str, values: MutableMapping[str, Any] | None = None
    ) -> Template:
        environment.bytecode_cache = cache
        return load(self, environment, name, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PackageLoader, "load", load_compiled)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one authority's certificates: reading those of all takes each client of HTTP 20 ms."""
    end = "-----END CERTIFICATE-----\n"
    first = Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0]
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    file.write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether the long tests are to run at their full length, which CI has no time for."""
    return bool(request.config.getoption("--soak"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUrls:
    """One database, reached as its superuser and as the application."""

    admin_url: str
    app_url: str


CreateDatabase = Callable[[], AbstractContextManager[DatabaseUrls]]
"""Makes a fresh migrated database, dropped when the context is left."""


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def in_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def roomy_memory() -> Path | None:
    """Return the file system in memory, where a database is created ten times as fast, if it has room and runs files.

    A container often has one of 64 MB only.
    """
    if not MEMORY.is_dir():
        return None
    room = os.statvfs(MEMORY)
    fits = room.f_bavail * room.f_frsize >= ROOM_BYTES and not room.f_flag & os.ST_NOEXEC
    return MEMORY if fits else None


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    """A home for the session's server, stopped and removed at the end whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="nightshift-tests-", dir=roomy_memory()))
    home.chmod(0o711)  # under root the server's account passes through
    try:
        yield home
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres(postgres_home: Path) -> str:
    """Superuser URL of the session's server. It does not survive a power cut; chaos tests start their own."""
    return embedded.start(postgres_home, extra_settings=UNSAFE_BUT_FAST)


@pytest.fixture(scope="session")
def postgres_admin(postgres: str) -> Iterator["psycopg.Connection[tuple[str]]"]:
    """A superuser's connection that creates and drops databases."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(postgres_home: Path, postgres: str, postgres_admin: "psycopg.Connection[tuple[str]]") -> DatabaseUrls:
    """The migrated database that each test's own is a copy of. Nobody may stay connected to it."""
    postgres_admin.execute(f"create database {TEMPLATE}".encode())
    admin_url = in_database(postgres, TEMPLATE)
    migrate(admin_url)
    return DatabaseUrls(admin_url=admin_url, app_url=ensure_app_login(admin_url, postgres_home))


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    """Names that no test has used."""
    return (f"test_{number}" for number in count(1))


@pytest.fixture(scope="session")
def create_database(
    template: DatabaseUrls,
    postgres_admin: "psycopg.Connection[tuple[str]]",
    database_names: Iterator[str],
) -> CreateDatabase:
    """What makes databases: copies of the template."""

    @contextmanager
    def create() -> Iterator[DatabaseUrls]:
        name = next(database_names)
        postgres_admin.execute(f"create database {name} template {TEMPLATE} strategy file_copy".encode())
        try:
            yield DatabaseUrls(
                admin_url=in_database(template.admin_url, name), app_url=in_database(template.app_url, name)
            )
        finally:
            postgres_admin.execute(f"drop database {name} with (force)".encode())

    return create


@pytest.fixture
def database_urls(create_database: CreateDatabase) -> Iterator[DatabaseUrls]:
    """A fresh migrated database of the test's own, dropped afterwards."""
    with create_database() as urls:
        yield urls


@pytest.fixture(scope="module")
async def lender(create_database: CreateDatabase) -> AsyncIterator[Lender]:
    """Lends one database to the tests of a module, emptied in between."""
    lender = Lender(create_database)
    yield lender
    await lender.aclose()


@pytest.fixture
async def db(request: pytest.FixtureRequest, lender: Lender) -> AsyncIterator[Database]:
    """The application's pool on a database without rows: the test's own, where it asks for `database_urls` as well."""
    if "database_urls" in request.fixturenames:
        urls: DatabaseUrls = request.getfixturevalue("database_urls")
        async with Database(urls.app_url, max_size=POOL_SIZE) as database:
            yield database
    else:
        async with lender.lend() as database:
            yield database


@pytest.fixture
def clock() -> FakeClock:
    """A settable clock at Tuesday, 17 November 2026, 15:00 UTC: office hours in Madrid, São Paulo and New York."""
    return FakeClock(datetime(2026, 11, 17, 15, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The real sentence encoder, loaded once: it takes a second and more."""
    return load_encoder()


@pytest.fixture(scope="session")
def detector() -> LanguageDetector:
    """The real language detector, loaded once."""
    return LanguageDetector.load()


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A home in which the local classifier has been trained: once for all test processes, because it takes long.

    What `make install` has trained is taken, if it is of this version. Of several processes that come first at once,
    one trains and the others wait for it.
    """
    own = tmp_path_factory.getbasetemp()
    home = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "trained"
    home.mkdir(exist_ok=True)
    installed = Path.home() / ".nightshift" / "local"
    if installed.is_dir():
        with suppress(OSError):  # another process was first
            shutil.copytree(installed, own / "local").rename(home / "local")
    LocalClassifier.load(home, encoder)
    return home


def share_training(trained_home: Path, home: Path) -> None:
    """Give another home the trained classifier."""
    shutil.copytree(trained_home / "local", home / "local")
