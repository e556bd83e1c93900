"""The chain of events: what the clock does about it, and `nightshift events …`."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import structlog
import typer
from rich.console import Console

from agent.alerts import alert
from agent.errors import NightshiftError
from agent.events.chain import Break, Head, Seal, StoredEvent, Verifier
from agent.events.sealing import UNSEALED_FOR, Verified, list_chain, retire_events, seal_events, verify_events
from agent.ports import Deps
from agent.settings import Settings
from agent.store import event_chain, operations, ticks
from agent.store.db import Database
from agent.store.tenants import TenantName, list_tenants
from agent.types import TenantId
from jobs.wiring import open_store, require_tenant, utc_now

FORMAT = "nightshift-events-1"
BROKEN = ("nightshift_broken_event_chains_total", ())
LINES_AT_A_TIME = 1000

log = structlog.get_logger(__name__)


# --- the clock's part --------------------------------------------------------------------------------------------


async def seal_all(deps: Deps) -> int:
    """Seal what has happened since the last time; tell operators of events that stay unsealed. Returns how many."""
    async with deps.db.system() as connection:
        waiting = await event_chain.list_unsealed_tenants(connection)
    sealed = sum([await seal_events(each.tenant_id, deps.db) for each in waiting])
    async with deps.db.system() as connection:
        left = await event_chain.list_unsealed_tenants(connection)
        late = [each for each in left if each.oldest_at < deps.now() - UNSEALED_FOR]
        if late and await ticks.insert_tick(connection, f"unsealed:{deps.now():%Y-%m-%dT%HZ}"):
            data = {"tenants": len(late), "events": sum(each.waiting for each in late)}
            await alert(
                connection, "events.unsealed", data, fix="Run `nightshift events verify`; look for a long lock."
            )
    return sealed


async def keep_chains(deps: Deps) -> int:
    """Verify every tenant's chain, and remove what is older than retention allows from those that hold.

    Returns how many do not hold: operators are told, and nothing is removed from them.
    """
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    return sum([await _keep_chain(each, deps) for each in tenants])


async def _keep_chain(tenant: TenantName, deps: Deps) -> bool:
    verified = await verify_events(tenant.id, deps.db, deps.now())
    # In the log, the head is out of the reach of whoever could rewrite the database.
    log.info("events.verified", tenant=tenant.slug, events=verified.events, head=str(verified.head))
    if verified.breaks:
        data = {"tenant": tenant.slug, "first": str(verified.breaks[0]), "breaks": len(verified.breaks)}
        async with deps.db.system() as connection:
            await operations.add_totals(connection, {BROKEN: 1})
            await alert(connection, "events.broken", data, fix=f"nightshift events verify --tenant {tenant.slug}")
        return True
    if days := deps.settings.nightshift_events_keep_days:
        await retire_events(tenant.id, deps.now() - timedelta(days=days), deps.db)
    return False


# --- nightshift events verify ------------------------------------------------------------------------------------


async def run_verify(settings: Settings, slug: str, head: str, out: Console, *, as_json: bool) -> None:
    """Verify the chain of one tenant, or of all.

    Raises:
        NightshiftError: there is no such tenant, or `head` is none.
        typer.Exit: a chain does not hold.
    """
    noted = _parse_head(head) if head else None
    async with open_store(settings, connections=2) as (deps, _):
        found = {each.slug: await _verify(each, noted, deps) for each in await _tenants(deps, slug)}
    _tell(found, out, as_json=as_json)


def run_verify_file(source: Path, head: str, out: Console, *, as_json: bool) -> None:
    """Verify an exported chain, without any database.

    Raises:
        NightshiftError: the file is no export.
        typer.Exit: the chain does not hold.
    """
    with source.open(encoding="utf-8") as lines:
        slug, verified = _verify_lines(lines, _parse_head(head) if head else None, str(source))
    _tell({slug: verified}, out, as_json=as_json)


async def _verify(tenant: TenantName, noted: Head | None, deps: Deps) -> Verified:
    try:
        return await verify_events(tenant.id, deps.db, utc_now(), noted=noted)
    except ValueError as exc:
        raise NightshiftError(f"{tenant.slug}: {exc}. Note a newer one.") from exc


async def _tenants(deps: Deps, slug: str) -> list[TenantName]:
    wanted = await require_tenant(deps.db, slug) if slug else None
    async with deps.db.system() as connection:
        return [each for each in await list_tenants(connection) if wanted in (None, each.id)]


def _parse_head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as exc:
        raise NightshiftError(f"{text!r} is not a head; give it as `verify` printed it, like 12:9f86d0….") from exc


def _tell(found: Mapping[str, Verified], out: Console, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps({slug: _as_json(each) for slug, each in found.items()}))
    else:
        for slug, each in found.items():
            holds = "holds" if not each.breaks else f"does NOT hold: {len(each.breaks)} breaks"
            forgotten = f", {each.forgotten} forgotten for erased contacts" if each.forgotten else ""
            out.print(f"{slug}: {holds}. {each.events} events{forgotten}; head {each.head}", markup=False)
            for broken in each.breaks:
                out.print(f"  {broken}", markup=False)
    if any(each.breaks for each in found.values()):
        raise typer.Exit(1)


def _as_json(verified: Verified) -> dict[str, Any]:
    return {
        "holds": not verified.breaks,
        "events": verified.events,
        "forgotten": verified.forgotten,
        "start": str(verified.start),
        "head": str(verified.head),
        "breaks": [{**asdict(each), "what": str(each)} for each in verified.breaks],
    }


# --- nightshift events export ------------------------------------------------------------------------------------


async def run_export(settings: Settings, slug: str, target: Path, out: Console) -> None:
    """Write all events of a tenant with their seals, sealed up to now, as JSON Lines that can be verified anywhere.

    Raises:
        NightshiftError: there is no such tenant, or the file cannot be written.
    """
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        await seal_events(tenant_id, deps.db)
        try:
            handle = await asyncio.to_thread(target.open, "w", encoding="utf-8")
            with handle:
                count = await _write(handle, slug, tenant_id, deps.db)
        except OSError as exc:
            raise NightshiftError(f"Cannot write {target}: {exc.strerror}.") from exc
    out.print(f"{slug}: {count} events written to {target}", markup=False)


async def _write(handle: TextIO, slug: str, tenant_id: TenantId, db: Database) -> int:
    count, kept = -2, list[str]()  # the first line and the last are no events
    async for line in _lines(slug, tenant_id, db):
        count += 1
        kept.append(line)
        if len(kept) == LINES_AT_A_TIME:
            await asyncio.to_thread(handle.writelines, kept)
            kept = []
    await asyncio.to_thread(handle.writelines, kept)
    return count


async def _lines(slug: str, tenant_id: TenantId, db: Database) -> AsyncIterator[str]:
    async with db.tenant(tenant_id) as tx:
        start = await event_chain.find_start(tx)
    head = start
    yield _line({"format": FORMAT, "tenant": slug, "start": str(start)})
    async for seal, event in list_chain(tenant_id, start, db):
        head = Head(seq=seal.seq, hash=seal.hash)
        yield _line(_exported(seal, event))
    yield _line({"head": str(head)})


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _exported(seal: Seal, event: StoredEvent | None) -> dict[str, Any]:
    return {
        "seq": seal.seq,
        "event_id": seal.event_id,
        "salt": seal.salt.hex() if seal.salt else None,
        "data_hash": seal.data_hash.hex(),
        "hash": seal.hash.hex(),
        "event": {
            name: value if isinstance(value, int | str | dict | None) else _written(value)
            for name, value in asdict(event).items()
        }
        if event
        else None,
    }


def _written(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _verify_lines(lines: Iterator[str], noted: Head | None, name: str) -> tuple[str, Verified]:
    """Follow an exported chain; the last line says where it should end, so that a cut file is found."""
    try:
        first = json.loads(next(lines))
        verifier, last = Verifier(start=Head.parse(first["start"]), noted=noted), None
        breaks: list[Break] = []
        for line in lines:
            row = json.loads(line)
            if "head" in row:
                last = Head.parse(row["head"])
            else:
                breaks += verifier.check(*_imported(row))
    except (ValueError, KeyError, TypeError, StopIteration) as exc:
        raise NightshiftError(f"{name} is not a file of `nightshift events export`, or was cut.") from exc
    if first.get("format") != FORMAT:
        raise NightshiftError(f"{name} has another format than {FORMAT}.")
    breaks += verifier.finish()
    if last != verifier.head:
        breaks.append(Break(fault="head", seq=last.seq if last else None, event_id=None))
    return first["tenant"], Verified(
        events=verifier.events,
        forgotten=verifier.forgotten,
        start=verifier.start,
        head=verifier.head,
        breaks=breaks,
    )


def _imported(row: Mapping[str, Any]) -> tuple[Seal, StoredEvent | None]:
    seal = Seal(
        seq=row["seq"],
        event_id=row["event_id"],
        salt=bytes.fromhex(row["salt"]) if row["salt"] else None,
        data_hash=bytes.fromhex(row["data_hash"]),
        hash=bytes.fromhex(row["hash"]),
    )
    event = row["event"]
    if event is None:
        return seal, None
    ids = {name: UUID(event[name]) if event[name] else None for name in ("conversation_id", "turn_id", "message_id")}
    at, tenant = datetime.fromisoformat(event["at"]), UUID(event["tenant_id"])
    return seal, StoredEvent(**{**event, **ids, "tenant_id": tenant, "at": at})
