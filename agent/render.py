"""From a draft to the text that would leave: prices rendered by code (promise P5), disclosure on first contact."""

from datetime import datetime

from agent.guardrails.bot_question import is_asked
from agent.markup import format_for
from agent.media.attachments import take_files
from agent.prices import choose_currency, local_date, render
from agent.screening.texts import bot_text
from agent.types import Candidate, Draft, Purpose, Turn


def with_disclosure(text: str, turn: Turn, language: str) -> str:
    """Open by saying that an assistant is writing: the first message of a conversation, and whenever somebody asks."""
    if is_asked(turn):
        return f"{bot_text(turn.tenant, language)} {text}"
    if not turn.is_first_contact:
        return text
    disclosure = turn.tenant.disclosure.get(language) or turn.tenant.disclosure[turn.tenant.default_language]
    return f"{disclosure} {text}"


def render_draft(draft: Draft, turn: Turn, now: datetime) -> Candidate:
    """Render a draft's references into today's prices and files, and its Markdown into what the channel shows.

    Raises:
        PriceReferenceError: a reference names nothing that is published.
    """
    taken = take_files(draft.text, turn.tenant, turn.conversation.channel)
    text = render(
        taken.text,
        turn.tenant,
        language=draft.language,
        currency=choose_currency(turn.tenant, turn.conversation.contact_address),
        today=local_date(turn.tenant, now),
    )
    return Candidate(
        text=with_disclosure(format_for(text.strip(), turn.conversation.channel), turn, draft.language),
        language=draft.language,
        channel=turn.conversation.channel,
        confidence=draft.confidence,
        needs_human=draft.needs_human,
        media_urls=taken.urls,
    )


def render_notice(text: str, turn: Turn, language: str, purpose: Purpose = "reply") -> Candidate:
    """Wrap a deterministic text of ours, which discloses itself where it must."""
    return Candidate(text=text, language=language, channel=turn.conversation.channel, purpose=purpose)
