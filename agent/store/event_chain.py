"""The chain of a tenant's events in the database: what waits to be sealed, the seals, where old events were cut off.

Whoever seals or forgets holds the chain's lock; whoever inserts events does not, and waits for nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.events.chain import CONTACT_ERASED, GENESIS, PRUNED, Head, Seal, StoredEvent
from agent.store.db import Tx, fetch_one
from agent.types import ContactId, TenantId

_EVENT = "e.id, e.tenant_id, e.at, e.kind, e.actor, e.conversation_id, e.turn_id, e.message_id, e.data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsealed:
    """How many events of a tenant wait to be sealed, and since when the oldest does."""

    tenant_id: TenantId
    waiting: int
    oldest_at: datetime


async def list_unsealed_tenants(tx: Tx) -> list[Unsealed]:
    """Return the tenants that have events to seal, the longest waiting first."""
    cursor = await tx.execute("select waiting_tenant_id as tenant_id, waiting, oldest_at from tenants_to_seal()")
    return [Unsealed(**row) for row in await cursor.fetchall()]


async def lock_chain(tx: Tx) -> None:
    """Let nobody else seal or forget events of this tenant until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('event chain ' || current_tenant(), 0))")


async def find_head(tx: Tx) -> Head:
    """Return the last link of the tenant's chain."""
    row = await fetch_one(
        tx,
        """select seq, hash from event_seals where tenant_id = (select current_tenant())
           union all
           select seq, hash from event_checkpoints where tenant_id = (select current_tenant())
           order by seq desc limit 1""",
    )
    return Head(**row) if row else Head(seq=0, hash=GENESIS)


async def find_start(tx: Tx) -> Head:
    """Return the last link that retention has removed: the chain begins behind it."""
    row = await fetch_one(
        tx,
        """select seq, hash from event_checkpoints
           where tenant_id = (select current_tenant()) order by seq desc limit 1""",
    )
    return Head(**row) if row else Head(seq=0, hash=GENESIS)


async def list_unsealed(tx: Tx, *, limit: int) -> list[StoredEvent]:
    """Return committed events that wait to be sealed, in order."""
    cursor = await tx.execute(
        f"""select {_EVENT} from unsealed_events u
            join events e on e.tenant_id = u.tenant_id and e.id = u.event_id
            where u.tenant_id = (select current_tenant()) order by u.event_id limit %s""".encode(),  # noqa: S608 — columns
        (limit,),
    )
    return [StoredEvent(**row) for row in await cursor.fetchall()]


async def insert_seals(tx: Tx, tenant_id: TenantId, seals: Sequence[Seal]) -> None:
    """Keep new links, and wait for their events no more."""
    async with tx.cursor() as cursor:
        await cursor.executemany(
            """insert into event_seals (tenant_id, seq, event_id, salt, data_hash, hash)
               values (%s, %s, %s, %s, %s, %s)""",
            [(tenant_id, each.seq, each.event_id, each.salt, each.data_hash, each.hash) for each in seals],
        )
    await tx.execute(
        "delete from unsealed_events where tenant_id = %s and event_id = any(%s)",
        (tenant_id, [each.event_id for each in seals]),
    )


async def list_links(tx: Tx, after_seq: int, *, limit: int) -> list[tuple[Seal, StoredEvent | None]]:
    """Return links after a number, each with its event; None: there is no such event."""
    cursor = await tx.execute(
        f"""select s.seq, s.event_id, s.salt, s.data_hash, s.hash, {_EVENT}
            from event_seals s left join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
            where s.tenant_id = (select current_tenant()) and s.seq > %s order by s.seq limit %s""".encode(),  # noqa: S608
        (after_seq, limit),
    )
    return [_link(row) for row in await cursor.fetchall()]


def _link(row: dict[str, Any]) -> tuple[Seal, StoredEvent | None]:
    seal = Seal(**{name: row.pop(name) for name in ("seq", "event_id", "salt", "data_hash", "hash")})
    return seal, StoredEvent(**row) if row["id"] is not None else None


async def list_unsealed_accounts(tx: Tx) -> list[StoredEvent]:
    """Return events without a seal that account for data forgotten or events removed."""
    cursor = await tx.execute(
        f"""select {_EVENT} from unsealed_events u
            join events e on e.tenant_id = u.tenant_id and e.id = u.event_id
            where u.tenant_id = (select current_tenant()) and e.kind = any(%s)""".encode(),  # noqa: S608 — columns
        ([CONTACT_ERASED, PRUNED],),
    )
    return [StoredEvent(**row) for row in await cursor.fetchall()]


async def list_never_sealed(tx: Tx, before: datetime, *, limit: int) -> list[int]:
    """Return the numbers of events older than `before` that have no seal, whether they wait for one or not."""
    cursor = await tx.execute(
        """select e.id from events e
           left join event_seals s on s.tenant_id = e.tenant_id and s.event_id = e.id
           where e.tenant_id = (select current_tenant()) and s.seq is null
             and e.at < %s
           order by e.id limit %s""",
        (before, limit),
    )
    return [row["id"] for row in await cursor.fetchall()]


async def find_cut(tx: Tx, before: datetime) -> tuple[Head, datetime] | None:
    """Return the last link before the first event that is to stay, with its event's time; None: nothing is old."""
    row = await fetch_one(
        tx,
        """with stays as (
               select s.seq from event_seals s join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
               where s.tenant_id = (select current_tenant()) and e.at >= %s order by s.seq limit 1)
           select s.seq, s.hash, e.at from event_seals s
           join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
           where s.tenant_id = (select current_tenant())
             and s.seq < coalesce((select seq from stays), 9223372036854775807)
           order by s.seq desc limit 1""",
        (before,),
    )
    return (Head(seq=row["seq"], hash=row["hash"]), row["at"]) if row else None


async def insert_checkpoint(tx: Tx, tenant_id: TenantId, cut: Head, removed: int, last_at: datetime) -> None:
    """Note that everything up to `cut` is to be removed."""
    await tx.execute(
        "insert into event_checkpoints (tenant_id, seq, hash, removed, last_at) values (%s, %s, %s, %s, %s)",
        (tenant_id, cut.seq, cut.hash, removed, last_at),
    )


async def prune_events(tx: Tx, *, limit: int) -> int:
    """Remove events before the last checkpoint, at most `limit`; return how many."""
    row = await fetch_one(tx, "select prune_events(%s) as removed", (limit,))
    return int(row["removed"]) if row else 0


async def forget_events(tx: Tx, contact_id: ContactId) -> list[UUID]:
    """Forget the data of all events in a contact's conversations; return those conversations.

    The caller accounts for them with an event, which names them: that something happened stays provable.
    """
    await lock_chain(tx)
    cursor = await tx.execute("select id from conversations where contact_id = %s order by id", (contact_id,))
    threads = [row["id"] for row in await cursor.fetchall()]
    await tx.execute(
        """update events set data = '{"erased": true}' where data <> '{}' and data <> '{"erased": true}'
             and conversation_id = any(%s)""",
        (threads,),
    )
    await tx.execute(
        """update event_seals set salt = null where salt is not null and tenant_id = (select current_tenant())
             and event_id in (select id from events where conversation_id = any(%s) and data = '{"erased": true}')""",
        (threads,),
    )
    return threads
