"""Language: every sentence is in the reply's language; names, brands, titles and loan words are at home in all."""

from dataclasses import replace

import pytest

from agent.guardrails.language import make_language_rule
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.types import Author, Outcome, Purpose, Verdict
from tests.factories import NOW, make_turn
from tests.tables import each_row
from tests.trades import TRADES, draft, later_turn

VIOLATIONS = [
    # the whole reply
    ("school", "es", "The intensive course starts on April 13 and lasts twelve weeks."),
    ("school", "es", "O curso intensivo começa em 13 de abril e dura doze semanas."),
    ("school", "en", "El curso intensivo empieza el 13 de abril y dura doce semanas."),
    ("school", "en", "O curso começa em abril; quer que eu mande os horários?"),
    ("school", "pt", "El curso empieza en abril. ¿Quieres que te mande los horarios?"),
    ("school", "pt", "The course starts in April. Shall I send you the timetable?"),
    ("clinic", "es", "Sure! We open from nine to eight."),
    ("clinic", "es", "Yes, we can see you on Tuesday."),
    ("clinic", "en", "Claro, tenemos cita el martes por la mañana."),
    ("clinic", "es", "Claro que sim! Você pode vir na terça de manhã."),
    ("travel", "pt", "Sure, I can help you with that."),
    ("travel", "pt", "Claro, con mucho gusto te ayudo con tu viaje."),
    ("travel", "en", "Claro, posso ajudar com a sua viagem."),
    ("travel", "es", "Oi! O pacote inclui café da manhã e traslado."),
    ("cars", "en", "Hola, el coche está disponible y puede verlo hoy."),
    ("cars", "en", "O carro está disponível, quer agendar uma visita?"),
    ("cars", "es", "The hybrid is in stock, would you like to see it?"),
    ("software", "es", "You can cancel at any time from Settings."),
    ("software", "en", "Puedes cancelar cuando quieras desde Ajustes."),
    ("software", "pt", "Puedes cancelar cuando quieras desde tu cuenta."),
    ("school", "es", "Bonjour, le cours commence lundi prochain à dix-neuf heures."),
    ("school", "en", "Il corso comincia lunedì e dura dodici settimane."),
    # one sentence of it
    ("school", "es", "Hola, gracias por escribir. Our next group starts in April. ¿Te interesa?"),
    ("school", "es", "El curso dura 12 semanas. Let me know if you have any questions."),
    ("school", "es", "¡Perfecto! Te espero el lunes. Have a great day!"),
    ("school", "es", "Hi there! El curso empieza el 13 de abril."),
    ("school", "es", "Tenemos plazas. Quer que eu te mande o link?"),
    ("school", "en", "The course lasts twelve weeks. ¿Quieres que te envíe los horarios?"),
    ("school", "en", "We start in April. Qualquer dúvida, estou à disposição."),
    ("school", "en", "Gracias por tu interés. The course starts on April 13."),
    ("school", "pt", "O curso começa em abril. Let me know what you think."),
    ("school", "pt", "As aulas são ao vivo. ¿Te gustaría una clase de prueba?"),
    ("clinic", "es", "La consulta dura media hora.\nPlease bring your ID card."),
    ("clinic", "en", "The visit takes half an hour.\nTraiga su documento, por favor."),
    ("clinic", "es", "Podemos verte el jueves. Muito obrigada pelo contato, até logo!"),
    ("travel", "pt", "O voo sai às dez da noite. Tu equipaje no está incluido."),
    ("travel", "pt", "O pacote inclui café da manhã. Breakfast is served until ten."),
    ("travel", "en", "The flight leaves at ten. O café da manhã está incluso."),
    ("travel", "es", "El vuelo sale a las diez. A bagagem não está incluída na tarifa."),
    ("cars", "en", "The car is ready. Puede pasar a recogerlo mañana por la tarde."),
    ("cars", "es", "El coche está listo. You can pick it up tomorrow afternoon."),
    ("software", "es", "La integración tarda un día. We will send you an email when it is ready."),
    ("software", "en", "Setup takes a day. Te avisamos por correo cuando esté lista."),
    ("software", "pt", "A integração leva um dia. We will send you an email."),
    # within one sentence
    ("school", "es", "El curso empieza en abril, and you can join the group at any time."),
    ("school", "es", "Claro, we have a group on Mondays, ¿te viene bien?"),
    ("school", "es", "Te cuento los precios, but first I need to know your level."),
    ("school", "en", "The course starts in April, pero primero tienes que hacer la prueba de nivel."),
    ("school", "en", "Sure, tenemos un grupo los lunes por la tarde."),
    ("school", "pt", "O curso começa em abril, but you need to take the level test first."),
    ("school", "pt", "Claro, tenemos un grupo los lunes por la tarde."),
    ("clinic", "es", "Podemos verte mañana because we had a cancellation this morning."),
    ("clinic", "en", "We can see you tomorrow porque se ha cancelado una cita."),
    ("travel", "pt", "O hotel fica perto da praia and breakfast is included every day."),
    ("travel", "en", "The hotel is near the beach e o café da manhã está incluso todos os dias."),
    ("cars", "en", "The car comes with warranty y puede probarlo cuando usted quiera."),
    ("cars", "es", "El coche tiene garantía and you can drive it whenever you want."),
    ("software", "es", "El plan incluye soporte, so you don't have to worry about anything."),
    ("software", "pt", "O plano inclui suporte, así que no tienes que preocuparte por nada."),
    ("software", "en", "The plan includes support, así que no tienes que preocuparte por nada."),
    ("school", "es", "Te anoto para el grupo del martes, just tell me your email and phone number."),
]
PASSES = [
    ("school", "es", "Hola, el Club de conversación es los sábados de 10:00 a 11:30."),
    ("school", "es", "El curso es online, en directo por Zoom."),
    ("school", "es", "Ok 👍"),
    ("school", "es", "¡Genial!"),
    ("school", "es", "Sí, claro."),
    ("school", "es", "Vale, perfecto. Hasta luego."),
    ("school", "es", "Puedes hacer el First Certificate in English o el Cambridge Advanced."),
    ("school", "es", "El curso «Speak up! English for busy people» empieza en abril."),
    ("school", "es", "Trabajamos el listening, el speaking y el writing en cada clase."),
    ("school", "es", "Marketing digital, coaching y networking: todo en un pack."),
    ("school", "es", 'En inglés se dice "how much is it?".'),
    ("school", "es", "Te lo envío por e-mail o por WhatsApp, como prefieras."),
    ("school", "es", "Un saludo, Luma"),
    ("school", "es", "Gracias por escribir a Lumen Idiomas."),
    ("school", "es", "Inglés intensivo: 12 semanas. DELE B2: 10 semanas."),
    ("school", "es", "Precio: 399 €. Horario: lunes a jueves."),
    ("school", "es", "No hay plazas para el grupo de mañana, pero sí para el de tarde."),
    ("school", "es", "La casa, la mesa, la vida: vocabulario para principiantes."),
    ("school", "pt", "Oi! Tudo bem? O Clube de conversação é aos sábados."),
    ("school", "pt", "Sim, claro."),
    ("school", "pt", "Ótimo, combinado!"),
    ("school", "pt", "O exame é aplicado pelo Instituto Cervantes."),
    ("school", "pt", "A aula é online, ao vivo, por Zoom; o feedback vem por e-mail."),
    ("school", "pt", "Preço: R$ 2.390,00 à vista ou 6x sem juros."),
    ("school", "pt", "Temos aula de espanhol, de inglês e de conversa."),
    ("school", "pt", "O escritório fica na calle Ficticia 12, Madri."),
    ("school", "pt", "A diretora é a Marta Soler. Quer falar com ela?"),
    ("school", "pt", "Para empresas temos o Business English e o workshop de pitch."),
    ("school", "en", "The office is at calle Ficticia 12, Madrid."),
    ("school", "en", "Our academic director is Marta Soler."),
    ("school", "en", "The DELE is run by Instituto Cervantes in Las Palmas and Santiago de Compostela."),
    ("school", "en", "Sure thing!"),
    ("school", "en", 'The course is called "Español para todos los días".'),
    ("school", "en", "Yes, on Mondays."),
    ("school", "en", "In class you learn to say things like “¿cuánto cuesta esto?”."),
    ("school", "en", "Price: 429 USD. Start: April 13."),
    ("clinic", "es", "El Dr. Álvaro Rey atiende los martes."),
    ("clinic", "es", "Hacemos blanqueamiento, brackets, composite e Invisalign Full."),
    ("clinic", "es", "Aceptamos Visa, Mastercard, Apple Pay y Google Pay."),
    ("clinic", "es", "Calle Inventada 8, 2.º, Valencia"),
    ("clinic", "es", "Soy Nora, la asistente virtual (IA) de Clínica Sonría."),
    ("clinic", "en", "I'm Nora, the virtual assistant of Clínica Sonría in Valencia."),
    ("clinic", "en", "Ask for Carmen Díaz at the front desk, calle Inventada 8."),
    ("clinic", "pt", "A Clínica Sonría fica em Valencia, na calle Inventada 8."),
    ("travel", "pt", "O pacote all inclusive tem transfer, city tour e late check-out."),
    ("travel", "pt", "Voo direto GRU–LIS, 7 noites no Hotel Sunset Beach Resort & Spa."),
    ("travel", "pt", "Visitamos Playa del Carmen, Isla Mujeres e Chichén Itzá."),
    ("travel", "pt", "Não, infelizmente. Posso ver outra data?"),
    ("travel", "es", "Visitamos Pão de Açúcar, Praia do Forte y Morro de São Paulo."),
    ("travel", "es", "El paquete all inclusive tiene transfer y late check-out."),
    ("travel", "en", "You'll see Rua Augusta, Praça do Comércio and Mosteiro dos Jerónimos."),
    ("travel", "en", "Breakfast is a pão de queijo and a café com leite, so nice!"),
    ("cars", "en", "It's a Seat León, not a Volkswagen."),
    ("cars", "en", "Yes. Denise can show you the car at 5."),
    ("cars", "en", "No problem. See you then!"),
    ("cars", "es", "El Jeep Grand Cherokee Summit Reserve tiene cruise control y airbags."),
    ("cars", "es", "Es un leasing con full equip y test drive incluido."),
    ("software", "es", "El plan Business Premium incluye API, webhooks y single sign-on."),
    ("software", "es", "Haz clic en Settings > Billing > Cancel subscription."),
    ("software", "es", "Usa el SDK de Node.js: npm install cuadra."),
    ("software", "es", "Sí, hay onboarding, backup y roadmap público."),
    ("software", "pt", "O dashboard tem login único e relatórios em tempo real."),
    ("software", "pt", "Clique em Configurações > Faturamento."),
    ("software", "en", "Cuadra issues the factura electrónica (CFDI) for Mexico."),
    ("software", "en", "Upload your constancia de situación fiscal and you're done."),
]


