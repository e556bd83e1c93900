"""No invented price: what follows from the catalogue passes, everything else is found, in any notation."""

import time
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.audit import AuditedText, audit
from agent.audit_tenants import load_tenants
from agent.guardrails import pricing
from agent.guardrails.rule import Rule
from agent.prices import format_money, render
from agent.tenant.file import load_tenant_file
from agent.types import Candidate, Discount, Instalments, Price, Tenant, Verdict
from tests.factories import make_item, make_passage, make_tenant, make_turn
from tests.hostile import assert_linear, ordinary_s
from tests.number_speech import SPELLERS
from tests.tables import each_row

MOST_WORK = 300
"""In `ordinary_s`."""
TODAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data"
TENANTS = load_tenants(DATA / "pricing_tenants.json", TODAY.date())
CASES = tomllib.loads((DATA / "pricing_cases.toml").read_text("utf-8"))["cases"]
EXAMPLES = sorted((Path(__file__).parents[2] / "agent/example_tenants").glob("*.yaml"))

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


def judge_case(tenant: str, language: str, inbound: str, text: str) -> Verdict:
    audited = AuditedText(text=text, language=language, channel="whatsapp", inbound=inbound)
    return audit(audited, TENANTS[tenant], [Rule.of(pricing)])[0]


def table(key: str) -> list[object]:
    """Return the drafts of one column of the case file, each with a readable id."""
    return [
        pytest.param(case["tenant"], case["language"], case["inbound"], text, id=f"{case['tenant']}-{text[:50]}")
        for case in CASES
        for text in case.get(key, ())
    ]


@each_row(("tenant", "language", "inbound", "text"), table("keeps"))
def test_what_a_business_has_published_passes(tenant: str, language: str, inbound: str, text: str) -> None:
    verdict = judge_case(tenant, language, inbound, text)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)


@each_row(("tenant", "language", "inbound", "text"), table("breaks"))
def test_what_nobody_has_published_is_revised(tenant: str, language: str, inbound: str, text: str) -> None:
    verdict = judge_case(tenant, language, inbound, text)
    assert verdict.outcome == "revise"
    assert verdict.span is not None
    assert verdict.evidence
    assert verdict.evidence in text


@pytest.mark.parametrize(
    ("language", "inbound", "text"),
    [
        pytest.param("es", "precio del intensivo", "El intensivo cuesta 399,00 €.", id="price"),
        pytest.param("es", "precio del intensivo", "Cuesta trescientos noventa y nueve euros.", id="in words"),
        pytest.param("en", "intensive in usd", "It's USD 429.- for the full course.", id="swiss notation"),
        pytest.param("es", "intensivo", "Cuesta 399 € o 6 cuotas sin intereses de 66,50 €.", id="instalments"),
        pytest.param("es", "somos 4 para el intensivo", "Para los cuatro serían 1.596 €.", id="total"),
        pytest.param("es", "intensivo y club", "Los dos, el primer mes: 448 €.", id="sum without its parts"),
        pytest.param("es", "intensivo", "Pagando el curso completo, con EARLY10, quedan 359,10 €.", id="discount"),
        pytest.param("es", "DELE", "Cuesta 540 €; desde el 1 de abril, 590 €, o sea, 50 € más.", id="future price"),
        pytest.param("es", "DELE", "Hasta diciembre costaba 480 €; ahora son 540 €.", id="price said to be past"),
        pytest.param("es", "señal?", "La señal es del 30 %: para el intensivo (399 €) son 119,70 €.", id="deposit"),
        pytest.param("es", "reserva?", "La tasa de reserva son 25 €.", id="amount in a passage"),
        pytest.param("es", "me lo dejas en 300?", "En 300 no podemos; cuesta 399 €.", id="declines their figure"),
        pytest.param("es", "300?", "Claro que te entiendo, pero 300 no puede ser.", id="declines with a soft start"),
        pytest.param("en", "50% off?", "I'm afraid there's no 50% discount.", id="declines their percentage"),
        pytest.param("es", "hacéis 2x1?", "No tenemos 2x1, lo siento.", id="declines their deal"),
        pytest.param("es", "VERANO25?", "Ese código ya no vale: VERANO25 terminó en agosto.", id="expired code"),
        pytest.param("pt", "aula teste?", "A aula teste é de graça!", id="free by passage, other language"),
        pytest.param("en", "hi", "Feel free to ask. Are you free on Saturday? It's hands-free.", id="other senses"),
        pytest.param("es", "hola", "En 2025 aprobó el 92 %, y es 100 % online.", id="percentages that are facts"),
        pytest.param("pt", "oi", "Pacote de 10 ou mais aulas, em turmas de 8 a 12 alunos.", id="counts"),
        pytest.param("es", "hola", "", id="empty"),
        pytest.param("es", "¿y si pago el DELE en mayo?", "Desde el 1 de abril son 590 €.", id="price of that day"),
        pytest.param("en", "I'd pay for the DELE on 20 March", "The DELE is €540.", id="still the price on that day"),
        pytest.param("en", "I'd join the DELE in May", "It's €540 today.", id="told as of today"),
        pytest.param("es", "me apunto al DELE que empieza en mayo", "El DELE cuesta 540 €.", id="only begins later"),
    ],
)  # fmt: skip
def test_what_is_published_passes(language: str, inbound: str, text: str) -> None:
    verdict = judge(text, language, inbound)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)


