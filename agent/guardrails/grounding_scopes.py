"""Finds what is said of one item, or of one branch, where it is only published of others.

A feature or a name that every published sentence ties to other items, or to other branches, belongs to those.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_reading import Reading, Topics, items_of
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS, find_concepts, pattern

_THINGS = ("features:", "matters:")
_HAS = compiled_on_use(rf"\b{pattern('belongs')}")
_BRANCH_LIST = compiled_on_use(rf"\b{pattern('branch_list')}\b")
_EVERYWHERE = compiled_on_use(rf"\b{pattern('everywhere')}")
_BRANCH = frozenset({"units:branch", "features:branches"})
_IF = compiled_on_use(r"\b(?:if|caso|(?:si|se) (?:tu|usted|voce|vc|you|est\w+|viv\w+|mor\w+|ve\w+|vi\w+))\b")
_OF_ALL = re.compile(
    r"\W*(?:(?:l[oa]s|[oa]s|tod[oa]s?|all|our|nuestr[oa]s|noss[oa]s|the|both|amb[oa]s) ){0,3}"
    r"(?:paquetes|pacotes|packages|planes|planos|plans|viajes|viagens|trips|tours|cursos|courses|precios|precos|prices|kits|programas|programmes"
    r"|programs|servicios|servicos|services|clases|aulas|classes|tarifas|rates)\b"
)
"""How a published sentence begins that tells of no item in particular, whatever else it names."""
_AT_LEAST = 2
"""Places in one sentence that lists branches."""


class Scope(NamedTuple):
    """What a sentence tells of, and of which items and branches."""

    things: frozenset[str]
    names: frozenset[str]
    """Words of names."""
    items: Topics
    places: frozenset[str]
    everywhere: bool
    lists_branches: bool
    """It speaks of several of them."""


class Branches(NamedTuple):
    """The scopes of all that is published, and the places of the branches."""

    scopes: tuple[Scope, ...]
    places: frozenset[str]


def read_branches(readings: Iterable[tuple[Reading, str]], of_items: Iterable[tuple[str, Reading, str]]) -> Branches:
    """Return the scopes of published texts, each with its language; `of_items` are descriptions, with their items."""
    scopes = [scope for reading, language in readings for _, scope in _scopes(reading, language, loosely=True)]
    listed = [scope.places for scope in scopes if len(scope.places) >= _AT_LEAST and scope.lists_branches]
    described = [
        scope._replace(items=frozenset({item}))
        for item, reading, language in of_items
        for _, scope in _scopes(reading, language, loosely=True)
    ]
    return Branches((*scopes, *described), frozenset[str]().union(*listed))


def misplaced_things(reading: Reading, language: str, published: Branches, asked: Topics) -> Iterator[Clause]:
    """Yield the first clause of each sentence that tells of an item or a branch what is published of others only."""
    for clauses, scope in _scopes(reading, language, loosely=False):
        if any(clause.is_denied or not clause.is_claim or _IF.search(clause.text) for clause in clauses):
            continue
        places = scope.places & published.places
        if places and not scope.everywhere and _is_elsewhere(scope, places, published.scopes):
            yield clauses[0]
        items = scope.items or (asked if len(asked) == 1 else frozenset())
        has = len(items) == 1 and any(_HAS.search(clause.text) for clause in clauses)
        if has and _is_of_others(scope, items, asked if len(asked) > 1 else items, published.scopes):
            yield clauses[0]


def _is_elsewhere(scope: Scope, places: frozenset[str], published: Sequence[Scope]) -> bool:
    """Say whether something in a sentence is published of other places only."""
    for thing in scope.things | scope.items:
        told = [each for each in published if thing in each.things | each.items]
        placed = [each for each in told if each.places or each.everywhere]
        if thing not in scope.items and len(placed) < len(told):
            continue  # published of no place in particular
        if placed and not any(each.everywhere or places & each.places for each in placed):
            return True
    return False


def _is_of_others(scope: Scope, items: Topics, meant: Topics, published: Sequence[Scope]) -> bool:
    """Say whether something in a sentence is published of other items only; it may be of those that were `meant`."""
    for thing in scope.things | scope.names:
        told = [each for each in published if thing in each.things | each.names]
        if told and all(each.items and not each.items & (items | meant) for each in told):
            return True
    return False


def _scopes(reading: Reading, language: str, *, loosely: bool) -> Iterator[tuple[Sequence[Clause], Scope]]:
    """Yield the sentences of a text with what they tell of, and `loosely` what they may mean."""
    numbers = [clause.sentence for clause in reading.clauses]
    last: Topics = frozenset()  # what a published sentence without an item of its own goes on about
    for number, group in itertools.groupby(zip(reading.clauses, reading.topics, strict=True), lambda p: p[0].sentence):
        pairs = tuple(group)
        mentions = [m for m in reading.of("place", "name") if numbers[m.clause] == number]
        places = {str(m.value) for m in mentions if m.kind == "place"}
        names = {word for m in mentions if m.kind == "name" and isinstance(m.value, tuple) for word in m.value}
        found = [
            (f.concept, clause.words[f.at])
            for clause, _ in pairs
            for f in find_concepts(clause.words, language)
            if loosely or not f.is_loose
        ]
        text = " ".join(clause.text for clause, _ in pairs)
        items = items_of(frozenset().union(*(topics for _, topics in pairs))) or (last if loosely else frozenset())
        if loosely and _OF_ALL.match(text):
            items = frozenset()
        last = items
        yield (
            tuple(clause for clause, _ in pairs),
            Scope(
                things=frozenset(each for each, _ in found if each.startswith(_THINGS) and each not in _BRANCH),
                names=frozenset(names) - LISTS["links"],
                items=items,
                places=frozenset(places | names) - LISTS["links"],
                everywhere=bool(_EVERYWHERE.search(text)),
                lists_branches=any(each in _BRANCH and word.endswith("s") for each, word in found)
                or bool(_BRANCH_LIST.search(text)),
            ),
        )
