"""Managing the staff: who may use the inbox, in which role. The last manager stays one; the database sees to it.

Nobody's access is decided here alone: policies refuse what the acting member's role does not allow.
"""

import re
from datetime import datetime

from psycopg.errors import RestrictViolation, UniqueViolation

from agent.errors import NightshiftError
from agent.staff.members import Member, Role
from agent.store.db import Tx, fetch_one
from agent.store.events import insert_event
from agent.store.members import disable_member, enable_member, find_member, insert_member, set_role
from agent.types import MemberId

_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,253}\.[^@\s<>,;\".]{2,63}")
MAX_NAME = 80


class CannotChangeStaff(NightshiftError):  # noqa: N818 — says what cannot be done
    """The manager acts: the staff cannot be changed as asked. The message says why."""


async def add_member(tx: Tx, by: Member, *, email: str, name: str, role: Role) -> MemberId:
    """Let somebody use the inbox.

    Raises:
        CannotChangeStaff: that is no address, or somebody has it already.
    """
    if not _EMAIL.fullmatch(email):
        raise CannotChangeStaff("This is not an e-mail address.")
    if len(name) > MAX_NAME:
        raise CannotChangeStaff("This name is too long.")
    try:
        async with tx.transaction():
            member_id = await insert_member(
                tx, by.tenant_id, email=email, name=name or email.partition("@")[0], role=role
            )
    except UniqueViolation as exc:
        raise CannotChangeStaff("Somebody with this address is a member already.") from exc
    await _record(tx, by, "member.added", member_id, role=role)
    return member_id


async def change_role(tx: Tx, by: Member, member_id: MemberId, role: Role) -> None:
    """Give a member another role.

    Raises:
        CannotChangeStaff: they are the last manager, or `by` is none any more.
    """
    known = await find_member(tx, member_id)
    try:
        async with tx.transaction():
            _require_done(await set_role(tx, member_id, role))
    except RestrictViolation as exc:
        raise CannotChangeStaff("Somebody must be manager: give another member that role first.") from exc
    await _record(tx, by, "member.role_set", member_id, role=role, before=known.role if known else "")


async def lock_out(tx: Tx, by: Member, member_id: MemberId, now: datetime) -> None:
    """Lock a member out, at once and everywhere: a session ends when its member may not sign in.

    Raises:
        CannotChangeStaff: they are the last manager, or `by` is none any more.
    """
    try:
        async with tx.transaction():
            # First: whoever locks themselves out may write nothing afterwards.
            await _record(tx, by, "member.disabled", member_id)
            _require_done(await disable_member(tx, member_id, now))
    except RestrictViolation as exc:
        raise CannotChangeStaff("Somebody must be manager: give another member that role first.") from exc


async def let_in_again(tx: Tx, by: Member, member_id: MemberId) -> None:
    """Let a member in who was locked out.

    Raises:
        CannotChangeStaff: `by` is no manager any more.
    """
    _require_done(await enable_member(tx, member_id))
    await _record(tx, by, "member.enabled", member_id)


async def require_role(tx: Tx, member: Member, role: Role) -> None:
    """Make sure, in a transaction of the application, that a member has a role at this moment.

    For what takes more than any member's own rights, such as erasing. The database answers, not the session.

    Raises:
        CannotChangeStaff: they have not, or no longer.
    """
    await tx.execute("select set_config('nightshift.member_id', %s, true)", (str(member.id),))
    row = await fetch_one(tx, "select member_may(%s) as may", (role,))
    if row is None or not row["may"]:
        raise CannotChangeStaff(f"It takes the role “{role}”.")


def _require_done(is_done: bool) -> None:
    """Policies do not refuse a change, they find nothing to change: so it is when a manager has just been demoted."""
    if not is_done:
        raise CannotChangeStaff("Only managers change the staff, and you are none any more.")


async def _record(tx: Tx, by: Member, kind: str, member_id: MemberId, **data: str) -> None:
    await insert_event(tx, by.tenant_id, kind, actor=by.actor, data={"member": str(member_id), **data})
