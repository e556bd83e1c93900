"""Staff read and write in their own language: each text is translated once for a tenant, within its budgets.

Without a model there are no translations, and whoever asks is told why.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from agent.errors import BudgetReached, Misconfigured, ModelRefused, ModelUnavailable, NightshiftError
from agent.ports import StaffDeps, Translated
from agent.spending.accounting import Occasion
from agent.staff.members import Member
from agent.staff.models import ask_for_staff
from agent.store import conversations
from agent.store.translations import find_translations, keep_translations
from agent.types import ConversationId

MAX_CHARS = 6000
"""Of one text that is translated: more is no message that somebody reads on a card."""
MAX_TEXTS = 20

log = structlog.get_logger(__name__)


class NoTranslation(NightshiftError):  # noqa: N818 — says what is so
    """Nobody translates this now. The message is one of the constants below: pages translate it."""


TOO_LONG = "This is too long to be translated here."
NO_MODEL = "Translations need a model, and none is configured."
NO_BUDGET = "The budget for models is spent: nothing is translated until it is raised or renewed."
NO_ANSWER = "No model answers right now. Try again in a moment."


async def translate_for_staff(
    texts: Sequence[str], language: str, conversation_id: ConversationId, member: Member, deps: StaffDeps
) -> Mapping[str, str]:
    """Return texts of a conversation in `language`, by original; only what nobody has asked for before costs anything.

    Raises:
        NoTranslation: there is no model, it gives no answer, the budget is spent, or the texts are too long.
        LookupError: this tenant has no such conversation.
    """
    wanted = [text for text in dict.fromkeys(texts) if text.strip()]
    if len(wanted) > MAX_TEXTS or any(len(text) > MAX_CHARS for text in wanted):
        raise NoTranslation(TOO_LONG)
    async with deps.db.member(member.tenant_id, member.id) as tx:
        known = await find_translations(tx, wanted, language)
        conversation = await conversations.get_conversation(tx, conversation_id)
        tenant = await deps.tenants.get(tx, member.tenant_id)
    missing = [text for text in wanted if text not in known]
    if not missing:
        return known
    occasion = Occasion(tenant=tenant, contact_id=conversation.contact.id, conversation_id=conversation_id)
    translated = await _ask(missing, language, occasion, deps)
    fresh = dict(zip(missing, translated.texts, strict=True))
    # In the tenant's name: a viewer may not write, and what they read is kept for their colleagues all the same.
    async with deps.db.tenant(member.tenant_id) as tx:
        await keep_translations(tx, member.tenant_id, fresh, language, translated.model)
    return {**known, **fresh}


async def _ask(texts: Sequence[str], language: str, occasion: Occasion, deps: StaffDeps) -> Translated:
    if deps.translator is None:
        raise NoTranslation(NO_MODEL)
    work = partial(deps.translator.translate, texts, language, occasion.tenant)
    try:
        return await ask_for_staff(work, occasion, deps)
    except BudgetReached as exc:
        raise NoTranslation(NO_BUDGET) from exc
    except (ModelUnavailable, ModelRefused, Misconfigured) as exc:
        log.warning("translation.failed", error=type(exc).__name__, conversation_id=str(occasion.conversation_id))
        raise NoTranslation(NO_ANSWER) from exc
