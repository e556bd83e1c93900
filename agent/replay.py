"""Replays a past turn with today's version: it thinks as it did, and nothing of it is sent or kept.

What today's version is: the models, prompts, rules and the tenant's file as they stand. What is of then: the burst,
what had been said before it, the time at which it came, and who had opted out. Answers kept for others are left alone,
both ways. The model calls are real: they are reported, and count towards the tenant's budgets, not towards the turn's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.decide import Resolution, learned
from agent.faults import pass_by
from agent.gather import HISTORY_LIMIT, SENT_WITHIN, Gathered
from agent.ids import new_id
from agent.ports import AgentDeps
from agent.rollouts.versions import Version, current_version, with_version
from agent.saved_steps import saved_classification, saved_draft, saved_part
from agent.spending.accounting import Occasion, read_spent, record_calls, report_calls
from agent.store import conversations, messages, summaries
from agent.store.conversations import Lease
from agent.store.db import Tx
from agent.store.run_details import RunDetail, find_run
from agent.tracing.traced import attributes_of
from agent.turn import think
from agent.types import BudgetScope, Escalate, ModelCall, Send, Tenant, TenantId, Turn, TurnId, Wait


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a turn came to, in values that can be compared. Empty: there was no such step."""

    decision: str
    reason: str
    intent: str = ""
    confidence: str = ""
    language: str = ""
    route: str = ""
    text: str = ""
    objections: str = ""
    """The rules that did not let the text pass."""
    understood_by: str = ""
    written_by: str = ""
    prompts: str = ""
    cost_microusd: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One value of both outcomes, side by side."""

    name: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        """Whether it is not the same."""
        return self.before != self.after


@dataclass(slots=True)
class Recorder:
    """Writes steps down in memory. Their cost is the tenant's, of no turn."""

    tenant: Tenant
    deps: AgentDeps
    """With the clock of today."""
    kept: dict[str, Any] = field(default_factory=dict)
    cost_microusd: int = 0

    async def keep(self, name: str, result: Any, calls: Sequence[ModelCall] = ()) -> dict[BudgetScope, int]:
        """Keep a step's result."""
        self.kept[name] = result
        return await self._record(calls)

    async def pay(self, calls: Sequence[ModelCall]) -> dict[BudgetScope, int]:
        """Report and record the calls of a step that came to nothing."""
        spent = await self._record(calls)
        report_calls(calls, self.deps)
        return spent

    async def _record(self, calls: Sequence[ModelCall]) -> dict[BudgetScope, int]:
        self.cost_microusd += sum(each.cost_microusd for each in calls)
        if not calls:
            return {}
        async with self.deps.db.tenant(self.tenant.id) as tx:
            return await record_calls(tx, Occasion(tenant=self.tenant), calls, self.deps.now())


async def replay_turn(
    tenant_id: TenantId, turn_id: TurnId, deps: AgentDeps, *, trace_seed: str, version: Version | None = None
) -> tuple[Outcome, Outcome]:
    """Return what a turn came to then, and what it comes to now. `trace_seed` names the replay's own trace.

    `version` is what is to answer it; None: the tenant's current one.

    Raises:
        LookupError: this tenant has no such turn, or its messages are gone.
        ModelUnavailable, ModelRefused: as thinking does where no way round is left.
    """
    trace_id = deps.tracer.trace_id(trace_seed)
    async with deps.db.tenant(tenant_id) as tx:
        past = await find_run(tx, turn_id)
        if past is None:
            raise LookupError(f"turn {turn_id} does not exist for this tenant")
        gathered = await _gather_past(tx, tenant_id, past, trace_id, deps, version=version)
    turn = gathered.turn
    recorder = Recorder(tenant=turn.tenant, deps=deps)
    then = replace(deps, now=lambda: turn.inbound[-1].created_at, senders={}, answers=None, reach=pass_by)
    with deps.tracer.turn(**attributes_of(turn, "replay"), input=turn.text, name="replay") as root:
        resolution = await think(gathered, then, recorder)
        after = _after(resolution, recorder)
        root.update(output=after.text or after.reason, metadata={"decision": after.decision})
    return _before(past), after


