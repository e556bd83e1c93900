"""After an outage: probe until a model answers, then resume waiting turns, a few at first and more as they succeed.

Every worker runs this. What they share is in the outage's row: whether it recovers, and how many turns may be tried at
once. A worker probes for itself, because its circuits are its own.
"""

import asyncio
import os
import socket
from dataclasses import dataclass, field

import structlog

from agent.gather import is_blind, is_capped
from agent.metrics import Sample
from agent.ports import AgentDeps
from agent.store import operations, waiting
from agent.store.db import Tx
from agent.types import ConversationId, TenantId

RECOVER_S = 1.0
PROBE_S = 5.0
REPORT_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Recovery:
    """The recovery of one worker process."""

    deps: AgentDeps
    _probe_at_s: float = 0.0
    """Loop time before which it does not probe again."""

    async def recover(self) -> int:
        """Put turns that wait for a model back into the queue, if one answers; return how many.

        Turns that have waited as long as their tenant allows are tried a last time, model or not.
        """
        async with self.deps.db.system() as tx, tx.transaction():
            overdue = await waiting.resume_overdue(tx)
            await self._wake(tx, overdue)
            outage = await waiting.find_outage(tx)
        if outage is None:
            return len(overdue)
        if (outage.recovering_at is None or is_blind(self.deps)) and not await self._probe():
            return len(overdue)
        async with self.deps.db.system() as tx, tx.transaction():
            resumed = await waiting.resume_waiting(tx)
            await self._wake(tx, resumed)
        if resumed:
            log.info("models.resumed", turns=len(resumed), at_once=outage.at_once)
        return len(overdue) + len(resumed)

    async def _probe(self) -> bool:
        """Ask whether a model answers, every few seconds at most. Where none can be asked, a waiting turn finds out.

        At a spending limit nothing is worth waiting for: the local engine answers what it can.
        """
        if is_capped(self.deps):
            return True
        loop = asyncio.get_running_loop()
        if loop.time() < self._probe_at_s:
            return False
        answers = await self.deps.health.probe() if self.deps.health else True
        self._probe_at_s = loop.time() + PROBE_S
        return answers

    async def _wake(self, tx: Tx, turns: list[tuple[TenantId, ConversationId]]) -> None:
        for tenant_id, conversation_id in turns:
            await self.deps.queue.wake_turn(tx, tenant_id, conversation_id)


@dataclass(slots=True)
class Report:
    """What one worker process tells operators, through the database: any web process can show it."""

    deps: AgentDeps
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    _told: dict[Sample, float] = field(default_factory=dict)

    async def send(self) -> None:
        """Write the state of the circuits, and add what was counted since the last time."""
        totals = dict(self.deps.metrics.totals())
        grown = {sample: value - self._told.get(sample, 0.0) for sample, value in totals.items()}
        async with self.deps.db.system() as tx, tx.transaction():
            if self.deps.health:
                await operations.report_circuits(tx, self.worker, self.deps.health.health())
            await operations.add_totals(tx, {sample: more for sample, more in grown.items() if more})
        self._told = totals
