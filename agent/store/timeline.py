"""A conversation as staff read it: who it is with, what was said, what happened to it, and what the agent thought.

Reads only, bounded, under the tenant and the member of the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import DictRow

from agent.message_details import Details, details_from_json
from agent.reply_window import ReplyWindow, reply_window_of
from agent.store.consent import STANDING
from agent.store.db import Tx, fetch_one
from agent.types import (
    Author,
    Channel,
    ContactId,
    ConversationId,
    Direction,
    MediaId,
    MemberId,
    MessageId,
    Source,
    TurnId,
)

PAGE = 50
"""Messages shown at once; earlier ones are asked for."""
MOST = 400
"""Messages that a live part shows at most, however long it has been open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What holds for a conversation as a whole."""

    id: ConversationId
    contact_id: ContactId
    contact_name: str | None
    contact_address: str
    channel: Channel
    our_address: str
    language: str | None
    owner: Literal["agent", "staff"]
    assignee_id: MemberId | None
    assignee: str | None
    hand_back_at: datetime | None
    labels: Sequence[str]
    last_inbound_at: datetime | None
    turn_state: str
    suppressed_since: datetime | None
    suppression_reason: str | None
    escalation_id: UUID | None
    """The open request for a person, if there is one."""
    newest_seq: int
    """Number of the newest message that stands; 0: none."""
    has_turn: bool
    """Whether the agent has read anything of it yet."""

    @property
    def name(self) -> str:
        """What staff call the contact."""
        return self.contact_name or self.contact_address

    def window(self, now: datetime) -> ReplyWindow | None:
        """Return how long free text may still be sent; None: the channel has no limit."""
        return reply_window_of(self.channel, self.last_inbound_at, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of a message. `id` is None for one that is elsewhere, at `url`."""

    content_type: str
    filename: str | None
    id: MediaId | None = None
    url: str = ""
    size: int | None = None
    state: str = "stored"
    reason: str = ""
    transcript: str | None = None

    @property
    def shown_as(self) -> Literal["image", "audio", "video", "file"]:
        """How a page shows it."""
        kind = self.content_type.partition("/")[0]
        known: dict[str, Literal["image", "audio", "video"]] = {"image": "image", "audio": "audio", "video": "video"}
        return known.get(kind, "file") if self.id and self.state == "stored" else "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A message, either direction; what is None does not apply to its direction."""

    id: MessageId
    seq: int
    direction: Direction
    author: Author
    member: str | None
    """Who of staff sent it."""
    member_id: MemberId | None
    body: str
    subject: str | None
    language: str | None
    turn_id: TurnId | None
    created_at: datetime
    source: Source | None
    state: str | None
    model: str | None
    error: str | None
    not_before: datetime | None
    undo_until: datetime | None
    segments: int | None
    carriage_microusd: int | None
    kind: str
    details: Details
    hold: str
    trust: str
    template: str | None
    """Name of the template that was sent instead of the text."""
    has_original: bool
    """Whether the mail is kept as it was received."""
    files: Sequence[File] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Thought:
    """A turn with the result of each of its steps, and what its model calls took."""

    id: TurnId
    state: str
    last_seq: int
    trace_id: str
    attempts: int
    steps: Mapping[str, Any]
    decision: str | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    calls: int
    cost_microusd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """Something that was done to a conversation. `text` is what a member wrote, of notes."""

    id: str
    at: datetime
    kind: str
    who: str | None
    """The member's name; None: the agent, the prospect or the clock."""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


async def load_head(tx: Tx, conversation_id: ConversationId) -> Head | None:
    """Return what holds for a conversation; None: this tenant has none such."""
    row = await fetch_one(
        tx,
        f"""select c.id, c.contact_id, k.name as contact_name,
                  coalesce(c.contact_address, p.address) as contact_address,
                  a.channel, a.address as our_address, c.language, c.owner, c.assignee_id, m.name as assignee,
                  c.hand_back_at, c.labels, c.last_inbound_at, c.turn_state,
                  s.created_at as suppressed_since, s.reason as suppression_reason,
                  (select id from escalations where conversation_id = c.id and state = 'open') as escalation_id,
                  coalesce((select seq from messages
                            where conversation_id = c.id and state is distinct from 'superseded'
                            order by seq desc limit 1), 0) as newest_seq,
                  exists (select from turns where conversation_id = c.id) as has_turn
           from conversations c
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id
           join contacts k on k.id = c.contact_id
           left join members m on m.id = c.assignee_id
           {STANDING}
           where c.id = %s""",  # noqa: S608 — a constant of `consent`
        (conversation_id,),
    )
    return None if row is None else Head(**row)


