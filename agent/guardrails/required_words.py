"""Which words a pattern cannot do without, so that it is only tried on sentences that have one of them.

Read from Python's own parse of the pattern. `starts_of` and `required_starts` speak of words by how they begin: by
their first three and four letters.
"""

from collections.abc import Iterable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]  # no public way to read a parsed pattern
from re import _parser  # type: ignore[attr-defined]
from typing import Any

Starts = frozenset[str]
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


def starts_of(words: str) -> Starts:
    """Return how the words of a sentence begin."""
    split = words.split()
    return frozenset(word[:4] for word in split) | frozenset(word[:3] for word in split)


def required_starts(pattern: str) -> Starts | None:
    """Return a set of which every text that matches `pattern` has one; None if there is no such set.

    The pattern is for words one space apart, and begins where a word does.
    """
    return _best(_Walk().read(_parser.parse(pattern)).found)


def _best(found: Iterable[Starts]) -> Starts | None:
    """Return the most telling set: long starts rarely occur by chance."""
    return min(found, key=lambda starts: sum(6.0 ** (4 - len(start)) for start in starts), default=None)


class _Walk:
    """Reads a sequence of parsed items from left to right, collecting sets of starts."""

    def __init__(self, run: str = "", *, at_start: bool = True) -> None:
        self.run = run
        """The letters read so far of the current word, if they are known from its beginning."""
        self.at_start = at_start
        self.found: list[Starts] = []

    def read(self, items: Sequence[tuple[Any, Any]]) -> "_Walk":
        """Read on; returns itself."""
        for kind, value in items:
            if kind is sre.LITERAL and chr(value).isalnum():
                self.run = self.run + chr(value) if self.run or self.at_start else ""
                self.at_start = False
            elif kind is sre.LITERAL:
                self._end_word(whole=True)
                self.at_start = chr(value) == " "
            elif kind is sre.SUBPATTERN:
                self.read(value[3])
            elif kind is sre.BRANCH:
                self._read_branches(value[1])
            elif kind in _REPEATS:
                self._read_repeat(*value)
            elif kind is sre.AT or (kind is sre.ASSERT and value[0] < 0):  # the only look-behind in use is a space
                self._end_word(whole=True)
                self.at_start = True
            elif kind not in {sre.ASSERT, sre.ASSERT_NOT}:
                self._end_word(whole=False)
                self.at_start = False
        return self

    def _end_word(self, *, whole: bool) -> None:
        """Keep what is known of a word that ends here, or goes on in unknown letters."""
        if len(self.run) >= 3 or (whole and self.run):
            self.found.append(frozenset({self.run[:4]}))
        self.run = ""

    def _read_branches(self, branches: Sequence[Any]) -> None:
        walks = [_Walk(self.run, at_start=self.at_start).read(branch) for branch in branches]
        for walk in walks:
            walk._end_word(whole=False)
        best = [_best(walk.found) for walk in walks]
        if all(best):
            self.found.append(frozenset().union(*(starts for starts in best if starts)))
        elif len(self.run) >= 3:
            self.found.append(frozenset({self.run[:4]}))
        self.run, self.at_start = "", all(walk.at_start for walk in walks)

    def _read_repeat(self, least: int, most: int, items: Sequence[Any]) -> None:  # noqa: ARG002 — the parser's order
        inner = _Walk(at_start=self.at_start and not self.run).read(items)
        keeps_start = self.at_start and not self.run and inner.at_start
        self._end_word(whole=False)
        if least:
            inner._end_word(whole=False)
            self.found += inner.found
        self.at_start = keeps_start or (bool(least) and inner.at_start)
