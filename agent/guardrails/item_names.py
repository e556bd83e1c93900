"""What tells the items of a catalogue apart: the words of their names, as folded stems, in three languages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from agent.folding import fold
from agent.guardrails.published_once import once_for
from agent.guardrails.word_lists import load_words
from agent.types import CatalogueItem

WORDS: Mapping[str, frozenset[str]] = load_words("money_words")
WORD = re.compile(r"[a-z]+|\d+(?:[.,]\d{3}(?!\d)| ?(?:mil|k)\b)?")
"""A word, or a number however it is written: 30000, 30.000, 30 mil."""
_STEM = 6
_SHORTEST_PLURAL = 3
"""Letters: a longer word in -s is a plural, "bags", "kits"."""
MAX_WORDS = 20_000
"""So many words are remembered as part of a name, or as none."""
_LETTERS = frozenset("bcfghjkpqvwz")
"""Single letters that tell a name apart, "permiso B", and are no word, end of a word or measure."""
_MEASURE = re.compile(r"kwp?|kwh|kms?|kg|l|h|m2?|w|hp|gb")
_VERB = re.compile(
    r"(?:rse|rte|rme|rlo|rla|ndo|be|bes|ben|bir|bo|bem|amos|emos|imos|aste|iste|[aiu]d[oa]|crit[oa]|ered|ated)$"
)
"""How forms of a verb end that has its stem in common with a name: "te inscribes", beside "Inscripción"."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of an item, as stems."""

    item: int
    stems: frozenset[str]
    qualifying: frozenset[str]
    """Those behind a link word."""
    head: str
    first: str


@dataclass(frozen=True, slots=True)
class Names:
    """All names of a catalogue."""

    names: tuple[Name, ...]
    telling: frozenset[str]
    helping: frozenset[str]
    """Numbers and common words: part of a name only beside a telling word, or where they are all of it."""
    common: frozenset[str]
    """Helping words that tell by themselves behind an article or with a capital: "la total", "Team"."""
    whole: tuple[Name, ...]
    """Names that consist of helping words; "1:1" alone would be found in every count."""
    words: frozenset[str]
    """The words themselves."""
    sizes: re.Pattern[str] | None
    size_items: Mapping[str, int]
    stems_of: Mapping[int, frozenset[str]]
    """Of each item, the stems that name it: those of its names that do not only qualify."""
    _known: dict[str, bool] = field(default_factory=dict)
    _best: dict[tuple[frozenset[str], bool], "Best"] = field(default_factory=dict)

    def best(self, said: frozenset[str], *, has_article: bool) -> "Best":
        """Return the names that have most of the stems said; `has_article`: an article stands before them."""
        key = said, has_article
        found = self._best.get(key)
        if found is None:
            found = _best(said, self.telling | self.common if has_article else self.telling, self)
            if len(self._best) < MAX_WORDS:
                self._best[key] = found
        return found

    def has(self, word: str) -> bool:
        """Say whether a word is part of a name."""
        known = self._known.get(word)
        if known is None:
            known = self._has(word)
            if len(self._known) < MAX_WORDS:
                self._known[word] = known
        return known

    def _has(self, word: str) -> bool:
        if word in self.words or (word in WORDS["unit_nouns"] and _singular(word) in self.words):
            return _is_kept(word)
        if word in _NEVER or not _is_kept(word) or stem(word) not in self.telling | self.helping:
            return False
        return not (len(word) > _STEM and _VERB.search(word))


class Best(NamedTuple):
    """The names that have most of some stems."""

    names: tuple[Name, ...]
    missing: int
    """How many of their words are missing."""
    headed: bool
    """Whether what they are mainly about is among the stems."""


def _best(said: frozenset[str], telling: frozenset[str], names: Names) -> Best:
    whole = [n for n in names.whole if n.stems <= said]
    if not said & telling and not whole:
        return Best((), 0, headed=False)
    scored = [(len(said & n.stems), -len(n.stems - said), n) for n in names.names if said & n.stems & telling]
    scored += [(len(n.stems), 0, n) for n in whole]
    best = max(score[:2] for score in scored)
    heads = tuple(n for _, _, n in scored if n.head in said)
    if len(said) == 1 and best[1] and len({n.item for n in heads}) > 1:
        return Best(heads, -best[1], headed=True)  # "the cake", where one sells several
    top = tuple(n for matched, missing, n in scored if (matched, missing) == best)
    headed = tuple(n for n in top if n.head in said)
    return Best(headed or top, -best[1], headed=bool(headed))