_MESSAGE = """select m.id, m.seq, m.direction, m.author, who.name as member, m.member_id, m.body, m.subject, m.language,
       m.turn_id, m.created_at, m.source, m.state, m.draft->>'model' as model, m.error, m.not_before, m.undo_until,
       m.segments, m.carriage_microusd, m.kind, m.details, m.hold, m.trust, m.template->>'name' as template,
       exists (select from mail_originals o where o.message_id = m.id) as has_original,
       m.media as linked,
       case when m.media = '[]' and m.direction = 'inbound' then '[]' else coalesce(
           (select jsonb_agg(jsonb_build_object(
                'id', f.id, 'content_type', coalesce(f.content_type, f.announced_type), 'filename', f.filename,
                'size', f.size, 'state', f.state, 'reason', f.reason, 'transcript', f.transcript) order by f.position)
            from media f where f.message_id = m.id), '[]') end as kept
    from messages m left join members who on who.id = m.member_id"""
_SAID = f"""{_MESSAGE}
    where m.tenant_id = (select current_tenant()) and m.conversation_id = %(id)s
      and m.state is distinct from 'superseded'"""  # noqa: S608 — a constant of this module


async def list_newest(tx: Tx, conversation_id: ConversationId, limit: int = PAGE) -> Sequence[Said]:
    """Return the newest messages, oldest first."""
    return await _list(tx, f"{_SAID} order by m.seq desc limit %(limit)s", id=conversation_id, limit=limit)


async def list_from(tx: Tx, conversation_id: ConversationId, seq: int) -> Sequence[Said]:
    """Return message number `seq` and what came after it, oldest first, at most the newest `MOST`."""
    query = f"{_SAID} and m.seq >= %(seq)s order by m.seq desc limit %(limit)s"
    return await _list(tx, query, id=conversation_id, seq=seq, limit=MOST)


async def list_before(tx: Tx, conversation_id: ConversationId, seq: int, limit: int = PAGE) -> Sequence[Said]:
    """Return the messages before number `seq`, oldest first, at most the newest `limit`."""
    query = f"{_SAID} and m.seq < %(seq)s order by m.seq desc limit %(limit)s"
    return await _list(tx, query, id=conversation_id, seq=seq, limit=limit)


