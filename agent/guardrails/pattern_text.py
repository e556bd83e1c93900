"""Reads the text of a regular expression as a tree, as far as it takes to tell which words a match must have.

Only the notation of the pattern lists is read: groups, alternatives, repeats, look-arounds, classes and escapes. What
is no plain letter is `unknown`; anything else, such as a flag or a reference to a group, is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(
    r"(?P<letters>[a-zA-Z0-9]+(?![*+?{])|[a-zA-Z0-9])|(?P<group>\((?:\?:|\?P<\w+>|(?!\?)))|(?P<look>\(\?<?[=!])"
    r"|(?P<close>\))|(?P<bar>\|)|(?P<repeat>(?:[*+?]|\{(?P<least>\d+)(?:,\d*)?\})\??)|(?P<edge>\\b|\^|\$)"
    r"|\\x(?P<code>[0-9a-f]{2})|(?P<unknown>\\[a-zA-Z0-9]|\[\^?\]?(?:\\.|[^\]\\])*\]|\.)|(?P<sign>\\.|[^(\\{])",
    re.DOTALL,
)
_SIGNS = re.compile(r"\[-?(?:_|[^\w\\\]^-])*-?\]")
"""A class of nothing but signs."""
_EDGE = re.compile(r"\(\?(?:<= \)|<?!(?:\\w\)|\[\\w))")
"""Look-arounds that hold only where a word begins or ends: behind a space, or where no letter may be."""


@dataclass(slots=True)
class Part:
    """One item of a pattern: letters, a sign, an edge of a word, what may be any of it, alternatives, or nothing."""

    kind: Literal["letters", "sign", "edge", "unknown", "group", "nothing"]
    letters: str = ""
    branches: list[list["Part"]] = field(default_factory=list)
    """Of a group: what each alternative consists of."""
    repeats: bool = False
    """Whether it may stand there several times, or not at all."""
    needed: bool = True
    """Whether it stands there at least once."""


def read_pattern(pattern: str) -> list[list[Part]]:
    """Return what each alternative of a pattern consists of.

    Raises:
        ValueError: it uses a notation that is not read here.
    """
    return _read_group(_tokens(pattern))


def _tokens(pattern: str) -> Iterator[re.Match[str]]:
    done = 0
    for match in _TOKEN.finditer(pattern):
        if match.start() != done:
            break
        done = match.end()
        yield match
    if done != len(pattern):
        raise ValueError(f"cannot read {pattern[done : done + 20]!r} in the pattern {pattern[:60]!r}")


def _read_group(tokens: Iterator[re.Match[str]]) -> list[list[Part]]:
    """Read alternatives up to the end of their group."""
    branches: list[list[Part]] = [[]]
    for token in tokens:
        if token.lastgroup == "close":
            break
        if token.lastgroup == "bar":
            branches.append([])
        elif token.lastgroup == "repeat":
            repeated = branches[-1][-1]
            repeated.repeats = True
            repeated.needed = token[0].startswith("+") or int(token["least"] or 0) > 0
        else:
            branches[-1].append(_part(token, tokens))
    return branches


def _part(token: re.Match[str], tokens: Iterator[re.Match[str]]) -> Part:
    """Return the part that a token begins."""
    match token.lastgroup:
        case "letters":
            return Part("letters", token[0])
        case "group":
            return Part("group", branches=_read_group(tokens))
        case "look":
            _read_group(tokens)
            return Part("edge" if _EDGE.match(token.string, token.start()) else "nothing")
        case "edge":
            return Part("edge")
        case "unknown":
            return Part("sign" if _SIGNS.fullmatch(token[0]) else "unknown")
        case _:
            return _character(chr(int(token["code"], 16)) if token["code"] else token[0][-1])


def _character(character: str) -> Part:
    if character.isalnum():
        return Part("letters", character) if character.isascii() else Part("unknown")
    return Part("sign")
