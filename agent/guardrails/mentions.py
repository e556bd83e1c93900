"""What a text talks about: which items, which dates. For folded text in three languages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from agent.folding import fold
from agent.guardrails.folded import fold_text
from agent.guardrails.published_once import once_for
from agent.guardrails.word_lists import load_words
from agent.types import CatalogueItem

MONTHS = (
    "enero janeiro january jan ene", "febrero fevereiro february feb fev", "marzo marco march mar",
    "abril april abr apr", "mayo maio may mai", "junio junho june jun", "julio julho july jul",
    "agosto august ago aug", "septiembre setiembre setembro september sep set sept", "octubre outubro october oct out",
    "noviembre novembro november nov", "diciembre dezembro december dic dez dec",
)  # fmt: skip

_WORDS = load_words("money_words")
_WORD = re.compile(r"[a-z0-9]+")
_STEM = 6


@dataclass(frozen=True, slots=True)
class Mention:
    """Words that name one item, or several that share them."""

    start: int
    end: int
    items: frozenset[int]
    """Places in the catalogue."""
    weak: bool = False
    """They only qualify the item's name, or are counted: "6 paneles" where one can buy "limpieza de paneles"."""
    is_unit: bool = False
    """One word that may only say a unit: "por visita"."""
    is_aside: bool = False
    """It stands behind a preposition such as "with": what is spoken of may be something else."""


@dataclass(frozen=True, slots=True)
class _Name:
    """One name of an item, as stems."""

    item: int
    stems: frozenset[str]
    qualifying: frozenset[str]
    """Those behind a link word."""
    head: str


@dataclass(frozen=True, slots=True)
class _Names:
    """All names of a catalogue."""

    names: tuple[_Name, ...]
    telling: frozenset[str]
    helping: frozenset[str]
    """Numbers and unit nouns: part of a name only beside a telling word."""
    sizes: re.Pattern[str] | None
    size_items: tuple[tuple[str, int], ...]


def find_mentions(catalogue: Sequence[CatalogueItem], text: str) -> tuple[Mention, ...]:
    """Return what in a text names items, in order, with offsets in the text as it was written."""
    folded = fold_text(text)
    names = _names_in(tuple(catalogue))
    found = [
        Mention(*folded.span(each.start, each.end), each.items, each.weak, each.is_unit, each.is_aside)
        for each in (*_by_words(folded.text, names), *_by_size(folded.text, names))
    ]
    return tuple(sorted(found, key=lambda each: each.start))


def says_date(words: str, day: date) -> bool:
    """Say whether folded `words`, without punctuation, name a day and its month.

    For the first of a month the month is enough.
    """
    months = "|".join([*MONTHS[day.month - 1].split()])
    ordinal = rf"(?:0?{day.day}(?:o|a|st|nd|rd|th)?|{'primero|primeiro|first' if day.day == 1 else 0})"
    full = rf"\b{ordinal}(?: de| of)? (?:{months})\b|\b(?:{months}) (?:the )?{ordinal}\b|\b0?{day.day} 0?{day.month}\b"
    if re.search(full, words):
        return True
    return day.day == 1 and bool(
        re.search(rf"\b(?:en|em|in|from|desde|a partir de|de|since|para|for|this|next) (?:{months})\b", words)
    )


def is_in_name(catalogue: Sequence[CatalogueItem], item: int, word: str) -> bool:
    """Say whether a folded word is one of those that name catalogue[item]."""
    return any(name.item == item and stem(word) in name.stems for name in _names_in(tuple(catalogue)).names)


# --- names ------------------------------------------------------------------------------------------------------


@once_for
def _names_in(catalogue: tuple[CatalogueItem, ...]) -> _Names:
    groups = tuple((*item.name.items(), *(("", alias) for alias in item.aliases)) for item in catalogue)
    names = tuple(_name(place, *named) for place, group in enumerate(groups) for named in group)
    behind = [frozenset().union(*(n.qualifying for n in names if n.item == place)) for place in range(len(groups))]
    names = tuple(replace(name, qualifying=behind[name.item]) for name in names)
    stems = frozenset().union(*(name.stems for name in names)) if names else frozenset()
    helping = frozenset(stem for stem in stems if stem.isdigit() or stem in _UNIT_STEMS)
    sizes = dict(_sizes(groups))
    pattern = "|".join(re.escape(size) for size in sorted(sizes, key=len, reverse=True))
    return _Names(
        names,
        stems - helping,
        helping,
        re.compile(rf"(?<!\w)(?:{pattern})(?!\w)") if sizes else None,
        tuple(sizes.items()),
    )


