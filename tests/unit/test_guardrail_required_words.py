"""Patterns are only tried on sentences with a word they need: that must never hide a match."""

import re
import tomllib
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.guardrails.patterns import PatternList, load_patterns
from agent.guardrails.required_words import required_starts, starts_of

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 "
PATTERNS = [
    pattern
    for name in ("promises_words", "tone_words")
    for patterns in load_patterns(name).values()
    for _, pattern in patterns
]


@pytest.mark.parametrize(
    ("pattern", "starts"),
    [
        (r"\bdevolvemos\b", {"devo"}),
        (r"\bte (?:guardo|aparto) plaza\b", {"plaz"}),
        (r"\b(?:fee|tarifa)s?\b", {"fee", "tari"}),
        (r"\b(?:te )?garantiz\w+\b", {"gara"}),
        (r"\bpara (?:ti|vos)\b", {"para"}),
    ],
)
def test_required_starts_are_those_of_the_most_telling_word(pattern: str, starts: set[str]) -> None:
    assert required_starts(pattern) == frozenset(starts)


@pytest.mark.parametrize("pattern", [r"\b\w+ \d+\b", r"\b(?:si|no)\w+\b", r"\b(?:te|a) (?:va|da)\w*\b"])
def test_pattern_without_a_telling_word_requires_none(pattern: str) -> None:
    assert required_starts(pattern) is None


@given(st.data())
@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
def test_whatever_a_pattern_matches_has_a_word_it_requires(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(PATTERNS))
    words = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=ALPHABET))
    required = required_starts(pattern.pattern)
    assert required is None or required & starts_of(words)


def test_patterns_are_found_in_the_order_of_the_list() -> None:
    patterns = PatternList([("one", "nunca jamas"), ("two", "siempre"), ("three", "jamas")])
    words = "siempre y nunca jamas"
    assert [topic for topic, _ in patterns.find(words, starts_of(words))] == ["one", "two", "three"]


@pytest.mark.parametrize("name", ["promises_words", "tone_words"])
def test_no_line_of_patterns_ends_in_a_space(name: str) -> None:
    text = files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8")
    assert tomllib.loads(text)
    assert not re.search(r" $", text, re.MULTILINE), "an editor would take it away: write it as \\x20"
