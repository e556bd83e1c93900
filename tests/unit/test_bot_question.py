"""Whether a burst only asks "are you a bot?", and the answer: true, in the contact's language, with a way out."""

from dataclasses import replace

import pytest

from agent.escalation.handoff import handoff_text
from agent.guardrails import check_all, content_rules
from agent.guardrails.bot_question import asks_nothing_else
from agent.guardrails.segments import count_segments
from agent.language import LanguageDetector
from agent.render import render_draft, render_notice
from agent.screening.screen import screen
from agent.screening.texts import bot_text
from agent.types import Media, Suppression
from tests.factories import NOW, make_conversation, make_draft, make_message, make_tenant, make_turn
from tests.hostile import Unit, assert_linear
from tests.tables import each_row

ONLY = [
    "¿eres un bot?", "Hola! eres un bot?", "Buenas tardes. Una pregunta: ¿hablo con una persona real o con un robot?",
    "eres una IA verdad?", "quiero saber si eres un bot", "es usted una persona de verdad, por favor?", "bot?",
    "hola\n¿me contesta una persona?", "esto es un robot o qué", "jajaja eres un robot?",
    "oi, tudo bem? vc é um robô?", "você é uma pessoa de verdade?", "gostaria de saber se falo com uma pessoa",
    "bom dia! isso é um bot?", "tô falando com um robô?", "é robô né", "desculpa, você é humano?",
    "are you a bot?", "hey, quick question: am I talking to a real person?", "are you a bot lol", "Hi\nare you human?",
    "bot or human?", "sorry, is this a real person?", "you're a bot, aren't you",
]  # fmt: skip
MORE = [
    "¿eres un bot? ¿cuánto cuesta el intensivo?", "eres un bot o puedo hablar con alguien", "bot? no me escriban más",
    "eres un bot que vende cursos de inglés?", "¿eres humano? mándame el temario", "hola, eres un bot, precio?",
    "é robô? quero o preço", "você é um robô? quero falar com alguém", "vc é gente? tem aula sábado?",
    "are you a bot? get me a real person", "are you a bot or can you help me with my invoice?",
    "are you human? when do you open?", "are you a robot? my order 4711 is late",
]  # fmt: skip
SOMETHING_ELSE = [
    "hola", "gracias", "👍", "", "...", "is there a robot course?", "do you teach robotics?", "is there an AI course?",
    "are you a robotics company?", "how much per person?", "can I talk to a human?", "is the gearbox automatic?",
    "¿hay curso de robots?", "¿tienen robots de cocina?", "¿el curso es de inteligencia artificial?",
    "quiero hablar con una persona", "¿es para una persona?", "tem curso de robô?", "vocês vendem bot?",
    "quero falar com um atendente", "valor por pessoa?", "tem robô aspirador?",
]  # fmt: skip


@each_row("text", ONLY)
def test_question_alone_is_recognised(text: str) -> None:
    found = screen(make_turn(text), NOW)
    assert found is not None
    assert found.kind == "bot_question"


@each_row("text", [*MORE, *SOMETHING_ELSE])
def test_what_asks_for_more_or_for_something_else_is_not_the_question_alone(text: str) -> None:
    assert not asks_nothing_else(text)


def test_burst_of_a_greeting_and_the_question_is_the_question_alone() -> None:
    found = screen(make_turn(("Hola", "¿eres un bot?")), NOW)
    assert found is not None
    assert found.kind == "bot_question"


def test_burst_that_asks_something_more_is_read_on() -> None:
    assert screen(make_turn(("¿eres un bot?", "¿cuánto cuesta el intensivo?")), NOW) is None


def test_picture_is_more_than_the_question() -> None:
    picture = make_message("¿eres un bot?", media=(Media(url="https://x.example/1", content_type="image/png"),))
    assert screen(make_turn(inbound=(picture,)), NOW) is None


def test_staff_answer_the_question_themselves() -> None:
    turn = make_turn("¿eres un bot?", conversation=make_conversation(owner="staff"))
    assert screen(turn, NOW) is None


