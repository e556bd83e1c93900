"""The composer below a conversation: what a member writes is kept, previewed, checked, sent, and can be taken back.

Parses forms and shows outcomes; whether a text may leave is decided in `agent.staff.sending`.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from starlette.responses import Response

from agent.errors import BadRequest
from agent.staff.canned import VariableError, fill, in_language, known_values
from agent.staff.members import Member
from agent.staff.notes import add_note
from agent.staff.preview import Preview, PriceChoice, fill_variables, list_prices, load_writing_turn, preview
from agent.staff.sending import Moved, NotReadable, Objected, Outcome, Sent, StaffText, send_as_staff, take_back
from agent.staff.snooze import SnoozeError, parse_snooze
from agent.store import composing, timeline
from agent.store.composing import Mode, Present
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.types import ConversationId, MediaId, MessageId, Turn
from channels.inbox.conversation_page import load_drafts, load_head
from channels.inbox.spans import Piece, mark_spans
from channels.inbox.visit import Visit

MAX_TEXT = 20_000
OVERRIDE = "override:"
"""How the fields begin that give a reason for a warning; its rule follows."""


# --- while writing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class WritingView:
    """What is shown beside a text that is being written."""

    mode: Mode
    version: str
    elsewhere: str | None
    """What the member wrote meanwhile on another device; None: nothing else."""
    preview: Preview | None
    pieces: Sequence[Piece]
    """The text as it would leave, with what is objected to marked."""
    is_rendered: bool
    """Whether it reads otherwise than it was written."""
    problem: str


async def note_writing(visit: Visit) -> Response:
    """Keep what a member has written so far, let colleagues know, and say what would come of it."""
    conversation_id, mode = ConversationId(visit.path_id("id")), _mode(visit)
    text = _typed(visit)
    async with visit.tx() as tx:
        await load_head(tx, conversation_id)
        kept = await composing.save_draft(
            tx, visit.member, conversation_id, mode, text, base=_version(visit.field("version"))
        )
        mine = None if kept else await composing.find_draft(tx, conversation_id, visit.member.id, mode)
        is_editing = bool(text.strip()) and mode == "reply"
        await _be_present(tx, visit, conversation_id, "editing" if is_editing else "viewing")
        seen = await _preview(tx, visit, conversation_id, text) if is_editing else None
    shown = seen if isinstance(seen, Preview) else None
    view = WritingView(
        mode=mode,
        version=kept.updated_at.isoformat() if kept else visit.field("version"),
        elsewhere=mine.text if mine else None,
        preview=shown,
        pieces=mark_spans(shown.objected) if shown else (),
        is_rendered=bool(shown and shown.objected.text != text.strip()),
        problem=seen.problem if isinstance(seen, NotReadable) else "",
    )
    return visit.page("_writing.html", view=view)


async def _preview(tx: Tx, visit: Visit, conversation_id: ConversationId, text: str) -> Preview | NotReadable | None:
    turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
    if turn is None:
        return None
    filled = fill_variables(text, turn, visit.member)
    if isinstance(filled, NotReadable):
        return filled
    return await preview(tx, StaffText(conversation_id=conversation_id, text=filled, seen_seq=0), turn, visit.deps)


async def show_drafts(visit: Visit) -> Response:
    """Show the composer's fields as they were last kept, on whatever device."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        drafts = await load_drafts(tx, visit, conversation_id)
    return visit.page("_drafts.html", drafts=drafts)


# --- who is here ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class PresenceView:
    """Who else has the conversation open."""

    conversation_id: ConversationId
    others: Sequence[Present]
    writer: Present | None
    """A colleague who has written for longer than the member."""
    asked: bool
    """Whether the member has asked the writer to yield."""
    askers: Sequence[Present]
    """Colleagues who ask the member to yield."""


async def show_presence(visit: Visit) -> Response:
    """Note that a member is here, or that they ask or yield, and show who else is."""
    conversation_id = ConversationId(visit.path_id("id"))
    mode: Literal["viewing", "editing"] = "editing" if visit.field("presence") == "editing" else "viewing"
    asks = visit.field("act") == "ask"
    async with visit.tx() as tx:
        await load_head(tx, conversation_id)
        if visit.field("act") == "leave":
            await _leave(tx, visit, conversation_id)
            return Response(status_code=204)
        if visit.field("act") == "yield":
            mode = "viewing"
        await _be_present(tx, visit, conversation_id, mode, asks=asks)
        view = _presence(visit.member, conversation_id, await composing.list_present(tx, conversation_id))
    return visit.page("_presence.html", view=view)


