"""Decides whether a business has, or has not, what a reply says."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import INSTALMENTS, Facts
from agent.guardrails.grounding_reading import Mention, items_of
from agent.guardrails.grounding_statement import Conversation, Finding, Statement, asks_for
from agent.guardrails.grounding_words import IMPLIED, LISTS, family, find_concepts, pattern

_LANGUAGES = {"es": "features:spanish_lang", "pt": "features:portuguese_lang", "en": "features:english_lang"}
_FEATURE_TABLES = ("topics", "extra_topics", "features")
_DENIES_DIRECTLY = compiled_on_use(pattern("denies_directly"))

_APART = re.compile(rf"\b{pattern('apart')}")
"""What is to be paid on its own, or is the prospect's affair, is no part of what there is."""


_ZONE_NAME = re.compile(r"\w{4,12} (?:summer |standard |daylight |winter )time\b")
"""What names a time zone, "British summer time", is nothing to have."""
_CURRENCY = re.compile(r"\b(?:dolares|pesos|reais|reales|soles|libras) $")
"""Nor is what stands behind it: "dólares americanos"."""


def judge_feature(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Judge what a business is said to have."""
    mention = statement.mention
    concept = str(mention.value)
    published = _of_the_same_item([f for f in facts.of("feature") if f.value == concept], statement)
    if mention.is_denied:
        return _denied(statement, published)
    place = max(0, statement.clause_text.find(mention.unit))
    if _ZONE_NAME.search(statement.clause_text, place) or _CURRENCY.search(statement.clause_text[:place]):
        return "undecided"
    if _is_spoken(statement, facts, talk) or any(not f.is_denied for f in published):
        return "supported"
    if _is_only_named(statement, facts, talk, place):
        return "undecided"
    if any(f.is_denied_nearby for f in published):
        return "contradicted"
    open_ended = published or _is_told(statement, talk) or _is_shown(concept, facts)
    return "undecided" if open_ended or _has_relatives(mention.unit, facts) else "unsupported"


def _is_only_named(statement: Statement, facts: Facts, talk: Conversation, place: int) -> bool:
    """Say whether nobody says to have the thing: "your dog"; "no car park, but bike parking"; "cheaper than lunch"."""
    return (
        _isowned(statement, talk)
        or str(statement.mention.value) in talk.denied_features
        or bool(_APART.search(statement.clause_text) or _REFERS.search(statement.clause_text[:place]))
        or not _is_asserted(statement, facts, talk, place)
    )


_BELONGS = compiled_on_use(rf"\b{pattern('belongs')}")
_INCLUDED = re.compile(r"\binclu")
_REFERS = re.compile(
    r"\b(?:(?:isso|isto|eso|esto) (?:e|es) co[mn]|ask|see|speak (?:to|with)|talk to|fal\w+ com|habl\w+ con"
    r"|pregunt\w+ (?:a|con)|pergunt\w+ (?:a|ao|com)|(?:lo|la) vea[sn]?|ve(?:r|ja|a) co[mn]|up to|decid\w+|depend\w+"
    r"|than|que un|que uma?)"
    r"(?: [a-z]{1,12}){0,3} $"
)
"""Leads to whom the prospect had better ask, who decides, or what something is compared with."""


def _is_asserted(statement: Statement, facts: Facts, talk: Conversation, place: int) -> bool:
    """Say whether a thing, at `place` in its clause, is told as one that the business has, not just named."""
    sentence = statement.sentence
    if sentence.serves or sentence.is_yes or _INCLUDED.search(sentence.text) or _WE.search(statement.clause_text):
        return True
    concept = str(statement.mention.value)
    if concept in _ANYWHERE:
        return False
    before = sentence.text.partition(statement.clause_text)[0] + statement.clause_text[: place + 1]
    if concept.endswith(_SAYS_ITSELF) or _BELONGS.search(before):
        return True
    words = tuple(re.findall(r"[a-z]+", sentence.text))
    if any(facts_words.intersection(words) for facts_words in _names(facts)):
        return True
    others = (each.concept for each in find_concepts(words, talk.language) if each.concept.startswith("features:"))
    return any(other != concept and other in facts.concepts for other in others)  # "showers and a steam room"


_WE = re.compile(
    r"\b(?:we|a gente)\b|\b\w{3,20}[aei]mos\b|\b(?:provided|offered|available|served|on site)\b"
    r"|\b(?:ofrec|oferec|prest)id[oa]s?\b"
)
_ANYWHERE = frozenset({"features:everywhere"})
"""What may be where the prospect is: "you can join from anywhere"."""


_SAYS_ITSELF = ("_lang", ":always_open")
"""What needs no further word to be a claim: "open 24 hours"."""


def _names(facts: Facts) -> Iterator[frozenset[str]]:
    """Yield the words of each published name, of whom a reply tells things without saying "we"."""
    return (frozenset(f.value) - LISTS["links"] for f in facts.of("name") if isinstance(f.value, tuple))


_TAUGHT = compiled_on_use(rf"\b{pattern('taught')}")
"""What is not told of the language of messages."""


def _is_spoken(statement: Statement, facts: Facts, talk: Conversation) -> bool:
    """Say whether it is a language in which the business writes, not one in which it is told to teach."""
    if statement.mention.value not in {_LANGUAGES.get(each) for each in talk.languages}:
        return False
    tells_languages = any(str(f.value).endswith("_lang") for f in facts.of("feature"))
    return not (tells_languages and _TAUGHT.search(statement.clause_text))


def _of_the_same_item(published: Sequence[Mention], statement: Statement) -> Sequence[Mention]:
    """Return what is published of the items that a statement names, where that is told of any."""
    items = items_of(statement.mention.subject)
    return [f for f in published if items & f.topics] or published


def _is_shown(concept: str, facts: Facts) -> bool:
    """Say whether something published may mean that the business has the thing."""
    if any(f.value == concept and not f.is_denied for f in facts.of("loose")):
        return True
    implied = IMPLIED.get(concept, frozenset())
    if "instalments" in implied and any(INSTALMENTS in f.topics for f in facts.of("quantity")):
        return True
    return any(f"{table}:{topic}" in facts.concepts for topic in implied for table in _FEATURE_TABLES)


def _has_relatives(phrase: str, facts: Facts) -> bool:
    """Say whether the tenant's texts have the words, or ones that begin alike, in whatever language."""
    words = [word for word in phrase.split() if word not in LISTS["stops"] and word not in LISTS["links"]]
    return bool(words) and all(
        word in facts.words or (len(word) >= 6 and family(word) in facts.families) for word in words
    )


# --- the prospect's own -----------------------------------------------------------------------------------------

_YOURS = re.compile(
    r"\b(?:your|tus?|sus?|seus?|suas?|teus?|tuas?|vuestr[oa]s?|my|mi|meu|minha)(?= (?P<next>\w+)(?: (?P<second>\w+))?)"
)
_ADJECTIVE = range(2, 16)
"""Letters of a word that may stand between "your" and the thing."""
_WANTS = re.compile(
    r"\b(?:need|needs|want|wants|looking|like|love|prefer|require|after|necesit\w+|busc\w+|quier\w+|quisiera|prefier\w+"
    r"|gustaria|precis\w+|quer\w+|procur\w+|gostaria|prefir\w+)\b"
)


@lru_cache(maxsize=512)
def owned(text: str) -> frozenset[str]:
    """Return the words of folded text that name something of the prospect's: "your restaurant", "tu nuevo local"."""
    found: set[str] = set()
    for match in _YOURS.finditer(text):
        found.add(match["next"])
        if match["second"] and len(match["next"]) in _ADJECTIVE:
            found.add(match["second"])
    return frozenset(found)


def _isowned(statement: Statement, talk: Conversation) -> bool:
    """Say whether a feature is the prospect's own: "for your restaurant"."""
    word = statement.mention.unit.partition(" ")[0]
    texts = (statement.clause_text, *(clause.plain for clause in talk.inbound.clauses))
    return any(word in text and word in owned(text) for text in texts)


def _is_told(statement: Statement, talk: Conversation) -> bool:
    """Say whether the prospect told it of themselves, not as a wish, and the reply does not say to have it."""
    clauses = (talk.inbound.clauses[m.clause] for m in talk.inbound.of("feature") if m.value == statement.mention.value)
    told = any(clause.is_claim and not _WANTS.search(clause.plain) and not asks_for(clause) for clause in clauses)
    return told and not statement.sentence.serves


def _denied(statement: Statement, published: Sequence[Mention]) -> Finding:
    """Judge "there are no recordings": contradicted where they are published, without any restriction."""
    if not published or any(f.is_denied for f in published):
        return "undecided"
    before, _, after = statement.clause_text.partition(statement.mention.unit)
    plain_denial = _DENIES_DIRECTLY.search(before) and len(after.split()) <= 2
    return "contradicted" if plain_denial else "undecided"
