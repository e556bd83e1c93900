"""The command line, `nightshift`. Every error says what to do; exit code 1: refused or failed, 2: bad usage.

Each command imports what it runs, so that `--help` and the web process do not wait for models to load.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import psycopg
import typer
from rich.console import Console
from rich.markup import escape

from agent.errors import NightshiftError
from agent.log import configure_logging
from agent.settings import Settings, load_settings
from agent.tenant.diff import Change
from jobs.cli_changes import add_changes
from jobs.cli_contacts import build_contacts_app
from jobs.cli_conversations import build_conversations_app
from jobs.cli_drift import build_drift_app
from jobs.cli_evaluation import add_evaluation
from jobs.cli_events import build_events_app
from jobs.cli_media import build_media_app
from jobs.cli_members import build_members_app
from jobs.cli_outcomes import build_outcomes_app
from jobs.cli_prompts import build_prompts_app
from jobs.cli_runs import build_runs_app
from jobs.cli_templates import build_templates_app

app = typer.Typer(
    name="nightshift",
    help="A sales agent that a business can leave running unsupervised.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tenant_app = typer.Typer(help="Tenants: the businesses we answer for.", no_args_is_help=True)
app.add_typer(tenant_app, name="tenant")

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

InFile = Annotated[Path, typer.Option("--in", help="JSON Lines to read.", exists=True, dir_okay=False, readable=True)]
OutFile = Annotated[Path, typer.Option("--out", help="JSON Lines to write: the same rows with added fields.")]
Supervised = Annotated[
    bool, typer.Option("--supervised", hidden=True, help="Stop when standard input ends: the parent has died.")
]


@contextmanager
def _explained() -> Iterator[None]:
    """Print an expected error as one message that says what to do, and exit with 1."""
    try:
        yield
    except NightshiftError as exc:
        err.print(f"[red]Error:[/red] {escape(str(exc))}")
        raise typer.Exit(1) from exc
    except psycopg.OperationalError as exc:
        err.print(
            f"[red]Error:[/red] The database cannot be reached: {escape(str(exc).strip())}. Try `nightshift doctor`."
        )
        raise typer.Exit(1) from exc


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings.nightshift_log_level, json=not sys.stderr.isatty())
    return settings


def _run(work: Coroutine[object, object, None]) -> None:
    with _explained():
        asyncio.run(work)


app.add_typer(build_templates_app(_run, _settings, out), name="templates")
app.add_typer(build_prompts_app(_run, _settings, out), name="prompts")
app.add_typer(build_media_app(_run, _settings, out), name="media")
app.add_typer(build_contacts_app(_run, _settings, out), name="contact")
app.add_typer(build_conversations_app(_run, _settings, out), name="conversations")
app.add_typer(build_members_app(_run, _settings, out), name="member")
app.add_typer(build_runs_app(_run, _settings, out), name="runs")
add_changes(app, _run, _settings, out)
add_evaluation(app, _run, _settings, out)
app.add_typer(build_events_app(_run, _settings, out), name="events")
app.add_typer(build_outcomes_app(_run, _settings, out), name="outcomes")
app.add_typer(build_drift_app(_run, _settings, out), name="drift")


@app.command("signin-link")
def signin_link(
    email: Annotated[str, typer.Argument(help="The member's e-mail address.")],
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant's slug, for members of several.")] = "",
) -> None:
    """Print a one-time link that signs a member of staff in to the inbox."""
    from jobs.members import run_signin_link

    _run(run_signin_link(_settings(), email, tenant, out))


@app.command()
def up() -> None:
    """Start everything on this machine: database, web, worker, clock and, without a provider, the simulator."""
    from jobs.up import run_up

    with _explained():
        raise typer.Exit(asyncio.run(run_up(_settings(), out)))


@app.command()
def web(supervised: Supervised = False) -> None:
    """Run the web process: webhooks, health, the inbox, the simulator."""
    from jobs.web_process import run_web_process

    with _explained():
        asyncio.run(run_web_process(_settings(), supervised=supervised))


@app.command()
def worker(supervised: Supervised = False) -> None:
    """Run a worker process: turns and deliveries. Start as many as you like."""
    from jobs.worker_process import run_worker_process

    with _explained():
        asyncio.run(run_worker_process(_settings(), supervised=supervised))


@app.command()
def clock(supervised: Supervised = False) -> None:
    """Run the clock: schedules. One leads, others stand by."""
    from jobs.clock_process import run_clock_process

    with _explained():
        asyncio.run(run_clock_process(_settings(), supervised=supervised))


@app.command()
def migrate() -> None:
    """Bring the database up to date. Safe to repeat, and with several processes at once."""
    from agent.store import migrate as migrations
    from jobs.wiring import database_urls

    with _explained():
        urls = database_urls(_settings())
        applied = migrations.migrate(urls.admin)
    for version in applied:
        out.print(f"applied {version}")
    out.print("The database is up to date." if not applied else f"{len(applied)} migrations applied.")


@app.command()
def doctor() -> None:
    """Check every setting and dependency, and say what to fix."""
    from jobs.doctor import examine

    with _explained():
        findings = asyncio.run(examine(_settings()))
    for finding in findings:
        mark = {"ok": "[green]ok[/green]  ", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red] "}[finding.level]
        out.print(f"{mark} {escape(finding.subject)}: {escape(finding.text)}")
        if finding.fix:
            out.print(f"     → {escape(finding.fix)}")
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command()
def sweep(
    hours: Annotated[float, typer.Option(min=0, max=24 * 30, help="Look back at least so many hours.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Ask Twilio for messages whose webhook failed, and receive them; the clock does it by itself.

    Those written more than an hour ago are for a person to read first. Exit code 1: some number could not be asked.
    """
    from jobs.sweep import run_sweep

    with _explained():
        raise typer.Exit(asyncio.run(run_sweep(_settings(), hours, out, as_json=as_json)))


