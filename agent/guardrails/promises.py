"""The agent promises what the tenant has published, and nothing else.

Guarantees, results, deadlines, refunds, exclusivity, places held, prices locked, replacements, and what law, health,
taxes or visas allow. Refusing to promise, offering to check and stating a policy as it is are no promises.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from re import Match

from agent.guardrails.backing import backing_of
from agent.guardrails.patterns import load_patterns
from agent.guardrails.sentences import Sentence, Span, is_conditional, is_denied, is_hedged, read_sentences
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "promises"
VERSION = 1
MAX_EVIDENCE = 160

REASONS = {
    "guarantee": "The reply gives a guarantee that your policies do not give.",
    "refund": "The reply promises money back beyond your refund policy.",
    "cancellation": "The reply promises a cancellation on terms you have not published.",
    "reservation": "The reply holds a place beyond your reservation policy.",
    "price_lock": "The reply promises that a price will not change, which no policy says.",
    "replacement": "The reply promises a replacement or a redo that no policy gives.",
    "redo": "The reply promises to repeat something, which no policy gives.",
    "exclusivity": "The reply promises exclusivity, which no policy gives.",
    "result": "The reply promises a result that nobody can be sure of.",
    "deadline": "The reply commits to a date or a time you have not published.",
    "visa": "The reply makes a claim about visas or residence; it may only say whom to ask.",
    "tax": "The reply makes a claim about taxes; it may only say whom to ask.",
    "legal": "The reply makes a legal claim that you have not published.",
    "medical": "The reply makes a medical claim or gives medical advice.",
    "forbidden": "The reply speaks on a subject you have forbidden.",
}
"""One sentence for the seller per topic."""

_WORDS = load_patterns("promises_words")
_TALK = _WORDS["talk"]
_OPEN = frozenset({"visa", "tax", "legal", "medical", "result"})
"""Topics on which "if it is …, ask your …" is no claim."""
_SPECIFIC = frozenset({"refund", "reservation", "price_lock", "replacement", "redo", "cancellation"})
"""Topics of which a guarantee says no more than that they hold: "your place is guaranteed once you pay"."""
_CLAIMS = {
    topic: lists["claims"]
    for topic, lists in sorted(_WORDS.items(), key=lambda e: e[0] == "guarantee")
    if "claims" in lists
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claim:
    topic: str
    sentence: Sentence
    span: Span


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that promises more than the tenant's policies and facts."""
    found = next(_broken(candidate, tenant), None)
    if found is None:
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason=REASONS[found.topic],
        evidence=candidate.text[slice(*found.span)][:MAX_EVIDENCE],
        span=found.span,
        version=VERSION,
    )


def _broken(candidate: Candidate, tenant: Tenant) -> Iterator[_Claim]:
    """Yield the promises of a text that nothing published backs."""
    sentences = read_sentences(candidate.text)
    backing = backing_of(tenant)
    whole = " . ".join(sentence.words for sentence in sentences)
    for sentence in sentences:
        if backing.repeats(sentence.words):
            continue
        for topic, match in _claims(sentence):
            if not backing.backs(topic, sentence, match, whole, candidate.language):
                yield _Claim(topic=topic, sentence=sentence, span=sentence.span(match))


def _claims(sentence: Sentence) -> Iterator[tuple[str, Match[str]]]:
    """Yield what the sentence promises, by topic: neither denied nor only asked about."""
    specific = False
    for topic, pattern in _CLAIMS.items():
        if topic == "guarantee" and specific:
            continue
        for match in pattern.finditer(sentence.words):
            if not (is_denied(sentence, match) or is_hedged(sentence, match) or _is_open(topic, sentence, match)):
                specific = specific or topic in _SPECIFIC
                yield topic, match


def _is_open(topic: str, sentence: Sentence, match: Match[str]) -> bool:
    """Say whether the matter is left open: behind an "if", or for an expert to answer."""
    if topic not in _OPEN:
        return False
    refers = _TALK["referral"].search(sentence.words) and _TALK["unsure"].search(sentence.words)
    return is_conditional(sentence, match) or bool(refers)
