"""Runs: all turns of the tenant, those that wait among them, by filter; and what is done to many of them at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from agent.errors import BadRequest
from agent.escalation.why import LABELS as CAUSES
from agent.runs import cancel_run, retry_run
from agent.store import events, replays
from agent.store.db import Tx
from agent.store.runs import (
    WORK_STATES,
    Place,
    Run,
    RunFilter,
    Work,
    list_runs,
    list_work,
)
from agent.types import ConversationId, TurnId
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.review_words import CHANNELS, INTENTS
from channels.inbox.visit import Visit

Act = Literal["retry", "replay", "cancel"]
ACTS: tuple[Act, ...] = get_args(Act)
MOST: Mapping[Act, int] = {"retry": 200, "cancel": 200, "replay": 20}
"""How many are done at once. Replays ask models, which costs money."""

STATE_LABELS: Mapping[str, str] = {
    "queued": N_("To be taken"),
    "running": N_("Being worked on"),
    "waiting": N_("Waiting for a model"),
    "done": N_("Done"),
    "superseded": N_("Overtaken"),
    "failed": N_("Failed"),
    "cancelled": N_("Cancelled"),
}
DECISION_LABELS: Mapping[str, str] = {
    "send": N_("Answered"),
    "escalate": N_("Handed to a person"),
    "nothing": N_("No reply"),
}
ACT_LABELS: Mapping[Act, str] = {"retry": N_("Take again"), "replay": N_("Replay"), "cancel": N_("Cancel")}
FIELDS = ("state", "decision", "channel", "intent", "error", "since", "until")
LABELS: Mapping[str, object] = {
    "states": STATE_LABELS,
    "decisions": DECISION_LABELS,
    "acts": ACT_LABELS,
    "channels": CHANNELS,
    "intents": INTENTS,
    "causes": {cause: label for cause, label in CAUSES.items() if cause != "other"},
}
"""What the templates choose from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsView:
    """A part of the list."""

    filter: RunFilter
    fields: Mapping[str, str]
    """The filter as the address has it."""
    work: Sequence[Work]
    runs: Sequence[Run]
    next_query: str
    """Address of what is older; empty: there is nothing."""

    @property
    def query(self) -> str:
        """The filter as an address."""
        return urlencode(self.fields)

    @property
    def acts(self) -> Sequence[Act]:
        """What can be done to all that fit."""
        if self.filter.state in WORK_STATES:
            return ("cancel",)
        return ("retry",) if self.filter.state in ("failed", "cancelled") or self.filter.error else ("replay",)


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkView:
    """What is about to be done to many runs, or has been."""

    act: Act
    ids: Sequence[UUID]
    fields: Mapping[str, str]
    done: int = 0
    refused: Mapping[str, int] | None = None
    """Reasons, each with how often it was one; None: nothing has been done yet."""

    @property
    def query(self) -> str:
        """Where it was asked for."""
        return urlencode(self.fields)


def read_filter(get: Callable[[str], str], zone: ZoneInfo) -> tuple[RunFilter, dict[str, str]]:
    """Read a filter from an address or a form; a time without a zone is the reader's. Also returns it as it was given.

    Raises:
        BadRequest: a time is none.
    """
    given = {name: get(name).strip() for name in FIELDS}
    wanted = RunFilter(
        state=given["state"],
        decision=given["decision"],
        channel=given["channel"],
        intent=given["intent"],
        error=given["error"],
        since=_time(given["since"], zone),
        until=_time(given["until"], zone),
    )
    return wanted, {name: value for name, value in given.items() if value}