@pytest.fixture(scope="module")
def rule() -> Rule:
    return make_language_rule(LanguageDetector.load(("en", "es", "pt")).detect)


def judge(rule: Rule, trade: str, language: str, text: str) -> Verdict:
    tenant = TRADES[trade]
    return rule.check(draft(text, language), later_turn("…", tenant), tenant, NOW)


@each_row(("trade", "language", "text"), VIOLATIONS)
def test_foreign_sentence_or_clause_is_revised(rule: Rule, trade: str, language: str, text: str) -> None:
    verdict = judge(rule, trade, language, text)
    assert verdict.outcome == "revise"
    assert verdict.span
    assert text[slice(*verdict.span)].strip()


@each_row(("trade", "language", "text"), PASSES)
def test_names_titles_and_loan_words_pass(rule: Rule, trade: str, language: str, text: str) -> None:
    verdict = judge(rule, trade, language, text)
    assert verdict.outcome == "pass", verdict


def test_language_the_tenant_does_not_answer_in_is_revised(rule: Rule) -> None:
    verdict = judge(rule, "school", "fr", "Bonjour, le cours commence lundi.")
    assert (verdict.outcome, verdict.evidence) == ("revise", "fr")


@pytest.mark.parametrize(
    ("purpose", "author", "outcome"),
    [
        ("reply", "agent", "revise"),
        ("follow_up", "agent", "revise"),
        ("reply", "staff", "revise"),
        ("opt_out_confirmation", "agent", "pass"),
        ("help", "agent", "pass"),
    ],
)
def test_fixed_texts_alone_may_be_in_another_language(
    rule: Rule, purpose: Purpose, author: Author, outcome: Outcome
) -> None:
    turn = make_turn()
    candidate = replace(draft("Done: you will get no more messages from us."), purpose=purpose, author=author)
    assert rule.check(candidate, turn, turn.tenant, NOW).outcome == outcome
