"""A voice note that was written down only after a turn had passed it by: nobody has read it, and it may say stop."""

from agent.escalation.asking import ask_person
from agent.ports import Deps
from agent.screening.opt_out import Wish, stop_writing
from agent.screening.screen import is_opt_out
from agent.store import conversations, messages
from agent.store.db import Tx
from agent.store.escalations import Escalation
from agent.types import MessageId, TenantId

REASON = "A voice note was written down only after it had been answered."


async def heed_late(tx: Tx, tenant_id: TenantId, message_id: MessageId, deps: Deps) -> None:
    """Do what a late voice note asks if that is to stop, else have a person read it; nothing if it is not late."""
    found = await messages.find_passed_over(tx, message_id)
    if found is None:
        return
    conversation_id, message = found
    if is_opt_out(message):
        wish = Wish(reason="asked to stop, in a voice note", actor="contact", evidence=message.id)
        await stop_writing(tx, tenant_id, conversation_id, wish, deps.now())
        return
    conversation = await conversations.get_conversation(tx, conversation_id)
    if conversation.owner == "agent" and not message.automatic:
        wanted = Escalation(
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            turn_id=None,
            message_id=message.id,
            reason=REASON,
            detail=message.text[:2_000],
        )
        await ask_person(tx, wanted, deps)
