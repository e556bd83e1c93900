"""Step `route`: who answers this turn, and why. A pure function."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agent.screening.injection import Signal
from agent.types import Classification, Intent, ModelTier, Policy, Route

LimitLevel = Literal["none", "soft", "hard"]
"""Which limit of a budget the turn has reached."""
TIERS: tuple[ModelTier, ...] = get_args(ModelTier)
"""From the cheapest to the ablest."""
LARGE_QUANTITY = 5
"""From this many on, a purchase is worth the expert."""

_SILENT: frozenset[Intent] = frozenset({"acknowledgement", "off_topic"})
_HARD: frozenset[Intent] = frozenset({"negotiation", "complaint"})
_SIMPLE: frozenset[Intent] = frozenset(
    {"greeting", "acknowledgement", "product_question", "pricing", "scheduling", "not_interested"}
)
"""Answered from what is published, in a sentence or two."""
_CHOSEN = "the tenant chose this tier"


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What decides besides the message itself."""

    up: frozenset[ModelTier] = frozenset(TIERS)
    """The tiers that can be asked now: those with a circuit that lets a call through."""
    limit: LimitLevel = "none"


ORDINARY = Circumstances()
Plan = tuple[tuple[str, Route], ...]
"""Steps of writing, by name, and who takes each."""


def choose_route(
    classification: Classification,
    policy: Policy,
    signals: Sequence[Signal] = (),
    circumstances: Circumstances = ORDINARY,
) -> Route:
    """Choose between no reply, the three tiers of models and a person.

    In this order: what may do harm goes to a person, and so does a threat among `signals`; what asks for nothing gets
    no reply; without budget a person answers; then the tenant's own choice of a tier holds, or else the turn's need.
    A soft limit makes it one tier cheaper, and a tier that is down gives way to the nearest that is up.
    """
    if reason := _person_because(classification, policy, signals):
        return Route(tier="person", reason=reason)
    if reason := _silent_because(classification, policy):
        return Route(tier="none", reason=reason)
    if circumstances.limit == "hard":
        return Route(tier="person", reason="the budget is spent: a person answers")
    tier, reason = _wanted(classification, policy)
    return _affordable(tier, reason, circumstances)


def plan_writing(route: Route, policy: Policy, circumstances: Circumstances = ORDINARY) -> Plan:
    """Return who writes, step by step as long as guardrails object: the draft, its revision, and the expert's."""
    chosen = policy.tiers.get("revise")
    last = chosen or "expert"
    return (
        ("draft", route),
        ("revise", _affordable(chosen, _CHOSEN, circumstances) if chosen else route),
        ("revise_expert", _affordable(last, _CHOSEN if chosen else "the revision was refused, too", circumstances)),
    )


def _person_because(classification: Classification, policy: Policy, signals: Sequence[Signal]) -> str | None:
    intent = classification.intent
    if grave := [signal.kind for signal in signals if signal.severity == "high"]:
        return f"{grave[0]} in the message: a person decides"
    if intent == "human_request":
        return "asked for a person"
    if classification.needs_human:
        return f"{intent}: an automatic reply could do harm"
    if intent in policy.human_intents:
        return f"{intent}: a person answers these"
    return _doubt_because(classification, policy)


def _doubt_because(classification: Classification, policy: Policy) -> str | None:
    """Return the doubt that only a person can settle, if there is one."""
    intent, confidence = classification.intent, classification.confidence
    is_unclear = confidence < policy.min_confidence
    if "opt_out" in classification.secondary or (intent == "opt_out" and is_unclear):
        return f"perhaps an opt-out ({intent}, {confidence:.2f}): a person decides"
    # The local engine asks back where it is unsure; where not even a model understands, a person has to.
    if is_unclear and classification.source != "local":
        return f"not understood ({intent}, {confidence:.2f})"
    return None


def _silent_because(classification: Classification, policy: Policy) -> str | None:
    intent = classification.intent
    if intent == "opt_out":
        return "asked to stop: that is confirmed, and nothing is answered"
    if intent in _SILENT and _is_sure(classification, policy) and not _says_more(classification):
        return f"{intent} asks for nothing"
    return None


def _wanted(classification: Classification, policy: Policy) -> tuple[ModelTier, str]:
    """Return the tier this turn deserves, and why."""
    intent, confidence = classification.intent, classification.confidence
    if tier := policy.tiers.get("draft"):
        return tier, _CHOSEN
    if not _is_sure(classification, policy):
        doubtful = f"unsure what is wanted ({intent}, {confidence:.2f})"
        # What perhaps asks for nothing deserves a short question back, no more.
        return ("fast", doubtful) if _is_slight(classification, policy) else ("expert", doubtful)
    if reason := _hard_because(classification):
        return "expert", reason
    if _is_simple(classification):
        return "fast", f"{intent} is simple"
    return "standard", f"{intent} is routine"


def _is_sure(classification: Classification, policy: Policy) -> bool:
    return classification.confidence >= policy.sure_above


def _is_slight(classification: Classification, policy: Policy) -> bool:
    return classification.intent in _SILENT and classification.confidence >= policy.min_confidence


def _says_more(classification: Classification) -> bool:
    """Whether something is said besides a reaction ("thanks, and for Monday then")."""
    is_reaction = classification.intent == "acknowledgement"
    return is_reaction and bool(classification.secondary or classification.entities)


def _hard_because(classification: Classification) -> str | None:
    intent = classification.intent
    if intent in _HARD or classification.complexity == "high":
        return f"{intent} is hard"
    if len(classification.secondary) >= 2:
        return f"several matters at once: {', '.join((intent, *classification.secondary))}"
    if classification.entities.get("budget"):
        return "a budget is named"
    if _quantity(classification) >= LARGE_QUANTITY:
        return "a large quantity is named"
    return None


def _quantity(classification: Classification) -> int:
    """Return the first number of the quantity as written; 0 without one."""
    found = re.search(r"[0-9]{1,9}", classification.entities.get("quantity", ""))
    return int(found[0]) if found else 0


def _is_simple(classification: Classification) -> bool:
    """Whether a short plain reply will do, and no sale or mood hangs on it."""
    return (
        classification.intent in _SIMPLE
        and classification.complexity == "low"
        and not classification.secondary
        and classification.stage != "deciding"
        and classification.sentiment != "negative"
    )


def _affordable(tier: ModelTier, reason: str, circumstances: Circumstances) -> Route:
    """Return the route at the nearest tier that is within the budget and up; with all down, the turn waits for it."""
    place = TIERS.index(tier)
    if circumstances.limit == "soft" and place > 0:
        place -= 1
        reason = f"{reason}; the budget is nearly spent: {TIERS[place]}, not {tier}"
    chosen = TIERS[place]
    if circumstances.up and chosen not in circumstances.up:
        chosen = _neighbour(place, circumstances)
        reason = f"{reason}; {TIERS[place]} is down: {chosen}"
    return Route(tier=chosen, reason=reason)


def _neighbour(place: int, circumstances: Circumstances) -> ModelTier:
    """Return the nearest tier that is up: of two as near the abler, or the cheaper when money is short."""
    upwards = 1 if circumstances.limit == "none" else -1

    def distance(tier: ModelTier) -> tuple[int, int]:
        away = TIERS.index(tier) - place
        return abs(away), -away * upwards

    return min(circumstances.up, key=distance)
