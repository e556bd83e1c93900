"""Claude as the judge of whole replies: the expert tier, by a rubric. Implements `agent.evaluation.grading.Grader`."""

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import ModelRefused
from agent.evaluation.grading import CRITERIA, Grade, Graded
from agent.models.briefing import MAX_HISTORY_CHARS, bounded, burst_briefing, spoken, tenant_briefing
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.models.usable import get_usable
from agent.ports import Clock
from agent.prompts import Prompts
from agent.types import Turn

GRADE = ("grade/system.md", "judge/business.md", "grade/user.md")
MAX_TOKENS = 800
MAX_REPLY_CHARS = 4_000
MAX_REPLIES = 2

Score = Annotated[int, Field(ge=1, le=5)]


class ReplyGrade(BaseModel):
    """The grades of one of the numbered replies."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reply: int
    correct: Score
    helpful: Score
    tone: Score
    next_step: Score
    would_send: bool


class GradeAnswer(BaseModel):
    """The grades of all replies, and the better one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    grades: Annotated[list[ReplyGrade], Field(max_length=10)]
    better: int


class ClaudeGrader:
    """Grades replies with the expert tier. A call has `timeout_s` seconds in total."""

    def __init__(self, gateway: Gateway, *, prompts: Prompts, now: Clock, timeout_s: float) -> None:
        self._gateway = gateway
        self._prompts = prompts
        self._version = prompts.version(*GRADE)
        self._now = now
        self._timeout_s = timeout_s

    async def grade(self, turn: Turn, replies: Sequence[str]) -> Graded:
        """Grade one or two replies to a turn.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer, or one that leaves a reply out.
            Misconfigured: the API refuses us; says what to mend.
        """
        answer = await get_usable(
            self._gateway, self._request(turn, replies[:MAX_REPLIES]), self._repair, timeout_s=self._timeout_s
        )
        found = {each.reply: each for each in answer.value.grades}
        if not {*range(1, len(replies) + 1)} <= found.keys():
            refused = ModelRefused(f"Claude ({answer.model}) left a reply ungraded.")
            refused.calls = answer.calls
            raise refused
        better = answer.value.better
        return Graded(
            grades=tuple(_grade(found[number]) for number in range(1, len(replies) + 1)),
            better=better - 1 if 1 <= better <= len(replies) and len(replies) > 1 else None,
            calls=answer.calls,
        )

    def _request(self, turn: Turn, replies: Sequence[str]) -> Request[GradeAnswer]:
        today = self._now().astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, business, user = GRADE
        return Request(
            task="judge",
            tier="expert",
            system=self._prompts.render(system),
            published=self._prompts.render(business, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(
                user,
                history=spoken(turn.history, MAX_HISTORY_CHARS),
                burst=burst_briefing(turn),
                replies=[bounded(reply, MAX_REPLY_CHARS) for reply in replies],
                today=today,
                channel=turn.conversation.channel,
            ),
            output=GradeAnswer,
            effort="medium",
            max_tokens=MAX_TOKENS,
            prompt_version=self._version,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )

    def _repair(self, problem: str) -> str:
        return self._prompts.render("repair/user.md", problem=problem)

    async def aclose(self) -> None:
        """Release connections."""
        await self._gateway.aclose()


def _grade(answer: ReplyGrade) -> Grade:
    return Grade(scores={name: int(getattr(answer, name)) for name in CRITERIA}, would_send=answer.would_send)