@app.command()
def train() -> None:
    """Train the local classifier from the shipped examples, if this version has not been trained here yet."""
    from jobs import batch

    with _explained():
        batch.run_training(_settings(), err)


@app.command()
def language(source: InFile, target: OutFile) -> None:
    """Detect the language of each row {id, text}: adds language and confidence."""
    from jobs import batch

    with _explained():
        raise typer.Exit(asyncio.run(batch.run_language(source, target, err)))


@app.command()
def classify(
    source: InFile,
    target: OutFile,
    engine: Annotated[Literal["local", "claude"], typer.Option(help="Who classifies.")] = "local",
    batch_of: Annotated[
        str,
        typer.Option(
            "--batch",
            metavar="TENANT",
            help="Have Claude do it within a day at half price, on this tenant's account. Interrupted? Run it again.",
        ),
    ] = "",
) -> None:
    """Classify each row {id, channel, text, context?}: adds intent, language, confidence, needs_human, source."""
    from jobs import batch

    with _explained():
        if batch_of:
            from jobs.classify_batch import run_classify_batch

            raise typer.Exit(asyncio.run(run_classify_batch(_settings(), batch_of, source, target, err)))
        raise typer.Exit(asyncio.run(batch.run_classify(_settings(), source, target, engine, err)))


@app.command()
def calibrate(
    source: Annotated[
        Path, typer.Option("--in", help="Labelled {text, intent, context?}, JSON Lines.", exists=True, dir_okay=False)
    ],
    tier: Annotated[Literal["fast", "standard", "expert"], typer.Option(help="Whose confidence to measure.")] = "fast",
) -> None:
    """Measure what Claude's confidence is worth on labelled messages, and store it for this model and prompt."""
    from jobs.calibrate import run_calibration

    _run(run_calibration(_settings(), source, tier, err))


@app.command()
def check(
    tenants: Annotated[Path, typer.Option(help="What each tenant has published (JSON).", exists=True, dir_okay=False)],
    source: InFile,
    target: OutFile,
    judge: Annotated[bool, typer.Option("--judge", help="Have Claude judge what code cannot decide.")] = False,
) -> None:
    """Audit texts that anybody has sent: adds outcome, rules and verdicts to each row.

    A row is {tenant, language, draft, channel?, inbound?}: `tenant` is a key of the tenants' file, `inbound` what the
    draft answers. `outcome` is pass or violation, `rules` the broken ones, main one first, `verdicts` say what and
    where. A row that cannot be used is named by its line and left out; the rest is written, in order.

    Exit code 0: done; 1: nothing could be done, or a file is wrong; 2: bad usage.
    """
    from jobs import batch
    from jobs.wiring import utc_now

    with _explained():
        work = batch.run_check(_settings(), tenants, source, target, err, judged=judge, today=utc_now().date())
        raise typer.Exit(asyncio.run(work))


