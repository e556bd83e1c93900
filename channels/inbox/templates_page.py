"""Choosing a template in the composer: what may be sent once a reply window has closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from agent.staff.preview import load_writing_turn
from agent.staff.sending import Sent
from agent.staff.templates import StaffTemplate, TemplateChoice, list_choices, send_template
from agent.store import composing
from agent.store.templates import list_templates
from agent.types import ConversationId
from channels.inbox.composer_page import attempt, show_refusal
from channels.inbox.conversation_page import load_head
from channels.inbox.visit import Visit

GIVEN = "given:"
"""How the fields begin that fill a place; its name follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplatesView:
    """The templates of a tenant, filled for one conversation."""

    path: str
    choices: Sequence[TemplateChoice]
    items: Mapping[str, str]
    """Names of the catalogue's items by sku."""
    sku: str
    newest_seq: int


async def show_templates(visit: Visit) -> Response:
    """Show the templates that could be sent, filled for this contact; prices are those of the item chosen."""
    conversation_id, sku = ConversationId(visit.path_id("id")), visit.query("item")
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        turn = await load_writing_turn(tx, conversation_id, visit.member, visit.deps)
        known = await list_templates(tx)
    tenant = turn.tenant if turn else None
    view = TemplatesView(
        path=f"/inbox/conversations/{conversation_id}",
        choices=list_choices(turn, known, sku, {}, visit.deps) if turn else (),
        items={each.sku: each.name[tenant.default_language] for each in tenant.catalogue} if tenant else {},
        sku=sku,
        newest_seq=head.newest_seq,
    )
    return visit.page("_templates.html", view=view)


async def send_chosen(visit: Visit) -> Response:
    """Send a template; or show what stands against it."""
    conversation_id, seen = ConversationId(visit.path_id("id")), visit.field("seen_seq")
    names = [name for name in visit.form if name.startswith(GIVEN)]
    wanted = StaffTemplate(
        conversation_id=conversation_id,
        sid=visit.field("sid", longest=80),
        seen_seq=int(seen) if seen.isdecimal() else 0,
        given={name.removeprefix(GIVEN): visit.field(name, longest=250) for name in names},
        sku=visit.field("item", longest=80),
    )
    outcome = await attempt(send_template(wanted, visit.member, visit.deps))
    if not isinstance(outcome, Sent):
        return await show_refusal(visit, outcome, conversation_id, wanted.seen_seq)
    async with visit.tx() as tx:
        draft = await composing.find_draft(tx, conversation_id, visit.member.id, "reply")
    version = draft.updated_at.isoformat() if draft else ""
    return visit.page("_sent.html", sent=outcome, version=version, typed="", now=visit.deps.now())
