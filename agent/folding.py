"""Folding text so that spelling tricks and habits do not matter to rules that look for words."""

import re
import unicodedata

_IGNORABLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_A_WORD = re.compile(r"[\W_]+")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")


def fold(text: str) -> str:
    """Return `text` in compatibility form and lower case, without accents, invisible signs or odd digits.

    Full-width and other scripts' digits become ASCII digits. Punctuation stays.
    """
    if text.isascii():
        return text.lower()
    visible = _IGNORABLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _NOT_ASCII.sub(_plain, unicodedata.normalize("NFD", visible))


def words_of(text: str) -> str:
    """Return the folded words of `text`, one space apart: no punctuation, no emoji, "stoooop" as "stop"."""
    return _DRAWN_OUT.sub(r"\1", _NOT_A_WORD.sub(" ", fold(text))).strip()


def _plain(character: re.Match[str]) -> str:
    """Return what stays of a character beyond ASCII: of an accent nothing, of a digit its value."""
    found = character[0]
    if unicodedata.category(found) == "Mn":
        return ""
    return str(unicodedata.decimal(found)) if found.isdecimal() else found
