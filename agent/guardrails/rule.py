"""What a guardrail is: a name, a version, and a pure function from a candidate to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.types import Candidate, Tenant, Turn, Verdict

Check = Callable[[Candidate, Turn, Tenant, datetime], Verdict]
"""(candidate, turn, tenant, now) → verdict. No I/O; `now` is aware, in UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One guardrail. `version` goes up whenever a verdict could come out differently."""

    name: str
    version: int
    check: Check
