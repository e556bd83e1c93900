"""The queue: what needs a person, the most pressing first. Each row says why it is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.responses import JSONResponse, Response

from agent.escalation.why import CAUSES, LABELS, Cause, why
from agent.staff.members import Member
from agent.store.db import Tx
from agent.store.desk_changes import list_labels
from agent.store.members import list_members
from agent.store.saved_views import SavedView, list_views
from agent.store.work import (
    Home,
    Present,
    Tab,
    WorkCounts,
    WorkFilter,
    WorkItem,
    count_work,
    find_news,
    get_home,
    has_traffic,
    list_present,
    list_work,
)
from channels.inbox.navigation import N_
from channels.inbox.queue_filter import CHANNELS, TABS, address, on_tab, read_filter, read_place, write_filter
from channels.inbox.visit import HEADERS, Visit

PAGE_ROWS = 30
"""More than a screen has, and few: every open queue is written anew whenever anything happens."""
SOUNDS = ("off", "chime", "bell")
TAB_LABELS: dict[Tab, str] = {
    "mine": N_("Mine"),
    "unassigned": N_("Unassigned"),
    "all": N_("All"),
    "snoozed": N_("Snoozed"),
    "done": N_("Done"),
}
TIMES = (N_("in 1 hour"), N_("tomorrow 9"), N_("monday"), N_("next week"))
"""Every translation is something that `agent.staff.snooze` reads."""
Empty = Literal["", "no traffic", "nothing here", "filtered"]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueRow:
    """A row as it is shown."""

    item: WorkItem
    key: str
    """Stays while the row stands for the same thing: for scripts and for focus."""
    why: str
    """A message to translate, or a few words of the reason itself."""
    countdown: Literal["window", "due", "late"]
    """What is counted down: the reply window where it closes first or soon, else the promise."""
    ends_at: datetime
    """When the countdown ends, or ended."""
    is_pressing: bool
    """Whether less than a quarter of an hour is left."""
    is_window_closed: bool
    """Whether free text can no longer be sent."""
    present: Sequence[Present]


@dataclass(frozen=True, kw_only=True, slots=True)
class TabLink:
    """A tab: where it leads, and how much is under it."""

    name: Tab
    label: str
    href: str
    count: int
    is_partial: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What the filters and actions offer."""

    channels: Sequence[str]
    languages: Sequence[str]
    causes: Sequence[tuple[Cause, str]]
    labels: Sequence[str]
    members: Sequence[Member]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """Everything the queue shows."""

    wanted: WorkFilter
    rows: Sequence[QueueRow]
    tabs: Sequence[TabLink]
    views: Sequence[tuple[SavedView, str]]
    """A member's saved views, with where each leads."""
    choices: Choices
    here: str
    """The address of what is shown, to return to."""
    next_href: str
    """Where the list goes on; empty: it ends here."""
    top_href: str
    """Back to the list's top; empty: this is it."""
    empty: Empty
    simulator_href: str
    """Where traffic can be made; empty: nowhere."""
    is_alone: bool
    """Whether the reader is the tenant's only member."""

    @property
    def is_filtered(self) -> bool:
        """Whether anything beside the tab narrows the list."""
        return bool(self.parameters.keys() - {"tab"})

    @property
    def parameters(self) -> Mapping[str, str]:
        """The filter as parameters of an address."""
        return write_filter(self.wanted)

    @property
    def plain_href(self) -> str:
        """The tab without a filter."""
        return address(WorkFilter(tab=self.wanted.tab))

    @property
    def times(self) -> Sequence[str]:
        """What to snooze until, for a start."""
        return TIMES


async def show(visit: Visit) -> Response:
    """Show the queue, or only what changes while it is open."""
    wanted = read_filter(visit.request.query_params)
    async with visit.tx() as tx:
        view = await load_view(tx, visit, wanted)
    return visit.page("_queue_live.html" if visit.is_fragment else "queue.html", queue=view, sounds=SOUNDS)


async def load_view(tx: Tx, visit: Visit, wanted: WorkFilter) -> QueueView:
    """Load what the queue shows with a filter."""
    me, now = visit.member, visit.reader.now
    place = read_place(visit.query("after"))
    found = await list_work(tx, wanted, me.id, now, limit=PAGE_ROWS + 1, after=place)
    items, more = found[:PAGE_ROWS], len(found) > PAGE_ROWS
    present = await list_present(tx, [each.conversation_id for each in items], me.id, now)
    home, members = await get_home(tx), await list_members(tx)
    views = await list_views(tx, me)
    return QueueView(
        wanted=wanted,
        rows=[_row(each, present.get(each.conversation_id, ()), now) for each in items],
        tabs=_tabs(await count_work(tx, me.id, now), wanted),
        views=[(each, address(read_filter(each.filter))) for each in views],
        choices=_choices(home, await list_labels(tx), members),
        here=address(wanted, place),
        next_href=address(wanted, items[-1].place) if more else "",
        top_href=address(wanted) if place else "",
        empty="" if items else await _why_empty(tx, wanted),
        simulator_href=f"/simulator/{home.slug}/whatsapp" if visit.deps.settings.simulator_enabled else "",
        is_alone=len(members) == 1,
    )


async def tell_news(visit: Visit) -> Response:
    """Say what has come in since a time, for the title, the sound and the notification of every page."""
    now, me = visit.reader.now, visit.member
    try:
        since = datetime.fromisoformat(visit.query("since"))
    except ValueError:
        since = now
    async with visit.tx() as tx:
        counts = await count_work(tx, me.id, now)
        news = await find_news(tx, me.id, since if since.tzinfo else now, now)
    label = why(news.cause, news.reason) if news.count else ""
    text = visit.render("_queue_news.txt", news=news, label=label).strip() if news.count else ""
    newest_at = news.newest_at.isoformat() if news.newest_at else None
    answer = {"open": counts.mine + counts.unassigned, "fresh": news.count, "newest_at": newest_at, "text": text}
    return JSONResponse(answer, headers=HEADERS)


async def _why_empty(tx: Tx, wanted: WorkFilter) -> Empty:
    if not await has_traffic(tx):
        return "no traffic"
    return "filtered" if write_filter(wanted).keys() - {"tab"} else "nothing here"


def _row(item: WorkItem, present: Sequence[Present], now: datetime) -> QueueRow:
    window = item.window(now)
    counts_window = window and window.is_open and (window.closes_soon or window.closes_at <= item.due_at)
    ends_at = window.closes_at if window and counts_window else item.due_at
    return QueueRow(
        item=item,
        key=str(item.id if item.resolution else item.conversation_id),
        why=why(item.cause, item.reason),
        countdown="window" if counts_window else "due" if item.due_at > now else "late",
        ends_at=ends_at,
        is_pressing=ends_at - now < timedelta(minutes=15),
        is_window_closed=window is not None and not window.is_open,
        present=present,
    )


def _tabs(counts: WorkCounts, wanted: WorkFilter) -> Sequence[TabLink]:
    numbers: dict[Tab, int] = {
        "mine": counts.mine,
        "unassigned": counts.unassigned,
        "all": counts.all,
        "snoozed": counts.snoozed,
        "done": counts.done,
    }
    return [
        TabLink(
            name=tab, label=TAB_LABELS[tab], href=on_tab(wanted, tab), count=numbers[tab], is_partial=counts.is_partial
        )
        for tab in TABS
    ]


def _choices(home: Home, labels: Sequence[str], members: Sequence[Member]) -> Choices:
    return Choices(
        channels=CHANNELS,
        languages=home.languages,
        causes=[(cause, LABELS[cause]) for cause in CAUSES],
        labels=labels,
        members=members,
    )
