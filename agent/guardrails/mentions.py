"""What a text talks about: items, dates, discounts, free things. Works on `words_of` text in three languages."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from agent.folding import words_of
from agent.types import CatalogueItem, Discount

MONTHS = (
    "enero janeiro january jan ene", "febrero fevereiro february feb fev", "marzo marco march mar",
    "abril april abr apr", "mayo maio may mai", "junio junho june jun", "julio julho july jul",
    "agosto august ago aug", "septiembre setiembre setembro september sep set sept", "octubre outubro october oct out",
    "noviembre novembro november nov", "diciembre dezembro december dic dez dec",
)  # fmt: skip

FREE_TOPICS: tuple[frozenset[str], ...] = tuple(
    frozenset(stems.split())
    for stems in (
        "prueb exper teste trial sampl muest demos",
        "nivel level",
        "cambi troca trocar chang switc",
        "visit surve",
        "mater",
        "envio entre frete shipp deliv",
        "insta",
        "grabac gravac recor",
        "cance",
        "consu asess diagn presu orcam quote",
        "matri enrol inscr regis",
        "sopor supor suppo",
    )
)
"""Things businesses give away, one set of stems (the first letters of folded words) per thing."""

_STEM = 5
_TOO_COMMON = frozenset(
    {"curso", "course", "class", "clase", "aula", "from", "para", "with", "kit", "solar", "the", "and", "del"}
)


def items_named(catalogue: Sequence[CatalogueItem], words: str) -> tuple[CatalogueItem, ...]:
    """Return the items that `words` name by a word of their own, or by an alias."""
    found = set(words.split())
    stems = {_stem(word) for word in found}
    return tuple(
        item
        for item, (own, phrases) in zip(catalogue, _own_words(_names(catalogue)), strict=True)
        if own & stems or any(f" {phrase} " in f" {words} " for phrase in phrases)
    )


def says_date(words: str, day: date) -> bool:
    """Say whether `words` name a day and its month."""
    months = "|".join([*MONTHS[day.month - 1].split(), f"0?{day.month}"])
    return bool(
        re.search(rf"\b0?{day.day}(?:o|st|nd|rd|th)?(?: de| of)? (?:{months})\b|\b(?:{months}) {day.day}\b", words)
    )


def mentions_discount(words: str, discount: Discount) -> bool:
    """Say whether `words` state a discount: its percentage, its code, its amount, or words of its condition."""
    if discount.code and words_of(discount.code) in words:
        return True
    if discount.percent is not None and re.search(rf"\b{discount.percent}\b", words):
        return True
    stems = _long_stems(words)
    return any(stems & _long_stems(words_of(condition)) for condition in discount.condition.values())


def shares_topic(words: str, published: str) -> bool:
    """Say whether two texts talk about the same thing that may be given away."""
    here, there = _all_stems(words), _all_stems(published)
    return any(topic & here and topic & there for topic in FREE_TOPICS)


def _names(catalogue: Sequence[CatalogueItem]) -> tuple[tuple[str, ...], ...]:
    return tuple((*item.name.values(), *item.aliases) for item in catalogue)


@lru_cache(maxsize=256)
def _own_words(names: tuple[tuple[str, ...], ...]) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Return, per item, the stems that only its names have, and phrases ("3 kw") that only its names have."""
    stems = [frozenset(_stem(w) for name in group for w in words_of(name).split() if _is_telling(w)) for group in names]
    phrases = [frozenset(phrase for name in group for phrase in _number_phrases(words_of(name))) for group in names]
    seen = Counter(stem for group in stems for stem in group)
    seen_phrases = Counter(phrase for group in phrases for phrase in group)
    return tuple(
        (frozenset(s for s in own if seen[s] == 1), frozenset(p for p in phrase if seen_phrases[p] == 1))
        for own, phrase in zip(stems, phrases, strict=True)
    )


def _is_telling(word: str) -> bool:
    return len(word) > 2 and not word.isdigit() and word not in _TOO_COMMON


def _number_phrases(name: str) -> tuple[str, ...]:
    """Return how people tell sizes apart: "3 kw", "3kw", "el de 3"."""
    found = re.findall(r"\b(\d+) ([a-z]{1,4})\b", name)
    return tuple(
        phrase
        for number, unit in found
        for phrase in (
            f"{number} {unit}",
            f"{number}{unit}",
            f"el de {number}",
            f"o de {number}",
            f"kit {number}",
            f"the {number}",
        )
    )


def _stem(word: str) -> str:
    return word[:-1][:6] if len(word) > 3 and word.endswith("s") else word[:6]


def _all_stems(words: str) -> set[str]:
    return {word[:length] for word in words.split() for length in (5, 6)}


def _long_stems(words: str) -> set[str]:
    return {word[:_STEM] for word in words.split() if len(word) >= _STEM}
