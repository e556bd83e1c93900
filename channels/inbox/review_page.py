"""Reviewing: the card on its own page and on the conversation's, and everything that can be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from agent.errors import BadRequest
from agent.escalation.ownership import hand_back, take_over
from agent.staff.preview import load_writing_turn
from agent.staff.reviewing import REJECTIONS, Rejection, reject_draft
from agent.staff.sending import Moved, NotReadable, Objected, Sent, StaffText, send_as_staff, take_back
from agent.store import desk, review_cards, reviews, timeline
from agent.store.db import Tx
from agent.store.review_cards import ReviewRequest
from agent.store.timeline import Said
from agent.templates.proposals import ProposalStale, take_proposal
from agent.types import ConversationId, MessageId
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.review_card import Card, Standing, digest_of, judge, load_card, state_of
from channels.inbox.review_words import REJECTIONS as REJECTION_WORDS
from channels.inbox.review_words import WHY_ANYWAY
from channels.inbox.visit import Visit

HOME = "/inbox/review"
MAX_TEXT = 20_000
MAX_REASON = 400
SETTLED = N_("Somebody has settled this, or changed the draft, while you looked. This is how it stands now.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why something was not done. What was typed is kept."""

    problem: str = ""
    """A message to translate, or a sentence."""
    news: Sequence[Said] = ()
    """What has been said since the reader looked."""
    standing: Standing | None = None
    """What speaks against the text that was to be sent."""
    typed: str | None = None
    """The edited text; None: the draft was to be sent as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewView:
    """The card, and the page around it."""

    card: Card
    place: str
    """`page`: its own; `conversation`: on top of the conversation."""
    refusal: Refusal = Refusal()
    waiting: int = 0
    """Requests that wait for somebody."""
    undo: MessageId | None = None
    """What the reader has just sent, and can take back."""
    rejections: Mapping[Rejection, str] | None = None
    why_anyway: Sequence[str] = ()


# --- pages -----------------------------------------------------------------------------------------------------------


async def show_next(visit: Visit) -> Response:
    """Go to the request that is to be seen next, or next after the one that is skipped; say so if there is none."""
    skipped, now, member_id = _id(visit.query("after", longest=40)), visit.deps.now(), visit.member.id
    before = _id(visit.query("before", longest=40))
    if before:
        async with visit.tx() as tx:
            found = await review_cards.find_previous_request(tx, now, before=before, member_id=member_id)
        return visit.go(f"{HOME}/{found or before}")
    async with visit.tx() as tx:
        found = await review_cards.find_next_request(tx, now, after=skipped, member_id=member_id)
        if found is None and skipped:  # there is no other
            found = await review_cards.find_next_request(tx, now, member_id=member_id)
    sent = visit.query("sent", longest=40)
    if visit.is_fragment:
        return visit.page("_review_news.html", found=found)
    if found:
        return visit.go(f"{HOME}/{found}{f'?sent={sent}' if sent else ''}")
    return visit.page("review_empty.html", undo=_id(sent))


async def show_neighbour(visit: Visit) -> Response:
    """Go from a conversation to that which waits next, or with `way=back` to the one before; else to the queue."""
    now, member_id = visit.deps.now(), visit.member.id
    async with visit.tx() as tx:
        here = await review_cards.find_last_request(tx, _conversation(visit))
        if here and visit.query("way") == "back":
            found = await review_cards.find_previous_request(tx, now, before=here, member_id=member_id)
        else:
            found = await review_cards.find_next_request(tx, now, after=here, member_id=member_id)
        request = await review_cards.find_request(tx, found) if found else None
    return visit.go(f"/inbox/conversations/{request.conversation_id}" if request else "/inbox")


async def show(visit: Visit) -> Response:
    """Show a request on a page of its own."""
    async with visit.tx() as tx:
        request = await review_cards.find_request(tx, visit.path_id("request"))
        view = await _view(tx, visit, request, place="page")
    return visit.page("review.html", view=view)


async def show_card(visit: Visit) -> Response:
    """Show what a person is asked about a conversation; nothing, if nobody is asked."""
    async with visit.tx() as tx:
        request = await review_cards.find_open_request(tx, _conversation(visit))
        if request is None:
            return visit.page("_review_none.html")
        view = await _view(tx, visit, request, place="conversation")
    return visit.page("_review.html", view=view)


async def show_state(visit: Visit) -> Response:
    """Say whether a card still shows how things stand. Asked at every change of the conversation.

    On a page of its own a card is about one request (`request`), on the conversation's about whichever is open.
    """
    own = _id(visit.query("request", longest=40))
    async with visit.tx() as tx:
        request = await _find(tx, own, _conversation(visit)) if own else None
        if own is None:
            request = await review_cards.find_open_request(tx, _conversation(visit))
        head = await timeline.load_head(tx, _conversation(visit))
    now = state_of(request, head) if request and head else ""
    return visit.page("_review_state.html", moved=now != visit.query("shown"))


async def _view(
    tx: Tx, visit: Visit, request: ReviewRequest | None, *, place: str, refusal: Refusal | None = None
) -> ReviewView:
    card = await load_card(tx, visit, request) if request else None
    if card is None:
        raise BadRequest("There is no such request here.", status=404)
    return ReviewView(
        card=card,
        place=place,
        refusal=refusal or Refusal(),
        waiting=await review_cards.count_waiting(tx, visit.deps.now()),
        undo=_id(visit.query("sent", longest=40)),
        rejections=REJECTION_WORDS,
        why_anyway=WHY_ANYWAY,
    )


# --- deciding --------------------------------------------------------------------------------------------------------


async def send(visit: Visit) -> Response:
    """Send the draft as it is, or as the member has edited it; or show what stands against it."""
    async with visit.tx() as tx:
        request = await _request(tx, visit)
    typed = visit.field("text", longest=MAX_TEXT) if "text" in visit.form else None
    seen = visit.field("seen_seq", longest=20)
    seen_seq = int(seen) if seen.isdecimal() else 0
    if request.state != "open" or digest_of(request.draft) != visit.field("digest", longest=64):
        news = await _list_news(visit, request, seen_seq)
        return await _refuse(visit, request, Refusal(problem=SETTLED, news=news, typed=typed))
    wanted = StaffText(
        conversation_id=request.conversation_id,
        text=request.draft or "" if typed is None else typed,
        seen_seq=seen_seq,
        draft=request.draft,
        reason=visit.field("why_edited", longest=MAX_REASON),
        overrides=_overrides(visit),
    )
    try:
        outcome = await send_as_staff(wanted, visit.member, visit.deps)
    except LookupError:
        return await _refuse(visit, request, Refusal(problem=N_("The agent has not read this yet."), typed=typed))
    match outcome:
        case Sent(message_id=message_id):
            return await _go_on(visit, request, sent=message_id)
        case Moved():
            news = await _list_news(visit, request, seen_seq)
            return await _refuse(visit, request, Refusal(news=news, typed=typed))
        case Objected():
            standing = await _judge(visit, request.conversation_id, wanted.text)
            return await _refuse(visit, request, Refusal(standing=standing, typed=typed))
        case NotReadable(problem=problem):
            return await _refuse(visit, request, Refusal(problem=problem, typed=typed))


async def _list_news(visit: Visit, request: ReviewRequest, seen_seq: int) -> Sequence[Said]:
    """Return what was said after the newest message that was on the member's screen."""
    async with visit.tx() as tx:
        return await timeline.list_from(tx, request.conversation_id, seen_seq + 1)


