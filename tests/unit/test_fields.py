"""Fields of a form, by dotted name, become nested values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.inbox.fields import nest

CASES: dict[str, tuple[dict[str, list[str]], dict[str, Any]]] = {
    "flat": ({"name": ["Ana"]}, {"name": "Ana"}),
    "the last of several values": ({"on": ["false", "true"]}, {"on": "true"}),
    "a dictionary": ({"name.en": ["A"], "name.es": ["B"]}, {"name": {"en": "A", "es": "B"}}),
    "a list in order of its numbers": ({"p.10.a": ["x"], "p.2.a": ["y"]}, {"p": [{"a": "y"}, {"a": "x"}]}),
    "an entry with nothing in it": ({"p.0.a": [""], "p.1.a": ["y"]}, {"p": [{"a": "y"}]}),
    "a list with nothing in it": ({"p.0.a": [""]}, {"p": []}),
    "empty text": ({"name": [" "], "other": ["x"]}, {"other": "x"}),
    "lines": ({"a:lines": ["one\r\n\r\n two "]}, {"a": ["one", "two"]}),
    "no line": ({"a:lines": [""]}, {"a": []}),
    "as many as were sent": ({"s.i:list": ["", "a", "b"]}, {"s": {"i": ["a", "b"]}}),
    "the token": ({"csrf": ["secret"], "a": ["b"]}, {"a": "b"}),
    "a value where others are nested": ({"a": ["x"], "a.b": ["y"]}, {"a": "x", "b": "y"}),
}


@pytest.mark.parametrize(("form", "expected"), CASES.values(), ids=CASES.keys())
def test_a_form_becomes_nested_values(form: dict[str, list[str]], expected: dict[str, Any]) -> None:
    assert nest(form) == expected


@given(st.dictionaries(st.text(alphabet="ab.0:1lines", max_size=12), st.lists(st.text(max_size=3), min_size=1)))
def test_whatever_is_sent_is_read(form: dict[str, list[str]]) -> None:
    assert isinstance(nest(form), dict)
