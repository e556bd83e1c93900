"""The reply is in the language it claims to be in, and in one the tenant answers in."""

from datetime import datetime
from typing import Protocol

from agent.guardrails.rule import Rule
from agent.types import Candidate, DetectedLanguage, Tenant, Turn, Verdict

RULE = "language"
VERSION = 1
MIN_CONFIDENCE = 0.95
"""A reply is only refused when the detector is this sure; short replies rarely are."""


class Detect(Protocol):
    """The detector's question, as `agent.language.LanguageDetector.detect` answers it."""

    def __call__(self, text: str, *, languages: tuple[str, ...]) -> DetectedLanguage:
        """Say which of `languages` a text is in."""
        ...


def make_language_rule(detect: Detect) -> Rule:
    """Return the rule that revises a reply in another language than `candidate.language`."""

    def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001
        if candidate.purpose != "reply" or candidate.author == "staff":
            return _passed()
        if candidate.language not in tenant.languages:
            return _revise(f"Write in one of: {', '.join(tenant.languages)}.", candidate.language)
        found = detect(candidate.text, languages=tenant.languages)
        if found.language in {None, candidate.language} or found.confidence < MIN_CONFIDENCE:
            return _passed()
        return _revise(
            f"The reply must be in {candidate.language!r}, and reads as {found.language!r}.",
            f"{found.language} ({found.confidence:.2f})",
        )

    return Rule(name=RULE, version=VERSION, check=check)


def _passed() -> Verdict:
    return Verdict(rule=RULE, outcome="pass", version=VERSION)


def _revise(reason: str, evidence: str) -> Verdict:
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, version=VERSION)
