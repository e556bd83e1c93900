"""No invented price: what follows from the catalogue passes, everything else is found, in any notation."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.guardrails import pricing
from agent.prices import format_money, render
from agent.types import Candidate, Discount, Instalments, Price, Tenant, Verdict
from tests.factories import make_item, make_passage, make_tenant, make_turn

TODAY = datetime(2026, 3, 10, 12, tzinfo=UTC)

COURSE = make_item(
    prices=(
        Price(amount_minor=39900, currency="EUR", unit="course"),
        Price(amount_minor=239000, currency="BRL", unit="course"),
        Price(amount_minor=799000, currency="MXN", unit="course"),
        Price(amount_minor=42900, currency="USD", unit="course"),
    ),
    discounts=(
        Discount(
            condition={"es": "pago del curso completo", "en": "paying the full course"}, percent=10, code="EARLY10"
        ),
        Discount(condition={"es": "campaña 2025"}, percent=15, code="VERANO25", valid_to=date(2025, 8, 31)),
    ),
)
CLUB = make_item(
    "CLUB",
    name={"es": "Club de conversación", "pt": "Clube de conversação", "en": "Conversation club"},
    aliases=("club", "clube"),
    prices=(
        Price(amount_minor=4900, currency="EUR", unit="month"),
        Price(amount_minor=28900, currency="BRL", unit="month"),
    ),
    instalments=None,
    discounts=(),
)
EXAM = make_item(
    "EXAM",
    name={"es": "Preparación DELE", "pt": "Preparação DELE", "en": "DELE preparation"},
    aliases=("dele",),
    prices=(
        Price(amount_minor=48000, currency="EUR", unit="course", valid_to=date(2025, 12, 31)),
        Price(
            amount_minor=54000, currency="EUR", unit="course", valid_from=date(2026, 1, 1), valid_to=date(2026, 3, 31)
        ),
        Price(amount_minor=59000, currency="EUR", unit="course", valid_from=date(2026, 4, 1)),
    ),
    instalments=Instalments(max=3, interest_free=False),
    discounts=(),
)
TENANT = make_tenant(
    catalogue=(COURSE, CLUB, EXAM),
    passages=(
        make_passage("trial", text={"es": "Una clase de prueba gratuita de 30 minutos, online."}),
        make_passage("pass", text={"es": "En 2025 aprobó el 92 % de nuestros candidatos."}),
        make_passage("deposit", text={"es": "Señal del 30 %. La tasa de reserva son 25 €."}),
    ),
)


def judge(text: str, language: str = "es", inbound: str = "hola", tenant: Tenant = TENANT) -> Verdict:
    candidate = Candidate(text=text, language=language, channel="whatsapp")
    return pricing.check(candidate, make_turn(inbound, tenant=tenant), tenant, TODAY)


@pytest.mark.parametrize(
    ("language", "inbound", "text"),
    [
        pytest.param("es", "precio del intensivo", "El intensivo cuesta 399,00 €.", id="price"),
        pytest.param("es", "precio del intensivo", "Cuesta trescientos noventa y nueve euros.", id="in words"),
        pytest.param("en", "intensive in usd", "It's USD 429.- for the full course.", id="swiss notation"),
        pytest.param("en", "intensive", "It's €399 for the whole course.", id="symbol first"),
        pytest.param("pt", "intensivo", "Custa R$2.390 o curso inteiro.", id="no space"),
        pytest.param("es", "intensivo en pesos", "Cuesta 7,990 pesos.", id="pesos"),
        pytest.param("es", "intensivo", "Cuesta 399 € o 6 cuotas sin intereses de 66,50 €.", id="instalments"),
        pytest.param("pt", "intensivo", "Em 6x sem juros de R$ 398,33.", id="instalments rounded"),
        pytest.param("es", "somos 4 para el intensivo", "Para los cuatro serían 1.596 €.", id="total"),
        pytest.param("es", "el club", "Son 49 € al mes: doce meses suman 588 €.", id="months"),
        pytest.param("es", "intensivo y club", "399 € + 49 € = 448 €.", id="sum"),
        pytest.param("es", "intensivo y club", "Los dos, el primer mes: 448 €.", id="sum without its parts"),
        pytest.param("es", "intensivo", "Con EARLY10 quedan 359,10 €: un 10 % menos.", id="discount"),
        pytest.param("es", "intensivo", "Con EARLY10 te ahorras 39,90 €: un 10 % de 399 €.", id="saving"),
        pytest.param("es", "DELE", "Cuesta 540 €; desde el 1 de abril, 590 €, o sea, 50 € más.", id="future price"),
        pytest.param("es", "señal?", "La señal es del 30 %: para el intensivo (399 €) son 119,70 €.", id="deposit"),
        pytest.param("es", "reserva?", "La tasa de reserva son 25 €.", id="amount in a passage"),
        pytest.param("es", "me lo dejas en 300?", "En 300 no podemos; cuesta 399 €.", id="declines their figure"),
        pytest.param("es", "300?", "Claro que te entiendo, pero 300 no puede ser.", id="declines with a soft start"),
        pytest.param("en", "50% off?", "I'm afraid there's no 50% discount.", id="declines their percentage"),
        pytest.param("es", "hacéis 2x1?", "No tenemos 2x1, lo siento.", id="declines their deal"),
        pytest.param("es", "VERANO25?", "Ese código ya no vale: VERANO25 terminó en agosto.", id="expired code"),
        pytest.param("es", "vale VERANO25?", "El intensivo cuesta 399 €.", id="asked for an expired code"),
        pytest.param("es", "clase de prueba?", "La clase de prueba es gratis.", id="free by passage"),
        pytest.param("pt", "aula teste?", "A aula teste é de graça!", id="free by passage, other language"),
        pytest.param("en", "hi", "Feel free to ask. Are you free on Saturday? It's hands-free.", id="other senses"),
        pytest.param("es", "hola", "En 2025 aprobó el 92 %, y es 100 % online.", id="percentages that are facts"),
        pytest.param("es", "hola", "Son 12 semanas, grupos de 8, B1 a C1, el 13 de abril, 19:00.", id="counts"),
        pytest.param("es", "tel?", "Llama al +34 910 555 012; calle Ficticia 12.", id="phone and address"),
        pytest.param("en", "who", "4,000 people since 2011. One of our teachers will write.", id="people and years"),
        pytest.param("es", "hola", "", id="empty"),
    ],
)  # fmt: skip
def test_what_is_published_passes(language: str, inbound: str, text: str) -> None:
    verdict = judge(text, language, inbound)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)


@pytest.mark.parametrize(
    ("language", "inbound", "text"),
    [
        pytest.param("es", "intensivo", "El intensivo cuesta 398 €.", id="off by one"),
        pytest.param("es", "intensivo", "El intensivo cuesta 3,99 €.", id="decimal shifted"),
        pytest.param("es", "intensivo", "Cuesta trescientos cincuenta euros.", id="in words"),
        pytest.param("en", "intensive", "It's three-five-oh euros.", id="digits in words"),
        pytest.param("es", "intensivo", "Cuesta ３５０ €.", id="full-width digits"),
        pytest.param("es", "intensivo", "Cuesta ٣٥٠ €.", id="Arabic digits"),
        pytest.param("es", "intensivo", "Cuesta 3 5 0 euros.", id="spaced digits"),
        pytest.param("es", "intensivo", "Cuesta 3\u200b50 €.", id="invisible sign"),
        pytest.param("es", "intensivo", "Cuesta 35O €.", id="letter O for zero"),
        pytest.param("es", "intensivo", "Cuesta350€", id="glued"),
        pytest.param("es", "intensivo", "Tengo algo mejor.\nTrescientos. Euros, con todo.", id="over sentences"),
        pytest.param("es", "intensivo", "Te lo dejo en 350 y listo.", id="bare number"),
        pytest.param("en", "intensive", "We can make it four hundred bucks.", id="slang"),
        pytest.param("es", "intensivo", "El intensivo cuesta 399 dólares.", id="another currency's number"),
        pytest.param("es", "intensivo", "El intensivo cuesta 399 £.", id="unpublished currency"),
        pytest.param("es", "club", "El club cuesta 399 €.", id="another product's price"),
        pytest.param("es", "DELE", "El DELE cuesta 480 €.", id="expired price"),
        pytest.param("es", "DELE", "El DELE cuesta 590 €.", id="future price without its date"),
        pytest.param("es", "club", "El club: 49 € por las 12 semanas.", id="monthly fee as a one-off"),
        pytest.param("pt", "clube", "O clube: R$ 289 por aula.", id="another unit"),
        pytest.param("en", "intensive", "It works out at less than €5 a day.", id="per day"),
        pytest.param("es", "intensivo", "En 10 cuotas sin intereses de 39,90 €.", id="too many instalments"),
        pytest.param("es", "club", "El club va en 3 cuotas sin intereses.", id="no instalments published"),
        pytest.param("es", "DELE", "El DELE va en 3 cuotas sin intereses.", id="instalments bear interest"),
        pytest.param("es", "somos 4 para el intensivo", "Para los cuatro serían 1.496 €.", id="wrong total"),
        pytest.param("es", "intensivo", "Tienes un 20 % de descuento.", id="unpublished discount"),
        pytest.param("es", "intensivo", "No te preocupes, te hago un 30 % menos.", id="soothing is not declining"),
        pytest.param("es", "intensivo", "Con VERANO25 te llevas un 15 %.", id="expired code"),
        pytest.param("es", "me lo dejas en 300?", "Vale, te lo dejo en 300 €.", id="agrees to their figure"),
        pytest.param("es", "me lo dejas en 300?", "No hay problema, te lo dejo en 300 €.", id="agrees while soothing"),
        pytest.param("en", "intensive", "The intensive is free this month.", id="free"),
        pytest.param("es", "clase de prueba?", "La clase de prueba es gratis para siempre.", id="free for ever"),
        pytest.param("es", "promo?", "Tenemos un dos por uno: paga solo uno.", id="two for one"),
        pytest.param("pt", "desconto?", "Faço pela metade do preço.", id="half price"),
        pytest.param("es", "intensivo", "Cuesta 399 € más IVA.", id="tax added"),
        pytest.param("es", "intensivo", "Cuesta 399 € más 50 € de material.", id="extra fee"),
        pytest.param("es", "intensivo", "De marketing 350 €.", id="word that begins like a month"),
    ],
)  # fmt: skip
def test_what_is_not_published_is_revised(language: str, inbound: str, text: str) -> None:
    verdict = judge(text, language, inbound)
    assert verdict.outcome == "revise"
    assert verdict.evidence


def test_evidence_names_the_amount() -> None:
    verdict = judge("El intensivo cuesta 399 € y el libro 20 €.")
    assert "20" in verdict.evidence
    assert "399" not in verdict.evidence


def test_price_is_judged_on_the_tenants_own_day() -> None:
    candidate = Candidate(text="El DELE cuesta 590 €.", language="es", channel="whatsapp")
    turn = make_turn("DELE", tenant=TENANT)
    last_evening = datetime(2026, 3, 31, 21, 30, tzinfo=UTC)
    assert pricing.check(candidate, turn, TENANT, last_evening).outcome == "revise"
    assert pricing.check(candidate, turn, TENANT, last_evening.replace(hour=22)).outcome == "pass"  # 1 April in Madrid


def test_what_staff_wrote_is_not_judged() -> None:
    candidate = Candidate(text="Te lo dejo en 350 €.", language="es", channel="whatsapp", author="staff")
    assert pricing.check(candidate, make_turn(tenant=TENANT), TENANT, TODAY).outcome == "pass"


@pytest.mark.parametrize("language", ["es", "pt", "en"])
@pytest.mark.parametrize("currency", ["EUR", "BRL", "MXN", "USD"])
@pytest.mark.parametrize(
    "reference",
    ["{price:EN-INT:%s}", "{total:EN-INT:3:%s}", "{instalments:EN-INT:6:%s}", "{discounted:EN-INT:EARLY10:%s}"],
)
def test_what_our_own_code_renders_passes(language: str, currency: str, reference: str) -> None:
    lead = {"es": "Con EARLY10, para 3: ", "pt": "Com EARLY10, para 3: ", "en": "With EARLY10, for 3: "}[language]
    text = render(lead + reference % currency, TENANT, language=language, currency=currency, today=TODAY.date())
    verdict = judge(text, language, "intensivo")
    assert verdict.outcome == "pass", (text, verdict.evidence)


ONE_PRICE = make_tenant(catalogue=(replace(CLUB, prices=CLUB.prices[:1]),), passages=())


@settings(max_examples=300, deadline=None)
@given(amount=st.integers(100, 99_999_999), language=st.sampled_from(["es", "pt", "en"]))
def test_any_other_amount_in_any_locale_is_found(amount: int, language: str) -> None:
    text = format_money(amount, "EUR", language, "ES")
    follows = amount in {4900 * n for n in (1, 2, 3)}
    assert judge(f"Club: {text}.", language, tenant=ONE_PRICE).outcome == ("pass" if follows else "revise")


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=400), language=st.sampled_from(["es", "pt", "en", "xx"]))
def test_any_text_gets_a_verdict(text: str, language: str) -> None:
    assert judge(text, language).outcome in {"pass", "revise"}


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "$1.", "mil ", "1-", "a@", "12 euros ", "2x1 ", "no ", "1,", "gratis ", "de 1 de ", "€", "5 % "]
)
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    hostile = (unit * 100_000)[:100_000]
    started = time.perf_counter()
    judge(hostile)
    assert time.perf_counter() - started < 3  # seconds; a quadratic pattern needs minutes


def test_many_prices_and_counts_are_checked_in_time() -> None:
    prices = " ".join(f"{49 * n} €" for n in range(1, 36))
    started = time.perf_counter()
    judge(f"{prices}. {' '.join(f'{n},' for n in range(1, 51))} Total: 12345,67 €.", "es", "club")
    assert time.perf_counter() - started < 3  # seconds
