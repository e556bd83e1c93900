"""What staff are writing, and who is writing it: drafts, presence, notes, canned replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from agent.ids import new_id
from agent.staff.members import Member
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MemberId

Mode = Literal["reply", "note"]
GONE = timedelta(seconds=30)
"""Whoever has not been heard of for so long is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffDraft:
    """What a member was writing. `updated_at` is its version: two devices of theirs may write it."""

    text: str
    updated_at: datetime


async def find_draft(tx: Tx, conversation_id: ConversationId, member_id: MemberId, mode: Mode) -> StaffDraft | None:
    """Return what a member was writing; None: nothing."""
    row = await fetch_one(
        tx,
        "select text, updated_at from staff_drafts where conversation_id = %s and member_id = %s and mode = %s",
        (conversation_id, member_id, mode),
    )
    return None if row is None else StaffDraft(**row)


async def save_draft(
    tx: Tx, member: Member, conversation_id: ConversationId, mode: Mode, text: str, *, base: datetime | None
) -> StaffDraft | None:
    """Keep what a member is writing, on top of version `base`; None: another device has written since, nothing is kept.

    An empty text is kept as such, so that the other device learns of it, and what was typed before a text was sent
    cannot come back after it.
    """
    row = await fetch_one(
        tx,
        """insert into staff_drafts (conversation_id, member_id, mode, tenant_id, text)
           values (%(conversation)s, %(member)s, %(mode)s, %(tenant)s, %(text)s)
           on conflict (conversation_id, member_id, mode) do update
               set text = excluded.text, updated_at = case when staff_drafts.text = excluded.text
                   then staff_drafts.updated_at else clock_timestamp() end
               where staff_drafts.updated_at is not distinct from %(base)s or staff_drafts.text = excluded.text
           returning text, updated_at""",
        {
            "conversation": conversation_id,
            "member": member.id,
            "mode": mode,
            "tenant": member.tenant_id,
            "text": text,
            "base": base,
        },
    )
    return None if row is None else StaffDraft(**row)


async def replace_draft(tx: Tx, member: Member, conversation_id: ConversationId, mode: Mode, text: str) -> StaffDraft:
    """Make a text what a member is writing, whatever it was, on all their devices; empty: they write nothing."""
    row = await fetch_one(
        tx,
        """insert into staff_drafts (conversation_id, member_id, mode, tenant_id, text)
           values (%s, %s, %s, %s, %s)
           on conflict (conversation_id, member_id, mode) do update
               set text = excluded.text, updated_at = clock_timestamp()
           returning text, updated_at""",
        (conversation_id, member.id, mode, member.tenant_id, text),
    )
    if row is None:
        raise LookupError(f"the draft of member {member.id} was not kept")
    return StaffDraft(**row)


# --- presence ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """A member who has a conversation open."""

    member_id: MemberId
    name: str
    mode: Literal["viewing", "editing"]
    editing_since: datetime | None
    asked_at: datetime | None
    """When they asked whoever is writing to let them."""


async def note_presence(
    tx: Tx, member: Member, conversation_id: ConversationId, mode: Literal["viewing", "editing"], *, asks: bool = False
) -> bool:
    """Record that a member has a conversation open; return whether that is news to their colleagues."""
    row = await fetch_one(
        tx,
        """with was as (select mode, seen_at, left_at from presence where conversation_id = %(conversation)s
                        and member_id = %(member)s),
           kept as (
               insert into presence (conversation_id, member_id, tenant_id, mode, editing_since, asked_at)
               values (%(conversation)s, %(member)s, %(tenant)s, %(mode)s,
                       case when %(mode)s = 'editing' then clock_timestamp() end,
                       case when %(asks)s then clock_timestamp() end)
               on conflict (conversation_id, member_id) do update
                   set mode = excluded.mode, seen_at = clock_timestamp(), left_at = null,
                       editing_since = case when excluded.mode = 'editing' then
                           case when presence.seen_at > clock_timestamp() - %(gone)s
                                then coalesce(presence.editing_since, clock_timestamp()) else clock_timestamp() end end,
                       asked_at = case when %(asks)s then clock_timestamp()
                           when presence.asked_at > clock_timestamp() - interval '2 minutes' then presence.asked_at end
               returning mode)
           select kept.mode is distinct from was.mode or was.seen_at < clock_timestamp() - %(gone)s
               or was.left_at is not null as news
           from kept left join was on true""",
        {
            "conversation": conversation_id,
            "member": member.id,
            "tenant": member.tenant_id,
            "mode": mode,
            "asks": asks,
            "gone": GONE,
        },
    )
    return bool(row and (row["news"] or row["news"] is None)) or asks


