"""Pattern lists of rules: TOML files beside the rule, read for patterns on the words of a sentence.

Each table is a topic, each of its keys a list. One pattern a line; a line that begins with `|` goes on with the one
before, one that begins with `#` is a comment. In a pattern `~` stands for up to five words of the same clause, none of
them a denial, an "if" or a "need", and `<name>` for any of the list `words.name` of the first file.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Generic, TypeVar

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.required_words import Lookup, needs_of, starts_in
from agent.guardrails.word_lists import load_tables

_WORD = r"(?!(?:no|not|nao|never|nunca|ni|whether|if|si|need|require)\b)[^ ,]+"
_GAP = rf"(?:(?: {_WORD}){{0,5}}? |(?<= )(?:{_WORD} ){{0,5}}?)"
_BOUNDED = {r"\w+": r"\w{1,30}", r"\w*": r"\w{0,30}", r"\d+": r"\d{1,9}", ")*": "){0,6}"}
"""Nobody writes longer words or more fillers. Without an end, a text of one endless word is read again and again."""
_COMMENT = re.compile(r"^#.*\n?", re.MULTILINE)
_GOES_ON = re.compile(r"\n(?=\|)")


Topic = TypeVar("Topic")


class PatternList(Generic[Topic]):
    """Patterns with the topic of each. A pattern is only tried on sentences that have the words it needs."""

    def __init__(self, patterns: Sequence[tuple[Topic, re.Pattern[str]]]) -> None:
        self._patterns = tuple(patterns)
        self._lookup = Lookup(lambda: (needs_of(pattern.pattern) for _, pattern in self._patterns))

    def __iter__(self) -> Iterator[tuple[Topic, re.Pattern[str]]]:
        """Yield each pattern with its topic."""
        return iter(self._patterns)

    def may_find(self, words: str) -> bool:
        """Say whether any of the patterns may be in `words`."""
        return self._lookup.any(starts_in(words))

    def find(self, words: str) -> Iterator[tuple[Topic, re.Match[str]]]:
        """Yield topic and match of all that is found in `words`, in the order of the list."""
        for place in self._lookup.places(starts_in(words)):
            topic, pattern = self._patterns[place]
            for match in pattern.finditer(words):
                yield topic, match


@cache
def load_patterns(name: str) -> Mapping[str, PatternList[str]]:
    """Return the lists of `name`.toml and `name`_*.toml, by key: each has the patterns of that key in all tables.

    Raises:
        FileNotFoundError: there is no such file.
    """
    tables = load_tables(name)
    words: dict[str, str] = {}
    for key, lines in tables.pop("words", {}).items():
        words[key] = f"(?:{'|'.join(_patterns(lines, words))})"
    lists: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for topic, table in tables.items():
        for key, lines in table.items():
            lists[key] += [(topic, pattern) for pattern in _patterns(lines, words)]
    return {
        key: PatternList([(topic, compiled_on_use(rf"\b(?:{pattern})\b")) for topic, pattern in patterns])
        for key, patterns in lists.items()
    }


def _patterns(lines: str, words: Mapping[str, str]) -> list[str]:
    """Return the patterns in a text of lines, with gaps and named lists filled in."""
    joined = _GOES_ON.sub("", _COMMENT.sub("", lines)).strip().replace("~", _GAP)
    for unbounded, bounded in _BOUNDED.items():
        joined = joined.replace(unbounded, bounded)
    for name, alternatives in words.items():
        joined = joined.replace(f"<{name}>", alternatives)
    return joined.split("\n")
