"""How far a message has got, from whatever is reported on it, in any order and however often: a pure function.

Reports carry no time and come in no order, so the state is the furthest one ever reported. That is the same whichever
comes first. `delivered` and `read` are further than `failed`: somebody has it, whatever else was said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.types import DeliveryState

RANK: Mapping[str, int] = {
    "superseded": 0,
    "pending": 0,
    "sending": 0,
    "unknown": 0,
    "queued": 1,
    "sent": 2,
    "failed": 3,
    "delivered": 4,
    "read": 5,
}
_ARRIVED = frozenset({"delivered", "read"})

Effect = Literal["moved", "late", "conflict"]
"""It moved the message on; it says what is known or overtaken; it contradicts what is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Projection:
    """The state after a report, and what the report did."""

    state: str
    effect: Effect
    moved: bool


def project(state: str, reported: DeliveryState, *, is_other: bool = False) -> Projection:
    """Return the state after `reported`, from the state before.

    `is_other`: the report is on another message of the provider's than the one we know, so ours was taken twice. That
    one of them failed says nothing of the other. What we had withdrawn has left all the same, if it is reported on.
    """
    if is_other and reported == "failed":
        return Projection(state=state, effect="conflict", moved=False)
    moved = RANK[reported] > RANK[state]
    contradicts = state == "superseded" or ("failed" in (state, reported) and {state, reported} & _ARRIVED)
    effect: Effect = "conflict" if contradicts or is_other else "moved" if moved else "late"
    return Projection(state=reported if moved else state, effect=effect, moved=moved)