@pytest.mark.parametrize(
    ("language", "inbound", "text"),
    [
        pytest.param("es", "intensivo", "Cuesta ٣٥٠ €.", id="Arabic digits"),
        pytest.param("es", "intensivo", "Cuesta 3\u200b50 €.", id="invisible sign"),
        pytest.param("es", "intensivo", "Cuesta 35О €.", id="Cyrillic letter for zero"),
        pytest.param("es", "intensivo", "Cuesta 3️⃣5️⃣0️⃣ €.", id="keycaps"),
        pytest.param("es", "intensivo", "Cuesta350€", id="glued"),
        pytest.param("es", "intensivo", "Tengo algo mejor.\nTrescientos. Euros, con todo.", id="over sentences"),
        pytest.param("es", "intensivo", "El intensivo está 🆓", id="free as a sign"),
        pytest.param("es", "intensivo", "Con EARLY10 quedan 359,10 €.", id="code without its condition"),
        pytest.param("es", "DELE", "El DELE cuesta 590 €.", id="future price without its date"),
        pytest.param("es", "DELE", "El DELE va en 3 cuotas sin intereses.", id="instalments bear interest"),
        pytest.param("es", "me lo dejas en 300?", "Vale, te lo dejo en 300 €.", id="agrees to their figure"),
        pytest.param("es", "me lo dejas en 300?", "No hay problema, te lo dejo en 300 €.", id="agrees while soothing"),
        pytest.param("es", "me lo dejas en 300?", "¡Trato hecho!", id="agrees without the figure"),
        pytest.param("es", "intensivo", "Usa REGALO50 y te llevas un descuento.", id="invented code"),
        pytest.param("es", "clase de prueba?", "La clase de prueba es gratis para siempre.", id="free for ever"),
        pytest.param("es", "me apuntaría al DELE el 15 de abril", "El DELE cuesta 540 €.", id="price over by then"),
        pytest.param("pt", "só vou pagar o DELE em maio", "O DELE custa 540 €.", id="price over in that month"),
        pytest.param("en", "I'd join the DELE in early May", "It comes to €540.", id="price over in part of a month"),
        pytest.param("es", "intensivo", "De marketing 350 €.", id="word that begins like a month"),
        pytest.param("es", "intensivo", "El intensivo son 399 €. " + "a" * 20_001, id="too long to be read"),
    ],
)  # fmt: skip
def test_what_is_not_published_is_revised(language: str, inbound: str, text: str) -> None:
    assert judge(text, language, inbound).outcome == "revise"


def test_evidence_and_span_name_the_amount_as_it_was_written() -> None:
    text = "El intensivo cuesta 399 € y el libro ＶＥＩＮＴＥ euros."
    verdict = judge(text)
    assert verdict.evidence == "ＶＥＩＮＴＥ euros"
    assert verdict.span is not None
    assert text[slice(*verdict.span)].strip() == verdict.evidence


def test_price_is_judged_on_the_tenants_own_day() -> None:
    candidate = Candidate(text="El DELE cuesta 590 €.", language="es", channel="whatsapp")
    turn = make_turn("DELE", tenant=TENANT)
    last_evening = datetime(2026, 3, 31, 21, 30, tzinfo=UTC)
    assert pricing.check(candidate, turn, TENANT, last_evening).outcome == "revise"
    assert pricing.check(candidate, turn, TENANT, last_evening.replace(hour=22)).outcome == "pass"  # 1 April in Madrid


