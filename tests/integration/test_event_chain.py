"""Events that show tampering (promise P9): whoever alters, removes, inserts or moves one, verifying finds it."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg import errors

from agent.erasure import erase_contact
from agent.events.chain import Fault, Head
from agent.events.sealing import Verified, retire_events, seal_events, verify_events
from agent.store import event_chain
from agent.store.db import Database, Tx, fetch_one
from agent.store.events import insert_event
from tests.integration.tenant_rows import Rows, insert_rows

LATER = timedelta(hours=1)


def soon() -> datetime:
    """Return a time at which everything inserted until now should have been sealed."""
    return datetime.now(UTC) + LATER


async def begin_anew(admin: Tx, rows: Rows) -> Rows:
    """Take away the seal and the checkpoint that every table's rows begin with: they belong to no chain."""
    await admin.execute("set session_replication_role = replica")
    for table in ("event_seals", "event_checkpoints"):
        await admin.execute(f"delete from {table} where tenant_id = %s".encode(), (rows.tenant,))
    await admin.execute("set session_replication_role = origin")
    return rows


@pytest.fixture
async def a(admin: Tx, a: Rows) -> Rows:
    """Tenant A with an event that waits to be sealed."""
    return await begin_anew(admin, a)


@pytest.fixture
async def b(admin: Tx, b: Rows) -> Rows:
    """Tenant B, likewise."""
    return await begin_anew(admin, b)


async def happen(db: Database, rows: Rows, count: int = 5) -> None:
    for number in range(count):
        async with db.tenant(rows.tenant) as tx:
            data = {"reason": f"Grund {number} – ñ", "number": number, "share": 0.25}
            await insert_event(tx, rows.tenant, "turn.decided", actor="agent", conversation_id=rows.idle, data=data)


async def verify(db: Database, rows: Rows, noted: Head | None = None) -> Verified:
    return await verify_events(rows.tenant, db, soon(), noted=noted)


async def test_what_happens_is_sealed_in_order_and_holds(db: Database, a: Rows, b: Rows) -> None:
    await happen(db, a)
    assert await seal_events(a.tenant, db) == 6
    assert await seal_events(a.tenant, db) == 0
    first = await verify(db, a)
    assert (first.breaks, first.events, first.head.seq) == ([], 6, 6)
    await happen(db, a, 2)
    assert await seal_events(a.tenant, db) == 2
    after = await verify(db, a, noted=first.head)
    assert (after.breaks, after.head.seq) == ([], 8)
    assert (await verify(db, b)).events == 0


TAMPERING: dict[str, tuple[str, set[Fault]]] = {
    "another actor": ("update events set actor = 'nobody' where id = %(third)s", {"altered"}),
    "another time": ("update events set at = at + interval '1 s' where id = %(third)s", {"altered"}),
    "another decision": (
        'update events set data = data || \'{"reason": "none"}\' where id = %(third)s',
        {"data_altered"},
    ),
    "data forgotten without an erasure": (
        "update events set data = '{\"erased\": true}' where id = %(third)s",
        {"data_altered"},
    ),
    "data and salt forgotten without an erasure": (
        """with gone as (update events set data = '{"erased": true}' where id = %(third)s)
           update event_seals set salt = null where event_id = %(third)s""",
        {"forgotten"},
    ),
    "removed": ("delete from events where id = %(third)s", {"deleted"}),
    "removed with its seal": (
        "with gone as (delete from events where id = %(third)s) delete from event_seals where event_id = %(third)s",
        {"missing_seal"},
    ),
    "two swapped": (
        """update events set data = case id when %(third)s then (select data from events where id = %(fourth)s)
                                           else (select data from events where id = %(third)s) end
           where id in (%(third)s, %(fourth)s)""",
        {"data_altered"},
    ),
    "two seals swapped": (
        """update event_seals s set (salt, data_hash, hash) = (
               select o.salt, o.data_hash, o.hash from event_seals o
               where o.event_id = case s.event_id when %(third)s then %(fourth)s else %(third)s end)
           where event_id in (%(third)s, %(fourth)s)""",
        {"altered", "data_altered"},
    ),
    "inserted with an earlier time": (
        """with added as (insert into events (tenant_id, kind, actor, at)
                              values (%(tenant)s, 'x', 'x', now() - interval '1 day') returning tenant_id, id)
           insert into unsealed_events select tenant_id, id from added""",
        {"backdated"},
    ),
    "inserted past sealing": (
        "insert into events (tenant_id, kind, actor) values (%(tenant)s, 'x', 'x')",
        {"unsealed"},
    ),
    "a beginning cut off": (
        """with last as (select seq, hash from event_seals where event_id = %(third)s),
                gone as (delete from event_seals where seq <= (select seq from last) and tenant_id = %(tenant)s)
           insert into event_checkpoints (tenant_id, seq, hash, removed, last_at)
               select %(tenant)s, seq, hash, seq, now() from last""",
        {"checkpoint", "unsealed"},
    ),
}


async def test_tampering_by_the_owner_of_the_database_is_found(db: Database, admin: Tx) -> None:
    """Each way is tried on a tenant of its own, in one database: a fresh one each time would take a second."""
    found: dict[str, set[Fault]] = {}
    for number, (name, (query, _)) in enumerate(TAMPERING.items()):
        async with db.system() as tx, tx.transaction():
            rows = await insert_rows(tx, f"tenant-{number}")
        await begin_anew(admin, rows)
        await happen(db, rows)
        await seal_events(rows.tenant, db)
        await tamper(admin, rows, query)
        if "earlier time" in name:
            await seal_events(rows.tenant, db)
        verified = await verify(db, rows)
        found[name] = {each.fault for each in verified.breaks}
        assert all(str(each) for each in verified.breaks)
    assert found == {name: faults for name, (_, faults) in TAMPERING.items()}