@once_for
def names_in(catalogue: tuple[CatalogueItem, ...]) -> Names:
    """Return what tells the items of a catalogue apart."""
    groups = tuple((*item.name.items(), *(("", alias) for alias in item.aliases)) for item in catalogue)
    names = tuple(_name(place, *named) for place, group in enumerate(groups) for named in group)
    behind = [frozenset().union(*(n.qualifying for n in names if n.item == place)) for place in range(len(groups))]
    names = tuple(replace(name, qualifying=behind[name.item]) for name in names)
    stems = frozenset().union(*(name.stems for name in names)) if names else frozenset()
    ordinals = frozenset(name.first for name in names) & _ORDINALS
    words = frozenset(word for group in groups for _, name in group for word in WORD.findall(fold(name)))
    common = frozenset(stem(word) for word in words & WORDS["common_in_names"]) - ordinals
    units = frozenset(stem(word) for word in words & WORDS["unit_nouns"])
    helping = frozenset(stem for stem in stems if stem.isdigit() or len(stem) == 1) | units | ordinals | common
    sizes = dict(_sizes(groups))
    pattern = "|".join(re.escape(size) for size in sorted(sizes, key=len, reverse=True))
    return Names(
        names=names,
        telling=stems - helping,
        helping=helping,
        common=common,
        whole=tuple(name for name in names if name.stems <= helping and any(len(stem) > 1 for stem in name.stems)),
        words=words,
        sizes=re.compile(rf"(?<!\w)(?:{pattern})(?!\w)") if sizes else None,
        size_items=sizes,
        stems_of={
            place: frozenset().union(*(name.stems - name.qualifying for name in names if name.item == place))
            for place in range(len(groups))
        },
    )


def is_in_name(catalogue: Sequence[CatalogueItem], item: int, word: str) -> bool:
    """Say whether a folded word is one of those that name catalogue[item]."""
    its = "" if _MEASURE.fullmatch(word) else stem(word)
    return its in names_in(tuple(catalogue)).stems_of[item]


def _singular(word: str) -> str:
    return word.removesuffix("s")


def stem(word: str) -> str:
    """Return what a word has in common with its plural and with its like in the other languages."""
    if word[:1].isdigit():
        number = re.sub(r"[.,]", "", word).rstrip("milk ")
        return f"{number}000" if word[-1] in "lk" else number
    if word.endswith(("xes", "shes")):
        word = word[:-2]
    elif len(word) > _SHORTEST_PLURAL and word.endswith("s") and not word.endswith("ss"):
        word = word[:-2] if word.endswith(("es", "is")) and len(word) > 5 else word[:-1]
    return word[:_STEM]


_NEVER = WORDS["unit_nouns"] | WORDS["common_in_names"] | WORDS["no_names"]
"""They name nothing but where they stand so in a name."""
_ORDINALS = frozenset(stem(word) for word in WORDS["ordinals"])


def _name(item: int, language: str, name: str) -> Name:
    """Return a name by its stems. What it is mainly about stands first, in English last."""
    words = WORD.findall(fold(name))
    kept = [(word, place) for place, word in enumerate(words) if _is_kept(word)]
    link = next((place for place, word in enumerate(words) if word in WORDS["links"]), len(words))
    stems = frozenset(stem(word) for word, _ in kept)
    behind = frozenset(stem(word) for word, place in kept if place > link)
    head = stem(kept[-1 if language == "en" else 0][0]) if kept else ""
    first = stem(kept[0][0]) if kept else ""
    return Name(item, stems, behind if behind != stems else frozenset(), head, first)


def _is_kept(word: str) -> bool:
    if len(word) == 1:
        return word.isdigit() or word in _LETTERS
    return word[0].isdigit() or (word not in WORDS["short"] and word not in WORDS["fillers"])


def _sizes(groups: Sequence[Sequence[tuple[str, str]]]) -> Iterator[tuple[str, int]]:
    """Yield how people tell sizes apart, where only one item has them: "3 kw", "3kw", "el de 3", "the 3"."""
    owners: dict[str, set[int]] = {}
    for place, group in enumerate(groups):
        for _, name in group:
            for number, unit in re.findall(r"(?<![\w.,])(\d{1,4}) ?([a-z]{1,4})\b", fold(name)):
                for said in (
                    f"{number} {unit}",
                    f"{number}{unit}",
                    f"el de {number}",
                    f"o de {number}",
                    f"the {number}",
                ):
                    owners.setdefault(said, set()).add(place)
    yield from ((said, min(places)) for said, places in owners.items() if len(places) == 1)
