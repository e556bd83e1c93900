"""Format, disclosure, language and confidence: what a text itself must be."""

from dataclasses import replace

import pytest

from agent.guardrails import confidence, disclosure
from agent.guardrails import format as format_rule
from agent.guardrails.language import make_language_rule
from agent.guardrails.segments import count_segments
from agent.language import LanguageDetector
from agent.types import Author, Candidate, Channel, Outcome, Policy, Turn
from tests.factories import NOW, make_message, make_tenant, make_turn

REPLY = Candidate(text="Hola, ¿en qué te ayudo?", language="es", channel="whatsapp")


def later_turn(text: str = "Hola") -> Turn:
    """A turn that is not the first contact."""
    return make_turn(text, history=(make_message("Hola", direction="outbound", author="agent"),))


# --- format -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n\t ", id="blank"),
        pytest.param("Cuesta {price:EN-INT}.", id="reference"),
        pytest.param("Hola {{name}}", id="template"),
        pytest.param("Hola [NOMBRE]", id="placeholder"),
        pytest.param("Hi [your name]", id="placeholder in English"),
        pytest.param("**Oferta**", id="bold"),
        pytest.param("## Precios", id="heading"),
        pytest.param("Mira [la web](https://lumen.example)", id="link"),
        pytest.param("```\nx\n```", id="code"),
        pytest.param("Hola<br>adiós", id="html"),
        pytest.param("<p class='x'>Hola</p>", id="html attribute"),
        pytest.param("Fish &amp; chips", id="entity"),
        pytest.param('{"text": "hola"}', id="json"),
        pytest.param("Hola None", id="none"),
        pytest.param("El precio es null", id="null"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\ud800b", id="lone surrogate"),
        pytest.param("a" * 1601, id="too long"),
        pytest.param("😀" * 801, id="too long in UTF-16"),
    ],
)
def test_text_that_is_not_clean_is_revised(text: str) -> None:
    turn = make_turn()
    assert format_rule.check(replace(REPLY, text=text), turn, turn.tenant, NOW).outcome == "revise"


@pytest.mark.parametrize(
    "text",
    [
        "Hola 😀 <3 :-)",
        "*Kit de 3 kW*: listo\n1) paneles\n2) techo",
        "- uno\n- dos\n_sí_",
        "Si a < b y c > d, entonces…",
        "C# y F# (básico) [opcional]",
        "none of them",
        "😀" * 800,
    ],
)
def test_plain_text_passes(text: str) -> None:
    turn = make_turn()
    assert format_rule.check(replace(REPLY, text=text), turn, turn.tenant, NOW).outcome == "pass"


@pytest.mark.parametrize(
    ("channel", "text", "outcome"),
    [
        ("sms", "a" * 459, "pass"),
        ("sms", "a" * 460, "revise"),
        ("sms", "á" * 201, "pass"),
        ("sms", "á" * 202, "revise"),
        ("whatsapp", "á" * 202, "pass"),
        ("email", "a" * 50_000, "pass"),
        ("email", "a" * 50_001, "revise"),
    ],
)
def test_length_follows_the_channel(channel: Channel, text: str, outcome: Outcome) -> None:
    turn = make_turn()
    verdict = format_rule.check(replace(REPLY, channel=channel, text=text), turn, turn.tenant, NOW)
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 306, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # an escape pair is not split between parts
        ("ñ" * 160, 1),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),  # a surrogate pair is not split either: 33 in a part
        ("ç", 1),
    ],
)
def test_sms_parts_are_counted_as_carriers_do(text: str, segments: int) -> None:
    assert count_segments(text) == segments


# --- disclosure -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inbound", "text"),
    [
        ("hablo con un bot?", "No, para nada, soy Rodrigo, asesor de la escuela, y te atiendo personalmente."),
        ("é robô né?", "Que robô nada kkk, aqui é a Camila do comercial, gente de carne e osso."),
        ("are you a real person?", "Yep, 100% human here. What would you like to know?"),
        ("are you a bot?", "I'm not a bot, don't worry."),
        ("are you a bot?", "Nope! How can I help?"),
        ("eres una persona?", "Sí, claro. ¿Qué curso te interesa?"),
        ("hola", "Soy una persona real y te ayudo."),
        ("oi", "Não sou um robô, pode falar comigo."),
        ("hi", "I'm Anna from sales, happy to help."),
    ],
)
def test_posing_as_a_person_is_revised(inbound: str, text: str) -> None:
    turn = later_turn(inbound)
    assert disclosure.check(replace(REPLY, text=text), turn, turn.tenant, NOW).outcome == "revise"


