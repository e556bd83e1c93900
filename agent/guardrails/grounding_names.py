"""Reads proper names, codes, telephone numbers and e-mail addresses out of a clause as it is written.

A name is one or more words with capitals where the language has none: not the first word of a sentence, no weekday,
month or courtesy.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.folding import fold
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_words import LISTS


class Name(NamedTuple):
    """A proper name at raw[start:end]; `words` are its folded words, or the code, number or address as one."""

    kind: str
    """`name`, `code` ("ISO 9001"), `phone` (digits only) or `email`."""
    start: int
    end: int
    words: tuple[str, ...]


_LONG_NUMBER = re.compile(r"\d[\d ().-]{7}")
_CODE_DIGITS = re.compile(r"\d\d")
_CODED = re.compile(r"\d\d|\d[ ().-]\d")
_OPENING = ' ¡¿"“*_(•-'
"""What may stand before the first word."""
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_URL = re.compile(r"https?://\S+|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[a-z]{2,10}(?:/\S*)?\b")
_PHONE = re.compile(r"(?<![\w.,])\+?\(?\d[\d ().-]{7,20}\d(?![\w%]|[.,]\d)")
_CODE = compiled_on_use(
    r"(?<![\w-])([A-Z]{2,6}(?:-[A-Z]{2,4})?|[A-Z][a-z]{2,12})[ -]?(\d{2,6}(?:[.:-]\d{1,4})?)(?![\w:/%]|[.,]\d)"
    r"(?! ?(?:[€$£]|[A-Z]{3}\b|R\$|euros?\b|pesos\b|rea(?:is|les)\b|d[oó]l|dollars\b|pounds\b|libras\b|soles\b))"
)
_CURRENCIES = frozenset(["EUR", "USD", "BRL", "MXN", "COP", "ARS", "CLP", "GBP", "PEN", "UYU", "MX", "US", "RS", "AR"])
_MONEY = re.compile(
    r"(?:\w{2,12} )?(?:pesos|d[oó]lares|dollars|reais|reales|pounds|euros|soles|libras)\b", re.IGNORECASE
)
"""Names a currency: "Brazilian reais", "Dollars"."""
_CAPITAL = re.compile(r"[A-ZÀ-ÖØ-Þ](?<![\w@./'’-].)[\w&'’]{0,30}(?:-[A-ZÀ-ÖØ-Þ0-9][\w&'’]{0,30})?")
_SIGNS = 12
"""What may stand before the first word of a sentence: signs and the number of a list, so many characters."""
_FOLDED_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_LOWER_LINK = re.compile(r"^ (?:(?:de|da|do|dos|das|del|de la|of|the|e|y) )?$")
_NO_NAMES = LISTS["no_names"]
_MAY_BEGIN = re.compile(
    r"(?:^|[.!?…:;\n¡¿(\"“«•*_>–—-]|[\U0001F300-\U0001FAFF\u2600-\u27BF\uFE0F])\s*(?:\d{1,2}[.)]\s*)?[*_\"“«¡¿(]*$"
)


def read_names(raw: str, *, begins_sentence: bool) -> tuple[Name, ...]:
    """Return the names in a clause. `begins_sentence`: its first word has its capital for that."""
    if _has_no_name(raw, begins_sentence=begins_sentence):
        return ()
    pages = [match.span() for match in _URL.finditer(raw)] if "." in raw else []
    found = [each for each in _addresses(raw) if each.kind == "email" or not _lies_in(each, pages)]
    covered = [*pages, *((name.start, name.end) for name in found)]
    if _is_shouted(raw):
        return tuple(found)
    for name in (*_codes(raw), *_proper(raw, begins_sentence=begins_sentence)):
        if not any(start < name.end and name.start < end for start, end in covered):
            found.append(name)
            covered.append((name.start, name.end))
    return tuple(found)


def _lies_in(name: Name, spans: list[tuple[int, int]]) -> bool:
    """Say whether a name is part of one of these: the digits of a meeting's link are no telephone number."""
    return any(start <= name.start and name.end <= end for start, end in spans)


def _has_no_name(raw: str, *, begins_sentence: bool) -> bool:
    """Say quickly whether no word has a capital, but for the first of a sentence, and no digits make a code."""
    text = raw.lstrip(_OPENING)
    lower = text[1:] if begins_sentence and len(raw) - len(text) < _SIGNS else text
    return (lower.islower() or not lower) and "@" not in raw and not _CODED.search(raw)


_SHOUTED = re.compile(r"[A-ZÀ-ÖØ-Þ]{2,20}\W{1,3}[A-ZÀ-ÖØ-Þ]{2}")


def _is_shouted(raw: str) -> bool:
    if not _SHOUTED.search(raw):
        return False
    letters = sum(map(str.isalpha, raw))
    return letters > 12 and sum(map(str.isupper, raw)) > 0.6 * letters


def _addresses(raw: str) -> Iterator[Name]:
    for match in _EMAIL.finditer(raw) if "@" in raw else ():
        yield Name(kind="email", start=match.start(), end=match.end(), words=(fold(match[0]),))
    for match in _PHONE.finditer(raw) if _LONG_NUMBER.search(raw) else ():
        digits = re.sub(r"\D", "", match[0])
        if 9 <= len(digits) <= 15 and not re.search(r"\d{4}-\d\d-\d\d", match[0]) and "." not in match[0]:
            yield Name(kind="phone", start=match.start(), end=match.end(), words=(digits,))


def _codes(raw: str) -> Iterator[Name]:
    for match in _CODE.finditer(raw) if _CODE_DIGITS.search(raw) else ():
        letters = match[1]
        plain_word = not letters.isupper()
        if letters in _CURRENCIES or fold(letters) in _NO_NAMES or plain_word:
            continue
        code = re.sub(r"[\s-]", "", fold(match[0]))
        yield Name(kind="code", start=match.start(), end=match.end(), words=(code,))


def _proper(raw: str, *, begins_sentence: bool) -> Iterator[Name]:
    """Yield runs of words with capitals."""
    run: list[re.Match[str]] = []
    for match in _CAPITAL.finditer(raw):
        if not _counts(match, raw, begins_sentence=begins_sentence):
            continue
        if run and not _LOWER_LINK.match(raw[run[-1].end() : match.start()]):
            yield _name_of(run)
            run = []
        run.append(match)
    if run:
        yield _name_of(run)


def _counts(match: re.Match[str], raw: str, *, begins_sentence: bool) -> bool:
    word = match[0].rstrip("'’-")
    folded = (word.lower() if word.isascii() else fold(word)).removesuffix("'s").removesuffix("’s")
    if len(word) == 1 or folded in _NO_NAMES or ("-" in folded and _NO_NAMES.issuperset(folded.split("-"))):
        return False  # "Mon-Fri" names nothing either
    if _MONEY.match(raw, match.start()):
        return False
    if word[:3] in _CURRENCIES and word[3:].isdigit():
        return False  # "ARS3,000"
    if len(word) >= 2 and word[1:] != word[1:].lower():
        return True  # an acronym
    before = raw[: match.start()]
    if match.start() < _SIGNS and not before.strip(_OPENING):
        return not begins_sentence
    return not _MAY_BEGIN.search(before[-_SIGNS:])


def _name_of(run: list[re.Match[str]]) -> Name:
    written = fold(run[0].string[run[0].start() : run[-1].end()]).replace("’", "'")
    words = tuple(word.rstrip("'-").removesuffix("'s") for word in _FOLDED_WORD.findall(written))
    return Name(kind="name", start=run[0].start(), end=run[-1].end(), words=words)
