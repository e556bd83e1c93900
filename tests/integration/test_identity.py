"""Who wrote: addresses of one WhatsApp account, numbers spelt in several ways, first messages that come at once."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from agent.store.merges import merge_contacts
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.integration.agents import ANA, Agent
from tests.integration.conftest import SMS

pytestmark = pytest.mark.usefixtures("sms_account")
ANA_ID, ANA_NEW_ID, ANA_PARENT = "ES.1349120865530274", "ES.77", "ES.ENT.5"
ANA_NEW = "+34600999888"


async def text_us(agent: Agent, **fields: Any) -> ConversationId:
    return await agent.hear("hola", channel="sms", recipient=SMS, **fields)


async def count(agent: Agent, table: str) -> int:
    return int(await agent.value(f"select count(*) from {table}".encode()))


async def owners(agent: Agent) -> dict[str, Any]:
    """Return whose each address is."""
    rows = await agent.rows("select normalised, contact_id from contact_points")
    return {row["normalised"]: row["contact_id"] for row in rows}


async def reply_address(agent: Agent, conversation: ConversationId) -> str:
    """Answer, and say where the answer went."""
    await agent.answer(conversation)
    return agent.sender.taken[-1].recipient


async def test_number_and_user_id_of_one_message_are_one_contact(agent: Agent) -> None:
    both = await agent.hear("hola", also_known_as=(ANA_ID, ANA_PARENT))
    by_id = await agent.hear("sigo aquí", sender=ANA_ID)
    assert by_id == both
    assert len(set((await owners(agent)).values())) == 1
    assert set(await owners(agent)) == {ANA, ANA_ID, ANA_PARENT}


async def test_answer_goes_to_where_the_contact_wrote_from_last(agent: Agent) -> None:
    conversation = await agent.hear("hola", also_known_as=(ANA_ID,))
    assert await reply_address(agent, conversation) == ANA
    await agent.hear("¿y el precio?", sender=ANA_ID)
    assert await reply_address(agent, conversation) == ANA_ID


async def test_user_id_first_and_the_number_later_is_the_same_conversation(agent: Agent) -> None:
    by_id = await agent.hear("hola", sender=ANA_ID)
    both = await agent.hear("mi número", also_known_as=(ANA_ID,))
    by_number = await agent.hear("¿hola?")
    assert by_id == both == by_number
    assert await count(agent, "contacts") == 1


async def test_two_contacts_whom_a_message_proves_to_be_one_become_one(agent: Agent) -> None:
    """The number had written by SMS, the user id on WhatsApp; then a message carries both."""
    by_sms, by_id = await text_us(agent), await agent.hear("hola", sender=ANA_ID)
    await agent.hear("soy yo", also_known_as=(ANA_ID,))
    assert len(set((await owners(agent)).values())) == 1
    people = await agent.rows("select distinct contact_id from conversations where id in (%s, %s)", by_sms, by_id)
    assert len(people) == 1
    assert await agent.value("select actor from contact_merges") == "provider"
    assert await agent.hear("otra vez", sender=ANA_ID) == await agent.hear("y otra")


async def test_conversations_of_an_account_go_on_as_one_once_they_are_known_to_be_it(agent: Agent) -> None:
    by_number, by_id = await agent.hear("uno"), await agent.hear("dos", sender=ANA_ID)
    assert by_number != by_id
    await agent.hear("tres", also_known_as=(ANA_ID,))
    latest = await agent.hear("cuatro", sender=ANA_ID)
    assert await agent.hear("cinco") == latest


async def test_message_from_before_two_addresses_were_known_to_be_one_is_still_a_duplicate(agent: Agent) -> None:
    await agent.hear("uno", provider_id="SM1")
    await agent.hear("dos", sender=ANA_ID, provider_id="SM2")
    await agent.hear("tres", also_known_as=(ANA_ID,), provider_id="SM3")
    for number, sender in (("SM1", ANA), ("SM2", ANA_ID), ("SM3", ANA)):
        await agent.hear("otra vez", sender=sender, provider_id=number)
    assert await count(agent, "messages") == 3


async def test_new_number_with_a_new_user_id_is_known_by_the_parent_id(agent: Agent) -> None:
    old = await agent.hear("hola", also_known_as=(ANA_ID, ANA_PARENT))
    new = await agent.hear("tengo otro número", sender=ANA_NEW, also_known_as=(ANA_NEW_ID, ANA_PARENT))
    assert new == old
    assert await reply_address(agent, new) == ANA_NEW
    assert await agent.hear("¿sí?", sender=ANA_NEW_ID) == old


async def test_new_number_with_nothing_of_the_old_is_a_new_contact(agent: Agent) -> None:
    await agent.hear("hola", also_known_as=(ANA_ID,))
    await agent.hear("hola", sender=ANA_NEW, also_known_as=(ANA_NEW_ID,))
    assert await count(agent, "contacts") == 2


@pytest.mark.parametrize(
    ("spelt", "otherwise"),
    [
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+54111523456789"),
        ("+551187654321", "+5511987654321"),
    ],
)
async def test_spellings_are_one_contact_and_each_channel_is_answered_in_its_own(
    agent: Agent, spelt: str, otherwise: str
) -> None:
    on_whatsapp, by_sms = await agent.hear("hola", sender=spelt), await text_us(agent, sender=otherwise)
    assert await count(agent, "contacts") == 1
    assert [await reply_address(agent, each) for each in (on_whatsapp, by_sms)] == [spelt, otherwise]
    assert await agent.hear("¿y?", sender=otherwise) == on_whatsapp
    assert await reply_address(agent, on_whatsapp) == otherwise


async def test_opt_out_on_one_channel_holds_on_the_other(agent: Agent) -> None:
    by_sms = await text_us(agent)
    on_whatsapp = await agent.hear("STOP", also_known_as=(ANA_ID,))
    await agent.answer(on_whatsapp)
    sent = len(agent.sender.taken)
    await agent.answer(by_sms)
    await agent.answer(await agent.hear("¿hola?", sender=ANA_ID))
    assert len(agent.sender.taken) == sent
    suppressed = await agent.rows("select normalised from suppressions where lifted_at is null")
    assert {row["normalised"] for row in suppressed} == {ANA, ANA_ID}


async def test_texts_on_all_channels_count_as_sent_to_one_person(agent: Agent, clock: FakeClock) -> None:
    await agent.answer(await agent.hear("hola"))
    clock.advance(60)
    await agent.answer(await text_us(agent))
    clock.advance(60)
    gathered = await agent.claim(await agent.hear("¿y el precio?", also_known_as=(ANA_ID,)))
    assert len(gathered.turn.sent_at) == 2


# --- all at once ------------------------------------------------------------------------------------------------


async def test_first_messages_on_two_channels_at_once_make_one_contact(agent: Agent) -> None:
    heard = (agent.hear("hola", also_known_as=(ANA_ID,)) if number % 2 else text_us(agent) for number in range(12))
    conversations = set(await asyncio.gather(*heard))
    assert len(conversations) == 2
    apart = "contacts where merged_into is null"  # two may have been made before one knew of the other
    assert (await count(agent, apart), await count(agent, "messages")) == (1, 12)


async def test_addresses_that_come_in_every_order_at_once_end_as_one_contact(agent: Agent) -> None:
    named = [(ANA, (ANA_ID,)), (ANA_ID, ()), (ANA_ID, (ANA_PARENT,)), (ANA, (ANA_PARENT, ANA_ID)), (ANA, ())]
    heard = [agent.hear("hola", sender=sender, also_known_as=also) for sender, also in named * 4]
    await asyncio.gather(*heard)
    await agent.hear("y ahora", also_known_as=(ANA_ID, ANA_PARENT))
    assert len(set((await owners(agent)).values())) == 1
    assert await count(agent, "messages") == 21
    people = await agent.rows(
        """select count(*) from conversations c join contact_points p on p.id = c.contact_point_id
           where p.contact_id <> c.contact_id"""
    )
    assert people[0]["count"] == 0


async def test_messages_that_arrive_while_contacts_are_merged_go_to_the_one_that_is_left(agent: Agent) -> None:
    await agent.hear("hola")
    await agent.hear("hola", sender=ANA_NEW)
    whose = await owners(agent)

    async def merge() -> None:
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            await merge_contacts(tx, whose[ANA], whose[ANA_NEW], actor="staff")

    await asyncio.gather(
        merge(),
        *(text_us(agent, sender=ANA_NEW) for _ in range(4)),
        *(agent.hear("¿sí?", sender=ANA_NEW, also_known_as=(f"ES.{uuid4().hex}",)) for _ in range(4)),
    )
    assert set((await owners(agent)).values()) == {whose[ANA]}
    people = await agent.rows("select distinct contact_id from conversations")
    assert [row["contact_id"] for row in people] == [whose[ANA]]
