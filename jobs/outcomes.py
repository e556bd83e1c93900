"""`nightshift outcomes …`, and the clock's part in outcomes: match those of people who have become known."""

import asyncio
import csv
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agent.errors import BadRequest, NightshiftError
from agent.outcomes import ReportedOutcome, match_outcomes, read_outcome, record_outcome
from agent.ports import Deps
from agent.prices import to_amount
from agent.settings import Settings
from agent.store.events import insert_event
from agent.store.outcomes import Outcome, list_outcomes, replace_secret
from agent.store.tenants import list_tenants
from agent.types import TenantId
from jobs.wiring import open_store, open_tenant, require_tenant

ACTOR = "command line"
OLD_SECRET_FOR = timedelta(days=1)
COLUMNS = tuple(ReportedOutcome.model_fields)
WANTED = ("id", "kind")
MAX_BYTES = 64 * 2**20


async def match_all(deps: Deps) -> int:
    """Attribute outcomes of people who have written to us since; return how many."""
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    matched = 0
    for tenant in tenants:
        async with deps.db.tenant(tenant.id) as tx:
            matched += await match_outcomes(tx, tenant.id, deps.now())
    return matched


# --- import ------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class Imported:
    """What came of a file."""

    recorded: int = 0
    duplicates: int = 0
    unmatched: int = 0
    """Of those recorded: their contact is not known."""
    rejected: list[tuple[int, Mapping[str, str], str]] = field(default_factory=list)
    """Line, row and what is wrong with it."""


async def run_import(settings: Settings, slug: str, file: Path, out: Console, *, as_json: bool) -> None:
    """Record the outcomes of a CSV file; rows that make none are written to `FILE.rejected.csv`.

    Raises:
        NightshiftError: there is no such tenant, or the file is no CSV with our columns.
        typer.Exit: some rows were rejected.
    """
    rows = list(read_rows(await asyncio.to_thread(_read, file), file.name))
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        imported = await import_rows(rows, tenant_id, deps)
    left = file.with_name(f"{file.stem}.rejected.csv")
    if imported.rejected:
        await asyncio.to_thread(left.write_text, _rejected_csv(imported), encoding="utf-8", newline="")
    _tell(imported, left, out, as_json=as_json)
    if imported.rejected:
        raise typer.Exit(1)


def _read(file: Path) -> str:
    if file.stat().st_size > MAX_BYTES:
        raise NightshiftError(f"{file.name} is larger than {MAX_BYTES >> 20} MiB; import it in parts.")
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NightshiftError(f"{file.name} is not in UTF-8; save it as CSV UTF-8.") from exc


def read_rows(text: str, name: str) -> Iterator[tuple[int, dict[str | None, Any]]]:
    """Yield each row of a CSV text with its line; columns are separated by comma, semicolon or tabulator.

    Raises:
        NightshiftError: it is no CSV, or its columns are not ours.
    """
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [each.strip() for each in reader.fieldnames or ()]
        if unknown := [each for each in columns if each not in COLUMNS]:
            raise NightshiftError(f"{name}: unknown columns {', '.join(unknown)}. Known are {', '.join(COLUMNS)}.")
        if missing := [each for each in WANTED if each not in columns]:
            raise NightshiftError(f"{name}: the columns {', '.join(missing)} are missing in its first line.")
        reader.fieldnames = columns
        for row in reader:
            yield reader.line_num, row
    except csv.Error as exc:
        raise NightshiftError(f"{name}, line {reader.line_num}: {exc}.") from exc


async def import_rows(rows: list[tuple[int, dict[str | None, Any]]], tenant_id: TenantId, deps: Deps) -> Imported:
    """Record each row in a transaction of its own: one that is wrong takes none along."""
    imported = Imported()
    for line, row in rows:
        try:
            reported = _report(row)
            async with deps.db.tenant(tenant_id) as tx:
                stored, outcome = await record_outcome(tx, tenant_id, reported, "csv", now=deps.now())
        except BadRequest as exc:
            imported.rejected.append((line, {str(key): str(cell or "") for key, cell in row.items()}, str(exc)))
            continue
        imported.duplicates += stored == "duplicate"
        imported.recorded += stored == "recorded"
        imported.unmatched += stored == "recorded" and outcome.contact_id is None
    return imported