def test_what_staff_wrote_is_read_alike() -> None:
    candidate = Candidate(text="Te lo dejo en 350 €.", language="es", channel="whatsapp", author="staff")
    assert pricing.check(candidate, make_turn(tenant=TENANT), TENANT, TODAY).outcome == "revise"


# --- what our own code renders ------------------------------------------------------------------------------------


@each_row("language", ["es", "pt", "en"])
@each_row("currency", ["EUR", "BRL", "MXN", "USD"])
@each_row(
    "reference",
    ["{price:EN-INT:%s}", "{total:EN-INT:3:%s}", "{instalments:EN-INT:6:%s}", "{discounted:EN-INT:EARLY10:%s}"],
)
def test_what_our_own_code_renders_passes(language: str, currency: str, reference: str) -> None:
    lead = {
        "es": "Pagando el curso completo con EARLY10, para 3: ",
        "pt": "Pagando o curso completo com EARLY10, para 3: ",
        "en": "Paying the full course with EARLY10, for 3: ",
    }[language]
    text = render(lead + reference % currency, TENANT, language=language, currency=currency, today=TODAY.date())
    verdict = judge(text, language, "intensivo")
    assert verdict.outcome == "pass", (text, verdict.evidence)


RENDERED = [
    (key, item.sku, price, language)
    for key, audited in TENANTS.items()
    for item in audited.tenant.catalogue
    for price in item.prices
    for language in ("es", "pt", "en")
    if (price.valid_from or date.min) <= audited.as_of <= (price.valid_to or date.max)
]


@pytest.mark.parametrize("count", [1, 3, 7])
def test_every_catalogue_price_and_total_passes_in_every_language(count: int) -> None:
    for key, sku, price, language in RENDERED:
        tenant = TENANTS[key].tenant
        item = next(each for each in tenant.catalogue if each.sku == sku)
        money = format_money(price.amount_minor * count, price.currency, language, tenant.country)
        name = item.name.get(language) or item.name[tenant.default_language]
        verdict = judge_case(key, language, "", f"{name} ({count}): {money}.")
        assert verdict.outcome == "pass", (key, name, money, verdict.reason)


def test_every_instalment_that_may_be_quoted_passes() -> None:
    for key, sku, price, language in RENDERED:
        audited = TENANTS[key]
        item = next(each for each in audited.tenant.catalogue if each.sku == sku)
        terms = item.instalments
        if terms is None or not terms.interest_free or price.amount_minor < (terms.min_amount_minor or 0):
            continue
        for parts in range(2, terms.max + 1):
            reference = f"{item.name['es']}: {{instalments:{sku}:{parts}:{price.currency}:{price.unit}}}"
            currency = price.currency
            text = render(reference, audited.tenant, language=language, currency=currency, today=audited.as_of)
            verdict = judge_case(key, language, "", text)
            assert verdict.outcome == "pass", (key, text, verdict.reason, verdict.evidence)


@cache
def example(path: Path) -> Tenant:
    """Return an example tenant."""
    return load_tenant_file(path).tenant


@pytest.mark.parametrize("inbound", ["hola", "cuánto cuesta?", "how much is it?"])
def test_everything_the_example_tenants_publish_passes(inbound: str) -> None:
    for path, language in product(EXAMPLES, ("es", "pt", "en")):
        tenant = example(path)
        texts = [passage.text for passage in tenant.passages] + [item.description for item in tenant.catalogue]
        for text in (each[language] for each in texts if language in each):
            verdict = judge(text, language, inbound, tenant)
            assert verdict.outcome == "pass", (text, verdict.reason, verdict.evidence)


# --- any other amount, in any notation ----------------------------------------------------------------------------

ONE_PRICE = make_tenant(catalogue=(replace(CLUB, prices=CLUB.prices[:1]),), passages=())
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
LEADS = {"es": "El club cuesta {}.", "pt": "O clube custa {}.", "en": "The club costs {}."}
NOTATIONS = (
    "{n} €", "€{n}", "{n}€", "EUR {n}", "{n} eur", "{n} euros", "{grouped} €", "{spaced} euros", "{wide} €",
    "{arabic} €", "{words} euros", "{words} eur", "{hidden} €", "{keycaps} €", "{told} euros",
)  # fmt: skip


