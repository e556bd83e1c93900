"""Why a text was held, in one sentence a seller understands, in their language."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from agent.guardrails import UNCHECKED, binding, worst
from agent.types import Author, Verdict

LANGUAGES = ("es", "pt", "en")
MAX_EVIDENCE = 100
_QUOTES: Mapping[str, str] = {"es": "«{}»", "pt": "“{}”", "en": "“{}”"}
_SENTENCES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    files("agent.guardrails").joinpath("explain.toml").read_text("utf-8")
)


def why_held(verdicts: Sequence[Verdict], language: str, author: Author = "agent") -> str:
    """Return why a text of `author` was stopped: what the worst verdict that binds them objects to.

    Returns nothing when every rule passed. For a language other than es, pt and en the sentence is English.

    Raises:
        ValueError: there are no verdicts.
    """
    return explain(worst(binding(verdicts, author)), language)


def explain(verdict: Verdict, language: str) -> str:
    """Return one verdict as a sentence in `language`; nothing for a pass.

    The evidence in it comes from the text: escape it like the text.
    """
    return put_in_words(verdict.rule, verdict.outcome, verdict.evidence, language)


def put_in_words(rule: str, outcome: str, evidence: str, language: str) -> str:
    """Return the same of a verdict that is only known by what was recorded of it."""
    if outcome == "pass":
        return ""
    spoken = language if language in LANGUAGES else "en"
    failed = evidence.startswith(UNCHECKED) or rule not in _SENTENCES
    about = _SENTENCES["unchecked" if failed else rule]
    sentences: Mapping[str, str] = about.get(outcome, about)
    evidence = _bounded(evidence)
    sentence = sentences[spoken] if evidence else sentences.get(f"{spoken}_bare", sentences[spoken])
    return sentence.replace("{evidence}", _QUOTES[spoken].format(evidence))


def _bounded(evidence: str) -> str:
    """Return the evidence on one line, cut where it is long."""
    line = " ".join(evidence.split())
    return line if len(line) <= MAX_EVIDENCE else f"{line[: MAX_EVIDENCE - 1]}…"
