"""The trust dial: what leaves at each level, at the decision and at the send; and what it takes to move it up."""

from dataclasses import replace
from uuid import uuid4

import pytest

from agent.ids import new_id
from agent.store import trust as store
from agent.store.trust import Reviewed
from agent.trust.dial import ANSWERED_BY_STAFF, APPROVED_BY_STAFF, in_share, restricted
from agent.trust.moving import Place, TrustRefused, list_standings, move_trust, why_not_reviewed
from agent.turn import deliver
from agent.types import (
    TRUST_LEVELS,
    Candidate,
    Channel,
    Escalate,
    Nothing,
    Purpose,
    Reply,
    Send,
    Source,
    TrustLevel,
    Wait,
)
from tests.integration.agents import Agent
from tests.integration.trials import current_of, evaluated

ALL = Place(channel="whatsapp")


def reply_of(purpose: Purpose = "reply", source: Source = "claude") -> Reply:
    return Reply(candidate=Candidate(text="Hola", language="es", channel="whatsapp", purpose=purpose), source=source)


async def set_dial(agent: Agent, level: TrustLevel, intent: str = "", channel: Channel = "whatsapp") -> None:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await store.set_level(
            tx, agent.tenant_id, channel=channel, intent=intent, level=level, actor="test", at=agent.deps.now()
        )


async def move(agent: Agent, level: TrustLevel, place: Place = ALL) -> TrustLevel:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        return await move_trust(tx, tenant, place, level, actor="operator", deps=agent.deps)


@pytest.mark.parametrize(
    ("level", "reply", "leaves"),
    [
        ("off", reply_of(), False),
        ("shadow", reply_of(), False),
        ("review", reply_of(), False),
        ("autonomous", reply_of(), True),
        ("shadow", reply_of(source="rule"), False),
        ("review", reply_of(source="rule"), True),
        ("review", reply_of(source="cache"), False),
        ("off", reply_of("opt_out_confirmation", "rule"), True),
        ("shadow", reply_of("help", "rule"), True),
    ],
    ids=[
        *("off", "shadow", "review", "autonomous", "fixed text in shadow", "fixed text in review"),
        *("an answer given before, in review", "opt-out when off", "help in shadow"),
    ],
)
def test_what_may_leave_at_a_level(level: TrustLevel, reply: Reply, leaves: bool) -> None:
    decided = restricted(Send(reply=reply, reason="because"), level)
    assert isinstance(decided, Send if leaves else Escalate)
    if isinstance(decided, Escalate):
        assert decided.draft == ("Hola" if level == "review" else None)
        assert decided.reason == (APPROVED_BY_STAFF if level == "review" else ANSWERED_BY_STAFF)


def test_notices_and_holding_lines_stay_behind_in_shadow_and_silence_stays_silence() -> None:
    notice = reply_of(source="rule")
    assert restricted(Escalate(reason="x", draft="d", reply=notice), "shadow") == Escalate(reason="x")
    assert restricted(Escalate(reason="x", draft="d", reply=notice), "review").reply == notice  # type: ignore[union-attr]
    assert restricted(Wait(reason="x", priority=1, line=notice), "off") == Wait(reason="x", priority=1)
    assert restricted(Nothing(reason="x"), "off") == Nothing(reason="x")


def test_about_a_tenth_of_conversations_is_in_the_share_and_always_the_same() -> None:
    ids = [uuid4() for _ in range(3000)]
    drawn = [in_share(each) for each in ids]
    assert 0.07 < sum(drawn) / len(drawn) < 0.13
    assert drawn == [in_share(each) for each in ids]


async def test_tenant_that_never_moved_the_dial_is_answered_as_before(agent: Agent) -> None:
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert len(agent.sender.taken) == 1


async def test_draft_in_review_waits_for_a_person(agent: Agent) -> None:
    await set_dial(agent, "review")
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert agent.sender.taken == []
    (request,) = await agent.rows("select * from escalations")
    assert request["reason"] == APPROVED_BY_STAFF
    assert "399" in request["draft"]
    assert request["cause"] == "approval"


async def test_shadow_drafts_on_live_traffic_and_shows_it_to_nobody(agent: Agent) -> None:
    await set_dial(agent, "shadow")
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert agent.sender.taken == []
    (request,) = await agent.rows("select * from escalations")
    assert (request["reason"], request["draft"]) == (ANSWERED_BY_STAFF, None)
    assert await agent.value("select steps -> 'draft' -> 'draft' ->> 'text' from turns") == agent.models.texts[0]


async def test_off_asks_no_model_for_a_draft(agent: Agent) -> None:
    await set_dial(agent, "off")
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert (agent.sender.taken, agent.models.drafted) == ([], [])
    assert await agent.value("select reason from escalations") == ANSWERED_BY_STAFF


async def test_opt_out_is_confirmed_though_the_agent_is_off(agent: Agent) -> None:
    await set_dial(agent, "off")
    await agent.answer(await agent.hear("STOP"))
    assert len(agent.sender.taken) == 1
    assert await agent.value("select count(*) from suppressions") > 0


