"""Whether a percentage is a published figure told in other words, or one that numbers of the reply make (P5)."""

import re
from decimal import ROUND_HALF_UP, Decimal

from agent.guardrails.money_text import MoneyExpression, numbers_in
from agent.guardrails.pricing_reading import Reading

_OF_CUSTOMERS = re.compile(
    r"\b(?:promedio|average|averaged|media|(?:en|in|em|de|our|nuestros|nossos) 20\d\d|clientes?|customers?|clients?"
    r"|alumn[oa]s|students|alun[oa]s|pacientes|patients|usuarios|users)\b"
)
"""Words of a sentence that tells what happened to others."""
_WENT_DOWN = re.compile(
    r"\b(?:redu[cjz]|baj[aoe]|baix|disminu|diminu|cay|ca[ei]u|ahorr|econom|sav(?:e|ing)|cut\b|dropp|fell\b|lower|decreas|less\b"
    r"|fewer\b|menos\b)"
)
"""How a published figure tells that something became less."""
_MAX_NUMBERS = 12


def is_told_of_customers(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether "78 % less" tells by how much something of the customers went down, as a published fact does."""
    if not _OF_CUSTOMERS.search(expression.sentence):
        return False
    return any(
        each.value == expression.value and _OF_CUSTOMERS.search(each.sentence) and _WENT_DOWN.search(each.sentence)
        for each in reading.published.of_kind("percent")
    )


def is_share_of_counts(expression: MoneyExpression, reading: Reading) -> bool:
    """Say whether a percentage is what a number of the reply is of another, beside a published one to compare it with.

    Missing 3 weeks of 12 leaves 75 % of attendance, where at least 80 % is published.
    """
    facts = {each.value for each in reading.published.of_kind("percent")}
    if not any(e.kind == "percent" and e.value in facts - {expression.value} for e in reading.expressions):
        return False
    numbers = sorted(n for n in numbers_in(reading.plain) | reading.asked_numbers if n > 0)[:_MAX_NUMBERS]
    shares = {100 * part / whole for whole in numbers for part in numbers if part < whole}
    return any(_rounded(each) == expression.value for share in shares for each in (share, 100 - share))


def _rounded(percent: Decimal) -> Decimal:
    return percent.quantize(Decimal(1), ROUND_HALF_UP)
