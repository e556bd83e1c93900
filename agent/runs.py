"""What operators do to runs: cancel one that has not been taken, take one again that failed.

Both happen under the conversation's lock, like everything that decides about its turns (P1 to P3). What cannot be done
is said as a value: a label that pages translate.
"""

from agent.ids import new_id
from agent.ports import Deps
from agent.store import conversations, desk, escalations, events, messages, runs, turns, waiting
from agent.store.db import Tx
from agent.types import ConversationId, MemberId, TurnId

UNDER_WAY = "It is being worked on this second. Try again in a moment."
ENDED = "It has ended already."
NOT_FAILED = "Only a turn that failed or was cancelled can be taken again."
STAFFS = "Staff answer this conversation: hand it back to the agent instead."
ANSWERED = "The prospect has been answered since."
NOTHING_LEFT = "Its messages were answered by another turn."
REFUSALS = (UNDER_WAY, ENDED, NOT_FAILED, STAFFS, ANSWERED, NOTHING_LEFT)


async def cancel_run(tx: Tx, conversation_id: ConversationId, actor: str) -> str:
    """Let nobody answer what waits in a conversation; returns why that cannot be, or an empty text.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    row = await runs.lock_work(tx, conversation_id)
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    if row["turn_state"] in ("idle", "running"):
        return UNDER_WAY if row["turn_state"] == "running" else ENDED
    turn_id = await runs.cancel_unread(tx, conversation_id, new_id(), "cancelled by staff")
    await conversations.release(tx, conversation_id)
    await waiting.end_wait(tx, conversation_id)
    await events.insert_event(
        tx, row["tenant_id"], "turn.cancelled", actor=actor, conversation_id=conversation_id, turn_id=turn_id
    )
    return ""


async def retry_run(tx: Tx, turn_id: TurnId, actor: str, deps: Deps, *, member_id: MemberId | None = None) -> str:
    """Have a turn's messages answered anew; returns why that cannot be, or an empty text.

    The request for a person that its failure made is settled by it.

    Raises:
        LookupError: this tenant has no such turn.
    """
    turn = await turns.get_turn(tx, turn_id)
    row = await runs.lock_work(tx, turn.conversation_id)
    if refusal := await _why_not_again(tx, turn_id, turn, staffs=row is not None and row["owner"] == "staff"):
        return refusal
    await messages.mark_unread(tx, turn_id)
    await turns.supersede_turn(tx, turn_id, "taken again")
    asked = await escalations.find_open_escalation(tx, turn.conversation_id)
    if asked and asked.turn_id == turn_id:
        await desk.resolve_escalation(tx, turn.conversation_id, "handed_back", member_id, deps.now())
    await events.insert_event(
        tx, turn.tenant_id, "turn.retried", actor=actor, conversation_id=turn.conversation_id, turn_id=turn_id
    )
    if await conversations.wake_now(tx, turn.conversation_id):
        await deps.queue.wake_turn(tx, turn.tenant_id, turn.conversation_id)
    return ""


async def _why_not_again(tx: Tx, turn_id: TurnId, turn: turns.TurnRow, *, staffs: bool) -> str:
    if turn.state not in ("failed", "cancelled"):
        return NOT_FAILED
    if staffs:
        return STAFFS
    if await runs.is_answered_since(tx, turn.conversation_id, turn.last_seq):
        return ANSWERED
    return "" if await messages.list_of_turn(tx, turn_id) else NOTHING_LEFT
