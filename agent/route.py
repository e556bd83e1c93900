"""Step `route`: who answers this turn, and why. A pure function."""

from agent.types import Classification, Intent, Policy, Route

_SILENT: frozenset[Intent] = frozenset({"acknowledgement", "off_topic"})
_HARD: frozenset[Intent] = frozenset({"negotiation", "complaint"})


def choose_route(classification: Classification, policy: Policy) -> Route:
    """Choose between no reply, the standard model, the expert model and a person.

    In this order: what may do harm goes to a person; what asks for nothing gets no reply; what is hard or
    unclear goes to the expert; the rest is the standard model's.
    """
    intent, sure = classification.intent, classification.confidence >= policy.min_confidence
    if intent == "human_request":
        return Route(tier="person", reason="asked for a person")
    if classification.needs_human:
        return Route(tier="person", reason=f"{intent}: an automatic reply could do harm")
    if intent in policy.human_intents:
        return Route(tier="person", reason=f"{intent}: a person answers these")
    if intent in _SILENT and sure:
        return Route(tier="none", reason=f"{intent} asks for nothing")
    if not sure:
        return Route(tier="expert", reason=f"unsure what is wanted ({intent}, {classification.confidence:.2f})")
    if intent in _HARD or classification.complexity == "high":
        return Route(tier="expert", reason=f"{intent} is hard")
    return Route(tier="standard", reason=f"{intent} is routine")
