"""The local engine behind the Models port: no network, no invention (promise P6).

It classifies with the local classifier and answers with published texts and price references. What it cannot answer
from those it leaves to a person.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from agent.guardrails.segments import count_segments
from agent.models.briefing import max_chars
from agent.models.local_replies import write_reply
from agent.models.local_scene import Scene, Sentence, Written
from agent.models.local_texts import Texts
from agent.ports import Classified, Clock, Drafted, Retriever
from agent.prices import choose_currency, local_date
from agent.render import render_draft
from agent.route import TIERS
from agent.screening.unseen import has_unseen
from agent.types import Channel, Claim, Classification, Draft, ModelTier, Route, Sources, Turn, Verdict

MODEL = "local-replies"


class Classifier(Protocol):
    """The question `agent.local.classifier.LocalClassifier` answers."""

    def classify(
        self, text: str, *, language: str, context: str | None = None, channel: Channel | None = None
    ) -> Classification:
        """Say what a text is about. Computes: call it in a thread."""
        ...


class LocalModels:
    """Implements `agent.ports.Models` on this machine. Both methods compute in a thread."""

    def __init__(self, classifier: Classifier, retriever: Retriever, *, now: Clock) -> None:
        self._classifier = classifier
        self._retriever = retriever
        self._texts = Texts.load()
        self._now = now

    async def classify(
        self,
        turn: Turn,
        language: str,
        *,
        tier: ModelTier = "fast",  # noqa: ARG002 — there is one local engine for all tiers
    ) -> Classified:
        """Label a turn; never fails, and costs nothing."""
        classification = await asyncio.to_thread(
            self._classifier.classify,
            turn.text,
            language=language,
            context=turn.context,
            channel=turn.conversation.channel,
        )
        return Classified(classification=classification)

    async def draft(
        self,
        turn: Turn,
        classification: Classification,
        sources: Sources,
        route: Route,  # noqa: ARG002 — there is one local engine for all tiers
        *,
        objections: Sequence[Verdict] = (),  # noqa: ARG002 — it has nothing better to say
        previous: Draft | None = None,  # noqa: ARG002
    ) -> Drafted:
        """Write a reply from published texts.

        Raises:
            ModelRefused: the engine knows none of the tenant's languages.
        """
        return Drafted(draft=await asyncio.to_thread(self._draft, turn, classification, sources))

    def tiers_up(self) -> frozenset[ModelTier]:
        """Return all: the engine is always up."""
        return frozenset(TIERS)

    async def aclose(self) -> None:
        """Release nothing: there are no connections."""

    def _draft(self, turn: Turn, classification: Classification, sources: Sources) -> Draft:
        tenant = turn.tenant
        scene = Scene(
            turn=turn,
            classification=classification,
            sources=sources,
            language=self._texts.choose_language(classification.language, tenant),
            currency=choose_currency(tenant, turn.conversation.contact_address),
            today=local_date(tenant, self._now()),
            texts=self._texts,
            look_up=partial(self._retriever.retrieve, tenant, context=None),
        )
        written = write_reply(scene)
        # It sees no pictures either, whatever other models are shown.
        owning_up = (scene.say("unseen_file"),) if any(map(has_unseen, turn.inbound)) else ()
        sentences = (*owning_up, *written.sentences)
        while not self._fits(draft := self._assemble(written, sentences, scene), turn):
            if (least := max(sentences, key=lambda each: each.weight)).weight == 0:
                break  # nothing can go: the format guardrail decides
            sentences = tuple(each for each in sentences if each is not least)
        return draft

    def _assemble(self, written: Written, sentences: Sequence[Sentence], scene: Scene) -> Draft:
        """Return sentences as a draft with its claims."""
        text = "".join(("\n" if each.own_line else " ") + each.text for each in sentences).strip()
        return Draft(
            text=text,
            language=scene.language,
            confidence=written.confidence,
            needs_human=bool(written.human_reason),
            human_reason=written.human_reason,
            source="local",
            claims=tuple(Claim(text=each.text, source=each.source) for each in sentences if each.source),
            model=MODEL,
            prompt_version=self._texts.version,
        )

    def _fits(self, draft: Draft, turn: Turn) -> bool:
        """Say whether a draft, as it would leave, is short enough for people on its channel."""
        text = render_draft(draft, turn, self._now()).text
        if turn.conversation.channel == "sms":
            return count_segments(text) <= turn.tenant.policy.max_sms_segments
        return len(text) <= max_chars(turn.conversation.channel, turn.tenant)
