"""What a reply says about the business is published, follows from what is published, or is the prospect's own word.

Code decides what can be compared across languages: times, days, dates, years, counts and measures, names, codes,
addresses, and features a business has or has not. The rest is for the judge (`claims_to_judge`).
"""

from datetime import datetime

from agent.guardrails.grounding_claims import claims_to_judge
from agent.guardrails.grounding_findings import Fault, find_faults, prepare
from agent.guardrails.pricing_reading import read as read_prices
from agent.guardrails.rule import passed
from agent.prices import local_date
from agent.types import Candidate, Tenant, Turn, Verdict

__all__ = ["RULE", "VERSION", "check", "claims_to_judge"]

RULE = "grounding"
VERSION = 6
_REASONS = {
    "time": "The reply gives a time that is not published",
    "weekday": "The reply names a day that is not published",
    "date": "The reply gives a date that is not published",
    "year": "The reply gives a year that is not published",
    "quantity": "The reply gives a number that is not published",
    "feature": "The reply says the business has something that is not published",
    "part": "The reply names a part of the day that is not published",
    "name": "The reply uses a name that is not published",
    "code": "The reply names a certificate or code that is not published",
    "phone": "The reply gives a telephone number that is not published",
    "email": "The reply gives an e-mail address that is not published",
    "included": "The reply says that something is included, or is not",
    "start": "The reply says that something starts all the time",
    "all": "The reply says of all what is published of some",
    "answer": "The reply says yes to something that is not published",
    "slot": "The reply gives hours that are published for other days",
    "tax": "The reply says of taxes what is not published",
    "scope": "The reply says of one thing what is published of another only",
    "people": "The reply says of the people or the standing of the business what is not published",
    "way": "The reply says of a way that it takes what is not published",
    "length": "The reply says of something published with a length that it has no end",
    "limit": "The reply takes in an age or a level that is not published",
    "scarcity": "The reply says that something is running out, which is not published",
}


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    """Revise a reply that says of the business what its facts, catalogue and policies contradict or do not contain."""
    facts, reading, talk = prepare(candidate, turn, tenant, now)
    faults = find_faults(reading, facts, talk)
    fault = next((each for each in faults if not _is_money(each, candidate, turn, tenant, now)), None)
    if fault is None:
        return passed(RULE, VERSION)
    reason = f"{_REASONS[fault.kind]}: leave it out, correct it from the facts, or say that you will check."
    if fault.finding == "contradicted":
        reason = f"{_REASONS[fault.kind]}; something else is: correct it from the facts."
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason=reason,
        evidence=candidate.text[fault.start : fault.end],
        span=(fault.start, fault.end),
        version=VERSION,
    )


def _is_money(fault: Fault, candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> bool:
    """Say whether a number, or what looks like a code ("CLP3,000"), is money, of which the rule `pricing` judges."""
    if fault.kind not in {"quantity", "code"}:
        return False
    amounts = read_prices(candidate, turn, tenant, local_date(tenant, now)).amounts
    return any(each.span[0] <= fault.start < each.span[1] for each in amounts)
