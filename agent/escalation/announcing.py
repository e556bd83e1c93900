"""Telling a prospect who answers from now on: fixed texts in their language, checked when they leave."""

from typing import Literal

from agent.gather import load_answered_turn
from agent.ids import new_id
from agent.ports import Deps
from agent.store import desk, outbox
from agent.store.db import Tx
from agent.types import Candidate, ConversationId, MessageId, Turn

Change = Literal["taken_over", "handed_back"]
_TEXTS: dict[Change, dict[str, str]] = {
    "taken_over": {
        "es": "Soy {name}, de {business}. A partir de ahora le atiendo yo.",
        "pt": "Sou {name}, da {business}. A partir de agora, sou eu que lhe respondo.",
        "en": "This is {name} from {business}. I will answer you from here on.",
    },
    "handed_back": {
        "es": "A partir de ahora vuelve a atenderle nuestro asistente automático. Si prefiere hablar con una persona, "
        "dígalo cuando quiera.",
        "pt": "A partir de agora volta a responder-lhe o nosso assistente automático. Se preferir falar com uma "
        "pessoa, diga-o quando quiser.",
        "en": "Our automated assistant answers you again from here on. If you would rather talk to a person, just say "
        "so.",
    },
}


async def announce(tx: Tx, conversation_id: ConversationId, change: Change, name: str, deps: Deps) -> bool:
    """Put the notice into the outbox; False: nothing has ever been read in this conversation, so nothing is said."""
    turn_id = await desk.find_latest_turn(tx, conversation_id)
    if turn_id is None:
        return False
    turn = await load_answered_turn(tx, turn_id, deps, is_waiting=True, up_to_now=True)
    now, message_id = deps.now(), MessageId(new_id())
    await outbox.insert_outbound(
        tx,
        message_id=message_id,
        tenant_id=turn.tenant.id,
        conversation_id=conversation_id,
        turn_id=turn.id,
        candidate=_notice(turn, change, name),
        source="rule",
        draft=None,
        subject=turn.inbound[-1].subject,
        created_at=now,
        not_before=now,
    )
    await deps.queue.deliver(tx, turn.tenant.id, message_id)
    return True


def _notice(turn: Turn, change: Change, name: str) -> Candidate:
    wanted = (turn.conversation.language, turn.tenant.default_language, "en")
    language = next(each for each in wanted if each in _TEXTS[change])
    text = _TEXTS[change][language].format(name=name, business=turn.tenant.name)
    return Candidate(text=text, language=language, channel=turn.conversation.channel, author="staff")
