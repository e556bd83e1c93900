"""Staff say that two contacts are one person, and that they are not: nothing is lost, and nobody is less protected."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import NightshiftError
from agent.settings import Settings
from agent.store.contacts import find_contact, get_contact_card, suggest_merges
from agent.store.db import Tx
from agent.store.merges import CannotJoin, merge_contacts, unmerge_contacts
from agent.types import ContactId, ConversationId
from jobs.contacts import run_merge, run_show, run_unmerge
from tests.conftest import DatabaseUrls
from tests.factories import make_classification
from tests.integration.agents import ANA, Agent
from tests.integration.conftest import SMS

pytestmark = pytest.mark.usefixtures("sms_account")
LUIS, EVA = "+34600333444", "+34600555666"
TABLES = ("contacts", "contact_points", "conversations", "suppressions", "escalations", "messages", "turns")


async def text_us(agent: Agent, text: str = "hola", **fields: Any) -> ConversationId:
    return await agent.hear(text, channel="sms", recipient=SMS, **fields)


T = TypeVar("T")


async def in_tx(agent: Agent, work: Callable[[Tx], Awaitable[T]]) -> T:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return await work(tx)


async def contact_of(agent: Agent, address: str) -> ContactId:
    found = await in_tx(agent, lambda tx: find_contact(tx, address))
    assert found is not None
    return found


async def merge(agent: Agent, kept: ContactId, merged: ContactId) -> None:
    await in_tx(agent, lambda tx: merge_contacts(tx, kept, merged, actor="staff"))


async def part(agent: Agent, merged: ContactId) -> None:
    await in_tx(agent, lambda tx: unmerge_contacts(tx, merged, actor="staff"))


async def everything(agent: Agent) -> dict[str, list[dict[str, Any]]]:
    return {table: await agent.rows(f"select * from {table} order by id".encode()) for table in TABLES}


async def suppressed(agent: Agent, conversation: ConversationId) -> bool:
    gathered = await agent.claim(conversation)
    await agent.take(gathered)
    return gathered.turn.conversation.suppression is not None


@pytest.fixture
async def ana(agent: Agent) -> ContactId:
    """Ana has written on WhatsApp and been answered."""
    await agent.answer(await agent.hear("hola", sender_name="Ana"))
    return await contact_of(agent, ANA)


@pytest.fixture
async def luis(agent: Agent) -> ContactId:
    """Luis has written by SMS, and asked for a person."""
    agent.models.classification = make_classification(intent="human_request", confidence=0.95)
    await agent.answer(await text_us(agent, "quiero hablar con alguien", sender=LUIS))
    agent.models.classification = make_classification(intent="pricing", confidence=0.95)
    return await contact_of(agent, LUIS)


async def test_merged_contact_is_one_person_with_all_conversations(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await merge(agent, ana, luis)
    card = await in_tx(agent, lambda tx: get_contact_card(tx, ana))
    assert [each.address for each in card.addresses] == [ANA, LUIS]
    assert {each.channel for each in card.threads} == {"whatsapp", "sms"}
    assert [each.merged_id for each in card.merges] == [luis]
    assert await contact_of(agent, LUIS) == ana
    assert await agent.value("select actor from events where kind = 'contact.merged'") == "staff"
    escalated = await agent.value(
        "select c.contact_id from escalations e join conversations c on c.id = e.conversation_id"
    )
    assert escalated == ana


async def test_texts_to_both_count_for_one_person(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    await merge(agent, ana, luis)
    gathered = await agent.claim(await agent.hear("¿cuánto cuesta?"))
    assert len(gathered.turn.sent_at) == 2


async def test_parting_restores_exactly_what_was(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    await agent.change("update contacts set timezone = 'Europe/Lisbon', language = null where id = %s", luis)
    before = await everything(agent)
    await merge(agent, ana, luis)
    assert await everything(agent) != before
    await part(agent, luis)
    assert await everything(agent) == before
    assert await agent.value("select actor from events where kind = 'contact.unmerged'") == "staff"


async def test_what_came_after_the_merge_stays_with_the_address_it_came_by(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await merge(agent, ana, luis)
    new = await agent.hear("ahora por WhatsApp", sender=LUIS, also_known_as=("ES.1",))
    await agent.hear("y yo", also_known_as=("ES.2",))
    await part(agent, luis)
    rows = await agent.rows("select normalised, contact_id from contact_points")
    assert {row["normalised"]: row["contact_id"] for row in rows} == {ANA: ana, "ES.2": ana, LUIS: luis, "ES.1": luis}
    assert await agent.value("select contact_id from conversations where id = %s", new) == luis
    assert await agent.hear("¿hola?", sender="ES.1") == new


async def test_merge_can_be_undone_in_any_order_but_inside_out(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    await agent.hear("hola", sender=EVA)
    eva = await contact_of(agent, EVA)
    before = await everything(agent)
    await merge(agent, luis, eva)
    await merge(agent, ana, luis)
    with pytest.raises(CannotJoin, match="part those two first"):
        await part(agent, eva)
    await part(agent, luis)
    await part(agent, eva)
    assert await everything(agent) == before


# --- nobody is less protected -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who_stopped", [ANA, LUIS])
async def test_opt_out_of_either_holds_for_both_as_long_as_they_are_one(
    agent: Agent, ana: ContactId, luis: ContactId, who_stopped: str
) -> None:
    stop = agent.hear("STOP") if who_stopped == ANA else text_us(agent, "STOP", sender=LUIS)
    await agent.answer(await stop)
    await merge(agent, ana, luis)
    assert await suppressed(agent, await agent.hear("hola"))
    assert await suppressed(agent, await text_us(agent, sender=LUIS))
    await part(agent, luis)
    assert await suppressed(agent, await agent.hear("hola")) == (who_stopped == ANA)
    assert await suppressed(agent, await text_us(agent, sender=LUIS)) == (who_stopped == LUIS)


async def test_opt_out_of_the_joint_person_holds_for_both_after_parting(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await merge(agent, ana, luis)
    await agent.answer(await agent.hear("STOP"))
    await part(agent, luis)
    assert await suppressed(agent, await agent.hear("hola"))
    assert await suppressed(agent, await text_us(agent, sender=LUIS))


async def test_return_of_the_joint_person_is_not_taken_for_the_others(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await agent.answer(await text_us(agent, "STOP", sender=LUIS))
    await agent.change("""update suppressions set proof = '{"told_by": "provider"}'""")
    await merge(agent, ana, luis)
    await agent.answer(await agent.hear("START"))
    assert await agent.value("select count(*) from suppressions where lifted_at is null") == 0
    await part(agent, luis)
    assert await agent.value("select proof from suppressions where lifted_at is null") == {"told_by": "provider"}
    assert await suppressed(agent, await text_us(agent, sender=LUIS)), "they never asked us back"
    assert not await suppressed(agent, await agent.hear("hola"))


async def test_reply_that_waits_is_withdrawn_when_the_person_turns_out_to_have_opted_out(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await agent.answer(await text_us(agent, "STOP", sender=LUIS))
    await agent.take(await agent.claim(await agent.hear("¿cuánto cuesta?")))
    sent = len(agent.sender.taken)
    await merge(agent, ana, luis)
    await agent.send_all()
    assert len(agent.sender.taken) == sent


# --- what is refused --------------------------------------------------------------------------------------------


async def test_what_cannot_be_joined_or_parted_is_refused_with_a_reason(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    with pytest.raises(CannotJoin, match="name two"):
        await merge(agent, ana, ana)
    with pytest.raises(CannotJoin, match="part of no other contact"):
        await part(agent, luis)
    await merge(agent, ana, luis)
    with pytest.raises(CannotJoin, match=f"part of {ana} already"):
        await merge(agent, luis, ana)
    with pytest.raises(CannotJoin, match=f"part of {ana} already"):
        await merge(agent, ana, luis)


async def test_addresses_that_whatsapp_says_are_one_account_are_not_parted(agent: Agent, ana: ContactId) -> None:
    await agent.hear("hola", sender="ES.1")
    by_id = await contact_of(agent, "ES.1")
    await merge(agent, ana, by_id)
    await agent.hear("soy yo", also_known_as=("ES.1",))
    with pytest.raises(CannotJoin, match="one account"):
        await part(agent, by_id)


async def test_merge_moves_every_table_that_names_a_contact(admin: Tx) -> None:
    cursor = await admin.execute(
        "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'contact_id'"
    )
    assert {row["table_name"] for row in await cursor.fetchall()} == {
        *("contact_points", "conversations", "suppressions"),
        "outcomes",  # with their conversation
    }


# --- all at once ------------------------------------------------------------------------------------------------


async def test_turn_that_runs_during_a_merge_ends_as_it_would_have(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    gathered = await agent.claim(await text_us(agent, "¿cuánto cuesta?", sender=LUIS))
    await merge(agent, ana, luis)
    lease = await agent.value("select lease_token from conversations where turn_state = 'running'")
    assert lease == gathered.lease.token
    await agent.take(gathered)
    await agent.send_all()
    assert agent.sender.taken[-1].recipient == LUIS
    assert await agent.value("select count(*) from turns where state = 'running'") == 0


async def test_opt_out_decided_during_a_merge_holds_for_the_joint_person(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    gathered = await agent.claim(await text_us(agent, "STOP", sender=LUIS))
    await asyncio.gather(merge(agent, ana, luis), agent.take(gathered))
    assert await suppressed(agent, await agent.hear("hola"))
    await part(agent, luis)
    assert await suppressed(agent, await text_us(agent, sender=LUIS))


async def test_merges_at_once_end_in_one_order_or_the_other(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    await agent.hear("hola", sender=EVA)
    eva = await contact_of(agent, EVA)
    pairs = [(ana, luis), (luis, ana), (eva, ana), (luis, eva), (ana, eva), (eva, luis)]
    outcomes = await asyncio.gather(*(merge(agent, *pair) for pair in pairs), return_exceptions=True)
    assert {type(each) for each in outcomes} <= {type(None), CannotJoin}
    assert outcomes.count(None) == 2, "three contacts are one after two merges"
    rows = await agent.rows("select distinct contact_id from contact_points union select contact_id from conversations")
    assert len(rows) == 1
    while parted := await agent.rows("select merged_id from contact_merges where undone_at is null order by id desc"):
        await part(agent, parted[0]["merged_id"])
    assert {await contact_of(agent, each) for each in (ANA, LUIS, EVA)} == {ana, luis, eva}


async def test_merge_and_parting_at_once_do_not_mix(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    for _ in range(5):
        await merge(agent, ana, luis)
        outcomes = await asyncio.gather(
            part(agent, luis), part(agent, luis), merge(agent, luis, ana), return_exceptions=True
        )
        assert {type(each) for each in outcomes} <= {type(None), CannotJoin}
        standing = await agent.rows("select merged_id from contact_merges where undone_at is null")
        for row in standing:
            await part(agent, row["merged_id"])
    assert (await contact_of(agent, ANA), await contact_of(agent, LUIS)) == (ana, luis)


# --- who may be who ---------------------------------------------------------------------------------------------


async def test_contacts_whose_address_was_mentioned_are_suggested_and_no_more(
    agent: Agent, ana: ContactId, luis: ContactId
) -> None:
    await agent.hear(f"mi otro número es el {LUIS.removeprefix('+34')}, el de mi jefa es {EVA}")
    (suggested,) = await in_tx(agent, lambda tx: suggest_merges(tx, ana))
    assert (suggested.contact_id, suggested.address) == (luis, LUIS)
    assert await in_tx(agent, lambda tx: suggest_merges(tx, luis)) == []
    await merge(agent, ana, luis)
    assert await in_tx(agent, lambda tx: suggest_merges(tx, ana)) == []


async def test_sender_who_answers_anothers_mail_is_suggested(agent: Agent, ana: ContactId, luis: ContactId) -> None:
    await agent.change(
        """insert into events (tenant_id, kind, actor, conversation_id, data)
           select k.tenant_id, 'mail.other_sender', 'contact', k.id, jsonb_build_object('thread', t.id)
           from conversations k, conversations t where k.contact_id = %s and t.contact_id = %s""",
        ana,
        luis,
    )
    (suggested,) = await in_tx(agent, lambda tx: suggest_merges(tx, ana))
    assert (suggested.contact_id, suggested.reason) == (luis, "answered our mail to this address")


# --- on the command line ----------------------------------------------------------------------------------------


async def test_staff_show_merge_and_part_on_the_command_line(
    ana: ContactId, luis: ContactId, settings: Settings, database_urls: DatabaseUrls
) -> None:
    settings = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
    out = Console(file=io.StringIO(), width=200)

    def printed() -> str:
        text = out.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO of above
        out.file = io.StringIO()
        return str(text)

    await run_merge(settings, "escuela", ANA, LUIS, out)
    assert f"{luis} is part of {ana} now" in printed()
    await run_show(settings, "escuela", LUIS, out, as_json=True)
    shown = json.loads(printed())
    assert (shown["id"], [each["merged_id"] for each in shown["merges"]]) == (str(ana), [str(luis)])
    await run_show(settings, "escuela", ANA, out, as_json=False)
    assert f"includes {luis}" in printed()
    await run_unmerge(settings, "escuela", str(luis), out)
    assert "two contacts again" in printed()
    with pytest.raises(CannotJoin, match="part of no other contact"):
        await run_unmerge(settings, "escuela", str(luis), out)
    with pytest.raises(NightshiftError, match="no contact"):
        await run_show(settings, "escuela", "+34999999999", out, as_json=False)
    with pytest.raises(NightshiftError, match="no tenant"):
        await run_show(settings, "nobody", ANA, out, as_json=False)
