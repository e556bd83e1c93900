"""Reading money and numbers: notations, words and what is not money at all."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.folding import fold, words_of
from agent.guardrails.money_text import numbers_in, read_money
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.plain_text import read_plain
from tests.number_speech import NOUNS, SPELLERS


@settings(max_examples=600, deadline=None)
@given(number=st.integers(2, 999_999), language=st.sampled_from(["es", "pt", "en"]))
def test_every_number_in_words_is_read(number: int, language: str) -> None:
    spelled = f"{SPELLERS[language](number)} {NOUNS[language]}"
    assert digits_for_words(fold(spelled), language) == f"{number} {NOUNS[language]}"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "one-two-nine", "129"),
        ("en", "three ninety nine", "399"),
        ("en", "four grand", "4000"),
        ("en", "a hundred bucks", "100 bucks"),
        ("en", "40k", "40000"),
        ("es", "2 mil 390", "2390"),
        ("pt", "2,1 mil", "2100"),
        ("es", "tres cincuenta", "350"),
        ("en", "levels two and three", "levels 2 and 3"),
        ("es", "una clase", "una clase"),
        ("en", "one of our people", "one of our people"),
        ("en", "half a dozen payments", "6 payments"),
        ("fr", "deux cents", "deux cents"),
    ],
)
def test_numbers_as_people_say_them(language: str, text: str, expected: str) -> None:
    assert digits_for_words(text, language) == expected


@pytest.mark.parametrize(
    ("text", "value", "currencies"),
    [
        ("R$ 1.299,90", "1299.90", frozenset({"BRL"})),
        ("1.299,90 €", "1299.90", frozenset({"EUR"})),
        ("$1,299.90 MXN", "1299.90", frozenset({"MXN"})),
        ("28'50 €", "28.50", frozenset({"EUR"})),
        ("1 299,90 €", "1299.90", frozenset({"EUR"})),
        ("MX$68,500", "68500", frozenset({"MXN"})),
        ("US$ 7,50", "7.50", frozenset({"USD"})),
        ("EUR399", "399", frozenset({"EUR"})),
        ("12.000 pesos mexicanos", "12000", frozenset({"MXN"})),
        ("429.- usd", "429", frozenset({"USD"})),
        ("cien euritos", "100", frozenset({"EUR"})),
        ("R$ 20 USD", "20", frozenset({"XXX"})),
    ],
)
def test_amounts_in_every_notation(text: str, value: str, currencies: frozenset[str]) -> None:
    (found,) = read_money(text, "es")
    assert (found.kind, found.value, found.currencies) == ("amount", Decimal(value), currencies)


@pytest.mark.parametrize(
    "text",
    [
        "Empieza el 13 de abril de 2026 a las 19:00",
        "Llama al +34 910 555 012",
        "12 semanas, 3 módulos y 6 horas",
        "6 paneles de 550 W en 16 m²",
        "Código EC0586.01, nivel B1",
        "https://lumen.example/precio/350",
        "de 15 a 20 días hábiles",
        "desde 2014",
        "calle Ficticia 12",
    ],
)
def test_other_numbers_are_not_money(text: str) -> None:
    assert read_money(text, "es") == ()


def test_sentence_is_the_one_around_the_expression() -> None:
    (found,) = read_money("Hola. No cuesta 350 €, lo siento. Adiós.", "es")
    assert found.sentence == "no cuesta 350 €, lo siento"


def test_numbers_leave_out_dates_and_measures() -> None:
    assert numbers_in(read_plain("4 amigas el 13 de abril, kit de 3 kW, dos pagos", "es")) == {Decimal(4), Decimal(2)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STOOOP!!! 🛑", "stop"),
        ("Ｓｔｏｐ", "stop"),
        ("No más", "no mas"),
        ("st\u200bop", "stop"),
        ("ALTO…", "alto"),
        ("🙏", ""),
    ],
)
def test_words_of_a_text_are_folded(text: str, expected: str) -> None:
    assert words_of(text) == expected
