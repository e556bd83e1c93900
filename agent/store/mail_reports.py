"""Reports on our mails: which mail one is about, and the append-only log of what its provider has told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, Provider, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMail:
    """A mail of ours, and where it went."""

    conversation_id: ConversationId
    contact_point_id: UUID
    provider: Provider
    provider_id: str | None


async def find_sent_mail(tx: Tx, message_id: MessageId) -> SentMail | None:
    """Return one of the tenant's outbound mails; None: it has no such mail."""
    row = await fetch_one(
        tx,
        """select m.conversation_id, c.contact_point_id, a.provider, m.provider_id
           from messages m
           join conversations c on c.id = m.conversation_id
           join channel_accounts a on a.id = m.channel_account_id
           where m.id = %s and m.direction = 'outbound' and a.channel = 'email'""",
        (message_id,),
    )
    return SentMail(**row) if row else None


async def insert_mail_event(
    tx: Tx, tenant_id: TenantId, message_id: MessageId, event: Mapping[str, Any], at: datetime
) -> bool:
    """Log what a provider told of a mail; False: this very event is already there.

    `event` has `event_id`, `kind`, `code`, `reason` and `occurred_at`.
    """
    cursor = await tx.execute(
        """insert into mail_events (event_id, tenant_id, message_id, kind, code, reason, occurred_at, received_at)
           values (%(event_id)s, %(tenant_id)s, %(message_id)s, %(kind)s, %(code)s, %(reason)s, %(occurred_at)s, %(at)s)
           on conflict do nothing""",
        {**event, "tenant_id": tenant_id, "message_id": message_id, "at": at},
    )
    return cursor.rowcount == 1
