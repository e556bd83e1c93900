"""`nightshift doctor`: every setting and dependency looked at, with the fix for what is wrong."""

from urllib.parse import urlsplit

import psycopg

from agent.delivery.failures import REACTIONS
from agent.errors import Misconfigured
from agent.models.providers import build_gateway
from agent.settings import LOOPBACK_HOSTS, Settings
from agent.store import embedded, migrate
from agent.store.db import require_session_mode
from agent.store.mailboxes import list_faults
from agent.store.senders import TroubledSender, list_troubled
from agent.store.sweeps import list_sweeps
from channels.email_imap import parse_imap_url
from jobs.doctor_intake import check_spool, check_sweeps
from jobs.doctor_media import check_media
from jobs.doctor_templates import check_templates
from jobs.finding import Finding
from jobs.wiring import database_urls, open_store, utc_now


async def examine(settings: Settings) -> list[Finding]:
    """Check settings, then the database, then what is in it."""
    findings = [*_check_models(settings), *_check_providers(settings), _check_langfuse(settings)]
    findings += check_spool(settings, utc_now())
    findings += check_media(settings)
    try:
        findings += await _check_database(settings)
    except Misconfigured as exc:
        findings.append(Finding(level="bad", subject="database", text=exc.problem, fix=exc.fix))
    except psycopg.OperationalError as exc:
        findings.append(
            Finding(
                level="bad",
                subject="database",
                text=f"cannot be reached: {str(exc).strip()}",
                fix="Check DATABASE_URL, or unset it to use the embedded database.",
            )
        )
    return findings


def _check_models(settings: Settings) -> list[Finding]:
    if not settings.has_models:
        return [
            Finding(
                level="note",
                subject="models",
                text="no key: the local engine answers from the catalogue",
                fix="Set ANTHROPIC_API_KEY to have Claude answer.",
            )
        ]
    try:
        gateway = build_gateway(settings, now=utc_now)
    except Misconfigured as exc:
        return [Finding(level="bad", subject="models", text=exc.problem, fix=exc.fix)]
    providers = " → ".join(api.name for api in gateway.providers)
    models = ", ".join(gateway.models.values())
    return [Finding(level="ok", subject="models", text=f"Claude ({models}) at {providers}; not called to check")]


def _check_providers(settings: Settings) -> list[Finding]:
    findings = []
    if settings.twilio_account_sid and not settings.twilio_auth_token:
        findings.append(
            Finding(
                level="bad",
                subject="twilio",
                text="TWILIO_ACCOUNT_SID is set but TWILIO_AUTH_TOKEN is not: webhooks cannot be verified",
                fix="Copy the auth token from the Twilio console into TWILIO_AUTH_TOKEN.",
            )
        )
    if settings.twilio_account_sid and not settings.twilio_base_url and not _is_public(settings.public_url):
        findings.append(
            Finding(
                level="bad",
                subject="public URL",
                text=f"{settings.public_url} cannot be called by Twilio, which refuses messages with such a callback",
                fix="Set NIGHTSHIFT_PUBLIC_URL to the https address your webhooks are reached at (no underscore).",
            )
        )
    findings += _check_mailboxes(settings)
    findings += check_mail(settings)
    if not settings.has_provider:
        findings.append(
            Finding(
                level="note",
                subject="providers",
                text="none is configured: only the simulator can write to us",
                fix="Set TWILIO_* and SMTP_URL to reach real people.",
            )
        )
    elif settings.simulator_enabled:
        findings.append(
            Finding(
                level="note",
                subject="simulator",
                text="it is on beside a real provider: anybody who reaches this address can play the prospect",
                fix="Unset NIGHTSHIFT_SIMULATOR unless you mean it.",
            )
        )
    return findings or [Finding(level="ok", subject="providers", text="configured")]


def check_mail(settings: Settings) -> list[Finding]:
    """Say what is missing for mail to come, to leave, and to let us know what became of it."""
    notes = []
    if settings.sends_mail != bool(settings.sendgrid_inbound_public_keys or settings.imap_url):
        incoming, outgoing = "SENDGRID_INBOUND_PUBLIC_KEYS or IMAP_URL", "SMTP_URL or SENDGRID_API_KEY"
        missing = incoming if settings.sends_mail else outgoing
        notes.append((f"only one direction works: {missing} is not set", f"Set {missing}."))
    if settings.sendgrid_api_key and not settings.smtp_url and not settings.sendgrid_event_public_keys:
        fix = "Turn on SendGrid's signed Event Webhook and put its public key into SENDGRID_EVENT_PUBLIC_KEYS."
        notes.append(("SendGrid tells nobody of bounces and complaints, so they stop nothing", fix))
    if settings.sends_mail and not settings.public_url.startswith("https://"):
        fix = "Set NIGHTSHIFT_PUBLIC_URL to an https address."
        notes.append(("mails nobody asked for offer no one-click way out, which needs https (RFC 8058)", fix))
    return [Finding(level="note", subject="e-mail", text=text, fix=fix) for text, fix in notes]


