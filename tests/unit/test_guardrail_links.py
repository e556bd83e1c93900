"""Links: what the tenant allows passes, anything else that a phone would make clickable does not."""

import pytest

from agent.guardrails import links
from agent.types import Verdict
from tests.factories import NOW
from tests.hostile import assert_linear
from tests.tables import each_row
from tests.trades import TRADES, draft, later_turn

VIOLATIONS = [
    ("clinic", "Paga aquí: https://bit.ly/3xYz9"),
    ("clinic", "Reserva en bit.ly/cita-sonria"),
    ("clinic", "Reserva en sonria-citas.com"),
    ("clinic", "Todo está en https://sonria.example.pagos.net/cita"),
    ("clinic", "Todo está en https://sonria.example@evil.com/cita"),
    ("clinic", "Mira s0nria.example/precios"),
    ("clinic", "Mira sonrìa.example/precios"),
    ("clinic", "Mira sоnria.example"),
    ("clinic", "Mira xn--sonra-3ya.example"),
    ("clinic", "Mira sonria.exampIe"),
    ("clinic", "Mira sonria.example.co"),
    ("clinic", "Escríbenos por wa.me/34655123123"),
    ("clinic", "Estamos también en t.me/sonriavalencia"),
    ("clinic", "Nuestra página: www.clinicasonria.es"),
    ("clinic", "Mira el antes y después en instagram.com/clinicasonria."),
    ("clinic", "Puedes verlo en sonria-dental punto com"),
    ("clinic", "El formulario está en forms(.)gle/abc"),
    ("clinic", "Rellena esto: docs[.]google[.]com/forms/d/1"),
    ("clinic", "Rellena esto: hxxps://sonria-forms.com/x"),
    ("clinic", "Entra en http://192.168.10.4/pago"),
    ("clinic", "Entra en 45.33.32.156/pago"),
    ("clinic", "Te dejo [nuestra web](https://otra.example/cita)"),
    ("clinic", "Compara en otraclinica.example"),
    ("clinic", "Descárgala en https://sonria.example.com"),
    ("clinic", "ｂｉｔ．ｌｙ／ｃｉｔａ"),
    ("clinic", "Paga en bit。ly/cita"),
    ("clinic", "Mira sonria .com"),
    ("clinic", "ｈｔｔｐｓ：／／ｏｔｒａ．ｎｅｔ"),
    ("clinic", "Abre //pagos-sonria.net/x"),
    ("clinic", "Entra a ftp://files.sonria.net"),
    ("travel", "Reserve em https://www.booking.com/hotel"),
    ("travel", "Compre no decolar.com, é mais fácil"),
    ("travel", "Pague aqui: mpago.la/2aB"),
    ("travel", "O roteiro está em tinyurl.com/roteiro-lisboa"),
    ("travel", "Veja brisaviagens.com"),
    ("travel", "Veja brisa-viagens.com.br"),
    ("travel", "Veja brisaviagens.com.br.promo.site"),
    ("travel", "Veja em brisa ponto com"),
    ("travel", "Entre no grupo: https://chat.whatsapp.com/Gh56"),
    ("travel", "Veja o vídeo em youtu.be/xyz123"),
    ("travel", "Link: https://goo.gl/maps/9"),
    ("cars", "Apply at https://northgate-finance.com today."),
    ("cars", "See northgate.example.finance-app.io"),
    ("cars", "Book at calendly.co/northgate"),
    ("cars", "Book at https://calendly.com.evil.org/x"),
    ("cars", "Book at ca1endly.com/northgate"),
    ("cars", "The report is on carfax.com."),
    ("cars", "Go to northgate dot com slash deals"),
    ("cars", "Go to northgate (dot) app"),
    ("cars", "Here: HTTPS://T.CO/AbC"),
    ("cars", "See https://northgate.example:x@lure.net"),
    ("cars", "See https://northgate\u200b.example.lure.net/"),
    ("cars", "Pay me at paypal.me/denise or cash.app/$denise"),
    ("software", "Descarga el SDK en github.com/cuadra/sdk"),
    ("software", "Entra a cuadra.app"),
    ("software", "Entra a cuadra.mx para registrarte"),
    ("software", "Usa https://cuadra.example.mx/login"),
    ("software", "Regístrate: https://lnkd.in/abc"),
    ("software", "El panel está en http://localhost:8000"),
    ("software", "El panel está en https://cuadra%2eexample.evil.com"),
    ("software", "Mira cuadraa.example"),
]
PASSES = [
    ("clinic", "Reserva en https://sonria.example/cita?dia=10&hora=9#form."),
    ("clinic", "Reserva en sonria.example"),
    ("clinic", "Reserva en www.sonria.example."),
    ("clinic", "Reserva en SONRIA.EXAMPLE/cita"),
    ("clinic", "Reserva en citas.sonria.example (24 h)"),
    ("clinic", "Escribe a citas@sonria.example o llama."),
    ("clinic", "Te enviamos el presupuesto a pepe.perez@gmail.com, como pediste."),
    ("clinic", "Abrimos de 9.30 a 14.00 y de 16.30 a 20.15."),
    ("clinic", "Traiga, p.ej., una radiografía, su DNI, etc. Gracias."),
    ("clinic", "Somos Sonría S.L.P., c/ Inventada 8, 2.º dcha."),
    ("clinic", "El Dr.Rey le atiende. La Dra. también."),
    ("clinic", "Perfecto.El martes le va bien?"),
    ("clinic", "La férula dura 12 meses. No hace falta más."),
    ("clinic", "Adjunto consentimiento.pdf y radiografia.jpg"),
    ("clinic", "Viene de EE.UU. o de la U.E.? Da igual."),
    ("clinic", "Sí... claro. Bueno.. vale"),
    ("clinic", "Es el punto com más importante del tratamiento"),
    ("clinic", "El blanqueamiento deja la sonrisa a punto"),
    ("clinic", "De 10.000 a 12.500 en total, ver nº 3.1.2"),
    ("clinic", "¿Y/o prefiere por la mañana/tarde?"),
    ("clinic", "24/7, lunes/miércoles y 3/4 partes"),
    ("clinic", "A las 10 a.m. o a las 5 p.m. le va bien?"),
    ("travel", "Veja em https://brisaviagens.com.br/lisboa"),
    ("travel", "Veja em www.brisaviagens.com.br"),
    ("travel", "Veja em lisboa.brisa.example!"),
    ("travel", "O voo sai às 7h.Chega às 12h."),
    ("travel", "A Brisa Ltda. fica na r. Imaginada, 45, s.12"),
    ("travel", "Sai do aeroporto de S.Paulo (GRU), T.3"),
    ("travel", "Você encontra em ponto com boa vista"),
    ("travel", "Roteiro: Lisboa/Porto/Sintra, 7 noites"),
    ("travel", "Não posso abrir links de fora, mas posso ajudar por aqui."),
    ("travel", "Ok.Fechado. Horário:9h data:10/04"),
    ("travel", "Mando por e-mail: oi@brisa.example"),
    ("travel", "O valor é R$ 1.299,90 p/pessoa"),
    ("travel", "A Sra.Ramires espera no desembarque"),
    ("cars", "Book a drive at https://calendly.com/northgate/test-drive."),
    ("cars", "Book at calendly.com/northgate"),
    ("cars", "See northgate.example/deals?id=3."),
    ("cars", "Visit (https://northgate.example), then call."),
    ("cars", "It has a 2.0 engine, i.e. plenty, e.g. for towing."),
    ("cars", "Ask for Mr.Smith vs. Ms. Carter, no.1 in sales"),
    ("cars", "We're Northgate Inc., Austin, TX. U.S. only."),
    ("cars", "I can't open links, sorry. What does it say?"),
    ("cars", "That's fine.We open at 9."),
    ("cars", "Write to sales@northgate.example for the PDF."),
    ("cars", "The dot on the dash is a light; dot com jokes aside"),
    ("cars", "0-60 in 5.8 s, v.2.1 of the app, 3.5/5 stars"),
    ("cars", "ok :) 10/10 http is not needed"),
    ("cars", "He has a Ph.D. and works in D.C."),
    ("software", "Hay SDK para Node.js y ASP.NET."),
    ("software", "Usa config.yml o main.py y mira el README.md"),
    ("software", "Entra a https://app.cuadra.example/login"),
    ("software", "La versión 3.2.1 y el CFDI 4.0 ya están"),
    ("software", "La factura va a nombre de Cuadra S.A. de C.V."),
    ("software", "Escribe a ayuda@cuadra.example"),
    ("software", "El punto. Com esto: se factura en línea"),
    ("software", "Se sube en el menú Ajustes/Datos fiscales/RFC"),
    ("software", "Va del 1.º al 3.er trimestre"),
    ("software", "API.REST no; usamos GraphQL."),
]


def judge(trade: str, text: str) -> Verdict:
    tenant = TRADES[trade]
    return links.check(draft(text), later_turn("hola", tenant), tenant, NOW)


@each_row(("trade", "text"), VIOLATIONS)
def test_foreign_link_is_revised_and_shown(trade: str, text: str) -> None:
    verdict = judge(trade, text)
    assert verdict.outcome == "revise"
    assert verdict.span
    start, end = verdict.span
    assert verdict.evidence == text[start:end][: links.MAX_EVIDENCE]


@each_row(("trade", "text"), PASSES)
def test_allowed_link_or_no_link_passes(trade: str, text: str) -> None:
    assert judge(trade, text) == Verdict(rule="links", outcome="pass", version=links.VERSION)


@pytest.mark.parametrize("unit", ["a.", "http://", "a-", "[.]", " dot com"])
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    assert_linear(lambda text: judge("cars", text), unit, 4_000)
