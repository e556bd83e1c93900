"""What a local reply is written from, and the sentences it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from agent.models.local_texts import Texts
from agent.retrieve import NAMED, passage_source
from agent.types import CatalogueItem, Classification, Passage, Sources, Tenant, Turn

ANSWERS = 0.45
"""A passage this similar answers the question: more than four in five times, on the questions of the tests."""
SURE = 0.65
"""A passage this similar is about nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A sentence of a reply. Where a reply is too long, the one of the greatest `weight` goes first; 0 stays."""

    text: str
    source: str = ""
    """What it states, by its name (`item:SKU`, `fact:ID`, `policy:ID`); empty for a pleasantry or a question."""
    weight: int = 0
    own_line: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A reply before it is fitted to its channel. `human_reason` is set where a person must act."""

    sentences: tuple[Sentence, ...]
    confidence: float
    human_reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A turn as the writers see it. `today` is the tenant's day; `currency` is what the prospect pays in."""

    turn: Turn
    classification: Classification
    sources: Sources
    language: str
    currency: str
    today: date
    texts: Texts
    look_up: Callable[[str], Sources]
    """Finds what is published for a question of ours."""

    @property
    def tenant(self) -> Tenant:
        """The business we answer for."""
        return self.turn.tenant

    def say(
        self, name: str, *, source: str = "", weight: int = 0, own_line: bool = False, **values: object
    ) -> Sentence:
        """Return one of our sentences in the reply's language."""
        text = self.texts.say(name, self.language, **values)
        return Sentence(text=text, source=source, weight=weight, own_line=own_line)

    def ask(self, name: str) -> tuple[Sentence, ...]:
        """Return the question a reply ends with, unless our last message has asked the same."""
        question = self.say(name, weight=9, own_line=True)
        return () if question.text in (self.turn.context or "") else (question,)

    def in_language(self, texts: Mapping[str, str]) -> str:
        """Return the text in the reply's language, else in the tenant's own."""
        return texts.get(self.language) or texts[self.tenant.default_language]

    def name(self, item: CatalogueItem) -> str:
        """Return what an item is called in the reply's language."""
        return self.in_language(item.name)

    def quote(self, passage: Passage, *, weight: int = 0) -> Sentence:
        """Return a published passage, word for word."""
        return Sentence(text=passage.text[self.language], source=passage_source(passage), weight=weight)

    @property
    def named_items(self) -> tuple[CatalogueItem, ...]:
        """The items this turn is surely about."""
        found = self.sources
        return tuple(each for each in found.items if found.similarity.get(f"item:{each.sku}", 0.0) >= SURE)

    @property
    def is_recalled(self) -> bool:
        """Whether the items are those of our last message: this turn itself names none."""
        return NAMED not in self.sources.similarity.values()

    def passages(self, least: float = ANSWERS) -> tuple[Passage, ...]:
        """Return the passages that answer this turn, best first."""
        return self._quotable(self.sources, least)

    def published(self, question: str) -> Passage | None:
        """Return the passage that answers a question of ours (see `local_texts.toml`)."""
        found = self._quotable(self.look_up(self.texts.question(question, self.language)), SURE)
        return found[0] if found else None

    def _quotable(self, sources: Sources, least: float) -> tuple[Passage, ...]:
        """Return similar passages in the reply's language, without those we have just quoted."""
        just_said = self.turn.context or ""
        return tuple(
            passage
            for passage in sources.passages
            if sources.similarity.get(passage_source(passage), 0.0) >= least
            and self.language in passage.text
            and passage.text[self.language] not in just_said
        )

    def similarity(self, passage: Passage) -> float:
        """Return how close a passage is to this turn."""
        return self.sources.similarity.get(passage_source(passage), 0.0)