async def _be_present(
    tx: Tx, visit: Visit, conversation_id: ConversationId, mode: Literal["viewing", "editing"], *, asks: bool = False
) -> None:
    """Note a member's presence; colleagues' pages learn of it when it is news."""
    if await composing.note_presence(tx, visit.member, conversation_id, mode, asks=asks) and (
        asks or len(await composing.list_present(tx, conversation_id)) > 1
    ):
        await insert_event(
            tx,
            visit.member.tenant_id,
            "presence.asked" if asks else f"presence.{mode}",
            actor=visit.member.actor,
            conversation_id=conversation_id,
        )


async def _leave(tx: Tx, visit: Visit, conversation_id: ConversationId) -> None:
    me = visit.member
    if await composing.leave(tx, me, conversation_id) and await composing.list_present(tx, conversation_id):
        await insert_event(tx, me.tenant_id, "presence.left", actor=me.actor, conversation_id=conversation_id)


def _presence(member: Member, conversation_id: ConversationId, present: Sequence[Present]) -> PresenceView:
    me = next((each for each in present if each.member_id == member.id), None)
    others = [each for each in present if each.member_id != member.id]
    writer = find_claim(present, member)
    i_write = bool(me and me.editing_since and writer is None)
    return PresenceView(
        conversation_id=conversation_id,
        others=others,
        writer=writer,
        asked=bool(writer and me and me.asked_at),
        askers=[each for each in others if each.asked_at] if i_write else (),
    )


def find_claim(present: Sequence[Present], member: Member) -> Present | None:
    """Return the colleague who has written for longest, if that is not the member."""
    first = next((each for each in present if each.editing_since), None)
    return first if first and first.member_id != member.id else None


# --- sending -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedView:
    """Why a text was not sent. It stays in its field."""

    objected: Objected | None = None
    pieces: Sequence[Piece] = ()
    reasons: Mapping[str, str] | None = None
    """Reasons given so far, by rule."""
    news: Sequence[timeline.Said] = ()
    """What has been said since the writer looked."""
    newest_seq: int = 0
    writer: Present | None = None
    problem: str = ""


async def send(visit: Visit) -> Response:
    """Send a text, now or later; or show what stands against it."""
    conversation_id = ConversationId(visit.path_id("id"))
    wanted = await _wanted(visit, conversation_id)
    if isinstance(wanted, RefusedView):
        return visit.page("_refused.html", view=wanted)
    outcome = await attempt(send_as_staff(wanted, visit.member, visit.deps))
    if isinstance(outcome, Sent):
        return await _sent(visit, conversation_id, outcome)
    return await show_refusal(visit, outcome, conversation_id, wanted.seen_seq, wanted.overrides)


async def attempt(sending: Awaitable[Outcome]) -> Outcome:
    """Return what came of sending; of a conversation that the agent has not read yet, that it cannot be done."""
    try:
        return await sending
    except LookupError:
        return NotReadable(problem="The agent has not read this conversation yet. Wait a moment and try again.")


async def show_refusal(
    visit: Visit,
    refused: Moved | Objected | NotReadable,
    conversation_id: ConversationId,
    seen_seq: int,
    reasons: Mapping[str, str] | None = None,
) -> Response:
    """Show what stands against a text, with the `reasons` that were given for its warnings."""
    match refused:
        case Moved(newest_seq=newest_seq):
            async with visit.tx() as tx:
                said = await timeline.list_from(tx, conversation_id, seen_seq + 1)
            view = RefusedView(news=said, newest_seq=newest_seq)
        case Objected():
            view = RefusedView(objected=refused, pieces=mark_spans(refused), reasons=reasons)
        case NotReadable(problem=problem):
            view = RefusedView(problem=problem)
    return visit.page("_refused.html", view=view)


async def _wanted(visit: Visit, conversation_id: ConversationId) -> StaffText | RefusedView:
    """Read what is to be sent, or say why it cannot be read."""
    seen = visit.field("seen_seq")
    send_at = _send_at(visit)
    if isinstance(send_at, RefusedView):
        return send_at
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        writer = find_claim(await composing.list_present(tx, conversation_id), visit.member)
        if writer and visit.field("despite") != str(writer.member_id):
            return RefusedView(writer=writer)
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
    text = fill_variables(_typed(visit), turn, visit.member) if turn else _typed(visit)
    if isinstance(text, NotReadable):
        return RefusedView(problem=text.problem)
    return StaffText(
        conversation_id=conversation_id,
        text=text,
        seen_seq=int(seen) if seen.isdecimal() else head.newest_seq,
        overrides={
            name.removeprefix(OVERRIDE): visit.field(name, longest=500)
            for name in visit.form
            if name.startswith(OVERRIDE)
        },
        send_at=send_at,
        take_over=bool(visit.field("take_over")),
        files=tuple(MediaId(each) for each in map(read_id, visit.form.get("file", ())) if each),
    )


