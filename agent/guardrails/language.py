"""The reply is in the language it claims to be in, every sentence of it, and in one the tenant answers in.

Everyday words (`language.toml`) tell where a text changes its language, also in the middle of a sentence; what has too
few of them is put to the detector. Names, quotations and addresses are at home in every language.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from agent.folding import fold
from agent.guardrails.folded import MAX_CHARS
from agent.guardrails.rule import Rule, passed, revised
from agent.guardrails.word_lists import load_words
from agent.types import WRITTEN, Candidate, DetectedLanguage, Tenant, Turn, Verdict

RULE = "language"
VERSION = 3
MIN_CONFIDENCE = 0.97
"""A sentence is only refused when the detector is this sure."""
MIN_WORDS = 5
"""Shorter sentences say too little to the detector."""
MIN_FOREIGN = 3
"""This many everyday words of another language, and none of the reply's between them, are a change of language …"""
MIN_FOREIGN_ALONE = 2
"""… or this many, when they make up a sentence or a clause of their own."""

_EVERYDAY = load_words("language")
_HIDDEN = (
    (re.compile('[«“"]'), r"[«“\"][^«»“”\"\n]{1,200}[»”\"]"),
    (re.compile(r"(?<!\w)['‘]"), r"(?<!\w)['‘][^'’\n]{1,100}['’](?!\w)"),
    (re.compile("@|://"), r"(?<!\S)\S+(?:@|://)\S+"),
    (re.compile(r"\.[\w-]"), r"(?<![\w.-])(?:[\w-]{1,63}\.){1,8}[a-z]{2,}\S*"),
    (re.compile("`"), r"`[^`\n]*`"),
)
"""What is at home in every language, behind a sign without which there is none of it: quotations, addresses, code."""
_MENU = re.compile(r"(?<![\w ])[\w ]{1,40}(?: > [\w ]{1,40})+")
_PIECE = re.compile(r"(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)|(?P<end>[.!?…]+(?=\s|$)|\n)|(?P<pause>[,;:()—–]|\s-\s)")


class Detect(Protocol):
    """The detector's question, as `agent.language.LanguageDetector.detect` answers it."""

    def __call__(self, text: str, *, languages: tuple[str, ...]) -> DetectedLanguage:
        """Say which of `languages` a text is in."""
        ...


_LETTERS = {"es": frozenset("ñ"), "pt": frozenset("ãõçâêô")}
_ENDINGS = {"es": ("cion", "ciones", "idad", "idades"), "pt": ("cao", "coes", "dade", "dades", "agem", "agens")}


_NONE: frozenset[str] = frozenset()


class _Word(NamedTuple):
    """A word of the text; a name when it begins with a capital within a sentence.

    A short word between two such is part of a name: "Santiago de Compostela".
    """

    languages: frozenset[str]
    """Those of which it is an everyday word, or which alone spell so."""
    start: int
    end: int
    is_name: bool
    starts_clause: bool
    ends_clause: bool


def make_language_rule(detect: Detect) -> Rule:
    """Return the rule that revises a reply of which a sentence or clause is not in `candidate.language`."""

    def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
        if candidate.purpose not in WRITTEN:
            return passed(RULE, VERSION)
        if candidate.language not in tenant.languages:
            reason = f"Write in one of: {', '.join(tenant.languages)}."
            return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=candidate.language, version=VERSION)
        found = next(_foreign(candidate, tenant, detect), None)
        if found is None:
            return passed(RULE, VERSION)
        start, end, language = found
        reason = f"The reply must be in {candidate.language!r}, and this reads as {language!r}."
        return revised(RULE, VERSION, reason, candidate.text, (start, end))

    return Rule(name=RULE, version=VERSION, check=check)


def _foreign(candidate: Candidate, tenant: Tenant, detect: Detect) -> Iterator[tuple[int, int, str]]:
    """Yield where the text is in another language, and in which."""
    text = _without_names(candidate.text[:MAX_CHARS], tenant)
    sentences = list(_sentences(text))
    for sentence in sentences:
        yield from _foreign_runs(sentence, candidate.language)
    for sentence in sentences:
        if not _needs_detector(sentence, candidate.language):
            continue
        start, end = sentence[0].start, sentence[-1].end
        found = detect(text[start:end], languages=tenant.languages)
        if found.language not in {None, candidate.language} and found.confidence >= MIN_CONFIDENCE:
            yield start, end, str(found.language)


