"""The history of what is published and set: who changed what, from what to what, and putting it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from agent.errors import BadRequest
from agent.store import settings_changes
from agent.store.settings_changes import SettingsChange
from agent.store.tenants import get_tenant_file
from agent.tenant.canned_publishing import PART as CANNED
from agent.tenant.canned_publishing import publish_canned
from agent.tenant.diff import Change, diff_values
from agent.tenant.parts import fingerprint
from agent.tenant.publishing import Outcome, Overtaken, Published, Refused, publish_part
from channels.inbox.navigation import N_
from channels.inbox.part_forms import publisher
from channels.inbox.visit import Visit


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownChange:
    """A change as people read it."""

    change: SettingsChange
    lines: Sequence[Change]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangesView:
    """A page of the history."""

    part: str
    changes: Sequence[ShownChange]
    next: int | None
    problem: str = ""
    is_saved: bool = False


async def show(visit: Visit) -> Response:
    """Show the changes of one part, or of all."""
    return await _page(visit, visit.query("part"))


async def restore(visit: Visit) -> Response:
    """Make a part what it was before a change, if it still is what that change made it."""
    async with visit.tx() as tx:
        change = await settings_changes.find_change(tx, _number(visit.request.path_params["change"]))
        if change is None:
            raise BadRequest(visit.say(N_("There is no such change.")), status=404)
        outcome: Outcome
        kind, _, name = change.part.partition("/")
        seen = fingerprint(change.after)
        if kind == CANNED:
            tenant = (await get_tenant_file(tx, visit.member.tenant_id)).tenant
            outcome = await publish_canned(tx, publisher(visit), name, change.before, seen=seen, tenant=tenant)
        else:
            outcome = await publish_part(tx, publisher(visit), change.part, change.before, seen=seen)
    match outcome:
        case Published():
            return visit.go("/inbox/changes?saved=1")
        case Overtaken():
            problem = visit.say(N_("This has been changed again since. Restore the newest change first."))
            return await _page(visit, change.part, problem=problem, status=409)
        case Refused():
            reasons = "; ".join(f"{field}: {problem}" for field, problem in list(outcome.problems.items())[:5])
            problem = visit.say(N_("This cannot be put back as it was:"))
            return await _page(visit, change.part, problem=f"{problem} {reasons}", status=422)


async def _page(visit: Visit, part: str, *, problem: str = "", status: int = 200) -> Response:
    before = visit.query("before")
    async with visit.tx() as tx:
        changes = await settings_changes.list_changes(tx, part, before=int(before[:18]) if before.isdecimal() else None)
    view = ChangesView(
        part=part,
        changes=[ShownChange(change=each, lines=diff_values(each.before, each.after)) for each in changes],
        next=changes[-1].id if len(changes) == settings_changes.PAGE else None,
        problem=problem,
        is_saved=visit.query("saved") == "1",
    )
    return visit.page("changes.html", view=view, status=status)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= len("9223372036854775807") - 1 else 0
