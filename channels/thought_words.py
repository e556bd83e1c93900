"""Words for what the agent thought, as the simulator and the inbox show it. Whatever has none is shown by its name."""

from agent.types import INTENTS

TIERS = {
    "none": "No reply needed",
    "standard": "Write a reply",
    "expert": "Write a reply, with the stronger model",
    "person": "Ask a person",
}
VERDICTS = {
    "pass": "passed",
    "revise": "must be rewritten",
    "hold": "held for a person",
    "block": "blocked",
    "delay": "has to wait",
}


def words(name: object) -> str:
    """Return a name as words."""
    return str(name).replace("_", " ")


def percent(share: object) -> int | None:
    """Return a share, 0 to 1, in percent; None: it is no number."""
    return round(share * 100) if isinstance(share, int | float) else None


def plain_reason(reason: str) -> str:
    """Return a reason with the intents in it as words."""
    for intent in INTENTS:
        reason = reason.replace(intent, words(intent))
    return reason
