"""Somebody the prospect knows: whether they come, came or bought is theirs to tell, whoever asks."""

from collections.abc import Iterator

from agent.folding import fold
from agent.guardrails.expressions import load_expressions
from agent.guardrails.findings import Finding, Known
from agent.guardrails.folded import MAX_CHARS

MAX_VERB = 8
"""So many characters behind the verb may make a future of it: "va a venir"."""

_SAYS = load_expressions("pii_others")


def find_answers_about_others(text: str, known: Known) -> Iterator[Finding]:
    """Yield the first sentence of a reply that tells whether somebody the prospect asks about comes, came or bought.

    Children and parents are not meant: who asks for them often acts for them.
    """
    said = fold(text[:MAX_CHARS])
    if _SAYS["asks_after"].search(known.asked) and _SAYS["treats"].search(said):
        yield Finding("another person's data", (0, len(text)))
    asked = _SAYS["asks"].search(known.asked)
    if asked is None or _SAYS["allows"].search(known.asked, asked.start(), asked.end() + MAX_VERB):
        return
    if _SAYS["confirms"].match(said) and _SAYS["tells"].search(said) and not _SAYS["keeps"].search(said):
        end = _SAYS["sentence_end"].search(text)
        yield Finding("another person's data", (0, end.start() if end else len(text)))
