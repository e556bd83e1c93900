"""Texts made of the very words that patterns wait for: read in bounded time, and without hiding what they find."""

import random
import time
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from agent.guardrails import UNCHECKED, build_rules, check_all, leakage
from agent.guardrails.expressions import Alternatives, first_match, lines_of
from agent.guardrails.folded import fold_text
from agent.guardrails.patterns import PatternList, load_patterns
from agent.guardrails.required_words import WHOLE, needs_of, starts_in
from agent.guardrails.rule import Rule
from agent.guardrails.sentences import read_sentences
from agent.language import LanguageDetector
from agent.types import Candidate
from tests.factories import NOW, make_tenant, make_turn
from tests.hostile import ordinary_s

CHARS = 40_000
"""Twice as many as any rule reads."""
MOST_WORK = 500
"""For one rule on a hostile text, in `ordinary_s`: what is quadratic takes minutes."""
DENSE_CHARS = 4_000
"""Of a text in which every word is one that a pattern needs."""
DATA = Path(__file__).parent / "data"
LISTS = {
    f"{name} {key}": found for name in ("promises_words", "tone_words") for key, found in load_patterns(name).items()
}
EXPRESSIONS = {
    f"{name} {key}": lines_of(name)[key]
    for name, keys in (
        *leakage.TOLD.items(),
        ("disclosure", ("denies_machine", "poses", "lives_like_a_person", "poses_when_asked")),
        ("disclosure_life", ("personal", "there")),
    )
    for key in keys
}
TENANT = make_tenant()
GLUE = (" ", " ", " ", ", ", ". ", " no ", " de la ", " y ", "\n", ": ", "? ", " 18:00 ", " 399 € ", " Ana ", " 12 ")


@cache
def rules() -> tuple[Rule, ...]:
    return build_rules(LanguageDetector.load().detect)


@cache
def words_of_patterns() -> list[str]:
    """Return words with which the patterns of all lists can be satisfied."""
    patterns = [pattern.pattern for found in LISTS.values() for _, pattern in found]
    needs = (starts for pattern in (*patterns, *(line for lines in EXPRESSIONS.values() for line in lines))
             for starts in needs_of(pattern))  # fmt: skip
    return sorted({start.removesuffix(WHOLE) for starts in needs for start in starts})


@cache
def telling_texts() -> tuple[str, ...]:
    """Return texts in which patterns find something: the cases of the rules that read lists, and a hostile text."""
    cases = (tomllib.loads((DATA / f"{name}_cases.toml").read_text("utf-8")) for name in ("promises", "tone"))
    return tuple(dict.fromkeys([*_texts(list(cases)), hostile(7)[:DENSE_CHARS]]))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.splitlines()
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def hostile(seed: int) -> str:
    """Return a text of words that patterns need, in no order, glued by what sentences and numbers are made of."""
    chance = random.Random(seed)
    words = words_of_patterns()
    pieces = (f"{chance.choice(words)}{chance.choice(GLUE)}" for _ in range(CHARS))
    return "".join(pieces)[:CHARS]


@pytest.mark.parametrize(("seed", "language"), [(1, "es"), (2, "pt"), (3, "en")])
def test_text_of_the_words_of_patterns_is_read_in_bounded_time(seed: int, language: str) -> None:
    text = hostile(seed)
    turn = make_turn(text, tenant=TENANT)
    candidate = Candidate(text=text, language=language, channel="email")
    for rule in rules():
        began = time.process_time()
        (found,) = check_all([rule], candidate, turn, TENANT, NOW)
        taken = (time.process_time() - began) / ordinary_s()
        assert not found.evidence.startswith(UNCHECKED)
        assert taken < MOST_WORK, f"{rule.name} took {taken:.0f} times as long as ordinary work"


@pytest.mark.parametrize("name", LISTS)
def test_what_a_list_finds_is_what_trying_every_pattern_finds(name: str) -> None:
    patterns: PatternList[str] = LISTS[name]
    for text in telling_texts():
        for sentence in read_sentences(text):
            found = [(topic, match.span()) for topic, match in patterns.find(sentence.words)]
            every = [(topic, m.span()) for topic, pattern in patterns for m in pattern.finditer(sentence.words)]
            assert found == every, sentence.words


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_an_expression_finds_first_is_what_trying_every_line_finds_first(name: str) -> None:
    lines = EXPRESSIONS[name]
    alternatives, every = Alternatives(lines), Alternatives(lines).all
    for text in telling_texts():
        folded = fold_text(text).text
        found = first_match(alternatives.possible(starts_in(folded)), folded, 0, len(folded))
        told = first_match(every, folded, 0, len(folded))
        assert (found and found.span()) == (told and told.span()), folded
