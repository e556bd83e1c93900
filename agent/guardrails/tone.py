"""The agent is kind: no insult, contempt, guilt, pressure, profanity, discrimination, threat, nor ill of competitors.

Saying no kindly, showing sympathy and stating when a published offer ends pass.
"""

from collections.abc import Iterator
from datetime import datetime
from re import Match

from agent.guardrails.backing import backing_of
from agent.guardrails.patterns import load_patterns
from agent.guardrails.sentences import Sentence, is_denied, read_sentences
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "tone"
VERSION = 1
MAX_EVIDENCE = 160

REASONS = {
    "profanity": "The reply swears.",
    "insult": "The reply insults the prospect.",
    "contempt": "The reply sounds contemptuous; say it kindly.",
    "guilt": "The reply makes the prospect feel guilty; let them decide freely.",
    "discrimination": "The reply judges people by age, gender, origin, religion or disability.",
    "threat": "The reply threatens the prospect.",
    "pressure": "The reply presses the prospect to decide; state the facts and let them choose.",
    "disparage": "The reply speaks ill of a competitor; say what you offer instead.",
}
"""One sentence for the seller per kind."""

_WORDS = load_patterns("tone_words")


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that is unkind or presses the prospect."""
    sentences = read_sentences(candidate.text)
    said = frozenset[str]().union(*(sentence.starts for sentence in sentences))
    lists = frozenset(key for key in ("always", "plain", "scarce") if _WORDS[key].may_find(said))
    for sentence in sentences:
        for kind, match in _unkind(sentence, tenant, lists):
            span = sentence.span(match)
            return Verdict(
                rule=RULE,
                outcome="revise",
                reason=REASONS[kind],
                evidence=candidate.text[slice(*span)][:MAX_EVIDENCE],
                span=span,
                version=VERSION,
            )
    return Verdict(rule=RULE, outcome="pass", version=VERSION)


def _unkind(sentence: Sentence, tenant: Tenant, lists: frozenset[str]) -> Iterator[tuple[str, Match[str]]]:
    """Yield what `lists` find unkind in a sentence, by kind, unless it is denied or published."""
    if "always" in lists:
        yield from _WORDS["always"].find(sentence.words, sentence.starts)
    for kind, match in _WORDS["plain"].find(sentence.words, sentence.starts) if "plain" in lists else ():
        if not _is_excused(sentence, match):
            yield kind, match
    for kind, match in _WORDS["scarce"].find(sentence.words, sentence.starts) if "scarce" in lists else ():
        if not (_is_excused(sentence, match) or backing_of(tenant).states(sentence.words)):
            yield kind, match


def _is_excused(sentence: Sentence, match: Match[str]) -> bool:
    """Say whether the words are denied, or in sympathy with what others have done to the prospect."""
    before = sentence.words[: match.start()]
    sympathy = any(True for _ in _WORDS["sympathy"].find(before, sentence.starts))
    return sympathy or is_denied(sentence, match)
