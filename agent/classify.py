"""Step `classify`: what the turn is about, asked of whoever knows it well enough and costs least.

Three bands of calibrated confidence: a sure answer decides alone, an unsure one is asked again of a stronger model,
and what nobody understands goes to a person (`agent.route`). Without a model the local engine answers, so that urgent
intents are never missed (promise P6).
"""

from dataclasses import replace
from functools import partial

from agent.errors import Misconfigured, ModelRefused, ModelUnavailable
from agent.ports import Classified
from agent.route import TIERS, LimitLevel
from agent.steps import Steps
from agent.types import Classification, Intent, ModelTier, Policy

LEGAL: frozenset[Intent] = frozenset({"opt_out", "complaint", "human_request"})
"""Intents that must not be missed, nor taken on a guess."""
LEGAL_SURE = 0.95
"""The local engine decides these alone from this confidence on."""


async def classify(steps: Steps, language: str, limit: LimitLevel = "none") -> Classification:
    """Say what the turn is about, at the cost that the tenant's policy and what is left of its budget allow.

    Raises:
        Fenced: another worker has taken over.
    """
    policy = steps.turn.tenant.policy
    if limit == "hard":
        return await _ask_locally(steps, language)
    if policy.classify_locally_above is not None:
        local = await _ask_locally(steps, language)
        if is_clear(local, policy.classify_locally_above):
            return local
    try:
        return await _ask_models(steps, language, limit)
    except (ModelUnavailable, ModelRefused, Misconfigured):
        return await _ask_locally(steps, language)


def is_clear(local: Classification, threshold: float) -> bool:
    """Whether a local classification may stand without a model's: sure, plain, and no doubt about a legal intent."""
    if LEGAL & {*local.secondary} or local.complexity != "low":
        return False
    return local.confidence >= (max(threshold, LEGAL_SURE) if local.intent in LEGAL else threshold)


def needs_second_opinion(first: Classification, policy: Policy) -> bool:
    """Whether a stronger model should read the turn, too: the first is unsure, or suspects an opt-out."""
    if first.source == "local":
        return False
    return first.confidence < policy.sure_above or "opt_out" in first.secondary


def settle_opinions(first: Classification, second: Classification) -> Classification:
    """Return the stronger model's opinion; where both agree, with the confidence of the surer."""
    if first.intent != second.intent:
        return second
    return replace(second, confidence=max(first.confidence, second.confidence))


async def _ask_models(steps: Steps, language: str, limit: LimitLevel) -> Classification:
    """Ask the tenant's tier for this task, and once the next if that one is unsure and money is not short."""
    turn, models = steps.turn, steps.deps.models
    tier = turn.tenant.policy.tiers.get("classify", "fast")
    ask = partial(models.classify, turn, language)
    first = (await steps.model("classify", Classified, partial(ask, tier=tier))).classification
    if limit != "none" or tier == TIERS[-1] or not needs_second_opinion(first, turn.tenant.policy):
        return first
    try:
        second = await steps.model("classify_again", Classified, partial(ask, tier=_abler(tier)))
    except (ModelUnavailable, ModelRefused, Misconfigured):
        return first  # unsure, and its confidence says so
    return settle_opinions(first, second.classification)


async def _ask_locally(steps: Steps, language: str) -> Classification:
    with steps.deps.tracer.step("classify_locally") as observation:
        found = (await steps.deps.fallback.classify(steps.turn, language)).classification
        observation.update(output={"intent": found.intent, "confidence": found.confidence, "model": found.model})
        return found


def _abler(tier: ModelTier) -> ModelTier:
    return TIERS[TIERS.index(tier) + 1]
