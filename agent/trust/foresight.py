"""What a change of policy would have done yesterday: who would have answered, by what was understood and drafted then.

Pure: no model is asked, and nothing is sent or kept. What a draft would have said under another policy nobody knows, so
only this is told: what would have gone to a person and did not, and the other way round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.route import choose_route
from agent.types import Classification, Policy, TurnId

Answerer = Literal["agent", "person", "nobody"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DecidedTurn:
    """A turn as it was understood, and how sure its writer was of the draft; None: there was none."""

    id: TurnId
    classification: Classification
    draft_confidence: float | None = None
    draft_needs_human: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A turn that another one would have answered, and why."""

    turn: DecidedTurn
    before: Answerer
    after: Answerer
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Foresight:
    """What a change would have done to `turns` turns."""

    turns: int
    changes: Sequence[Change]

    def count(self, after: Answerer) -> int:
        """Return how many would have come to somebody else."""
        return sum(each.after == after for each in self.changes)


def foresee(turns: Sequence[DecidedTurn], before: Policy, after: Policy) -> Foresight:
    """Return which turns somebody else would have answered under another policy."""
    changes = []
    for turn in turns:
        old, new = answerer(turn, before), answerer(turn, after)
        if old[0] != new[0]:
            changes.append(Change(turn=turn, before=old[0], after=new[0], reason=new[1] or old[1]))
    return Foresight(turns=len(turns), changes=changes)


def answerer(turn: DecidedTurn, policy: Policy) -> tuple[Answerer, str]:
    """Return who answers a turn under a policy, and why if not the agent."""
    route = choose_route(turn.classification, policy)
    if route.tier == "person":
        return "person", route.reason
    if route.tier == "none":
        return "nobody", route.reason
    if turn.draft_needs_human:
        return "person", "the draft asks for a person to answer"
    if turn.draft_confidence is not None and turn.draft_confidence < policy.min_confidence:
        return "person", f"unsure of the draft ({turn.draft_confidence:.2f})"
    return "agent", ""
