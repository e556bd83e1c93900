"""Whether somebody asks if they are talking to a machine: a question that always gets a true answer.

Sources: EU AI Act art. 50(1); California Business & Professions Code § 17941.
"""

from collections.abc import Iterator, Sequence

from agent.folding import words_of
from agent.guardrails.expressions import load_expressions
from agent.types import Turn

MAX_CHARS = 4_000
"""Of one text, this much is read."""
BARE_WORDS = 4
"""So many words at most has a clause that names a machine and nothing else: "bot or human?"."""

CHATTER_WORDS = 5
"""So many words at most has a phrase of chatter: "i'm just curious if"."""

_SAYS = load_expressions("bot_question")


def asks_if_bot(text: str) -> bool:
    """Say whether a message asks, in Spanish, Portuguese or English, if a machine or a person is answering.

    Asking *for* a person ("quiero hablar con alguien"), or about machines the business sells, is not this question.
    """
    return any(_question(clause) is not None for clause in _clauses(text))


def asks_nothing_else(text: str) -> bool:
    """Say whether a message asks if a machine is answering, greets perhaps, and says no more than that.

    In doubt it says more: then the rest is answered, too.
    """
    if len(text) > MAX_CHARS:
        return False
    asked = False
    for clause in _clauses(text):
        rest = _question(clause)
        asked = asked or rest is not None
        if not _is_chatter((clause if rest is None else rest).split()):
            return False
    return asked


def is_asked(turn: Turn) -> bool:
    """Say whether a message of the burst asks if a machine is answering."""
    return any(asks_if_bot(message.text) for message in turn.inbound)


def _clauses(text: str) -> Iterator[str]:
    """Yield the folded words of each clause that has any."""
    clauses = (words_of(clause) for clause in _SAYS["clause"].split(text[:MAX_CHARS]))
    return (clause for clause in clauses if clause)


def _question(clause: str) -> str | None:
    """Return what a clause says beside the question; None: it does not ask it."""
    found = _SAYS["about_you"].search(clause)
    if found and _SAYS["there"].match(found[0]):
        if not (_SAYS["at_the_other_end"].search(clause) and _SAYS["there"].search(clause)):
            return None
    elif not found:
        whole = (
            _SAYS["this"].search(clause)
            or _SAYS["of_replies"].search(clause)
            or (_SAYS["bare"].match(clause) and len(clause.split()) <= BARE_WORDS)
        )
        return "" if whole else None
    return f"{clause[: found.start()]} {clause[found.end() :]}"


def _is_chatter(words: Sequence[str]) -> bool:
    """Say whether words can be divided into phrases of chatter.

    Not by one expression: "o que" is one phrase or two, so that the ways to divide double with every few words.
    """
    ends = {0}
    for end in range(1, len(words) + 1):
        starts = (start for start in range(max(0, end - CHATTER_WORDS), end) if start in ends)
        if any(_SAYS["chatter"].fullmatch(" ".join(words[start:end])) for start in starts):
            ends.add(end)
    return len(words) in ends
