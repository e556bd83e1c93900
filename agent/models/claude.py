"""Claude as the engine behind the Models port: which prompt, which model, and what its answer means to us.

One request a task; if its answer cannot be used one repair, then the next tier, then a person (`ModelRefused`). The
total time is bounded; retrying a turn is the queue's business.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from pydantic import BaseModel

from agent.errors import Misconfigured
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
from agent.models.calibration import Calibration, Calibrations
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.models.usable import Usable, get_usable
from agent.ports import Classified, Clock, Drafted, Judged, Judgement
from agent.prompts import Prompts
from agent.types import (
    Channel,
    Claim,
    Classification,
    Draft,
    Image,
    ModelTier,
    Route,
    Sources,
    TenantId,
    Turn,
    Verdict,
)

CLASSIFY_MAX_TOKENS = 700
REPLY_MAX_TOKENS = 2000
JUDGE_MAX_TOKENS = 1500
MAX_CLAIMS = 30
"""Statements of one text that are judged; a text with more counts as unsupported."""
CLASSIFY = ("classify/system.md", "classify/user.md")
REPLY = ("reply/system.md", "reply/business.md", "reply/user.md")
REVISE = ("reply/system.md", "reply/business.md", "revise/user.md")
JUDGE = ("judge/system.md", "judge/business.md", "judge/user.md")

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")
_log = structlog.stdlib.get_logger(__name__)


class ClaudeModels:
    """Implements `agent.ports.Models` and `agent.ports.Judge` with Claude. A task has `timeout_s` seconds in total."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        prompts: Prompts,
        now: Clock,
        timeout_s: float,
        calibrations: Calibrations | None = None,
    ) -> None:
        self.gateway = gateway
        self._calibrations = calibrations or Calibrations.load()
        self._timeout_s = timeout_s
        self._prompts = prompts
        self._versions = {files: prompts.version(*files) for files in (CLASSIFY, REPLY, REVISE, JUDGE)}
        self._now = now

    async def classify(self, turn: Turn, language: str, *, tier: ModelTier = "fast") -> Classified:
        """Label a turn, with calibrated confidence.

        The language is always one of the tenant's: where Claude sees another, `language`.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer, not even of the next tier.
            Misconfigured: the API refuses us; says what to mend.
        """
        # Pictures cost time and money: they are looked at where there is nothing else to go by.
        pictured = replace(turn, images=() if turn.words else _own_images(turn))
        classified = await _whatever_the_pictures(pictured, partial(self._classify_turn, language=language, tier=tier))
        if classified.classification.language in turn.tenant.languages:
            return classified
        return replace(classified, classification=replace(classified.classification, language=language))

    async def _classify_turn(self, turn: Turn, *, language: str, tier: ModelTier) -> Classified:
        request = self.classify_request(
            burst_text(turn),
            context=turn.context,
            channel=turn.conversation.channel,
            language=language,
            tier=tier,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )
        return await self._classify(replace(request, images=turn.images))

    async def classify_text(
        self, text: str, *, context: str | None = None, channel: Channel = "whatsapp", tier: ModelTier = "fast"
    ) -> Classified:
        """Label a message outside any conversation; the language is an ISO 639-1 code or `other`.

        Raises: as `classify`.
        """
        return await self._classify(self.classify_request(text, context=context, channel=channel, tier=tier))

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

        async def write(turn: Turn) -> Drafted:
            request = self._draft_request(
                turn, classification, sources, route, objections=objections, previous=previous
            )
            answer = await self._ask(request)
            return Drafted(draft=_draft(answer, request.prompt_version), calls=answer.calls)

        return await _whatever_the_pictures(turn, write)

    def _draft_request(
        self,
        turn: Turn,
        classification: Classification,
        sources: Sources,
        route: Route,
        *,
        objections: Sequence[Verdict],
        previous: Draft | None,
    ) -> Request[ReplyAnswer]:
        now = self._now()
        today = now.astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, business, user = files = REPLY if previous is None else REVISE
        values = turn_briefing(turn, classification, sources, now)
        if previous is not None:
            values |= {"previous": previous.text, "objections": [_objection(each) for each in objections]}
        return Request(
            task="draft" if previous is None else "revise",
            tier=_writing_tier(route),
            system=self._prompts.render(system),
            published=self._prompts.render(business, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(user, **values),
            output=ReplyAnswer,
            effort="medium",
            max_tokens=REPLY_MAX_TOKENS,
            prompt_version=self._versions[files],
            images=turn.images,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        """Say what each of `claims` is. One the answer leaves out is unsupported.

        Raises: as `classify`.
        """

        async def ask(turn: Turn) -> Judged:
            answer = await self._ask(self._judge_request(claims, turn))
            return Judged(judgements=_judgements(answer.value, claims), calls=answer.calls)

        return await _whatever_the_pictures(turn, ask)

    def _judge_request(self, claims: Sequence[str], turn: Turn) -> Request[JudgeAnswer]:
        today = self._now().astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, business, user = JUDGE
        return Request(
            task="judge",
            tier=turn.tenant.policy.tiers.get("judge", "fast"),
            system=self._prompts.render(system),
            published=self._prompts.render(business, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(user, claims=claims[:MAX_CLAIMS], burst=burst_briefing(turn), today=today),
            output=JudgeAnswer,
            effort="low",
            max_tokens=JUDGE_MAX_TOKENS,
            prompt_version=self._versions[JUDGE],
            images=turn.images,
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
        )

    def tiers_up(self) -> frozenset[ModelTier]:
        """Return the tiers that have a circuit which lets a call through, if only to try it."""
        now = self._now()
        up = (each for each in self.gateway.health() if each.next_probe_at is None or each.next_probe_at <= now)
        return frozenset(tier for each in up for tier in each.tiers)

    @property
    def reply_version(self) -> str:
        """Version of the prompts of a first draft."""
        return self._versions[REPLY]

    async def aclose(self) -> None:
        """Release connections."""
        await self.gateway.aclose()

    def classify_request(
        self,
        text: str,
        *,
        context: str | None = None,
        channel: Channel = "whatsapp",
        tier: ModelTier = "fast",
        language: str = "",
        tenant_id: TenantId | None = None,
        user_id: str | None = None,
    ) -> Request[IntentAnswer]:
        """Return the request for the labels of a text; `language` is our guess."""
        system, user = CLASSIFY
        return Request(
            task="classify",
            tier=tier,
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

    def read_labels(self, labels: IntentAnswer, *, model: str, prompt_version: str) -> Classification:
        """Return the labels a model gave in our terms, with calibrated confidence."""
        return _classification(labels, model, prompt_version, self._calibrations.find(model, prompt_version))

    async def _classify(self, request: Request[IntentAnswer]) -> Classified:
        """Ask for the labels of a text."""
        answer = await self._ask(request)
        labels = self.read_labels(answer.value, model=answer.model, prompt_version=request.prompt_version)
        return Classified(classification=labels, calls=answer.calls)

    async def _ask(self, request: Request[T]) -> Usable[T]:
        """Get an answer that can be used, in the time a task has."""
        return await get_usable(self.gateway, request, self._repair_note, timeout_s=self._timeout_s)

    def _repair_note(self, problem: str) -> str:
        return self._prompts.render("repair/user.md", problem=problem)


async def _whatever_the_pictures(turn: Turn, ask: Callable[[Turn], Awaitable[R]]) -> R:
    """Ask about a turn, and once more without its pictures if the API refuses: a broken one must not cost the rest."""
    try:
        return await ask(turn)
    except Misconfigured as exc:
        if not turn.images:
            raise
        _log.warning("model_refused_images", turn=str(turn.id), error=str(exc))
        return await ask(replace(turn, images=()))


def _own_images(turn: Turn) -> tuple[Image, ...]:
    """Return the pictures of the burst itself."""
    own = {media.id for message in turn.inbound for media in message.media}
    return tuple(image for image in turn.images if image.media_id in own)


def _writing_tier(route: Route) -> ModelTier:
    """Return the tier of a route; the bulk's where no model was chosen, but a draft is asked for all the same."""
    match route.tier:
        case "none" | "person":
            return "standard"
        case tier:
            return tier


def _classification(labels: IntentAnswer, model: str, prompt_version: str, calibration: Calibration) -> Classification:
    entities = labels.entities.model_dump()
    return Classification(
        intent=labels.intent,
        secondary=tuple(dict.fromkeys(each for each in labels.secondary if each != labels.intent)),
        language=labels.language,
        confidence=calibration.chance(labels.confidence),
        score=labels.confidence,
        needs_human=labels.needs_human,
        source="claude",
        sentiment=labels.sentiment,
        complexity=labels.complexity,
        entities={name: value for name, value in entities.items() if value},
        stage=labels.stage,
        model=model,
        prompt_version=prompt_version,
    )


def _draft(answer: Usable[ReplyAnswer], prompt_version: str) -> Draft:
    """Return the reply in our terms."""
    reply = answer.value
    return Draft(
        text=reply.text,
        language=reply.language,
        confidence=reply.confidence,
        needs_human=reply.needs_human,
        source="claude",
        claims=tuple(Claim(text=claim.text, source=claim.source) for claim in reply.claims),
        human_reason=reply.human_reason,
        model=answer.model,
        prompt_version=prompt_version,
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
