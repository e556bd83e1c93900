"""The one transaction of an inbound message (promises P1, P2): `receive_inbound` in the migrations does the work."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from agent.addresses import contact_address
from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, InboundMessage, MessageId, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """What became of an inbound message."""

    outcome: Literal["stored", "duplicate", "unknown_recipient", "report"]
    """`report`: it was about one of our own messages, `message_id`, and is none itself."""
    message_id: MessageId
    tenant_id: TenantId | None = None
    conversation_id: ConversationId | None = None


async def store_inbound(tx: Tx, message: InboundMessage, received_at: datetime) -> Received:
    """Route, deduplicate and store a message, and defer its conversation's turn: all in one statement.

    Needs a connection without a tenant. Outside a transaction, what it did is committed when it returns.
    """
    address = contact_address(message.channel, message.sender)
    message_id = MessageId(new_id())
    row = await fetch_one(
        tx,
        """select * from receive_inbound(
            %(channel)s, %(provider)s, %(recipient)s, %(kind)s, %(sender)s, %(normalised)s, %(name)s,
            %(id)s, %(provider_id)s, %(body)s, %(subject)s, %(media)s, %(raw)s,
            %(automatic)s, %(opt_out_handled)s, %(references)s,
            %(contact_id)s, %(point_id)s, %(conversation_id)s, %(received_at)s)""",
        {
            **_message_params(message),
            "kind": address.kind,
            "normalised": address.normalised,
            "id": message_id,
            "contact_id": new_id(),
            "point_id": new_id(),
            "conversation_id": new_id(),
            "received_at": received_at,
        },
    )
    if row is None:
        raise RuntimeError("receive_inbound returned no row; are the migrations applied?")
    return Received(message_id=message_id, **row)


def _message_params(message: InboundMessage) -> dict[str, Any]:
    return {
        "channel": message.channel,
        "provider": message.provider,
        "recipient": message.recipient,
        "sender": message.sender,
        "name": message.sender_name,
        "provider_id": message.provider_id,
        "body": message.text,
        "subject": message.subject,
        "media": Jsonb([asdict(media) for media in message.media]),
        "raw": Jsonb(message.raw),
        "automatic": message.automatic,
        "opt_out_handled": message.provider_handled_opt_out,
        "references": list(message.references),
    }
