"""Who answers a conversation: the agent, or staff. While staff do, the agent is silent.

It is one column, changed under the conversation's lock and asked again in the transaction that claims a message for
sending: whatever a page shows, the two never answer side by side.
"""

from datetime import datetime

from agent.escalation.announcing import announce as tell
from agent.ports import Deps
from agent.staff.members import Member
from agent.store import conversations, desk, events, messages, turns
from agent.store.composing import list_due_hand_backs
from agent.store.db import Tx
from agent.store.tenants import list_tenants
from agent.types import ConversationId, TenantId

CLOCK = "clock"
"""Who hands back when the time is up, as events name it."""


async def take_over(
    tx: Tx,
    conversation_id: ConversationId,
    member: Member,
    *,
    until: datetime | None = None,
    announce: Deps | None = None,
) -> None:
    """Let a member answer from now on; what the agent has not sent yet is withdrawn.

    With `until` the agent answers again from then on. With `announce` the prospect is told who answers.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    before = await desk.lock_desk(tx, conversation_id)
    if before is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    await desk.withdraw_agents_texts(tx, conversation_id, "staff answer this conversation")
    await desk.set_owner(tx, conversation_id, "staff", assignee_id=member.id, hand_back_at=until)
    if announce:
        await tell(tx, conversation_id, "taken_over", member.name, announce)
    await events.insert_event(
        tx,
        member.tenant_id,
        "conversation.taken_over",
        actor=member.actor,
        conversation_id=conversation_id,
        data={
            "until": until.isoformat() if until else None,
            "announced": announce is not None,
            "before": {"owner": before.owner, "assignee": before.assignee_id and str(before.assignee_id)},
            "after": {"owner": "staff", "assignee": str(member.id)},
        },
    )


async def hand_back(
    tx: Tx, conversation_id: ConversationId, member: Member, deps: Deps, *, announce: bool = False
) -> None:
    """Let the agent answer again, first of all what the prospect has written since the last answer.

    With `announce` the prospect is told.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    if await desk.lock_desk(tx, conversation_id) is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    await desk.resolve_escalation(tx, conversation_id, "handed_back", member.id, deps.now())
    await _let_agent_answer(tx, member.tenant_id, conversation_id, deps, actor=member.actor, announce=announce)


async def hand_back_due(deps: Deps) -> int:
    """Hand back, over all tenants, what staff have taken over until a time that has come; return how many."""
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    handed_back = 0
    for tenant in tenants:
        async with deps.db.tenant(tenant.id) as tx:
            due = await list_due_hand_backs(tx, deps.now())
        for conversation_id in due:
            async with deps.db.tenant(tenant.id) as tx:
                handed_back += await _hand_back_if_due(tx, tenant.id, conversation_id, deps)
    return handed_back


async def _hand_back_if_due(tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, deps: Deps) -> bool:
    """Hand one back, unless somebody has changed its time meanwhile."""
    await desk.lock_desk(tx, conversation_id)
    if conversation_id not in await list_due_hand_backs(tx, deps.now()):
        return False
    announce = await desk.was_announced(tx, conversation_id)  # who was told of the one is told of the other
    await desk.resolve_escalation(tx, conversation_id, "handed_back", None, deps.now())
    await _let_agent_answer(tx, tenant_id, conversation_id, deps, actor=CLOCK, announce=announce)
    return True


async def _let_agent_answer(
    tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, deps: Deps, *, actor: str, announce: bool
) -> None:
    await desk.set_owner(tx, conversation_id, "agent")
    if announce:
        await tell(tx, conversation_id, "handed_back", "", deps)
    await events.insert_event(tx, tenant_id, "conversation.handed_back", actor=actor, conversation_id=conversation_id)
    for turn_id in await desk.list_unanswered_turns(tx, conversation_id):
        await messages.mark_unread(tx, turn_id)
        await turns.supersede_turn(tx, turn_id, "handed back to the agent")
    if await desk.has_unread(tx, conversation_id) and await conversations.wake_now(tx, conversation_id):
        await deps.queue.wake_turn(tx, tenant_id, conversation_id)