def _name(item: int, language: str, name: str) -> _Name:
    """Return a name by its stems. What it is mainly about stands first, in English last."""
    words = _WORD.findall(fold(name))
    kept = [(word, place) for place, word in enumerate(words) if _is_kept(word)]
    link = next((place for place, word in enumerate(words) if word in _WORDS["links"]), len(words))
    stems = frozenset(stem(word) for word, _ in kept)
    behind = frozenset(stem(word) for word, place in kept if place > link)
    head = stem(kept[-1 if language == "en" else 0][0]) if kept else ""
    return _Name(item, stems, behind if behind != stems else frozenset(), head)


def _is_kept(word: str) -> bool:
    return word.isdigit() or (len(word) > 1 and word not in _WORDS["short"] and word not in _WORDS["fillers"])


@lru_cache(maxsize=8192)
def _told_by(word: str) -> str:
    """Return the stem of a word that may be part of a name, else nothing."""
    return stem(word) if _is_kept(word) else ""


def stem(word: str) -> str:
    """Return what a word has in common with its plural and with its like in the other languages."""
    if word.isdigit():
        return word
    if len(word) > 4 and word.endswith("s"):
        word = word[:-2] if word.endswith(("es", "is")) and len(word) > 5 else word[:-1]
    return word[:_STEM]


_UNIT_STEMS = frozenset(stem(word) for word in _WORDS["unit_nouns"])


def _sizes(groups: Sequence[Sequence[tuple[str, str]]]) -> Iterator[tuple[str, int]]:
    """Yield how people tell sizes apart, where only one item has them: "3 kw", "3kw", "el de 3", "the 3"."""
    owners: dict[str, set[int]] = {}
    for place, group in enumerate(groups):
        for _, name in group:
            for number, unit in re.findall(r"\b(\d{1,4}) ?([a-z]{1,4})\b", fold(name)):
                for said in (
                    f"{number} {unit}",
                    f"{number}{unit}",
                    f"el de {number}",
                    f"o de {number}",
                    f"the {number}",
                ):
                    owners.setdefault(said, set()).add(place)
    yield from ((said, min(places)) for said, places in owners.items() if len(places) == 1)


# --- mentions ---------------------------------------------------------------------------------------------------


def _by_size(text: str, names: _Names) -> Iterator[Mention]:
    if names.sizes:
        owner = dict(names.size_items)
        yield from (Mention(m.start(), m.end(), frozenset({owner[m[0]]})) for m in names.sizes.finditer(text))


def _by_words(text: str, names: _Names) -> Iterator[Mention]:
    """Yield the mentions that words of names make, words that stand together as one."""
    cluster: list[re.Match[str]] = []
    skipped = ""
    for match in _WORD.finditer(text):
        word = match[0]
        its = _told_by(word)
        if its and (its in names.telling or its in names.helping):
            if cluster and not _is_near(text, cluster[-1], match, skipped):
                yield from _mention(text, cluster, names)
                cluster = []
            cluster.append(match)
            skipped = ""
        elif word in _WORDS["fillers"]:
            skipped += word
        elif cluster:
            yield from _mention(text, cluster, names)
            cluster, skipped = [], ""
    if cluster:
        yield from _mention(text, cluster, names)


def _is_near(text: str, before: re.Match[str], after: re.Match[str], skipped: str) -> bool:
    between = text[before.end() : after.start()]
    return len(skipped) <= 8 and len(between) <= 12 and not re.search(r"[^a-z '*_-]", between)


def _mention(text: str, cluster: Sequence[re.Match[str]], names: _Names) -> Iterator[Mention]:
    """Yield what a row of name words names: the items that share most of it."""
    said = frozenset(stem(match[0]) for match in cluster)
    if not said & names.telling:
        return
    scored = [(len(said & n.stems), -len(n.stems - said), n) for n in names.names if said & n.stems & names.telling]
    best = max((score[:2] for score in scored), default=None)
    top = [n for matched, missing, n in scored if (matched, missing) == best]
    headed = [n for n in top if n.head in said]
    top = headed or top
    if not top:
        return
    start = cluster[0].start()
    before = text[max(0, start - 12) : start].split()
    counted = bool(before) and before[-1].isdigit() and best is not None and best[1] < 0
    weak = all((said & n.stems) <= n.qualifying for n in top) or (counted and not headed)
    is_unit = len(cluster) == 1 and bool(before) and before[-1] in _WORDS["per"]
    is_aside = bool(_WORDS["aside"].intersection(before[-2:]))
    yield Mention(start, cluster[-1].end(), frozenset(n.item for n in top), weak, is_unit, is_aside)
