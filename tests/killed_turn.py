"""A process that takes one turn and kills itself in the middle (SIGKILL), as a power cut would.

Forked off one that has imported and loaded everything, so that many can die in a short time.
"""

import asyncio
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from datetime import datetime

from agent.language import LanguageDetector
from agent.settings import LangfuseProject
from agent.store.db import Database
from agent.tracing.traces import LangfuseTracer
from agent.turn import deliver, take_turn
from agent.types import ConversationId
from tests.conftest import FakeClock
from tests.doubles.metered import MeteredModels
from tests.integration.agents import Agent, build_agent

POINTS = (
    *("turn.gathered", "turn.classify.answered", "turn.classified", "turn.draft.answered", "turn.drafted"),
    *("turn.deciding", "turn.decided", "deliver.claimed"),
)
DETECTOR = LanguageDetector.load()
"""Loaded once, in the process that the others are forked off."""
SENT_S = 2.0
"""Longer than spans wait to be sent."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([__name__])


@dataclass(frozen=True, kw_only=True)
class Victim:
    """What is to be killed, and where."""

    database_url: str
    public_key: str
    secret_key: str
    base_url: str
    conversation_id: ConversationId
    point: str
    now: datetime
    has_sent: bool
    """Whether it first sends the spans it has made."""


def kill(victim: Victim) -> None:
    """Run the turn in a process of its own until it is dead.

    Raises:
        RuntimeError: it did not come to the point.
    """
    process = _forking.Process(target=_run, args=(victim,))
    process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        raise RuntimeError(f"the turn did not come to {victim.point}: exit code {process.exitcode}")


def _run(victim: Victim) -> None:
    asyncio.run(_take(victim))


async def _take(victim: Victim) -> None:
    async with Database(victim.database_url, max_size=4) as db:
        agent = await build_agent(db, FakeClock(victim.now), DETECTOR)
        await _take_as(agent, victim)


async def _take_as(agent: Agent, victim: Victim) -> None:
    project = LangfuseProject.model_validate(
        {"public_key": victim.public_key, "secret_key": victim.secret_key, "base_url": victim.base_url}
    )

    def reach(point: str) -> None:
        if point == victim.point:
            if victim.has_sent:
                time.sleep(SENT_S)
            os.kill(os.getpid(), signal.SIGKILL)

    models = MeteredModels(classification=agent.models.classification)
    deps = replace(agent.deps, models=models, tracer=LangfuseTracer(project, environment="test"), reach=reach)
    agent = replace(agent, deps=deps)
    await take_turn(await agent.claim(victim.conversation_id), agent.deps)
    for row in await agent.rows("select id from messages where state = 'pending' order by seq"):
        await deliver(agent.tenant_id, row["id"], agent.deps)
