"""Notes: what staff tell one another about a conversation. `@Ana` names a colleague."""

from collections.abc import Sequence
from uuid import UUID

from agent.folding import fold
from agent.staff.members import Member
from agent.store.composing import insert_note
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.members import list_members
from agent.types import ConversationId, MemberId

MAX_CHARS = 4000


async def add_note(tx: Tx, conversation_id: ConversationId, text: str, member: Member) -> UUID:
    """Keep a member's note, to whom it mentions.

    Raises:
        ValueError: it is empty or too long.
    """
    text = text.strip()
    if not 0 < len(text) <= MAX_CHARS:
        raise ValueError(f"A note has 1 to {MAX_CHARS} characters; this one has {len(text)}.")
    mentioned = find_mentions(text, await list_members(tx))
    note_id = await insert_note(tx, member, conversation_id, text, mentioned)
    await insert_event(
        tx,
        member.tenant_id,
        "note.added",
        actor=member.actor,
        conversation_id=conversation_id,
        data={"note": str(note_id), "mentions": [str(each) for each in mentioned]},
    )
    return note_id


def find_mentions(text: str, members: Sequence[Member]) -> Sequence[MemberId]:
    """Return whom a text names after an `@`, by their whole name or, where only one has it, their first."""
    said = fold(text)
    firsts = [fold(each.name).split(" ")[0] for each in members]
    found = []
    for each, first in zip(members, firsts, strict=True):
        names = {fold(each.name)} | ({first} if firsts.count(first) == 1 else set())
        if any(_is_named(said, name) for name in names if name):
            found.append(each.id)
    return found


def _is_named(said: str, name: str) -> bool:
    """Whether `@name` stands in a text, and not as the beginning of a longer word."""
    parts = said.split(f"@{name}")
    return any(not after[:1].isalnum() for after in parts[1:])