async def test_intent_has_a_level_of_its_own_and_other_channels_keep_theirs(agent: Agent) -> None:
    await set_dial(agent, "off", channel="email")
    await set_dial(agent, "off")
    await set_dial(agent, "autonomous", intent="pricing")
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert len(agent.sender.taken) == 1
    agent.models.classification = replace(agent.models.classification, intent="scheduling")
    await agent.answer(await agent.hear("¿Y cuándo empieza?", sender="+34600111333"))
    assert len(agent.sender.taken) == 1


async def test_canary_sends_by_itself_in_its_share_only(agent: Agent) -> None:
    await set_dial(agent, "canary")
    expected = 0
    for number in range(12):
        conversation = await agent.hear("¿Cuánto cuesta?", sender=f"+3460022{number:04}")
        await agent.answer(conversation)
        expected += in_share(conversation)
    assert len(agent.sender.taken) == expected
    assert await agent.value("select count(*) from escalations where state = 'open'") == 12 - expected


@pytest.mark.parametrize(("level", "draft"), [("review", "399"), ("off", "")], ids=["review", "off"])
async def test_answer_that_has_not_left_is_stopped_when_the_dial_is_turned_down(
    agent: Agent, level: TrustLevel, draft: str
) -> None:
    await agent.take(await agent.claim(await agent.hear("¿Cuánto cuesta?")))
    assert await move(agent, level) == "autonomous"
    (message,) = await agent.rows("select id from messages where state = 'pending'")
    await deliver(agent.tenant_id, message["id"], agent.deps)
    assert agent.sender.taken == []
    (request,) = await agent.rows("select draft from escalations")
    assert draft in (request["draft"] or "")
    assert (request["draft"] is None) == (level == "off")


async def test_dial_goes_down_at_once_and_every_move_is_an_event(agent: Agent) -> None:
    assert await move(agent, "off") == "autonomous"
    assert await move(agent, "shadow") == "off"
    moves = await agent.rows("select data, actor from events where kind = 'trust.moved' order by id")
    assert [(each["data"]["before"], each["data"]["after"], each["actor"]) for each in moves] == [
        ("autonomous", "off", "operator"),
        ("off", "shadow", "operator"),
    ]


async def test_dial_goes_up_one_proven_step_at_a_time(agent: Agent) -> None:
    await set_dial(agent, "off")
    await refused(agent, "autonomous", "one step at a time: after off comes shadow")
    assert await move(agent, "shadow") == "off"
    await refused(agent, "review", "has not been evaluated")
    await evaluated(agent, await current_of(agent), accuracy=0.929)
    await refused(agent, "review", r"92\.9% .* 93% are needed")
    await evaluated(agent, await current_of(agent), accuracy=0.93)
    assert await move(agent, "review") == "shadow"
    await refused(agent, "canary", "reviewed 0 drafts of these in 30 days; 20 are needed")
    await reviewed(agent, approved=16, rejected=4)
    await refused(agent, "canary", "sent 80% of these drafts; 90% are needed")
    await reviewed(agent, approved=20, rejected=0)
    assert await move(agent, "canary") == "review"
    assert await move(agent, "autonomous") == "canary"


async def refused(agent: Agent, level: TrustLevel, reason: str) -> None:
    before = await agent.rows("select * from trust_levels")
    with pytest.raises(TrustRefused, match=reason):
        await move(agent, level)
    assert await agent.rows("select * from trust_levels") == before


async def reviewed(agent: Agent, *, approved: int, rejected: int) -> None:
    """Have staff review drafts of a new conversation."""
    conversation = await agent.hear("¿Cuánto cuesta?", sender=f"+34601{new_id().int % 10**6:06}")
    for verdict, count in (("approved", approved), ("rejected", rejected)):
        for _ in range(count):
            await agent.change(
                """insert into reviews (id, tenant_id, conversation_id, verdict, draft, distance)
                   values (gen_random_uuid(), %s, %s, %s, 'x', %s)""",
                *(agent.tenant_id, conversation, verdict, 0.0 if verdict == "approved" else None),
            )


def test_drafts_that_staff_rewrite_are_no_proof() -> None:
    assert why_not_reviewed(Reviewed(drafts=30, sent=30, distance=0.1)) == ""
    assert "changed 40%" in why_not_reviewed(Reviewed(drafts=30, sent=30, distance=0.4))


async def test_words_that_name_nothing_are_refused(agent: Agent) -> None:
    await refused(agent, "free", "no level")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TrustRefused, match="no intent"):
        await move(agent, "off", Place(channel="whatsapp", intent="charm"))


async def test_standings_say_where_each_place_stands(agent: Agent) -> None:
    await set_dial(agent, "review")
    await set_dial(agent, "off", intent="pricing")
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        found = await list_standings(tx, tenant, ("whatsapp", "sms"), agent.deps)
    levels = {(each.place.channel, each.place.intent): (each.level, each.is_own) for each in found}
    assert levels["whatsapp", "pricing"] == ("off", True)
    assert levels["whatsapp", "greeting"] == ("review", False)
    assert levels["sms", ""] == ("autonomous", False)
    assert TRUST_LEVELS[0] == "off"