async def leave(tx: Tx, member: Member, conversation_id: ConversationId) -> bool:
    """Record that a member has closed a conversation; False: they had not got it open."""
    done = await tx.execute(
        """update presence set mode = 'viewing', editing_since = null, asked_at = null, left_at = clock_timestamp()
           where conversation_id = %s and member_id = %s and left_at is null""",
        (conversation_id, member.id),
    )
    return done.rowcount == 1


async def list_present(tx: Tx, conversation_id: ConversationId) -> Sequence[Present]:
    """Return who has a conversation open now, whoever has written for longest first."""
    cursor = await tx.execute(
        """select p.member_id, m.name, p.mode, p.editing_since, p.asked_at from presence p
           join members m on m.id = p.member_id
           where p.conversation_id = %s and p.seen_at > clock_timestamp() - %s and p.left_at is null
           order by p.editing_since nulls last, lower(m.name)""",
        (conversation_id, GONE),
    )
    return [Present(**row) for row in await cursor.fetchall()]


async def find_last_seen(tx: Tx, conversation_id: ConversationId, member_id: MemberId) -> datetime | None:
    """Return until when a member had a conversation open before; None: never."""
    row = await fetch_one(
        tx,
        "select seen_at from presence where conversation_id = %s and member_id = %s",
        (conversation_id, member_id),
    )
    return row["seen_at"] if row else None


# --- notes and canned replies --------------------------------------------------------------------------------------


async def insert_note(
    tx: Tx, member: Member, conversation_id: ConversationId, body: str, mentions: Sequence[MemberId]
) -> UUID:
    """Keep a note of a member, to those it mentions; return its id."""
    note_id = new_id()
    await tx.execute(
        """insert into notes (id, tenant_id, conversation_id, member_id, body, mentions)
           values (%s, %s, %s, %s, %s, %s)""",
        (note_id, member.tenant_id, conversation_id, member.id, body, list(mentions)),
    )
    return note_id


@dataclass(frozen=True, kw_only=True, slots=True)
class CannedReply:
    """A text to insert by `/shortcut`, by language."""

    id: UUID
    shortcut: str
    body: Mapping[str, str]


async def list_canned_replies(tx: Tx) -> Sequence[CannedReply]:
    """Return the tenant's canned replies by shortcut."""
    cursor = await tx.execute(
        """select id, shortcut, body from canned_replies where tenant_id = (select current_tenant())
           order by shortcut limit 500"""
    )
    return [CannedReply(**row) for row in await cursor.fetchall()]


async def list_due_hand_backs(tx: Tx, now: datetime, limit: int = 100) -> Sequence[ConversationId]:
    """Return the tenant's conversations whose time with staff is over."""
    cursor = await tx.execute(
        """select id from conversations where tenant_id = (select current_tenant()) and owner = 'staff'
             and hand_back_at <= %s order by hand_back_at limit %s""",
        (now, limit),
    )
    return [row["id"] for row in await cursor.fetchall()]


async def find_next_open(tx: Tx, conversation_id: ConversationId, now: datetime) -> ConversationId | None:
    """Return the most pressing conversation that waits for a person, other than this one; None: there is none."""
    row = await fetch_one(
        tx,
        """select conversation_id from escalations
           where tenant_id = (select current_tenant()) and state = 'open' and conversation_id <> %s
             and (snoozed_until is null or snoozed_until <= %s)
           order by due_at, risk, id limit 1""",
        (conversation_id, now),
    )
    return ConversationId(row["conversation_id"]) if row else None
