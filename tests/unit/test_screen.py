"""The screen: opt-outs, returns, help, floods. Precise first: what it takes, nobody else gets to see."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.guardrails.segments import count_segments
from agent.message_details import Details
from agent.screening.screen import FLOOD_MESSAGES, REPEATS, is_opt_out, opt_out_evidence, screen
from agent.screening.texts import help_text, opt_in_text, opt_out_text
from agent.types import Channel, Message, Suppression, Turn
from tests.factories import NOW, make_conversation, make_message, make_tenant, make_turn
from tests.hostile import assert_linear
from tests.tables import each_row

SAID = tomllib.loads((Path(__file__).parent / "data" / "opt_outs.toml").read_text(encoding="utf-8"))
SUPPRESSED = make_conversation(suppression=Suppression(reason="STOP", since=NOW))


@each_row(
    "text",
    [
        # whole messages
        "STOP", "Stop.", "stop!!!", "STOOOP", "🛑 stop", "Ｓｔｏｐ", "unsubscribe", "STOPALL", "stop please",
        "Remove me",
        "BAJA", "baja por favor", "No más", "Darme de baja", "cancelar", "Alto", "parar", "SAIR", "Pare",
        "descadastrar",
        "Remover", "não quero mais",
        # in their own words
        "please stop texting me", "don't text me anymore", "take me off your mailing list", "remove my number pls",
        "Stop sending me these ads", "I don't want any more messages", "cease all contact", "unsubscribe me please",
        "deja de escribirme", "no me escriban más", "ya no me manden mensajes", "quiero que me borren de su lista",
        "no quiero recibir más mensajes", "Por favor eliminen mi número", "quítenme de la lista",
        "no me vuelvan a llamar",
        "exijo la eliminación de mis datos", "paren de mandarme ofertas",
        "não me mande mais mensagens", "parem de me ligar", "me tira dessa lista", "tira meu número daí",
        "não quero receber mais nada", "quero a exclusão dos meus dados", "apaga meu contato por favor",
    ],
)  # fmt: skip
def test_wish_to_stop_is_recognised(text: str) -> None:
    found = screen(make_turn(text), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("opt_out", True)
    assert found.message is not None
    assert found.message.text == text


@each_row(
    "text",
    [
        "I'll stop by tomorrow, call me at 5", "when does the class end?", "did you stop replying to my emails?",
        "please don't call me, text me instead", "how do I turn off the inverter alarm?", "can I cancel my booking?",
        "remove my old phone number and put the new one", "do you delete my data after the course?",
        "no me llamen más tarde de las 8", "si no contesto dejen un mensaje", "no me llamen, mejor por whatsapp",
        "quiero cancelar la clase del jueves", "no quiero recibir clases en línea, prefiero presencial",
        "para mi hijo", "no me mandaron el correo", "no me interesa, gracias", "dar de baja mi plan",
        "ya no quiero el intensivo, quiero el club", "deja de cobrarme", "saca mi nombre de la lista de espera",
        "para o curso de inglês, quanto custa?", "para falar de ofertas", "não quero mais o curso",
        "pode parar na porta?",
        "não me mandaram o e-mail", "quero cancelar a matrícula", "não tenho interesse", "oi", "", "👍", "> STOP",
    ],
)  # fmt: skip
def test_other_wishes_go_on(text: str) -> None:
    assert screen(make_turn(text), NOW) is None


@each_row("text", [text for texts in SAID["stop"].values() for text in texts])
def test_wish_to_stop_in_own_words_is_found(text: str) -> None:
    assert opt_out_evidence(text)


@each_row("text", [text for texts in SAID["other"].values() for text in texts])
def test_other_wish_in_the_same_words_is_left_alone(text: str) -> None:
    assert opt_out_evidence(text) == ""


@pytest.mark.parametrize("unit", ["no ", "no me ", "stop with ", "nao quero mais receber ", "a", "x."])
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    assert_linear(lambda text: opt_out_evidence(text, text), unit)


@pytest.mark.parametrize(
    ("question", "answer", "stops"),
    [
        ("¿Quieres seguir recibiendo novedades?", "no gracias", True),
        ("Would you like to keep getting our offers?", "Nope", True),
        ("Podemos continuar te enviando novidades?", "Não", True),
        ("¿Confirmas que eliminemos tu número de la lista?", "sí", True),
        ("¿Quieres seguir recibiendo novedades?", "sí", False),
        ("¿Te apunto al intensivo?", "no", False),
        ("Shall I remove the second course from the order?", "yes", False),
        ("¿Quieres seguir recibiendo novedades?", "no, ni esas ni otras", True),
        ("¿Quieres seguir recibiendo novedades?", "no sé, ¿cuánto cuesta el curso?", False),
        ("Would you like to keep getting our offers?", "no, only the ones about English", False),
        ("Podemos continuar te enviando novidades?", "não, mas quero saber o preço", False),
        ("Quer que a gente remova seus dados da nossa base?", "pode sim, apaga tudo", True),
        ("Quer que a gente remova seus dados da nossa base?", "sim, mas antes me diz o preço", False),
        ("Elige: 1 más información, 2 agendar, 3 no recibir más mensajes.", "la 3", True),
        ("Elige: 1 más información, 2 agendar, 3 no recibir más mensajes.", "2", False),
        ("Reply 1) to book, 2) to stop receiving messages", "2", True),
        ("Responda 1 para continuar ou 2 para sair da lista", "2", True),
        ("Responda 1 para continuar ou 2 para sair da lista", "1", False),
        ("¿Cuántos alumnos son?", "2", False),
    ],
)
def test_answer_counts_only_to_our_question_about_writing(question: str, answer: str, stops: bool) -> None:
    assert bool(opt_out_evidence(answer, question)) is stops


# --- bursts and returns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (("hola", "STOP", "y otra cosa"), "opt_out"),
        (("STOP", "START"), "opt_in"),
        (("START", "STOP"), "opt_out"),
        (("STOP", "START", "baja"), "opt_out"),
    ],
)
def test_last_wish_of_a_burst_counts(texts: tuple[str, ...], kind: str) -> None:
    found = screen(make_turn(texts), NOW)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("text", ["START", "start!", "Alta", "Começar", "unstop", "INICIAR por favor"])
def test_suppressed_contact_returns_with_a_start_word(text: str) -> None:
    found = screen(make_turn(text, conversation=SUPPRESSED), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("opt_in", True)


def test_start_of_someone_who_never_left_is_an_ordinary_message() -> None:
    assert screen(make_turn("start"), NOW) is None


def test_question_of_a_suppressed_contact_is_no_return() -> None:
    assert screen(make_turn("when do you start?", conversation=SUPPRESSED), NOW) is None


def test_second_opt_out_is_not_confirmed_again() -> None:
    found = screen(make_turn("STOP", conversation=SUPPRESSED), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("opt_out", False)


# --- what the provider has handled ------------------------------------------------------------------------


def handled(text: str, **conversation: object) -> Turn:
    message = make_message(text, provider_handled_opt_out=True)
    return make_turn(inbound=(message,), conversation=make_conversation(channel="sms", **conversation))


@pytest.mark.parametrize("text", ["STOP", "FUERA"])
def test_opt_out_the_provider_answered_is_recorded_in_silence(text: str) -> None:
    found = screen(handled(text), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("opt_out", False)


@pytest.mark.parametrize("text", ["HELP", "INFO", "START"])
def test_keyword_the_provider_answered_needs_nothing(text: str) -> None:
    found = screen(handled(text), NOW)
    assert found is not None
    assert found.kind == "silent"


def test_return_the_provider_answered_lifts_the_suppression_in_silence() -> None:
    found = screen(handled("START", suppression=SUPPRESSED.suppression), NOW)
    assert found is not None
    assert (found.kind, found.confirm) == ("opt_in", False)


# --- help -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "text", "is_help"),
    [
        ("sms", "HELP", True),
        ("whatsapp", "Ayuda!", True),
        ("email", "ajuda", True),
        ("sms", "INFO", True),
        ("whatsapp", "info", False),  # how sales chats begin
        ("sms", "ayuda con el pago", False),
    ],
)
def test_help_words_by_channel(channel: Channel, text: str, is_help: bool) -> None:
    found = screen(make_turn(text, conversation=make_conversation(channel=channel)), NOW)
    assert (found is not None and found.kind == "help") is is_help


def test_help_beside_a_question_leaves_the_question_to_the_model() -> None:
    assert screen(make_turn(("ayuda", "cuánto cuesta?")), NOW) is None


# --- machines, loops and floods ---------------------------------------------------------------------------


def test_automatic_message_is_never_answered_and_never_opts_out() -> None:
    automatic = make_message("Reply STOP to unsubscribe. STOP", automatic=True)
    found = screen(make_turn(inbound=(automatic,)), NOW)
    assert found is not None
    assert found.kind == "silent"


def test_person_beside_an_automatic_message_is_heard() -> None:
    turn = make_turn(inbound=(make_message("Fuera de la oficina", automatic=True), make_message("STOP", seq=2)))
    found = screen(turn, NOW)
    assert found is not None
    assert found.kind == "opt_out"


def messages(texts: list[str], age: timedelta = timedelta()) -> tuple[Message, ...]:
    written = (make_message(text, seq=seq) for seq, text in enumerate(texts, 1))
    return tuple(replace(message, created_at=NOW - age) for message in written)


@pytest.mark.parametrize(
    ("history", "silent"),
    [
        pytest.param(messages([f"hola {n}" for n in range(FLOOD_MESSAGES)]), True, id="flood"),
        pytest.param(messages([f"hola {n}" for n in range(FLOOD_MESSAGES - 1)]), False, id="many"),
        pytest.param(messages(["hola"] * REPEATS), True, id="the same again and again"),
        pytest.param(messages(["hola"] * 40, timedelta(minutes=11)), False, id="long ago"),
        pytest.param(messages([""] * 20), False, id="pictures without text"),
    ],
)
def test_floods_and_loops_are_met_with_silence(history: tuple[Message, ...], silent: bool) -> None:
    found = screen(make_turn("qué tal", history=history), NOW)
    assert (found is not None and found.kind == "silent") is silent


def test_opt_out_is_heard_in_a_flood() -> None:
    found = screen(make_turn("STOP", history=messages(["hola"] * 40)), NOW)
    assert found is not None
    assert found.kind == "opt_out"


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_burst_is_screened(texts: list[str]) -> None:
    found = screen(make_turn(tuple(texts)), NOW)
    assert found is None or found.reason


# --- texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["es", "pt", "en", "fr"])
def test_confirmations_fit_one_sms_part_and_say_how_to_change_it(language: str) -> None:
    tenant = make_tenant()
    stopped, returned = opt_out_text(tenant, language), opt_in_text(tenant, language)
    assert "START" in stopped
    assert "STOP" in returned
    assert (count_segments(stopped), count_segments(returned)) == (1, 1)
    assert tenant.name in stopped


def test_confirmation_falls_back_to_the_tenants_language() -> None:
    tenant = make_tenant(default_language="pt")
    assert opt_out_text(tenant, "fr") == opt_out_text(tenant, "pt")
    assert help_text(tenant, "fr") == tenant.help_text["pt"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(make_message("no me escriban más"), True, id="words"),
        pytest.param(make_message("gracias", subject="BAJA"), True, id="subject"),
        pytest.param(make_message("BORRAR", details=Details(keyword="stop")), True, id="keyword"),
        pytest.param(make_message("BORRAR", provider_handled_opt_out=True), True, id="handled_for_whatever_word"),
        pytest.param(
            make_message("INFO", details=Details(keyword="help"), provider_handled_opt_out=True), False, id="help"
        ),
        pytest.param(
            make_message("STOP", details=Details(keyword="start"), provider_handled_opt_out=True), False, id="start"
        ),
        pytest.param(make_message("STOP", automatic=True), False, id="automatic"),
        pytest.param(make_message("sí"), False, id="yes_to_whatever_was_asked"),
    ],
)
def test_what_is_an_opt_out_whatever_was_said_before(message: Message, expected: bool) -> None:
    assert is_opt_out(message) is expected