def test_opt_out_comes_before_the_question() -> None:
    found = screen(make_turn(("¿eres un bot?", "STOP")), NOW)
    assert found is not None
    assert found.kind == "opt_out"


@pytest.mark.parametrize(
    ("language", "says", "way_out"),
    [
        ("es", "asistente virtual (IA) de Escuela Ejemplo", "Una persona del equipo"),
        ("pt", "assistente virtual (IA) de Escuela Ejemplo", "uma pessoa da equipe"),
        ("en", "automated assistant (AI) of Escuela Ejemplo", "A person on the team"),
    ],
)
def test_answer_says_what_is_writing_for_whom_and_how_to_reach_a_person(language: str, says: str, way_out: str) -> None:
    text = bot_text(make_tenant(), language)
    assert says in text
    assert way_out in text
    assert count_segments(text) == 1


def test_answer_in_a_language_of_the_tenant_alone_is_the_tenants_own() -> None:
    tenant = make_tenant(disclosure={"fr": "Je suis un assistant (IA)."}, help_text={"fr": "Appelez le 01."})
    assert bot_text(tenant, "fr") == "Je suis un assistant (IA). Appelez le 01."
    assert handoff_text(tenant, "fr") == "Je suis un assistant (IA). Appelez le 01."


@pytest.mark.parametrize("question", ["¿eres un bot?", "¿eres una persona?", "are you human or AI?", "você é gente?"])
@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_answer_passes_every_rule_whichever_way_it_was_asked(
    detector: LanguageDetector, question: str, language: str
) -> None:
    turn = make_turn(question)
    candidate = render_notice(bot_text(turn.tenant, language), turn, language)
    rules = content_rules(detector.detect)
    verdicts = check_all(rules, candidate, turn, turn.tenant, NOW)
    assert [verdict for verdict in verdicts if verdict.outcome != "pass"] == []


@pytest.mark.parametrize(
    "history", [(), (make_message("Hola", direction="outbound", author="agent"),)], ids=["first", "later"]
)
def test_draft_that_answers_more_begins_with_the_answer(history: tuple[object, ...]) -> None:
    turn = make_turn(("¿cuánto cuesta?", "¿eres un bot?"), history=history)
    candidate = render_draft(make_draft("El curso cuesta {price:EN-INT}."), turn, NOW)
    assert candidate.text == f"{bot_text(turn.tenant, 'es')} El curso cuesta 399,00 €."


def test_draft_that_denies_after_the_answer_is_revised(detector: LanguageDetector) -> None:
    turn = make_turn(("¿cuánto cuesta?", "¿eres un bot?"))
    candidate = render_draft(make_draft("No soy un bot, soy una persona. Cuesta {price:EN-INT}."), turn, NOW)
    verdicts = check_all(content_rules(detector.detect), candidate, turn, turn.tenant, NOW)
    assert [verdict.rule for verdict in verdicts if verdict.outcome == "revise"] == ["disclosure"]


def test_follow_up_need_not_answer_the_question_again(detector: LanguageDetector) -> None:
    turn = make_turn("¿eres un bot?", history=(make_message("Hola", direction="outbound", author="agent"),))
    candidate = replace(render_notice("¿Te quedó alguna duda?", turn, "es"), purpose="follow_up")
    verdicts = check_all(content_rules(detector.detect), candidate, turn, turn.tenant, NOW)
    assert [verdict for verdict in verdicts if verdict.outcome != "pass"] == []


def test_suppressed_contact_who_asks_is_screened_all_the_same() -> None:
    stopped = make_conversation(suppression=Suppression(reason="STOP", since=NOW))
    found = screen(make_turn("¿eres un bot?", conversation=stopped), NOW)
    assert found is not None
    assert found.kind == "bot_question"


@pytest.mark.parametrize("unit", ["o ", "eres un ", "hola ", "no o que ", ("so ", "x"), ("una pregunta ", "x"), "ha"])
def test_hostile_text_is_read_in_linear_time(unit: Unit) -> None:
    assert_linear(asks_nothing_else, unit, 790)  # five times as many are just read
