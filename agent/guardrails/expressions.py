"""Long regular expressions of rules, kept as text: a TOML file beside the rule, one expression a key.

One alternative stands on each line; an indented line goes on with the one above. `{name}` stands for an earlier
expression of the same file.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast

from agent.guardrails.required_words import Lookup, Starts, needs_of


class Expression:
    """The text of a regular expression, compiled when the first of its methods is called."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """Return what the compiled expression has of that name, and keep it: this is only called the first time."""
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)
        return found


def compiled_on_use(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what behaves as `re.compile(pattern, flags)` does, but only raises `re.error` when it is first used.

    Of many hundred patterns a text needs a few; to compile them all takes seconds.
    """
    return cast("re.Pattern[str]", Expression(pattern, flags))


class Alternatives:
    """The lines of an expression one by one: only those are tried that a text may match."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.all = [compiled_on_use(line) for line in lines]
        self._lookup = Lookup(lambda: map(needs_of, lines))

    def possible(self, starts: Starts) -> list[re.Pattern[str]]:
        """Return the lines that a text may match whose words begin so (`required_words.starts_in`)."""
        return [self.all[place] for place in self._lookup.places(starts)]


def first_match(patterns: Iterable[re.Pattern[str]], text: str, start: int, end: int) -> re.Match[str] | None:
    """Return what the expression that consists of `patterns` finds first in `text[start:end]`."""
    found = (match for pattern in patterns if (match := pattern.search(text, start, end)))
    return min(found, key=re.Match.start, default=None)


@cache
def load_expressions(name: str) -> Mapping[str, re.Pattern[str]]:
    """Return the expressions of `name`.toml, each compiled when it is first used.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return {key: compiled_on_use(_joined(lines)) for key, lines in lines_of(name).items()}


def load_alternatives(name: str, keys: Iterable[str]) -> dict[str, Alternatives]:
    """Return the lines of some of the expressions of `name`.toml.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line uses a notation that `pattern_text` does not know.
    """
    lines = lines_of(name)
    return {key: Alternatives(lines[key]) for key in keys}


@cache
def lines_of(name: str) -> Mapping[str, Sequence[str]]:
    """Return the alternatives of each expression of `name`.toml, earlier ones filled in; those at a word come first.

    Raises:
        FileNotFoundError: there is no such file.
    """
    read: dict[str, str] = tomllib.loads(files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8"))
    found: dict[str, list[str]] = {}
    for key, written in read.items():
        text = written
        for earlier, lines in found.items():
            text = text.replace(f"{{{earlier}}}", _joined(lines))
        alternatives = text.strip("\n").replace("\n  ", "").split("\n")
        found[key] = sorted(alternatives, key=lambda line: not line.startswith(r"\b"))
    return found


def _joined(lines: Sequence[str]) -> str:
    """Return one group of alternatives. What begins at a word is tried only there: several times as fast."""
    at_words = [line.removeprefix(r"\b") for line in lines if line.startswith(r"\b")]
    rest = [line for line in lines if not line.startswith(r"\b")]
    words = [rf"\b(?=\w)(?:{'|'.join(at_words)})"] if at_words else []
    return f"(?:{'|'.join([*words, *rest])})"
