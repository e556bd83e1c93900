"""Stand-in for the models whose calls cost a different amount each time, so that sums tell what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.ports import Classified, Drafted
from agent.types import ModelCall, Turn
from tests.doubles.models import ScriptedModels


@dataclass(slots=True, kw_only=True)
class MeteredModels(ScriptedModels):
    """As scripted, at 1 micro-dollar more for each call than for the one before."""

    calls: int = 0

    async def classify(self, turn: Turn, *args: Any, **options: Any) -> Classified:
        """Answer as scripted."""
        found = await ScriptedModels.classify(self, turn, *args, **options)
        return replace(found, calls=self._priced(found.calls))

    async def draft(self, turn: Turn, *args: Any, **options: Any) -> Drafted:
        """Answer as scripted."""
        found = await ScriptedModels.draft(self, turn, *args, **options)
        return replace(found, calls=self._priced(found.calls))

    def _priced(self, calls: Sequence[ModelCall]) -> tuple[ModelCall, ...]:
        priced = []
        for call in calls:
            self.calls += 1
            priced.append(replace(call, cost_microusd=1_000 + self.calls))
        return tuple(priced)