def _check_mailboxes(settings: Settings) -> list[Finding]:
    findings = []
    for url in settings.imap_url:
        try:
            parse_imap_url(url.get_secret_value())
        except Misconfigured as exc:
            findings.append(Finding(level="bad", subject="mailbox", text=exc.problem, fix=exc.fix))
    if settings.imap_url and not settings.imap_authserv_ids:
        findings.append(
            Finding(
                level="note",
                subject="mailbox",
                text="nobody's address counts as proven, so START by mail needs a person",
                fix="Set IMAP_AUTHSERV_IDS to the first word of your server's Authentication-Results headers.",
            )
        )
    return findings


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname not in LOOPBACK_HOSTS and "_" not in (parts.hostname or "")


def _check_langfuse(settings: Settings) -> Finding:
    if settings.has_traces:
        shared, own, otlp = settings.langfuse_project, settings.langfuse_projects, settings.nightshift_otlp
        places = ([shared.base_url] if shared else []) + [f"{own[slug].base_url} ({slug})" for slug in sorted(own)]
        places += [otlp.url] if otlp else []
        return Finding(level="ok", subject="langfuse", text=f"traces go to {', '.join(places)}")
    return Finding(
        level="note",
        subject="langfuse",
        text="no keys: nothing is traced there (the events table is complete all the same)",
        fix="Set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.",
    )


async def _check_database(settings: Settings) -> list[Finding]:
    was_running = settings.database_url is not None or embedded.is_running(settings.nightshift_home)
    try:
        return await _check_running_database(settings)
    finally:
        if not was_running:
            embedded.stop(settings.nightshift_home)


def _refused(sender: TroubledSender) -> Finding:
    failure, _, code = sender.trouble.partition(" ")
    reason = f"the provider takes nothing from it ({failure}, code {code or 'none'}); {sender.waiting} messages wait"
    fix = next((each.alert for name, each in REACTIONS.items() if name == failure), "")
    return Finding(level="bad", subject=f"{sender.channel} {sender.address}", text=reason, fix=f"To mend it: {fix}.")


async def _check_running_database(settings: Settings) -> list[Finding]:
    urls = database_urls(settings)
    require_session_mode(urls.app)
    kind = "DATABASE_URL" if settings.database_url else f"embedded, in {settings.nightshift_home}"
    findings = [Finding(level="ok", subject="database", text=kind)]
    waiting = migrate.pending(urls.admin)
    if waiting:
        findings.append(
            Finding(
                level="bad",
                subject="migrations",
                text=f"{len(waiting)} are missing, the first is {waiting[0]}",
                fix="Run `nightshift migrate`.",
            )
        )
        return findings
    findings.append(Finding(level="ok", subject="migrations", text="up to date"))
    wrong = await migrate.check_app_role(urls.app)
    findings += [Finding(level="bad", subject="database role", text=text) for text in wrong]
    async with open_store(settings, connections=2) as (deps, _), deps.db.system() as connection:
        cursor = await connection.execute("select * from list_tenants()")
        count = len(await cursor.fetchall())
        faults = await list_faults(connection)
        sweeps = await list_sweeps(connection, "twilio")
        troubled = await list_troubled(connection)
        templates = await check_templates(deps, connection)
    findings += check_sweeps(settings, sweeps, utc_now())
    findings += [_refused(each) for each in troubled]
    findings += templates
    findings += [
        Finding(level="bad", subject="mailbox", text=f"{name} cannot be read: {error}", fix="Check IMAP_URL.")
        for name, error in faults.items()
    ]
    findings.append(
        Finding(level="ok", subject="tenants", text=f"{count}")
        if count
        else Finding(
            level="note",
            subject="tenants",
            text="none",
            fix="Describe one in a file like agent/example_tenants/lumen.yaml, and run `nightshift tenant apply FILE`.",
        )
    )
    return findings