@pytest.mark.parametrize(
    ("inbound", "text"),
    [
        ("eres una persona?", "Soy Luma, la asistente virtual (IA). Si prefieres hablar con alguien, te paso."),
        ("vc é robô?", "Sou sim: a Luma, assistente virtual (IA)."),
        ("are you chatgpt or what", "I'm Luma, a virtual assistant, so yes, an AI. I can get a person for you."),
        ("are you human?", "No, I'm an AI assistant. Would you like to talk to a real person?"),
        ("quiero hablar con una persona", "Claro, te paso con una persona del equipo."),
        ("who runs the place?", "Our academic director is Marta Soler."),
    ],
)
def test_honest_replies_pass(inbound: str, text: str) -> None:
    turn = later_turn(inbound)
    assert disclosure.check(replace(REPLY, text=text), turn, turn.tenant, NOW).outcome == "pass"


@pytest.mark.parametrize(
    ("text", "author", "outcome"),
    [
        ("Hola, ¿en qué te ayudo?", "agent", "revise"),
        ("Hola. Soy la asistente virtual (IA) de Escuela Ejemplo. ¿En qué te ayudo?", "agent", "pass"),
        ("Hola, te escribe un asistente virtual.", "agent", "pass"),
        ("Hola, ¿en qué te ayudo?", "staff", "pass"),
        ("Hola, ¿en qué te ayudo?", "system", "pass"),
    ],
)
def test_first_contact_discloses(text: str, author: Author, outcome: Outcome) -> None:
    turn = make_turn()
    assert disclosure.check(replace(REPLY, text=text, author=author), turn, turn.tenant, NOW).outcome == outcome


def test_later_replies_need_not_disclose_again() -> None:
    turn = later_turn()
    assert disclosure.check(REPLY, turn, turn.tenant, NOW).outcome == "pass"


# --- language ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector.load(("en", "es", "pt"))


@pytest.mark.parametrize(
    ("text", "language", "outcome"),
    [
        ("Hola, el curso empieza el lunes y dura doce semanas.", "es", "pass"),
        ("Hola, el curso empieza el lunes y dura doce semanas.", "en", "revise"),
        ("Olá, o curso começa na segunda-feira e dura doze semanas.", "es", "revise"),
        ("Ok 👍", "en", "pass"),
        ("Bonjour, le cours commence lundi.", "fr", "revise"),
    ],
)
def test_reply_must_be_in_its_language(detector: LanguageDetector, text: str, language: str, outcome: Outcome) -> None:
    rule = make_language_rule(detector.detect)
    turn = make_turn()
    verdict = rule.check(replace(REPLY, text=text, language=language), turn, turn.tenant, NOW)
    assert verdict.outcome == outcome


def test_staff_may_write_in_any_language(detector: LanguageDetector) -> None:
    turn = make_turn()
    text = replace(REPLY, text="Bonjour", language="fr", author="staff")
    assert make_language_rule(detector.detect).check(text, turn, turn.tenant, NOW).outcome == "pass"


# --- confidence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "outcome"),
    [
        (replace(REPLY, confidence=0.6), "pass"),
        (replace(REPLY, confidence=0.59), "hold"),
        (replace(REPLY, confidence=float("nan")), "hold"),
        (replace(REPLY, confidence=1.0, needs_human=True), "hold"),
        (replace(REPLY, confidence=0.1, author="staff"), "pass"),
        (replace(REPLY, confidence=0.1, purpose="help"), "pass"),
    ],
)
def test_doubtful_replies_go_to_a_person(candidate: Candidate, outcome: Outcome) -> None:
    tenant = make_tenant(policy=Policy(min_confidence=0.6))
    assert confidence.check(candidate, make_turn(), tenant, NOW).outcome == outcome
