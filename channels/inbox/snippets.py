"""Where in a text the words stand that were looked for: its beginning up to them cut off, themselves marked.

Pure. Words are told apart and compared as the database does (`fold_words`): whatever the case and the accents.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import combining, normalize

WORD = re.compile(r"[^\W_]+")
WHOLE_BELOW = 3
"""Shorter words count only whole; others also as the beginning of a longer one."""
LOOKED_AT = 20_000
"""Characters of a text that are looked through, as by the database."""
LEAD = 48
"""Characters before the first word found."""
LONGEST = 190


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A piece of a text. `is_found`: one of the words."""

    text: str
    is_found: bool = False


def fold(text: str) -> str:
    """Return a text in lower case, without accents."""
    return "".join(each for each in normalize("NFKD", text) if not combining(each)).lower()


def cut(text: str, looked_for: str, *, longest: int = LONGEST) -> Sequence[Piece]:
    """Return the part of a text around the first of the words looked for, in pieces; without any, its beginning."""
    text = " ".join(text[:LOOKED_AT].split())
    found = list(_find(text, WORD.findall(fold(looked_for))))
    first = found[0][0] if found else 0
    start = _word_start(text, first - LEAD) if first + LEAD > longest else 0
    end = start + longest
    pieces = [Piece(text="… ")] if start else []
    place = start
    for begin, stop in found:
        if stop > end:
            break
        pieces += [Piece(text=text[place:begin]), Piece(text=text[begin:stop], is_found=True)]
        place = stop
    pieces.append(Piece(text=text[place:end] + (" …" if end < len(text) else "")))
    return [piece for piece in pieces if piece.text]


def _find(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    whole = {word for word in words if len(word) < WHOLE_BELOW}
    beginnings = tuple(word for word in words if len(word) >= WHOLE_BELOW)
    for match in WORD.finditer(text):
        word = fold(match[0])
        if word in whole or word.startswith(beginnings):
            yield match.span()


def _word_start(text: str, place: int) -> int:
    """Return where the first word from a place on begins."""
    after = text.find(" ", max(place, 0))
    return 0 if place <= 0 or after < 0 else after + 1