def _overrides(visit: Visit) -> dict[str, str]:
    """Return the reason that was given for every warning that was shown with the form."""
    reason = visit.field("why", longest=MAX_REASON) or visit.field("why_other", longest=MAX_REASON)
    return {rule: reason for rule in visit.form.get("warned", ()) if reason}


async def _judge(visit: Visit, conversation_id: ConversationId, text: str) -> Standing | None:
    async with visit.tx() as tx:
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
    return judge(text, turn, visit) if turn else None


async def reject(visit: Visit) -> Response:
    """Throw the draft away, with a reason."""
    async with visit.tx() as tx:
        request = await _request(tx, visit)
    reason = next((each for each in REJECTIONS if each == visit.field("reason", longest=40)), None)
    if reason is None:
        raise BadRequest("Say why: choose one of the six reasons.")
    comment = visit.field("comment", longest=MAX_REASON)
    if not await reject_draft(request.id, reason, visit.member, visit.deps, comment=comment):
        return await _refuse(visit, request, Refusal(problem=SETTLED))
    return await _go_on(visit, request)


async def take_proposed(visit: Visit) -> Response:
    """Send the template, or on the channel, that is proposed because the reply window has closed."""
    async with visit.tx() as tx:
        request = await _request(tx, visit)
    try:
        async with visit.tx() as tx:
            me = visit.member
            message_id = await take_proposal(tx, request.id, visit.deps, actor=me.actor, member_id=me.id)
            await desk.mark_as_staffs(tx, message_id, visit.member.id, undo_until=None)
    except ProposalStale as exc:
        return await _refuse(visit, request, Refusal(problem=str(exc)))
    return await _go_on(visit, request)


