"""The queue: open requests for a person, the most pressing first; those snoozed; those done.

A list is read in the order of an index and joined row by row (`lateral … limit 1`), so that its cost depends on the
rows shown, not on how many conversations there are. What no filter can bound is bounded by `SCANNED`.
A snoozed request is back in the queue when its time has come, or once the prospect has written.
"""

# ruff: noqa: S608 — queries are put together from constants of this module

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from agent.reply_window import ReplyWindow, reply_window_of
from agent.store.db import Tx, fetch_one
from agent.types import Channel, ConversationId, MemberId

Tab = Literal["mine", "unassigned", "all", "snoozed", "done"]

SCANNED = 5000
"""At most so many requests are looked through for those that a filter wants."""
COUNTED = 500
"""Above so many, it is only said that there are more."""
PREVIEW_CHARS = 180
PRESENT_FOR = timedelta(seconds=30)
"""Somebody whose browser has not called for so long is not there any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkFilter:
    """Which requests are wanted; None: any."""

    tab: Tab = "all"
    channel: str | None = None
    language: str | None = None
    cause: str | None = None
    label: str | None = None
    assignee: MemberId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a list goes on: the sort key of the last row that was shown."""

    at: datetime
    risk: int
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkItem:
    """A row of the queue."""

    id: UUID
    conversation_id: ConversationId
    reason: str
    cause: str
    risk: int
    due_at: datetime
    waiting_since: datetime
    back_at: datetime | None
    """When it comes back, while it is snoozed."""
    value: str
    resolution: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    """The member's name."""
    has_draft: bool
    channel: Channel
    contact_name: str | None
    contact_address: str
    language: str | None
    labels: Sequence[str]
    is_urgent: bool
    owner: Literal["agent", "staff"]
    assignee_id: MemberId | None
    assignee: str | None
    """The member's name."""
    last_inbound_at: datetime | None
    said: str | None
    """What the prospect said last, its beginning: untrusted."""
    sort_at: datetime

    @property
    def place(self) -> Place:
        """Where the list goes on after this row."""
        return Place(at=self.sort_at, risk=self.risk, id=self.id)

    def window(self, now: datetime) -> ReplyWindow | None:
        """Return how long free text may still be sent; None: the channel has no limit."""
        return reply_window_of(self.channel, self.last_inbound_at, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkCounts:
    """How many requests are under each tab."""

    mine: int
    unassigned: int
    all: int
    snoozed: int
    done: int
    """In the last 24 hours."""
    is_partial: bool
    """Whether there are more than were counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Requests that are new to somebody."""

    count: int
    newest_at: datetime | None
    cause: str = ""
    reason: str = ""
    contact_name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """A member who has a conversation open."""

    name: str
    mode: Literal["viewing", "editing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """Whose queue it is."""

    slug: str
    languages: Sequence[str]
    """What the tenant answers in."""


_EARLIEST = Place(at=datetime(1970, 1, 1, tzinfo=UTC), risk=0, id=UUID(int=0))
_LATEST = Place(at=datetime(9999, 1, 1, tzinfo=UTC), risk=0, id=UUID(int=0))

_SNOOZED = """(e.snoozed_until > %(now)s and (c.last_inbound_at is null or c.last_inbound_at <= e.snoozed_at))"""
_JOINED = """
    cross join lateral (
        select language, labels, is_urgent, owner, assignee_id, last_inbound_at, contact_id, contact_address,
               contact_point_id, channel_account_id
        from conversations where id = e.conversation_id limit 1) c
    cross join lateral (select channel from channel_accounts where id = c.channel_account_id limit 1) a"""
_WANTED = """
        (%(channel)s::text is null or a.channel = %(channel)s)
    and (%(language)s::text is null or c.language = %(language)s)
    and (%(cause)s::text is null or e.cause = %(cause)s)
    and (%(label)s::text is null or c.labels @> array[%(label)s::text])
    and (%(assignee)s::uuid is null or c.assignee_id = %(assignee)s)"""
_SHOWN = f"""
    select e.id, e.conversation_id, e.reason, e.cause, e.risk, e.due_at, e.waiting_since,
           case when {_SNOOZED} then e.snoozed_until end as back_at,
           e.value, e.resolution, e.resolved_at, e.draft is not null as has_draft, e.resolved_by as resolver_id,
           c.*, a.channel, e.sort_at
    from wanted e {_JOINED} where {_WANTED}"""
_SAID = """
    select p.id, p.conversation_id, p.reason, p.cause, p.risk, p.due_at, p.waiting_since, p.back_at, p.value,
           p.resolution, p.resolved_at, resolver.name as resolved_by, p.has_draft, p.channel,
           contact.name as contact_name, coalesce(p.contact_address, point.address) as contact_address, p.language,
           p.labels, p.is_urgent, p.owner, p.assignee_id, assignee.name as assignee, p.last_inbound_at, said.said,
           p.sort_at
    from picked p
    cross join lateral (select name from contacts where id = p.contact_id limit 1) contact
    cross join lateral (select address from contact_points where id = p.contact_point_id limit 1) point
    left join members assignee on assignee.id = p.assignee_id
    left join members resolver on resolver.id = p.resolver_id
    left join lateral (
        select left(body, %(preview)s) as said from messages
        where conversation_id = p.conversation_id and direction = 'inbound' order by seq desc limit 1) said on true"""
_BY_DEADLINE = f"""
with wanted as (
    select *, due_at as sort_at from escalations
    where tenant_id = (select current_tenant()) and state = 'open'
      and (due_at, risk, id) > (%(at)s::timestamptz, %(risk)s::smallint, %(id)s::uuid)
    order by due_at, risk, id limit %(scanned)s),
picked as ({_SHOWN} and not coalesce({_SNOOZED}, false)
      and (%(tab)s <> 'mine' or c.assignee_id = %(me)s) and (%(tab)s <> 'unassigned' or c.assignee_id is null)
    order by e.due_at, e.risk, e.id limit %(limit)s)
{_SAID} order by p.due_at, p.risk, p.id"""
_BY_RETURN = f"""
with wanted as (
    select *, snoozed_until as sort_at from escalations
    where tenant_id = (select current_tenant()) and state = 'open' and snoozed_until is not null
      and snoozed_until > %(now)s
      and (snoozed_until, id) > (%(at)s::timestamptz, %(id)s::uuid)
    order by snoozed_until, id limit %(scanned)s),
picked as ({_SHOWN} and {_SNOOZED} order by e.snoozed_until, e.id limit %(limit)s)
{_SAID} order by p.sort_at, p.id"""
_BY_END = f"""
with wanted as (
    select *, resolved_at as sort_at from escalations
    where tenant_id = (select current_tenant()) and state = 'resolved'
      and (resolved_at, id) < (%(at)s::timestamptz, %(id)s::uuid)
    order by resolved_at desc, id desc limit %(scanned)s),
picked as ({_SHOWN} order by e.resolved_at desc, e.id desc limit %(limit)s)
{_SAID} order by p.sort_at desc, p.id desc"""
_QUERIES: Mapping[Tab, str] = {
    "mine": _BY_DEADLINE,
    "unassigned": _BY_DEADLINE,
    "all": _BY_DEADLINE,
    "snoozed": _BY_RETURN,
    "done": _BY_END,
}
_COUNTS = f"""
with opened as (
    select conversation_id, snoozed_until, snoozed_at from escalations
    where tenant_id = (select current_tenant()) and state = 'open' order by due_at, risk, id limit %(counted)s),
placed as (
    select coalesce({_SNOOZED}, false) as away, c.assignee_id from opened e
    cross join lateral (
        select assignee_id, last_inbound_at from conversations where id = e.conversation_id limit 1) c)
select count(*) filter (where not away)::int as "all", count(*) filter (where away)::int as snoozed,
       count(*) filter (where not away and assignee_id is null)::int as unassigned,
       count(*) filter (where not away and assignee_id = %(me)s)::int as mine,
       (select count(*)::int from (
            select from escalations where tenant_id = (select current_tenant()) and state = 'resolved'
              and resolved_at > %(day_ago)s order by resolved_at desc limit %(counted)s) ended) as done,
       count(*) >= %(counted)s as is_partial
from placed"""
_NEWS = f"""
with come as (
    (select conversation_id, created_at as at, cause, reason, snoozed_until, snoozed_at from escalations
     where tenant_id = (select current_tenant()) and state = 'open' and created_at > %(since)s
     order by created_at desc limit 100)
    union all
    (select conversation_id, snoozed_until, cause, reason, snoozed_until, snoozed_at from escalations
     where tenant_id = (select current_tenant()) and state = 'open' and snoozed_until is not null
       and snoozed_until > %(since)s and snoozed_until <= %(now)s and created_at <= %(since)s
     order by snoozed_until desc limit 100)),
fresh as (
    select e.at, e.cause, e.reason, c.contact_id from come e
    cross join lateral (
        select contact_id, assignee_id, last_inbound_at from conversations where id = e.conversation_id limit 1) c
    where (c.assignee_id is null or c.assignee_id = %(me)s) and not coalesce({_SNOOZED}, false))
select count(*) over ()::int as count, at as newest_at, cause, reason,
       (select name from contacts where id = contact_id) as contact_name
from fresh order by at desc limit 1"""


async def list_work(
    tx: Tx, wanted: WorkFilter, me: MemberId, now: datetime, *, limit: int, after: Place | None = None
) -> Sequence[WorkItem]:
    """Return the requests under a tab, at most `limit`, from the top or `after` a row."""
    place = after or (_LATEST if wanted.tab == "done" else _EARLIEST)
    values = _values(wanted, me, now) | {
        "limit": limit,
        "scanned": SCANNED,
        "preview": PREVIEW_CHARS,
        "at": place.at,
        "risk": place.risk,
        "id": place.id,
    }
    cursor = await tx.execute(_QUERIES[wanted.tab].encode(), values)
    return [WorkItem(**row) for row in await cursor.fetchall()]


async def count_work(tx: Tx, me: MemberId, now: datetime) -> WorkCounts:
    """Return how many requests are under each tab, of the `COUNTED` most pressing."""
    values = {"me": me, "now": now, "day_ago": now - timedelta(days=1), "counted": COUNTED}
    row = await fetch_one(tx, _COUNTS.encode(), values)
    if row is None:
        raise RuntimeError("counting returned no row")
    return WorkCounts(**row)


async def find_news(tx: Tx, me: MemberId, since: datetime, now: datetime) -> News:
    """Return what has come into the queue since a time, or come back to it, that is a member's own or nobody's."""
    row = await fetch_one(tx, _NEWS.encode(), {"me": me, "since": since, "now": now})
    return News(count=0, newest_at=None) if row is None else News(**row)


async def list_present(
    tx: Tx, ids: Sequence[ConversationId], me: MemberId, now: datetime
) -> Mapping[ConversationId, Sequence[Present]]:
    """Return which colleagues have which of some conversations open, those who write first."""
    cursor = await tx.execute(
        """select p.conversation_id, m.name, p.mode from presence p join members m on m.id = p.member_id
           where p.conversation_id = any(%s) and p.member_id <> %s and p.seen_at > %s and p.left_at is null
           order by p.mode, m.name""",
        (list(ids), me, now - PRESENT_FOR),
    )
    present: dict[ConversationId, list[Present]] = {}
    for row in await cursor.fetchall():
        present.setdefault(row["conversation_id"], []).append(Present(name=row["name"], mode=row["mode"]))
    return present


async def get_home(tx: Tx) -> Home:
    """Return whose queue the transaction sees.

    Raises:
        LookupError: nobody's.
    """
    row = await fetch_one(
        tx,
        """select slug, coalesce(profile->'languages', '[]') as languages from tenants
           where id = (select current_tenant())""",
    )
    if row is None:
        raise LookupError("the transaction belongs to no tenant")
    return Home(**row)


async def has_traffic(tx: Tx) -> bool:
    """Whether anybody has ever written to the tenant."""
    row = await fetch_one(
        tx,
        """select id from conversations where tenant_id = (select current_tenant())
           order by last_inbound_at desc nulls last limit 1""",
    )
    return row is not None


async def find_mail_address(tx: Tx) -> str | None:
    """Return the tenant's own address that mails leave from; None: it has none that a provider serves."""
    row = await fetch_one(
        tx,
        """select address from channel_accounts where tenant_id = (select current_tenant())
             and channel = 'email' and provider = 'email' order by address limit 1""",
    )
    return row["address"] if row else None


def _values(wanted: WorkFilter, me: MemberId, now: datetime) -> dict[str, Any]:
    return {
        "tab": wanted.tab,
        "channel": wanted.channel,
        "language": wanted.language,
        "cause": wanted.cause,
        "label": wanted.label,
        "assignee": wanted.assignee,
        "me": me,
        "now": now,
    }
