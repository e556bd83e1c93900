"""What staff change of a conversation: who owns it, who minds it, and what becomes of the request for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MemberId, MessageId, TurnId

Resolution = Literal["answered", "rejected", "handed_back", "done"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskRow:
    """A conversation, locked, as staff are about to change it."""

    owner: Literal["agent", "staff"]
    assignee_id: MemberId | None
    newest_seq: int
    """Number of the newest message that stands, either direction; 0: none."""
    latest_turn_id: TurnId | None
    """The turn that a text of staff is counted to: the last one of the conversation."""
    is_running: bool
    """Whether a worker thinks about it right now."""


async def lock_desk(tx: Tx, conversation_id: ConversationId) -> DeskRow | None:
    """Lock a conversation against messages, workers and colleagues; None: this tenant has none such."""
    row = await fetch_one(
        tx,
        """select owner, assignee_id, turn_state = 'running' as is_running from conversations
           where id = %s for update""",
        (conversation_id,),
    )
    if row is None:
        return None
    newest = await fetch_one(
        tx,
        """select coalesce(max(seq) filter (where state is distinct from 'superseded'), 0)::bigint as newest_seq,
                  (select id from turns where conversation_id = %(id)s order by created_at desc limit 1)
                      as latest_turn_id
           from messages where conversation_id = %(id)s""",
        {"id": conversation_id},
    )
    return DeskRow(**row, **(newest or {}))


async def find_latest_turn(tx: Tx, conversation_id: ConversationId) -> TurnId | None:
    """Return the last turn of a conversation; None: the agent has read nothing of it yet."""
    row = await fetch_one(
        tx, "select id from turns where conversation_id = %s order by created_at desc limit 1", (conversation_id,)
    )
    return None if row is None else row["id"]


async def set_owner(
    tx: Tx,
    conversation_id: ConversationId,
    owner: Literal["agent", "staff"],
    *,
    assignee_id: MemberId | None = None,
    hand_back_at: datetime | None = None,
) -> None:
    """Say who answers from now on; staff keep whoever minds it unless `assignee_id` names another."""
    await tx.execute(
        """update conversations set owner = %s, assignee_id = coalesce(%s, assignee_id), hand_back_at = %s
           where id = %s""",
        (owner, assignee_id, hand_back_at, conversation_id),
    )


async def withdraw_agents_texts(tx: Tx, conversation_id: ConversationId, reason: str) -> int:
    """Take back what the agent has written and not sent; return how many texts."""
    cursor = await tx.execute(
        """update messages set state = 'superseded', error = %s
           where conversation_id = %s and direction = 'outbound' and state = 'pending' and author = 'agent'
             and purpose in ('reply', 'follow_up')""",
        (reason, conversation_id),
    )
    return cursor.rowcount


async def resolve_escalation(
    tx: Tx, conversation_id: ConversationId, resolution: Resolution, member_id: MemberId | None, now: datetime
) -> UUID | None:
    """Close the open request for a person; return its id, or None if there was none."""
    row = await fetch_one(
        tx,
        """update escalations set state = 'resolved', resolution = %s, resolved_by = %s, resolved_at = %s,
               snoozed_until = null
           where conversation_id = %s and state = 'open' returning id""",
        (resolution, member_id, now, conversation_id),
    )
    return None if row is None else row["id"]


async def find_answered_escalation(tx: Tx, message_id: MessageId) -> UUID | None:
    """Return the request that a text of staff answered: it was closed as the text was written; None: none was open."""
    row = await fetch_one(
        tx,
        """select e.id from messages m join escalations e on e.conversation_id = m.conversation_id
           where m.id = %s and m.author = 'staff' and e.state = 'resolved' and e.resolution = 'answered'
             and e.resolved_at = m.created_at""",
        (message_id,),
    )
    return None if row is None else row["id"]


async def reopen_escalation(tx: Tx, conversation_id: ConversationId, escalation_id: UUID) -> bool:
    """Open a request again, if no other has come since."""
    cursor = await tx.execute(
        """update escalations set state = 'open', resolution = null, resolved_by = null, resolved_at = null
           where id = %(id)s and state = 'resolved'
             and not exists (select from escalations where conversation_id = %(conversation)s and state = 'open')""",
        {"id": escalation_id, "conversation": conversation_id},
    )
    return cursor.rowcount == 1


async def mark_as_staffs(tx: Tx, message_id: MessageId, member_id: MemberId, *, undo_until: datetime | None) -> None:
    """Say who sent a text, and how long it can be taken back."""
    await tx.execute(
        "update messages set member_id = %s, undo_until = %s where id = %s", (member_id, undo_until, message_id)
    )


async def take_back_message(tx: Tx, message_id: MessageId, now: datetime) -> ConversationId | None:
    """Withdraw a text of staff that has not left; None: it has, or there is none such."""
    row = await fetch_one(
        tx,
        """update messages set state = 'superseded', error = 'taken back'
           where id = %s and author = 'staff' and state = 'pending' and undo_until >= %s returning conversation_id""",
        (message_id, now),
    )
    return None if row is None else row["conversation_id"]


async def list_seqs_after(tx: Tx, conversation_id: ConversationId, seq: int) -> Sequence[MessageId]:
    """Return the messages that have come or gone since message number `seq`, oldest first."""
    cursor = await tx.execute(
        """select id from messages where conversation_id = %s and seq > %s and state is distinct from 'superseded'
           order by seq limit 50""",
        (conversation_id, seq),
    )
    return [row["id"] for row in await cursor.fetchall()]


async def list_unanswered_turns(tx: Tx, conversation_id: ConversationId) -> Sequence[TurnId]:
    """Return the ended turns over messages that nothing has been sent after, oldest first."""
    cursor = await tx.execute(
        """select distinct on (t.created_at, t.id) t.id from messages m join turns t on t.id = m.turn_id
           where m.conversation_id = %(id)s and m.direction = 'inbound' and t.state in ('done', 'failed')
             and m.seq > coalesce((select max(seq) from messages where conversation_id = %(id)s
                 and direction = 'outbound' and author in ('agent', 'staff') and source <> 'rule'
                 and state <> 'superseded'), 0)
           order by t.created_at, t.id""",
        {"id": conversation_id},
    )
    return [row["id"] for row in await cursor.fetchall()]


async def was_announced(tx: Tx, conversation_id: ConversationId) -> bool:
    """Whether the prospect was told when staff took the conversation over last."""
    row = await fetch_one(
        tx,
        """select coalesce((data->>'announced')::boolean, false) as announced from events
           where conversation_id = %s and kind = 'conversation.taken_over' order by id desc limit 1""",
        (conversation_id,),
    )
    return bool(row and row["announced"])


async def has_unread(tx: Tx, conversation_id: ConversationId) -> bool:
    """Whether messages wait for a turn."""
    row = await fetch_one(
        tx,
        """select exists (select from messages where conversation_id = %s and direction = 'inbound'
                          and turn_id is null) as waits""",
        (conversation_id,),
    )
    return bool(row and row["waits"])
