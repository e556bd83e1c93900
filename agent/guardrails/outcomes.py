"""Results told as sure to happen to the prospect, by what they are about and how they are said to turn out.

A school cannot know that somebody will speak, a clinic that a pain will go, an accountant that nobody will be fined:
whoever says so plainly promises a result, in whatever words. What is left open ("may", "it depends", "the aim is"),
declined, asked, or told of others in numbers is none.
"""

import re
from collections.abc import Iterator
from itertools import islice
from re import Match

from agent.guardrails.patterns import load_patterns
from agent.guardrails.sentences import Sentence, is_hedged

_LISTS = load_patterns("outcomes")
_MOST = 50
"""No honest sentence has as many; each is looked at with all that stands before it."""
_OF_ANYBODY = frozenset({"relief", "nature"})
"""Kinds that need no person to be told of: "that pain goes in five sessions"."""
_DENYING = frozenset({"penalty", "exam"})
"""Kinds whose good turn is told by a denial: "nobody will fine you"."""
_NOT = re.compile(r"\b(?:no|not|nao|nunca|never|jamas|sin|sem|without|ni|nem|ningun\w*|nenhum\w*)(?: \w+){0,2} $")
_AFTER_PURPOSE = re.compile(
    r"\b(?:para|pra|to|si|se|if|caso|como|how|before|until|hasta|mientras|while)(?: \w+){0,2} $|\b(?:for"
    r"|de|of|por|sobre|about) $"
)
_WHOEVER = re.compile(r"^(?:\w+ ){0,3}?(?:quien|quienes|quem|whoever|anyone who|everyone who)\b")
"""Here no hedge, "who tells you …", but who it is told of."""


def promised_outcomes(sentence: Sentence) -> Iterator[Match[str]]:
    """Yield where a sentence tells a result as sure: of each kind the words that say how it turns out."""
    if not sentence.asks:
        told = list(_told(sentence))  # most sentences tell none, so they are not looked at any further
        yield from told if told and not sentence.has(_LISTS["open"]) else ()


def _told(sentence: Sentence) -> Iterator[Match[str]]:
    yield from _mastered(sentence)
    yield from _by_then(sentence)
    alone = (match for _, match in islice(_LISTS["alone"].find(sentence.words), _MOST))
    yield from (match for match in alone if not _AFTER_PURPOSE.search(_before(sentence, match)))
    yield from _favoured(sentence)
    turns = list(islice(_LISTS["turn"].find(sentence.words), _MOST))
    things = {kind for kind, _ in _LISTS["thing"].find(sentence.words)} if turns else set()
    for kind, match in turns:
        if kind in things and _is_plain(kind, sentence, match):
            yield match


def _is_plain(kind: str, sentence: Sentence, match: Match[str]) -> bool:
    """Say whether the good turn is told plainly, and of the prospect where it must be."""
    if kind not in _OF_ANYBODY and not _is_personal(sentence):
        return False
    before = _before(sentence, match)
    if kind not in _DENYING and _NOT.search(before):
        return False
    hedged = is_hedged(sentence, match) and not _WHOEVER.search(before)
    return not (hedged or _AFTER_PURPOSE.search(before))


def _mastered(sentence: Sentence) -> Iterator[Match[str]]:
    """Yield what the prospect is said to do with ease, or by some time: "you'll chat like a local"."""
    by_then = sentence.has(_LISTS["under_way"]) and sentence.has(_LISTS["ahead"])
    if not ((by_then or sentence.has(_LISTS["mastery"])) and _is_personal(sentence)):
        return
    for kind, match in islice(_LISTS["thing"].find(sentence.words), _MOST):
        before = _before(sentence, match)
        if kind == "ability" and not (_NOT.search(before) or _AFTER_PURPOSE.search(before)):
            yield match


def _favoured(sentence: Sentence) -> Iterator[Match[str]]:
    """Yield what a bank, an office or an examiner is said to do for the prospect: they alone decide that."""
    said_of = {who.end() + 1: who for _, who in islice(_LISTS["institution"].find(sentence.words), _MOST)}
    for _, match in islice(_LISTS["favours"].find(sentence.words), _MOST if said_of else 0):
        who = said_of.get(match.start())
        if who and not _AFTER_PURPOSE.search(_before(sentence, who)):
            yield match


def _before(sentence: Sentence, match: Match[str]) -> str:
    """Return what stands before `match` in its clause."""
    return sentence.words[: match.start()].rpartition(", ")[2]


def _by_then(sentence: Sentence) -> Iterator[Match[str]]:
    """Yield what the prospect is said to do or be by some time, unless it is what one does at a business."""
    when = [match for _, match in islice(_LISTS["by_then"].find(sentence.words), _MOST)]
    if not when or sentence.has(_LISTS["service"]):
        return
    for _, match in islice(_LISTS["you_do"].find(sentence.words), _MOST):
        apart = any(match.end() <= each.start() or match.start() >= each.end() for each in when)
        if apart and not (_NOT.search(_before(sentence, match)) or is_hedged(sentence, match)):
            yield match


def _is_personal(sentence: Sentence) -> bool:
    return sentence.has(_LISTS["person"]) or sentence.has(_LISTS["with_us"])
