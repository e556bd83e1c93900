"""Patterns are compiled when they are first needed: here all are, so that a wrong one does not wait for a text."""

import gc
import pkgutil
import re
from importlib import import_module

import pytest

import agent.guardrails
from agent.guardrails.expressions import Expression, compiled_on_use

LEAST_PATTERNS = 1_500
"""There are more; fewer would mean that some are no longer found."""


def test_every_pattern_compiles() -> None:
    for module in pkgutil.iter_modules(agent.guardrails.__path__, "agent.guardrails."):
        import_module(module.name)
    gc.unfreeze()  # what was there before the tests is frozen, and frozen objects are not listed
    expressions = [each for each in gc.get_objects() if isinstance(each, Expression)]
    wrong = {each.pattern: str(reason) for each in expressions if (reason := why_wrong(each))}
    assert wrong == {}
    assert len(expressions) > LEAST_PATTERNS


def why_wrong(expression: Expression) -> re.error | None:
    """Return why an expression does not compile."""
    try:
        expression.search("")
    except re.error as exc:
        return exc
    return None


def test_a_pattern_on_use_finds_what_a_compiled_one_finds() -> None:
    lazy, eager = compiled_on_use("b(?P<last>C)", re.IGNORECASE), re.compile("b(?P<last>C)", re.IGNORECASE)
    assert lazy.pattern == eager.pattern
    assert [match["last"] for match in lazy.finditer("abc ABC")] == [m["last"] for m in eager.finditer("abc ABC")]
    assert lazy.sub(r"\g<last>", "abc") == eager.sub(r"\g<last>", "abc")


def test_a_wrong_pattern_raises_when_it_is_used() -> None:
    wrong = compiled_on_use("(")
    with pytest.raises(re.error, match="unterminated subpattern"):
        wrong.search("a")
