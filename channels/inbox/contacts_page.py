"""Contacts: who they are, on which channels, whether they may be written to and how we know, and all that was said."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from agent.erasure import CannotErase, Erasure, erase_contact
from agent.errors import BadRequest
from agent.staff.managing import CannotChangeStaff, require_role
from agent.store import contact_list, contacts, events
from agent.store.contact_export import export_contact
from agent.store.contact_list import ListedContact, SaidMessage
from agent.store.contacts import ContactCard, MergeSuggestion
from agent.store.db import Tx
from agent.store.merges import CannotJoin, merge_contacts, unmerge_contacts
from agent.types import ContactId
from channels.inbox.navigation import N_
from channels.inbox.visit import HEADERS, Visit

CONFIRM = N_("erase")
"""What is typed to erase: in the reader's language, or the name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactsView:
    """A page of the list."""

    search: str
    contacts: Sequence[ListedContact]
    next: UUID | None
    """The last one, if there may be more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactView:
    """One contact."""

    card: ContactCard
    suggestions: Sequence[MergeSuggestion]
    said: Sequence[SaidMessage]
    earlier: int | None
    """Number of the oldest message shown, if there may be older ones."""
    found: Sequence[ListedContact] = ()
    """Who was looked for to be merged."""
    search: str = ""
    problem: str = ""

    @property
    def is_suppressed(self) -> bool:
        """Whether they must not be written to."""
        return any(each.lifted_at is None for each in self.card.suppressions)


async def list_page(visit: Visit) -> Response:
    """List contacts, or those a name or an address is looked for."""
    search = visit.query("q").strip()
    async with visit.tx() as tx:
        found = await contact_list.list_contacts(tx, search, before=visit.query_id("before"))
    last = found[-1].id if len(found) == contact_list.PAGE else None
    view = ContactsView(search=search, contacts=found, next=last)
    is_part = visit.is_fragment and visit.request.headers.get("hx-target") == "contacts"
    return visit.page("_contact_rows.html" if is_part else "contacts.html", view=view)


async def show(visit: Visit) -> Response:
    """Show one contact."""
    before = visit.query("before")
    if visit.is_fragment and before.isdecimal():
        return await _show_earlier(visit, int(before[:18]))
    return await _page(visit)


async def _show_earlier(visit: Visit, before: int) -> Response:
    contact_id = ContactId(visit.path_id("contact"))
    async with visit.tx() as tx:
        said = await contact_list.list_timeline(tx, contact_id, before=before)
    return visit.page("_contact_said.html", said=said, earlier=_earlier(said), contact_id=contact_id)


async def _page(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    contact_id, search = ContactId(visit.path_id("contact")), visit.query("merge").strip()
    async with visit.tx() as tx:
        with _known(visit):
            card = await contacts.get_contact_card(tx, contact_id)
        if card.merged_into and not problem:
            return RedirectResponse(f"/inbox/contacts/{card.merged_into}", status_code=303, headers=HEADERS)
        said = await contact_list.list_timeline(tx, contact_id)
        found = await contact_list.list_contacts(tx, search, limit=8) if search else ()
        view = ContactView(
            card=card,
            suggestions=await contacts.suggest_merges(tx, contact_id) if visit.member.may("reviewer") else (),
            said=said,
            earlier=_earlier(said),
            found=[each for each in found if each.id != contact_id],
            search=search,
            problem=problem,
        )
    return visit.page("contact.html", view=view, status=status)


@contextmanager
def _known(visit: Visit) -> Iterator[None]:
    """Answer 404 if the contact that is asked for is not there."""
    try:
        yield
    except LookupError as exc:
        raise BadRequest(visit.say(N_("There is no such contact; they may have been erased.")), status=404) from exc


def _earlier(said: Sequence[SaidMessage]) -> int | None:
    return said[-1].seq if len(said) == contact_list.PAGE else None


async def merge(visit: Visit) -> Response:
    """Make another contact part of this one."""
    kept = ContactId(visit.path_id("contact"))
    try:
        other = ContactId(UUID(visit.field("other")))
        async with visit.tx() as tx:
            await merge_contacts(tx, kept, other, actor=visit.member.actor)
    except (CannotJoin, LookupError, ValueError) as exc:
        return await _page(visit, problem=str(exc), status=409)
    return visit.go(f"/inbox/contacts/{kept}")


async def unmerge(visit: Visit) -> Response:
    """Part a contact from this one again."""
    try:
        merged = ContactId(UUID(visit.field("merged")))
        async with visit.tx() as tx:
            await unmerge_contacts(tx, merged, actor=visit.member.actor)
    except (CannotJoin, LookupError, ValueError) as exc:
        return await _page(visit, problem=str(exc), status=409)
    return visit.go(f"/inbox/contacts/{merged}")


async def export(visit: Visit) -> Response:
    """Hand out all that is held of a contact, as a JSON file."""
    contact_id = ContactId(visit.path_id("contact"))
    async with visit.deps.db.tenant(visit.member.tenant_id) as tx:
        await _require_manager(visit, tx)
        with _known(visit):
            held = await export_contact(tx, contact_id)
        await events.insert_event(
            tx,
            visit.member.tenant_id,
            "contact.exported",
            actor=visit.member.actor,
            data={"contact": str(contact_id)},
        )
    name = f'attachment; filename="contact-{contact_id}.json"'
    content = json.dumps(held, ensure_ascii=False, indent=1)
    return Response(content, media_type="application/json", headers={**HEADERS, "content-disposition": name})


async def erase(visit: Visit) -> Response:
    """Erase a contact for good, once somebody has typed that they mean it."""
    contact_id = ContactId(visit.path_id("contact"))
    typed = visit.field("confirm", longest=200).casefold()
    async with visit.tx() as tx:
        with _known(visit):
            card = await contacts.get_contact_card(tx, contact_id)
    if typed not in {visit.say(CONFIRM).casefold(), (card.name or CONFIRM).strip().casefold()}:
        problem = visit.say(N_("Nothing was erased: what you typed is another word."))
        return await _page(visit, problem=problem, status=422)
    try:
        erased = await _erase(visit, contact_id)
    except CannotErase as exc:
        return await _page(visit, problem=str(exc), status=409)
    return visit.page("contact_erased.html", erased=erased)


async def _require_manager(visit: Visit, tx: Tx) -> None:
    """Ask the database, in the transaction that does it, whether they are a manager at this moment."""
    try:
        await require_role(tx, visit.member, "manager")
    except CannotChangeStaff as exc:
        raise BadRequest(str(exc), status=403) from exc


async def _erase(visit: Visit, contact_id: ContactId) -> Erasure:
    async with visit.deps.db.tenant(visit.member.tenant_id) as tx:
        await _require_manager(visit, tx)
        return await erase_contact(tx, visit.member.tenant_id, contact_id, actor=visit.member.actor)