async def list_around(tx: Tx, conversation_id: ConversationId, seq: int, limit: int = PAGE) -> Sequence[Said]:
    """Return messages before number `seq`, it, and messages after it, oldest first: half of `limit` either way."""
    query = f"""{_SAID} and m.seq <= coalesce((
                select max(seq) from (
                    select seq from messages where conversation_id = %(id)s and seq >= %(seq)s
                    order by seq limit %(half)s) after), 0)
            order by m.seq desc limit %(limit)s"""  # noqa: S608 — a constant of this module
    return await _list(tx, query, id=conversation_id, seq=seq, half=limit // 2, limit=limit)


async def find_undoable(tx: Tx, message_id: MessageId, member_id: MemberId, now: datetime) -> Said | None:
    """Return a text of a member that can still be taken back; None: there is none such."""
    query = f"""{_MESSAGE} where m.id = %(id)s and m.member_id = %(member)s and m.author = 'staff'
                and m.state = 'pending' and m.undo_until > %(now)s"""
    found = await _list(tx, query, id=message_id, member=member_id, now=now)
    return found[0] if found else None


async def _list(tx: Tx, query: str, **values: object) -> Sequence[Said]:
    cursor = await tx.execute(query.encode(), values)
    return [_said(row) for row in reversed(await cursor.fetchall())]


def _said(row: DictRow) -> Said:
    kept, linked = row.pop("kept"), row.pop("linked")
    files = [File(**{**each, "id": MediaId(UUID(each["id"]))}) for each in kept]
    if not files:
        known = {"url", "content_type", "filename"}
        files = [File(**{"filename": None, **{key: each[key] for key in known & each.keys()}}) for each in linked]
    return Said(**{**row, "details": details_from_json(row["details"]), "files": files})


async def list_thoughts(tx: Tx, conversation_id: ConversationId, first_seq: int, last_seq: int) -> Sequence[Thought]:
    """Return the turns over messages between two numbers, oldest first."""
    cursor = await tx.execute(
        """select t.id, t.state, t.last_seq, t.trace_id, t.attempts, t.steps, t.decision, t.reason, t.created_at,
                  t.finished_at, spent.calls, spent.cost_microusd
           from turns t cross join lateral (
               select count(*)::int as calls, coalesce(sum(cost_microusd), 0)::bigint as cost_microusd
               from model_calls where turn_id = t.id) spent
           where t.tenant_id = (select current_tenant()) and t.conversation_id = %s
             and t.last_seq >= %s and t.first_seq <= %s
           order by t.created_at limit %s""",
        (conversation_id, first_seq, last_seq, MOST),
    )
    return [Thought(**row) for row in await cursor.fetchall()]


SHOWN_EVENTS = (
    "conversation.taken_over",
    "conversation.handed_back",
    "conversation.assigned",
    "conversation.labelled",
    "conversation.unlabelled",
    "conversation.flagged",
    "escalation.snoozed",
    "escalation.reopened",
    "staff.taken_back",
    "staff.stopped",
    "proposal.taken",
    "window.closed",
    "delivery.gave_up",
    "mail.other_sender",
    "turn.waits",
    "contact.merged",
)
"""Kinds of events that a conversation's page tells."""


async def list_happened(
    tx: Tx, conversation_id: ConversationId, after: datetime | None, until: datetime | None
) -> Sequence[Happened]:
    """Return what happened to a conversation in a span of time, oldest first: deeds, requests for a person, notes."""
    cursor = await tx.execute(
        """select * from (
               select 'event-' || e.id as id, e.at, e.kind, m.name as who, '' as text, e.data
               from events e left join members m
                 on e.actor like 'member:%%' and m.id::text = substr(e.actor, 8)
               where e.conversation_id = %(id)s and e.kind = any(%(kinds)s)
               union all
               select 'asked-' || id, created_at, 'escalation.opened', null, '', jsonb_build_object(
                   'reason', reason, 'turn', turn_id)
               from escalations where conversation_id = %(id)s
               union all
               select 'settled-' || e.id, e.resolved_at, 'escalation.' || e.resolution, m.name, '', '{}'
               from escalations e left join members m on m.id = e.resolved_by
               where e.conversation_id = %(id)s and e.resolution is not null
               union all
               select 'note-' || n.id, n.created_at, 'note', m.name, n.body, '{}'
               from notes n left join members m on m.id = n.member_id where n.conversation_id = %(id)s
           ) happened
           where (%(after)s::timestamptz is null or at >= %(after)s)
             and (%(until)s::timestamptz is null or at < %(until)s)
           order by at desc, id desc limit %(limit)s""",
        {"id": conversation_id, "kinds": list(SHOWN_EVENTS), "after": after, "until": until, "limit": MOST},
    )
    return [Happened(**row) for row in reversed(await cursor.fetchall())]


# --- the list of all conversations ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A conversation in the list."""

    id: ConversationId
    name: str
    channel: Channel
    owner: Literal["agent", "staff"]
    assignee: str | None
    labels: Sequence[str]
    last_inbound_at: datetime
    said: str | None
    """The beginning of what was said last."""
    said_by: Author | None
    is_asked: bool
    """Whether a person is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in the list: what comes after it is next."""

    at: datetime
    id: UUID


async def list_recent(tx: Tx, after: Place | None = None, limit: int = PAGE) -> Sequence[Listed]:
    """Return the tenant's conversations, those in which prospects wrote last first, from after a place on."""
    cursor = await tx.execute(
        """select c.id, coalesce(k.name, c.contact_address, p.address) as name, a.channel, c.owner,
                  m.name as assignee, c.labels, c.last_inbound_at, last.said, last.author as said_by,
                  exists (select from escalations where conversation_id = c.id and state = 'open') as is_asked
           from (
               select * from conversations
               where tenant_id = (select current_tenant()) and last_inbound_at is not null
                 and (%(at)s::timestamptz is null
                      or (last_inbound_at <= %(at)s and (last_inbound_at < %(at)s or id > %(id)s)))
               order by last_inbound_at desc nulls last, id limit %(limit)s) c
           cross join lateral (select channel from channel_accounts where id = c.channel_account_id limit 1) a
           cross join lateral (select address from contact_points where id = c.contact_point_id limit 1) p
           cross join lateral (select name from contacts where id = c.contact_id limit 1) k
           left join members m on m.id = c.assignee_id
           left join lateral (
               select left(body, 160) as said, author from messages
               where conversation_id = c.id and state is distinct from 'superseded'
               order by seq desc limit 1) last on true
           order by c.last_inbound_at desc nulls last, c.id""",
        {"at": after.at if after else None, "id": after.id if after else None, "limit": limit},
    )
    return [Listed(**row) for row in await cursor.fetchall()]
