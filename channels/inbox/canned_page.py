"""Canned replies: what staff insert by `/shortcut`, kept by managers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from agent.errors import BadRequest
from agent.staff.canned import VARIABLES
from agent.store.composing import CannedReply, list_canned_replies
from agent.store.tenants import get_tenant_file
from agent.tenant.canned_publishing import PART, publish_canned
from agent.tenant.parts import fingerprint
from agent.tenant.publishing import Overtaken
from agent.types import Tenant
from channels.inbox.fields import nest, shaped
from channels.inbox.navigation import N_
from channels.inbox.part_forms import CONTROLS, PartForm, after, publisher
from channels.inbox.settings_page import SECTIONS
from channels.inbox.visit import Visit


@dataclass(frozen=True, kw_only=True, slots=True)
class CannedView:
    """All canned replies, and the form of one."""

    replies: Sequence[CannedReply]
    tenant: Tenant
    form: PartForm
    shortcut: str
    """Of the one that is shown; empty: a new one."""


async def show(visit: Visit) -> Response:
    """Show canned replies, with the form of one or of a new one."""
    shortcut = visit.query("edit")
    async with visit.tx() as tx:
        bodies = {each.shortcut: dict(each.body) for each in await list_canned_replies(tx)}
    if shortcut and shortcut not in bodies:
        raise BadRequest(visit.say(N_("There is no such text; it may have been removed.")), status=404)
    body = bodies.get(shortcut)
    form = PartForm(
        part=f"{PART}/{shortcut}",
        value={"shortcut": shortcut, "body": body or {}},
        seen=fingerprint(body),
        is_saved=visit.query("saved") == "1",
    )
    return await _page(visit, form, shortcut)


async def save(visit: Visit) -> Response:
    """Save a canned reply, or remove it."""
    known = visit.query("edit")
    typed = shaped(nest(visit.form, without=CONTROLS), {"shortcut": str, "body": dict})
    shortcut = known or typed["shortcut"].removeprefix("/")
    typed = {**typed, "shortcut": shortcut}
    body: Mapping[str, str] | None = None
    if visit.field("action") != "remove":
        body = {language: str(text) for language, text in typed["body"].items()}
    async with visit.tx() as tx:
        tenant = (await get_tenant_file(tx, visit.member.tenant_id)).tenant
        seen = visit.field("seen", longest=64)
        outcome = await publish_canned(tx, publisher(visit), shortcut, body, seen=seen, tenant=tenant)
    form = after(outcome, visit, f"{PART}/{shortcut}", typed)
    if form is None:
        return visit.go("/inbox/settings/canned?saved=1")
    return await _page(visit, form, known, status=409 if isinstance(outcome, Overtaken) else 422)


async def _page(visit: Visit, form: PartForm, shortcut: str, *, status: int = 200) -> Response:
    async with visit.tx() as tx:
        replies = await list_canned_replies(tx)
        tenant = (await get_tenant_file(tx, visit.member.tenant_id)).tenant
    view = CannedView(replies=replies, tenant=tenant, form=form, shortcut=shortcut)
    return visit.page("settings_canned.html", view=view, sections=SECTIONS, variables=VARIABLES, status=status)
