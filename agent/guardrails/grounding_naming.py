"""Decides whether the names, codes, telephone numbers and addresses of a reply are published."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from agent.guardrails.grounding_facts import Facts, sound
from agent.guardrails.grounding_features import owned
from agent.guardrails.grounding_limits import is_taken_level
from agent.guardrails.grounding_statement import Conversation, Finding, Statement
from agent.guardrails.grounding_words import LISTS, ZONES, family, find_concepts, pattern

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
_CLOCK_CHANGE = re.compile(
    r"\b(?:horario|hora) (?:de |do )?(?:verano|verao|invierno|inverno)\b"
    r"|\b(?:summer|winter|daylight)(?: saving)? time\b"
)
"""What is named beside it is where the clocks change."""
_FROM_WHERE = r"(?:puede\w*|podes|pode\w*|can|could) (?:[a-z]+ ){1,3}(?:desde|de|from)"
"""How a reply says from where the prospect may take part."""
_THEY_DO = re.compile(r"\b(?:p(?:a)?ra (?:voce|vc|tu|que|o senhor|a senhora)|for you to|so (?:that )?you can)\b")
"""What stands behind it the prospect does: "a receipt for you to claim from Unimed"."""
_COMMON_TABLES = frozenset({"units", "topics", "extra_topics", "parts_of_day", "features"})


def judge_name(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge a proper name, word by word; one that only the prospect used is theirs, unless it is said to be served."""
    words = statement.mention.value if isinstance(statement.mention.value, tuple) else ()
    if any(word in facts.denied_names for word in words):
        return "undecided" if talk.denied_words.intersection(words) else "contradicted"
    unknown = _unknown_words(words, facts, talk)
    if all(is_taken_level(word, facts) for word in unknown) or _is_short_for(words, facts):
        return "supported"
    is_clock = set(words) <= _CLOCKS or any(f.concept in ZONES for f in find_concepts(words, "en"))
    if _CLOCK_CHANGE.search(statement.clause_text) or (
        is_clock and (statement.sentence.tells_time or _HOUR_APART.search(statement.clause_text))
    ):
        return "undecided"  # "18:00 in London": the time is what is checked
    if len(words) >= _LONG_NAME and len(unknown) < len(words) - 1:
        return "undecided"  # "Regional Government of León" for "Junta de León": partly translated
    if not all(word in talk.inbound_words for word in unknown):
        return "unsupported"
    is_theirs = all(_is_of_prospect(word, talk) for word in unknown)  # "my Golf"
    is_theirs = is_theirs or _is_located(words, statement, facts)  # "Toluca is in the State of Mexico, which we cover"
    is_theirs = is_theirs or bool(_THEY_DO.search(statement.clause_text.partition(words[0])[0]))
    is_theirs = is_theirs or bool(re.search(rf"\b{_FROM_WHERE} {re.escape(words[0])}\b", statement.clause_text))
    return (
        "undecided" if is_theirs or not statement.sentence.serves or _is_greeting(statement, words) else "unsupported"
    )


def _is_of_prospect(word: str, talk: Conversation) -> bool:
    return any(word in owned(clause.plain) for clause in talk.inbound.clauses)


_LOCATES = (
    r"(?:\w+ )?(?:esta|queda|fica|is|es|pertenece|pertence|belongs|falls|lies|forma parte|faz parte|e)"
    r"\b,? (?:\w+ ){0,2}?(?:en|em|in|n[oa]|del?|d[oa]|within|inside|dentro d\w+|part of|to|al?)"
)
_FOLLOWS = (
    r"(?:entonces|entao|so|asi que|por lo que|por lo tanto|por tanto|portanto|logo|por eso|por isso"
    r"|therefore|de modo que)"
)


def _is_located(words: Sequence[str], statement: Statement, facts: Facts) -> bool:
    """Say whether a sentence tells of a place that it lies in a published one: whether it does, code cannot tell."""
    text, name = statement.sentence.text, re.escape(" ".join(words))
    inside = re.search(rf"\b{name} {_LOCATES} (?P<place>[a-z ]{{3,60}})", text)
    before = re.search(rf"(?P<place>[a-z ]{{3,60}}),? {_FOLLOWS} (?:\w+ ){{0,2}}{name}\b", text)
    match = inside or before
    if not match:
        return False
    places = frozenset(word for name in facts.of("name") if isinstance(name.value, tuple) for word in name.value)
    told = match["place"].split()
    published = any(f.concept in facts.concepts for f in find_concepts(told, "en") if f.concept.startswith("places:"))
    return published or not places.isdisjoint(told)


def _is_short_for(words: Sequence[str], facts: Facts) -> bool:
    """Say whether a name is short for something published: "TAs" for "teaching assistants"."""
    if len(words) != 1 or not _SHORT.fullmatch(words[0]):
        return False
    letters = [words[0], words[0].removesuffix("s")]
    return any(
        re.search(r"\b" + r"[a-z]*(?: (?:of|de|d[aeo]s?|del|and|y|e))? ".join(each) + r"[a-z]*\b", facts.text)
        for each in letters
        if len(each) > 1
    )


_SHORT = re.compile(r"[a-z]{2,5}")
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
        and not (len(words) >= _BODY and _is_related(word.removesuffix("'s"), facts))
    ]


_BODY = 3
"""Words of a name that is no person's, "Portuguese Surfing Federation": they may be translated."""
_LEAST_RELATED = 6


def _is_related(word: str, facts: Facts) -> bool:
    """Say whether a word begins as a published one does, in whatever language."""
    return len(word) >= _LEAST_RELATED and (family(word) in facts.families or word[:4] in facts.words)


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
