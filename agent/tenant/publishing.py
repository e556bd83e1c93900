"""Changing what a tenant has published and set, one part at a time: validated as its file is, recorded, undone.

Whoever saves names what they have seen. If somebody else was faster nothing is written, and they see what it is now:
two managers cannot overwrite one another. The next turn, in whatever process, works with the change (`TenantCache`
asks for the row's time of change each time), and answers that rest on what was there before are not given again (the
version of `answer_cache`).
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from agent.events.chain import canonical
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.settings_changes import insert_change, lock_published
from agent.store.tenants import find_tenant_file, get_tenant_file, save_tenant_file, update_published
from agent.tenant.file import TenantFile, check_document, to_document
from agent.tenant.parts import fingerprint, list_parts, place_problems, read_part, write_part
from agent.types import MemberId, TenantId

OPERATOR = "operator (command line)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Publisher:
    """Who changes what a tenant has published."""

    tenant_id: TenantId
    actor: str
    member_id: MemberId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """It is so now. `changed`: it was not before."""

    changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """It is not valid: problems by field of the part (`agent.tenant.parts.place_problems`)."""

    problems: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overtaken:
    """Somebody else has changed this part meanwhile."""

    now: Any
    """What it is now; None: it is no more."""


Outcome = Published | Refused | Overtaken


async def publish_part(tx: Tx, by: Publisher, part: str, value: Any, *, seen: str) -> Outcome:
    """Make a part of the tenant's document what is given; None removes it.

    `seen` is the fingerprint of the part as they saw it; that of None for a new one.
    """
    await lock_published(tx, by.tenant_id)
    document = to_document(await get_tenant_file(tx, by.tenant_id))
    before = read_part(document, part)
    if fingerprint(before) != seen:
        return Overtaken(now=before)
    changed = write_part(document, part, value)
    checked = check_document(changed)
    if not isinstance(checked, TenantFile):
        return Refused(problems=place_problems(changed, part, checked))
    after = read_part(to_document(checked), part)
    if after == before:
        return Published(changed=False)
    await update_published(tx, checked)
    await record_change(tx, by, part, before, after)
    return Published(changed=True)


async def apply_file(tx: Tx, file: TenantFile) -> None:
    """Make the tenant what a file says, as an operator, and record every part that changes.

    Raises:
        Misconfigured: an address belongs to another tenant, or one with conversations left the file.
    """
    by = Publisher(tenant_id=file.tenant.id, actor=OPERATOR)
    known = await find_tenant_file(tx, file.tenant.id)
    if known is not None:
        await lock_published(tx, file.tenant.id)
    before, after = to_document(known) if known else None, to_document(file)
    await save_tenant_file(tx, file)
    for part in dict.fromkeys([*(list_parts(before) if before else ()), *list_parts(after)]):
        old, new = read_part(before, part) if before else None, read_part(after, part)
        if before and old != new:
            await record_change(tx, by, part, old, new)


async def record_change(tx: Tx, by: Publisher, part: str, before: Any, after: Any) -> None:
    """Keep a change in the history, and tell whoever has a page open.

    The event has hashes of both versions: the history is as hard to rewrite as the chain of events.
    """
    await insert_change(tx, by.tenant_id, part, before, after, member_id=by.member_id)
    data = {"part": part, "before": _digest(before), "after": _digest(after)}
    await insert_event(tx, by.tenant_id, "settings.changed", actor=by.actor, data=data)


def _digest(version: Any) -> str | None:
    return None if version is None else sha256(canonical({"version": version})).hexdigest()
