"""Whether a reply repeats the prospect's own figure to decline or acknowledge it, or agrees to it (P5).

Works on folded sentences in Spanish, Portuguese and English.
"""

import re

from agent.guardrails.expressions import load_expressions

_WORDS = load_expressions("pricing_words")

_DECLINES = _WORDS["declines"]
_REFUSES = _WORDS["refuses"]
_ACKNOWLEDGES = _WORDS["acknowledges"]
_LEADING_NO = re.compile(r"^\W*(?:no|nao)[,.!:] ")
"""It answers a question; whether the sentence declines is told by what follows."""
_SOOTHES = _WORDS["soothes"]
_AGREES = _WORDS["agrees"]
_OFFERS = _WORDS["offers"]
_GIVES = re.compile(
    r"\b(?:get you in|i'll give|we'll give|te doy|te damos|te dou|just for you|solo para ti|so pra voce|y listo"
    r"|y dentro|it is[.! ]*$|pay the rest)\b"
)
_AGREES_FIRST = _WORDS["agrees_first"]
_TURNS = re.compile(
    r"\b(?:pero|but|mas|porem|however|aunque|though|lamentablemente|infelizmente|unfortunately|sin embargo)\b"
)
_DENIAL = re.compile(
    r"\b(?:no|nao|not|isn't|aren't|don't|doesn't|ningun|ninguna|nenhum|nenhuma|never|nunca|tampoco|nem|ni|without"
    r"|cannot|can't|can not)"
    r"(?! mas\b| mais\b| more\b)(?: [\w']+){0,5} ?$"
)
_DENIED_BEHIND = re.compile(
    r"^,? ?(?:no|nao) (?:es|son|e|sao|esta|sale|sai|seria|hay|tenemos|podemos|puedo|da|temos|podemos|posso|ha|existe)\b"
    r"|^,? (?:it|that|they|this) (?:isn't|is not|aren't|are not|can't|cannot|won't)\b"
)
NO_LONGER = _WORDS["no_longer"]
"""How a reply says that a code or an offer is over."""
AGREEMENT = _WORDS["agreement"]
"""Agreement that need not repeat the figure."""
BARGAINS = _WORDS["bargains"]
"""How a prospect asks for another price."""


def is_denied(before: str, after: str = "") -> bool:
    """Say whether the words right before or behind an expression deny it: "no es gratis", "gratis no es"."""
    return bool(_DENIAL.search(_SOOTHES.sub("", before)) or _DENIED_BEHIND.match(after))


def is_declined(sentence: str) -> bool:
    """Say whether a sentence declines something, and does not agree to it after all."""
    soothed = _SOOTHES.sub("", _LEADING_NO.sub("", sentence))
    if _REFUSES.search(soothed):
        return True
    if not _DECLINES.search(soothed) or _AGREES.search(soothed):
        return False
    return not _AGREES_FIRST.search(soothed) or bool(_TURNS.search(soothed))


def is_acknowledged(sentence: str, before: str) -> bool:
    """Say whether a sentence repeats a figure as the prospect's: "con 300 de presupuesto"; `before` leads up to it."""
    if _agrees(sentence):
        return False
    return bool(_ACKNOWLEDGES.search(before[-60:]) or _ACKNOWLEDGES.search(sentence))


def is_offered(sentence: str, before: str) -> bool:
    """Say whether a sentence makes the prospect's figure our price; `before` leads up to it."""
    return _agrees(sentence) or bool(_OFFERS.search(before[-60:]))


def _agrees(sentence: str) -> bool:
    if _AGREES.search(sentence) or _GIVES.search(sentence):
        return True
    return bool(_AGREES_FIRST.search(sentence)) and not _TURNS.search(sentence)
