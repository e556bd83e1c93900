"""Accounts elsewhere that members sign in with, and where their owners are members."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agent.staff.members import Member
from agent.store.db import Database, Tx, fetch_one
from agent.store.members import find_member
from agent.types import MemberId


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """Somebody's place among the staff of one tenant."""

    member: Member
    tenant_name: str


async def is_member_anywhere(db: Database, email: str) -> bool:
    """Whether an address is that of some tenant's member who may sign in."""
    async with db.system() as tx:
        return await fetch_one(tx, "select from list_memberships(%s, null) limit 1", (email,)) is not None


async def admit_account(db: Database, *, user_id: UUID, email: str) -> Sequence[Membership]:
    """Return where the owner of an account is a member: by the account or, the first time, by their address.

    From then on the account counts, not the address. `email` has been proven; empty: only the account counts.
    """
    async with db.system() as tx:
        cursor = await tx.execute("select * from list_memberships(%s, %s)", (email, user_id))
        # Those bound to the account come first; in each tenant somebody is one member.
        found = {row["found_tenant_id"]: row["found_member_id"] for row in reversed(await cursor.fetchall())}
    memberships = []
    for tenant_id, member_id in found.items():
        async with db.tenant(tenant_id) as tx:
            member = await _bind(tx, member_id, user_id)
            tenant = await fetch_one(tx, "select name from tenants where id = %s", (tenant_id,))
        if member and tenant:
            memberships.append(Membership(member=member, tenant_name=tenant["name"]))
    return sorted(memberships, key=lambda each: (each.tenant_name.lower(), each.member.id))


async def _bind(tx: Tx, member_id: MemberId, user_id: UUID) -> Member | None:
    """Note the account of a member who had none; None: somebody else's was faster."""
    bound = await tx.execute(
        """update members set auth_user_id = %(user)s
           where id = %(member)s and (auth_user_id is null or auth_user_id = %(user)s)""",
        {"user": user_id, "member": member_id},
    )
    return await find_member(tx, member_id) if bound.rowcount else None
