"""Messages that were not delivered: what is known of them, what they say of an address, and their one repetition."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, Purpose, TenantId, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Undelivered:
    """A message of ours that nobody has got, and where it was to go."""

    id: MessageId
    tenant_id: TenantId
    conversation_id: ConversationId
    turn_id: TurnId | None
    account_id: UUID
    contact_point_id: UUID
    text: str
    purpose: Purpose
    is_repeatable: bool
    """It is no repetition itself, and no line that only says that the answer takes longer."""
    other_channels: tuple[str, ...]
    """Where else the contact and we have written to each other."""


async def get_undelivered(tx: Tx, message_id: MessageId) -> Undelivered:
    """Load an outbound message with where it was to go.

    Raises:
        LookupError: this tenant has no such message.
    """
    row = await fetch_one(
        tx,
        """select m.id, m.tenant_id, m.conversation_id, m.turn_id, m.channel_account_id as account_id,
                  c.contact_point_id, m.body as text, m.purpose,
                  m.retry_of is null and m.turn_id is not null
                      and not exists (select from holding_lines h where h.message_id = m.id) as is_repeatable,
                  array(select distinct a.channel from conversations other
                        join channel_accounts a on a.id = other.channel_account_id
                        join channel_accounts mine on mine.id = c.channel_account_id
                        join contact_points p on p.id = other.contact_point_id
                        where other.contact_id = c.contact_id and other.tenant_id = c.tenant_id
                          and a.channel <> mine.channel and p.unusable_at is null order by 1) as other_channels
           from messages m join conversations c on c.id = m.conversation_id
           where m.id = %s and m.direction = 'outbound'""",
        (message_id,),
    )
    if row is None:
        raise LookupError(f"message {message_id} does not exist for this tenant")
    values: dict[str, Any] = {**row, "other_channels": tuple(row["other_channels"])}
    return Undelivered(**values)


async def insert_repetition(tx: Tx, message_id: MessageId, at: datetime, not_before: datetime) -> MessageId | None:
    """Write a message once more, as a new one that is checked again before it leaves; None: that has been done."""
    row = await fetch_one(
        tx,
        """insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, subject,
                                 language, media, turn_id, created_at, purpose, source, state, draft, not_before,
                                 verdicts, template, segments, carriage_microusd, retry_of)
           select %s, tenant_id, conversation_id, channel_account_id, direction, author, body, subject,
                  language, media, turn_id, %s, purpose, source, 'pending', draft, %s,
                  verdicts, template, segments, carriage_microusd, id
           from messages where id = %s and direction = 'outbound'
           on conflict (retry_of) where retry_of is not null do nothing returning id""",
        (new_id(), at, not_before, message_id),
    )
    return None if row is None else MessageId(row["id"])


async def withdraw_repetition(tx: Tx, message_id: MessageId, reason: str) -> bool:
    """Take the repetition of a message back that has arrived after all; False: there is none, or it has left."""
    cursor = await tx.execute(
        """update messages set state = 'superseded', error = %s, slot_at = null
           where retry_of = %s and state = 'pending'""",
        (reason, message_id),
    )
    return cursor.rowcount == 1


async def mark_unusable(tx: Tx, contact_point_id: UUID, reason: str, at: datetime) -> None:
    """Remember that nothing can be delivered at an address, and why."""
    await tx.execute(
        "update contact_points set unusable_at = %s, unusable_reason = %s where id = %s",
        (at, reason, contact_point_id),
    )


async def clear_unusable(tx: Tx, conversation_id: ConversationId) -> None:
    """They have written from the address: it can be used again."""
    await tx.execute(
        """update contact_points p set unusable_at = null, unusable_reason = '' from conversations c
           where c.id = %s and p.id = c.contact_point_id and p.unusable_at is not null""",
        (conversation_id,),
    )


async def resolve_escalations(tx: Tx, message_id: MessageId, at: datetime) -> int:
    """Close what staff were asked because a message was thought undelivered; return how many."""
    cursor = await tx.execute(
        "update escalations set state = 'resolved', resolved_at = %s where message_id = %s and state = 'open'",
        (at, message_id),
    )
    return cursor.rowcount
