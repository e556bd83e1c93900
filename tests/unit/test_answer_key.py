"""The content key: look-alikes never share an answer, re-wordings mostly do."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answers.key import content_key, normalised
from agent.local.encoder import Encoder
from agent.types import Tenant
from tests.benchmarks.answer_cache import Pair, compare, load_pairs, load_tenants
from tests.factories import make_item
from tests.tables import each_row

PAIRS = load_pairs()
TENANTS = load_tenants(PAIRS)
ALIKE = [pair for pair in PAIRS if pair.same]
DIFFERENT = [pair for pair in PAIRS if not pair.same]
QUESTIONS = Path(__file__).parent / "data/lumen_questions.jsonl"
LEAST_HIT_RATE = 0.85


def test_there_are_enough_pairs_of_both_kinds_in_all_languages() -> None:
    assert len(ALIKE) >= 100
    assert len(DIFFERENT) >= 100
    assert {pair.language for pair in ALIKE} == {pair.language for pair in DIFFERENT} == {"es", "pt", "en"}


@each_row("pair", DIFFERENT, ids=(f"{pair.why}: {pair.a} / {pair.b}" for pair in DIFFERENT))
def test_look_alike_is_no_hit(pair: Pair, encoder: Encoder) -> None:
    assert not compare(pair, TENANTS[pair.tenant], encoder).hits


def test_most_rewordings_hit(encoder: Encoder) -> None:
    hits = [compare(pair, TENANTS[pair.tenant], encoder).hits for pair in ALIKE]
    assert sum(hits) / len(hits) >= LEAST_HIT_RATE


def test_questions_about_different_facts_have_different_keys() -> None:
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    lumen = TENANTS["lumen"]
    keys = [(row, content_key(row["text"], row["language"], lumen.catalogue)) for row in rows]
    for (one, key), (other, its) in combinations(keys, 2):
        if one["language"] == other["language"] and not {*one["expected"]} & {*other["expected"]}:
            assert key != its, (one["text"], other["text"])


@pytest.mark.parametrize(
    ("language", "text", "key"),
    [
        pytest.param("es", "Hola, ¿cuánto cuesta el intensivo?", "$price item00", id="courtesy-and-price"),
        pytest.param("es", "precio sin libro", "$price sin:libro", id="what-a-word-qualifies"),
        pytest.param("es", "más caro el intensivo que el DELE", "~ mas:caro item00 item03", id="order-of-two-items"),
        pytest.param("pt", "vcs n dão certificado?", "$certificate nao:", id="chat-words-in-full"),
        pytest.param("en", "isn't the book included", "$include not:book", id="negation-in-a-contraction"),
        pytest.param("en", "Good morning!", "", id="nothing-but-courtesy"),
        pytest.param("fr", "bonjour", None, id="a-language-without-lists"),
    ],
)
def test_key_says_what_is_asked(language: str, text: str, key: str | None) -> None:
    assert content_key(text, language, TENANTS["lumen"].catalogue) == key


def test_name_that_two_items_share_is_none_of_either() -> None:
    items = [make_item("A", name={"es": "Curso de vela"}, aliases=()), make_item("B", name={"es": "Vela"}, aliases=())]
    assert content_key("precio de vela", "es", items) == "$price vela"


def test_typing_does_not_matter_to_the_same_words() -> None:
    assert normalised("¡HOLA! ¿Cuánto  cuesta?") == normalised("hola, cuanto cuesta")


@given(text=st.text(max_size=300), language=st.sampled_from(["es", "pt", "en"]))
def test_any_text_has_a_key_which_is_always_the_same(text: str, language: str) -> None:
    lumen: Tenant = TENANTS["lumen"]
    assert content_key(text, language, lumen.catalogue) == content_key(text, language, lumen.catalogue)
