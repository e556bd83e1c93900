"""Decides whether the names, codes, telephone numbers and addresses of a reply are published."""

from collections.abc import Sequence

from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_statement import Conversation, Finding, Statement
from agent.guardrails.grounding_words import LISTS, ZONES, find_concepts

# --- names ----------------------------------------------------------------------------------------------------

_COUNTRY_PLACES = {
    "ES": "spain", "PT": "portugal", "BR": "brazil", "MX": "mexico", "AR": "argentina", "CL": "chile", "CO": "colombia",
    "PE": "peru", "UY": "uruguay", "GB": "uk", "IE": "ireland", "US": "usa", "EC": "ecuador", "VE": "venezuela",
    "CR": "costa_rica", "PA": "panama", "CA": "canada", "DE": "germany", "FR": "france", "IT": "italy",
}  # fmt: skip
_LINKS = LISTS["links"]
_COMMON_TABLES = frozenset({"units", "topics", "extra_topics", "parts_of_day", "features"})


def judge_name(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a proper name, word by word; one that only the prospect used is theirs, unless it is said to be served."""
    words = statement.mention.value if isinstance(statement.mention.value, tuple) else ()
    unknown = _unknown_words(words, facts, talk)
    if not unknown:
        return "supported"
    if statement.sentence.tells_time and any(f.concept in ZONES for f in find_concepts(words, "en")):
        return "undecided"  # "18:00 in London": the time is what is checked
    if all(word in talk.inbound_words for word in unknown):
        return "unsupported" if statement.sentence.serves and not _is_greeting(statement, words) else "undecided"
    return "unsupported"


def _is_greeting(statement: Statement, words: Sequence[str]) -> bool:
    return len(statement.clause_text.split()) <= len(words) + 2


def _unknown_words(words: Sequence[str], facts: Facts, talk: Conversation) -> list[str]:
    """Return the words of a name that nothing published, and nobody's name in the conversation, has."""
    home = f"places:{_COUNTRY_PLACES.get(talk.country, '')}"
    covered: set[int] = set()
    for found in find_concepts(words, "en"):
        if (
            found.concept in facts.concepts
            or found.concept == home
            or found.concept.partition(":")[0] in _COMMON_TABLES
        ):
            covered.update(range(found.at, found.at + found.length))
    return [
        word
        for at, word in enumerate(words)
        if at not in covered
        and word not in _LINKS
        and word not in facts.words
        and word not in talk.contact_words
        and not _is_cognate(word, facts.words)
    ]


def _is_cognate(word: str, words: frozenset[str]) -> bool:
    """Say whether a published word is nearly this one: "Madri" and "Madrid"."""
    if len(word) < 5:
        return False
    return any(
        other.startswith(word[:4]) and abs(len(other) - len(word)) <= 2 and _alike(word, other) for other in words
    )


def _alike(one: str, other: str) -> bool:
    return sum(a == b for a, b in zip(one, other, strict=False)) >= 0.7 * max(len(one), len(other))


def judge_code(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a certificate, norm or code, such as "ISO 9001"."""
    (code,) = statement.mention.value if isinstance(statement.mention.value, tuple) else ("",)
    if code in facts.compact:
        return "supported"
    echoed = any(m.value == statement.mention.value for m in talk.inbound.of("code"))
    return "undecided" if echoed and not statement.sentence.serves else "unsupported"


def judge_phone(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a telephone number by its last eight digits."""
    (digits,) = statement.mention.value if isinstance(statement.mention.value, tuple) else ("",)
    said = [str(m.value[0]) for m in talk.inbound.of("phone") if isinstance(m.value, tuple)]
    known = any(number[-8:] == digits[-8:] for number in (*facts.digits, *said))
    return "supported" if known or digits[-8:] in facts.compact else "unsupported"


def judge_email(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge an e-mail address."""
    (address,) = statement.mention.value if isinstance(statement.mention.value, tuple) else ("",)
    said = any(m.value == statement.mention.value for m in talk.inbound.of("email"))
    return "supported" if said or address in facts.text else "unsupported"
