"""Finds what a reply says is part of a price, or is paid apart, where the opposite is published, in whatever words."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_reading import Reading
from agent.guardrails.grounding_statement import MANNER, WEAK
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS, family, find_concepts, pattern

Told = Literal["in", "out"]

_HOLDS = compiled_on_use(rf"\b{pattern('part_holds')}")
"""What stands behind it is part: "the pack includes …"."""
_LIES_IN = compiled_on_use(rf"\b{pattern('part_lies_in')}")
"""What stands before it is part: "… is covered by the pack"."""
_LIES_OUT = compiled_on_use(rf"\b{pattern('part_lies_out')}")
_DENIES = {
    "pt": compiled_on_use(r"\b(?:nao|nunca|nem|tampouco|sem)\b"),
    "es": compiled_on_use(r"\b(?:no|nunca|ni|tampoco|sin)\b"),
    "en": compiled_on_use(r"\b(?:no|not|never|neither|nor|without)\b|n't\b"),
}
_ENDS_SO = compiled_on_use(r"\b(?:no|nao|not)$")
_THINGS = ("topics:", "features:", "extra_topics:")
_TELL_LITTLE = WEAK | MANNER | frozenset({"topics:users_topic", "topics:deposit", "topics:group_size", "topics:start"})
_LEAST_LETTERS = 4
_SHORT = 5
"""Words of a clause that may only be one of a list."""


class Part(NamedTuple):
    """Things told to be part of what is paid for, or not."""

    told: Told
    things: frozenset[str]


def read_parts(readings: Iterable[tuple[Reading, str]]) -> tuple[Part, ...]:
    """Return what published texts, each with its language, tell of parts."""
    return tuple(part for reading, language in readings for _, part in _parts(reading, language, published=True))


def wrong_parts(reading: Reading, language: str, published: Sequence[Part]) -> Iterator[Clause]:
    """Yield the clauses that tell of something the opposite of what is published of it."""
    known = {told: frozenset[str]().union(*(p.things for p in published if p.told == told)) for told in ("in", "out")}
    if not known["out"] and not known["in"]:
        return
    for clause, part in _parts(reading, language, published=False):
        opposite = "out" if part.told == "in" else "in"
        if clause.is_claim and part.things & (known[opposite] - known[part.told]):
            yield clause


def _parts(reading: Reading, language: str, *, published: bool) -> Iterator[tuple[Clause, Part]]:
    """Yield the clauses that tell of parts, with what they tell; a list may go on over the sentence."""
    before: Told | None = None
    for _, group in itertools.groupby(reading.clauses, lambda clause: clause.sentence):
        clauses = tuple(group)
        found = [pair for at in range(len(clauses)) if (pair := _part(clauses, at, language))]
        if published and not found and before == "in" and _ENDS_SO.search(clauses[-1].plain.strip(" .")):
            found = [(clauses[-1], Part("out", _things([each.plain for each in clauses], language)))]
        before = found[-1][1].told if found else None
        yield from found


def _part(clauses: Sequence[Clause], at: int, language: str) -> tuple[Clause, Part] | None:
    clause = clauses[at]
    if match := _LIES_OUT.search(clause.plain):
        told: Told = "in" if _denied(clause, match.start(), language) else "out"
        return clause, Part(told, _things([*_listed(clauses[:at]), clause.plain[: match.start()]], language))
    if match := _LIES_IN.search(clause.plain):
        told = "out" if _denied(clause, match.start(), language) else "in"
        return clause, Part(told, _things([*_listed(clauses[:at]), clause.plain[: match.start()]], language))
    if match := _HOLDS.search(clause.plain):
        told = "out" if _denied(clause, match.start(), language) else "in"
        rest = [each.plain for each in clauses[at + 1 :] if not each.is_denied]
        return clause, Part(told, _things([clause.plain[match.end() :], *rest], language))
    return None


def _denied(clause: Clause, place: int, language: str) -> bool:
    return bool(_DENIES[language].search(clause.plain, max(0, place - 25), place + 12))


def _listed(clauses: Sequence[Clause]) -> list[str]:
    """Return the texts of the clauses before that may only begin a list: "helmet, gloves and …"."""
    short = itertools.takewhile(lambda each: len(each.words) <= _SHORT and not each.is_yes, reversed(clauses))
    return [each.plain for each in short]


def _things(texts: Sequence[str], language: str) -> frozenset[str]:
    """Return what folded texts name: concepts, and how other telling words begin."""
    found: set[str] = set()
    for text in texts:
        words = tuple(word for word in text.replace(",", " ").split() if word.isalpha())
        concepts = [each for each in find_concepts(words, language) if not each.is_loose]
        told = {each.concept for each in concepts if each.concept.startswith(_THINGS)}
        covered = {at for each in concepts for at in range(each.at, each.at + each.length)}
        found |= told - _TELL_LITTLE
        found |= {
            family(word)
            for at, word in enumerate(words)
            if at not in covered and len(word) >= _LEAST_LETTERS and word not in LISTS["stops"] | LISTS["no_parts"]
        }
    return frozenset(found)