def _send_at(visit: Visit) -> datetime | RefusedView | None:
    words = visit.field("send_at", longest=100)
    if not words:
        return None
    try:
        return parse_snooze(words, visit.deps.now(), visit.member.zone)
    except SnoozeError as exc:
        return RefusedView(problem=str(exc))


async def _sent(visit: Visit, conversation_id: ConversationId, sent: Sent) -> Response:
    """Say that it is on its way, and how long it can be taken back; or go on to the next conversation."""
    async with visit.tx() as tx:
        emptied = await composing.replace_draft(tx, visit.member, conversation_id, "reply", "")
        await composing.note_presence(tx, visit.member, conversation_id, "viewing")
        following = await composing.find_next_open(tx, conversation_id, visit.deps.now())
    if visit.field("then") == "next":
        answer = Response(status_code=204)
        target = f"/inbox/conversations/{following}" if following else "/inbox"
        answer.headers["hx-redirect"] = f"{target}?sent={sent.message_id}"
        return answer
    version = emptied.updated_at.isoformat()
    answer = visit.page("_sent.html", sent=sent, version=version, typed=_typed(visit), now=visit.deps.now())
    answer.headers["hx-trigger-after-settle"] = "composer-sent"
    return answer


async def undo(visit: Visit) -> Response:
    """Take a text back, and put it into the composer again."""
    message_id = MessageId(visit.path_id("id"))
    conversation_id = await take_back(message_id, visit.member, visit.deps)
    if conversation_id is None:
        return visit.page("_undone.html", is_undone=False, drafts=None, conversation_id=None)
    async with visit.tx() as tx:
        typed = _typed(visit)
        draft = await composing.find_draft(tx, conversation_id, visit.member.id, "reply")
        begun = draft.text if draft else ""
        text = "\n\n".join(dict.fromkeys(each for each in (typed, begun) if each))
        await composing.replace_draft(tx, visit.member, conversation_id, "reply", text)
        drafts = None if visit.query("elsewhere") else await load_drafts(tx, visit, conversation_id)
    return visit.page("_undone.html", is_undone=True, drafts=drafts, conversation_id=conversation_id)


async def keep_note(visit: Visit) -> Response:
    """Keep a note for colleagues."""
    conversation_id = ConversationId(visit.path_id("id"))
    try:
        async with visit.tx() as tx:
            await load_head(tx, conversation_id)
            await add_note(tx, conversation_id, _typed(visit), visit.member)
            emptied = await composing.replace_draft(tx, visit.member, conversation_id, "note", "")
    except ValueError as exc:
        return visit.page("_refused.html", view=RefusedView(problem=str(exc)))
    answer = visit.page("_noted.html", version=emptied.updated_at.isoformat())
    answer.headers["hx-trigger-after-settle"] = "composer-noted"
    return answer


# --- what can be inserted ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Insert:
    """A canned reply, filled. `problem`: why it cannot be, as it stands."""

    shortcut: str
    text: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class InsertsView:
    """All that the composer can insert."""

    replies: Sequence[Insert]
    prices: Sequence[PriceChoice]


async def show_inserts(visit: Visit) -> Response:
    """Show canned replies, filled for this contact, and the prices of today."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        await load_head(tx, conversation_id)
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
        canned = await composing.list_canned_replies(tx)
    if turn is None:
        return visit.page("_inserts.html", view=InsertsView(replies=(), prices=()))
    language = turn.conversation.language or turn.tenant.default_language
    view = InsertsView(
        replies=[_insert(each, turn, language, visit.member) for each in canned],
        prices=list_prices(turn.tenant, turn.conversation.contact_address, language, visit.deps.now()),
    )
    return visit.page("_inserts.html", view=view)


def _insert(canned: composing.CannedReply, turn: Turn, language: str, member: Member) -> Insert:
    text = in_language(canned.body, language, turn.tenant.default_language)
    try:
        filled = fill(text, known_values(turn.conversation.contact, member, turn.tenant))
    except VariableError as exc:
        return Insert(shortcut=canned.shortcut, text=text, problem=str(exc))
    return Insert(shortcut=canned.shortcut, text=filled)


def _typed(visit: Visit) -> str:
    return visit.field("text", longest=MAX_TEXT)


def _mode(visit: Visit) -> Mode:
    return "note" if visit.field("mode") == "note" else "reply"


def _version(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as exc:
        raise BadRequest("This page is too old. Reload it and try again; what you wrote is kept.") from exc


def read_id(text: str) -> UUID | None:
    """Return an id that a form names; None: it names none."""
    try:
        return UUID(text)
    except ValueError:
        return None
