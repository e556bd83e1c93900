"""What staff say of drafts is a score of the draft's turn: once each, the latest counts."""

from dataclasses import fields
from uuid import UUID, uuid4

import pytest

from agent.ports import Deps, StaffDeps
from agent.staff.members import Member
from agent.staff.reviewing import reject_draft
from agent.staff.sending import Objected, Sent, StaffText, send_as_staff, take_back
from agent.store.members import find_member, insert_member
from agent.types import ConversationId
from tests.integration.agents import Agent

DRAFT = "Te garantizamos que apruebas."


@pytest.fixture
def desk(agent: Agent) -> StaffDeps:
    """What the inbox has."""
    shared = {each.name: getattr(agent.deps, each.name) for each in fields(Deps)}
    return StaffDeps(**shared, rules=agent.deps.rules)


@pytest.fixture
async def ana(agent: Agent) -> Member:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        member_id = await insert_member(tx, agent.tenant_id, email="ana@x.example", name="Ana", role="reviewer")
        member = await find_member(tx, member_id)
    assert member
    return member


async def escalate(agent: Agent) -> tuple[ConversationId, UUID, int]:
    """Have a draft held; return the conversation, the request, and the newest message's number."""
    agent.models.texts = (DRAFT,)
    conversation_id = await agent.hear("¿Seguro que apruebo?")
    await agent.answer(conversation_id)
    (request,) = await agent.rows("select id from escalations where state = 'open'")
    seq = await agent.value("select max(seq) from messages where state is distinct from 'superseded'")
    return conversation_id, request["id"], seq


async def scores_of(agent: Agent) -> dict[str, object]:
    rows = await agent.rows("select name, coalesce(to_jsonb(word), to_jsonb(number)) as value, turn_id from scores")
    assert {row["turn_id"] for row in rows} <= {await agent.value("select id from turns")}
    return {row["name"]: row["value"] for row in rows}


async def test_each_verdict_is_a_score_of_the_drafts_turn_and_a_later_one_replaces_it(
    agent: Agent, desk: StaffDeps, ana: Member
) -> None:
    conversation_id, request_id, seq = await escalate(agent)
    wanted = StaffText(conversation_id=conversation_id, text="¿Qué horario prefieres?", seen_seq=seq, draft=DRAFT)
    sent = await send_as_staff(wanted, ana, desk)
    assert isinstance(sent, Sent)
    distance = pytest.approx(await agent.value("select distance from reviews where verdict = 'edited'"), abs=0.001)
    assert await scores_of(agent) == {"review": "edited", "edit_distance": distance}

    assert await take_back(sent.message_id, ana, desk)
    assert await reject_draft(request_id, "wrong_tone", ana, desk, comment="too stiff")
    told = {"review": "rejected", "edit_distance": distance, "rejected_because": "wrong_tone"}
    assert await scores_of(agent) == told


async def test_what_is_refused_is_no_verdict(agent: Agent, desk: StaffDeps, ana: Member) -> None:
    conversation_id, request_id, seq = await escalate(agent)
    wanted = StaffText(conversation_id=conversation_id, text=DRAFT, seen_seq=seq, draft=DRAFT)
    assert isinstance(await send_as_staff(wanted, ana, desk), Objected)
    assert not await reject_draft(uuid4(), "other", ana, desk)
    assert await scores_of(agent) == {}
    assert await agent.value("select count(*) from reviews") == 0
    assert request_id
