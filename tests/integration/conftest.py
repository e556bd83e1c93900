"""What integration tests share: settings free of the machine's own, a real database, the demo tenants, the web app."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields, replace
from functools import cache
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.media.disk import DiskMediaStore
from agent.ports import Deps, StaffDeps
from agent.settings import Settings
from agent.store.db import Database, Tx
from agent.store.tenants import TenantCache, save_tenant_file
from agent.tenant.file import TenantFile, load_tenant_file
from agent.tracing.traces import LangfuseTracer
from channels import intake
from channels.inbox.routes import build_inbox
from channels.twilio_signature import WebhookSecret
from channels.web import create_app
from channels.webhooks import EmailKey, WebhookKeys
from jobs.queue import JobQueue
from tests.conftest import CreateDatabase, DatabaseUrls, FakeClock
from tests.doubles.langfuse import FakeLangfuse, fake_langfuse
from tests.doubles.sendgrid import SendGridDouble, serve_sendgrid
from tests.doubles.sendgrid_webhooks import generate_keypair
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.integration.agents import Agent, build_agent
from tests.integration.inbox_site import Site, open_site
from tests.integration.tenant_rows import Rows, insert_rows

PUBLIC_URL = "https://agent.example"
SMS = "+34910555099"
"""Our number of `sms_account`."""
TENANT_FILES = Path(__file__).parents[2] / "agent" / "example_tenants"


HOMES = count()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test puts on disk from all other tests: another's web process took webhooks out of a shared spool."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path_factory.getbasetemp() / f"home-{next(HOMES)}"))


@pytest.fixture(scope="session", autouse=True)
def patient_intake() -> Iterator[None]:
    """Let a database on a busy machine take its time: what takes longer than a second would go by way of the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "ACKNOWLEDGE_S", 60.0)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings without a provider or a model's key."""
    return Settings(_env_file=None, nightshift_home=tmp_path, nightshift_public_url=PUBLIC_URL)


@pytest.fixture
async def deps(db: Database, clock: FakeClock, settings: Settings) -> Deps:
    """What a web process has: the database under the application role, the real queue, a settable clock."""
    queue = JobQueue(db)
    await queue.open()
    return Deps(settings=settings, db=db, tenants=TenantCache(), queue=queue, now=clock)


@cache
def read_example(slug: str) -> TenantFile:
    """Read one of the tenant files that ship with Nightshift, once a process."""
    return load_tenant_file(TENANT_FILES / f"{slug}.yaml")


async def save_example(db: Database, slug: str) -> TenantFile:
    """Apply one of the tenant files that ship with Nightshift."""
    file = read_example(slug)
    async with db.tenant(file.tenant.id) as tx:
        await save_tenant_file(tx, file)
    return file


@pytest.fixture
async def lumen(db: Database) -> TenantFile:
    """The language school, in the database; its channels belong to the simulator."""
    return await save_example(db, "lumen")


@pytest.fixture
async def verdesolar(db: Database) -> TenantFile:
    """The solar installer, in the database; its channels belong to the simulator."""
    return await save_example(db, "verdesolar")


@pytest.fixture(scope="session")
def mail_keypair() -> tuple[ec.EllipticCurvePrivateKey, str]:
    """The key that signs inbound mail, and its public half as SendGrid shows it."""
    return generate_keypair()


@pytest.fixture
def webhook_keys(mail_keypair: tuple[ec.EllipticCurvePrivateKey, str]) -> WebhookKeys:
    """Keys that vouch for the simulator, whose channels the demo tenants have."""
    return WebhookKeys(
        twilio=(WebhookSecret(value=AUTH_TOKEN, account_sid=ACCOUNT_SID, provider="simulator"),),
        email=(EmailKey(public_key=mail_keypair[1], provider="simulator"),),
    )


@pytest.fixture
async def client(deps: Deps, webhook_keys: WebhookKeys) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the web application, in this process; an unhandled error becomes a 500, as in production."""
    transport = httpx.ASGITransport(create_app(deps, webhook_keys), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as opened:
        yield opened


@pytest.fixture
def staff_deps(deps: Deps, detector: LanguageDetector) -> StaffDeps:
    """What the inbox has: the guardrails, too."""
    shared = {each.name: getattr(deps, each.name) for each in fields(Deps)}
    media = DiskMediaStore(deps.settings.nightshift_home / "media")
    return StaffDeps(**shared, rules=build_rules(detector.detect), media=media)


@pytest.fixture
async def inbox(staff_deps: StaffDeps, webhook_keys: WebhookKeys) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without JavaScript, at the inbox; nobody is signed in yet."""
    app = create_app(staff_deps, webhook_keys, pages=[build_inbox(staff_deps)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as opened:
        yield opened


@pytest.fixture(scope="module")
async def site(
    create_database: CreateDatabase, detector: LanguageDetector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The inbox of two tenants with something on every page, for modules whose tests change nothing there."""
    async with open_site(create_database, detector, tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.fixture
async def admin(database_urls: DatabaseUrls) -> AsyncIterator[Tx]:
    """The superuser's connection to the test's database: sees whatever happened, whoever's it is."""
    async with await AsyncConnection.connect(
        database_urls.admin_url, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture
async def agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """An agent with scripted models and a recording sender, for a school that answers at once."""
    return await build_agent(db, clock, detector)


@pytest.fixture
async def a(db: Database) -> Rows:
    """Tenant A of the tests of isolation: the attacker, with rows in every table."""
    async with db.system() as tx, tx.transaction():
        return await insert_rows(tx, "attacker")


@pytest.fixture
async def b(db: Database) -> Rows:
    """Tenant B of the tests of isolation: the victim."""
    async with db.system() as tx, tx.transaction():
        return await insert_rows(tx, "victim")


@pytest.fixture(scope="module")
def twilio_server() -> Iterator[TwilioDouble]:
    """A stand-in for Twilio that the tests of a module share: each resets it first."""
    with TwilioDouble() as running:
        yield running


@pytest.fixture
def twilio(twilio_server: TwilioDouble, clock: FakeClock) -> TwilioDouble:
    """Twilio, which has heard nothing yet and goes by the test's clock."""
    twilio_server.reset()
    twilio_server.now = clock
    return twilio_server


@pytest.fixture(scope="module")
async def sendgrid_server() -> AsyncIterator[SendGridDouble]:
    """A stand-in for SendGrid that the tests of a module share."""
    async with serve_sendgrid() as running:
        yield running


@pytest.fixture
def sendgrid(sendgrid_server: SendGridDouble) -> SendGridDouble:
    """SendGrid, which has taken nothing yet."""
    sendgrid_server.mails.clear()
    sendgrid_server.faults.clear()
    return sendgrid_server


@pytest.fixture
def langfuse() -> Iterator[FakeLangfuse]:
    """A stand-in for Langfuse, under a key of the test's own: its client is one for each key and process."""
    with fake_langfuse(f"pk-lf-{uuid4()}") as server:
        yield server


@pytest.fixture
def traced(agent: Agent, langfuse: FakeLangfuse) -> Agent:
    """The agent, traced to Langfuse."""
    tracer = LangfuseTracer(langfuse.project, environment="test")
    return replace(agent, deps=replace(agent.deps, tracer=tracer))


@pytest.fixture
async def sms_account(agent: Agent) -> None:
    """The agent's number for SMS."""
    await agent.change(
        """insert into channel_accounts (id, tenant_id, channel, address, provider)
           values (gen_random_uuid(), %s, 'sms', %s, 'simulator')""",
        agent.tenant_id,
        SMS,
    )
