"""Step `detect`: the language of the burst, with the conversation's and the number's priors."""

from collections.abc import Mapping

from agent.language import LanguageDetector, conversation_language, next_prior, phone_prior
from agent.types import DetectedLanguage, Turn


def detect_language(turn: Turn, detector: LanguageDetector) -> DetectedLanguage:
    """Return the language to answer in (never None), how sure the detection was, and its posterior."""
    languages = turn.tenant.languages
    conversation = turn.conversation
    prior = (
        next_prior(conversation.language_posterior, languages)
        if conversation.language_posterior
        else phone_prior(conversation.contact_address, languages)
    )
    words = turn.words  # our descriptions of what they sent are in no language of theirs
    detected = detector.detect(words, languages=languages, prior=prior)
    known = conversation.language or conversation.contact.language
    usual = turn.tenant.default_language if words.strip() else _likeliest(prior, turn.tenant.default_language)
    language = conversation_language(known, detected, usual, text=words)
    return DetectedLanguage(language=language, confidence=detected.confidence, posterior=detected.posterior)


def _likeliest(prior: Mapping[str, float], default: str) -> str:
    """Return the language somebody's number tells; where it tells none, the default."""
    return max(prior, key=lambda each: (prior[each], each == default), default=default)
