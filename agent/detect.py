"""Step `detect`: the language of the burst, with the conversation's and the number's priors."""

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
    detected = detector.detect(turn.text, languages=languages, prior=prior)
    known = conversation.language or conversation.contact.language
    language = conversation_language(known, detected, turn.tenant.default_language, text=turn.text)
    return DetectedLanguage(language=language, confidence=detected.confidence, posterior=detected.posterior)
