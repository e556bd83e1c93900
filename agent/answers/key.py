"""What a question asks, as a key that must be equal for two questions to share an answer.

A sentence encoder cannot tell "with lunch" from "without lunch", or the price of A from the price of B: such pairs lie
as close together as re-wordings. So the words that carry content must be the same: numbers, negations and what they
bind, places, sizes, names of items. Courtesy is taken out, and what has several common wordings ("what does it cost",
"the price of") becomes one. Spanish, Portuguese and English; other languages have no key. `answer_words.toml` has the
words.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from agent.folding import fold, words_of
from agent.language import chat_words
from agent.types import CatalogueItem

MAX_TOKENS = 12
"""A question with more content than this keeps its word order in the key: it may say several things."""
_STEM = 6
_MANY = 2
_SHORT = 2
_CODE = re.compile(r"\d|\b[a-np-z]\b")
_NEGATED = re.compile(r"n['’]t\b|\b(?:do|does|did|is|are|was|wo|ca|would|could|should|has|have)nt\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
_ORDER = "~"
_ITEM = "item0"
"""Begins the token of an item; no word begins like this."""
_COURSE = frozenset({"curso", "course", "progra"})
"""Beside the name of an item they add nothing, like the words of that name: "the intensive course"."""
_GENERIC = _COURSE | {"clase", "aula", "class", "lesson"}
"""An alias may have them although no name does."""


@dataclass(frozen=True, slots=True)
class _Wording:
    """How one language says things."""

    polite: re.Pattern[str]
    same: tuple[tuple[str, re.Pattern[str]], ...]
    binding: frozenset[str]
    turning: frozenset[str]
    stop: frozenset[str]
    in_full: Mapping[str, str]


class _Called(NamedTuple):
    """What an item is called."""

    names: tuple[str, ...]
    aliases: tuple[str, ...]


def normalised(text: str) -> str:
    """Return a question in folded words: what must be equal for it to be the same in other typing."""
    return words_of(text)


def content_key(text: str, language: str, items: Sequence[CatalogueItem]) -> str | None:
    """Return what a question asks; empty if nothing but courtesy is said, None in a language without word lists.

    `items` are what the tenant sells: an item counts as the same whichever of its own names is used.
    """
    wording = _wordings().get(language)
    if wording is None:
        return None
    words = wording.polite.sub(" ", _in_full(text, wording))
    called = tuple(_Called(tuple(each.name.values()), each.aliases) for each in items)
    words = _with_items(words, _names_of(called))
    topics, words = _topics(words, wording)
    said = words.split()
    beside = {
        word for place, each in enumerate(called) if f"{_ITEM}{place}" in said for word in _words(each.names) | _COURSE
    }
    tokens = _bound([token for token in _tokens(said, wording) if token not in beside], wording)
    is_ordered = _needs_order(tokens, words, wording)
    return " ".join([*sorted(topics), *(_ORDER if is_ordered else ""), *(tokens if is_ordered else sorted(tokens))])


def _in_full(text: str, wording: _Wording) -> str:
    """Return the folded words of a text, with chat words and negations written out."""
    spelled = _NEGATED.sub(" not ", text.casefold())
    pieces = (wording.in_full.get(piece, piece) for piece in _WORD.findall(spelled))
    return words_of(" ".join(pieces))


def _topics(words: str, wording: _Wording) -> tuple[set[str], str]:
    """Return what is asked about, as far as it has a name of its own here, and the words without it."""
    found = set()
    for name, pattern in wording.same:
        words, count = pattern.subn(" ", words)
        if count:
            found.add(f"${name}")
    return found, words


def _tokens(said: Sequence[str], wording: _Wording) -> list[str]:
    return [word if word.startswith(_ITEM) else _stem(word) for word in said if word not in wording.stop]


def _bound(tokens: Sequence[str], wording: _Wording) -> list[str]:
    """Return tokens with what qualifies them: "sin libro" is one token, and no "libro"."""
    bound: list[str] = []
    prefix = ""
    for token in tokens:
        if token in wording.binding:
            prefix += f"{token}:"
        else:
            bound.append(f"{prefix}{token}")
            prefix = ""
    return [*bound, prefix] if prefix else bound


def _needs_order(tokens: Sequence[str], words: str, wording: _Wording) -> bool:
    """Whether it may matter what stands first: two items, two numbers, a direction, or much that is said."""
    named = sum(token.startswith(_ITEM) or bool(_CODE.search(token)) for token in tokens)
    turns = not wording.turning.isdisjoint(words.split()) and len(tokens) > 1
    return named >= _MANY or turns or len(tokens) > MAX_TOKENS


def _stem(word: str) -> str:
    """Return what a word has in common with its plural and its endings; numbers and short words stay whole."""
    if any(character.isdigit() for character in word):
        return word
    singular = re.sub(r"(?<=[lrndz])es$|(?<=\w\w\w)s$", "", word)
    return singular[:_STEM]


# --- names of items ---------------------------------------------------------------------------------------------


def _with_items(words: str, names: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    """Return words with a token of its own for every item that is called by its name."""
    for pattern, token in names:
        words = pattern.sub(f" {token} ", words)
    return words


@lru_cache(maxsize=64)
def _names_of(items: tuple[_Called, ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the phrases that mean one item and no other, the longest first, with a token for it.

    An alias counts as far as it is made of words of the names ("intensive course", for "Intensive English"). Others,
    such as "children", help to find an item and are no name of it.
    """
    every = [[_words((phrase,)) for phrase in (*each.names, *each.aliases)] for each in items]
    clear = {
        (words_of(phrase), place)
        for place, each in enumerate(items)
        for phrase in (*each.names, *each.aliases)
        if (words := _words((phrase,)))
        and words <= _words(each.names) | _GENERIC
        and not any(words <= other for number, group in enumerate(every) if number != place for other in group)
    }
    longest_first = sorted(clear, key=lambda each: (-len(each[0]), each))
    return tuple((re.compile(rf"\b{_loose(phrase)}\b"), f"{_ITEM}{place}") for phrase, place in longest_first)


def _words(phrases: Iterable[str]) -> set[str]:
    words = {word for phrase in phrases for word in words_of(phrase).split()}
    return {_stem(word) for word in words if len(word) > _SHORT or word.isdigit()}


def _loose(phrase: str) -> str:
    """Return a pattern for a phrase in singular or plural."""
    return " ".join(rf"{re.escape(re.sub('(?:es|s)$', '', word))}(?:es|s)?" for word in phrase.split())


@lru_cache(maxsize=1)
def _wordings() -> Mapping[str, _Wording]:
    listed = tomllib.loads(files("agent.answers").joinpath("words.toml").read_text("utf-8"))
    chat = chat_words()
    return {language: _wording(listed[language], chat.get(language, {})) for language in ("es", "pt", "en")}


def _wording(lists: Mapping[str, Mapping[str, str] | str], chat: Mapping[str, str]) -> _Wording:
    same = lists["same"]
    if isinstance(same, str):
        raise TypeError("answer_words.toml: `same` is a table")
    words = {name: frozenset(str(lists[name]).split()) for name in ("binding", "turning", "stop")}
    return _Wording(
        polite=compiled(str(lists["polite"])),
        same=tuple((name, re.compile(rf"\b(?:{pattern})\b")) for name, pattern in same.items()),
        in_full={short: fold(long) for short, long in chat.items() if " " not in long},
        **words,
    )


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of `answer_words.toml`, where line breaks mean nothing."""
    return re.compile(pattern.replace("\n", ""))
