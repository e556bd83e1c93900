"""A text as rules read it, with the way back: folded characters and where in the original each one was."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MAX_CHARS = 20_000
"""Rules read this much of a text; no channel but e-mail carries more."""

_LOOKALIKES = str.maketrans("авеіјкмнорсѕтухԁԛԝαβερικοτυνχ", "abeijkmhopcstyxdqwabepikotyvx")  # Cyrillic, Greek
_PLAIN_OR_NOT = re.compile(r"(?P<plain>[ -_a-~\n\t\r]+)|.", re.DOTALL)
"""A run of what only needs lower case (printable ASCII but for "`"), or one other character."""
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")


@dataclass(frozen=True, slots=True)
class Folded:
    """Lower-case text without accents and invisible signs; letters that only look Latin are Latin."""

    text: str
    origins: tuple[int, ...]
    """For each character, where it was in the original."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where `text[start:end]`, which is not empty, was in the original."""
        return self.origins[start], self.origins[end - 1] + 1


@lru_cache(maxsize=32)
def fold_text(text: str) -> Folded:
    """Fold the first `MAX_CHARS` of a text. Several rules read the same one, so the last few are kept."""
    letters: list[str] = []
    origins: list[int] = []
    for match in _PLAIN_OR_NOT.finditer(text[:MAX_CHARS]):
        if match["plain"]:
            letters.append(match[0].lower())
            origins.extend(range(match.start(), match.end()))
            continue
        folded = _fold_character(match[0])
        letters.append(folded)
        origins.extend(match.start() for _ in folded)
    return Folded("".join(letters), tuple(origins))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    """Return none, one or several characters; dashes, quotes and spaces in their plain form."""
    if character in _DASHES:
        return "-"
    if character in "’‘´`":
        return "'"
    if character in "\n\t\r":
        return character
    plain = unicodedata.normalize("NFKC", character).casefold()
    kept = (c for c in unicodedata.normalize("NFD", plain) if unicodedata.category(c) not in {"Mn", "Cf", "Cc"})
    folded = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept)
    return folded.replace("\u3002", ".").translate(_LOOKALIKES)
