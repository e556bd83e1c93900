"""What chaos tests share: a PostgreSQL that keeps its promises, a provider, and processes that may be killed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.chaos.forked import ForkedProcess
from tests.conftest import share_training
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.processes import environment, reserved_port
from tests.stores import Store, create_store, durable_home


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A home for a server that survives being killed."""
    with durable_home() as home:
        yield home


@pytest.fixture(scope="session")
def store_names() -> Iterator[str]:
    """Names that no test has used."""
    return (f"chaos_{number}" for number in count(1))


@pytest.fixture
async def store(server_home: Path, store_names: Iterator[str]) -> Store:
    """A fresh database with the language school, which has little patience."""
    return await create_store(server_home, next(store_names), quiet_s=0.3, max_wait_s=1.0)


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    """The provider."""
    with TwilioDouble() as double:
        yield double


@dataclass(slots=True)
class Fleet:
    """The processes of an installation, by name; a name is its role, with a number if there are several."""

    settings: dict[str, str]
    logs: Path
    running: dict[str, ForkedProcess] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    def start(self, *names: str) -> None:
        """Start processes without waiting for them."""
        for name in names:
            log = self.logs / f"{name}.log"
            self.running[name] = ForkedProcess(name.partition("-")[0], self.settings, log)

    def wait_ready(self, *names: str) -> None:
        """Wait until these processes work (all of them, if none is named)."""
        for name in names or self.running:
            self.running[name].wait_ready()

    def kill(self, *names: str) -> None:
        """Kill these processes at once (all of them, if none is named)."""
        for name in names or tuple(self.running):
            self.running.pop(name).kill()
            self.killed.append(name)

    def crash(self, *names: str) -> None:
        """Kill processes that work, and start them again at once."""
        self.wait_ready(*names)
        self.kill(*names)
        self.start(*names)

    def stop(self) -> dict[str, int | None]:
        """End all processes properly; return their exit codes."""
        codes = {name: process.stop() for name, process in self.running.items()}
        self.running.clear()
        return codes

    @property
    def spooled(self) -> int:
        """How many webhooks wait on disk: a busy database has one second to take each."""
        return sum(path.suffix == ".webhook" for path in Path(self.settings["NIGHTSHIFT_SPOOL"]).iterdir())

    async def wait_stored(self, timeout_s: float = 120) -> None:
        """Wait until the database has all that was acknowledged.

        Raises:
            TimeoutError: it has not in time.
        """
        async with asyncio.timeout(timeout_s):
            while self.spooled:
                await asyncio.sleep(0.05)

    def logged(self, event: str) -> int:
        """Return how often an event stands in the logs."""
        return sum(path.read_text(encoding="utf-8", errors="replace").count(event) for path in self.logs.glob("*.log"))


@pytest.fixture(scope="session")
def agent_home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Path:
    """The processes' home, with the local engine trained: what an installation has after its first start."""
    home = tmp_path_factory.mktemp("home")
    share_training(trained_home, home)
    return home


@pytest.fixture
async def fleet(store: Store, twilio: TwilioDouble, agent_home: Path, tmp_path: Path) -> AsyncIterator[Fleet]:
    """No process yet, but all settings: this database, this provider, a port and a spool of its own."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with reserved_port() as port:
        settings = environment(
            database_url=store.app_url,
            nightshift_home=agent_home,
            nightshift_spool=tmp_path / "spool",
            nightshift_port=port,
            nightshift_public_url=f"http://127.0.0.1:{port}",
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
            twilio_base_url=twilio.base_url,
        )
        installation = Fleet(settings, logs)
        try:
            yield installation
        finally:
            installation.kill()
