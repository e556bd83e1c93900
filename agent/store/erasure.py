"""What is removed when a contact is erased, and the little that stays. `agent/erasure.py` says in which order.

Foreign keys take along whatever hangs on the contact; files go by the trigger on `media`, their bytes by the clock.
"""

from dataclasses import dataclass

from agent.store.db import Tx, fetch_one
from agent.store.merges import read_keeper
from agent.store.outcomes import delete_outcomes_named
from agent.types import ContactId


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """How much is held of a contact."""

    conversations: int
    messages: int
    files: int
    trace_ids: tuple[str, ...]
    """Traces of their turns, which the tracing service keeps as long as it is told to."""


async def lock_contact(tx: Tx, contact_id: ContactId) -> ContactId | None:
    """Lock a contact and all addresses and conversations of theirs; return the contact they are part of, if any.

    Raises:
        LookupError: this tenant has no such contact.
    """
    await tx.execute("select lock_contacts(%s)", ([contact_id],))
    return await read_keeper(tx, contact_id)


async def read_holdings(tx: Tx, contact_id: ContactId) -> Holdings:
    """Count what is held of a contact."""
    row = await fetch_one(
        tx,
        """select count(*) as conversations,
               coalesce(sum((select count(*) from messages m where m.conversation_id = c.id)), 0)::int as messages,
               coalesce(sum((select count(*) from media f join messages m on m.id = f.message_id
                             where m.conversation_id = c.id)), 0)::int as files,
               array(select t.trace_id from turns t join conversations o on o.id = t.conversation_id
                     where o.contact_id = %(id)s and t.trace_id <> '' order by t.id) as trace_ids
           from conversations c where c.contact_id = %(id)s""",
        {"id": contact_id},
    )
    if row is None:
        raise RuntimeError("a count returned no row")
    return Holdings(**{**row, "trace_ids": tuple(row["trace_ids"])})


async def keep_opt_outs(tx: Tx, contact_id: ContactId) -> int:
    """Keep a hash of every address of a contact who has opted out, in place of earlier ones; return of how many.

    An opt-out is the person's: it holds for all their addresses. The rows in clear go, also those that an address
    of theirs has from an earlier owner.
    """
    await tx.execute(
        """delete from erased_suppressions e using contact_points p
           where p.contact_id = %s and e.tenant_id = p.tenant_id
             and e.address_hash = hash_address(p.tenant_id, p.kind, p.normalised)""",
        (contact_id,),
    )
    kept = await tx.execute(
        """with standing as (
               select s.tenant_id, s.kind, s.normalised, s.created_at from suppressions s
               where s.lifted_at is null and (s.contact_id = %(id)s or exists (
                   select from contact_points p
                   where p.contact_id = %(id)s and p.kind = s.kind and p.normalised = s.normalised)))
           insert into erased_suppressions (tenant_id, address_hash, suppressed_at)
               select tenant_id, hash_address(tenant_id, kind, normalised), min(since) from (
                   select tenant_id, kind, normalised, created_at as since from standing
                   union all
                   select p.tenant_id, p.kind, p.normalised, (select min(created_at) from standing)
                   from contact_points p where p.contact_id = %(id)s and exists (select from standing)) as opted_out
               group by tenant_id, kind, normalised
           on conflict (tenant_id, address_hash) do update set suppressed_at = excluded.suppressed_at""",
        {"id": contact_id},
    )
    await tx.execute(
        """delete from suppressions s using contact_points p
           where p.contact_id = %s and s.tenant_id = p.tenant_id and s.kind = p.kind and s.normalised = p.normalised""",
        (contact_id,),
    )
    return kept.rowcount


async def delete_contact(tx: Tx, contact_id: ContactId) -> None:
    """Remove a contact and whatever is known of them, also what no foreign key leads to.

    What their events say is forgotten before (`forget_events`). Translations are found by what they translate; as they
    only save money, all of the tenant's go.
    """
    await tx.execute(
        """delete from simulated_messages where message_id in (
               select m.id from messages m join conversations c on c.id = m.conversation_id
               where c.contact_id = %s)""",
        (contact_id,),
    )
    await tx.execute(
        """delete from spending where subject = %(id)s or (scope = 'message' and subject in (
               select t.id from turns t join conversations c on c.id = t.conversation_id
               where c.contact_id = %(id)s))""",
        {"id": contact_id},
    )
    await delete_outcomes_named(tx, contact_id)
    await tx.execute("delete from translations where tenant_id = (select current_tenant())")
    await tx.execute("delete from contacts where id = %s", (contact_id,))
