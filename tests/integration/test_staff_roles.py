"""What each role of staff may do, as the database says it: whatever the pages do."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from agent.ids import new_id
from agent.store.db import Database, Tx, fetch_one
from agent.types import MemberId
from tests.integration.tenant_rows import Rows, list_tenant_tables, visible_rows

NOTHING: dict[str, str] = {}
REVIEWER_WRITES = {
    "take over": "update conversations set owner = 'staff' where id = %(idle)s",
    "resolve": "update escalations set state = 'resolved' where conversation_id = %(idle)s",
    "note": "insert into notes (id, tenant_id, conversation_id, member_id, body) "
    "values (gen_random_uuid(), %(tenant)s, %(idle)s, %(member)s, 'Call her')",
    "rename": "update contacts set name = 'Ana' where id = %(contact)s",
}
MANAGER_WRITES = {
    "price": "update price_rules set amount_minor = 1",
    "settings": "update tenants set quiet_s = 1",
    "promote": "update members set role = 'manager' where id = %(member)s",
    "erase": "delete from contacts where id = %(other)s",
}
NOBODY_WRITES = {
    "rewrite history": "update events set actor = 'nobody'",
    "unsay a review": "update reviews set verdict = 'rejected'",
    "unspend": "update model_calls set cost_microusd = 0",
    "sign in as another": "insert into staff_sessions (token_hash, id, tenant_id, member_id, csrf_token, expires_at) "
    "values (sha256('x'::bytea), gen_random_uuid(), %(tenant)s, %(member)s, 'x', '2099-01-01')",
    "read sessions": "select token_hash from staff_sessions",
    "become the application": "set role nightshift_router",
}


async def set_role(admin: Tx, rows: Rows, role: str) -> None:
    await admin.execute("update members set role = %s where id = %s", (role, rows.member))


async def may(db: Database, rows: Rows, statement: str) -> bool:
    """Whether the member may do it; what row security hides counts as refused."""
    values = {name: getattr(rows, name) for name in ("tenant", "idle", "member", "contact", "other")}
    try:
        async with db.member(rows.tenant, rows.member) as tx:
            done = (await tx.execute(statement.encode(), values)).rowcount > 0
            raise psycopg.Rollback
    except InsufficientPrivilege:
        return False
    return done


@pytest.mark.parametrize("statement", [*REVIEWER_WRITES, *MANAGER_WRITES, *NOBODY_WRITES])
@pytest.mark.parametrize("role", ["viewer", "reviewer", "manager"])
async def test_a_member_writes_what_their_role_allows(
    db: Database, admin: Tx, a: Rows, role: str, statement: str
) -> None:
    await set_role(admin, a, role)
    everything = {**REVIEWER_WRITES, **MANAGER_WRITES, **NOBODY_WRITES}
    allowed = {"viewer": NOTHING, "reviewer": REVIEWER_WRITES, "manager": {**REVIEWER_WRITES, **MANAGER_WRITES}}[role]
    assert await may(db, a, everything[statement]) == (statement in allowed)


async def test_a_member_sees_their_tenant_and_no_other(db: Database, admin: Tx, a: Rows, b: Rows) -> None:
    async with db.member(a.tenant, a.member) as tx:
        cursor = await tx.execute(
            """select table_name as name from information_schema.role_table_grants
               where grantee = 'nightshift_staff' and table_schema = 'public' and privilege_type = 'SELECT'"""
        )
        tables = [row["name"] for row in await cursor.fetchall()]
        owners = await list_tenant_tables(tx)
        for table in tables:
            row = await fetch_one(tx, f"select array_agg(distinct {owners[table]}) as seen from {table}".encode())
            assert row == {"seen": [a.tenant]}, table


@pytest.mark.parametrize("reason", ["disabled", "of another tenant", "invented", "unnamed"])
async def test_who_is_no_member_sees_nothing(db: Database, admin: Tx, a: Rows, b: Rows, reason: str) -> None:
    member = {"of another tenant": b.member, "invented": MemberId(new_id())}.get(reason, a.member)
    if reason == "disabled":
        await admin.execute("update members set disabled_at = now() where id = %s", (a.member,))
    async with db.member(a.tenant, member) as tx:
        if reason == "unnamed":
            await tx.execute("select set_config('nightshift.member_id', '', true)")
        row = await fetch_one(tx, "select count(*) as n from messages")
    assert row == {"n": 0}


async def test_a_connection_is_the_applications_again_afterwards(db: Database, a: Rows) -> None:
    async with db.member(a.tenant, a.member):
        pass
    async with db.tenant(a.tenant) as tx:
        assert (await visible_rows(tx))["staff_sessions"]
