"""Somebody the prospect knows: whether they come, came or bought is theirs to tell, whoever asks."""

from collections.abc import Iterator

from agent.folding import fold
from agent.guardrails.expressions import load_expressions
from agent.guardrails.findings import Finding, Known
from agent.guardrails.folded import MAX_CHARS

MAX_VERB = 8
"""So many characters behind the verb may make a future of it: "va a venir"."""

MAX_UNMARKED = 60
"""A question without a question mark has so many characters at most."""

_SAYS = load_expressions("pii_others")


def find_answers_about_others(text: str, known: Known) -> Iterator[Finding]:
    """Yield the first sentence of a reply that tells whether somebody the prospect asks about comes, came or bought.

    Children and parents are not meant: who asks for them often acts for them.
    """
    said = fold(text[:MAX_CHARS])
    if _SAYS["asks_after"].search(known.asked) and _SAYS["treats"].search(said):
        yield Finding("another person's data", (0, len(text)))
    if (
        _asks_about_someone(known.asked)
        and not _SAYS["keeps"].search(said)
        and _tells_what_happened(text, said, known.asked)
    ):
        yield Finding("another person's data", (0, len(text)))
    asked = _SAYS["asks"].search(known.asked)
    if asked is None or _SAYS["allows"].search(known.asked, asked.start(), asked.end() + MAX_VERB):
        return
    if _SAYS["confirms"].match(said) and _SAYS["tells"].search(said) and not _SAYS["keeps"].search(said):
        end = _SAYS["sentence_end"].search(text)
        yield Finding("another person's data", (0, end.start() if end else len(text)))


def _asks_about_someone(asked: str) -> bool:
    """Say whether a message asks what somebody did or how they are; a short one may do so without a mark."""
    may_lack = "?" not in asked and len(asked) <= MAX_UNMARKED
    return any(
        (may_lack or asked[about.end() : about.end() + 1] == "?") and not _SAYS["own"].search(about[0])
        for about in _SAYS["asks_about"].finditer(asked)
    ) and not _SAYS["allows"].search(asked)


def _tells_what_happened(text: str, said: str, asked: str) -> bool:
    """Say whether a reply, and the same folded, tells of somebody what they did, have or had done to them.

    It does so, too, where it begins with the verb of the question: "does she still train?" "Trains, yes".
    """
    first = _SAYS["first_word"].match(said)
    echoes = first is not None and first["word"] in asked.split()
    return echoes or bool(_SAYS["past"].search(text[:MAX_CHARS]) or _SAYS["happened"].search(said))
