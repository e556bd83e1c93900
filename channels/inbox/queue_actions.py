"""What the queue's forms do: act on several conversations at once, keep views, choose how to be told of new work."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from agent.errors import BadRequest
from agent.staff import actions
from agent.staff.actions import LabelError
from agent.staff.snooze import SnoozeError, parse_snooze
from agent.store.db import Tx
from agent.store.members import list_members, merge_preferences
from agent.store.saved_views import delete_view, save_view
from agent.types import ConversationId, MemberId
from channels.inbox.queue_filter import HOME, read_filter, write_filter
from channels.inbox.queue_page import SOUNDS
from channels.inbox.sign_in import safe_path
from channels.inbox.visit import Visit

MOST = 200
"""At most so many conversations are changed by one form."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of an act; a template says it."""

    act: str
    count: int = 0
    subject: str = ""
    """The assignee's name, the label."""
    until: datetime | None = None
    problem: str = ""
    """What is wrong with the form: `nothing`, `time …`, `label`, `member`; empty: nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An act, and the conversations that it is for."""

    act: str
    ids: Sequence[ConversationId]
    visit: Visit

    @property
    def now(self) -> datetime:
        """When it is asked for."""
        return self.visit.reader.now


Act = Callable[[Tx, Wanted], Awaitable[Result]]


async def act(visit: Visit) -> Response:
    """Do something with the chosen conversations, and say what came of it."""
    wanted = Wanted(act=visit.field("do", longest=20), ids=_ids(visit), visit=visit)
    do = ACTS.get(wanted.act)
    if do is None:
        raise BadRequest("There is no such action here.")
    if not wanted.ids:
        result = Result(act=wanted.act, problem="nothing")
    else:
        async with visit.tx() as tx:
            result = await do(tx, wanted)
    if visit.is_fragment:
        return visit.page("_queue_result.html", result=result)
    return visit.go(safe_path(visit.field("back", longest=2000)))


async def keep_view(visit: Visit) -> Response:
    """Keep the filter of the page under a name."""
    name = " ".join(visit.field("name", longest=60).split())
    if not name:
        raise BadRequest("Give the view a name, such as “WhatsApp, complaints”.")
    wanted = read_filter({each: visit.field(each, longest=60) for each in visit.form})
    async with visit.tx() as tx:
        await save_view(tx, visit.member, name, write_filter(wanted))
    return visit.go(safe_path(visit.field("back", longest=2000)))


async def forget_view(visit: Visit) -> Response:
    """Forget a view."""
    async with visit.tx() as tx:
        await delete_view(tx, visit.member, visit.path_id("view"))
    return visit.go(HOME)


async def choose_alerts(visit: Visit) -> Response:
    """Keep how a member wants to be told of new work: the sound, and a digest by mail."""
    sound = visit.field("sound", longest=20)
    chosen = {"sound": sound if sound in SOUNDS else "off", "digest": visit.field("digest") == "1"}
    # Their own row, of which their role lets them change nothing else: so not in their name.
    async with visit.deps.db.tenant(visit.member.tenant_id) as tx:
        await merge_preferences(tx, visit.member.id, chosen)
    if visit.is_fragment:
        return visit.page("_queue_result.html", result=Result(act="alerts"))
    return visit.go(HOME)


async def _assign(tx: Tx, wanted: Wanted) -> Result:
    chosen = wanted.visit.field("assignee", longest=40)
    if not chosen:
        return await _unassign(tx, replace(wanted, act="unassign"))
    assignee = next((each for each in await list_members(tx) if str(each.id) == chosen), None)
    if assignee is None:
        return Result(act=wanted.act, problem="member")
    return await _give(tx, wanted, assignee.id, assignee.name)


async def _take(tx: Tx, wanted: Wanted) -> Result:
    return await _give(tx, wanted, wanted.visit.member.id, wanted.visit.member.name)


async def _unassign(tx: Tx, wanted: Wanted) -> Result:
    return await _give(tx, wanted, None, "")


async def _give(tx: Tx, wanted: Wanted, assignee_id: MemberId | None, name: str) -> Result:
    count = await actions.assign(tx, wanted.ids, assignee_id, wanted.visit.member)
    return Result(act=wanted.act, count=count, subject=name)


async def _label(tx: Tx, wanted: Wanted) -> Result:
    change = actions.label if wanted.act == "label" else actions.unlabel
    name = wanted.visit.field("label", longest=200)
    try:
        count = await change(tx, wanted.ids, name, wanted.visit.member)
    except LabelError:
        return Result(act=wanted.act, problem="label")
    return Result(act=wanted.act, count=count, subject=name)


async def _flag(tx: Tx, wanted: Wanted) -> Result:
    visit, is_urgent = wanted.visit, wanted.act == "flag"
    return Result(
        act=wanted.act, count=await actions.flag(tx, wanted.ids, visit.member, visit.deps, is_urgent=is_urgent)
    )


async def _snooze(tx: Tx, wanted: Wanted) -> Result:
    member, text = wanted.visit.member, wanted.visit.field("until", longest=200)
    try:
        until = parse_snooze(text, wanted.now, member.zone)
    except SnoozeError as exc:
        return Result(act=wanted.act, problem=f"time {exc.problem}", subject=text)
    count = await actions.snooze(tx, wanted.ids, until, member, wanted.now)
    return Result(act=wanted.act, count=count, until=until)


async def _wake(tx: Tx, wanted: Wanted) -> Result:
    count = await actions.snooze(tx, wanted.ids, None, wanted.visit.member, wanted.now)
    return Result(act=wanted.act, count=count)


async def _settle(tx: Tx, wanted: Wanted) -> Result:
    return Result(act=wanted.act, count=await actions.settle(tx, wanted.ids, wanted.visit.member, wanted.now))


async def _reopen(tx: Tx, wanted: Wanted) -> Result:
    return Result(act=wanted.act, count=await actions.reopen(tx, wanted.ids, wanted.visit.member))


ACTS: Mapping[str, Act] = {
    "assign": _assign,
    "take": _take,
    "unassign": _unassign,
    "label": _label,
    "unlabel": _label,
    "flag": _flag,
    "unflag": _flag,
    "snooze": _snooze,
    "wake": _wake,
    "done": _settle,
    "reopen": _reopen,
}
"""What a form can ask for, by the value of its button `do`."""


def _ids(visit: Visit) -> Sequence[ConversationId]:
    """Return the conversations that the form names, each once.

    Raises:
        BadRequest: one of them is no id, or there are too many.
    """
    chosen = list(dict.fromkeys(visit.form.get("item", ())))
    if len(chosen) > MOST:
        raise BadRequest(f"{len(chosen)} conversations are chosen; {MOST} can be changed at once.", status=413)
    try:
        return [ConversationId(UUID(each)) for each in chosen]
    except ValueError as exc:
        raise BadRequest("A row of this page is not known here. Reload it and try again.") from exc
