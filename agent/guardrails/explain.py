"""Why a text was held, in one sentence a seller understands, in their language."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from agent.guardrails import UNCHECKED, worst
from agent.types import Verdict

LANGUAGES = ("es", "pt", "en")
MAX_EVIDENCE = 100
_QUOTES: Mapping[str, str] = {"es": "«{}»", "pt": "“{}”", "en": "“{}”"}
_SENTENCES: Mapping[str, Mapping[str, str]] = tomllib.loads(
    files("agent.guardrails").joinpath("explain.toml").read_text("utf-8")
)


def why_held(verdicts: Sequence[Verdict], language: str) -> str:
    """Return why the worst verdict stopped a text, as a sentence in `language` (English where we have no other).

    Returns nothing when every rule passed. The evidence in it comes from the text: escape it like the text.

    Raises:
        ValueError: there are no verdicts.
    """
    verdict = worst(verdicts)
    if verdict.outcome == "pass":
        return ""
    spoken = language if language in LANGUAGES else "en"
    failed = verdict.evidence.startswith(UNCHECKED) or verdict.rule not in _SENTENCES
    sentences = _SENTENCES["unchecked" if failed else verdict.rule]
    evidence = _bounded(verdict.evidence)
    sentence = sentences[spoken] if evidence else sentences.get(f"{spoken}_bare", sentences[spoken])
    return sentence.replace("{evidence}", _QUOTES[spoken].format(evidence))


def _bounded(evidence: str) -> str:
    """Return the evidence on one line, cut where it is long."""
    line = " ".join(evidence.split())
    return line if len(line) <= MAX_EVIDENCE else f"{line[: MAX_EVIDENCE - 1]}…"
