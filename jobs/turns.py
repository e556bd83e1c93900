"""The `turn` job: hold the lease of a conversation while its turn is taken, and answer for what goes wrong.

A lease is renewed while its holder lives; a worker that dies lets it lapse, and the sweep of any other worker
gives the turn away within `LEASE_S` plus a sweep. The new token fences the old worker.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import structlog
from structlog.contextvars import bound_contextvars

from agent.decide import give_up
from agent.errors import Fenced, NightshiftError, Retryable
from agent.gather import Gathered, NotYet, claim_and_gather
from agent.history import summarise_history
from agent.ports import AgentDeps
from agent.rollouts.rollout import watch_rollout
from agent.store import conversations
from agent.turn import handoff_notice, take_turn
from agent.types import ConversationId, Decision, TenantId, Wait

LEASE_S = 10.0
RENEW_S = 3.0
MAX_ATTEMPTS = 5
"""Failed attempts after which a person gets the conversation."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes turns under a lease each. One per worker process."""

    deps: AgentDeps
    _held: "dict[UUID, asyncio.Task[Any]]" = field(default_factory=dict)
    _doubted: set[UUID] = field(default_factory=set)
    """Tokens that the last renewal did not find: lost, or just released by their own commit."""

    async def run(self, tenant_id: TenantId, conversation_id: ConversationId) -> None:
        """Take the conversation's turn if one is due; wake again when it is due later."""
        with bound_contextvars(tenant=str(tenant_id), conversation=str(conversation_id)):
            token = uuid4()
            found = await claim_and_gather(tenant_id, conversation_id, token, LEASE_S, self.deps)
            if isinstance(found, NotYet):
                await self._wake_later(tenant_id, conversation_id, found.wake_in_s)
                return
            self._held[token] = _current_task()
            try:
                decision = await self._take(found)
            finally:
                self._held.pop(token, None)
            if found.trial_id is not None:
                await watch_rollout(tenant_id, found.trial_id, self.deps)
            if decision is not None and not isinstance(decision, Wait):
                await summarise_history(found.turn, self.deps.thinking_by(found.version))

    async def _wake_later(self, tenant_id: TenantId, conversation_id: ConversationId, delay_s: float | None) -> None:
        if delay_s is not None:
            async with self.deps.db.system() as connection:
                await self.deps.queue.wake_turn(connection, tenant_id, conversation_id, delay_s=delay_s)

    async def _take(self, gathered: Gathered) -> Decision | None:
        """Entry point of a turn: every failure is answered for here, none is lost; None: it failed."""
        with bound_contextvars(turn=str(gathered.turn.id), trace=gathered.turn.trace_id):
            started, decision = time.monotonic(), await self._decide(gathered)
            took_s = time.monotonic() - started
            self.deps.metrics.turn_seconds.observe(took_s)
            became = type(decision).__name__.lower() if decision else "failed"
            log.info("turn.taken", decision=became, attempt=gathered.lease.attempt, took_ms=round(1000 * took_s))
            return decision

    async def _decide(self, gathered: Gathered) -> Decision | None:
        if gathered.lease.attempt > MAX_ATTEMPTS:  # it keeps killing its workers
            await self._give_up(gathered, "the worker died at every attempt")
            return None
        try:
            return (await take_turn(gathered, self.deps)).decision
        except Fenced:
            log.warning("turn.fenced", turn=str(gathered.turn.id))
        except asyncio.CancelledError:
            await asyncio.shield(self._requeue(gathered, delay_s=0, refund_attempt=True))
            raise
        except Exception as exc:  # noqa: BLE001 — an entry point: records, and retries or escalates
            await self._failed(gathered, exc)
        return None

    async def _failed(self, gathered: Gathered, error: Exception) -> None:
        attempt = gathered.lease.attempt
        expected = isinstance(error, NightshiftError)
        self.deps.metrics.turn_failures.labels(type(error).__name__).inc()
        log.warning(
            "turn.failed",
            turn=str(gathered.turn.id),
            attempt=attempt,
            error=str(error) if expected else type(error).__name__,
            exc_info=None if expected else error,
        )
        if attempt < MAX_ATTEMPTS:
            wait_s = error.retry_after_s if isinstance(error, Retryable) else None
            await self._requeue(gathered, delay_s=wait_s or min(60.0, 2.0**attempt))
            return
        await self._give_up(gathered, f"{type(error).__name__}: {error}"[:2000])

    async def _give_up(self, gathered: Gathered, error: str) -> None:
        notice = handoff_notice(gathered.turn, self.deps)
        try:
            await give_up(gathered.turn, gathered.lease, error, notice, self.deps)
        except Fenced:
            log.warning("turn.fenced", turn=str(gathered.turn.id))

    async def _requeue(self, gathered: Gathered, *, delay_s: float, refund_attempt: bool = False) -> None:
        lease = gathered.lease
        async with self.deps.db.tenant(lease.tenant_id) as tx:
            if await conversations.requeue(tx, lease, delay_s=delay_s, refund_attempt=refund_attempt):
                await self.deps.queue.wake_turn(tx, lease.tenant_id, lease.conversation_id, delay_s=delay_s)

    async def renew_leases(self) -> None:
        """Renew all leases of this process; stop the turns whose lease was lost."""
        held = dict(self._held)
        if not held:
            return
        async with self.deps.db.system() as connection:
            kept = await conversations.renew(connection, held.keys(), LEASE_S)
        missing = held.keys() - kept
        for token in missing & self._doubted:
            task = self._held.pop(token, None)
            if task:
                log.warning("turn.lease_lost")
                task.cancel()
        self._doubted.clear()
        self._doubted.update(missing)


def _current_task() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a turn must run inside an asyncio task")
    return task
