"""Step `route`: who answers this turn, and why. A pure function."""

from collections.abc import Sequence

from agent.injection import Signal
from agent.types import Classification, Intent, Policy, Route

_SILENT: frozenset[Intent] = frozenset({"acknowledgement", "off_topic"})
_HARD: frozenset[Intent] = frozenset({"negotiation", "complaint"})


def choose_route(classification: Classification, policy: Policy, signals: Sequence[Signal] = ()) -> Route:
    """Choose between no reply, the standard model, the expert model and a person.

    In this order: what may do harm goes to a person, and so does a threat among `signals`; what asks for nothing gets
    no reply; what is hard or unclear goes to the expert; the rest is the standard model's.
    """
    intent, sure = classification.intent, classification.confidence >= policy.min_confidence
    if reason := _person_because(classification, policy, signals):
        return Route(tier="person", reason=reason)
    if intent in _SILENT and sure:
        return Route(tier="none", reason=f"{intent} asks for nothing")
    if not sure:
        return Route(tier="expert", reason=f"unsure what is wanted ({intent}, {classification.confidence:.2f})")
    if intent in _HARD or classification.complexity == "high":
        return Route(tier="expert", reason=f"{intent} is hard")
    return Route(tier="standard", reason=f"{intent} is routine")


def _person_because(classification: Classification, policy: Policy, signals: Sequence[Signal]) -> str | None:
    if grave := [signal.kind for signal in signals if signal.severity == "high"]:
        return f"{grave[0]} in the message: a person decides"
    if classification.intent == "human_request":
        return "asked for a person"
    if classification.needs_human:
        return f"{classification.intent}: an automatic reply could do harm"
    if classification.intent in policy.human_intents:
        return f"{classification.intent}: a person answers these"
    return None
