"""Which published measures a number of a reply may be, and which it stands beside: the two ends of a range."""

import itertools
from collections.abc import Sequence
from decimal import Decimal

from agent.guardrails.grounding_facts import BASES, Facts, dimension
from agent.guardrails.grounding_reading import Mention
from agent.guardrails.grounding_statement import Conversation

_LOOSE = Decimal("0.09")
"""Twelve weeks are three months: measures in different units agree within this share."""
_SCALES = (
    frozenset({"units:minute", "units:hour"}),
    frozenset({"units:day", "units:night", "units:workday", "units:week", "units:month"}),
)
"""Units in which the same time may be told."""


def alike(mention: Mention, equal: Sequence[Mention], comparable: Sequence[Mention]) -> Sequence[Mention]:
    """Return what else a measure may be of: in its own unit or, where it is only converted, in any of like length."""
    if any(f.unit == mention.unit for f in equal):
        return [f for f in comparable if f.unit == mention.unit]
    scale = next((units for units in _SCALES if mention.unit in units), frozenset({mention.unit}))
    return [f for f in comparable if f.unit in scale]


def number_of(mention: Mention) -> Decimal:
    """Return the number of a quantity; -1 where it has none."""
    return mention.value if isinstance(mention.value, Decimal) else Decimal(-1)


def same_amount(one: Mention, other: Mention) -> bool:
    """Say whether two quantities are the same, nearly so where they are told in different units."""
    if one.unit == other.unit or one.unit not in BASES or other.unit not in BASES:
        return one.value == other.value
    if dimension(one.unit) != dimension(other.unit):
        return False
    return is_close(number_of(one) * BASES[one.unit], number_of(other) * BASES[other.unit])


def _beside(mention: Mention, talk: Conversation) -> set[Decimal]:
    """Return the other numbers of the same unit in its clause."""
    return {
        number_of(m)
        for m in talk.told
        if m.clause == mention.clause and m.unit == mention.unit and m.value != mention.value
    }


def is_told_together(mention: Mention, comparable: Sequence[Mention], talk: Conversation) -> bool:
    """Say whether a clause tells two numbers that are published together, as the ends of one range."""
    beside = _beside(mention, talk)
    return any(
        one.unit == other.unit == mention.unit
        and one.wide == other.wide
        and number_of(one if other.value == mention.value else other) in beside
        for one, other in itertools.pairwise(comparable)
        if mention.value in (one.value, other.value)
    )


_NEXT_TO = Decimal(1)


def is_up_to_the_next(mention: Mention, facts: Facts, talk: Conversation) -> bool:
    """Say whether it is the day beside a published threshold: "from 9 to 3 days before" where 10 and 3 are told."""
    if mention.unit not in {"units:day", "units:workday"}:
        return False
    limits = {number_of(f) for f in facts.notices if f.unit == mention.unit}
    return bool(_beside(mention, talk) & limits) and bool(
        {number_of(mention) + _NEXT_TO, number_of(mention) - _NEXT_TO} & limits
    )


def is_close(one: Decimal, other: Decimal) -> bool:
    """Say whether two lengths in the same unit are as good as one, told in months and in weeks."""
    return abs(one - other) <= _LOOSE * max(one, other)
