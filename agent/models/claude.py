"""Claude as the engine behind the Models port: which prompt, which model, and what its answer means to us.

One request a task, one repair if the answer cannot be used, then a person (`ModelRefused`). The total time is
bounded; retrying a turn is the queue's business.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from agent.errors import ModelRefused, NightshiftError
from agent.models.answers import IntentAnswer, JudgeAnswer, ReplyAnswer
from agent.models.briefing import (
    MAX_BURST_CHARS,
    MAX_HISTORY_CHARS,
    bounded,
    burst_briefing,
    burst_text,
    tenant_briefing,
    turn_briefing,
)
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.ports import Classified, Clock, Drafted, Judged, Judgement
from agent.prompts import Prompts
from agent.types import Channel, Claim, Classification, Draft, ModelCall, Route, Sources, TenantId, Turn, Verdict

CLASSIFY_MAX_TOKENS = 700
REPLY_MAX_TOKENS = 2000
JUDGE_MAX_TOKENS = 1500
MAX_CLAIMS = 30
"""Statements of one text that are judged; a text with more counts as unsupported."""
CLASSIFY = ("classify/system.md", "classify/user.md")
REPLY = ("reply/system.md", "reply/user.md")
REVISE = ("reply/system.md", "revise/user.md")
JUDGE = ("judge/system.md", "judge/user.md")

T = TypeVar("T", bound=BaseModel)


class ClaudeModels:
    """Implements `agent.ports.Models` and `agent.ports.Judge` with Claude. A task has `timeout_s` seconds in total."""

    def __init__(self, gateway: Gateway, *, prompts: Prompts, now: Clock, timeout_s: float) -> None:
        self.gateway = gateway
        self._timeout_s = timeout_s
        self._prompts = prompts
        self._versions = {pair: prompts.version(*pair) for pair in (CLASSIFY, REPLY, REVISE, JUDGE)}
        self._now = now

    async def classify(self, turn: Turn, language: str) -> Classified:
        """Label a turn. The language is always one of the tenant's: where Claude sees another, `language`.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer, twice.
            Misconfigured: the API refuses us; says what to mend.
        """
        classified = await self._classify(
            burst_text(turn),
            context=turn.context,
            channel=turn.conversation.channel,
            language=language,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )
        if classified.classification.language in turn.tenant.languages:
            return classified
        return replace(classified, classification=replace(classified.classification, language=language))

    async def classify_text(
        self, text: str, *, context: str | None = None, channel: Channel = "whatsapp"
    ) -> Classified:
        """Label a message outside any conversation; the language is an ISO 639-1 code or `other`.

        Raises: as `classify`.
        """
        return await self._classify(text, context=context, channel=channel)

    async def draft(
        self,
        turn: Turn,
        classification: Classification,
        sources: Sources,
        route: Route,
        *,
        objections: Sequence[Verdict] = (),
        previous: Draft | None = None,
    ) -> Drafted:
        """Write a reply, or write `previous` anew so that it meets `objections`.

        Raises: as `classify`.
        """
        now = self._now()
        today = now.astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, user = files = REPLY if previous is None else REVISE
        values = turn_briefing(turn, classification, sources, now)
        if previous is not None:
            values |= {"previous": previous.text, "objections": [_objection(each) for each in objections]}
        request = Request(
            task="draft" if previous is None else "revise",
            tier="expert" if route.tier == "expert" else "standard",
            system=self._prompts.render(system, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(user, **values),
            output=ReplyAnswer,
            effort="medium",
            max_tokens=REPLY_MAX_TOKENS,
            prompt_version=self._versions[files],
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )
        answer, calls = await self._complete(request)
        return Drafted(draft=_draft(answer, request, calls[-1].model), calls=calls)

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        """Say what each of `claims` is. One the answer leaves out is unsupported.

        Raises: as `classify`.
        """
        today = self._now().astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, user = JUDGE
        request = Request(
            task="judge",
            tier="fast",
            system=self._prompts.render(system, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(user, claims=claims[:MAX_CLAIMS], burst=burst_briefing(turn), today=today),
            output=JudgeAnswer,
            effort="low",
            max_tokens=JUDGE_MAX_TOKENS,
            prompt_version=self._versions[JUDGE],
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )
        answer, calls = await self._complete(request)
        return Judged(judgements=_judgements(answer, claims), calls=calls)

    async def aclose(self) -> None:
        """Release connections."""
        await self.gateway.aclose()

    async def _classify(
        self,
        text: str,
        *,
        context: str | None,
        channel: Channel,
        language: str = "",
        tenant_id: TenantId | None = None,
        user_id: str | None = None,
    ) -> Classified:
        """Ask for the labels of a text."""
        system, user = CLASSIFY
        request = Request(
            task="classify",
            tier="fast",
            system=self._prompts.render(system),
            user=self._prompts.render(
                user,
                message=bounded(text, MAX_BURST_CHARS),
                context=bounded(context or "", MAX_HISTORY_CHARS),
                channel=channel,
                language=language,
            ),
            output=IntentAnswer,
            effort="low",
            max_tokens=CLASSIFY_MAX_TOKENS,
            prompt_version=self._versions[CLASSIFY],
            tenant_id=tenant_id,
            user_id=user_id,
        )
        answer, calls = await self._complete(request)
        return Classified(classification=_classification(answer, request, calls[-1].model), calls=calls)

    async def _complete(self, request: Request[T]) -> tuple[T, tuple[ModelCall, ...]]:
        """Return the answer and its calls; ask once more if the first answer cannot be used."""
        started = time.monotonic()
        first = await self.gateway.complete(request, timeout_s=self._timeout_s)
        if first.value is not None:
            return first.value, first.calls
        note = self._prompts.render("repair/user.md", problem=first.problem)
        # Twice the room: the first answer may have been cut off.
        repair = replace(request, user=f"{request.user}\n\n{note}", max_tokens=2 * request.max_tokens)
        left_s = self._timeout_s - (time.monotonic() - started)
        try:
            second = await self.gateway.complete(repair, timeout_s=left_s)
        except NightshiftError as exc:
            exc.calls = (*first.calls, *exc.calls)
            raise
        calls = (*first.calls, *second.calls)
        if second.value is None:
            refused = ModelRefused(
                f"Claude ({second.model}) gave no usable answer to {request.task} twice: first {first.problem} "
                f"Then {second.problem} A person should take this turn."
            )
            refused.calls = calls
            raise refused
        return second.value, calls


def _classification(answer: IntentAnswer, request: Request[IntentAnswer], model: str) -> Classification:
    """Return the labels in our terms."""
    entities = answer.entities.model_dump()
    return Classification(
        intent=answer.intent,
        secondary=tuple(dict.fromkeys(each for each in answer.secondary if each != answer.intent)),
        language=answer.language,
        confidence=answer.confidence,
        needs_human=answer.needs_human,
        source="claude",
        sentiment=answer.sentiment,
        complexity=answer.complexity,
        entities={name: value for name, value in entities.items() if value},
        model=model,
        prompt_version=request.prompt_version,
    )


def _draft(answer: ReplyAnswer, request: Request[ReplyAnswer], model: str) -> Draft:
    """Return the reply in our terms."""
    return Draft(
        text=answer.text,
        language=answer.language,
        confidence=answer.confidence,
        needs_human=answer.needs_human,
        source="claude",
        claims=tuple(Claim(text=claim.text, source=claim.source) for claim in answer.claims),
        human_reason=answer.human_reason,
        model=model,
        prompt_version=request.prompt_version,
    )


def _judgements(answer: JudgeAnswer, claims: Sequence[str]) -> tuple[Judgement, ...]:
    """Return one judgement per claim, in their order; the answer counts them from 1."""
    found = {each.statement: each for each in answer.judgements}
    return tuple(
        Judgement(claim=claim, finding=each.finding, source=each.source)
        if (each := found.get(number))
        else Judgement(claim=claim, finding="unsupported")
        for number, claim in enumerate(claims, start=1)
    )


def _objection(verdict: Verdict) -> dict[str, str]:
    """Return what a refused draft's writer needs to know."""
    return {"rule": verdict.rule, "reason": verdict.reason, "evidence": bounded(verdict.evidence, 300)}
