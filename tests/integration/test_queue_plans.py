"""The queue reads along its indexes: no query of it goes through a large table from end to end."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any, cast, get_args

import pytest
from psycopg import AsyncConnection

from agent.staff.members import Member
from agent.store import work
from agent.store.db import Database, Tx
from agent.store.members import find_member
from agent.store.work import Tab, WorkFilter
from tests.conftest import FakeClock
from tests.integration.tenant_rows import Rows

LARGE = {"conversations", "escalations", "messages", "contacts", "contact_points", "events"}
MANY = """
set session_replication_role = replica;
insert into contacts (id, tenant_id, name)
    select md5('c' || n)::uuid, %(tenant)s, 'Prospect ' || n from generate_series(1, 4000) n;
insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
    select md5('p' || n)::uuid, %(tenant)s, md5('c' || n)::uuid, 'email', n || '@x.example', n || '@x.example'
    from generate_series(1, 4000) n;
insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, language, assignee_id,
                           last_inbound_at, labels)
    select md5('v' || n)::uuid, %(tenant)s, md5('c' || n)::uuid, md5('p' || n)::uuid, %(account)s,
           (array['es', 'pt', 'en'])[1 + n %% 3], case when n %% 7 = 0 then %(member)s::uuid end,
           %(now)s::timestamptz - n * interval '1 min', case when n %% 5 = 0 then array['big'] else '{}' end
    from generate_series(1, 4000) n;
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, created_at)
    select md5('m' || n || '-' || k)::uuid, %(tenant)s, md5('v' || n)::uuid, %(account)s, 'inbound', 'contact', 'Hola',
           %(now)s::timestamptz from generate_series(1, 4000) n, generate_series(1, 3) k;
insert into escalations (id, tenant_id, conversation_id, reason, due_at, risk, created_at, snoozed_until, snoozed_at)
    select md5('e' || n)::uuid, %(tenant)s, md5('v' || n)::uuid, 'asked for a person',
           %(now)s::timestamptz + n * interval '1 min', n %% 10, %(now)s::timestamptz - n * interval '1 min',
           case when n %% 8 = 0 then %(now)s::timestamptz + interval '1 day' end,
           case when n %% 8 = 0 then %(now)s::timestamptz end
    from generate_series(1, 4000, 3) n;
insert into escalations (id, tenant_id, conversation_id, reason, state, resolved_at)
    select md5('r' || n || '-' || k)::uuid, %(tenant)s, md5('v' || n)::uuid, 'asked for a person', 'resolved',
           %(now)s::timestamptz - n * k * interval '1 min' from generate_series(1, 4000) n, generate_series(1, 4) k;
set session_replication_role = origin
"""
"""Without triggers and checks of references, which would take most of the time."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """A connection that remembers what it was asked."""

    tx: Tx
    asked: list[tuple[Any, Any]] = field(default_factory=list)

    async def execute(self, query: Any, params: Any = None) -> Any:
        self.asked.append((query, params))
        return await self.tx.execute(query, params)


@pytest.fixture
async def member(db: Database, a: Rows, admin: Tx, clock: FakeClock) -> Member:
    """A member of a tenant with thousands of conversations, a third of them waiting for a person."""
    values = {"tenant": a.tenant, "account": a.account, "member": a.member, "now": clock.now}
    for statement in MANY.split(";\n"):
        await admin.execute(statement.encode(), values if "%(" in statement else None)
    await admin.execute("analyze")
    async with db.tenant(a.tenant) as tx:
        found = await find_member(tx, a.member)
    assert found
    return found


@pytest.fixture
async def recorder(db: Database, member: Member) -> AsyncIterator[Recorder]:
    async with db.member(member.tenant_id, member.id) as tx:
        yield Recorder(tx)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def scanned_from_end_to_end(recorder: Recorder) -> set[str]:
    """Return the large tables of which some recorded query reads every row."""
    scanned = set()
    for query, params in recorder.asked:
        text = query if isinstance(query, bytes) else query.encode()
        cursor = await recorder.tx.execute(b"explain (format json) " + text, params)
        (row,) = await cursor.fetchall()
        scanned |= {
            each["Relation Name"] for each in nodes(row["QUERY PLAN"][0]["Plan"]) if each["Node Type"] == "Seq Scan"
        }
    return scanned & LARGE


async def test_lists_follow_an_index_at_the_top_and_far_down(
    recorder: Recorder, member: Member, clock: FakeClock
) -> None:
    tx = cast("AsyncConnection[dict[str, Any]]", recorder)
    for tab, label in product(get_args(Tab), (None, "big")):
        wanted = WorkFilter(tab=tab, label=label)
        first = await work.list_work(tx, wanted, member.id, clock.now, limit=20)
        further = await work.list_work(tx, wanted, member.id, clock.now, limit=20, after=first[-1].place)
        assert further, wanted
        assert not {each.id for each in first} & {each.id for each in further}, wanted
    assert await scanned_from_end_to_end(recorder) == set()


async def test_counts_news_and_presence_follow_an_index(recorder: Recorder, member: Member, clock: FakeClock) -> None:
    tx = cast("AsyncConnection[dict[str, Any]]", recorder)
    counts = await work.count_work(tx, member.id, clock.now)
    assert (counts.all + counts.snoozed, counts.is_partial) == (work.COUNTED, True)
    assert (await work.find_news(tx, member.id, clock.now - timedelta(hours=1), clock.now)).count > 0
    listed = await work.list_work(tx, WorkFilter(), member.id, clock.now, limit=50)
    await work.list_present(tx, [each.conversation_id for each in listed], member.id, clock.now)
    assert await work.has_traffic(tx)
    assert await scanned_from_end_to_end(recorder) == set()
