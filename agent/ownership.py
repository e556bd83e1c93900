"""Who answers a conversation: the agent, or staff. While staff do, the agent is silent.

It is one column, changed under the conversation's lock and asked again in the transaction that claims a message for
sending: whatever a page shows, the two never answer side by side.
"""

from datetime import datetime

from agent.members import Member
from agent.ports import Deps
from agent.store import conversations, desk, events, messages, turns
from agent.store.db import Tx
from agent.types import ConversationId


async def take_over(tx: Tx, conversation_id: ConversationId, member: Member, *, until: datetime | None = None) -> None:
    """Let a member answer from now on; what the agent has not sent yet is withdrawn.

    With `until` the agent answers again from then on.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    if await desk.lock_desk(tx, conversation_id) is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    await desk.withdraw_agents_texts(tx, conversation_id, "staff answer this conversation")
    await desk.set_owner(tx, conversation_id, "staff", assignee_id=member.id, hand_back_at=until)
    await events.insert_event(
        tx,
        member.tenant_id,
        "conversation.taken_over",
        actor=member.actor,
        conversation_id=conversation_id,
        data={"until": until.isoformat() if until else None},
    )


async def hand_back(tx: Tx, conversation_id: ConversationId, member: Member, deps: Deps) -> None:
    """Let the agent answer again, first of all what the prospect has written since the last answer.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    row = await desk.lock_desk(tx, conversation_id)
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    await desk.set_owner(tx, conversation_id, "agent")
    await desk.resolve_escalation(tx, conversation_id, "handed_back", member.id, deps.now())
    await events.insert_event(
        tx, member.tenant_id, "conversation.handed_back", actor=member.actor, conversation_id=conversation_id
    )
    for turn_id in await desk.list_unanswered_turns(tx, conversation_id):
        await messages.mark_unread(tx, turn_id)
        await turns.supersede_turn(tx, turn_id, "handed back to the agent")
    if await desk.has_unread(tx, conversation_id) and await conversations.wake_now(tx, conversation_id):
        await deps.queue.wake_turn(tx, member.tenant_id, conversation_id)
