"""An agent whose models can be unplugged, and what tests of outages do with it."""

from dataclasses import dataclass, replace
from typing import Any

from agent.errors import ModelUnavailable
from agent.types import ConversationId
from jobs.recovery import Recovery
from jobs.turns import Turns
from tests.conftest import FakeClock
from tests.doubles.health import ScriptedHealth
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.agents import Agent

LINE = "problema técnico"
"""What every Spanish holding line says, and no answer."""


@dataclass(slots=True, kw_only=True)
class Outages:
    """The agent under test with a local engine of its own, and a plug to pull."""

    agent: Agent
    local: ScriptedModels
    health: ScriptedHealth
    clock: FakeClock

    def unplug(self, error: ModelUnavailable | None = None) -> None:
        """Let no model answer."""
        self.agent.models.outage = error or ModelUnavailable("every provider is down")
        self.health.answers = False

    def plug_in(self) -> None:
        """Let models answer again."""
        self.agent.models.outage = None
        self.health.answers = True

    async def ask(self, text: str = "¿cuánto cuesta el intensivo?", **fields: Any) -> ConversationId:
        """Receive a message and take its turn."""
        conversation = await self.agent.hear(text, **fields)
        await self.take(conversation)
        return conversation

    async def take(self, conversation: ConversationId) -> None:
        """Take the conversation's turn as a worker does, if one is due."""
        await Turns(self.agent.deps).run(self.agent.tenant_id, conversation)

    async def resume(self) -> list[ConversationId]:
        """Have a worker resume what waits; return which turns are to be tried now, in the order of their priority."""
        await Recovery(self.agent.deps).recover()
        rows = await self.agent.rows(
            "select id from conversations where is_resumed and turn_state = 'queued' order by priority, waiting_since"
        )
        return [row["id"] for row in rows]

    async def recover(self) -> list[ConversationId]:
        """Resume and take turns until nothing waits; return them in the order in which they were taken."""
        taken: list[ConversationId] = []
        while resumed := await self.resume():
            for conversation in resumed:
                await self.take(conversation)
            taken += resumed
        return taken

    async def let_lines_leave(self) -> None:
        """Let the time pass after which prospects are told, and send what is due."""
        self.clock.advance(25)
        await self.agent.send_all()

    def lines(self) -> list[str]:
        """Return who was told of the outage."""
        return [message.recipient for message in self.agent.sender.taken if LINE in message.text]

    def answers(self) -> list[str]:
        """Return who was answered."""
        return [message.recipient for message in self.agent.sender.taken if "399,00" in message.text]

    async def states(self) -> list[str]:
        """Return the states of all conversations, in the order in which they began."""
        return [row["turn_state"] for row in await self.agent.rows("select turn_state from conversations order by id")]


def build_outages(agent: Agent, clock: FakeClock) -> Outages:
    """Give an agent a local engine that knows what is asked, and health to look at."""
    local = ScriptedModels(
        classification=make_classification(intent="pricing", confidence=0.9), draft_fields={"source": "local"}
    )
    health = ScriptedHealth(clock=clock)
    agent.deps = replace(agent.deps, fallback=local, health=health)
    return Outages(agent=agent, local=local, health=health, clock=clock)
