"""The page of a conversation: who it is with, its timeline and composer; and the list of all conversations."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from agent.errors import BadRequest
from agent.reply_window import ReplyWindow
from agent.store import composing, timeline
from agent.store.db import Tx
from agent.store.mail import find_original
from agent.store.media import find_served_media
from agent.store.members import list_members
from agent.store.timeline import Head, Listed, Place, Said
from agent.types import ConversationId, MediaId, MessageId
from channels.email_body import body_text
from channels.email_mime import read_mime
from channels.inbox.timeline_view import Entry, Read, Reading, arrange
from channels.inbox.visit import Visit
from channels.media_links import MediaKey, media_link

MAX_ORIGINAL_CHARS = 60_000
MAX_COLLEAGUES = 20
CONTEXT = 10
"""Messages shown before one that was looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineView:
    """A piece of a conversation's timeline."""

    conversation_id: ConversationId
    entries: tuple[Entry, ...]
    first_seq: int
    """Number of its first message; 0: there is none."""
    first_at: datetime | None
    newest_seq: int
    has_earlier: bool
    new_after: datetime | None
    """From when on messages are new to the reader."""
    is_end: bool
    """Whether it reaches to the newest message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drafts:
    """What the member was writing here."""

    reply: str
    reply_version: str
    note: str
    note_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationView:
    """The page."""

    head: Head
    window: ReplyWindow | None
    timeline: TimelineView
    found: TimelineView | None
    """The place that was looked for, if too much was said since for one timeline."""
    drafts: Drafts
    colleagues: Sequence[str]
    """Names of other members, to be mentioned in notes."""
    undo: Said | None
    """A message of the reader's, sent from the page before, that can still be taken back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListView:
    """The list of conversations, and where it goes on."""

    rows: Sequence[Listed]
    next_path: str
    """Empty: this is the end."""


async def show_list(visit: Visit) -> Response:
    """Show all conversations, the newest first."""
    async with visit.tx() as tx:
        rows = await timeline.list_recent(tx, _place(visit))
    last = rows[-1] if len(rows) == timeline.PAGE else None
    query = urlencode({"at": last.last_inbound_at.isoformat(), "id": last.id}) if last else ""
    view = ListView(rows=rows, next_path=f"/inbox/conversations?{query}" if query else "")
    return visit.page("_conversation_rows.html" if visit.is_fragment else "conversations.html", view=view)


def _place(visit: Visit) -> Place | None:
    if not visit.query("at"):
        return None
    try:
        return Place(at=datetime.fromisoformat(visit.query("at")), id=UUID(visit.query("id")))
    except ValueError as exc:
        raise BadRequest("There is no such place in the list.", status=404) from exc


async def show(visit: Visit) -> Response:
    """Show a conversation."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        seen_at = await composing.find_last_seen(tx, conversation_id, visit.member.id)
        sought = _number(visit, "at")
        said = await _list_said(tx, conversation_id, sought)
        is_shown = not sought or (said and said[0].seq <= sought)
        view = ConversationView(
            head=head,
            window=head.window(visit.deps.now()),
            timeline=await _view(tx, visit, head, said, new_after=seen_at),
            found=None if is_shown else await _view_around(tx, visit, head, sought),
            drafts=await load_drafts(tx, visit, conversation_id),
            colleagues=[each.name for each in await list_members(tx) if each.id != visit.member.id][:MAX_COLLEAGUES],
            undo=await _undoable(tx, visit),
        )
    return visit.page("conversation.html", view=view)


async def _list_said(tx: Tx, conversation_id: ConversationId, sought: int) -> Sequence[Said]:
    """Return the newest messages, back to the one that is looked for if that is not too long ago; 0: none is."""
    if not sought:
        return await timeline.list_newest(tx, conversation_id)
    before = await timeline.list_before(tx, conversation_id, sought, limit=CONTEXT)
    return await timeline.list_from(tx, conversation_id, before[0].seq if before else sought)


async def _view_around(tx: Tx, visit: Visit, head: Head, seq: int) -> TimelineView:
    """Read what was said around a message of long ago."""
    said = await timeline.list_around(tx, head.id, seq)
    until = said[-1].created_at if said else None
    return await _view(tx, visit, head, said, new_after=None, until=until, is_end=False)


async def _undoable(tx: Tx, visit: Visit) -> Said | None:
    """Return the message that the reader has just sent elsewhere, if it can still be taken back."""
    try:
        message_id = MessageId(UUID(visit.query("sent")))
    except ValueError:
        return None
    return await timeline.find_undoable(tx, message_id, visit.member.id, visit.deps.now())


async def load_head(tx: Tx, conversation_id: ConversationId) -> Head:
    """Return what holds for a conversation.

    Raises:
        BadRequest: with status 404, if this tenant has none such.
    """
    head = await timeline.load_head(tx, conversation_id)
    if head is None:
        raise BadRequest("There is no such conversation.", status=404)
    return head


async def load_drafts(tx: Tx, visit: Visit, conversation_id: ConversationId) -> Drafts:
    """Return what the member was writing in a conversation, on whatever device."""
    reply = await composing.find_draft(tx, conversation_id, visit.member.id, "reply")
    note = await composing.find_draft(tx, conversation_id, visit.member.id, "note")
    return Drafts(
        reply=reply.text if reply else "",
        reply_version=reply.updated_at.isoformat() if reply else "",
        note=note.text if note else "",
        note_version=note.updated_at.isoformat() if note else "",
    )


async def show_head(visit: Visit) -> Response:
    """Show the head of a conversation as it stands now."""
    async with visit.tx() as tx:
        head = await load_head(tx, ConversationId(visit.path_id("id")))
    return visit.page("_conversation_head.html", head=head, window=head.window(visit.deps.now()))


async def show_timeline(visit: Visit) -> Response:
    """Show the timeline from a message on, as it stands now."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        said = await timeline.list_from(tx, conversation_id, _number(visit, "from"))
        view = await _view(tx, visit, head, said, new_after=_moment(visit, "new"))
    return visit.page("_timeline.html", timeline=view)