def _time(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadRequest(f"“{text}” is no time; write it like 2026-11-17T14:30.") from exc
    return at if at.tzinfo else at.replace(tzinfo=zone)


async def show(visit: Visit) -> Response:
    """List runs."""
    wanted, fields = read_filter(visit.query, visit.member.zone)
    async with visit.tx() as tx:
        work = await list_work(tx, wanted) if _asks_for_work(wanted) else []
        page = None if wanted.state in WORK_STATES else await list_runs(tx, wanted, _place(visit))
    next_place = page.next_place if page else None
    view = RunsView(
        filter=wanted,
        fields=fields,
        work=work if not visit.query("after") else (),
        runs=page.runs if page else (),
        next_query=_next(fields, next_place),
    )
    return visit.page("runs.html", view=view, labels=LABELS)


async def show_work(visit: Visit) -> Response:
    """List the turns that have not ended: the part that follows what happens."""
    wanted, fields = read_filter(visit.query, visit.member.zone)
    async with visit.tx() as tx:
        work = await list_work(tx, wanted)
    view = RunsView(filter=wanted, fields=fields, work=work, runs=(), next_query="")
    return visit.page("_runs_work.html", view=view, labels=LABELS)


def _asks_for_work(wanted: RunFilter) -> bool:
    """Whether turns that have not ended can fit: they have no outcome, no error and no end."""
    return wanted.state in ("", *WORK_STATES) and not (wanted.decision or wanted.error or wanted.until)


def _place(visit: Visit) -> Place | None:
    at, _, found = visit.query("after").partition("_")
    if not at:
        return None
    try:
        return Place(created_at=datetime.fromisoformat(at), id=UUID(found))
    except ValueError as exc:
        raise BadRequest("This address has no such place in it.") from exc


def _next(fields: Mapping[str, str], place: Place | None) -> str:
    return urlencode({**fields, "after": f"{place.created_at.isoformat()}_{place.id}"}) if place else ""


# --- many at once -----------------------------------------------------------------------------------------------


async def act_on_many(visit: Visit) -> Response:
    """Take again, replay or cancel the runs that were chosen, or all that fit a filter; asks first whether it is meant.

    Raises:
        BadRequest: nothing was chosen, and no filter says which are meant.
    """
    act = next((each for each in ACTS if each == visit.field("act")), None)
    if act is None:
        raise BadRequest("There is no such thing to do.")
    wanted, fields = read_filter(visit.field, visit.member.zone)
    async with visit.tx() as tx:
        ids = _chosen(visit) or await _fitting(tx, wanted, act)
    view = BulkView(act=act, ids=ids, fields=fields)
    if not visit.field("sure"):
        return visit.page("runs_bulk.html", view=view, most=MOST[act], labels=LABELS)
    refused: dict[str, int] = {}
    for each in ids:
        if reason := await _act(visit, act, each):
            refused[reason] = refused.get(reason, 0) + 1
    done = BulkView(act=act, ids=ids, fields=fields, done=len(ids) - sum(refused.values()), refused=refused)
    return visit.page("runs_bulk.html", view=done, most=MOST[act], labels=LABELS)


def _chosen(visit: Visit) -> list[UUID]:
    try:
        return [UUID(each) for each in visit.form.get("ids", ())][:200]
    except ValueError as exc:
        raise BadRequest("One of the runs chosen is none.") from exc


async def _fitting(tx: Tx, wanted: RunFilter, act: Act) -> list[UUID]:
    """Return the runs that fit a filter, the newest first, at most `MOST`: turns, or conversations to cancel.

    Raises:
        BadRequest: the filter is empty, which would mean everything.
    """
    if wanted.is_empty:
        raise BadRequest("Choose some runs, or filter them first: nothing was done.")
    if act == "cancel":
        return [each.conversation_id for each in await list_work(tx, wanted, limit=MOST[act])]
    page = await list_runs(tx, wanted, limit=MOST[act])
    return [each.id for each in page.runs]


async def _act(visit: Visit, act: Act, subject: UUID) -> str:
    """Do it to one, in a transaction of its own; returns why it could not be, or an empty text."""
    member = visit.member
    try:
        async with visit.tx() as tx:
            if act == "cancel":
                return await cancel_run(tx, ConversationId(subject), member.actor)
            if act == "retry":
                return await retry_run(tx, TurnId(subject), member.actor, visit.deps, member_id=member.id)
            return await ask_for_replay(tx, visit, TurnId(subject))
    except LookupError:
        return N_("It is not there any more.")


async def ask_for_replay(tx: Tx, visit: Visit, turn_id: TurnId) -> str:
    """Have a worker replay a turn; returns an empty text."""
    member = visit.member
    replay_id = await replays.insert_replay(tx, member.tenant_id, turn_id, member.id)
    await events.insert_event(tx, member.tenant_id, "turn.replay_asked", actor=member.actor, turn_id=turn_id)
    await visit.deps.queue.replay(tx, member.tenant_id, replay_id)
    return ""


PAGES = (
    Page(method="GET", path="/inbox/runs", answer=show),
    Page(method="GET", path="/inbox/runs/work", answer=show_work),
    Page(method="POST", path="/inbox/runs/bulk", answer=act_on_many, role="manager"),
)
"""Its addresses."""
