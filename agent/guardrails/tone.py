"""The agent is kind: no insult, contempt, guilt, pressure, profanity, discrimination, threat, nor ill of competitors.

Saying no kindly, showing sympathy and stating when a published offer ends pass.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from re import Match

from agent.folding import words_of
from agent.guardrails.backing import backing_of
from agent.guardrails.grounding_words import LISTS
from agent.guardrails.patterns import PatternList, load_patterns
from agent.guardrails.publications import publications_of
from agent.guardrails.rule import passed, revised
from agent.guardrails.sentences import Sentence, Span, is_denied, read_sentences
from agent.guardrails.tone_masked import masked_swearing
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "tone"
VERSION = 6
MAX_EVIDENCE = 160
MAX_INBOUND_CHARS = 2_000

REASONS = {
    "profanity": "The reply swears.",
    "insult": "The reply insults the prospect.",
    "contempt": "The reply sounds contemptuous; say it kindly.",
    "scorn": "The reply looks down on what the prospect can pay.",
    "guilt": "The reply makes the prospect feel guilty; let them decide freely.",
    "discrimination": "The reply judges people by age, gender, origin, religion or disability.",
    "reproach": "The reply reproaches the prospect with how they are or decide; say it kindly.",
    "blame": "The reply makes the prospect feel guilty; let them decide freely.",
    "judging": "The reply judges people by age, gender, origin, religion or disability.",
    "means": "The reply looks down on what the prospect can pay.",
    "threat": "The reply threatens the prospect.",
    "pressure": "The reply presses the prospect to decide; state the facts and let them choose.",
    "disparage": "The reply speaks ill of a competitor; say what you offer instead.",
}
"""One sentence for the seller per kind."""

_WORDS = load_patterns("tone_words")
_UNKIND = PatternList(
    [((key, kind), pattern) for key in ("always", "plain", "scarce") for kind, pattern in _WORDS[key]]
)
"""What is unkind: always, unless it is excused, and unless besides a published text says so."""
_CHILDS_AGE = re.compile(
    r"\b(?:(?:at|los|aos|con|com|with|tiene|tem|has|is|s|edad de|idade de|age of) (?:[1-9]|1[0-7])"
    r"(?!\d| (?:y|e|and|a|to)? ?\d)|(?<!\d a )(?<!\d to )(?:[1-9]|1[0-7]) (?:anos|anit|aninh|year))"
)
"""How old a child is: what is for children has its ages, and says whom it takes."""
_TELLS_AGE = re.compile(r"\d|\b(?:old|young|mayor|viej[oa]|velh[oa]|joven|nov[oa]|encaix\w+|encaj\w+)\b")
_CAPITAL = re.compile(r"\b[A-ZÁÉÍÓÚÂÊÔÃÕÇÑ][\w'’]+")


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that is unkind or presses the prospect."""
    found = next(_found(candidate.text, turn, tenant), None)
    if found is None:
        return passed(RULE, VERSION)
    kind, span = found
    return revised(RULE, VERSION, REASONS[kind], candidate.text, span, most=MAX_EVIDENCE)


def _found(text: str, turn: Turn, tenant: Tenant) -> Iterator[tuple[str, Span]]:
    """Yield what is unkind in a text, by kind, with its place."""
    sentences = read_sentences(text)
    for sentence in sentences:
        for kind, match in _unkind(sentence, tenant):
            yield kind, sentence.span(match)
    yield from (("disparage", span) for span in _ill_of_others(sentences, turn))
    yield from (("profanity", span) for span in masked_swearing(text))
    if any(_WORDS["negative"].may_find(sentence.words) for sentence in sentences):
        yield from (("disparage", span) for span in _ill_of_named(text, sentences, turn, tenant))


def _unkind(sentence: Sentence, tenant: Tenant) -> Iterator[tuple[str, Match[str]]]:
    """Yield what is unkind in a sentence, by kind, unless it is denied or published."""
    states = backing_of(tenant).states
    for (key, kind), match in _UNKIND.find(sentence.words):
        if key == "always":
            yield kind, match
        elif not _is_excused(sentence, match):
            may_be_published = key == "scarce" or kind == "pressure"
            if not (_is_harmless(kind, sentence, match) or (may_be_published and states(sentence.words))):
                yield kind, match


def _ill_of_named(text: str, sentences: Sequence[Sentence], turn: Turn, tenant: Tenant) -> Iterator[Span]:
    """Yield what is said ill of a name that the prospect has brought up, there or in the sentence behind it."""
    named = _names_in(turn.text, text) - publications_of(tenant).words
    for sentence, following in pairwise([*sentences, None]) if named else ():
        if sentence is None or named.isdisjoint(sentence.words.split()):
            continue
        for each in filter(None, (sentence, following)):
            for _, match in _WORDS["negative"].find(each.words):
                if not _is_excused(each, match):
                    yield each.span(match)


def _ill_of_others(sentences: Sequence[Sentence], turn: Turn) -> Iterator[Span]:
    """Yield what is said ill of others who sell the same, where the prospect speaks of going to them."""
    asked = words_of(turn.text[:MAX_INBOUND_CHARS])
    if not _WORDS["rival_asked"].may_find(asked) or not any(True for _ in _WORDS["rival_asked"].find(asked)):
        return
    for before, sentence in pairwise([None, *sentences]):
        if sentence is None or sentence.has(_WORDS["rival_neutral"]):
            continue
        asked_who = before is not None and before.asks and before.has(_WORDS["rival_there"])
        ill = next((match for _, match in _WORDS["rival_negative"].find(sentence.words)), None)
        if ill and (asked_who or sentence.has(_WORDS["rival_there"])):
            yield sentence.span(ill)


def _names_in(asked: str, text: str) -> frozenset[str]:
    """Return the words of what the prospect wrote that the reply writes with a capital letter."""
    capital = frozenset(words_of(" ".join(_CAPITAL.findall(text))).split()) - LISTS["stops"] - LISTS["links"]
    return capital & frozenset(word for word in words_of(asked).split() if len(word) > 3)


def _is_excused(sentence: Sentence, match: Match[str]) -> bool:
    """Say whether the words are denied, or in sympathy with what others have done to the prospect."""
    before = sentence.words[: match.start()]
    sympathy = any(True for _ in _WORDS["sympathy"].find(before))
    return sympathy or is_denied(sentence, match)


def _is_harmless(kind: str, sentence: Sentence, match: Match[str]) -> bool:
    """Say whether a group is named in order to welcome it, or a child's age to say whether a group takes it."""
    if kind not in {"discrimination", "judging"}:
        return False
    of_a_child = _TELLS_AGE.search(match[0]) and _CHILDS_AGE.search(sentence.words)
    return bool(of_a_child) or sentence.has(_WORDS["welcome"])