def _needs_detector(sentence: Sequence[_Word], language: str) -> bool:
    """Say whether a sentence is long enough and has hardly a word that only this language has."""
    words = [word.languages for word in sentence if not word.is_name]
    return len(words) >= MIN_WORDS and words.count(frozenset({language})) * 6 < len(words)


def _foreign_runs(sentence: Sequence[_Word], language: str) -> Iterator[tuple[int, int, str]]:
    """Yield runs of everyday words of one other language, uninterrupted by everyday words of this one."""
    foreign = [word for word in sentence if word.languages and language not in word.languages]
    if language not in _EVERYDAY or len(foreign) < MIN_FOREIGN_ALONE:
        return
    for other in _EVERYDAY:
        if other == language:
            continue
        run: list[_Word] = []
        for word in sentence:
            if language in word.languages and other not in word.languages:
                yield from _judge(run, language, other)
                run = []
            else:
                run.append(word)
        yield from _judge(run, language, other)


def _judge(run: Sequence[_Word], language: str, other: str) -> Iterator[tuple[int, int, str]]:
    """Yield a run that has enough words which the other language has and this one has not."""
    foreign = [i for i, word in enumerate(run) if other in word.languages and language not in word.languages]
    if len(foreign) < MIN_FOREIGN_ALONE:
        return
    first, last = foreign[0], foreign[-1]
    alone = any(word.starts_clause for word in run[: first + 1]) and any(word.ends_clause for word in run[last:])
    if len(foreign) >= MIN_FOREIGN or alone:
        yield run[first].start, run[last].end, other


def _without_names(text: str, tenant: Tenant) -> str:
    """Return the text with quotations, links and the names of what the tenant sells blanked out, at equal length."""
    found = "|".join(pattern for sign, pattern in _HIDDEN if sign.search(text))
    hidden = re.sub(found, lambda match: _blank(match[0]), text) if found else text
    if " > " in hidden:
        hidden = _MENU.sub(lambda match: _blank(match[0]), hidden)
    names = {tenant.name, *(name for item in tenant.catalogue for name in item.name.values())}
    present = sorted((name for name in names if name and name in hidden), key=len, reverse=True)
    for name in present:
        hidden = hidden.replace(name, _blank(name))
    return hidden


def _blank(text: str) -> str:
    return "".join(c if c in "\n>" else "\0" for c in text)


def _sentences(text: str) -> Iterator[list[_Word]]:
    """Yield the words of each sentence."""
    pieces = list(_PIECE.finditer(text))
    kinds = [None, *(piece.lastgroup for piece in pieces), None]
    capitals = [False, *(piece["word"] is not None and piece[0][0].isupper() for piece in pieces), False]
    sentence: list[_Word] = []
    for at, piece in enumerate(pieces, 1):
        if kinds[at] == "word":
            opens, written = not sentence, piece[0]
            between = len(written) <= 3 and capitals[at - 1] and capitals[at + 1]
            is_name = not opens and (between or (capitals[at] and not _is_i(written)))
            sentence.append(
                _Word(
                    _NONE if is_name else _languages_of(written),
                    piece.start(),
                    piece.end(),
                    is_name,
                    opens or kinds[at - 1] != "word",
                    kinds[at + 1] != "word",
                )
            )
        elif kinds[at] == "end" and sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _is_i(written: str) -> bool:
    """Say whether a word is the English "I", which has a capital without being a name."""
    return written == "I" or written.startswith(("I'", "I’"))


@lru_cache(maxsize=4096)
def _languages_of(written: str) -> frozenset[str]:
    lowered, folded = written.lower(), fold(written).replace("’", "'")
    everyday = {language for language, words in _EVERYDAY.items() if folded in words}
    spelled = {language for language, letters in _LETTERS.items() if not letters.isdisjoint(lowered)}
    ending = {language for language, endings in _ENDINGS.items() if len(folded) > 6 and folded.endswith(endings)}
    return frozenset(everyday or spelled or ending)
