"""Stand-in for the gateway's view of its circuits: one circuit, whose state the test sets."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.models.circuit import CircuitHealth, CircuitState
from tests.conftest import FakeClock


@dataclass(slots=True, kw_only=True)
class ScriptedHealth:
    """Knows one circuit in `state`; a probe finds out whether `answers`, and closes it if so."""

    clock: FakeClock
    state: CircuitState = "closed"
    answers: bool = False
    probes: list[datetime] = field(default_factory=list)

    def health(self) -> tuple[CircuitHealth, ...]:
        """Return the circuit."""
        now = self.clock()
        held = None if self.state == "closed" else now + timedelta(seconds=10)
        return (
            CircuitHealth(
                provider="anthropic",
                model="claude-sonnet-5-5",
                tiers=("standard",),
                state=self.state,
                since=now,
                last_error="" if self.state == "closed" else "529 overloaded",
                next_probe_at=held,
            ),
        )

    async def probe(self) -> bool:
        """Answer as scripted."""
        self.probes.append(self.clock())
        self.state = "closed" if self.answers else "open"
        return self.answers
