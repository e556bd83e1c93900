"""Claude in the role of a prospect, for rehearsals: the fast tier, one request a line. Plays no real person."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import ModelRefused
from agent.models.answers import Text
from agent.models.briefing import MAX_HISTORY_CHARS, bounded
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.prompts import Prompts
from agent.simulation.prospect import Line, NextLine
from agent.simulation.scenarios import Played, Scenario
from agent.types import Tenant

PROSPECT = ("prospect/system.md", "prospect/user.md")
MAX_TOKENS = 400
MOST_LINES = 30


class LineAnswer(BaseModel):
    """The prospect's next message."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    text: Annotated[Text, Field(max_length=1000)]
    is_done: bool


class ClaudeProspect:
    """Implements `agent.simulation.prospect.Prospect` with Claude. A line has `timeout_s` seconds."""

    def __init__(self, gateway: Gateway, *, prompts: Prompts, timeout_s: float) -> None:
        self._gateway = gateway
        self._prompts = prompts
        self._version = prompts.version(*PROSPECT)
        self._timeout_s = timeout_s

    async def next_line(self, scenario: Scenario, said: Sequence[Line], tenant: Tenant) -> NextLine:
        """Return what the prospect writes next.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
            Misconfigured: the API refuses us; says what to mend.
        """
        completion = await self._gateway.complete(self._request(scenario, said, tenant), timeout_s=self._timeout_s)
        if completion.value is None:
            refused = ModelRefused(f"Claude ({completion.model}) wrote no usable line: {completion.problem}")
            refused.calls = completion.calls
            raise refused
        line = completion.value
        return NextLine(text=line.text, is_done=line.is_done, calls=completion.calls)

    def _request(self, scenario: Scenario, said: Sequence[Line], tenant: Tenant) -> Request[LineAnswer]:
        system, user = PROSPECT
        plays = scenario.plays or Played(goal="", persona="")
        own = sum(line.who == "prospect" for line in said)
        return Request(
            task="draft",
            tier="fast",
            system=self._prompts.render(system),
            user=self._prompts.render(
                user,
                role={"goal": plays.goal, "persona": plays.persona, "language": scenario.language},
                said=[
                    {
                        "from": "you" if line.who == "prospect" else "the business",
                        "text": bounded(line.text, MAX_HISTORY_CHARS),
                    }
                    for line in said[-MOST_LINES:]
                ],
                channel=scenario.channel,
                business=tenant.name,
                left=max(1, plays.patience - own),
            ),
            output=LineAnswer,
            effort="low",
            max_tokens=MAX_TOKENS,
            prompt_version=self._version,
        )

    async def aclose(self) -> None:
        """Release connections."""
        await self._gateway.aclose()


def _said(line: Line) -> dict[str, str]:
    who = "you" if line.who == "prospect" else "the business"
    return {"from": who, "text": bounded(line.text, MAX_HISTORY_CHARS)}
