"""Members of staff, by tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.staff.members import Member, Role
from agent.store.db import Tx, fetch_one
from agent.types import MemberId, TenantId

_MEMBER = """select m.id, m.tenant_id, m.name, m.email, m.role, m.language, m.preferences,
    coalesce(nullif(m.timezone, ''), t.profile->>'timezone', 'UTC') as timezone
    from members m join tenants t on t.id = m.tenant_id"""


def member_of(row: dict[str, Any]) -> Member:
    """Read a member from a row of `_MEMBER`."""
    return Member(**row)


async def find_member(tx: Tx, member_id: MemberId) -> Member | None:
    """Return a member who may sign in; None: there is none, or they are disabled."""
    row = await fetch_one(tx, f"{_MEMBER} where m.id = %s and m.disabled_at is null".encode(), (member_id,))
    return None if row is None else member_of(row)


async def find_member_by_email(tx: Tx, email: str) -> Member | None:
    """Return the member with an e-mail address, whatever its case; None: there is none, or they are disabled."""
    row = await fetch_one(
        tx, f"{_MEMBER} where lower(m.email) = lower(%s) and m.disabled_at is null".encode(), (email,)
    )
    return None if row is None else member_of(row)


async def list_members(tx: Tx) -> Sequence[Member]:
    """Return the tenant's members who may sign in, by name."""
    cursor = await tx.execute(f"{_MEMBER} where m.disabled_at is null order by lower(m.name), m.id".encode())
    return [member_of(row) for row in await cursor.fetchall()]


async def list_digest_readers(tx: Tx) -> Sequence[Member]:
    """Return the members who want what is open by mail every morning."""
    return [each for each in await list_members(tx) if each.preferences.get("digest") is True]


async def insert_member(tx: Tx, tenant_id: TenantId, *, email: str, name: str, role: Role) -> MemberId:
    """Add a member.

    Raises:
        psycopg.errors.UniqueViolation: the tenant has a member with this address.
    """
    member_id = MemberId(new_id())
    await tx.execute(
        "insert into members (id, tenant_id, email, name, role) values (%s, %s, %s, %s, %s)",
        (member_id, tenant_id, email, name, role),
    )
    return member_id


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedMember:
    """A member as managers see them, also one who is locked out."""

    id: MemberId
    name: str
    email: str
    role: Role
    disabled_at: datetime | None
    seen_at: datetime | None
    """When they last signed in."""


async def list_all_members(tx: Tx) -> Sequence[ListedMember]:
    """Return the tenant's members, also those locked out, by name."""
    cursor = await tx.execute(
        """select m.id, m.name, m.email, m.role, m.disabled_at,
                  (select max(e.at) from events e where e.tenant_id = m.tenant_id and e.kind = 'member.signed_in'
                   and e.actor = 'member:' || m.id and e.actor like 'member:%') as seen_at
           from members m where m.tenant_id = (select current_tenant())
           order by m.disabled_at is not null, lower(m.name), m.id"""
    )
    return [ListedMember(**row) for row in await cursor.fetchall()]


async def enable_member(tx: Tx, member_id: MemberId) -> bool:
    """Let a member in again. False: as with `set_role`."""
    cursor = await tx.execute("update members set disabled_at = null where id = %s", (member_id,))
    return cursor.rowcount == 1


async def update_profile(
    tx: Tx, member_id: MemberId, *, name: str, language: str, timezone: str, preferences: Mapping[str, object]
) -> None:
    """Change what members decide about themselves. `preferences` not named stay as they are."""
    await tx.execute(
        "update members set name = %s, language = %s, timezone = %s, preferences = preferences || %s where id = %s",
        (name, language, timezone, Jsonb(dict(preferences)), member_id),
    )


async def set_role(tx: Tx, member_id: MemberId, role: Role) -> bool:
    """Give a member another role; it holds from their next request on. False: there is none, or one may not."""
    cursor = await tx.execute("update members set role = %s where id = %s", (role, member_id))
    return cursor.rowcount == 1


async def disable_member(tx: Tx, member_id: MemberId, now: datetime) -> bool:
    """Lock a member out. Their row stays, because what they did refers to it. False: as with `set_role`."""
    cursor = await tx.execute("update members set disabled_at = %s where id = %s", (now, member_id))
    return cursor.rowcount == 1


async def merge_preferences(tx: Tx, member_id: MemberId, chosen: Mapping[str, object]) -> None:
    """Keep what a member has chosen of the interface, beside what they chose before."""
    await tx.execute(
        "update members set preferences = preferences || %s where id = %s", (Jsonb(dict(chosen)), member_id)
    )
