"""Who asks "are you a bot?" is answered without any model, or at the head of the answer to the rest."""

from dataclasses import replace

import pytest

from agent.errors import ModelRefused
from agent.screening.texts import bot_text
from agent.types import Tenant
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification, make_tenant
from tests.integration.agents import Agent

TENANT: Tenant = make_tenant()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hola, ¿estoy hablando con una persona o con un robot?", "es"),
        ("oi, você é um robô ou uma pessoa de verdade?", "pt"),
        ("hi, am I talking to a real person or a bot?", "en"),
    ],
)
async def test_question_alone_is_answered_in_its_language_without_any_model(
    agent: Agent, text: str, language: str
) -> None:
    await agent.answer(await agent.hear(text))
    (message,) = agent.sender.taken
    assert message.text == bot_text(TENANT, language)
    assert agent.models.classified == []
    assert await agent.value("select count(*) from escalations") == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿cuánto cuesta el intensivo? ¿y eres un bot?", "es"),
        ("você é um robô? quanto custa o curso intensivo?", "pt"),
        ("are you a bot? how much is the intensive course?", "en"),
    ],
)
async def test_question_beside_another_heads_the_answer_to_it(agent: Agent, text: str, language: str) -> None:
    agent.models.texts = ("{price:EN-INT}.",)
    await agent.answer(await agent.hear(text))
    (message,) = agent.sender.taken
    assert message.text.startswith(f"{bot_text(TENANT, language)} ")
    assert "399" in message.text


@pytest.mark.parametrize("text", ["is there a robot course?", "¿hay curso de robots?", "tem curso de robô?"])
async def test_question_about_robots_is_answered_as_any_other(agent: Agent, text: str) -> None:
    agent.models.texts = ("{price:EN-INT}.",)
    await agent.answer(await agent.hear(text))
    assert agent.models.classified == [text]
    assert not any(bot_text(TENANT, language) in agent.sender.taken[0].text for language in ("es", "pt", "en"))


async def test_draft_that_denies_never_leaves(agent: Agent) -> None:
    agent.models.texts = ("No soy un bot, soy una persona de verdad. Cuesta {price:EN-INT}.",)
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo? ¿y eres un bot?"))
    (message,) = agent.sender.taken
    assert "soy una persona" not in message.text
    assert "asistente virtual (IA)" in message.text
    assert await agent.value('select verdicts @> \'[{"rule": "disclosure"}]\' from escalations')


async def test_question_is_answered_also_when_the_rest_asks_for_nothing(agent: Agent) -> None:
    agent.models.classification = make_classification(intent="acknowledgement", confidence=0.95)
    await agent.answer(await agent.hear("mil gracias por la información del otro día. ¿eres un bot?"))
    assert [message.text for message in agent.sender.taken] == [bot_text(TENANT, "es")]


async def test_question_is_answered_also_while_a_person_has_been_asked(agent: Agent) -> None:
    agent.models.classification = make_classification(intent="human_request", confidence=0.95)
    conversation = await agent.hear("quiero hablar con una persona")
    await agent.answer(conversation)
    await agent.hear("¿eres un bot? necesito que me llame alguien")
    await agent.answer(conversation)
    assert ["asistente virtual (IA)" in message.text for message in agent.sender.taken] == [True, True]
    assert await agent.value("select count(*) from escalations") == 2


async def test_question_is_answered_also_when_the_model_has_no_answer(agent: Agent) -> None:
    agent.models.failures = [ModelRefused("no"), ModelRefused("no")]
    agent.deps = replace(agent.deps, fallback=ScriptedModels(classification=make_classification(confidence=0.95)))
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo? ¿y eres un bot?"))
    (message,) = agent.sender.taken
    assert "asistente virtual (IA)" in message.text


async def test_answer_keeps_its_verdicts(agent: Agent) -> None:
    await agent.answer(await agent.hear("¿eres un bot?"))
    (row,) = await agent.rows("select verdicts, source from messages where direction = 'outbound'")
    assert row["source"] == "rule"
    assert {verdict["rule"] for verdict in row["verdicts"]} == {rule.name for rule in agent.deps.rules}


async def test_question_asked_again_and_again_ends_with_a_person(agent: Agent) -> None:
    conversation = await agent.hear("¿eres un bot?")
    for text in ("¿eres un bot?", "eres un robot?", "¿hablo con una persona?", "¿eres humano?"):
        await agent.answer(conversation)
        await agent.hear(text)
    await agent.answer(conversation)
    assert len(agent.sender.taken) == 3
    assert await agent.value("select count(*) from escalations") == 2


async def test_staff_who_answer_are_not_called_a_machine(agent: Agent) -> None:
    conversation = await agent.hear("¿eres un bot?")
    await agent.change("update conversations set owner = 'staff'")
    await agent.answer(conversation)
    assert agent.sender.taken == []


async def test_suppressed_contact_gets_no_answer(agent: Agent) -> None:
    conversation = await agent.hear("STOP")
    await agent.answer(conversation)
    await agent.hear("¿eres un bot?")
    await agent.answer(conversation)
    assert len(agent.sender.taken) == 1
