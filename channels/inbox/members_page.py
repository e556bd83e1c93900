"""Members: who may use the inbox, in which role. For managers; the last of them stays one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from agent.errors import BadRequest
from agent.staff.managing import CannotChangeStaff, add_member, change_role, let_in_again, lock_out
from agent.staff.members import ROLES, Role
from agent.store.db import Tx
from agent.store.members import ListedMember, list_all_members
from agent.types import MemberId
from channels.inbox.navigation import N_
from channels.inbox.settings_page import SECTIONS
from channels.inbox.visit import Visit

ROLE_NAMES: Mapping[Role, str] = {"viewer": N_("Viewer"), "reviewer": N_("Reviewer"), "manager": N_("Manager")}
ROLE_MEANINGS: Mapping[Role, str] = {
    "viewer": N_("reads"),
    "reviewer": N_("also answers prospects"),
    "manager": N_("also changes catalogue, settings and members"),
}
HERE = "/inbox/settings/members"


@dataclass(frozen=True, kw_only=True, slots=True)
class MembersView:
    """All members, and the form for a new one as typed."""

    members: Sequence[ListedMember]
    problem: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    added: str = ""
    """Address of the one just added."""
    by_link: bool = True
    """Whether members need a one-time link: there are no accounts to sign in with."""


async def show(visit: Visit) -> Response:
    """List the members."""
    return await _page(visit, added=visit.query("added"))


async def add(visit: Visit) -> Response:
    """Let somebody use the inbox."""
    typed = {name: visit.field(name, longest=320) for name in ("email", "name", "role")}
    try:
        async with visit.tx() as tx:
            await add_member(tx, visit.member, email=typed["email"], name=typed["name"], role=_role(typed["role"]))
    except CannotChangeStaff as exc:
        return await _page(visit, problem=visit.say(str(exc)), typed=typed, status=422)
    return visit.go(f"{HERE}?added={quote(typed['email'].strip())}")


async def change(visit: Visit) -> Response:
    """Change a member's role, lock them out, or let them in again."""
    member_id = MemberId(visit.path_id("member"))
    try:
        async with visit.tx() as tx:
            await _change(visit, tx, member_id)
    except CannotChangeStaff as exc:
        return await _page(visit, problem=visit.say(str(exc)), status=409)
    return visit.go(HERE)


async def _change(visit: Visit, tx: Tx, member_id: MemberId) -> None:
    if not any(each.id == member_id for each in await list_all_members(tx)):
        raise BadRequest(visit.say(N_("There is no such member.")), status=404)
    match visit.field("action"):
        case "disable":
            await lock_out(tx, visit.member, member_id, visit.deps.now())
        case "enable":
            await let_in_again(tx, visit.member, member_id)
        case _:
            await change_role(tx, visit.member, member_id, _role(visit.field("role")))


def _role(text: str) -> Role:
    found = next((role for role in ROLES if role == text), None)
    if found is None:
        raise CannotChangeStaff(N_("Choose a role."))
    return found


async def _page(
    visit: Visit, *, problem: str = "", typed: Mapping[str, str] | None = None, added: str = "", status: int = 200
) -> Response:
    async with visit.tx() as tx:
        members = await list_all_members(tx)
    added = next((each.email for each in members if each.email.casefold() == added.casefold()), "")
    by_link = not visit.deps.settings.has_staff_accounts
    view = MembersView(members=members, problem=problem, typed=typed or {}, added=added, by_link=by_link)
    roles = [(role, visit.say(ROLE_NAMES[role]), visit.say(ROLE_MEANINGS[role])) for role in ROLES]
    return visit.page("settings_members.html", view=view, sections=SECTIONS, roles=roles, status=status)
