"""What providers report on messages of ours: the message, locked; the append-only log; the state it comes to."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from agent.delivery.projection import Effect
from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import Channel, ConversationId, DeliveryStatus, MessageId, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """A message of ours that a report is about."""

    id: MessageId
    conversation_id: ConversationId
    channel: Channel
    state: str
    provider_id: str | None


async def find_reported(tx: Tx, message_id: MessageId | None, provider_id: str) -> ConversationId | None:
    """Return the conversation a report is about; None: it is about none of ours."""
    row = await fetch_one(
        tx,
        f"""select conversation_id from messages where direction = 'outbound'
            and tenant_id = (select current_tenant()) and {"id" if message_id else "provider_id"} = %s
            order by seq desc limit 1""",  # noqa: S608 — a name of ours
        (message_id or provider_id,),
    )
    return None if row is None else row["conversation_id"]


async def get_reported(tx: Tx, message_id: MessageId) -> Reported:
    """Load a message that the transaction has locked.

    Raises:
        LookupError: this tenant has no such message.
    """
    row = await fetch_one(
        tx,
        """select m.id, m.conversation_id, a.channel, m.state, m.provider_id
           from messages m join channel_accounts a on a.id = m.channel_account_id
           where m.id = %s and m.direction = 'outbound'""",
        (message_id,),
    )
    if row is None:
        raise LookupError(f"message {message_id} does not exist for this tenant")
    return Reported(**row)


async def insert_report(
    tx: Tx, tenant_id: TenantId, message_id: MessageId, status: DeliveryStatus, *, effect: Effect, at: datetime
) -> bool:
    """Log a provider's report; False: this very report is already there."""
    cursor = await tx.execute(
        """insert into delivery_statuses
               (id, tenant_id, message_id, state, error_code, provider_id, effect, raw, received_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        (
            new_id(),
            tenant_id,
            message_id,
            status.state,
            status.error_code or "",
            status.provider_id,
            effect,
            Jsonb(status.raw),
            at,
        ),
    )
    return cursor.rowcount == 1


async def move_on(tx: Tx, message_id: MessageId, state: str, provider_id: str, error_code: str | None) -> None:
    """Give a message the state that was reported. Whoever had claimed it has nothing left to do."""
    await tx.execute(
        """update messages set state = %s, provider_id = coalesce(provider_id, %s),
               error_code = coalesce(%s, error_code), claim_token = null, claimed_until = null, slot_at = null
           where id = %s""",
        (state, provider_id, error_code, message_id),
    )
