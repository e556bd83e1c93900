"""Builds what the entry points pass on: store, queue, keys. What thinks and sends is built by `agent_wiring`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import agent
from agent.errors import NightshiftError
from agent.faults import build_reach
from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.media.disk import DiskMediaStore
from agent.media.supabase import SupabaseMediaStore
from agent.ports import Deps, MediaStore, StaffDeps, Tracer
from agent.settings import Settings
from agent.store import embedded, migrate
from agent.store.db import Database, Tx
from agent.store.tenants import TenantCache, find_tenant_id
from agent.types import Tenant, TenantId
from channels.inbox.supabase_auth import SupabaseAuth
from channels.simulator import SimulatorKeys
from channels.twilio_signature import twilio_secrets
from channels.webhooks import EmailKey, WebhookKeys
from jobs.queue import JobQueue

if TYPE_CHECKING:
    from agent.models.desk import ClaudeDesk


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
async def open_store(
    settings: Settings, *, connections: int = 16, must_answer: bool = True
) -> AsyncIterator[tuple[Deps, JobQueue]]:
    """Open the database and the queue: enough for a web process, a clock or a command.

    `must_answer`: fail without a database. A web process begins without one, and keeps webhooks on disk.
    """
    urls = await asyncio.to_thread(database_urls, settings)
    async with Database(urls.app, max_size=connections, must_answer=must_answer) as db:
        queue = JobQueue(db)
        await queue.open()
        reach = build_reach(settings)
        yield Deps(settings=settings, db=db, tenants=TenantCache(), queue=queue, now=utc_now, reach=reach), queue


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTenant:
    """What a command about one tenant needs: one transaction of it, and the tenant as published."""

    tx: Tx
    tenant: Tenant
    deps: Deps


async def require_tenant(db: Database, slug: str) -> TenantId:
    """Return the id of the tenant that a command names.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with db.system() as connection:
        tenant_id = await find_tenant_id(connection, slug)
    if tenant_id is None:
        raise NightshiftError(f"There is no tenant {slug!r}; `nightshift tenant show` lists those there are.")
    return tenant_id


@asynccontextmanager
async def open_tenant(settings: Settings, slug: str) -> AsyncIterator[OpenTenant]:
    """Open one transaction of a tenant, for a command.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        async with deps.db.tenant(tenant_id) as tx:
            yield OpenTenant(tx=tx, tenant=await deps.tenants.get(tx, tenant_id), deps=deps)


def build_keys(settings: Settings) -> WebhookKeys:
    """Return everybody who may call our webhooks."""
    twilio = twilio_secrets(settings)
    email = tuple(EmailKey(public_key=key, provider="email") for key in settings.sendgrid_inbound_public_keys)
    if settings.simulator_enabled:
        simulator = SimulatorKeys.load(settings.nightshift_home)
        twilio = (*twilio, simulator.twilio)
        email = (*email, EmailKey(public_key=simulator.email_public_key, provider="simulator"))
    events = tuple(EmailKey(public_key=key, provider="email") for key in settings.sendgrid_event_public_keys)
    return WebhookKeys(twilio=twilio, email=email, events=events)


def build_media_store(settings: Settings) -> MediaStore:
    """Return where files of messages are kept: Supabase Storage if it is configured, else this machine's disk."""
    if settings.supabase_url and settings.supabase_secret_key:
        key = settings.supabase_secret_key.get_secret_value()
        return SupabaseMediaStore(url=settings.supabase_url, secret_key=key)
    return DiskMediaStore(media_directory(settings))


def build_staff_auth(settings: Settings) -> SupabaseAuth | None:
    """Return who identifies staff: Supabase Auth, if it is configured; None: one-time links do."""
    if not (settings.supabase_url and settings.supabase_publishable_key):
        return None
    return SupabaseAuth(url=settings.supabase_url, publishable_key=settings.supabase_publishable_key, now=utc_now)


def media_directory(settings: Settings) -> Path:
    """Return where files are kept on this machine, if they are."""
    return settings.nightshift_home / "media"


def local_url(settings: Settings) -> str:
    """Return where this machine reaches the web process."""
    return f"http://127.0.0.1:{settings.nightshift_port}"


def example_tenants() -> Path:
    """Return the directory of the tenant files that ship with Nightshift."""
    return Path(agent.__file__).parent / "example_tenants"


def build_staff_deps(deps: Deps, *, desk: "ClaudeDesk | None" = None, tracer: Tracer | None = None) -> StaffDeps:
    """Return what the inbox needs: also the guardrails, by which what staff write is checked before it is sent.

    `desk` is what models do for staff; `jobs.desk_wiring` opens it.
    """
    shared = {each.name: getattr(deps, each.name) for each in fields(Deps)}
    rules = build_rules(LanguageDetector.load().detect)
    return StaffDeps(**shared, rules=rules, translator=desk, redrafter=desk, tracer=tracer)
