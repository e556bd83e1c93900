"""Replays as they are asked for: one turn, or every turn of a conversation, by the version in force or another one.

Each turn of a conversation is thought through as it was then: what had been said before it is what was said, not what
the version would have said. So its turns can be compared one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from agent.errors import NightshiftError
from agent.ports import AgentDeps
from agent.replay import Difference, Outcome, compare, replay_turn
from agent.rollouts.versions import Version, get_version
from agent.store import events, replays
from agent.store.db import Tx
from agent.store.replays import ReplayRow
from agent.types import ConversationId, MemberId, TenantId, TurnId

MAX_ERROR = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnReplay:
    """One turn of a replayed conversation: then and now. `error` says why it could not be thought through."""

    turn_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    error: str = ""

    @property
    def differences(self) -> Sequence[Difference]:
        """Return both outcomes value by value, what they cost among them."""
        costs = [int(each.get("cost_microusd") or 0) for each in (self.before, self.after)]
        cost = Difference(name="cost", before=str(costs[0]), after=str(costs[1]))
        return (*compare(self.before, self.after), *((cost,) if any(costs) else ()))

    @property
    def differs(self) -> bool:
        """Whether it came to something else: another decision, route or text, or other checks objected."""
        return any(each.differs for each in self.differences if each.name in TELLING)


TELLING = frozenset({"decision", "route", "text", "objections"})
"""What prospects and staff notice; the rest says how it came about."""


async def ask_for_conversation(
    tx: Tx,
    tenant_id: TenantId,
    conversation_id: ConversationId,
    version: str,
    *,
    member_id: MemberId | None = None,
    actor: str,
) -> UUID:
    """Ask for a replay of a conversation; the caller defers it.

    Raises:
        LookupError: this tenant has no such version.
    """
    if version:
        await get_version(tx, tenant_id, version)
    replay_id = await replays.insert_replay(
        tx, tenant_id, None, member_id, conversation_id=conversation_id, version=version
    )
    data = {"replay": str(replay_id), "version": version}
    await events.insert_event(
        tx, tenant_id, "conversation.replay_asked", actor=actor, conversation_id=conversation_id, data=data
    )
    return replay_id


async def run_replay(tenant_id: TenantId, replay_id: UUID, deps: AgentDeps) -> None:
    """Do a replay that was asked for, and keep what came of it; one that is done already is left alone."""
    async with deps.db.tenant(tenant_id) as tx:
        asked = await replays.find_replay(tx, replay_id)
    if asked is None or asked.state != "pending":
        return
    result: dict[str, Any] | None = None
    error = ""
    try:
        result = await _replay(tenant_id, asked, deps)
    except (NightshiftError, LookupError) as exc:
        error = str(exc)[:MAX_ERROR]
    async with deps.db.tenant(tenant_id) as tx:
        if await replays.finish_replay(tx, replay_id, result, error):
            data = {"replay": str(replay_id), "failed": bool(error)}
            kind = "turn.replayed" if asked.turn_id else "conversation.replayed"
            await events.insert_event(
                tx,
                tenant_id,
                kind,
                actor="agent",
                conversation_id=asked.conversation_id,
                turn_id=asked.turn_id,
                data=data,
            )


async def _replay(tenant_id: TenantId, asked: ReplayRow, deps: AgentDeps) -> dict[str, Any]:
    version = await find_wanted(tenant_id, asked.version, deps)
    if asked.turn_id is not None:
        before, after = await replay_turn(tenant_id, asked.turn_id, deps, trace_seed=str(asked.id), version=version)
        return {"before": asdict(before), "after": asdict(after)}
    if asked.conversation_id is None:
        raise LookupError("it is of no turn and of no conversation")
    found = await replay_conversation(tenant_id, asked.conversation_id, deps, seed=str(asked.id), version=version)
    return {"turns": [asdict(each) for each in found]}


async def find_wanted(tenant_id: TenantId, digest: str, deps: AgentDeps) -> Version | None:
    """Return the version of that name; None: of no name, so the one in force.

    Raises:
        LookupError: this tenant has none of that name.
    """
    if not digest:
        return None
    async with deps.db.tenant(tenant_id) as tx:
        return await get_version(tx, tenant_id, digest)


async def replay_conversation(
    tenant_id: TenantId,
    conversation_id: ConversationId,
    deps: AgentDeps,
    *,
    seed: str,
    version: Version | None = None,
) -> Sequence[TurnReplay]:
    """Think through every turn of a conversation, oldest first, sending nothing. `seed` names its traces.

    Raises:
        LookupError: this tenant has no such conversation, or none of its turns has ended.
    """
    async with deps.db.tenant(tenant_id) as tx:
        turns = await replays.list_replayable(tx, conversation_id)
    if not turns:
        raise LookupError(f"conversation {conversation_id} has no turn that can be replayed")
    return [await _one(tenant_id, turn_id, deps, f"{seed}:{turn_id}", version) for turn_id in turns]


async def _one(tenant_id: TenantId, turn_id: TurnId, deps: AgentDeps, seed: str, version: Version | None) -> TurnReplay:
    """Replay a turn; where that cannot be, say so and let the others be replayed."""
    try:
        before, after = await replay_turn(tenant_id, turn_id, deps, trace_seed=seed, version=version)
    except (NightshiftError, LookupError) as exc:
        return TurnReplay(turn_id=str(turn_id), before={}, after={}, error=str(exc)[:MAX_ERROR])
    return TurnReplay(turn_id=str(turn_id), before=_values(before), after=_values(after))


def _values(outcome: Outcome) -> Mapping[str, Any]:
    return asdict(outcome)


def read_turns(row: ReplayRow) -> Sequence[TurnReplay]:
    """Return the turns of a replayed conversation, as they were kept."""
    return [TurnReplay(**each) for each in (row.result or {}).get("turns", ())]