async def show_earlier(visit: Visit) -> Response:
    """Show what was said before a message."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        before = _number(visit, "before")
        said = await timeline.list_before(tx, conversation_id, before)
        view = await _view(tx, visit, head, said, until=_moment(visit, "until"), new_after=None, is_end=False)
    return visit.page("_earlier.html", timeline=view)


async def _view(
    tx: Tx,
    visit: Visit,
    head: Head,
    said: Sequence[Said],
    *,
    new_after: datetime | None,
    until: datetime | None = None,
    is_end: bool = True,
) -> TimelineView:
    """Read what belongs to some messages, and put all of it in order."""
    first, last = (said[0].seq, said[-1].seq) if said else (0, 0)
    earlier = await timeline.list_before(tx, head.id, first, limit=1) if first else ()
    thoughts = await timeline.list_thoughts(tx, head.id, first, last) if said else ()
    since = said[0].created_at if earlier else None
    happened = await timeline.list_happened(tx, head.id, since, until)
    settings = visit.deps.settings
    reading = Reading(
        member=visit.member,
        now=visit.deps.now(),
        new_after=new_after,
        langfuse=settings.langfuse_base_url if settings.langfuse_public_key else "",
    )
    return TimelineView(
        conversation_id=head.id,
        entries=arrange(Read(messages=said, thoughts=thoughts, happened=happened), reading),
        first_seq=first,
        first_at=said[0].created_at if said else None,
        newest_seq=head.newest_seq,
        has_earlier=bool(earlier),
        new_after=new_after,
        is_end=is_end,
    )


async def show_original(visit: Visit) -> Response:
    """Show a mail as it came, with the history that it quotes."""
    async with visit.tx() as tx:
        original = await find_original(tx, MessageId(visit.path_id("id")))
    if original is None:
        raise BadRequest("The mail is no longer kept as it came.", status=404)
    text = await asyncio.to_thread(lambda: body_text(read_mime(original)))
    return visit.page("_original.html", text=text[:MAX_ORIGINAL_CHARS])


async def open_media(visit: Visit) -> Response:
    """Lead to a file by a link that is good for a few minutes."""
    media_id = MediaId(visit.path_id("id"))
    async with visit.tx() as tx:
        found = await find_served_media(tx, media_id)
    if found is None:
        raise BadRequest("There is no such file.", status=404)
    key = MediaKey.load(visit.deps.settings.nightshift_home)
    return visit.go(media_link(key, visit.member.tenant_id, media_id, visit.deps.now()))


def _number(visit: Visit, name: str) -> int:
    text = visit.query(name, "0")
    if not text.isdecimal() or len(text) > 18:
        raise BadRequest("This address has no such place in it.")
    return int(text)


def _moment(visit: Visit, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(visit.query(name)) if visit.query(name) else None
    except ValueError as exc:
        raise BadRequest("This address has no such place in it.") from exc
