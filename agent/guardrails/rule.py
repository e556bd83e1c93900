"""What a guardrail is: a name, a version, and a pure function from a candidate to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from agent.types import Candidate, Tenant, Turn, Verdict

Check = Callable[[Candidate, Turn, Tenant, datetime], Verdict]
"""(candidate, turn, tenant, now) → verdict. No I/O; `now` is aware, in UTC."""


MAX_EVIDENCE = 120
"""So many characters of a text a verdict repeats, unless its rule says otherwise."""


def passed(rule: str, version: int) -> Verdict:
    """Return the verdict of a rule that has nothing to object to."""
    return Verdict(rule=rule, outcome="pass", version=version)


def revised(
    rule: str, version: int, reason: str, text: str, span: tuple[int, int], *, most: int = MAX_EVIDENCE
) -> Verdict:
    """Return the verdict that sends a text back to be redrafted for what stands at `span`."""
    evidence = text[slice(*span)][:most]
    return Verdict(rule=rule, outcome="revise", reason=reason, evidence=evidence, span=span, version=version)


class RuleModule(Protocol):
    """A file of this folder that is a rule."""

    RULE: str
    VERSION: int

    def check(self, candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime, /) -> Verdict:
        """Judge a candidate."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One guardrail. `version` goes up whenever a verdict could come out differently."""

    name: str
    version: int
    check: Check

    @classmethod
    def of(cls, module: RuleModule) -> Self:
        """Return the rule a module defines."""
        return cls(name=module.RULE, version=module.VERSION, check=module.check)
