"""What each Claude model accepts, as data: one request shape cannot serve them all.

Source: the vendor's model pages, October 2026. What all of them refuse (sampling parameters, `budget_tokens`, a
prefilled answer) no request of ours has, so it is not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from agent.errors import Misconfigured

Effort = Literal["low", "medium", "high"]
"""How hard a model tries. Never above `high`: there, thinking cannot be turned off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What one model accepts."""

    no_thinking: Literal["disabled", "between_tools"] | None
    """How to turn thinking off; None: it always thinks."""
    thinking_room: int = 0
    """Tokens to add to the answer's limit, because thinking counts toward it."""
    forced_tools: bool = False
    """Whether it can be made to call a tool. Our structured answers never need that."""
    min_cached_tokens: int | None = None
    """The shortest prefix it caches; None: the vendor does not say, so only `usage` tells."""


CAPABILITIES: Mapping[str, Capabilities] = MappingProxyType(
    {
        "claude-haiku-5-5": Capabilities(no_thinking="disabled", forced_tools=True, min_cached_tokens=512),
        "claude-sonnet-5-5": Capabilities(no_thinking="between_tools"),
        "claude-opus-5-5": Capabilities(no_thinking=None, thinking_room=6000, min_cached_tokens=512),
    }
)


def get_capabilities(model: str) -> Capabilities:
    """Return what `model` accepts.

    Raises:
        Misconfigured: the model is not known here.
    """
    if model not in CAPABILITIES:
        raise Misconfigured(
            f"The model {model!r} is not known to Nightshift.",
            f"Set NIGHTSHIFT_MODEL_FAST, _STANDARD and _EXPERT to one of: {', '.join(CAPABILITIES)}.",
        )
    return CAPABILITIES[model]
