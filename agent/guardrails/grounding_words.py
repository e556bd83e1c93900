"""What words mean to the rule `grounding`, whatever language they are in: the files `grounding_words*.toml` read once.

A concept is named `table:key`, such as `units:week` or `features:parking`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from agent.guardrails.grounding_places import place_names, place_zones
from agent.guardrails.word_lists import load_tables

_RAW: Mapping[str, Mapping[str, str]] = load_tables("grounding_words")
_TABLES = ("units", "topics", "extra_topics", "features", "parts_of_day", "places", "matters")
_FAMILY = 5
"""Words of the three languages that begin with the same five letters mostly mean the same."""


class Found(NamedTuple):
    """A concept found at `at`, taking `length` words."""

    at: int
    length: int
    concept: str
    is_loose: bool = False
    """Such a word shows that a business has the thing; using it does not yet say so."""


@dataclass(frozen=True, slots=True)
class _Form:
    first: str
    rest: tuple[str, ...]
    language: str
    concept: str
    is_loose: bool = False


def _forms() -> Iterator[_Form]:
    for table in _TABLES:
        for key, written in _RAW[table].items():
            for form in written.partition("|")[0].split():
                language, colon, phrase = form.lstrip("~").rpartition(":")
                first, *rest = phrase.split("_")
                yield _Form(first, tuple(rest), language if colon else "", f"{table}:{key}", form.startswith("~"))


def _cities() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield each city that the time zone database does not name: its key, its words and its time zone."""
    for zone, names in _RAW["cities"].items():
        yield from ((name, tuple(name.split("_")), zone) for name in names.split())


def _place_forms() -> Iterator[_Form]:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for place, words in (*place_names(), *((key, words) for key, words, _ in _cities())):
        if (place, words) not in seen:
            seen.add((place, words))
            yield _Form(words[0], words[1:], "", f"places:{place}")


class _Beginnings(NamedTuple):
    """All forms by their first word: those that begin with a whole word, and with a stem."""

    whole: Mapping[str, Sequence[_Form]]
    stems: Mapping[str, Sequence[_Form]]
    lengths: Sequence[int]
    """How long stems are."""


@cache
def _beginnings() -> _Beginnings:
    whole: dict[str, list[_Form]] = defaultdict(list)
    stems: dict[str, list[_Form]] = defaultdict(list)
    for form in (*_forms(), *_place_forms()):
        table = stems if form.first.endswith("*") else whole
        table[form.first.rstrip("*")].append(form)
    return _Beginnings(dict(whole), dict(stems), sorted({len(stem) for stem in stems}))


IMPLIED: Mapping[str, frozenset[str]] = {
    f"features:{key}": frozenset(names.split()) for key, names in _RAW["implied"].items()
}
"""Topics (without their table) that imply a feature."""
LISTS: Mapping[str, frozenset[str]] = {key: frozenset(words.split()) for key, words in _RAW["lists"].items()}
"""Words that a reader skips, stops at or knows."""
ZONES: Mapping[str, str] = (
    {f"places:{key}": zone for key, zone in place_zones().items()}
    | {f"places:{key}": line.partition("|")[2].strip() for key, line in _RAW["places"].items() if "|" in line}
    | {f"places:{key}": zone for key, _, zone in _cities()}
)
"""The time zone of a place that has one."""


def pattern(name: str) -> str:
    """Return a group that matches any line of a pattern in the table `patterns`."""
    return f"(?:{'|'.join(_RAW['patterns'][name].split(chr(10))).strip('|')})"


def alternatives(table: str, name: str) -> Sequence[str]:
    """Return the lines of a pattern in another table, each to stand at the beginning of a word."""
    return [rf"\b(?:{line})" for line in _RAW[table][name].strip().split("\n")]


class _Forms(NamedTuple):
    """The forms with one first word, and what may come second in them."""

    every: tuple[_Form, ...]
    alone: tuple[_Form, ...]
    """Those of one word."""
    seconds: frozenset[str]
    stems: tuple[str, ...]


@lru_cache(maxsize=20_000)
def _forms_for(word: str, language: str) -> _Forms:
    """Return the forms whose first word `word` is in a text written in `language`."""
    whole, stems, lengths = _beginnings()
    by_stem = (form for n in lengths if n <= len(word) for form in stems.get(word[:n], ()))
    every = tuple(form for form in (*whole.get(word, ()), *by_stem) if form.language in {"", language})
    seconds = {form.rest[0] for form in every if form.rest}
    return _Forms(
        every=every,
        alone=tuple(form for form in every if not form.rest),
        seconds=frozenset(seconds),
        stems=tuple(second.rstrip("*") for second in seconds if second.endswith("*")),
    )


def _goes_on(words: Sequence[str], at: int, rest: Sequence[str]) -> bool:
    """Say whether the words from `at` on are those of a form."""
    if len(words) < at + len(rest):
        return False
    for place, written in enumerate(rest, at):
        if words[place] != written and not (written[-1] == "*" and words[place].startswith(written[:-1])):
            return False
    return True


def find_concepts(words: Sequence[str], language: str) -> list[Found]:
    """Return every concept in folded words, in order; they may overlap."""
    return [
        found
        for at, word in enumerate(words)
        if (forms := _forms_for(word, language)).every
        for found in _found_at(words, at, forms)
    ]


def concepts_at(words: Sequence[str], at: int, language: str) -> list[Found]:
    """Return the concepts that begin at word `at`."""
    return _found_at(words, at, _forms_for(words[at], language))


def _found_at(words: Sequence[str], at: int, forms: _Forms) -> list[Found]:
    second = words[at + 1] if at + 1 < len(words) else ""
    if second not in forms.seconds and not second.startswith(forms.stems):
        return [Found(at, 1, form.concept, form.is_loose) for form in forms.alone]
    return [
        Found(at, 1 + len(form.rest), form.concept, form.is_loose)
        for form in forms.every
        if not form.rest or _goes_on(words, at + 1, form.rest)
    ]


def family(word: str) -> str:
    """Return what a folded word shares with its relatives in the other languages."""
    return word[:_FAMILY]
