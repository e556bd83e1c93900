"""Whether somebody asks if they are talking to a machine: a question that always gets a true answer.

Sources: EU AI Act art. 50(1); California Business & Professions Code § 17941.
"""

from agent.folding import words_of
from agent.guardrails.expressions import load_expressions

MAX_CHARS = 4_000
"""Of one text, this much is read."""

_SAYS = load_expressions("bot_question")


def asks_if_bot(text: str) -> bool:
    """Say whether a message asks, in Spanish, Portuguese or English, if a machine or a person is answering.

    Asking *for* a person ("quiero hablar con alguien"), or about machines the business sells, is not this question.
    """
    clauses = (words_of(clause) for clause in _SAYS["clause"].split(text[:MAX_CHARS]))
    return any(_asks(clause) for clause in clauses if clause)


def _asks(clause: str) -> bool:
    found = _SAYS["about_you"].search(clause)
    if found and _SAYS["there"].match(found[0]):
        return bool(_SAYS["at_the_other_end"].search(clause)) and bool(_SAYS["there"].search(clause))
    return bool(found or _SAYS["this"].search(clause) or (_SAYS["bare"].match(clause) and len(clause.split()) <= 4))
