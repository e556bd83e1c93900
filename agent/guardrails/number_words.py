"""Numbers in words, in Spanish, Portuguese and English, read as digits: "mil doscientos" → "1200".

Works on folded text (`agent.guardrails.folded`). The words of the text's own language come first; those of the other
two count as well where they mean nothing else. Digits told one by one and hundreds left out are read as people mean
them: "one-two-nine" is 129. What may be two amounts keeps both, parted by `EITHER`: "three ninety nine" is "3¦99",
399 or 3.99.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agent.guardrails.number_lexicon import (
    COUPLES,
    LANGUAGES,
    MASCULINE_ONES,
    SAID_AS_DIGIT,
    STARTS_ALONE,
    Kind,
    lexicon,
    number_tokens,
    telling,
)

EITHER = "¦"
MONEY = " ¤"
"""Stands behind a number that is told as money: "19 grand"."""

Edit = tuple[int, int, str]
"""Start, end and what to write there."""

_LETTERS = re.compile(r"[a-z]+")
_THOUSANDS_SIGN = re.compile(r"\d ?k(?!\w)")
_TOLD_TWICE = frozenset({"uno", "um", "one"})
_ONES_TOLD = re.compile(r"\b(?:uno|um|one)[ -](?:uno|um|one)\b")
_STRONG_GAPS = frozenset({" ", "-", " - "})
_WEAK_GAP = re.compile(r"\s?(?:[.,]{1,3}|…)\s{1,2}")
_HALF = Decimal("0.5")
_MAX_DIGITS = 12
_ALONE = frozenset({"value", "scale", "digits"})
"""Kinds of tokens that may be a number without another."""
_MAX_RUN = 40
"""Longer rows of number words are read in parts; nobody says such an amount."""


@dataclass(slots=True)
class _Token:
    """A word or digits that may be part of a number."""

    kind: Kind
    value: Decimal
    word: str
    start: int
    end: int
    weak: bool = False
    """Whether punctuation stands before it."""


@dataclass(slots=True)
class _Sum:
    """A number while it is being read: what is settled, and the groups told since ("three", "ninety nine")."""

    start: int
    end: int
    total: Decimal = Decimal(0)
    groups: list[Decimal] = field(default_factory=list)
    factor: Decimal = Decimal(0)
    """The last scale."""
    worded: bool = False
    """Whether anything in it is a word."""


def digits_for_words(text: str, language: str) -> str:
    """Return folded `text` with every number word replaced by digits.

    A run of number words becomes one number; `k` and "mil" after digits multiply them. A lone "one" stays: it is
    mostly an article. What may be two amounts is the larger. Text in another language is returned as it is.
    """
    parts: list[str] = []
    done = 0
    for start, end, digits in number_edits(text, language):
        parts += (text[done:start], digits.replace(EITHER, "").removesuffix(MONEY))
        done = end
    return "".join([*parts, text[done:]])


def number_edits(text: str, language: str) -> Iterator[Edit]:
    """Yield, in order, what `digits_for_words` replaces."""
    if language not in LANGUAGES or not _may_have_numbers(text, language):
        return
    for run in _runs(text, language):
        for number in _read_run(run):
            if number.worded:
                yield (
                    number.start,
                    number.end,
                    _written(number) + (MONEY if text.endswith("grand", number.start, number.end) else ""),
                )


def _may_have_numbers(text: str, language: str) -> bool:
    """Say quickly whether any word of `text` is a number by itself, or multiplies one."""
    if not telling(language).isdisjoint(_LETTERS.findall(text)):
        return True
    return bool(_THOUSANDS_SIGN.search(text) or _ONES_TOLD.search(text))


def may_tell_number(word: str, language: str) -> bool:
    """Say quickly whether a text that has the word may have a number in words: without such a word it has none."""
    if word in _TOLD_TWICE or (word.endswith("k") and (word == "k" or word[-2].isdigit())):
        return True
    return not telling(language).isdisjoint(_LETTERS.findall(word))


def parse_digits(digits: str) -> Decimal:
    """Return the value of digits with separators: exactly three after the last one are thousands."""
    *head, tail = re.split(r"[.,' ]", digits)
    if head and len(tail) != 3:
        return Decimal(f"{''.join(head)}.{tail}")
    return Decimal("".join([*head, tail]))


# --- runs -------------------------------------------------------------------------------------------------------


def _runs(text: str, language: str) -> Iterator[list[_Token]]:
    """Yield the rows of tokens that stand close enough together to be one number, or a few."""
    known = lexicon(language)
    run: list[_Token] = []
    for match in number_tokens(language).finditer(text):
        token = _token(match, known)
        if run and len(run) < _MAX_RUN and _is_close(text, run[-1], token):
            token.weak = text[run[-1].end : token.start] not in _STRONG_GAPS
            run.append(token)
            continue
        if len(run) > 1 or (run and run[0].kind in _ALONE):
            yield run
        run = [token]
    if run:
        yield run


def _token(match: re.Match[str], known: Mapping[str, tuple[Kind, Decimal]]) -> _Token:
    word = match[0]
    if word[0].isdigit():
        value = parse_digits(word.rstrip("k ")) * (1000 if word.endswith("k") else 1)
        return _Token("digits", value, word, match.start(), match.end())
    kind, value = known.get(word, ("value", Decimal(2)))  # a couple
    return _Token(kind, value, word, match.start(), match.end())


def _is_close(text: str, before: _Token, after: _Token) -> bool:
    gap = text[before.end : after.start]
    if gap in _STRONG_GAPS or gap in {" de ", " of "}:
        return True
    return bool(_WEAK_GAP.fullmatch(gap)) and all(
        each.kind in {"value", "scale"} or each.word in SAID_AS_DIGIT for each in (before, after)
    )


# --- sums -------------------------------------------------------------------------------------------------------


def _read_run(run: Sequence[_Token]) -> Iterator[_Sum]:
    """Yield the numbers of a run; two that do not add up ("two and three") stay two."""
    number: _Sum | None = None
    done = 0
    for place, token in enumerate(run):
        following = run[place + 1 :]
        if token.kind == "join" or place < done:
            continue
        if (row := _digit_row(run[place:])) and not (number and token.weak):
            if number and _is_number(number):
                yield number
            number, done = None, place + len(row)
            yield _Sum(token.start, row[-1].end, groups=[each.value for each in row], worded=True)
            continue
        before = [each.kind for each in run[:place] if each.word != "a"]
        joined = bool(before) and before[-1] == "join"
        if number and _continues(number, token, following, joined=joined):
            _take(number, token)
            continue
        if number and _is_number(number):
            yield number
        number = _begin(token, following)
    if number and _is_number(number):
        yield number


def _digit_row(run: Sequence[_Token]) -> Sequence[_Token]:
    """Return the digits a run begins with, told one by one and parted by punctuation; none if they only enumerate."""
    length = 0
    for token in run:
        is_digit = token.kind in {"value", "one"} and token.value < 10 and token.word not in COUPLES
        if not is_digit or (length and not token.weak):
            break
        length += 1
    row = run[:length]
    enumerates = all(one.value < other.value for one, other in itertools.pairwise(row))
    return () if length < 3 or enumerates else row


def _begin(token: _Token, following: Sequence[_Token]) -> _Sum | None:
    """Return the number that a token opens, or None if it is only a word beside numbers."""
    next_kind = following[0].kind if following else None
    match token.kind:
        case "value" if token.word in COUPLES and next_kind != "scale":
            return None
        case "half" if next_kind not in {"scale", "one"}:
            return None
        case "digits" if next_kind != "scale" and not token.word.endswith("k"):
            return None
        case "scale" if token.word not in STARTS_ALONE:
            return None
        case "one" if not _opens_with_one(token, following):
            return None
    number = _Sum(token.start, token.end)
    _take(number, token)
    return number


def _opens_with_one(token: _Token, following: Sequence[_Token]) -> bool:
    """Say whether an article is a number: "un mil", "one fifty", "um dois nove"; not "un cinco por ciento"."""
    if not following or following[0].weak:
        return False
    if following[0].kind == "scale" or any(each.kind == "half" for each in following[1:3]):
        return True
    if token.word == "a":
        return False
    said = [each for each in following[:2] if not each.weak and (each.kind == "value" or each.word in MASCULINE_ONES)]
    if token.word in SAID_AS_DIGIT:
        return following[0] in said
    return len(said) == 2 and all(each.value < 10 for each in said)


def _continues(number: _Sum, token: _Token, following: Sequence[_Token], *, joined: bool) -> bool:
    """Say whether a token belongs to the number before it."""
    last = number.groups[-1] if number.groups else None
    match token.kind:
        case "scale":
            return not joined and (last is not None or token.value > number.factor)
        case "half":
            return joined and (last is None or bool(following and following[0].kind == "scale"))
        case "digits":
            whole = token.value == int(token.value) and token.value < number.factor
            return last is None and whole and not token.weak
        case "one":
            return _continues_with_one(number, token, following, joined=joined)
        case _:
            fits = last is None or _adds_up(last, token.value)
            return (fits and (last is None or last >= 100)) if token.weak else fits or not joined


def _continues_with_one(number: _Sum, token: _Token, following: Sequence[_Token], *, joined: bool) -> bool:
    """Say whether an article goes on a number: "two and a half", "mil y un", "twenty-one"; not "cien una vez"."""
    last = number.groups[-1] if number.groups else None
    next_kind = following[0].kind if following else ""
    if token.word == "a":
        return last == _HALF or next_kind == "half"
    if last == _HALF or (last is None and next_kind == "scale"):
        return True
    if last is not None and not (joined or token.weak) and max(number.groups) < 10 and token.word in MASCULINE_ONES:
        return True  # digit by digit
    by_itself = token.word == "one" or (token.word in MASCULINE_ONES and (last is None or last >= 100))
    return (last is None or _adds_up(last, token.value)) and (joined or by_itself)


def _take(number: _Sum, token: _Token) -> None:
    """Add a token to a number."""
    number.end = token.end
    number.worded = number.worded or token.kind != "digits" or token.word.endswith("k")
    last = number.groups[-1] if number.groups else None
    if token.kind == "half":
        if last is not None:
            number.groups[-1] = last + token.value
        elif number.factor:
            number.total += number.factor / 2
        else:
            number.groups.append(token.value)
    elif token.kind == "scale" and token.value == 100:
        number.groups[-1:] = [(last if last is not None else Decimal(1)) * 100]
    elif token.kind == "scale":
        told = _told(number.groups) if number.groups else None
        number.total = _scaled(number.total, told, token.value)
        number.groups, number.factor = [], token.value
    elif token.kind == "one" and (last == _HALF or (token.word == "a" and _is_number(number))):
        return  # "half a million", "two and a half"
    elif last is not None and _adds_up(last, token.value):
        number.groups[-1] = last + token.value
    else:
        number.groups.append(token.value)


def _scaled(total: Decimal, told: Decimal | None, factor: Decimal) -> Decimal:
    """Return the total after a scale: "dos mil millones" multiplies what is there, "un millón mil" adds."""
    if told is None:
        return total * factor if total and total < factor else total + factor
    return (total + told) * factor if total and total < factor else total + told * factor


def _is_number(number: _Sum) -> bool:
    return bool(number.groups or number.total)


def _told(groups: Sequence[Decimal]) -> Decimal:
    """Return what groups mean when said one after the other: "three", "fifty" is 350."""
    if len(groups) == 1:
        return groups[0]
    return Decimal("".join(str(int(group)) for group in groups)[:_MAX_DIGITS])


def _written(number: _Sum) -> str:
    """Return a number in digits, with `EITHER` where it may also be an amount and its cents."""
    groups = number.groups
    if len(groups) > 1 and not number.total and 10 <= groups[-1] < 100:
        return f"{_told(groups[:-1]):f}{EITHER}{int(groups[-1])}"
    value = number.total + (_told(groups) if groups else 0)
    return f"{value.normalize():f}" if value % 1 else str(int(value))


def _adds_up(group: Decimal, value: Decimal) -> bool:
    """Say whether `value` fits behind `group` as in "ninety nine": a smaller place that is still free."""
    if value == 0 or group == 0:
        return False
    place = 10 if value < 10 else 100 if value < 100 else 1000
    teen = place == 10 and 10 <= group % 100 < 20
    return group % place == 0 and not teen
