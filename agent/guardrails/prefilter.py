"""Finds quickly which of many patterns a short text can match at all: a few out of a thousand.

Of every pattern it knows literals of which one must occur wherever it matches. It looks them up by their first three
characters and tries the patterns that remain. So a text is read once, not once per pattern.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

# The standard library's own reading of a pattern: there is no public one, and writing another would be a second truth.
from re import _parser  # type: ignore[attr-defined]
from typing import Any

LEAST = 3
"""Shorter literals occur nearly everywhere."""
WORTH = 6
"""Longer literals tell no more."""
REMEMBERED = 64


class Prefilter:
    """Lists of patterns, each pattern an alternative of its list."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._patterns = {key: tuple(map(re.compile, sources)) for key, sources in lists.items()}
        self._always: list[tuple[str, int]] = []
        self._by_beginning: dict[str, list[tuple[str, tuple[str, int]]]] = defaultdict(list)
        for key, sources in lists.items():
            for at, source in enumerate(sources):
                self._add((key, at), _literals(_parser.parse(source)))
        self._possible = lru_cache(maxsize=REMEMBERED)(self._find_possible)

    def finditer(self, key: str, text: str, start: int = 0) -> Iterator[re.Match[str]]:
        """Yield what `finditer` of one pattern would, had it the patterns of the list `key` as alternatives."""
        possible = self._possible(text).get(key, ())
        at = start
        while found := [match for pattern in possible if (match := pattern.search(text, at))]:
            first = min(found, key=lambda match: match.start())  # of several, the first in the list
            yield first
            at = max(first.end(), first.start() + 1)

    def _add(self, place: tuple[str, int], literals: frozenset[str]) -> None:
        if not literals:
            self._always.append(place)
        for literal in literals:
            self._by_beginning[literal[:LEAST]].append((literal, place))

    def _find_possible(self, text: str) -> Mapping[str, tuple[re.Pattern[str], ...]]:
        """Return the patterns that `text` may match, by list, in order."""
        beginnings = {text[at : at + LEAST] for at in range(len(text) - LEAST + 1)}
        places = set(self._always)
        for beginning in beginnings & self._by_beginning.keys():
            places.update(place for literal, place in self._by_beginning[beginning] if literal in text)
        possible: dict[str, list[re.Pattern[str]]] = {}
        for key, at in sorted(places):
            possible.setdefault(key, []).append(self._patterns[key][at])
        return {key: tuple(patterns) for key, patterns in possible.items()}


def _literals(sequence: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """Return literals of which one occurs in whatever the parsed pattern matches; nothing if it needs none."""
    best: frozenset[str] = frozenset()
    run = ""
    for operation, argument in (*sequence, (None, None)):
        if operation is _parser.LITERAL:
            run += chr(argument)
        elif operation is not _parser.AT:  # a boundary has no width
            best = max(best, frozenset({run}), _needed(operation, argument), key=_worth)
            run = ""
    return best if _worth(best) > (0, 0) else frozenset()


def _needed(operation: Any, argument: Any) -> frozenset[str]:
    """Return the literals that one operation of a pattern needs."""
    if operation is _parser.SUBPATTERN:
        return _literals(argument[3])
    if operation in (_parser.MAX_REPEAT, _parser.MIN_REPEAT) and argument[0] > 0:
        return _literals(argument[2])
    if operation is _parser.BRANCH:
        branches = [_literals(branch) for branch in argument[1]]
        return frozenset().union(*branches) if all(branches) else frozenset()
    return frozenset()


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    """Say how well literals tell a match from none: long ones, and few of them."""
    shortest = min(map(len, literals), default=0)
    return (min(shortest, WORTH), -len(literals)) if shortest >= LEAST else (0, 0)
