"""Which words a pattern cannot do without, so that it is only tried on texts that have them.

Read from the text of the pattern; rather too few words than too many. Words are told by how they begin: by their first
three, four and six letters, or as a whole.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import chain

from agent.guardrails.pattern_text import Part, read_pattern

Starts = frozenset[str]
WHOLE = "."
"""Stands behind a whole word."""
Needs = tuple[Starts, ...]
"""Sets of starts, the most telling first: whatever matches has one of each."""


@lru_cache(maxsize=512)
def starts_in(text: str) -> Starts:
    """Return how the words of a folded text begin. Several rules ask of a text and its sentences: the last are kept."""
    return frozenset(chain.from_iterable(map(_starts_of_word, words_in(text))))


@lru_cache(maxsize=20_000)
def _starts_of_word(word: str) -> tuple[str, str, str, str]:
    return f"{word}{WHOLE}", word[:3], word[:4], word[:6]


def words_in(text: str) -> list[str]:
    """Return the words of a folded text without its punctuation."""
    return _WORD.findall(text)


def required_starts(pattern: str) -> Starts | None:
    """Return a set of which every text that matches `pattern` has one; None if there is no such set.

    Raises:
        ValueError: the pattern uses a notation that `read_pattern` does not know.
    """
    return next(iter(needs_of(pattern)), None)


def words_needed(pattern: str) -> Starts:
    """Return what `required_starts` does.

    Raises:
        ValueError: there is nothing that every match needs; or see `required_starts`.
    """
    needed = required_starts(pattern)
    if needed is None:
        raise ValueError(f"nothing is needed by every match of the pattern {pattern[:60]!r}")
    return needed


def needs_of(pattern: str) -> Needs:
    """Return all that a text needs to match `pattern`.

    Raises:
        ValueError: the pattern uses a notation that `read_pattern` does not know.
    """
    return _needs([Part("group", branches=read_pattern(pattern))])


_WORD = re.compile(r"[^\W_]+")


class Lookup:
    """Tells which of many patterns a text may match. What they need is read when the first text is looked up."""

    def __init__(self, read: Callable[[], Iterable[Needs]]) -> None:
        self._read = read
        """Returns what each pattern needs."""

    @classmethod
    def of_alternatives(cls, pattern: str) -> "Lookup":
        """Return a lookup of the alternatives that `pattern` consists of."""
        return cls(lambda: map(_needs, _alternatives(read_pattern(pattern))))

    @cached_property
    def _by_start(self) -> Mapping[str, Sequence[tuple[int, Needs]]]:
        """By a start that a pattern needs, its place and what it needs besides; none: it needs nothing.

        Raises:
            ValueError: a pattern uses a notation that `read_pattern` does not know.
        """
        found: dict[str, list[tuple[int, Needs]]] = defaultdict(list)
        for place, each in enumerate(self._read()):
            for start in each[0] if each else {""}:
                found[start].append((place, each[1:]))
        return dict(found)

    @cached_property
    def _starts(self) -> Starts:
        return frozenset(self._by_start)

    @cached_property
    def _always(self) -> frozenset[int]:
        return frozenset(place for place, _ in self._by_start.get("", ()))

    def places(self, starts: Starts) -> Sequence[int]:
        """Return the places of the patterns that a text whose words begin so may match, in order."""
        found = set(self._always)
        for start in self._starts & starts:
            for place, rest in self._by_start[start]:
                for need in rest:
                    if need.isdisjoint(starts):
                        break
                else:
                    found.add(place)
        return sorted(found)

    def any(self, starts: Starts) -> bool:
        """Say whether a text whose words begin so may match any of the patterns."""
        return bool(self.places(starts))


def _alternatives(branches: Sequence[Sequence[Part]]) -> Iterator[list[Part]]:
    """Yield the alternatives, those of a group that an alternative consists of one by one."""
    for branch in branches:
        solid = [place for place, part in enumerate(branch) if part.kind not in {"edge", "nothing"}]
        group = branch[solid[0]] if len(solid) == 1 else None
        if group and group.kind == "group" and not group.repeats:
            before, after = branch[: solid[0]], branch[solid[0] + 1 :]
            yield from ([*before, *inner, *after] for inner in _alternatives(group.branches))
        else:
            yield list(branch)


def _needs(parts: Sequence[Part]) -> Needs:
    return tuple(sorted(dict.fromkeys(_Walk().read(parts, ends_word=False).found), key=_commonness))


def _commonness(starts: Starts) -> float:
    """Return how little a set tells: long starts rarely occur by chance."""
    return sum(6.0 ** (4 - len(start)) for start in starts)


def _begins_apart(parts: Sequence[Part], *, ends_word: bool) -> bool:
    """Say whether `parts` cannot begin with a letter. `ends_word`: nor does what stands behind them."""
    for place, part in enumerate(parts):
        behind = parts[place + 1 :]
        if part.kind == "nothing":
            continue
        if part.repeats and not part.needed and not _begins_apart(behind, ends_word=ends_word):
            return False
        if part.kind == "group":
            return all(_begins_apart([*branch, *behind], ends_word=ends_word) for branch in part.branches)
        return part.kind in {"edge", "sign"}
    return ends_word


class _Walk:
    """Reads the parts of a pattern from left to right, collecting sets of starts."""

    def __init__(self, run: str = "", *, at_start: bool = False) -> None:
        self.run = run
        """The letters read so far of the current word, if they are known from its beginning."""
        self.at_start = at_start
        self.found: list[Starts] = []

    def read(self, parts: Sequence[Part], *, ends_word: bool) -> "_Walk":
        """Read all parts; returns itself. `ends_word`: no letter can stand behind them."""
        for place, part in enumerate(parts):
            if part.repeats:
                self._read_repeat(part, apart=_begins_apart(parts[place:], ends_word=ends_word))
            elif part.kind == "group":
                self._read_branches(part, ends_word=_begins_apart(parts[place + 1 :], ends_word=ends_word))
            else:
                self._read_one(part)
        self._end_word(whole=ends_word)
        return self

    def _read_one(self, part: Part) -> None:
        if part.kind == "letters":
            self.run = self.run + part.letters if self.run or self.at_start else ""
            self.at_start = False
        elif part.kind != "nothing":
            self.at_start = part.kind in {"edge", "sign"}
            self._end_word(whole=self.at_start)

    def _end_word(self, *, whole: bool) -> None:
        """Keep what is known of a word that ends here, or goes on in letters that are not known."""
        known = self.run + WHOLE if whole else self.run[:6] if len(self.run) >= 6 else self.run[:4]
        if self.run and (whole or len(known) >= 3):
            self.found.append(frozenset({known}))
        self.run = ""

    def _read_branches(self, group: Part, *, ends_word: bool) -> None:
        walks = [_Walk(self.run, at_start=self.at_start).read(each, ends_word=ends_word) for each in group.branches]
        best = [min(walk.found, key=_commonness, default=None) for walk in walks]
        if len(walks) == 1:
            self.found += walks[0].found
        elif all(best):
            self.found.append(frozenset().union(*(starts for starts in best if starts)))
        else:
            self._end_word(whole=False)
        self.run, self.at_start = "", all(walk.at_start for walk in walks)

    def _read_repeat(self, part: Part, *, apart: bool) -> None:
        """Read what may be missing or stand there several times. `apart`: no letter can stand here."""
        begins = self.at_start and not self.run
        self._end_word(whole=apart)
        inner = _Walk(at_start=begins).read([replace(part, repeats=False)], ends_word=False)
        if part.needed:
            self.found += inner.found
        self.at_start = inner.at_start and (begins or part.needed)
