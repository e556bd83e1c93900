"""Decides whether a child of some age is taken in: published ages hold for every age between them, and for no other."""

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from agent.guardrails.grounding_reading import Mention, items_of
from agent.guardrails.grounding_statement import Statement

_AT_AGE = re.compile(
    r"\b(?:desde|a partir|from|aos|a los|at|age|con|com|with|tiene|tem)(?: d[eo]s?)?(?: l[oa]s| [oa]s| age)? $"
)
_OF_AGE = re.compile(r"\b(?:de|of|aged?) $")
_TAKES_IN = re.compile(
    r"\b(?:desde|a partir|from|starts?|empiez\w+|comienz\w+|comec\w+|ac[ei]\w*t\w+|admit\w+|entr\w+|join)\b"
)
_WAITS = re.compile(r"\b(?:esper\w+|wait\w*|young|early|pronto|cedo|todavia|ainda|yet|hasta|ate|until)\b")
_CHILDREN = re.compile(
    r"\b(?:nin[oa]s?|criancas?|kids?|children|infantil|hij[oa]s?|filh[oa]s?"
    r"|daughters?|sons?)\b"
)
_LASTS = re.compile(r"\b(?:experi\w+|garant\w+|guarant\w+|warrant\w+|desde ha[cz]e|ago)\b")
"""How long something has lasted or will is no age."""
_YEARS = "units:year"
_GROWN_UP = 18

Ages = tuple[Decimal, Decimal]


def is_taken_age(statement: Statement, published: Sequence[Mention]) -> bool:
    """Say whether an age lies between published ones: 8 where a group is "de 7 a 12 años"."""
    before = statement.clause_text.partition(f"{statement.mention.value}")[0]
    is_of_child = _OF_AGE.search(before) and _CHILDREN.search(statement.sentence.text)
    is_age = (_AT_AGE.search(before) or is_of_child) and not _LASTS.search(statement.clause_text)
    return bool(is_age) and _is_between(statement.mention, _ages(statement, published))


def is_wrong_age(statement: Statement, published: Sequence[Mention]) -> bool:
    """Say whether a child is taken in at an age outside those that are published for children."""
    text, mention = statement.clause_text, statement.mention
    is_child = isinstance(mention.value, Decimal) and mention.value < _GROWN_UP
    if mention.unit != _YEARS or not is_child or not _TAKES_IN.search(text) or _WAITS.search(text):
        return False
    ages = tuple(_ages(statement, published))
    is_age = _AT_AGE.search(text.partition(f"{mention.value}")[0])
    is_of_children = items_of(mention.subject) or _CHILDREN.search(text)
    return bool(ages and is_age and is_of_children) and not _is_between(mention, ages)


def _is_between(mention: Mention, ages: Iterator[Ages] | Sequence[Ages]) -> bool:
    return isinstance(mention.value, Decimal) and any(first <= mention.value <= last for first, last in ages)


def _ages(statement: Statement, published: Sequence[Mention]) -> Iterator[Ages]:
    """Yield the published ages, from and to, of the items a statement is about, or else all."""
    items = items_of(statement.mention.subject)
    for one, other in itertools.pairwise(published):
        first, last = one.value, other.value
        is_range = one.unit == other.unit == statement.mention.unit == _YEARS and one.wide == other.wide
        if not (is_range and isinstance(first, Decimal) and isinstance(last, Decimal)):
            continue
        if first < last and first < _GROWN_UP and (items & one.wide or not items):
            yield first, last
