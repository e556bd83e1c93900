"""Contacts: who is who, and who may be the same person."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.addresses import mentioned_addresses, normalise_email, normalise_phone
from agent.store.db import Tx, fetch_one
from agent.types import Channel, ContactId, ConversationId

SUGGEST_FROM = 200
"""Newest messages of a contact that are searched for addresses of others, the beginning of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAddress:
    """An address of a contact."""

    kind: str
    address: str
    alias_of: str | None
    """The first address of the same WhatsApp account; None: this one, or it has no other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactThread:
    """A conversation of a contact, in short."""

    id: ConversationId
    channel: Channel
    our_address: str
    contact_address: str
    messages: int
    last_inbound_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactSuppression:
    """An address that must not be written to, or once must not, and how we know."""

    kind: str
    normalised: str
    reason: str
    created_at: datetime
    lifted_at: datetime | None
    """When they came back."""
    evidence: str | None
    """Provider's id of the message that says so, theirs or one of ours that was refused; our id before it has one."""
    proof: dict[str, str]
    """What proves it besides: a provider's event or code, a click."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """A contact that is part of another one."""

    merged_id: ContactId
    name: str | None
    actor: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactCard:
    """All that is known of who a contact is."""

    id: ContactId
    name: str | None
    language: str | None
    timezone: str | None
    merged_into: ContactId | None
    addresses: tuple[KnownAddress, ...]
    threads: tuple[ContactThread, ...]
    suppressions: tuple[ContactSuppression, ...]
    merges: tuple[Merge, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeSuggestion:
    """Another contact who may be the same person. Nothing proves it: staff decide."""

    contact_id: ContactId
    name: str | None
    address: str
    """The other contact's address that led to it."""
    reason: str


async def find_contact(tx: Tx, name: str) -> ContactId | None:
    """Return the contact with this id or address (a number, a WhatsApp user id, an e-mail address)."""
    try:
        row = await fetch_one(tx, "select id from contacts where id = %s", (UUID(name),))
    except ValueError:
        digits = "".join(each for each in name if each.isdecimal())
        row = await fetch_one(
            tx,
            """select contact_id as id from contact_points where tenant_id = (select current_tenant())
               and (kind, normalised) in (('email', %s), ('phone', %s), ('whatsapp_user', %s))""",
            (normalise_email(name), normalise_phone(f"+{digits}"), name),
        )
    return None if row is None else row["id"]


async def get_contact_card(tx: Tx, contact_id: ContactId) -> ContactCard:
    """Load all that is known of who a contact is.

    Raises:
        LookupError: this tenant has no such contact.
    """
    row = await fetch_one(
        tx, "select id, name, language, timezone, merged_into from contacts where id = %s", (contact_id,)
    )
    if row is None:
        raise LookupError(f"contact {contact_id} does not exist for this tenant")
    points = await tx.execute(
        """select p.kind, p.address, first.address as alias_of from contact_points p
           left join contact_points first on first.id = p.alias_of where p.contact_id = %s order by p.id""",
        (contact_id,),
    )
    threads = await tx.execute(
        """select c.id, a.channel, a.address as our_address, coalesce(c.contact_address, p.address) as contact_address,
                  c.last_inbound_at, (select count(*) from messages m
                                      where m.tenant_id = c.tenant_id and m.conversation_id = c.id) as messages
           from conversations c join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id where c.contact_id = %s order by c.id""",
        (contact_id,),
    )
    suppressions = await tx.execute(
        """select s.kind, s.normalised, s.reason, s.created_at, s.lifted_at, s.proof,
                  coalesce(m.provider_id, m.id::text) as evidence
           from suppressions s left join messages m on m.tenant_id = s.tenant_id and m.id = s.evidence_message_id
           where s.contact_id = %s order by s.id""",
        (contact_id,),
    )
    merges = await tx.execute(
        """select m.merged_id, k.name, m.actor, m.created_at from contact_merges m
           join contacts k on k.id = m.merged_id where m.kept_id = %s and m.undone_at is null order by m.id""",
        (contact_id,),
    )
    return ContactCard(
        **row,
        addresses=tuple(KnownAddress(**each) for each in await points.fetchall()),
        threads=tuple(ContactThread(**each) for each in await threads.fetchall()),
        suppressions=tuple(ContactSuppression(**each) for each in await suppressions.fetchall()),
        merges=tuple(Merge(**each) for each in await merges.fetchall()),
    )


async def suggest_merges(tx: Tx, contact_id: ContactId) -> list[MergeSuggestion]:
    """Return contacts who may be the same person as this one, each once.

    They have an address that this contact has written in a message, or a thread with us that one of this contact's
    mails has answered from elsewhere. Both may be somebody else's: it is for staff to ask, and to merge.
    """
    tenant = await fetch_one(tx, "select profile->>'country' as country from tenants where id = current_tenant()")
    texts = await tx.execute(
        """select left(m.body, 500) as body from messages m join conversations c on c.id = m.conversation_id
           where c.contact_id = %s and m.direction = 'inbound' order by m.created_at desc limit %s""",
        (contact_id, SUGGEST_FROM),
    )
    written = "\n".join(row["body"] for row in await texts.fetchall())
    mentioned = mentioned_addresses(written, tenant["country"] if tenant else None)
    cursor = await tx.execute(
        """with found as (
               select p.contact_id, p.address, 'mentioned' as how from contact_points p
               join unnest(%(kinds)s::text[], %(normalised)s::text[]) as n(kind, normalised)
                   on p.tenant_id = (select current_tenant()) and p.kind = n.kind and p.normalised = n.normalised
               union all
               select thread.contact_id, p.address, 'answered' from events e
               join conversations c on c.id = e.conversation_id and c.contact_id = %(id)s
               join conversations thread on thread.id = (e.data->>'thread')::uuid
               join contact_points p on p.id = thread.contact_point_id
               where e.kind = 'mail.other_sender')
           select distinct on (k.id) k.id as contact_id, k.name, f.address, f.how
           from found f join contacts k on k.id = f.contact_id where k.id <> %(id)s order by k.id, f.how desc""",
        {
            "id": contact_id,
            "kinds": [each.kind for each in mentioned],
            "normalised": [each.normalised for each in mentioned],
        },
    )
    reasons = {"mentioned": "wrote this address in a message", "answered": "answered our mail to this address"}
    return [MergeSuggestion(reason=reasons[row.pop("how")], **row) for row in await cursor.fetchall()]
