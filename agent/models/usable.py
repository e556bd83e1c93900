"""A usable answer or a person: one repair, then the next tier once, then `ModelRefused`. No call's usage is lost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from agent.errors import ModelRefused, NightshiftError, calls_of
from agent.models.request import Completion, Request
from agent.route import TIERS
from agent.types import ModelCall, ModelTier

T = TypeVar("T", bound=BaseModel)
Repair = Callable[[str], str]
"""Returns what to tell a model about the problem with its answer."""


class Completes(Protocol):
    """What is needed of the gateway."""

    async def complete(self, request: Request[T], *, timeout_s: float) -> Completion[T]:
        """Get an answer, usable or not."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Usable(Generic[T]):
    """An answer that fits the structure asked for, and every call it took."""

    value: T
    calls: tuple[ModelCall, ...]

    @property
    def model(self) -> str:
        """The model that gave it."""
        return self.calls[-1].model


async def get_usable(gateway: Completes, request: Request[T], repair: Repair, *, timeout_s: float) -> Usable[T]:
    """Ask; if the answer cannot be used ask its model again, then the next tier, all within `timeout_s` seconds.

    Raises:
        ModelUnavailable: no answer in time.
        ModelRefused: answers came, and none can be used. A person takes the turn.
        Misconfigured: who could be asked refuses us.
        Each carries the calls made so far.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    first = await _ask(gateway, request, (), deadline)
    if first.value is not None:
        return Usable(value=first.value, calls=first.calls)
    # Twice the room: the first answer may have been cut off.
    roomier = replace(request, max_tokens=2 * request.max_tokens)
    mended = replace(roomier, user=f"{request.user}\n\n{repair(first.problem)}")
    second = await _ask(gateway, mended, first.calls, deadline)
    if second.value is not None:
        return Usable(value=second.value, calls=second.calls)
    refused = ModelRefused(
        f"Claude ({second.model}) gave no usable answer to {request.task} twice: first {first.problem} "
        f"Then {second.problem} A person should take this turn."
    )
    refused.calls = second.calls
    if (tier := _next_tier(request.tier)) is None:
        raise refused
    return await _ask_abler(gateway, replace(roomier, tier=tier), refused, deadline)


async def _ask_abler(gateway: Completes, request: Request[T], refused: ModelRefused, deadline: float) -> Usable[T]:
    """Ask the next tier, whose failure of any kind leaves the turn to a person: two answers were useless already."""
    try:
        third = await _ask(gateway, request, refused.calls, deadline)
    except NightshiftError as exc:
        refused.calls = exc.calls
        raise refused from exc
    if third.value is None:
        refused.calls = third.calls
        raise refused
    return Usable(value=third.value, calls=third.calls)


async def _ask(
    gateway: Completes, request: Request[T], before: tuple[ModelCall, ...], deadline: float
) -> Completion[T]:
    """Return an answer, its calls counted on from those made `before`; a failure carries them likewise."""
    try:
        left_s = deadline - asyncio.get_running_loop().time()
        completion = await gateway.complete(request, timeout_s=max(left_s, 0.0))
    except (NightshiftError, asyncio.CancelledError) as exc:
        vars(exc)["calls"] = _counted(before, calls_of(exc))
        raise
    return replace(completion, calls=_counted(before, completion.calls))


def _counted(before: tuple[ModelCall, ...], calls: tuple[ModelCall, ...]) -> tuple[ModelCall, ...]:
    return tuple(replace(call, attempt=place) for place, call in enumerate((*before, *calls), start=1))


def _next_tier(tier: ModelTier) -> ModelTier | None:
    place = TIERS.index(tier) + 1
    return TIERS[place] if place < len(TIERS) else None
