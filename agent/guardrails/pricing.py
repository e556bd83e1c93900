"""No invented price (P5): whatever money a rendered reply states must follow from what the tenant has published.

The reply is read back as a prospect reads it. Every expression is explained by, in this order: the catalogue on
the tenant-local day, the published texts, the prospect's own figure when we decline it, arithmetic on other
explained amounts of the same reply. One that nothing explains makes the reply be rewritten, and so does one that
no longer holds on the day on which the prospect says to buy.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from agent.folding import words_of
from agent.guardrails.folded import MAX_CHARS
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.own_figures import AGREEMENT, BARGAINS, NO_LONGER, is_declined
from agent.guardrails.pricing_amounts import amount_objections
from agent.guardrails.pricing_free import false_inclusion
from agent.guardrails.pricing_later import later_objections
from agent.guardrails.pricing_reading import Reading, read
from agent.guardrails.pricing_terms import objection
from agent.guardrails.published import expired_codes, known_codes
from agent.guardrails.published_once import once_for
from agent.guardrails.rule import passed
from agent.prices import local_date
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "pricing"
VERSION = 7
MAX_EXPRESSIONS = 40
"""A reply with more money in it than this is refused unread."""
MAX_EVIDENCE = 120
_QUOTED = 4
"""Spaces in a sentence that is long enough to be a quotation."""

NO_SUCH_CODE = "There is no such discount code."

_Problem = tuple[str, tuple[int, int] | None]
"""What is wrong in a sentence, and where in the reply."""

_CODE = re.compile(
    r"\b(?:codigo|code|cupon|cupom|coupon|voucher|use|usa|usando|con|with|com|aplica"
    r"|type)\b(?: \w{1,12}){0,2} ?:? ?[\"'«“]?$",
    re.IGNORECASE,
)
_CODE_LIKE = r"(?<![.-])[A-ZÁÉÍÓÚÑ]{4,15}\d{1,3}(?![\w-])"


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    """Revise the reply if any money in it does not follow from what the tenant has published."""
    if len(candidate.text) > MAX_CHARS:
        return _revise("The reply is too long for its prices to be checked; shorten it.", candidate.text, None)
    reading = read(candidate, turn, tenant, local_date(tenant, now))
    problem = next((each for each in _problems(reading) if not _is_quoted(each, reading)), None)
    if problem is None:
        return passed(RULE, VERSION)
    return _revise(problem[0], candidate.text, problem[1])


def _is_quoted(problem: _Problem, reading: Reading) -> bool:
    """Say whether a sentence in which something seems wrong stands word for word in a published text."""
    place = problem[1][0] if problem[1] else -1
    sentence = next((e.sentence for e in reading.expressions if e.span[0] == place), "")
    words = words_of(sentence)
    return words.count(" ") >= _QUOTED and f" {words} " in _published_words(reading.tenant)


@once_for
def _published_words(tenant: Tenant) -> str:
    texts = (text for passage in tenant.passages for text in passage.text.values())
    return f" {' | '.join(digits_for_words(words_of(text), tenant.default_language) for text in texts)} "


def _revise(reason: str, text: str, span: tuple[int, int] | None) -> Verdict:
    evidence = text[slice(*span)].strip()[:MAX_EVIDENCE] if span else ""
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, span=span, version=VERSION)


def _problems(reading: Reading) -> Iterator[_Problem]:
    """Yield what nothing published explains."""
    if len(reading.expressions) > MAX_EXPRESSIONS:
        yield "The reply states more prices than can be checked; name at most a few.", None
        return
    yield from _codes(reading)
    for expression in reading.expressions:
        if expression.kind != "amount" and (reason := objection(expression, reading)):
            yield reason, expression.span
    yield from ((reason, expression.span) for expression, reason in amount_objections(reading))
    if included := false_inclusion(reading):
        yield "This is sold on its own; nothing published says that it is included.", included[1]
    yield from _agreements(reading)
    yield from ((reason, expression.span) for expression, reason in later_objections(reading))


def _codes(reading: Reading) -> Iterator[_Problem]:
    """Yield discount codes that have expired or never existed, unless the reply says so."""
    known, expired = known_codes(reading.tenant), expired_codes(reading.tenant, reading.today)
    for match in _code_like(known).finditer(reading.draft):
        code = match[0].upper()
        if code in known and code not in expired:
            continue
        if code not in known and not _CODE.search(reading.draft[max(0, match.start() - 40) : match.start()]):
            continue
        around = words_of(reading.draft[max(0, match.start() - 80) : match.end() + 90])
        if not NO_LONGER.search(around.replace(code.lower(), "")):
            yield ("This discount code has expired; do not offer it." if code in known else NO_SUCH_CODE), match.span()


@lru_cache(maxsize=64)
def _code_like(known: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern of what looks like a discount code, and of the known ones in any case."""
    ours = "|".join(re.escape(code) for code in sorted(known, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:(?i:{ours})(?!\w)|{_CODE_LIKE})" if known else rf"(?<!\w){_CODE_LIKE}")


def _agreements(reading: Reading) -> Iterator[_Problem]:
    """Yield words that accept a price which the prospect has named and nobody has published."""
    if not BARGAINS.search(reading.inbound):
        return
    for match in AGREEMENT.finditer(reading.plain.text):
        sentence = reading.plain.text[max(0, match.start() - 60) : match.end() + 60]
        if _asks_for_another_price(reading) and not is_declined(sentence.replace(match[0], " ")):
            yield "This accepts a price that is not published.", reading.plain.span(*match.span())


def _asks_for_another_price(reading: Reading) -> bool:
    """Say whether the prospect has named an amount or a percentage that no item has."""
    implied = {
        (each.amount_minor, each.currency)
        for item in range(len(reading.tenant.catalogue))
        for each in reading.implied(item)
        if each.role == "price"
    }
    return any(
        each.kind == "percent" or (each.kind == "amount" and not reading.money(each) & implied)
        for each in reading.asked
    )
