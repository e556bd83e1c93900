"""Builds what the entry points pass on. The only place that knows every concrete class."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import Misconfigured
from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.models.claude import ClaudeModels
from agent.models.local import LocalModels
from agent.ports import AgentDeps, ChannelSender, Deps, Models
from agent.prompts import Prompts
from agent.retrieve import TenantRetriever
from agent.settings import Settings
from agent.store import embedded, migrate
from agent.store.db import Database
from agent.store.tenants import TenantCache
from agent.tracing import build_tracer
from agent.types import Provider
from channels.email_outbound import SmtpSender, parse_smtp_url
from channels.simulator import SimulatorKeys, SimulatorSender
from channels.twilio_outbound import TwilioSender
from channels.twilio_signature import twilio_secrets
from channels.webhooks import EmailKey, WebhookKeys
from jobs.queue import JobQueue


def utc_now() -> datetime:
    """The clock of every entry point."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUrls:
    """`admin` migrates; `app` is what the application works with."""

    admin: str
    app: str


def database_urls(settings: Settings) -> DatabaseUrls:
    """Return where the database is; without DATABASE_URL, start the embedded one.

    Raises:
        Misconfigured: the embedded server cannot run here; says what to do.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        migration_url = settings.database_migration_url
        return DatabaseUrls(admin=migration_url.get_secret_value() if migration_url else url, app=url)
    admin = embedded.start(settings.nightshift_home)
    migrate.migrate(admin)
    return DatabaseUrls(admin=admin, app=migrate.ensure_app_login(admin, settings.nightshift_home))


@asynccontextmanager
async def open_store(settings: Settings, *, connections: int = 16) -> AsyncIterator[tuple[Deps, JobQueue]]:
    """Open the database and the queue: enough for a web process, a clock or a command."""
    urls = await asyncio.to_thread(database_urls, settings)
    async with Database(urls.app, max_size=connections) as db:
        queue = JobQueue(db)
        await queue.open()
        yield Deps(settings=settings, db=db, tenants=TenantCache(), queue=queue, now=utc_now), queue


@asynccontextmanager
async def open_agent(settings: Settings) -> AsyncIterator[tuple[AgentDeps, JobQueue]]:
    """Open everything a worker needs: models, retrieval, guardrails, senders, tracing."""
    async with open_store(settings, connections=settings.nightshift_worker_concurrency + 8) as (store, queue):
        detector = await asyncio.to_thread(LanguageDetector.load)
        encoder = await asyncio.to_thread(load_encoder)
        classifier = await asyncio.to_thread(LocalClassifier.load, settings.nightshift_home, encoder)
        local = LocalModels(classifier)
        models: Models = local
        if settings.anthropic_api_key is not None:
            models = ClaudeModels(settings, prompts=Prompts.load(), now=utc_now)
        tracer = build_tracer(settings)
        senders = build_senders(settings, store.db)
        try:
            yield (
                AgentDeps(
                    settings=settings,
                    db=store.db,
                    tenants=store.tenants,
                    queue=queue,
                    now=utc_now,
                    senders=senders,
                    models=models,
                    fallback=local,
                    retriever=TenantRetriever(encoder),
                    detector=detector,
                    rules=build_rules(detector.detect),
                    tracer=tracer,
                ),
                queue,
            )
        finally:
            for closable in (models, *senders.values()):
                await closable.aclose()
            await asyncio.to_thread(tracer.shutdown)


def build_senders(settings: Settings, db: Database) -> Mapping[Provider, ChannelSender]:
    """Return a sender for each provider that is configured."""
    senders: dict[Provider, ChannelSender] = {}
    if settings.twilio_account_sid:
        senders["twilio"] = TwilioSender.from_settings(settings)
    if settings.smtp_url:
        senders["email"] = SmtpSender(parse_smtp_url(settings.smtp_url.get_secret_value()), now=utc_now)
    if settings.simulator_enabled:
        keys = SimulatorKeys.load(settings.nightshift_home)
        senders["simulator"] = SimulatorSender(
            db, keys, web_url=local_url(settings), public_url=settings.public_url, now=utc_now
        )
    return senders


def build_keys(settings: Settings) -> WebhookKeys:
    """Return everybody who may call our webhooks."""
    twilio = twilio_secrets(settings)
    email = tuple(EmailKey(public_key=key, provider="email") for key in settings.sendgrid_inbound_public_keys)
    if settings.simulator_enabled:
        simulator = SimulatorKeys.load(settings.nightshift_home)
        twilio = (*twilio, simulator.twilio)
        email = (*email, EmailKey(public_key=simulator.email_public_key, provider="simulator"))
    return WebhookKeys(twilio=twilio, email=email)


def local_url(settings: Settings) -> str:
    """Return where this machine reaches the web process."""
    return f"http://127.0.0.1:{settings.nightshift_port}"


def example_tenants() -> Path:
    """Return the directory of the tenant files that ship with Nightshift.

    Raises:
        Misconfigured: they are not installed.
    """
    here = Path(__file__).resolve().parent.parent
    for directory in (here / "tenants", here / "agent" / "example_tenants"):
        if directory.is_dir():
            return directory
    raise Misconfigured("The example tenants are not installed.", "Apply a tenant file of your own.")
