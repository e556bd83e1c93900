"""The commands about contacts: show, merge, part. What they do is in `agent/store`."""

import json
from dataclasses import asdict

from rich.console import Console

from agent.errors import NightshiftError
from agent.settings import Settings
from agent.store.contacts import (
    ContactCard,
    ContactSuppression,
    MergeSuggestion,
    find_contact,
    get_contact_card,
    suggest_merges,
)
from agent.store.db import Tx
from agent.store.merges import merge_contacts, unmerge_contacts
from agent.types import ContactId
from jobs.wiring import open_tenant

ACTOR = "staff (command line)"


async def run_show(settings: Settings, slug: str, contact: str, out: Console, *, as_json: bool) -> None:
    """Print who a contact is, and who they may be besides.

    Raises:
        NightshiftError: there is no such tenant or contact.
    """
    async with open_tenant(settings, slug) as opened:
        tx = opened.tx
        contact_id = await find_named(tx, contact)
        card, suggestions = await get_contact_card(tx, contact_id), await suggest_merges(tx, contact_id)
    if as_json:
        shown = {**asdict(card), "suggestions": [asdict(each) for each in suggestions]}
        out.print_json(json.dumps(shown, default=str))
    else:
        for line in _lines(card, suggestions):
            out.print(line, markup=False)


async def run_merge(settings: Settings, slug: str, kept: str, merged: str, out: Console) -> None:
    """Make two contacts one person.

    Raises:
        NightshiftError: there is no such tenant or contact, or they cannot be merged.
    """
    async with open_tenant(settings, slug) as opened:
        kept_id, merged_id = await find_named(opened.tx, kept), await find_named(opened.tx, merged)
        await merge_contacts(opened.tx, kept_id, merged_id, actor=ACTOR)
    out.print(f"{merged_id} is part of {kept_id} now. To part them: nightshift contact unmerge {merged_id}")


async def run_unmerge(settings: Settings, slug: str, merged: str, out: Console) -> None:
    """Part a contact from the one it was merged into.

    Raises:
        NightshiftError: there is no such tenant or contact, or they cannot be parted.
    """
    async with open_tenant(settings, slug) as opened:
        merged_id = await find_named(opened.tx, merged)
        kept_id = await unmerge_contacts(opened.tx, merged_id, actor=ACTOR)
    out.print(f"{merged_id} and {kept_id} are two contacts again.")


async def find_named(tx: Tx, name: str) -> ContactId:
    """Return the contact that a person names by id or address.

    Raises:
        NightshiftError: there is none.
    """
    found = await find_contact(tx, name)
    if found is None:
        raise NightshiftError(f"This tenant has no contact {name!r}: give an id, a number with its +, or an address.")
    return found


def _lines(card: ContactCard, suggestions: list[MergeSuggestion]) -> list[str]:
    about = " · ".join(filter(None, (card.name or "(no name)", card.language, card.timezone)))
    return [
        f"{card.id} {about}",
        *([f"  part of {card.merged_into}"] if card.merged_into else []),
        *(f"  {each.kind} {each.address}{_alias(each.alias_of)}" for each in card.addresses),
        *(
            f"  conversation {each.id}: {each.channel}, {each.contact_address} with {each.our_address}, "
            f"{each.messages} messages, last {each.last_inbound_at or 'never'}"
            for each in card.threads
        ),
        *map(_opt_out, card.suppressions),
        *(f"  includes {each.merged_id} {each.name or ''}: {each.actor}, {each.created_at}" for each in card.merges),
        *(f"  perhaps also {each.contact_id} {each.name or ''}: {each.reason}, {each.address}" for each in suggestions),
    ]


def _opt_out(each: ContactSuppression) -> str:
    proof = ", ".join([*([f"message {each.evidence}"] if each.evidence else []), *map(" ".join, each.proof.items())])
    words = f"{each.normalised}, since {each.created_at}: {each.reason}{f' ({proof})' if proof else ''}"
    return f"  came back {each.lifted_at}: {words}" if each.lifted_at else f"  do not write: {words}"


def _alias(first: str | None) -> str:
    return f" (the same account as {first})" if first else ""