def _report(row: Mapping[str | None, Any]) -> ReportedOutcome:
    if None in row:
        raise BadRequest("There are more cells than columns; put quotes around a cell that has a separator in it.")
    return read_outcome({name: cell for name, cell in row.items() if cell})


def _rejected_csv(imported: Imported) -> str:
    written = StringIO()
    columns = [each for each in COLUMNS if any(each in row for _, row, _ in imported.rejected)]
    writer = csv.DictWriter(written, [*columns, "line", "error"], extrasaction="ignore")
    writer.writeheader()
    for line, row, error in imported.rejected:
        writer.writerow({**row, "line": line, "error": error})
    return written.getvalue()


def _tell(imported: Imported, left: Path, out: Console, *, as_json: bool) -> None:
    if as_json:
        rejected = [{"line": line, "error": error} for line, _, error in imported.rejected]
        out.print_json(json.dumps({**asdict(imported), "rejected": rejected}))
        return
    for line, _, error in imported.rejected:
        out.print(f"line {line}: {error}", markup=False)
    out.print(
        f"{imported.recorded} recorded, {imported.duplicates} known already, {len(imported.rejected)} rejected.",
        markup=False,
    )
    if imported.unmatched:
        out.print(
            f"{imported.unmatched} of those recorded belong to nobody we know yet; they are matched when they write.",
            markup=False,
        )
    if imported.rejected:
        out.print(f"The rejected rows are in {left}: mend them and import that file.", markup=False)


# --- list, secret ------------------------------------------------------------------------------------------------


async def run_list(settings: Settings, slug: str, out: Console, *, limit: int, unmatched: bool, as_json: bool) -> None:
    """Print outcomes, the newest first.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        found = await list_outcomes(opened.tx, limit=limit, unmatched=unmatched)
    if as_json:
        out.print_json(json.dumps([asdict(each) for each in found], default=str))
        return
    for each in found:
        out.print(_line(each), markup=False)


def _line(outcome: Outcome) -> str:
    money = (
        f" {to_amount(outcome.amount_minor, outcome.currency)} {outcome.currency}"
        if outcome.currency and (outcome.amount_minor is not None)
        else ""
    )
    whose = f"conversation {outcome.conversation_id}" if outcome.conversation_id else "no conversation of ours"
    return "\t".join(
        [
            f"{outcome.occurred_at:%Y-%m-%d %H:%M}Z",
            f"{outcome.kind}{money}",
            outcome.external_id,
            whose if outcome.contact_id else "nobody we know",
            " ".join(filter(None, (outcome.channel, outcome.version))),
            "corrected" if outcome.corrected_by else "",
        ]
    ).rstrip()


async def run_secret(settings: Settings, slug: str, out: Console, *, hubspot: str) -> None:
    """Give a tenant a new secret to sign outcomes with, or take HubSpot's; the one before is good for a day more.

    Raises:
        NightshiftError: there is no such tenant, or HubSpot's secret is none.
    """
    if hubspot and not (16 <= len(hubspot) <= 200 and hubspot.isprintable()):
        raise NightshiftError("A client secret has 16 to 200 characters; copy it from the app's page in HubSpot.")
    secret, sender = hubspot or secrets.token_urlsafe(32), "hubspot" if hubspot else "webhook"
    async with open_tenant(settings, slug) as opened:
        until = opened.deps.now() + OLD_SECRET_FOR
        await replace_secret(opened.tx, opened.tenant.id, sender, secret, old_until=until)
        await insert_event(opened.tx, opened.tenant.id, "outcomes.secret_set", actor=ACTOR, data={"sender": sender})
    path = "/webhooks/outcomes/hubspot" if hubspot else "/webhooks/outcomes"
    out.print(f"POST outcomes to {settings.public_url}{path}?tenant={slug}", markup=False)
    if not hubspot:
        out.print(f"signed with {secret}", markup=False)
        out.print("It is shown only now. The one before is good until tomorrow.", markup=False)
