"""What a model makes of statements that code cannot decide, as a verdict of the rule `grounding`.

The judge reads what the tenant has published and, for one text, all its open statements in one call. What it finds
published, or contradicted by what is published, holds for every conversation until the tenant changes something: it is
remembered. What it finds unsupported, or supported by the conversation alone, is asked anew.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

from agent.guardrails import UNCHECKED
from agent.guardrails.rule import passed
from agent.ports import Clock, Judge, Judged, Judgement
from agent.types import Tenant, TenantId, Turn, Verdict

RULE = "grounding"
VERSION = 1
REMEMBERED = 10_000
CONVERSATION = "conversation"
"""The source of what only this conversation supports; `judge/system.md` names it."""


class RememberingJudge:
    """A judge that asks another one only for what it does not know yet. Bounded; forgets the oldest first."""

    def __init__(self, judge: Judge, *, now: Clock, most: int = REMEMBERED) -> None:
        self._judge = judge
        self._now = now
        self._most = most
        self._known: OrderedDict[tuple[TenantId, str, str], Judgement] = OrderedDict()

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        """Judge `claims`; raises what the other judge does."""
        tenant = turn.tenant
        published = _published_hash(tenant, self._now().date())
        found = {claim: self._known.get((tenant.id, published, claim)) for claim in claims}
        unknown = [claim for claim, judgement in found.items() if judgement is None]
        asked = await self._judge.judge(unknown, turn) if unknown else Judged(judgements=())
        for judgement in asked.judgements:
            found[judgement.claim] = judgement
            self._remember((tenant.id, published, judgement.claim), judgement)
        return Judged(judgements=tuple(each for each in found.values() if each), calls=asked.calls)

    def _remember(self, key: tuple[TenantId, str, str], judgement: Judgement) -> None:
        if judgement.finding == "unsupported" or judgement.source == CONVERSATION:
            return
        self._known[key] = judgement
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def judged_verdict(judgements: Sequence[Judgement]) -> Verdict:
    """Return a pass, or a revision that names the first statement that does not stand."""
    wrong = next((each for each in judgements if each.finding != "supported"), None)
    if wrong is None:
        return passed(RULE, VERSION)
    against = f" ({wrong.source} says otherwise)" if wrong.finding == "contradicted" and wrong.source else ""
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason=f"What you have published does not say this{against}.",
        evidence=wrong.claim,
        version=VERSION,
    )


def unjudged_verdict(claims: Sequence[str]) -> Verdict:
    """Return the hold for statements nobody could judge, where the tenant demands that."""
    return Verdict(
        rule=RULE,
        outcome="hold",
        reason="You want statements like this judged by a model, and none is available.",
        evidence=f"{UNCHECKED}{claims[0]}",
        version=VERSION,
    )


def _published_hash(tenant: Tenant, today: date) -> str:
    """Return a hash of all a judgement rests on: what holds may depend on the day."""
    published = repr((today, tenant.name, tenant.catalogue, tenant.passages, tenant.links))
    return hashlib.sha256(published.encode("utf-8", "surrogatepass")).hexdigest()
