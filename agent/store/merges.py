"""Two contacts are one person, or are not after all. Who locks what, in which order: see `…_identity.sql`."""

from uuid import UUID

from psycopg.types.json import Jsonb

from agent.errors import NightshiftError
from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.store.events import insert_event
from agent.types import ContactId


class CannotJoin(NightshiftError):  # noqa: N818 — says what cannot be done
    """Staff act: two contacts cannot be merged, or parted, as asked. The message says why, and what can be done."""


async def merge_contacts(tx: Tx, kept: ContactId, merged: ContactId, *, actor: str) -> None:
    """Make two contacts one person: all that `merged` has is `kept`'s from now on, what protects either protects both.

    Raises:
        CannotJoin: they are the same, or one is part of another already.
        LookupError: this tenant has no such contact.
    """
    row = await fetch_one(tx, "select merge_contacts(%s, %s, %s, %s) as done", (new_id(), kept, merged, actor))
    if row and row["done"]:
        return
    if kept == merged:
        raise CannotJoin(f"{kept} is one contact already: name two.")
    for contact_id in (kept, merged):
        if keeper := await read_keeper(tx, contact_id):
            raise CannotJoin(f"{contact_id} is part of {keeper} already: merge with that one.")
    raise CannotJoin("Somebody else changed these contacts just now: look at them again.")


async def read_keeper(tx: Tx, contact_id: ContactId) -> ContactId | None:
    """Return the contact that one is part of; None: it is part of none.

    Raises:
        LookupError: this tenant has no such contact.
    """
    row = await fetch_one(tx, "select merged_into from contacts where id = %s", (contact_id,))
    if row is None:
        raise LookupError(f"contact {contact_id} does not exist for this tenant")
    keeper: ContactId | None = row["merged_into"]
    return keeper


async def unmerge_contacts(tx: Tx, merged: ContactId, *, actor: str) -> ContactId:
    """Part a contact from the one it was merged into, and return that one.

    Every address goes back to whose it was, with its conversations and suppressions, new ones too. Who was protected
    when the two were joined is so again, also if the joint person has asked to come back since.

    Raises:
        CannotJoin: it is part of no contact; that one has been merged in turn; or the two share a WhatsApp account.
        LookupError: this tenant has no such contact.
    """
    kept = await _lock_merged(tx, merged)
    row = await fetch_one(
        tx,
        "select id, moved from contact_merges where merged_id = %s and undone_at is null for update",
        (merged,),
    )
    if row is None:
        raise CannotJoin(f"{merged} was parted again by somebody else just now.")
    moved = row["moved"]
    points = await _points_to_return(tx, kept, moved["points"])
    if shared := points & {UUID(each) for each in moved["kept_points"]}:
        address = await fetch_one(tx, "select address from contact_points where id = %s", (min(shared),))
        raise CannotJoin(
            f"{merged} and {kept} cannot be parted: by WhatsApp's word, addresses of both belong to one account"
            f" ({address['address'] if address else 'deleted since'})."
        )
    await _give_back(tx, kept, merged, list(points), moved["suppressions"])
    await _protect_again(tx, moved["active"])
    for field, value in moved["filled"].items():
        await _forget(tx, kept, field, value)
    await tx.execute("update contacts set merged_into = null where id = %s", (merged,))
    await tx.execute(
        "update contact_merges set undone_at = clock_timestamp(), undone_by = %s where id = %s", (actor, row["id"])
    )
    await _record_parting(tx, row["id"], kept, merged, actor)
    return kept


async def _lock_merged(tx: Tx, merged: ContactId) -> ContactId:
    """Lock a merged contact and its keeper; return the keeper."""
    kept = await read_keeper(tx, merged)
    if kept is None:
        raise CannotJoin(f"{merged} is part of no other contact; `nightshift contact show` lists what is.")
    await tx.execute("select lock_contacts(%s)", ([kept, merged],))
    if above := await read_keeper(tx, kept):
        raise CannotJoin(f"{kept} is itself part of {above} now: part those two first.")
    return kept


async def _points_to_return(tx: Tx, kept: ContactId, moved: list[str]) -> set[UUID]:
    """Return the points that went over, and all that have turned out since to be of the same accounts."""
    cursor = await tx.execute(
        """select id from contact_points where contact_id = %(kept)s and coalesce(alias_of, id) in (
               select coalesce(alias_of, id) from contact_points where id = any(%(moved)s::uuid[]))""",
        {"kept": kept, "moved": moved},
    )
    return {row["id"] for row in await cursor.fetchall()}


async def _give_back(tx: Tx, kept: ContactId, merged: ContactId, points: list[UUID], suppressions: list[str]) -> None:
    await tx.execute("update contact_points set contact_id = %s where id = any(%s)", (merged, points))
    await tx.execute(
        "update conversations set contact_id = %s where contact_id = %s and contact_point_id = any(%s)",
        (merged, kept, points),
    )
    await tx.execute(
        """update suppressions s set contact_id = %s where contact_id = %s and (id = any(%s::uuid[])
               or (kind, normalised) in (select p.kind, p.normalised from contact_points p where p.id = any(%s)))""",
        (merged, kept, suppressions, points),
    )


async def _protect_again(tx: Tx, active: list[str]) -> None:
    """Let the suppressions of before the merge stand that were lifted since: nobody knows which of the two asked."""
    cursor = await tx.execute(
        """select tenant_id, contact_id, kind, normalised, reason, evidence_message_id, proof from suppressions
           where id = any(%s::uuid[]) and lifted_at is not null order by id""",
        (active,),
    )
    for lifted in await cursor.fetchall():
        await tx.execute(
            """insert into suppressions
                   (id, tenant_id, contact_id, kind, normalised, reason, evidence_message_id, proof, created_at)
               values (%(id)s, %(tenant_id)s, %(contact_id)s, %(kind)s, %(normalised)s, %(reason)s,
                       %(evidence_message_id)s, %(proof)s, clock_timestamp())
               on conflict (tenant_id, kind, normalised) where lifted_at is null do nothing""",
            {**lifted, "id": new_id(), "proof": Jsonb(lifted["proof"])},
        )


async def _forget(tx: Tx, kept: ContactId, field: str, value: str) -> None:
    """Take back what the keeper had taken over, unless it has learned better since."""
    query = {
        "name": "update contacts set name = null where id = %s and name = %s",
        "language": "update contacts set language = null where id = %s and language = %s",
        "timezone": "update contacts set timezone = null where id = %s and timezone = %s",
    }[field]
    await tx.execute(query, (kept, value))


async def _record_parting(tx: Tx, merge_id: UUID, kept: ContactId, merged: ContactId, actor: str) -> None:
    tenant = await fetch_one(tx, "select tenant_id from contacts where id = %s", (kept,))
    if tenant:
        data = {"merge": str(merge_id), "kept": str(kept), "merged": str(merged)}
        await insert_event(tx, tenant["tenant_id"], "contact.unmerged", actor=actor, data=data)
