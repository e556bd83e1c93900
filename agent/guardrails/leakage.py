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
from agent.guardrails.expressions import first_match, load_alternatives, load_expressions
from agent.guardrails.folded import Folded, fold_text
from agent.guardrails.publications import publications_of
from agent.guardrails.required_words import starts_in
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "leakage"
VERSION = 1
MAX_EVIDENCE = 120
QUOTED_WORDS = 7
"""A run of this many words of our prompts, or of the tenant's own advice to the agent, is a quotation."""

MAX_INBOUND_CHARS = 2_000
INSTRUCTIONS = ("reply/system.md", "revise/user.md", "repair/user.md", "fragments/safety.md", "fragments/voice.md")
"""What the model is told before it writes, in `prompts/`."""

INTERNALS = ("instructions", "checks", "noted", "machinery", "serves_others")
"""What may be named only to say that one does not tell it."""

_SAYS = load_expressions("leakage")
_TELLS = load_alternatives("leakage", ("never", *INTERNALS, "models"))
_WORD = re.compile(r"[^\W_]+")


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that tells how the agent works, what is noted about the prospect, or whom else it serves."""
    text = candidate.text
    folded = fold_text(text)
    found = next(_leaks(folded.text, turn, tenant), None) or next(_addressed(text, folded, tenant), None)
    if found is None:
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    start, end = folded.span(*found)
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason="The text tells something internal; leave out how the agent works and what is noted about people.",
        evidence=text[start:end][:MAX_EVIDENCE],
        span=(start, end),
        version=VERSION,
    )


def _leaks(folded: str, turn: Turn, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where the folded text leaks, the first place of each kind in each sentence."""
    starts = starts_in(folded)
    told = {kind: patterns for kind, each in _TELLS.items() if (patterns := each.possible(starts))}
    names_models = bool(told.pop("models", ()))
    may_decline = names_models or any(kind != "never" for kind in told)
    for sentence in _SAYS["sentence"].finditer(folded) if told or names_models else ():
        start, end = sentence.span()
        declines = may_decline and _SAYS["declines"].search(folded, start, end) is not None
        for kind, patterns in told.items():
            if (kind == "never" or not declines) and (match := first_match(patterns, folded, start, end)):
                yield match.span()
        for match in _SAYS["models"].finditer(folded, start, end) if names_models else ():
            if not _may_be_named(match[0], folded[start : match.end()], turn, tenant, declines=declines):
                yield match.span()
    yield from _quotations(folded, tenant)


def _addressed(text: str, folded: Folded, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where the text tells the assistant who it is, as a prompt does."""
    own = {word for said in tenant.disclosure.values() for word in words_of(said).split()}
    for match in _SAYS["you_are"].finditer(folded.text):
        if match["name"] in own and text[folded.origins[match.start("name")]].isupper():
            yield match.span()


def _may_be_named(name: str, said: str, turn: Turn, tenant: Tenant, *, declines: bool) -> bool:
    """Say whether a model or platform may be named: the tenant deals with it, or the prospect asks and learns nothing.

    `said` is the sentence up to the name and with it.
    """
    ambiguous = _SAYS["ambiguous_model"].search(name)
    name = ambiguous[0] if ambiguous else name
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
