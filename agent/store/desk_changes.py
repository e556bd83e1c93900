"""What staff change of several conversations at once: who minds them, labels, the flag, snooze, done.

Every function returns the conversations it changed: an event is recorded for each. Rows are locked in one order, so
that two members who act on the same conversations never wait for each other in a circle.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agent.store.db import Tx
from agent.types import ConversationId, MemberId, TenantId

Ids = Sequence[ConversationId]


async def set_assignee(tx: Tx, ids: Ids, assignee_id: MemberId | None) -> Ids:
    """Say who minds conversations; None: nobody."""
    return await _changed(
        tx,
        """update conversations set assignee_id = %(assignee)s
           where id = any(%(ids)s) and assignee_id is distinct from %(assignee)s returning id""",
        ids,
        assignee=assignee_id,
    )


async def add_label(tx: Tx, tenant_id: TenantId, ids: Ids, label: str, *, most: int) -> Ids:
    """Give conversations a label; those that have `most` already get no more."""
    changed = await _changed(
        tx,
        """update conversations set labels = labels || %(label)s::text
           where id = any(%(ids)s) and not labels @> array[%(label)s::text] and cardinality(labels) < %(most)s
           returning id""",
        ids,
        label=label,
        most=most,
    )
    if changed:
        await tx.execute(
            "insert into labels (name, tenant_id) values (%s, %s) on conflict do nothing", (label, tenant_id)
        )
    return changed


async def remove_label(tx: Tx, ids: Ids, label: str) -> Ids:
    """Take a label off conversations."""
    return await _changed(
        tx,
        """update conversations set labels = array_remove(labels, %(label)s)
           where id = any(%(ids)s) and labels @> array[%(label)s::text] returning id""",
        ids,
        label=label,
    )


async def set_urgent(tx: Tx, ids: Ids, *, is_urgent: bool) -> Ids:
    """Flag conversations, or take the flag off."""
    return await _changed(
        tx,
        """update conversations set is_urgent = %(urgent)s
           where id = any(%(ids)s) and is_urgent <> %(urgent)s returning id""",
        ids,
        urgent=is_urgent,
    )


async def snooze_escalations(tx: Tx, ids: Ids, until: datetime | None, now: datetime) -> Ids:
    """Take open requests out of the queue until a time; None: put them back."""
    return await _changed(
        tx,
        """update escalations set snoozed_until = %(until)s, snoozed_at = %(now)s
           where conversation_id = any(%(ids)s) and state = 'open' and snoozed_until is distinct from %(until)s
           returning conversation_id as id""",
        ids,
        until=until,
        now=now,
    )


async def settle_escalations(tx: Tx, ids: Ids, member_id: MemberId, now: datetime) -> Ids:
    """Close open requests: somebody has seen to it without a text."""
    return await _changed(
        tx,
        """update escalations set state = 'resolved', resolution = 'done', resolved_by = %(member)s,
               resolved_at = %(now)s, snoozed_until = null
           where conversation_id = any(%(ids)s) and state = 'open' returning conversation_id as id""",
        ids,
        member=member_id,
        now=now,
    )


async def reopen_escalations(tx: Tx, ids: Ids) -> Ids:
    """Open the latest request of conversations again that have none open and whose last was closed."""
    return await _changed(
        tx,
        """update escalations e set state = 'open', resolution = null, resolved_by = null, resolved_at = null
           where e.state = 'resolved' and e.id in (
               select latest.id from unnest(%(ids)s) as asked (id) cross join lateral (
                   select id, state from escalations
                   where conversation_id = asked.id order by created_at desc, id desc limit 1) latest
               where latest.state = 'resolved')
           returning e.conversation_id as id""",
        ids,
    )


async def list_labels(tx: Tx, *, limit: int = 200) -> Sequence[str]:
    """Return the labels that staff have given, by name."""
    cursor = await tx.execute(
        "select name from labels where tenant_id = (select current_tenant()) order by lower(name), name limit %s",
        (limit,),
    )
    return [row["name"] for row in await cursor.fetchall()]


async def _changed(tx: Tx, statement: str, ids: Ids, **values: Any) -> Ids:
    await tx.execute("select id from conversations where id = any(%s) order by id for update", (list(ids),))
    cursor = await tx.execute(statement.encode(), {"ids": list(ids), **values})
    return [row["id"] for row in await cursor.fetchall()]
