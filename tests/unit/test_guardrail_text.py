"""Format and confidence: what a text itself must be."""

from dataclasses import replace

import pytest

from agent.guardrails import confidence
from agent.guardrails import format as format_rule
from agent.guardrails.segments import count_segments
from agent.types import Candidate, Channel, Outcome, Policy, Turn
from tests.factories import NOW, make_message, make_tenant, make_turn
from tests.tables import each_row

REPLY = Candidate(text="Hola, ¿en qué te ayudo?", language="es", channel="whatsapp")


def later_turn(text: str = "Hola") -> Turn:
    """A turn that is not the first contact."""
    return make_turn(text, history=(make_message("Hola", direction="outbound", author="agent"),))


# --- format -----------------------------------------------------------------------------------------------

VIOLATIONS: list[tuple[str, Channel, str]] = [
    ("empty", "whatsapp", ""),
    ("blank", "whatsapp", " \n\t "),
    ("only invisible signs", "sms", "\u200b\u00a0"),
    ("reference", "whatsapp", "Cuesta {price:EN-INT}."),
    ("reference in instalments", "whatsapp", "São {installment:EN-INT:3} por mês."),
    ("template", "whatsapp", "Hola {{name}}"),
    ("shell variable", "email", "Hi ${first_name}, thanks!"),
    ("percent variable", "email", "Hi %FIRST_NAME%, thanks!"),
    ("Python format", "sms", "Hola %s, tu cita es el %(date)s"),
    ("Ruby variable", "whatsapp", "Oi #{nome}"),
    ("double brackets", "whatsapp", "Hola [[nombre]]"),
    ("angle placeholder", "whatsapp", "Hola <nombre>, gracias"),
    ("angle placeholder with space", "whatsapp", "Llega el <fecha de entrega>."),
    ("guillemets of a mail merge", "email", "Dear <<Name>>, welcome"),
    ("placeholder", "whatsapp", "Hola [NOMBRE]"),
    ("placeholder in English", "email", "Hi [your name]"),
    ("placeholder to insert", "whatsapp", "Te cuesta [insertar precio aquí]."),
    ("placeholder of a link", "whatsapp", "Reserva en [enlace]."),
    ("placeholder of a person", "whatsapp", "Oi [Nome do cliente], tudo bem?"),
    ("placeholder of a date", "sms", "Tu cita es el [fecha] a las [hora]."),
    ("placeholder of a company", "email", "Best, [Company Name]"),
    ("XXX", "whatsapp", "Llámanos al XXX XXX XXX"),
    ("TBD", "email", "The course starts on TBD."),
    ("TODO", "email", "TODO: add dates"),
    ("lorem", "email", "Lorem ipsum dolor sit amet"),
    ("blank to fill in", "whatsapp", "Hola ____, gracias por escribir"),
    ("bold", "whatsapp", "**Oferta** de hoy"),
    ("bold on e-mail", "email", "Tenemos *inglés* los lunes"),
    ("bold on SMS", "sms", "Tenemos *ingles* los lunes"),
    ("italic on SMS", "sms", "Es _muy_ facil"),
    ("underlined bold", "email", "__Precios__ de 2026"),
    ("strike", "email", "~~500~~ 400"),
    ("heading", "whatsapp", "## Precios"),
    ("heading after text", "email", "Hola\n\n# Horarios\nLunes"),
    ("link", "whatsapp", "Mira [la web](https://lumen.example)"),
    ("image", "email", "![logo](logo.png)"),
    ("code fence", "whatsapp", "```\nx\n```"),
    ("code fence with language", "email", "```json\n1\n```"),
    ("inline code", "email", "Usa `curso-a1` como código"),
    ("table", "email", "| Curso | Precio |\n|---|---|\n| A1 | 10 |"),
    ("rule", "email", "Hola\n---\nAdiós"),
    ("starred rule", "email", "Hola\n***\nAdiós"),
    ("break", "whatsapp", "Hola<br>adiós"),
    ("closed break", "email", "Hola<br/>adiós"),
    ("paragraph", "whatsapp", "<p class='x'>Hola</p>"),
    ("anchor", "email", 'Mira <a href="https://lumen.example">aquí</a>'),
    ("bold tag", "email", "Es <b>gratis</b>"),
    ("comment", "email", "Hola <!-- nota --> adiós"),
    ("entity", "whatsapp", "Fish &amp; chips"),
    ("numeric entity", "whatsapp", "Ol&#225;"),
    ("letter entity", "email", "Espa&ntilde;ol"),
    ("JSON", "whatsapp", '{"text": "hola"}'),
    ("JSON without braces", "whatsapp", '"text": "Hola", "language": "es"'),
    ("JSON list", "whatsapp", '["hola", "adiós"]'),
    ("Python dict", "whatsapp", "{'text': 'hola'}"),
    ("None", "whatsapp", "Hola None"),
    ("None as a price", "email", "It costs None per month."),
    ("null", "whatsapp", "El precio es null"),
    ("undefined", "sms", "Hi undefined, your visit is set"),
    ("NaN", "whatsapp", "Son NaN € al mes"),
    ("object", "whatsapp", "Hola [object Object]"),
    ("thinking", "whatsapp", "<thinking>pide precio</thinking>Hola"),
    ("end of sequence", "whatsapp", "Hola</s>"),
    ("chat markup", "whatsapp", "Hola<|im_end|>"),
    ("instruction markup", "whatsapp", "[INST] hola [/INST]"),
    ("role at the start", "whatsapp", "Assistant: Hola"),
    ("role on its own line", "email", "User: hi\nAssistant: hello"),
    ("role in Spanish", "whatsapp", "Asistente: Hola, ¿en qué te ayudo?"),
    ("label of a draft", "email", "Draft reply: Hi there"),
    ("label in Spanish", "whatsapp", "Respuesta: El curso empieza en abril."),
    ("escaped line break", "whatsapp", "Hola\\nadiós"),
    ("escaped letter", "whatsapp", "Ma\\u00f1ana"),
    ("wrongly decoded", "whatsapp", "MaÃ±ana a las 10"),
    ("replacement character", "whatsapp", "Ma\ufffdana"),
    ("NUL", "whatsapp", "a\x00b"),
    ("lone surrogate", "whatsapp", "a\ud800b"),
    ("too long", "whatsapp", "a" * 1601),
    ("too long in UTF-16", "whatsapp", "😀" * 801),
    ("four parts", "sms", "a" * 460),
    ("four parts with accents", "sms", "á" * 202),
    ("second 0", "whatsapp", "Hola {nombre}, gracias"),
    ("second 1", "whatsapp", "Precio: $undefined"),
    ("second 2", "whatsapp", "### Horarios\n- lunes"),
    ("second 3", "whatsapp", "Hola&nbsp;Ana"),
    ("second 4", "whatsapp", "**Importante:** mañana no hay clase"),
    ("second 5", "whatsapp", "[Ver web](www.x.com)"),
    ("second 6", "whatsapp", '{"reply": "Hola", "confidence": 0.9}'),
    ("second 7", "whatsapp", "El precio es [PRECIO] al mes"),
    ("second 8", "whatsapp", "<b>Hola</b>"),
    ("second 9", "whatsapp", "Hola, soy [nombre del asistente]"),
    ("second 10", "whatsapp", "Cuesta {{price:EN-INT}}"),
    ("second 11", "whatsapp", "El horario es null a null"),
    ("second 12", "whatsapp", "reply_text: Hola, ¿cómo estás?"),
    ("second 13", "whatsapp", "<reply>Hola</reply>"),
    ("second 14", "whatsapp", "Cuesta <precio> euros"),
    ("second 15", "whatsapp", "```Hola```"),
    ("second 16", "whatsapp", "1. **Inglés**: 399 €"),
    ("second 17", "whatsapp", "None, te esperamos el lunes"),
    ("second 18", "whatsapp", "Hola @nombre, gracias"),
    ("second 19", "whatsapp", "Hola $nombre, gracias"),
    ("second 20", "whatsapp", "Hola %nombre%, gracias"),
    ("second 21", "whatsapp", "Tu cita: (insertar fecha)"),
    ("second 22", "whatsapp", "<ul><li>uno</li></ul>"),
    ("second 23", "whatsapp", "| A | B |\n|---|---|"),
    ("second 24", "whatsapp", "Te cuesta XXX €"),
]
PASSES: list[tuple[Channel, str]] = [
    ("whatsapp", "Hola 😀 <3 :-)"),
    ("whatsapp", "Gracias <3"),
    ("whatsapp", "Genial :) ;-) :D xD ^_^ ¯\\_(ツ)_/¯"),
    ("whatsapp", "Te entiendo :{ :}"),
    ("whatsapp", "*Kit de 3 kW*: listo\n1) paneles\n2) techo"),
    ("whatsapp", "- uno\n- dos\n_sí_"),
    ("whatsapp", "* uno\n* dos"),
    ("whatsapp", "• uno\n• dos\n→ tres"),
    ("whatsapp", "1. Inglés\n2. Español\n\n¿Cuál te interesa?"),
    ("whatsapp", "*Precio*: 399 €\n*Horario*: lunes a jueves"),
    ("whatsapp", "_Nota_: cerramos el lunes ~mañana~"),
    ("whatsapp", "Si a < b y c > d, entonces…"),
    ("whatsapp", "C# y F# (básico) [opcional]"),
    ("whatsapp", "Grupos [A1-A2] y [B1]"),
    ("whatsapp", "none of them"),
    ("whatsapp", "Nulo riesgo; la cláusula es nula"),
    ("email", "None of the groups is full."),
    ("email", "Which level? None, if you are a beginner."),
    ("email", "None."),
    ("email", "The old terms are null and void."),
    ("whatsapp", "Mi abuela Nan dice hola"),
    ("whatsapp", "😀" * 800),
    ("whatsapp", "¡Somos el n.º 1! #1 en Madrid"),
    ("whatsapp", "Síguenos: #aprendeinglés"),
    ("whatsapp", "Calle 85 # 12-34"),
    ("whatsapp", "De 9:00 a 14:00 - de 16:00 a 20:00"),
    ("whatsapp", "Un 10 % de descuento; el 100% de los alumnos"),
    ("whatsapp", "R&D y P&G; Q&A a las 5"),
    ("whatsapp", "Precio: $1,299.90 MXN (IVA incluido)"),
    ("whatsapp", "US$50 o $ 50"),
    ("whatsapp", "La tarjeta **** **** **** 1111"),
    ("whatsapp", "Talla XXL o XXXL"),
    ("whatsapp", "Respuesta corta: sí. Respuesta larga: depende."),
    ("whatsapp", "Nuestra respuesta: lunes y jueves"),
    ("whatsapp", "La asistente: una IA"),
    ("whatsapp", "Horario:\nLunes: 9-14\nMartes: 9-14"),
    ("whatsapp", "Nombre: Inglés intensivo\nDuración: 12 semanas"),
    ("whatsapp", '"Genial", dijo ella: "sí"'),
    ("whatsapp", "Ver precios >> 399 €"),
    ("whatsapp", "Lunes -> jueves => 4 días"),
    ("whatsapp", "JSON y HTML son lo nuestro"),
    ("whatsapp", "TODO INCLUIDO: vuelos y hotel. ¡TODO listo!"),
    ("whatsapp", "Sistema: híbrido. Usuario: tu correo"),
    ("whatsapp", "5 * 3 * 2 = 30"),
    ("whatsapp", "Si 3 < x > 1"),
    ("whatsapp", "Oferta* hasta el 30. *Sujeta a plazas"),
    ("email", "Precios* con IVA.\n*Hasta fin de mes"),
    ("email", "Escribe a ana_maria_ruiz@lumen.example"),
    ("email", "El archivo horario_mayo_2026.pdf"),
    ("email", "- uno\n- dos\n\n1) tres"),
    ("email", "Hola, Ana:\n\nGracias por escribir.\n\nUn saludo,\nLuma"),
    ("email", "> lo que escribiste\nSí, claro."),
    ("email", "--\nLuma, asistente virtual"),
    ("email", "Hola — ¿qué tal? … bien"),
    ("email", "El 50-50 es lo justo; 24/7"),
    ("email", "¿A o B? [sí/no]"),
    ("email", "Dijo que «[…] no era necesario» [sic]"),
    ("email", "A=1, B=2; f(x) = 2x + 1"),
    ("sms", "Lunes a jueves 19:00-20:30. Responde SI."),
    ("sms", "Precio: 399 EUR. <3"),
    ("sms", "2*3 y 4*5"),
    ("sms", "a" * 459),
    ("sms", "á" * 201),
    ("sms", "Olá! São 12 aulas :)"),
    ("whatsapp", "Hola, Ana 😊 ¿Te va bien el lunes?"),
    ("whatsapp", "Opciones:\n1️⃣ Inglés\n2️⃣ Español"),
    ("whatsapp", "*Inglés intensivo* — 399 €"),
    ("whatsapp", "A) lunes B) martes"),
    ("whatsapp", "Nivel: A1/A2 (inicial)"),
    ("whatsapp", "¡Ojo! Sólo hasta el 30/04."),
    ("whatsapp", "_(hora de Madrid)_"),
    ("whatsapp", "5 > 3 y 2 < 4"),
    ("whatsapp", "Precio/persona: 10 €; total = 20 €"),
    ("whatsapp", "“Hola” es un saludo"),
    ("whatsapp", "Ninguno está completo"),
    ("whatsapp", "✅ Online ✅ En directo ❌ Presencial"),
    ("whatsapp", "lunes–jueves · 19:00–20:30"),
    ("whatsapp", "- Inglés: 399 €\n- DELE: 350 €\n\n¿Cuál?"),
    ("whatsapp", "Código EARLY10 (10 % de descuento)"),
    ("whatsapp", "Más info: https://escuela.example/a_b_c?x=1&y=2"),
    ("whatsapp", "Email: hola_info@escuela.example"),
    ("whatsapp", "(a) uno, (b) dos [opcional]"),
    ("whatsapp", "100% online!!! <3 <3"),
    ("whatsapp", "T&C aplican*"),
]


@each_row(("channel", "text"), [pytest.param(c, t, id=i) for i, c, t in VIOLATIONS])
def test_text_that_is_not_clean_is_revised(channel: Channel, text: str) -> None:
    turn = make_turn()
    verdict = format_rule.check(replace(REPLY, text=text, channel=channel), turn, turn.tenant, NOW)
    assert verdict.outcome == "revise"
    if verdict.span:
        assert text[slice(*verdict.span)]


@each_row(("channel", "text"), PASSES)
def test_plain_text_passes(channel: Channel, text: str) -> None:
    turn = make_turn()
    language = "en" if text.startswith(("None", "Which", "The ")) else "es"
    candidate = replace(REPLY, text=text, channel=channel, language=language)
    verdict = format_rule.check(candidate, turn, turn.tenant, NOW)
    assert verdict.outcome == "pass", verdict


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
