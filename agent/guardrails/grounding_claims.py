"""Which sentences of a reply state something of the business that code could neither confirm nor contradict."""

from collections.abc import Sequence

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_findings import judge_all, prepare
from agent.guardrails.grounding_numbers import MONEY
from agent.guardrails.grounding_statement import Finding
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS, concepts_at, family, pattern
from agent.types import Candidate, Tenant, Turn

MAX_CLAIMS = 12
"""No reply that may be sent says more; the judge reads them in one call."""
_LEAST_WORDS = 4
_LEAST_LETTERS = 4
_MOSTLY = 0.5
"""A sentence whose checkable mentions are all published is confirmed when this share of its words is, too."""
_OFFER = compiled_on_use(rf"\b{pattern('offer')}\b")


def claims_to_judge(candidate: Candidate, turn: Turn, tenant: Tenant) -> tuple[str, ...]:
    """Return the sentences, as written, that a judge must read: statements code can neither confirm nor contradict.

    Questions, offers of the agent, "I will check", prices alone and what the facts say word by word are not among them.
    """
    facts, reading, talk = prepare(candidate, turn, tenant, turn.inbound[-1].created_at)
    findings = judge_all(reading, facts, talk)
    claims: list[str] = []
    for number in dict.fromkeys(clause.sentence for clause in reading.clauses):
        clauses = [clause for clause in reading.clauses if clause.sentence == number]
        found = [f for m, f in zip(reading.mentions, findings, strict=True) if reading.clauses[m.clause] in clauses]
        if _is_open(clauses, found, facts, candidate.language):
            claims.append(candidate.text[clauses[0].start : clauses[-1].end])
    return tuple(claims[:MAX_CLAIMS])


def _is_open(clauses: Sequence[Clause], found: Sequence[Finding], facts: Facts, language: str) -> bool:
    stated = [clause for clause in clauses if clause.is_claim and not _OFFER.search(clause.text)]
    words = [(clause, at) for clause in stated for at, word in enumerate(clause.words) if _tells(word)]
    if sum(len(clause.words) for clause in stated) < _LEAST_WORDS or not words:
        return False
    if any(finding in {"contradicted", "unsupported"} for finding in found) or any(map(_is_priced, stated)):
        return False  # the rule has already objected; or the rule `pricing` reads it
    known = sum(_is_published(clause.words, at, facts, language) for clause, at in words)
    confirmed = "supported" in found and known >= _MOSTLY * len(words)
    return not (confirmed or known == len(words))


def _is_priced(clause: Clause) -> bool:
    return bool(MONEY.search(clause.plain))


def _tells(word: str) -> bool:
    """Say whether a word carries meaning that facts could bear out."""
    return len(word) >= _LEAST_LETTERS and word.isalpha() and word not in LISTS["stops"]


def _is_published(words: Sequence[str], at: int, facts: Facts, language: str) -> bool:
    """Say whether the tenant's texts have this word, a relative of it, or what it means in another language."""
    if words[at] in facts.words or family(words[at]) in facts.families:
        return True
    return any(found.concept in facts.concepts for found in concepts_at(words, at, language))