def written(number: int, language: str, notation: str) -> str:
    """Return a whole amount of euros in one notation."""
    digits = str(number)
    told = {"es": "cero uno dos tres cuatro cinco seis siete ocho nueve", "pt": "zero um dois três quatro cinco seis "
            "sete oito nove", "en": "zero one two three four five six seven eight nine"}[language].split()  # fmt: skip
    return notation.format(
        n=digits,
        grouped=f"{number:,}".replace(",", "." if language != "en" else ","),
        spaced=" ".join(digits),
        wide=digits.translate(FULL_WIDTH),
        arabic=digits.translate(ARABIC),
        words=SPELLERS[language](number),
        hidden="\u200b".join(digits),
        keycaps="".join(f"{digit}\ufe0f\u20e3" for digit in digits),
        told="-".join(told[int(digit)] for digit in digits),
    )


@settings(max_examples=500, deadline=None)
@given(
    number=st.integers(100, 999_999),
    language=st.sampled_from(["es", "pt", "en"]),
    notation=st.sampled_from(NOTATIONS),
    asked=st.sampled_from(["", "club?", "precio"]),
)
def test_any_amount_that_is_not_implied_is_found_in_any_notation(
    number: int, language: str, notation: str, asked: str
) -> None:
    assume(number % 49)
    text = LEADS[language].format(written(number, language, notation))
    assert judge(text, language, asked, ONE_PRICE).outcome == "revise"


@settings(max_examples=150, deadline=None)
@given(
    notation=st.sampled_from([each for each in NOTATIONS if "spaced" not in each]),
    language=st.sampled_from(["es", "pt", "en"]),
)
def test_the_price_itself_passes_in_any_notation(notation: str, language: str) -> None:
    text = LEADS[language].format(written(49, language, notation))
    verdict = judge(text, language, "", ONE_PRICE)
    assert verdict.outcome == "pass", (text, verdict.evidence)


@settings(max_examples=150, deadline=None)
@given(amount=st.integers(100, 99_999_999), language=st.sampled_from(["es", "pt", "en"]))
def test_any_other_amount_with_cents_is_found(amount: int, language: str) -> None:
    text = format_money(amount, "EUR", language, "ES")
    verdict = judge(f"Club: {text}.", language, tenant=ONE_PRICE)
    assert verdict.outcome == ("pass" if amount == 4900 else "revise")


@settings(max_examples=150, deadline=None)
@given(number=st.integers(100, 999_999), language=st.sampled_from(["es", "pt", "en"]))
def test_a_bare_number_after_a_price_word_is_found(number: int, language: str) -> None:
    assume(number % 49 and not 1990 <= number <= 2040)
    spoken = SPELLERS[language](number)
    for each in (str(number), spoken):
        assert judge(LEADS[language].format(each), language, tenant=ONE_PRICE).outcome == "revise"


# --- any text -----------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=400), language=st.sampled_from(["es", "pt", "en", "xx"]))
def test_any_text_gets_a_verdict(text: str, language: str) -> None:
    verdict = judge(text, language)
    assert verdict.outcome in {"pass", "revise"}
    assert verdict.span is None or 0 <= verdict.span[0] < verdict.span[1] <= len(text)


@pytest.mark.parametrize(
    "unit",
    ["1", "1 ", "$1.", "mil ", "1-", "a@", "12 euros ", "2x1 ", "no ", "1,", "gratis ", "de 1 de ", "€", "5 % ",
     "el club ", "calle a ", "uno ", "a 1 ", "paga ", "o.", "x ", "cccl ", "por ", "1 con 1 ", "kit de ", "un ",
     "half ", "desde 1 ", "dives ", "uno, ", "2 palos y medio ", "aunque ", "en mayo ", "3 de mayo ",
     "no se cobra si "],
)  # fmt: skip
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    assert_linear(lambda text: judge(text, inbound=text), unit)


def test_longer_text_than_is_read_is_refused_beside_a_longer_inbound_in_bounded_time() -> None:
    text = "12 euros y 2x1 " * 10_000
    started = time.process_time()
    assert judge(text, inbound=text).outcome == "revise"
    assert judge("Hola", inbound=text).outcome == "pass"
    assert time.process_time() - started < MOST_WORK * ordinary_s()


def test_many_prices_and_counts_are_checked_in_time() -> None:
    prices = " ".join(f"{49 * n} €" for n in range(1, 36))
    started = time.process_time()
    judge(f"{prices}. {' '.join(f'{n},' for n in range(1, 51))} Total: {Decimal(12345)},67 €.", "es", "club")
    assert time.process_time() - started < MOST_WORK * ordinary_s()
