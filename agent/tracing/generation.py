"""A model call in the terms of Langfuse: the attributes of a generation."""

from typing import Any

from agent.tracing.masking import mask_text
from agent.types import ModelCall, Usage


def generation_attributes(call: ModelCall) -> dict[str, Any]:
    """Return what a generation says of a call. Its version is that of the prompt."""
    return {
        "model": call.model,
        "version": call.prompt_version or None,
        "usage_details": usage_details(call.usage),
        # Langfuse's wire format is a JSON number of dollars; nothing is computed with it here.
        "cost_details": {"total": call.cost_microusd / 1_000_000},
        "metadata": {
            "tier": call.tier,
            "provider": call.provider,
            "attempt": call.attempt,
            "outcome": call.outcome,
            "batch": call.batch,
        },
        "level": "DEFAULT" if call.outcome == "ok" else "WARNING",
        "status_message": mask_text(call.error, 500) or None,
    }


def generation_id(call: ModelCall) -> int:
    """Return the id of a call's span: the same whenever and wherever it is reported, so that it counts once."""
    return call.id.int & (2**64 - 1)


def usage_details(usage: Usage) -> dict[str, int]:
    """Return disjoint counters with their total: without `total` Langfuse may count an observation as nothing."""
    counters = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }
    return {**counters, "total": sum(counters.values())}