async def take(visit: Visit) -> Response:
    """Let the member answer from now on, in the conversation."""
    async with visit.tx() as tx:
        request = await _request(tx, visit)
        await take_over(tx, request.conversation_id, visit.member)
    return _redirect(visit, f"/inbox/conversations/{request.conversation_id}")


async def give_back(visit: Visit) -> Response:
    """Let the agent answer again, and go on to the next request."""
    async with visit.tx() as tx:
        request = await _request(tx, visit)
        await hand_back(tx, request.conversation_id, visit.member, visit.deps)
    return await _go_on(visit, request)


async def undo(visit: Visit) -> Response:
    """Take back what was just sent; its request is open again."""
    message_id = MessageId(visit.path_id("message"))
    taken = await take_back(message_id, visit.member, visit.deps)
    async with visit.tx() as tx:
        review = await reviews.find_review_of(tx, message_id)
    if taken is None:
        raise BadRequest("It has left already, so it cannot be taken back.", status=409)
    if review and review.escalation_id:
        return visit.go(f"{HOME}/{review.escalation_id}")
    return visit.go(f"/inbox/conversations/{taken}")


# --- shared ----------------------------------------------------------------------------------------------------------


async def _go_on(visit: Visit, request: ReviewRequest, *, sent: MessageId | None = None) -> Response:
    """Open what is to be decided next, in the place where the member decides."""
    async with visit.tx() as tx:
        found = await review_cards.find_next_request(tx, visit.deps.now(), after=request.id, member_id=visit.member.id)
        following = await review_cards.find_request(tx, found) if found else None
    said = f"?sent={sent}" if sent else ""
    if following is None:
        return _redirect(visit, f"{HOME}{said}")
    if visit.field("place", longest=20) == "conversation":
        return _redirect(visit, f"/inbox/conversations/{following.conversation_id}{said}")
    return _redirect(visit, f"{HOME}/{following.id}{said}")


async def _refuse(visit: Visit, request: ReviewRequest, refusal: Refusal) -> Response:
    """Show the card again as it stands now, with why nothing was done."""
    place = "conversation" if visit.field("place", longest=20) == "conversation" else "page"
    async with visit.tx() as tx:
        fresh = await review_cards.find_request(tx, request.id)
        view = await _view(tx, visit, fresh, place=place, refusal=refusal)
    return visit.page("_review.html" if visit.is_fragment else "review.html", view=view)


def _redirect(visit: Visit, path: str) -> Response:
    """Send the browser on, whether a form or the page's script asked."""
    if not visit.is_fragment:
        return visit.go(path)
    return Response(status_code=204, headers={"hx-redirect": path, "cache-control": "no-store"})


async def _request(tx: Tx, visit: Visit) -> ReviewRequest:
    """Return the request that a form is about.

    Raises:
        BadRequest: with status 404, if there is none such in this conversation.
    """
    wanted = _id(visit.field("request", longest=40))
    request = await _find(tx, wanted, _conversation(visit)) if wanted else None
    if request is None:
        raise BadRequest("There is no such request here.", status=404)
    return request


async def _find(tx: Tx, request_id: UUID, conversation_id: ConversationId) -> ReviewRequest | None:
    found = await review_cards.find_request(tx, request_id)
    return found if found and found.conversation_id == conversation_id else None


def _conversation(visit: Visit) -> ConversationId:
    return ConversationId(visit.path_id("id"))


def _id(text: str) -> MessageId | None:
    try:
        return MessageId(UUID(text))
    except ValueError:
        return None


_AT = "/inbox/conversations/{id}/review"
PAGES: tuple[Page, ...] = (
    Page(method="GET", path=HOME, answer=show_next),
    Page(method="GET", path=HOME + "/{request}", answer=show),
    Page(method="POST", path=HOME + "/undo/{message}", answer=undo, role="reviewer"),
    Page(method="GET", path=_AT, answer=show_card),
    Page(method="GET", path="/inbox/conversations/{id}/neighbour", answer=show_neighbour),
    Page(method="GET", path=_AT + "/state", answer=show_state),
    Page(method="POST", path=_AT + "/send", answer=send, role="reviewer"),
    Page(method="POST", path=_AT + "/reject", answer=reject, role="reviewer"),
    Page(method="POST", path=_AT + "/proposal", answer=take_proposed, role="reviewer"),
    Page(method="POST", path=_AT + "/take-over", answer=take, role="reviewer"),
    Page(method="POST", path=_AT + "/hand-back", answer=give_back, role="reviewer"),
)
