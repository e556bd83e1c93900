"""The commands about members of staff. What they do is in `agent/store`."""

from rich.console import Console

from agent.errors import NightshiftError
from agent.ports import Deps
from agent.settings import Settings
from agent.staff.members import Role
from agent.store.events import insert_event
from agent.store.members import disable_member, find_member_by_email, insert_member, list_members, set_role
from agent.store.sessions import end_sessions, insert_signin_link
from agent.store.tenants import list_tenants
from jobs.wiring import open_store, require_tenant

ACTOR = "operator (command line)"


async def run_add(settings: Settings, slug: str, email: str, out: Console, *, name: str, role: Role) -> None:
    """Add a member, or give one another role.

    Raises:
        NightshiftError: there is no such tenant, or that is no address.
    """
    if "@" not in email:
        raise NightshiftError(f"“{email}” is not an e-mail address.")
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        async with deps.db.tenant(tenant_id) as tx:
            known = await find_member_by_email(tx, email)
            if known:
                await set_role(tx, known.id, role)
            else:
                await insert_member(tx, tenant_id, email=email, name=name or email.partition("@")[0], role=role)
            data = {"email": email, "role": role, "before": known.role if known else None}
            await insert_event(tx, tenant_id, "member.role_set", actor=ACTOR, data=data)
    out.print(f"{email} is a {role} of {slug}. To let them in: nightshift signin-link {email}", markup=False)


async def run_list(settings: Settings, slug: str, out: Console) -> None:
    """Print a tenant's members."""
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        async with deps.db.tenant(tenant_id) as tx:
            members = await list_members(tx)
    for each in members:
        out.print(f"{each.role:<9} {each.email}  {each.name}", markup=False)
    if not members:
        out.print(f"{slug} has no members yet: nightshift member add EMAIL --tenant {slug}", markup=False)


async def run_disable(settings: Settings, slug: str, email: str, out: Console) -> None:
    """Lock a member out and end their sessions."""
    async with open_store(settings, connections=2) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        async with deps.db.tenant(tenant_id) as tx:
            known = await find_member_by_email(tx, email)
            if known is None:
                raise NightshiftError(f"{slug} has no member {email}.")
            await disable_member(tx, known.id, deps.now())
            await end_sessions(tx, known.id)
            await insert_event(tx, tenant_id, "member.disabled", actor=ACTOR, data={"email": email})
    out.print(f"{email} is locked out of {slug}.", markup=False)


async def run_signin_link(settings: Settings, email: str, slug: str, out: Console) -> None:
    """Print a one-time link that signs a member in.

    Raises:
        NightshiftError: nobody, or more than one tenant's member, has this address.
    """
    async with open_store(settings, connections=2) as (deps, _):
        slugs = [slug] if slug else await _slugs_of(deps, email)
        if len(slugs) != 1:
            known = (
                f" of {', '.join(slugs)}: say which with --tenant."
                if slugs
                else " of no tenant yet: nightshift member add."
            )
            raise NightshiftError(f"{email} is a member{known}")
        tenant_id = await require_tenant(deps.db, slugs[0])
        async with deps.db.tenant(tenant_id) as tx:
            member = await find_member_by_email(tx, email)
            if member is None:
                raise NightshiftError(
                    f"{slugs[0]} has no member {email}: nightshift member add {email} --tenant {slugs[0]}"
                )
            secret = await insert_signin_link(tx, tenant_id, member.id, deps.now())
            await insert_event(tx, tenant_id, "member.link_made", actor=ACTOR, data={"email": email})
    out.print(f"{settings.public_url}/inbox/sign-in/link?token={secret}", markup=False)
    out.print("It works once, within 15 minutes.", markup=False)


async def _slugs_of(deps: Deps, email: str) -> list[str]:
    async with deps.db.system() as tx:
        cursor = await tx.execute("select found_tenant_id from list_memberships(%s, null)", (email,))
        ids = {row["found_tenant_id"] for row in await cursor.fetchall()}
        return [tenant.slug for tenant in await list_tenants(tx) if tenant.id in ids]
