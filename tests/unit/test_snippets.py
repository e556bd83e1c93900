"""Words that were looked for are marked in a text as the database finds them, and the text is cut around the first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.inbox.snippets import LONGEST, cut

LONG = "palabra " * 60


@pytest.mark.parametrize(
    ("text", "looked_for", "marked"),
    [
        ("¿Cuánto cuesta el curso?", "cuanto", ["Cuánto"]),
        ("A inscrição custa 399 €", "INSCRICAO 399", ["inscrição", "399"]),
        ("precios y preciosos", "precio", ["precios", "preciosos"]),
        ("El B2 y el B21", "b2", ["B2"]),
        ("ana@ruiz.example", "ruiz", ["ruiz"]),
        ("cafe\u0301 solo", "café", ["cafe"]),
        ("nada de eso", "zzz", []),
        ("nada", "%", []),
        ("", "hola", []),
    ],
    ids=["accents", "several", "beginnings", "short-words-whole", "address", "decomposed", "none", "no-word", "empty"],
)
def test_words_are_marked_whatever_their_accents(text: str, looked_for: str, marked: list[str]) -> None:
    pieces = cut(text, looked_for)
    assert [each.text for each in pieces if each.is_found] == marked
    assert "".join(each.text for each in pieces) == text


def test_a_long_text_is_cut_around_the_first_word_found() -> None:
    pieces = cut(f"{LONG}aquí está {LONG}", "aqui")
    told = "".join(each.text for each in pieces)
    assert told.startswith("… palabra")
    assert "aquí está" in told
    assert told.endswith(" …")
    assert len(told) < LONGEST + 10


def test_a_text_without_the_words_shows_its_beginning() -> None:
    assert "".join(each.text for each in cut(LONG, "zzz")) == LONG[:LONGEST] + " …"


@given(st.text(max_size=400), st.text(max_size=20))
def test_no_text_is_lost_or_made_up(text: str, looked_for: str) -> None:
    told = "".join(each.text for each in cut(text, looked_for))
    whole = " ".join(text.split())
    assert told.removeprefix("… ").removesuffix(" …") in whole or told == whole
