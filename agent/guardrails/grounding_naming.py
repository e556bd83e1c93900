"""Decides whether the names, codes, telephone numbers and addresses of a reply are published."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from agent.guardrails.grounding_facts import Facts, sound
from agent.guardrails.grounding_features import owned
from agent.guardrails.grounding_statement import Conversation, Finding, Statement
from agent.guardrails.grounding_words import LISTS, ZONES, find_concepts, pattern

# --- names ----------------------------------------------------------------------------------------------------

_LINKS = LISTS["links"]
_LEAST_SOUND = 4
_LONG_NAME = 4
_ALIKE = 0.8
_CLOCKS = frozenset(
    {"este", "leste", "eastern", "central", "centro", "pacifico", "pacific", "montana", "montanha", "mountain"}
)
"""How time zones of countries with several are called: "13:00 del Este"."""
_HOUR_APART = re.compile(
    r"\b(?:1|una?|uma|one|an)(?: (?:hora|hour))? (?:menos|mas|mais|less|more|ahead|behind|earlier|later|antes)\b"
)
_FROM_WHERE = r"(?:puede\w*|podes|pode\w*|can|could) (?:[a-z]+ ){1,3}(?:desde|de|from)"
"""How a reply says from where the prospect may take part."""
_COMMON_TABLES = frozenset({"units", "topics", "extra_topics", "parts_of_day", "features"})


def judge_name(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a proper name, word by word; one that only the prospect used is theirs, unless it is said to be served."""
    words = statement.mention.value if isinstance(statement.mention.value, tuple) else ()
    if any(word in facts.denied_names for word in words):
        return "undecided" if talk.denied_words.intersection(words) else "contradicted"
    unknown = _unknown_words(words, facts, talk)
    if not unknown:
        return "supported"
    is_clock = set(words) <= _CLOCKS or any(f.concept in ZONES for f in find_concepts(words, "en"))
    if is_clock and (statement.sentence.tells_time or _HOUR_APART.search(statement.clause_text)):
        return "undecided"  # "18:00 in London": the time is what is checked
    if len(words) >= _LONG_NAME and len(unknown) < len(words) - 1:
        return "undecided"  # "Regional Government of León" for "Junta de León": partly translated
    if not all(word in talk.inbound_words for word in unknown):
        return "unsupported"
    is_theirs = all(_is_of_prospect(word, talk) for word in unknown)  # "my Golf"
    is_theirs = is_theirs or bool(re.search(rf"\b{_FROM_WHERE} {re.escape(words[0])}\b", statement.clause_text))
    return (
        "undecided" if is_theirs or not statement.sentence.serves or _is_greeting(statement, words) else "unsupported"
    )


def _is_of_prospect(word: str, talk: Conversation) -> bool:
    return any(word in owned(clause.plain) for clause in talk.inbound.clauses)


_JOINS = frozenset({"y", "e", "and", "o", "or", "ou"})
_COURTESY = re.compile(rf"^\W*(?:{pattern('yes')}|{pattern('greets')})\W*$")


def _is_greeting(statement: Statement, words: Sequence[str]) -> bool:
    """Say whether a clause is only a name, or a courtesy and a name: "Sure, Ana"."""
    if _JOINS.intersection(words):
        return False  # "…, Shopify y Contpaqi" goes on with a list
    rest = [word for word in statement.clause_text.split() if word.strip("¡!¿?.,:") not in words]
    return not rest or bool(_COURTESY.match(" ".join(rest)))


def _unknown_words(words: Sequence[str], facts: Facts, talk: Conversation) -> list[str]:
    """Return the words of a name that nothing published, and nobody's name in the conversation, has."""
    home = f"places:{talk.country}"
    covered: set[int] = set()
    for found in find_concepts(words, "en"):
        if not found.is_loose and (
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
        and not is_cognate(word, facts.sounds)
    ]


def is_cognate(word: str, sounds: Mapping[str, tuple[str, ...]]) -> bool:
    """Say whether a published word sounds nearly like this one: "Madri" and "Madrid", "Kyoto" and "Quioto"."""
    own = sound(word)
    return len(own) >= _LEAST_SOUND and any(_alike(own, other) for other in sounds.get(own[:2], ()))


def _alike(one: str, other: str) -> bool:
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return abs(len(one) - len(other)) <= 2 and same >= _ALIKE * max(len(one), len(other))


def judge_code(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a certificate, norm or code, such as "ISO 9001"."""
    (code,) = statement.mention.value if isinstance(statement.mention.value, tuple) else ("",)
    if code in facts.compact:
        return "supported"
    name = code.rstrip("0123456789")
    if name in facts.words and Decimal(code[len(name) :] or 0) in facts.prices:
        return "undecided"  # "the CIPLE 245"
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