@app.command("parse-email")
def parse_email(
    sources: Annotated[
        list[str], typer.Option("--in", help="A mail (.eml), a directory of them, or - for standard input. Repeatable.")
    ],
    target: Annotated[Path | None, typer.Option("--out", help="Where to write; standard output if absent.")] = None,
    authserv_ids: Annotated[
        list[str] | None,
        typer.Option("--authserv-id", help="Whose Authentication-Results to trust; else IMAP_AUTHSERV_IDS."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also from, to, subject, signature, automatic, invitation, hold.")
    ] = False,
) -> None:
    """Show what is read in a mail, as JSON.

    {text, quoted, html_text, language, auto_reply, bounce, thread, attachments, auth}

    text is what its author wrote, without quoted history (quoted) and signature; html_text its HTML part without what
    nobody could see. auto_reply: no machine may answer it; automatic says why. bounce: what it reports about a mail of
    ours. auth: verdicts about the sender, and whether somebody trusted gave them. hold: why a person must read it.

    One mail gives one object; several, or a directory, give JSON Lines with the field file.
    """
    from jobs.parse_email import run_parse_email

    with _explained():
        trusted = authserv_ids or list(_settings().imap_authserv_ids)
        raise typer.Exit(run_parse_email(sources, target, trusted, err, everything=everything))


@tenant_app.command("apply")
def tenant_apply(
    file: Annotated[Path, typer.Argument(help="Tenant file (YAML).", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option(help="Show what would change, change nothing.")] = False,
) -> None:
    """Make the database say what a tenant file says; shows the difference. Applying it twice changes nothing."""
    _run(_apply(file, dry_run=dry_run))


async def _apply(path: Path, *, dry_run: bool) -> None:
    from agent.store.tenants import find_tenant_file
    from agent.tenant.diff import diff
    from agent.tenant.file import load_tenant_file
    from agent.tenant.publishing import apply_file
    from jobs.wiring import open_store

    file = load_tenant_file(path)
    async with open_store(_settings(), connections=2) as (deps, _), deps.db.tenant(file.tenant.id) as tx:
        changes = diff(await find_tenant_file(tx, file.tenant.id), file)
        if changes and not dry_run:
            await apply_file(tx, file)
    for change in changes:
        out.print(_coloured(change))
    if not changes:
        out.print(f"{file.tenant.slug}: nothing to change.")
    elif dry_run:
        out.print(f"{file.tenant.slug}: {len(changes)} changes, not applied (--dry-run).")
    else:
        out.print(f"{file.tenant.slug}: {len(changes)} changes applied.")


def _coloured(change: Change) -> str:
    colour = "green" if change.old is None else "red" if change.new is None else "yellow"
    return f"[{colour}]{escape(str(change))}[/{colour}]"


@tenant_app.command("show")
def tenant_show(
    slug: Annotated[str, typer.Argument(help="The tenant's slug; without one, all are listed.")] = "",
) -> None:
    """Show a tenant as it is stored, or list all tenants."""
    _run(_show(slug))


@tenant_app.command("export")
def tenant_export(slug: str, file: Annotated[Path, typer.Argument(help="Where to write the YAML.")]) -> None:
    """Write a tenant's file from what is stored."""
    _run(_export(slug, file))


async def _show(slug: str) -> None:
    from agent.store.tenants import list_tenants
    from jobs.wiring import open_store

    if slug:
        out.print(await _stored_yaml(slug), markup=False)
        return
    async with open_store(_settings(), connections=2) as (deps, _), deps.db.system() as connection:
        for tenant in await list_tenants(connection):
            out.print(f"{tenant.slug}\t{tenant.name}", markup=False)


async def _export(slug: str, file: Path) -> None:
    text = await _stored_yaml(slug)
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")
    out.print(f"{slug}: written to {file}")


async def _stored_yaml(slug: str) -> str:
    from agent.store.tenants import find_tenant_file
    from agent.tenant.file import dump_tenant_file
    from jobs.wiring import open_store, require_tenant

    async with open_store(_settings(), connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        async with deps.db.tenant(tenant_id) as tx:
            file = await find_tenant_file(tx, tenant_id)
    if file is None:
        raise NightshiftError(f"The tenant {slug!r} was removed a moment ago.")
    return dump_tenant_file(file)


def main() -> None:
    """Entry point of the console command."""
    app()


if __name__ == "__main__":
    main()
