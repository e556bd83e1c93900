"""What became known of a turn later, and judgements on it: scores of its trace (promise P9).

A score is written in the transaction of the fact itself and sent to Langfuse afterwards (`jobs/langfuse.py`), so it is
told once whatever dies in between, and nothing waits for Langfuse. Names in use:

    delivery            sent, delivered, read, failed, unknown: what became of a message (`subject`)
    review              approved, edited, rejected: what staff said of the draft
    edit_distance       0 to 1: how much of the draft they changed
    rejected_because    the reason, one of a few words
    replied             1: the prospect wrote again after the answer
    opt_out, complaint  1: asked us to stop, reported us as spam
    booked, won, lost   outcomes: see `agent/outcomes.py`
    evaluation.*        what an evaluation measured
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from agent.store import scores
from agent.store.db import Tx
from agent.types import ConversationId, Message, MessageId, TurnId


def score_id(turn_id: TurnId, name: str, subject: str = "") -> UUID:
    """Return a score's id, here and in Langfuse: the same at every call."""
    return uuid5(NAMESPACE_OID, f"{turn_id}:{name}:{subject}")


async def record_score(
    tx: Tx, turn_id: TurnId, name: str, value: float | str, *, at: datetime, subject: str = "", comment: str = ""
) -> None:
    """Write down a fact about a turn: a number, or one of a few words. The same value again changes nothing.

    A later value of the same `name` and `subject` (which of several, such as a message's id) replaces it. A turn that
    is not this tenant's, or was erased, gets none. `at` is when it became known; `comment` is masked when it leaves.
    """
    await scores.upsert_score(
        tx,
        scores.Score(
            id=score_id(turn_id, name, subject),
            turn_id=turn_id,
            name=name,
            subject=subject,
            value=value,
            comment=comment,
            at=at,
        ),
    )


async def score_delivery(tx: Tx, message_id: MessageId, state: str, *, at: datetime) -> None:
    """Write down what became of a message, on the turn that it answers."""
    turn_id = await scores.find_turn_of(tx, message_id)
    if turn_id is not None:
        await record_score(tx, turn_id, "delivery", state, at=at, subject=str(message_id))


async def score_replied(tx: Tx, conversation_id: ConversationId, burst: Sequence[Message]) -> None:
    """Write down that the prospect wrote again, on the turn whose answer they had last. A machine's reply is none."""
    if all(message.automatic for message in burst):
        return
    turn_id = await scores.find_answered_turn(tx, conversation_id, burst[0].seq)
    if turn_id is not None:
        await record_score(tx, turn_id, "replied", 1, at=burst[0].created_at)


async def score_refusal(
    tx: Tx,
    conversation_id: ConversationId,
    name: str,
    *,
    evidence: MessageId | None,
    asked_in: TurnId | None,
    at: datetime,
) -> None:
    """Write down that somebody wants to hear no more from us, on the turn whose answer moved them to it.

    That is the turn of our message that they complained of, else of the last answer they had, else the one in which
    they asked.
    """
    turn_id = await scores.find_turn_of(tx, evidence) if evidence else None
    turn_id = turn_id or await scores.find_answered_turn(tx, conversation_id) or asked_in
    if turn_id is not None:
        await record_score(tx, turn_id, name, 1, at=at)
