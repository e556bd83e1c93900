"""Stand-in for the models at their port: answers at once, as scripted, and counts what it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.ports import Classified, Drafted
from agent.route import TIERS
from agent.types import Classification, Draft, ModelCall, ModelTier, Route, Sources, Turn, Usage, Verdict


def a_call(task: str = "classify") -> ModelCall:
    """Return a model call that cost 120 micro-dollars."""
    return ModelCall(
        task="draft" if task == "draft" else "classify",
        provider="anthropic",
        model="claude-haiku-5-5",
        prompt_version="test",
        usage=Usage(input_tokens=1000, output_tokens=40),
        cost_microusd=120,
        latency_ms=1,
        outcome="ok",
    )


@dataclass(slots=True, kw_only=True)
class ScriptedModels:
    """Classifies everything as `classification` and drafts `texts` one after the other, the last for ever.

    An exception in `failures` is raised by the next call instead, in order (None: that call succeeds); while there is
    an `outage`, by every one.
    """

    classification: Classification
    texts: tuple[str, ...] = ("Son {price:EN-INT} por el curso completo.",)
    draft_fields: dict[str, object] = field(default_factory=dict)
    failures: list[Exception | None] = field(default_factory=list)
    outage: Exception | None = None
    second_opinion: Classification | None = None
    up: frozenset[ModelTier] = frozenset(TIERS)
    classified: list[str] = field(default_factory=list)
    drafted: list[str] = field(default_factory=list)
    objections: list[tuple[Verdict, ...]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    """What each draft was to answer."""
    routes: list[Route] = field(default_factory=list)
    """Who was to write each draft."""

    async def classify(self, turn: Turn, language: str, *, tier: ModelTier = "fast") -> Classified:
        """Answer as scripted; an abler tier than the first as `second_opinion`, if there is one."""
        self.classified.append(turn.text)
        self._fail()
        if tier != "fast" and self.second_opinion:
            return Classified(classification=replace(self.second_opinion, language=language), calls=(a_call(),))
        return Classified(classification=replace(self.classification, language=language), calls=(a_call(),))

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
        """Answer as scripted."""
        text = self.texts[min(len(self.drafted), len(self.texts) - 1)]
        self.drafted.append(turn.text)
        self.turns.append(turn)
        self.objections.append(tuple(objections))
        self.routes.append(route)
        self._fail()
        draft = Draft(
            text=text, language=classification.language, confidence=0.95, needs_human=False, source="claude", model="m"
        )
        return Drafted(draft=replace(draft, **self.draft_fields), calls=(a_call("draft"),))  # type: ignore[arg-type]  # scripted fields

    def _fail(self) -> None:
        if self.outage:
            raise self.outage
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure

    def tiers_up(self) -> frozenset[ModelTier]:
        """Return `up`."""
        return self.up

    async def aclose(self) -> None:
        """Nothing to release."""
