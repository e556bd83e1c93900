"""What models do on a review card: translate, translate back, and write the draft anew while the reader watches."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from agent.errors import BadRequest, BudgetReached, Misconfigured, ModelRefused, ModelUnavailable
from agent.staff.preview import load_writing_turn
from agent.staff.redrafting import NotRedrafted, redraft
from agent.staff.translating import MAX_TEXTS, NoTranslation, translate_for_staff
from agent.store import review_cards, timeline
from agent.types import ConversationId
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.review_card import Standing, judge
from channels.inbox.review_page import MAX_TEXT
from channels.inbox.review_words import WHY_ANYWAY
from channels.inbox.visit import HEADERS, Visit

MAX_INSTRUCTION = 1000
NO_ANSWER = N_("No model has answered in time. Try again, or edit the draft.")
NO_BUDGET = N_("The budget for models is spent. Edit the draft instead.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatedCard:
    """What they wrote and what the agent would say, in the reader's language."""

    burst: Mapping[str, str]
    """By original."""
    draft: str
    problem: str = ""
    """A message to translate; empty: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """An edited text: as it would leave, what speaks against it, and what it says in the reader's language."""

    standing: Standing | None
    back: str = ""
    """The back-translation; empty: not asked for."""
    instead: str = ""
    """What the member wrote, in the prospect's language, to put in its place."""
    problem: str = ""
    why_anyway: tuple[str, ...] = WHY_ANYWAY


async def show_translation(visit: Visit) -> Response:
    """Show the messages and the draft of a card in the reader's language."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        head = await timeline.load_head(tx, conversation_id)
        request = await review_cards.find_open_request(tx, conversation_id)
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
    if head is None:
        raise BadRequest("There is no such conversation.", status=404)
    draft = request.draft or "" if request else ""
    said = [message.text for message in turn.inbound if message.text.strip()] if turn else []
    said = said[-(MAX_TEXTS - 1) :]
    try:
        found = await translate_for_staff(
            [*said, draft], visit.reader.language, conversation_id, visit.member, visit.deps
        )
    except NoTranslation as exc:
        return visit.page("_review_translation.html", view=TranslatedCard(burst={}, draft="", problem=str(exc)))
    view = TranslatedCard(burst={text: found[text] for text in said}, draft=found.get(draft, ""))
    return visit.page("_review_translation.html", view=view)


async def preview(visit: Visit) -> Response:
    """Show what the guardrails say of an edited text; on request what it says, or what to say instead."""
    conversation_id = ConversationId(visit.path_id("id"))
    text, wish = visit.field("text", longest=MAX_TEXT), visit.field("wish", longest=20)
    async with visit.tx() as tx:
        head = await timeline.load_head(tx, conversation_id)
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
    if head is None:
        raise BadRequest("There is no such conversation.", status=404)
    standing = judge(text, turn, visit) if turn and text else None
    shown = standing.text if standing else text
    theirs = head.language or (turn.tenant.default_language if turn else visit.reader.language)
    try:
        if wish == "back" and text:
            found = await translate_for_staff([shown], visit.reader.language, conversation_id, visit.member, visit.deps)
            return visit.page("_review_preview.html", view=Preview(standing=standing, back=found.get(shown, shown)))
        if wish == "theirs" and text:
            found = await translate_for_staff([text], theirs, conversation_id, visit.member, visit.deps)
            return visit.page("_review_preview.html", view=Preview(standing=standing, instead=found.get(text, text)))
    except NoTranslation as exc:
        return visit.page("_review_preview.html", view=Preview(standing=standing, problem=str(exc)))
    return visit.page("_review_preview.html", view=Preview(standing=standing))


async def write_anew(visit: Visit) -> Response:
    """Stream a draft while it is written anew: a JSON line each time there is more text, then how it ended.

    `{"text": …}` is the whole text so far; `{"done": true}` says that it is on the card now; `{"problem": …}`, a
    part of a page, why the draft stays as it was.
    """
    try:
        escalation_id = UUID(visit.field("request", longest=40))
    except ValueError as exc:
        raise BadRequest("There is no such request here.", status=404) from exc
    instruction = visit.field("instruction", longest=MAX_INSTRUCTION)
    if not instruction:
        raise BadRequest("Say what should change, such as “shorter, and offer Thursday”.")
    headers = {**HEADERS, "x-accel-buffering": "no"}
    return StreamingResponse(
        _lines(visit, escalation_id, instruction), media_type="application/x-ndjson", headers=headers
    )


async def _lines(visit: Visit, escalation_id: UUID, instruction: str) -> AsyncIterator[str]:
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    writing = asyncio.create_task(_write(visit, escalation_id, instruction, heard))
    try:
        said = ""
        while (text := await heard.get()) is not None:
            if text != said:
                said = text
                yield json.dumps({"text": text}) + "\n"
        problem = await writing
        ended = {"problem": visit.render("_review_problem.html", problem=problem)} if problem else {"done": True}
        yield json.dumps(ended) + "\n"
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def _write(visit: Visit, escalation_id: UUID, instruction: str, heard: "asyncio.Queue[str | None]") -> str:
    """Have it written; return why nothing came of it, or nothing."""
    try:
        await redraft(escalation_id, instruction, visit.member, visit.deps, on_text=heard.put_nowait)
    except NotRedrafted as exc:
        return str(exc)
    except BudgetReached:
        return NO_BUDGET
    except (ModelUnavailable, ModelRefused, Misconfigured):
        return NO_ANSWER
    finally:
        heard.put_nowait(None)
    return ""


_AT = "/inbox/conversations/{id}/review"
PAGES: tuple[Page, ...] = (
    Page(method="GET", path=_AT + "/translation", answer=show_translation),
    Page(method="POST", path=_AT + "/preview", answer=preview, role="reviewer"),
    Page(method="POST", path=_AT + "/redraft", answer=write_anew, role="reviewer"),
)
