"""Personal data: no other person's in a reply, and no card, bank or identity number at all, not even the prospect's.

What the tenant has published (its telephone, address, staff) and what the prospect wrote of contact data may be
repeated. Source: GDPR art. 5 (1) b, c; LGPD art. 6; PCI DSS 3.4 (of a card number the last four digits at most).
"""

from collections.abc import Iterator
from datetime import datetime

from agent.guardrails.contact_data import find_contact_data
from agent.guardrails.findings import Finding, known_to
from agent.guardrails.folded import fold_text
from agent.guardrails.identity_numbers import find_identity_numbers
from agent.guardrails.people import find_people
from agent.guardrails.pii_others import find_answers_about_others
from agent.guardrails.rule import passed
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "pii"
VERSION = 4


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that holds personal data which nobody published or gave, or any card or identity number.

    The evidence says what kind of data it is and not the data: verdicts are stored and traced.
    """
    found = next(_findings(candidate.text, turn, tenant), None)
    if found is None:
        return passed(RULE, VERSION)
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason=f"The text contains personal data that must not be sent: {found.what}.",
        evidence=found.what,
        span=found.span,
        version=VERSION,
    )


def _findings(text: str, turn: Turn, tenant: Tenant) -> Iterator[Finding]:
    """Yield what must not be sent, the worst kind first."""
    folded, known = fold_text(text), known_to(turn, tenant)
    yield from find_identity_numbers(folded, known.published.numbers)
    yield from find_contact_data(text, folded, known)
    yield from find_people(text, known)
    yield from find_answers_about_others(text, known)
