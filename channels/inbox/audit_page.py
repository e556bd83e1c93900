"""The audit log: every action, who or what did it, and when. For managers; also as a file."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import Response, StreamingResponse

from agent.store import audit_log
from agent.store.audit_log import AuditedEvent, AuditFilter
from agent.store.events import insert_event
from agent.store.members import ListedMember, list_all_members
from channels.inbox.audit_words import ACTORS, Family, list_families, name_kind
from channels.inbox.settings_page import SECTIONS
from channels.inbox.visit import HEADERS, Visit

MOST_EXPORTED = 100_000
BATCH = 2000
COLUMNS = ("id", "at", "kind", "actor", "member", "conversation", "data")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With one of these in front, spreadsheets run a cell."""
CHANGES: Mapping[str, str] = {"before": "after", "from": "to"}
"""What an event calls how something was, and how it is now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditView:
    """A page of the log, with what it is filtered by."""

    events: Sequence[AuditedEvent]
    members: Sequence[ListedMember]
    families: Sequence[Family]
    kind: str
    wanted: AuditFilter
    next: int | None

    def told(self, event: AuditedEvent) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield what is known of an event, leaving out what is empty: how it is called, and what it is.

        What was one thing and is another has both, in this order, and is not called anything.
        """
        names = {str(each.id): each.name for each in self.members}
        texts = {key: text for key, value in event.data.items() if (text := _plain(value, names))}
        changed = {was: now for was, now in CHANGES.items() if was in texts and now in texts}
        for key, text in texts.items():
            if key in changed:
                yield "", (text, texts[changed[key]])
            elif key not in changed.values():
                yield key.replace("_", " "), (text,)


async def show(visit: Visit) -> Response:
    """Show a page of the log."""
    before = visit.query("before")
    async with visit.tx() as tx:
        kinds = await audit_log.list_kinds(tx)
        wanted = _filter(visit, kinds)
        found = await audit_log.list_audited(tx, wanted, before=int(before[:18]) if before.isdecimal() else None)
        view = AuditView(
            events=found,
            members=await list_all_members(tx),
            families=list_families(kinds, visit.say),
            kind=visit.query("kind"),
            wanted=wanted,
            next=found[-1].id if len(found) == audit_log.PAGE else None,
        )
    name = partial(name_kind, say=visit.say)
    return visit.page("settings_audit.html", view=view, sections=SECTIONS, actors=ACTORS, name_kind=name)


async def export(visit: Visit) -> Response:
    """Hand out what the filter leaves of the log, the newest first, as CSV."""
    async with visit.tx() as tx:
        wanted = _filter(visit, await audit_log.list_kinds(tx))
        await insert_event(tx, visit.member.tenant_id, "audit.exported", actor=visit.member.actor)
    headers = {**HEADERS, "content-disposition": 'attachment; filename="audit-log.csv"'}
    return StreamingResponse(_lines(visit, wanted), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(visit: Visit, wanted: AuditFilter) -> AsyncIterator[str]:
    """Write the log out in batches, each read in a transaction of its own: under the rights of that moment."""
    yield _csv([COLUMNS])
    before: int | None = None
    for _ in range(MOST_EXPORTED // BATCH):
        async with visit.tx() as tx:
            found = await audit_log.list_audited(tx, wanted, before=before, limit=BATCH)
        yield _csv([_row(each) for each in found])
        if len(found) < BATCH:
            return
        before = found[-1].id


def _plain(value: Any, names: Mapping[str, str]) -> str:
    """Return a value without brackets, members by their names; empty: there is nothing in it."""
    if isinstance(value, dict):
        return ", ".join(
            f"{key.replace('_', ' ')} {text}" for key, each in value.items() if (text := _plain(each, names))
        )
    if isinstance(value, list):
        return ", ".join(filter(None, (_plain(each, names) for each in value)))
    return "" if value is None else names.get(str(value), str(value))


def _row(event: AuditedEvent) -> Sequence[str]:
    cells = (
        str(event.id),
        event.at.isoformat(),
        event.kind,
        event.actor,
        event.member or "",
        str(event.conversation_id or ""),
        json.dumps(event.data, ensure_ascii=False),
    )
    return [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _filter(visit: Visit, kinds: Sequence[str]) -> AuditFilter:
    member, kind = visit.query_id("member"), visit.query("kind")
    wanted = tuple(each for each in kinds if kind and (each == kind or each.partition(".")[0] == kind))
    return AuditFilter(
        actor=f"member:{member}" if member else "",
        kinds=wanted or ((kind,) if kind else ()),
        conversation_id=visit.query_id("conversation"),
    )
