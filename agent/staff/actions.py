"""What staff do with conversations beside answering: assign, label, flag, snooze, settle. Each act is an event.

All take several conversations, change those that are not so already, and return how many they changed. They run in a
transaction in the member's name (`Database.member`): the database refuses what their role does not allow.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.escalation.asking import rejudge
from agent.ports import Deps
from agent.staff.members import Member
from agent.store import desk_changes
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.types import ConversationId, MemberId

MAX_LABELS = 12
"""More a conversation does not bear."""
_LABEL = re.compile(r"[^\s,]([^,]{0,38}[^\s,])?")

Ids = Sequence[ConversationId]


class LabelError(ValueError):
    """What is not a label. The message says what is."""


async def assign(tx: Tx, ids: Ids, assignee_id: MemberId | None, member: Member) -> int:
    """Say who minds conversations; None: nobody.

    Raises:
        psycopg.errors.ForeignKeyViolation: the tenant has no such member.
    """
    changed = await desk_changes.set_assignee(tx, ids, assignee_id)
    assignee = str(assignee_id) if assignee_id else None
    return await _record(tx, changed, "conversation.assigned", member, {"assignee": assignee})


async def label(tx: Tx, ids: Ids, name: str, member: Member) -> int:
    """Give conversations a label.

    Raises:
        LabelError: it is none.
    """
    name = clean_label(name)
    changed = await desk_changes.add_label(tx, member.tenant_id, ids, name, most=MAX_LABELS)
    return await _record(tx, changed, "conversation.labelled", member, {"label": name})


async def unlabel(tx: Tx, ids: Ids, name: str, member: Member) -> int:
    """Take a label off conversations."""
    changed = await desk_changes.remove_label(tx, ids, name)
    return await _record(tx, changed, "conversation.unlabelled", member, {"label": name[:40]})


async def flag(tx: Tx, ids: Ids, member: Member, deps: Deps, *, is_urgent: bool) -> int:
    """Flag conversations as urgent, or take the flag off; open requests get their place in the queue anew."""
    changed = await desk_changes.set_urgent(tx, ids, is_urgent=is_urgent)
    tenant = await deps.tenants.get(tx, member.tenant_id)
    for conversation_id in changed:
        await rejudge(tx, conversation_id, tenant)
    return await _record(tx, changed, "conversation.flagged", member, {"urgent": is_urgent})


async def snooze(tx: Tx, ids: Ids, until: datetime | None, member: Member, now: datetime) -> int:
    """Take requests out of the queue until a time, or until the prospect writes; None: put them back now."""
    changed = await desk_changes.snooze_escalations(tx, ids, until, now)
    data = {"until": until.isoformat() if until else None}
    return await _record(tx, changed, "escalation.snoozed", member, data)


async def settle(tx: Tx, ids: Ids, member: Member, now: datetime) -> int:
    """Close requests that need no text any more."""
    changed = await desk_changes.settle_escalations(tx, ids, member.id, now)
    return await _record(tx, changed, "escalation.done", member, {})


async def reopen(tx: Tx, ids: Ids, member: Member) -> int:
    """Put conversations back into the queue whose last request was closed."""
    changed = await desk_changes.reopen_escalations(tx, ids)
    return await _record(tx, changed, "escalation.reopened", member, {})


def clean_label(name: str) -> str:
    """Return a label as it is kept: one line, at most 40 characters, no comma.

    Raises:
        LabelError: it is none.
    """
    name = " ".join(name.split())
    if not _LABEL.fullmatch(name) or not name.isprintable():
        raise LabelError("A label has 1 to 40 characters and no comma, such as “big order”.")
    return name


async def _record(tx: Tx, changed: Ids, kind: str, member: Member, data: Mapping[str, Any]) -> int:
    for conversation_id in changed:
        await insert_event(tx, member.tenant_id, kind, actor=member.actor, conversation_id=conversation_id, data=data)
    return len(changed)
