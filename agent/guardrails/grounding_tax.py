"""Decides whether a reply says of taxes what is published: that prices include them, or that they come on top."""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import Reading
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import pattern

Told = Literal["included", "on top", ""]

_TAX = re.compile(rf"\b{pattern('tax')}\b")
_INCLUDED = re.compile(rf"\b{pattern('tax_included')}")
_ON_TOP = compiled_on_use(rf"(?:\b|(?=\+)){pattern('tax_on_top')}")

_RATE = re.compile(
    r"\b(?:iva|vat|gst|igv|itbis|tax(?:es)?|impuestos?|impostos?)[^.\d%]{0,12}(\d{1,2}(?:\.\d{1,2})?) ?%"
    r"|(\d{1,2}(?:\.\d{1,2})?) ?%(?: de| of)? (?:iva|vat|gst|igv|itbis|tax|impuesto|imposto)"
)
"""Where a text tells how high a tax is."""
_NUMBER = re.compile(r"\d[\d.,]{0,12}(?<![.,])")
_CENTS = re.compile(r"[.,]\d\d$")
_CENT = Decimal("0.01")


def false_taxes(reading: Reading, facts: Facts) -> Iterator[Clause]:
    """Yield the clauses that say the opposite of what is published of taxes."""
    if not _TAX.search(" ".join(clause.text for clause in reading.clauses)):
        return
    published = _published(facts.text)
    if len(published) != 1:
        return
    for clause in reading.clauses:
        told = _told(clause.text) if clause.is_claim else ""
        if told and told not in published and not _is_restated(clause.text, reading, facts):
            yield clause


def _is_restated(text: str, reading: Reading, facts: Facts) -> bool:
    """Say whether a clause tells a price to which a published rate has been added: "con IVA son $754"."""
    rates = {Decimal(match[1] or match[2]) for match in _RATE.finditer(facts.text)}
    said = {number for clause in reading.clauses for number in _numbers(clause.text)}
    taxed = {(price * (100 + rate) / 100).quantize(_CENT) for price in facts.prices | said for rate in rates}
    return any(number.quantize(_CENT) in taxed for number in _numbers(text))


def _numbers(text: str) -> Iterator[Decimal]:
    for match in _NUMBER.finditer(text):
        whole, _, cents = match[0].replace(",", ".").rpartition(".") if _CENTS.search(match[0]) else (match[0], "", "0")
        yield Decimal(f"{re.sub('[.,]', '', whole)}.{cents}")


@lru_cache(maxsize=64)
def _published(text: str) -> frozenset[Told]:
    return frozenset(told for sentence in re.split(r"[.;]\s|\n", text) if (told := _told(sentence)))


def _told(text: str) -> Told:
    """Say what a sentence tells of taxes; nothing where it tells both or neither."""
    if not _TAX.search(text):
        return ""
    on_top = bool(_ON_TOP.search(text))
    included = bool(_INCLUDED.search(_ON_TOP.sub(" ", text)))
    return "" if on_top == included else "on top" if on_top else "included"
