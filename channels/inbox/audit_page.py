"""The audit log: every action, who or what did it, and when. For managers; also as a file."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse

from agent.store import audit_log
from agent.store.audit_log import AuditedEvent, AuditFilter
from agent.store.events import insert_event
from agent.store.members import ListedMember, list_all_members
from channels.inbox.navigation import N_
from channels.inbox.settings_page import SECTIONS
from channels.inbox.visit import HEADERS, Visit

MOST_EXPORTED = 100_000
BATCH = 2000
COLUMNS = ("id", "at", "kind", "actor", "member", "conversation", "data")
ACTORS: Mapping[str, str] = {
    "agent": N_("The agent"),
    "contact": N_("Prospects"),
    "system": "Nightshift",
    "operator": N_("Command line"),
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With one of these in front, spreadsheets run a cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditView:
    """A page of the log, with what it is filtered by."""

    events: Sequence[AuditedEvent]
    members: Sequence[ListedMember]
    kinds: Sequence[str]
    kind: str
    wanted: AuditFilter
    next: int | None

    @property
    def families(self) -> Sequence[str]:
        """Return what kinds begin with."""
        return list(dict.fromkeys(kind.partition(".")[0] for kind in self.kinds))

    def told(self, event: AuditedEvent) -> Iterator[tuple[str, str]]:
        """Yield what is known of an event: members by their names, lists without brackets, nothing that is empty."""
        names = {str(each.id): each.name for each in self.members}
        for key, value in event.data.items():
            values = value if isinstance(value, list) else [value]
            text = ", ".join(names.get(str(each), str(each)) for each in values if each is not None)
            if text:
                yield key.replace("_", " "), text


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
            kinds=kinds,
            kind=visit.query("kind"),
            wanted=wanted,
            next=found[-1].id if len(found) == audit_log.PAGE else None,
        )
    return visit.page("settings_audit.html", view=view, sections=SECTIONS, actors=ACTORS)


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
