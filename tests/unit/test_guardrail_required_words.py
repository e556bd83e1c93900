"""Patterns are only tried on sentences with a word they need: that must never hide a match."""

import re
import string
import tomllib
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.guardrails.expressions import Alternatives, lines_of
from agent.guardrails.patterns import PatternList, load_patterns
from agent.guardrails.required_words import needs_of, required_starts, starts_in

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 ,"
PUNCTUATED = "".join(sorted(set(string.printable) - set(string.ascii_uppercase)))
EXPRESSIONS = [
    *(lines_of("leakage")[key] for key in ("never", "instructions", "checks")),
    lines_of("leakage_records")["noted"],
    *(lines_of("leakage_workings")[key] for key in ("machinery", "serves_others")),
] + [lines_of("disclosure")[key] for key in ("denies_machine", "poses", "lives_like_a_person", "introduces")]
PATTERNS = [
    pattern.pattern
    for name in ("promises_words", "tone_words")
    for patterns in load_patterns(name).values()
    for _, pattern in patterns
]


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        (r"\bdevolvemos\b", [{"devolvemos."}]),
        (r"\bdevolvemos", [{"devolv"}]),
        (r"\bte (?:guardo|aparto) plaza\b", [{"aparto.", "guardo."}, {"plaza."}, {"te."}]),
        (r"\b(?:fee|tarifa)s?\b", [{"fee", "tarifa"}]),
        (r"\b(?:te )?garantiz\w+\b", [{"garant"}]),
        (r"\bpara (?:ti|vos)\b", [{"para."}, {"ti.", "vos."}]),
        (r"\bten(?:go|emos) (?=dos)", [{"tengo.", "tenemos."}]),
        (r"(?<!\w)si+ no(?!\w)", [{"no."}]),
        (r"\b(?:ya )+va[- ]ya\b", [{"ya."}, {"va."}]),
        (r"\b\x61hora\b", [{"ahora."}]),
        (r"\bano\.", [{"ano."}]),
        (r"\b(?:te|a) (?:va|da)\w*\b", [{"a.", "te."}]),
    ],
)
def test_needs_are_told_by_how_words_begin_the_most_telling_first(pattern: str, needs: list[set[str]]) -> None:
    assert [set(each) for each in needs_of(pattern)] == needs


@pytest.mark.parametrize("pattern", [r"\b\w+ \d+\b", r"\b(?:si|no)\w+\b", r"\bx?\b", r"(?:casa)?", r"[ab]c|que"])
def test_pattern_without_a_telling_word_requires_none(pattern: str) -> None:
    assert required_starts(pattern) is None


@pytest.mark.parametrize("pattern", [r"(?i:a)", r"(?P=name)", r"a{,", "a\\"])
def test_notation_that_is_not_read_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        needs_of(pattern)


@given(st.data())
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
def test_whatever_a_pattern_matches_has_all_it_needs(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(PATTERNS))
    words = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=ALPHABET))
    assert all(need & starts_in(words) for need in needs_of(pattern))


@given(st.data())
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
def test_whatever_an_alternative_matches_may_be_found(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(EXPRESSIONS))
    pattern = data.draw(st.sampled_from(lines))
    text = data.draw(st.from_regex(pattern, alphabet=PUNCTUATED))
    assert pattern in [each.pattern for each in Alternatives(lines).possible(starts_in(text))]


def test_patterns_are_found_in_the_order_of_the_list() -> None:
    written = {"one": r"\bnunca jamas\b", "two": r"\bsiempre\b", "three": r"\bjamas\b", "four": r"\bjamas no\b"}
    patterns = PatternList([(topic, re.compile(pattern)) for topic, pattern in written.items()])
    assert [topic for topic, _ in patterns.find("siempre y nunca jamas")] == ["one", "two", "three"]


@pytest.mark.parametrize("name", ["promises_words", "tone_words"])
def test_no_line_of_patterns_ends_in_a_space(name: str) -> None:
    texts = [each.read_text("utf-8") for each in files("agent.guardrails").iterdir() if each.name.startswith(name)]
    assert len(texts) > 1
    for text in texts:
        assert tomllib.loads(text)
        assert not re.search(r" $", text, re.MULTILINE), "an editor would take it away: write it as \\x20"
