"""How the agent works inside stays inside: instructions, checks, notes and scores, models and platforms, other tenants.

That it is an AI assistant may be said, and it may decline to tell more. A product that the tenant itself sells or
integrates with may be named, as long as the agent does not say that it runs on it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from agent.folding import words_of
from agent.guardrails.expressions import load_alternatives, load_expressions
from agent.guardrails.folded import Folded, fold_text
from agent.guardrails.publications import own_words, publications_of
from agent.guardrails.required_words import Lookup, needs_of, starts_in
from agent.guardrails.rule import passed, revised
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "leakage"
VERSION = 4
REASON = "The text tells something internal; leave out how the agent works and what is noted about people."
QUOTED_WORDS = 7
"""A run of this many words of our prompts, or of the tenant's own advice to the agent, is a quotation."""

MAX_INBOUND_CHARS = 2_000
MAX_SENTENCE = 400
"""Of a sentence, this many characters on either side of a leak are read."""

INSTRUCTIONS = ("reply/system.md", "revise/user.md", "repair/user.md", "fragments/safety.md", "fragments/voice.md")
"""What the model is told before it writes, in `prompts/`."""

TOLD = {
    "leakage": ("never", "instructions", "checks", "models"),
    "leakage_workings": ("machinery", "serves_others"),
    "leakage_records": ("noted", "written_down", "margin", "secret"),
    "leakage_plain": ("status", "driven", "checked", "remarks", "same_for_others"),
}
"""The kinds of leaks, by the file that describes them."""

MAY_DECLINE = frozenset(
    {"instructions", "checks", "noted", "machinery", "serves_others", "models", "checked", "same_for_others"}
)
"""What may be named only to say that one does not tell it."""

TOPICS = ("orders", "others", "silence", "why_me", "model")
"""What prospects ask about the inside: `leakage_answers` knows the questions and the telling answers."""

_SAYS = load_expressions("leakage")
_ANSWERS = load_expressions("leakage_answers")
_TELLS = tuple(
    (kind, pattern)
    for name, kinds in TOLD.items()
    for kind, lines in load_alternatives(name, kinds).items()
    for pattern in lines.all
)
_LOOKUP = Lookup(lambda: (needs_of(pattern.pattern) for _, pattern in _TELLS))
_WORD = re.compile(r"[^\W_]+")


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that tells how the agent works, what is noted about the prospect, or whom else it serves."""
    text = candidate.text
    folded = fold_text(text)
    found = next(_leaks(folded.text, turn, tenant), None) or next(_addressed(text, folded, tenant), None)
    if found is None:
        return passed(RULE, VERSION)
    return revised(RULE, VERSION, REASON, text, folded.span(*found))


def _leaks(folded: str, turn: Turn, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where the folded text leaks, kind by kind."""
    for kind, pattern in (_TELLS[place] for place in _LOOKUP.places(starts_in(folded))):
        for match in pattern.finditer(folded):
            said = _sentence_around(match) if kind in MAY_DECLINE else match[0]
            declines = kind in MAY_DECLINE and _SAYS["declines"].search(said) is not None
            named = kind == "models" and _may_be_named(match, said, turn, tenant, declines=declines)
            if not (named or (declines and kind != "models")):
                yield match.span()
    yield from _answers(folded, turn, tenant)
    yield from _quotations(folded, tenant)


def _answers(folded: str, turn: Turn, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield what a reply gives away to a question about the inside: unless it declines, or the prospect said it."""
    asked = fold_text(turn.text[:MAX_INBOUND_CHARS]).text
    for topic in TOPICS:
        if not _ANSWERS[f"asks_{topic}"].search(asked) or _SAYS["declines"].search(folded):
            continue
        for match in _ANSWERS[f"tells_{topic}"].finditer(folded):
            if match[0] not in asked and not publications_of(tenant).says(match[0]):
                yield match.span()


def _sentence_around(match: re.Match[str]) -> str:
    """Return the sentence in which a match begins; what stands between, as in "v2.0", does not end it."""
    text = match.string
    first, last = max(0, match.start() - MAX_SENTENCE), min(len(text), match.end() + MAX_SENTENCE)
    before = max((end.end() for end in _SAYS["sentence_end"].finditer(text, first, match.start())), default=first)
    after = _SAYS["sentence_end"].search(text, match.end(), last)
    return text[before : after.start() if after else last]


def _addressed(text: str, folded: Folded, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where the text tells the assistant who it is, as a prompt does."""
    for match in _SAYS["you_are"].finditer(folded.text):
        if match["name"] in own_words(tenant) and text[folded.origins[match.start("name")]].isupper():
            yield match.span()


def _may_be_named(model: re.Match[str], sentence: str, turn: Turn, tenant: Tenant, *, declines: bool) -> bool:
    """Say whether a model or platform may be named: the tenant deals with it, or who asks for it learns nothing."""
    ambiguous = _SAYS["ambiguous_model"].search(model[0])
    name = ambiguous[0] if ambiguous else model[0]
    said = sentence[: sentence.find(model[0]) + len(model[0])]
    tells_nothing = declines or bool(_SAYS["denies_being"].search(said))
    if publications_of(tenant).says(name) and not _SAYS["runs_on"].search(said):
        return True
    return tells_nothing and name.rpartition(" ")[2] in words_of(turn.text[:MAX_INBOUND_CHARS])


def _quotations(folded: str, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield runs of words that stand in our prompts or in the tenant's advice on tone."""
    words = list(_WORD.finditer(folded))
    texts = [word[0] for word in words]
    advice, prompts = _runs(tenant.voice), _prompt_runs()
    for index, pair in enumerate(pairwise(texts)):
        if pair not in prompts.begin and pair not in advice.begin:
            continue
        run = " ".join(texts[index : index + QUOTED_WORDS])
        is_internal = run in prompts.whole or run in advice.whole
        if is_internal and run not in publications_of(tenant).word_lines:
            yield words[index].start(), words[index + QUOTED_WORDS - 1].end()


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of `QUOTED_WORDS` words in a text."""

    whole: frozenset[str]
    begin: frozenset[tuple[str, ...]]
    """The first two words of each."""


@lru_cache(maxsize=1)
def _prompt_runs() -> _Runs:
    folder = files("prompts")
    texts = [_runs(folder.joinpath(path).read_text("utf-8")) for path in INSTRUCTIONS]
    return _Runs(
        whole=frozenset(run for runs in texts for run in runs.whole),
        begin=frozenset(pair for runs in texts for pair in runs.begin),
    )


@lru_cache(maxsize=64)
def _runs(text: str) -> _Runs:
    words = words_of(text).split()
    runs = [words[at : at + QUOTED_WORDS] for at in range(len(words) - QUOTED_WORDS + 1)]
    return _Runs(whole=frozenset(" ".join(run) for run in runs), begin=frozenset(tuple(run[:2]) for run in runs))
