"""Finds a yes to what was asked for and nothing published has, and what is said of one item that is another's."""

import re
from collections.abc import Iterator, Sequence

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_naming import is_cognate
from agent.guardrails.grounding_reading import Reading, Topics, items_of
from agent.guardrails.grounding_statement import WEAK, Conversation, asks_for
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS, concepts_at, family, pattern

_SERVES = re.compile(rf"\b{pattern('serves')}\b")
_APART = compiled_on_use(rf"\b{pattern('apart')}")
_LEAST_LETTERS = 3
_MOST_NOUNS = 3
_OF = frozenset({"de", "del", "da", "do", "of"})
_ARTICLES = frozenset(
    {"un", "una", "unos", "unas", "um", "uma", "a", "an", "any", "the", "el", "la", "los", "las", "o", "os", "as"}
)


def invented_answers(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Clause]:
    """Yield the clauses that say yes to, or that there is, what nothing published has.

    Only where both sides write in the language of what is published: a translation cannot be looked up.
    """
    asked = _asked_for(facts, talk)
    yes = {clause.sentence for clause in reading.clauses if clause.is_yes}
    if not facts.lacking and not (asked and yes):
        return
    for clause in reading.clauses:
        if not clause.is_claim or clause.is_denied or _APART.search(clause.text):
            continue
        says_yes = clause.sentence in yes
        words = frozenset(family(word) for word in clause.words if len(word) >= _LEAST_LETTERS)
        if (says_yes and asked & words) or _is_lacking(clause, words, facts, says_yes=says_yes):
            yield clause


def _asked_for(facts: Facts, talk: Conversation) -> frozenset[str]:
    """Return how the words begin for what the last question asks for, if nothing published is like them."""
    if talk.language != talk.home:
        return frozenset()
    match = next((found for clause in reversed(talk.inbound.clauses) if (found := asks_for(clause))), None)
    things = _nouns(match["thing"].split()) if match else ()
    return frozenset(family(thing) for thing in things if not _is_known(thing, facts, talk.home))


def _nouns(words: Sequence[str]) -> Sequence[str]:
    """Return the words that tell what is asked for: the first noun, and what it is of."""
    found: list[str] = []
    for word in words:
        if word in LISTS["asked_anyway"] or len(found) == _MOST_NOUNS:
            return found
        if word in _OF or word in _ARTICLES:
            continue
        if not word.isalpha() or len(word) < _LEAST_LETTERS or word in LISTS["stops"] or word in LISTS["skips"]:
            return found
        found.append(word)
    return found


def _is_known(word: str, facts: Facts, language: str) -> bool:
    """Say whether something published is this, sounds like it, or means the same; features are judged elsewhere."""
    if word in facts.words or family(word) in facts.families or is_cognate(word, facts.sounds):
        return True
    meant = [found.concept for found in concepts_at((word,), 0, language) if not found.is_loose]
    return any(concept in facts.concepts or concept.startswith("features:") for concept in meant)


def _is_lacking(clause: Clause, words: frozenset[str], facts: Facts, *, says_yes: bool) -> bool:
    """Say whether a clause says that there is what is published as what there is not."""
    lacking = [things for things in facts.lacking if things <= words]
    return bool(lacking) and (says_yes or bool(_SERVES.search(clause.text)))


# --- what holds of one item only --------------------------------------------------------------------------------


def misplaced(reading: Reading, facts: Facts) -> Iterator[Clause]:
    """Yield the clauses that say of one item what is published "only" of another."""
    limited = [
        (f.topics - WEAK, items_of(f.topics)) for f in facts.of("only") if items_of(f.topics) and not f.is_denied
    ]
    if not limited:
        return
    for at, clause in enumerate(reading.clauses):
        topics = reading.topics[at]
        items = items_of(topics)
        if not items or not clause.is_claim or clause.is_denied:
            continue
        for about, owners in limited:
            shared = {topic for topic in topics & about if topic.startswith(("features:", "topics:"))}
            if shared and not items & owners and not _is_told_of(shared, items, facts):
                yield clause


def _is_told_of(shared: set[str], items: frozenset[str], facts: Facts) -> bool:
    """Say whether what is shared is published of one of these items, too."""
    mentions = (mention for kind in facts.mentions for mention in facts.of(kind))
    return any(shared & m.wide and (items & m.wide) and not m.is_denied for m in mentions)


# --- what is included -------------------------------------------------------------------------------------------

_LEFT_TO_THEM = re.compile(
    r"\b(?:por (?:su|tu|sua) (?:propia |propria )?(?:cuenta|conta)|(?:is|are|be|'s) on you|a (?:su|tu) cargo"
    r"|(?:file|handle|arrange|do|sort|manage|submit)\b.{0,50}\byourself)\b"
)
"""Says that something is the prospect's to do or to pay."""


def left_to_them(reading: Reading, facts: Facts) -> Iterator[Clause]:
    """Yield the clauses that leave to the prospect what is published as included."""
    for clause, topics in zip(reading.clauses, reading.topics, strict=True):
        is_left = clause.is_claim and not clause.is_denied and _LEFT_TO_THEM.search(clause.text)
        if is_left and is_included(topics - WEAK, facts):
            yield clause


def is_included(about: Topics, facts: Facts) -> bool:
    """Say whether all of this is published together as included, and none of it as not."""
    told = [f for f in facts.of("included") if about & f.wide]
    return bool(about) and any(about <= f.wide for f in told) and not any(f.is_denied for f in told)