async def tamper(admin: Tx, rows: Rows, query: str) -> None:
    """Do something to a tenant's events that no trigger hinders."""
    cursor = await admin.execute("select id from events where tenant_id = %s order by id", (rows.tenant,))
    ids = [row["id"] for row in await cursor.fetchall()]
    await admin.execute("set session_replication_role = replica")
    await admin.execute(query.encode(), {"third": ids[2], "fourth": ids[3], "tenant": rows.tenant})
    await admin.execute("set session_replication_role = origin")


async def test_a_chain_written_anew_disagrees_with_a_head_that_was_noted(db: Database, admin: Tx, a: Rows) -> None:
    await happen(db, a)
    await seal_events(a.tenant, db)
    noted = (await verify(db, a)).head
    await admin.execute("set session_replication_role = replica")
    await admin.execute("delete from event_seals")
    await admin.execute("delete from events where id = (select max(id) from events where tenant_id = %s)", (a.tenant,))
    await admin.execute(
        "insert into unsealed_events select tenant_id, id from events where tenant_id = %s", (a.tenant,)
    )
    await admin.execute("set session_replication_role = origin")
    await seal_events(a.tenant, db)
    assert (await verify(db, a)).breaks == []
    assert [each.fault for each in (await verify(db, a, noted=noted)).breaks] == ["head"]


REFUSED = (
    "update events set actor = 'nobody'",
    "delete from events",
    "truncate events",
    "update event_seals set hash = data_hash",
    "delete from event_seals",
    "truncate event_seals",
    "update event_checkpoints set seq = 2",
    "delete from event_checkpoints",
    "truncate event_checkpoints",
)


async def test_the_database_refuses_to_rewrite_history(db: Database, admin: Tx, a: Rows) -> None:
    await seal_events(a.tenant, db)
    await admin.execute(
        "insert into event_checkpoints (tenant_id, seq, hash, removed, last_at) "
        "select tenant_id, 1, hash, 1, now() from event_seals limit 1"
    )
    for query in REFUSED:
        with pytest.raises(errors.InsufficientPrivilege):
            async with db.tenant(a.tenant) as tx:
                await tx.execute(query.encode())
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            await admin.execute(query.encode())


async def test_a_tenant_that_goes_takes_its_chain_along(db: Database, admin: Tx, a: Rows, b: Rows) -> None:
    for each in (a, b):
        await seal_events(each.tenant, db)
    await admin.execute("delete from members where tenant_id = %s", (a.tenant,))
    await admin.execute("delete from tenants where id = %s", (a.tenant,))
    left = await fetch_one(admin, "select array_agg(distinct tenant_id) as tenants from events")
    assert left == {"tenants": [b.tenant]}
    assert (await verify(db, b)).breaks == []


async def test_erasing_a_contact_forgets_what_events_said_and_the_chain_still_holds(
    db: Database, admin: Tx, a: Rows
) -> None:
    await happen(db, a)
    await seal_events(a.tenant, db)
    noted = (await verify(db, a)).head
    await happen(db, a, 1)  # one that is not sealed yet
    async with db.tenant(a.tenant) as tx:
        await erase_contact(tx, a.tenant, a.contact, actor="test")
    early = await verify(db, a)
    assert {each.fault for each in early.breaks} == {"unsealed"}
    await seal_events(a.tenant, db)
    found = await verify(db, a, noted=noted)
    assert (found.breaks, found.forgotten) == ([], 5)
    kept = await fetch_one(
        admin,
        """select count(*) as n from events e join event_seals s on s.event_id = e.id
           where e.conversation_id = %s and (e.data::text like '%%Grund%%' or (s.salt is not null and s.seq <= 6
             and e.data <> '{}'))""",
        (a.idle,),
    )
    assert kept == {"n": 0}


async def age(admin: Tx, rows: Rows, days: int) -> None:
    """Make all of a tenant's events older before they are sealed."""
    await admin.execute("set session_replication_role = replica")
    await admin.execute("update events set at = at - %s * interval '1 day' where tenant_id = %s", (days, rows.tenant))
    await admin.execute("set session_replication_role = origin")


async def test_retention_removes_what_is_old_and_the_rest_stays_verifiable(db: Database, admin: Tx, a: Rows) -> None:
    await happen(db, a)
    await age(admin, a, 400)
    await happen(db, a, 2)
    await seal_events(a.tenant, db)
    head = (await verify(db, a)).head
    before = datetime.now(UTC) - timedelta(days=365)
    assert await retire_events(a.tenant, before, db) == 6
    assert await retire_events(a.tenant, before, db) == 0
    await seal_events(a.tenant, db)
    found = await verify(db, a, noted=head)
    assert (found.breaks, found.events, found.start.seq) == ([], 3, 6)
    with pytest.raises(ValueError, match="retention"):
        await verify(db, a, noted=Head(seq=2, hash=bytes(32)))


async def test_whoever_inserts_waits_for_nobody_who_seals(db: Database, a: Rows) -> None:
    async with db.tenant(a.tenant) as sealing:
        await event_chain.lock_chain(sealing)
        await happen(db, a, 1)
    assert await seal_events(a.tenant, db) == 2


async def test_an_event_committed_late_is_sealed_after_those_with_higher_numbers(db: Database, a: Rows) -> None:
    async with db.tenant(a.tenant) as slow:
        await insert_event(slow, a.tenant, "slow", actor="agent")
        await happen(db, a, 2)
        assert await seal_events(a.tenant, db) == 3
    assert await seal_events(a.tenant, db) == 1
    assert (await verify(db, a)).breaks == []
