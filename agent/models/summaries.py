"""Claude as the one who keeps notes of long conversations. Small and cheap: one request of the fast tier, no repair.

What it writes rests on what prospects wrote, so it is data, like theirs: bounded, and without amounts.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import ModelRefused
from agent.guardrails.money_text import read_money
from agent.models.answers import Text
from agent.models.briefing import MAX_HISTORY_CHARS, bounded, spoken
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.ports import Summarised
from agent.prompts import Prompts
from agent.types import Message, Turn

SUMMARISE = ("summarise/system.md", "summarise/user.md")
MAX_TOKENS = 900
MAX_POINTS = 10
MAX_POINT_CHARS = 240
HIDDEN = "[amount]"


class SummaryAnswer(BaseModel):
    """Notes of a conversation, the most important first."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    points: Annotated[list[Text], Field(max_length=40)]


class ClaudeSummariser:
    """Implements `agent.ports.Summariser` with Claude. Every call has `timeout_s` seconds in total."""

    def __init__(self, gateway: Gateway, *, prompts: Prompts, timeout_s: float) -> None:
        self._gateway = gateway
        self._prompts = prompts
        self._version = prompts.version(*SUMMARISE)
        self._timeout_s = timeout_s

    async def summarise(self, turn: Turn, messages: Sequence[Message]) -> Summarised:
        """Return notes of `turn.summary` and of `messages`, which came after it.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
            Misconfigured: the API refuses us; says what to mend.
        """
        system, user = SUMMARISE
        request = Request(
            task="summarise",
            tier=turn.tenant.policy.tiers.get("summarise", "fast"),
            system=self._prompts.render(system),
            user=self._prompts.render(user, summary=turn.summary, history=spoken(messages, MAX_HISTORY_CHARS)),
            output=SummaryAnswer,
            effort="low",
            max_tokens=MAX_TOKENS,
            prompt_version=self._version,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )
        completion = await self._gateway.complete(request, timeout_s=self._timeout_s)
        if completion.value is None:
            refused = ModelRefused(f"Claude ({completion.model}) wrote no usable summary: {completion.problem}")
            refused.calls = completion.calls
            raise refused
        return Summarised(
            text=notes(completion.value.points), calls=completion.calls, prompt_version=request.prompt_version
        )


def notes(points: Sequence[str]) -> str:
    """Return points as a bounded text, one a line, with every amount of money hidden.

    A summary outlives the prices it was written under, so it must never be where one is read (promise P5).
    """
    lines = (bounded(" ".join(point.split()), MAX_POINT_CHARS) for point in points[:MAX_POINTS])
    return "\n".join(_without_amounts(line) for line in lines if line)


def _without_amounts(line: str) -> str:
    for found in sorted(read_money(line, "en"), key=lambda each: each.span, reverse=True):
        if found.kind in {"amount", "percent"}:
            start, end = found.span
            line = f"{line[:start]}{HIDDEN}{line[end:]}"
    return line