async def _gather_past(
    tx: Tx, tenant_id: TenantId, past: RunDetail, trace_id: str, deps: AgentDeps, *, version: Version | None
) -> Gathered:
    """Load a turn as its worker had it: only what had been said by then, and nobody's lease."""
    run = past.run
    burst = await messages.list_between(tx, run.conversation_id, run.first_seq, run.last_seq)
    if not burst:
        raise LookupError(f"the messages of turn {run.id} are gone: there is nothing to replay")
    came_at = burst[-1].created_at
    published = await deps.tenants.get(tx, tenant_id)
    version = version or await current_version(tx, published, deps.release)
    tenant = with_version(published, version)
    conversation = await conversations.get_conversation(tx, run.conversation_id)
    suppression = conversation.suppression
    summary = await summaries.find_summary(tx, run.conversation_id)
    is_of_then = summary.covers_seq < burst[0].seq
    sent_at = await messages.list_sent_at(tx, conversation.contact.id, came_at - SENT_WITHIN)
    turn = Turn(
        id=run.id,
        tenant=tenant,
        conversation=replace(
            conversation,
            owner="agent",
            last_inbound_at=came_at,
            suppression=suppression if suppression and suppression.since < came_at else None,
        ),
        inbound=burst,
        history=await messages.list_history(tx, run.conversation_id, burst[0].seq, HISTORY_LIMIT),
        attempt=1,
        trace_id=trace_id,
        sent_at=tuple(at for at in sent_at if at < came_at),
        spent_microusd=await read_spent(tx, Occasion(tenant=tenant), deps.now()),
        summary=summary.text if is_of_then else "",
        summarised_seq=summary.covers_seq if is_of_then else 0,
        version=version.digest,
    )
    lease = Lease(tenant_id=tenant_id, conversation_id=run.conversation_id, token=new_id(), attempt=1)
    return Gathered(turn=turn, lease=lease, saved={}, version=version)


def _before(past: RunDetail) -> Outcome:
    run = past.run
    decision = run.decision if run.state == "done" and run.decision else run.state
    return _outcome(run.steps, decision, run.reason or run.error or "", past.text, past.cost_microusd)


def _after(resolution: Resolution, recorder: Recorder) -> Outcome:
    steps = {**recorder.kept, **learned(resolution)}
    text = ""
    match resolution.decision:
        case Send(reply=reply):
            decision, text = "send", reply.candidate.text
        case Escalate(draft=draft):
            decision, text = "escalate", draft or ""
        case Wait():
            decision = "waiting"
        case _:
            decision = "nothing"
    return _outcome(steps, decision, resolution.decision.reason, text, recorder.cost_microusd)


def _outcome(steps: Mapping[str, Any], decision: str, reason: str, text: str, cost: int) -> Outcome:
    """Read an outcome from the steps of a turn. They may be of an earlier release: what is absent stays empty."""
    classification = saved_classification(steps)
    draft = saved_draft(steps)
    confidence = classification.get("confidence")
    prompts = (classification.get("prompt_version"), draft.get("prompt_version"))
    return Outcome(
        decision=decision,
        reason=reason,
        intent=str(classification.get("intent") or ""),
        confidence=f"{confidence:.0%}" if isinstance(confidence, int | float) else "",
        language=str(classification.get("language") or saved_part(steps, "language").get("language") or ""),
        route=str(saved_part(steps, "route").get("tier") or ""),
        text=text,
        objections=", ".join(
            str(each.get("rule")) for each in steps.get("verdicts") or () if each.get("outcome") != "pass"
        ),
        understood_by=_who(classification),
        written_by=_who(draft),
        prompts=", ".join(str(each) for each in prompts if each),
        cost_microusd=cost,
    )


def _who(step: Mapping[str, Any]) -> str:
    return " ".join(str(step[name]) for name in ("source", "model") if step.get(name))


COMPARED = (
    "decision",
    "reason",
    "intent",
    "confidence",
    "language",
    "route",
    "text",
    "objections",
    "understood_by",
    "written_by",
    "prompts",
)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return two outcomes, as a replay keeps them, value by value; those without any in either are left out."""
    pairs = ((name, str(before.get(name) or ""), str(after.get(name) or "")) for name in COMPARED)
    return tuple(Difference(name=name, before=old, after=new) for name, old, new in pairs if old or new)
