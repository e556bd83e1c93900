"""What staff say of drafts reaches Langfuse as scores of the draft's trace: once each, the latest counts."""

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from uuid import UUID, uuid4

import pytest

from agent.members import Member
from agent.ports import Deps, StaffDeps
from agent.reviewing import reject_draft
from agent.staff_sending import Objected, Sent, StaffText, send_as_staff, take_back
from agent.store.members import find_member, insert_member
from agent.tracing import LangfuseTracer
from agent.types import ConversationId
from tests.doubles.langfuse import FakeLangfuse, fake_langfuse
from tests.integration.agents import Agent

DRAFT = "Te garantizamos que apruebas."


@pytest.fixture
def langfuse() -> Iterator[FakeLangfuse]:
    with fake_langfuse(f"pk-lf-{uuid4()}") as server:
        yield server


@pytest.fixture
def desk(agent: Agent, langfuse: FakeLangfuse) -> StaffDeps:
    """What the inbox has, with a Langfuse project."""
    tracer = LangfuseTracer(
        public_key=langfuse.public_key, secret_key=langfuse.secret_key, base_url=langfuse.url, environment="test"
    )
    shared = {each.name: getattr(agent.deps, each.name) for each in fields(Deps)}
    return StaffDeps(**shared, rules=agent.deps.rules, tracer=tracer)


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


async def test_each_verdict_is_a_score_of_the_drafts_trace_and_a_later_one_replaces_it(
    agent: Agent, desk: StaffDeps, ana: Member, langfuse: FakeLangfuse
) -> None:
    conversation_id, request_id, seq = await escalate(agent)
    wanted = StaffText(conversation_id=conversation_id, text="¿Qué horario prefieres?", seen_seq=seq, draft=DRAFT)
    sent = await send_as_staff(wanted, ana, desk)
    assert isinstance(sent, Sent)
    assert await take_back(sent.message_id, ana, desk)
    assert await reject_draft(request_id, "wrong_tone", ana, desk, comment="call me on +34 600 111 222")
    assert desk.tracer
    await asyncio.to_thread(desk.tracer.shutdown)

    trace_id = await agent.value("select trace_id from turns")
    scores = langfuse.scores
    assert {each["traceId"] for each in scores} == {trace_id}
    told = [(each["name"], each["value"]) for each in scores]
    distance = await agent.value("select distance from reviews where verdict = 'edited'")
    assert told == [
        ("review", "edited"),
        ("edit_distance", pytest.approx(distance, abs=0.001)),
        ("review", "rejected"),
        ("rejected_because", "wrong_tone"),
    ]
    first, _, later, _ = (each["id"] for each in scores)
    assert first == later
    assert "600 111 222" not in str(scores)


async def test_what_is_refused_is_no_verdict(
    agent: Agent, desk: StaffDeps, ana: Member, langfuse: FakeLangfuse
) -> None:
    conversation_id, request_id, seq = await escalate(agent)
    wanted = StaffText(conversation_id=conversation_id, text=DRAFT, seen_seq=seq, draft=DRAFT)
    assert isinstance(await send_as_staff(wanted, ana, desk), Objected)
    assert not await reject_draft(uuid4(), "other", ana, desk)
    assert desk.tracer
    await asyncio.to_thread(desk.tracer.shutdown)
    assert langfuse.scores == []
    assert await agent.value("select count(*) from reviews") == 0
    assert request_id
