"""A conversation is read along its own rows, however many others there are."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from agent.staff.members import Member
from agent.store import composing, desk, timeline
from agent.store.db import Database, Tx
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.tenant_rows import Rows
from tests.integration.test_queue_plans import Recorder, member, scanned_from_end_to_end

__all__ = ["member"]

EVENTS = """
insert into events (tenant_id, kind, actor, conversation_id)
    select %(tenant)s, 'conversation.taken_over', 'member:' || %(member)s::text, md5('v' || n)::uuid
    from generate_series(1, 4000) n, generate_series(1, 3) k
"""


@pytest.fixture
async def recorder(db: Database, member: Member, a: Rows, admin: Tx) -> AsyncIterator[Recorder]:
    """A member's connection, at a tenant with thousands of conversations and events."""
    await admin.execute(EVENTS.encode(), {"tenant": a.tenant, "member": a.member})
    await admin.execute("analyze")
    async with db.member(member.tenant_id, member.id) as tx:
        yield Recorder(tx)


async def test_conversation_and_list_follow_their_indexes(recorder: Recorder, member: Member, clock: FakeClock) -> None:
    tx = cast("AsyncConnection[dict[str, Any]]", recorder)
    listed = await timeline.list_recent(tx)
    last = listed[-1]
    further = await timeline.list_recent(tx, timeline.Place(at=last.last_inbound_at, id=last.id))
    assert not {each.id for each in listed} & {each.id for each in further}
    conversation_id = ConversationId(UUID(str(further[0].id)))

    assert await timeline.load_head(tx, conversation_id)
    said = await timeline.list_newest(tx, conversation_id)
    assert len(said) == 3
    assert len(await timeline.list_from(tx, conversation_id, said[0].seq)) == 3
    assert len(await timeline.list_before(tx, conversation_id, said[-1].seq)) == 2
    assert len(await timeline.list_happened(tx, conversation_id, None, None)) >= 3
    await timeline.list_thoughts(tx, conversation_id, said[0].seq, said[-1].seq)
    await desk.lock_desk(tx, conversation_id)
    await desk.list_unanswered_turns(tx, conversation_id)
    await composing.list_present(tx, conversation_id)
    assert await composing.find_next_open(tx, conversation_id, clock.now)
    assert not await composing.list_due_hand_backs(tx, clock.now)
    assert await scanned_from_end_to_end(recorder) == set()
