"""Mail's own rows: tokens that name a thread, originals, and how far a mailbox has been read."""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from agent.addresses import contact_address
from agent.mail.sender_trust import Trust
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MessageId, Provider, TenantId

TokenPurpose = Literal["reply", "unsubscribe"]
_PURPOSES: tuple[TokenPurpose, ...] = ("reply", "unsubscribe")


@dataclass(frozen=True, kw_only=True, slots=True)
class MailAccount:
    """The tenant's address a mail was sent to; `conversation_id` is the thread its token names."""

    tenant_id: TenantId
    address: str
    provider: Provider
    conversation_id: ConversationId | None = None
    is_way_out: bool = False
    """The token is that of List-Unsubscribe: whoever writes there wants no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """A conversation that a mail names, seen from its sender."""

    conversation_id: ConversationId
    contact_address: str
    is_same_address: bool
    """The sender's address is the one we write to in it."""
    is_participant: bool
    """… or another address of the same contact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedThread:
    """What a token names."""

    tenant_id: TenantId
    conversation_id: ConversationId
    address: str
    provider: Provider


async def get_token(tx: Tx, conversation_id: ConversationId, purpose: TokenPurpose) -> str:
    """Return the conversation's token for a purpose: the same at every call, made at the first."""
    row = await fetch_one(
        tx,
        """insert into mail_tokens (token, tenant_id, conversation_id, purpose)
           select %s, tenant_id, id, %s from conversations where id = %s
           on conflict (conversation_id, purpose) do update set purpose = excluded.purpose returning token""",
        (_new_token(), purpose, conversation_id),
    )
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    return str(row["token"])


def _new_token() -> str:
    """130 random bits in letters and digits that mail may write in either case."""
    return b32encode(secrets.token_bytes(17)).decode().lower().rstrip("=")[:26]


async def find_token(tx: Tx, token: str, purpose: TokenPurpose) -> NamedThread | None:
    """Return what a token names, whichever tenant's it is. Needs a connection without a tenant."""
    row = await fetch_one(tx, "select * from find_mail_token(%s, %s)", (token.lower()[:60], purpose))
    if row is None:
        return None
    return NamedThread(
        tenant_id=row["found_tenant_id"],
        conversation_id=row["found_conversation_id"],
        address=row["found_address"],
        provider=row["found_provider"],
    )


async def find_account(tx: Tx, recipient: str, token: str | None) -> MailAccount | None:
    """Return whose address this is: by its token, as it stands, or without what follows a `+`."""
    for purpose in _PURPOSES if token else ():
        if named := await find_token(tx, token or "", purpose):
            return MailAccount(
                tenant_id=named.tenant_id,
                address=named.address,
                provider=named.provider,
                conversation_id=named.conversation_id,
                is_way_out=purpose == "unsubscribe",
            )
    local, _, domain = recipient.partition("@")
    for address in dict.fromkeys((recipient, f"{local.partition('+')[0]}@{domain}")):
        row = await fetch_one(
            tx, "select account_tenant_id, account_provider from find_channel_account('email', %s)", (address,)
        )
        if row:
            return MailAccount(tenant_id=row["account_tenant_id"], address=address, provider=row["account_provider"])
    return None


async def find_thread(tx: Tx, references: Sequence[str], named: ConversationId | None, sender: str) -> Thread | None:
    """Return the thread a mail belongs to: that of our latest mail it refers to, or the one its address names."""
    row = await fetch_one(
        tx,
        """select c.id, coalesce(c.contact_address, p.address) as address,
                  p.kind = 'email' and p.normalised = %(sender)s as is_same_address,
                  exists (select from contact_points o where o.contact_id = c.contact_id and o.kind = 'email'
                          and o.normalised = %(sender)s) as is_participant
           from conversations c
           join contact_points p on p.id = c.contact_point_id
           left join lateral (
               select max(m.seq) as seq from messages m
               where m.conversation_id = c.id and m.direction = 'outbound'
                 and (m.provider_id = any(%(references)s) or m.id = any(%(ids)s))) ours on true
           where c.id in (
               select m.conversation_id from messages m
               where m.tenant_id = (select current_tenant()) and m.direction = 'outbound'
                 and (m.provider_id = any(%(references)s) or m.id = any(%(ids)s))
               union select %(named)s::uuid)
           order by ours.seq desc nulls last limit 1""",
        {
            "references": list(references),
            "ids": [each for each in map(own_id, references) if each],
            "named": named,
            "sender": contact_address("email", sender).normalised,
        },
    )
    if row is None:
        return None
    return Thread(
        conversation_id=row["id"],
        contact_address=row["address"],
        is_same_address=row["is_same_address"],
        is_participant=row["is_participant"],
    )


def own_id(reference: str) -> MessageId | None:
    """Return our own id that a Message-ID of ours carries, as in `<0197…@lumen.example>`."""
    try:
        return MessageId(UUID(reference.strip("<>").partition("@")[0]))
    except ValueError:
        return None


async def judge_message(tx: Tx, message_id: MessageId, trust: Trust, hold: str) -> None:
    """Keep how far the sender of a stored mail is proven, and why a person must read it."""
    await tx.execute("update messages set trust = %s, hold = %s where id = %s", (trust, hold[:2000], message_id))


async def insert_original(tx: Tx, tenant_id: TenantId, message_id: MessageId, content: bytes) -> None:
    """Keep a mail as it was received, byte for byte."""
    await tx.execute(
        "insert into mail_originals (message_id, tenant_id, content) values (%s, %s, %s) on conflict do nothing",
        (message_id, tenant_id, content),
    )


async def find_original(tx: Tx, message_id: MessageId) -> bytes | None:
    """Return a mail as it was received; None: it was none, or is no longer kept."""
    row = await fetch_one(tx, "select content from mail_originals where message_id = %s", (message_id,))
    return bytes(row["content"]) if row else None
