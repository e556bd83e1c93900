"""The one transaction of an inbound message (promises P1, P2): `receive_inbound` in the migrations does the work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from agent.addresses import ContactAddress, sender_addresses
from agent.ids import new_id
from agent.message_details import Details
from agent.store.db import Tx, fetch_one
from agent.store.media import insert_arrived
from agent.types import ConversationId, InboundMessage, Media, MessageId, TenantId


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

    What comes with its text (files, what it quotes, why a person must read it) is stored in the same transaction.
    Needs a connection without a tenant. Outside a transaction, what it did is committed when it returns.
    """
    if not (message.media or message.kind != "text" or message.details != Details() or message.hold):
        return await _store_text(tx, message, received_at)
    async with tx.transaction():
        received = await _store_text(tx, message, received_at)
        if received.outcome == "stored" and received.tenant_id:
            await insert_arrived(tx, received.tenant_id, received.message_id, message)
            if message.hold:
                await tx.execute("update messages set hold = %s where id = %s", (message.hold, received.message_id))
        return received


async def _store_text(tx: Tx, message: InboundMessage, received_at: datetime) -> Received:
    address, *also = sender_addresses(message)
    message_id = MessageId(new_id())
    row = await fetch_one(
        tx,
        """select * from receive_inbound(
            %(channel)s, %(provider)s, %(recipient)s, %(kind)s, %(sender)s, %(normalised)s, %(name)s,
            %(id)s, %(provider_id)s, %(body)s, %(subject)s, %(media)s, %(raw)s,
            %(automatic)s, %(opt_out_handled)s, %(references)s,
            %(contact_id)s, %(point_id)s, %(conversation_id)s, %(received_at)s, %(also)s)""",
        {
            **_message_params(message),
            "kind": address.kind,
            "normalised": address.normalised,
            "id": message_id,
            "contact_id": new_id(),
            "point_id": new_id(),
            "conversation_id": new_id(),
            "received_at": received_at,
            "also": Jsonb([_address(each) for each in also]),
        },
    )
    if row is None:
        raise RuntimeError("receive_inbound returned no row; are the migrations applied?")
    return Received(message_id=message_id, **row)


def _address(also: ContactAddress) -> dict[str, Any]:
    return {"id": str(new_id()), "kind": also.kind, "address": also.address, "normalised": also.normalised}


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
        "media": Jsonb([_announced(media) for media in message.media]),
        "raw": Jsonb(message.raw),
        "automatic": message.automatic,
        "opt_out_handled": message.provider_handled_opt_out,
        "references": list(message.references),
    }


def _announced(media: Media) -> dict[str, Any]:
    return {"url": media.url, "content_type": media.content_type, "filename": media.filename, "size": media.size}
