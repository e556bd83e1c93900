"""A text with objections marked in it: nothing is lost, nothing doubled, whatever the spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.desk import text_so_far
from agent.types import Verdict
from channels.inbox.spans import mark_verdicts


def objection(rule: str, span: tuple[int, int] | None) -> Verdict:
    return Verdict(rule=rule, outcome="hold", reason=f"{rule} objects", span=span)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], [("abcdef", ())], id="none"),
        pytest.param([(1, 3)], [("a", ()), ("bc", ("r0",)), ("def", ())], id="one"),
        pytest.param([(0, 4), (2, 6)], [("ab", ("r0",)), ("cd", ("r0", "r1")), ("ef", ("r1",))], id="overlapping"),
        pytest.param(
            [(1, 5), (2, 3)], [("a", ()), ("b", ("r0",)), ("c", ("r0", "r1")), ("de", ("r0",)), ("f", ())], id="nested"
        ),
        pytest.param([(0, 6), (0, 6)], [("abcdef", ("r0", "r1"))], id="the same"),
        pytest.param([None], [("abcdef", ())], id="about the whole"),
        pytest.param([(4, 99)], [("abcd", ()), ("ef", ("r0",))], id="beyond the end"),
    ],
)
def test_pieces_name_the_rules_that_object_to_them(
    spans: list[tuple[int, int] | None], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    pieces = mark_verdicts("abcdef", [objection(f"r{place}", span) for place, span in enumerate(spans)])
    assert [(piece.text, piece.rules) for piece in pieces] == expected


@given(
    text=st.text(max_size=60),
    spans=st.lists(st.tuples(st.integers(-5, 80), st.integers(-5, 80)), max_size=6),
)
def test_pieces_are_always_the_whole_text(text: str, spans: list[tuple[int, int]]) -> None:
    pieces = mark_verdicts(text, [objection("r", span) for span in spans])
    assert "".join(piece.text for piece in pieces) == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("", ""),
        ('{"langu', ""),
        ('{"language": "es", "te', ""),
        ('{"language": "es", "text": "Hola, ¿qu', "Hola, ¿qu"),
        ('{"language": "es", "text": "Hola \\u00', "Hola "),
        ('{"language": "es", "text": "Hola", "claims": [{"te', "Hola"),
        ('{"text": 5}', ""),
        ("[1, 2", ""),
        ("not JSON", ""),
    ],
)
def test_text_of_a_reply_is_read_while_it_is_written(answer: str, text: str) -> None:
    assert text_so_far(answer) == text
