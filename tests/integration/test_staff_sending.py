"""What staff send: for the thread as they saw it, checked, revocable for a moment, and never beside the agent."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from agent.escalation.ownership import hand_back, take_over
from agent.ports import AgentDeps, Deps, StaffDeps
from agent.staff.members import Member, Role
from agent.staff.sending import UNDO, Moved, NotReadable, Objected, Outcome, Sent, StaffText, send_as_staff, take_back
from agent.store.db import Database
from agent.store.members import find_member, insert_member
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.agents import Agent


def staff_deps(deps: AgentDeps) -> StaffDeps:
    """Return what the inbox would have."""
    shared = {each.name: getattr(deps, each.name) for each in fields(Deps)}
    return StaffDeps(**shared, rules=deps.rules)


async def make_member(agent: Agent, name: str = "Ana", role: Role = "reviewer") -> Member:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        member_id = await insert_member(tx, agent.tenant_id, email=f"{name}@x.example", name=name, role=role)
        member = await find_member(tx, member_id)
    assert member
    return member


async def escalated(agent: Agent) -> ConversationId:
    """A conversation in which a person is wanted and the prospect has been told so."""
    conversation_id = await agent.hear("Quiero hablar con una persona")
    agent.models.classification = replace(agent.models.classification, intent="human_request", needs_human=True)
    await agent.answer(conversation_id)
    return conversation_id


async def newest_seq(agent: Agent) -> int:
    return int(await agent.value("select max(seq) from messages where state is distinct from 'superseded'"))


async def send(agent: Agent, conversation_id: ConversationId, member: Member, text: str, **more: object) -> Outcome:
    seen = more.pop("seen_seq", None) or await newest_seq(agent)
    wanted = StaffText(conversation_id=conversation_id, text=text, seen_seq=seen, **more)  # type: ignore[arg-type]
    return await send_as_staff(wanted, member, staff_deps(agent.deps))


async def test_a_text_leaves_after_the_time_to_take_it_back(agent: Agent, clock: FakeClock) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    sent = await send(agent, conversation_id, ana, "Hola, soy Ana. ¿A qué hora le llamo?")
    assert isinstance(sent, Sent), sent
    before = len(agent.sender.taken)
    await agent.send_all()
    assert len(agent.sender.taken) == before
    clock.now += UNDO
    await agent.send_all()
    assert [each.text for each in agent.sender.taken[before:]] == ["Hola, soy Ana. ¿A qué hora le llamo?"]
    (row,) = await agent.rows("select author, source, member_id, state from messages where id = %s", sent.message_id)
    assert (row["author"], row["source"], row["member_id"]) == ("staff", "staff", ana.id)
    assert await agent.value("select resolution from escalations") == "answered"


@pytest.mark.parametrize("draft", ["Hola, buenas", None])
async def test_a_text_can_be_taken_back_and_its_request_is_open_again(
    agent: Agent, clock: FakeClock, draft: str | None
) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    sent = await send(agent, conversation_id, ana, "Hola", draft=draft)
    assert isinstance(sent, Sent)
    assert await take_back(sent.message_id, ana, staff_deps(agent.deps)) == conversation_id
    assert await agent.value("select state from escalations") == "open"
    clock.now += UNDO
    before = len(agent.sender.taken)
    await agent.send_all()
    assert len(agent.sender.taken) == before


async def test_what_has_left_cannot_be_taken_back(agent: Agent, clock: FakeClock) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    sent = await send(agent, conversation_id, ana, "Hola")
    assert isinstance(sent, Sent)
    clock.now += UNDO
    await agent.send_all()
    assert await take_back(sent.message_id, ana, staff_deps(agent.deps)) is None


async def test_a_thread_that_has_moved_refuses_the_text_and_says_what_is_new(agent: Agent) -> None:
    conversation_id, ana, luis = await escalated(agent), await make_member(agent), await make_member(agent, "Luis")
    seen = await newest_seq(agent)
    assert isinstance(await send(agent, conversation_id, luis, "Hola, soy Luis"), Sent)
    refused = await send(agent, conversation_id, ana, "Hola, soy Ana", seen_seq=seen)
    assert isinstance(refused, Moved)
    assert len(refused.message_ids) == 1
    again = await send(agent, conversation_id, ana, "Luis se ocupa de usted", seen_seq=refused.newest_seq)
    assert isinstance(again, Sent)


async def test_prices_are_rendered_and_an_unknown_reference_is_refused(agent: Agent) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    assert isinstance(await send(agent, conversation_id, ana, "Cuesta {price:NOPE}"), NotReadable)
    assert isinstance(await send(agent, conversation_id, ana, "   "), NotReadable)


async def test_a_warning_needs_a_reason_and_a_law_knows_none(agent: Agent, clock: FakeClock) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    warned = await send(agent, conversation_id, ana, "Le garantizo que aprobará el examen.")
    assert isinstance(warned, Objected)
    assert (warned.binding, "promises" in {each.rule for each in warned.warnings}) == ((), True)
    reasons = {each.rule: "Lo ha decidido dirección" for each in warned.warnings}
    assert isinstance(
        await send(agent, conversation_id, ana, "Le garantizo que aprobará el examen.", overrides=reasons, draft="x"),
        Sent,
    )
    assert (await agent.value("select overridden from reviews"))[0]["reason"] == "Lo ha decidido dirección"

    await agent.hear("STOP")
    clock.now += timedelta(seconds=30)
    await agent.answer(conversation_id)
    forbidden = await send(agent, conversation_id, ana, "¿Seguro?", overrides={"consent": "Es buen cliente"})
    assert isinstance(forbidden, Objected)
    assert {each.rule for each in forbidden.binding} == {"consent"}


async def test_the_agent_is_silent_while_staff_answer_and_answers_again_when_handed_back(agent: Agent) -> None:
    conversation_id, ana = await escalated(agent), await make_member(agent)
    async with agent.deps.db.member(ana.tenant_id, ana.id) as tx:
        await take_over(tx, conversation_id, ana)
    before = len(agent.sender.taken)
    agent.models.classification = replace(agent.models.classification, intent="pricing", needs_human=False)
    await agent.hear("¿Cuánto cuesta?")
    await agent.answer(conversation_id)
    assert len(agent.sender.taken) == before
    assert await agent.value("select reason from escalations where state = 'open'") == "Wrote again to staff"

    async with agent.deps.db.member(ana.tenant_id, ana.id) as tx:
        await hand_back(tx, conversation_id, ana, agent.deps)
    await agent.answer(conversation_id)
    assert len(agent.sender.taken) == before + 1
    assert await agent.value("select count(*) from escalations where state = 'open'") == 0


async def test_a_reply_of_the_agent_never_leaves_after_a_take_over(agent: Agent) -> None:
    ana = await make_member(agent)
    conversation_id = await agent.hear("¿Cuánto cuesta?")
    await agent.take(await agent.claim(conversation_id))
    async with agent.deps.db.member(ana.tenant_id, ana.id) as tx:
        await take_over(tx, conversation_id, ana)
    await agent.send_all()
    assert agent.sender.taken == []


@pytest.mark.parametrize("role", ["viewer"])
async def test_a_viewer_sends_nothing(agent: Agent, db: Database, role: Role) -> None:
    conversation_id, eva = await escalated(agent), await make_member(agent, "Eva", role)
    with pytest.raises(LookupError):  # the row may not be locked by them, so it is not there
        await send(agent, conversation_id, eva, "Hola")
    assert await agent.value("select count(*) from messages where author = 'staff'") == 0
