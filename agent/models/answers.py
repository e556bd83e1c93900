"""What Claude must answer, as Pydantic models: their JSON schema goes out, and they check what comes back.

Field order is the order in which the model writes, so a judgement on a text stands after the text.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agent.ports import Finding
from agent.types import Intent, Stage

MAX_ENTITY = 200
"""Characters of what a message names: more is no name."""


def _storable(text: str) -> str:
    """Drop NUL, which PostgreSQL cannot store, and outer white space."""
    return text.replace("\0", "").strip()


Text = Annotated[str, AfterValidator(_storable)]
Entity = Annotated[Text, AfterValidator(lambda text: text[:MAX_ENTITY])]
Probability = Annotated[float, Field(ge=0, le=1)]
LanguageCode = Annotated[str, Field(pattern=r"^([a-z]{2,3}|other)$")]


class _Answer(BaseModel):
    """Base: unknown fields are an error, and messages about bad values do not repeat them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class EntitiesAnswer(_Answer):
    """What the message names, as written; empty where not mentioned."""

    product: Entity
    quantity: Entity
    budget: Entity
    date: Entity


class IntentAnswer(_Answer):
    """The labels of one turn."""

    intent: Intent
    secondary: list[Intent]
    language: LanguageCode
    needs_human: bool
    sentiment: Literal["negative", "neutral", "positive"]
    complexity: Literal["low", "medium", "high"]
    entities: EntitiesAnswer
    stage: Stage
    confidence: Probability


class ClaimAnswer(_Answer):
    """A checkable statement of the reply, and its source."""

    text: Text
    source: Text


class ReplyAnswer(_Answer):
    """A reply to a prospect."""

    language: LanguageCode
    text: Annotated[Text, Field(max_length=4000)]
    claims: Annotated[list[ClaimAnswer], Field(max_length=30)]
    needs_human: bool
    human_reason: Text
    confidence: Probability

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Only a person's turn may lack a text."""
        if not self.text and not self.needs_human:
            raise ValueError("`text` is empty although `needs_human` is false")
        return self


class JudgementAnswer(_Answer):
    """What one of the numbered statements is."""

    statement: int
    source: Text
    finding: Finding


class JudgeAnswer(_Answer):
    """The judgements of all statements."""

    judgements: Annotated[list[JudgementAnswer], Field(max_length=100)]
