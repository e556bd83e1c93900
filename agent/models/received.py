"""What came back from a model: put together from a stream, checked, counted, and read as the structure asked for.

The SDK builds its types without checking them: a field may be missing, None, or of another type. So what we rely on
is checked here, and an answer without it counts as no answer.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.models.pricing import Tokens
from agent.types import Usage

T = TypeVar("T", bound=BaseModel)
Count = Annotated[int, Field(ge=0)]
AnswerOutcome = Literal["ok", "refused", "invalid", "cut_off"]


class _Checked(BaseModel):
    """Base: read from the SDK's objects, ignore what is new, repeat nothing in messages."""

    model_config = ConfigDict(from_attributes=True, hide_input_in_errors=True)


class CacheWrites(_Checked):
    """Tokens written to the cache, by how long it lives."""

    ephemeral_5m_input_tokens: Count = 0
    ephemeral_1h_input_tokens: Count = 0


class MessageUsage(_Checked):
    """Tokens as the API counts them. In a stream they come in parts, so each may be missing."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheWrites | None = None
    inference_geo: str | None = None

    def billed(self) -> Tokens:
        """Return the counts by price. Writes of unknown life count as the kind we ask for, one hour."""
        short = self.cache_creation.ephemeral_5m_input_tokens if self.cache_creation else 0
        return Tokens(
            input=self.input_tokens or 0,
            output=self.output_tokens or 0,
            cache_write_5m=short,
            cache_write_1h=max((self.cache_creation_input_tokens or 0) - short, 0),
            cache_read=self.cache_read_input_tokens or 0,
        )

    def counted(self) -> Usage:
        """Return the counts for accounting."""
        return Usage(
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cache_read_tokens=self.cache_read_input_tokens or 0,
            cache_write_tokens=self.cache_creation_input_tokens or 0,
            cache_write_5m_tokens=self.cache_creation.ephemeral_5m_input_tokens if self.cache_creation else 0,
        )


class _WholeUsage(MessageUsage):
    """Tokens of a finished answer."""

    input_tokens: Count
    output_tokens: Count


class _Block(_Checked):
    """One block of the answer: text, or something we skip."""

    type: str
    text: str | None = None


class Message(_Checked):
    """A finished answer of the API."""

    content: list[_Block]
    stop_reason: str | None
    usage: _WholeUsage


class _Opening(_Checked):
    usage: MessageUsage


class _Delta(_Checked):
    type: str | None = None
    text: str | None = None
    stop_reason: str | None = None


class _Event(_Checked):
    """One event of a stream, as far as we read it."""

    type: str
    message: _Opening | None = None
    delta: _Delta | None = None
    usage: MessageUsage | None = None


class Received:
    """What has come back so far, of which `on_text` hears. Its `usage` stands even if the rest never comes."""

    def __init__(self, on_text: Callable[[str], None] | None = None) -> None:
        self._on_text = on_text
        self.headers: Mapping[str, str] = {}
        self.usage = MessageUsage()
        self._text: list[str] = []
        self._stop_reason: str | None = None
        self._ended = False

    def take(self, event: object) -> None:
        """Add an event of a stream.

        Raises:
            ValidationError: it is none of this API.
        """
        read = _Event.model_validate(event)
        for usage in (read.usage, read.message and read.message.usage):
            if usage is not None:  # counts are totals, so the latest that was sent holds
                self.usage = self.usage.model_copy(update={name: n for name, n in usage if n is not None})
        if read.delta is not None:
            if read.delta.type == "text_delta":
                self._text.append(read.delta.text or "")
                if self._on_text is not None:
                    self._on_text("".join(self._text))
            self._stop_reason = read.delta.stop_reason or self._stop_reason
        self._ended |= read.type == "message_stop"

    def whole(self) -> Message:
        """Return the finished answer.

        Raises:
            EndedEarly: the stream ended before the answer did.
            ValidationError: what came is no answer.
        """
        if not self._ended or self._stop_reason is None:
            raise EndedEarly
        content = [_Block(type="text", text="".join(self._text))]
        usage = _WholeUsage.model_validate(self.usage)
        return Message(content=content, stop_reason=self._stop_reason, usage=usage)

    def take_whole(self, answer: object) -> Message:
        """Take an answer that came in one piece.

        Raises:
            EndedEarly, ValidationError: as `whole`.
        """
        message = Message.model_validate(answer)
        self.usage = message.usage
        if message.stop_reason is None:
            raise EndedEarly
        return message


class EndedEarly(Exception):  # noqa: N818 — says what happened
    """The connection ended in good order, but the answer was not finished."""


def read_answer(message: Message, output: type[T]) -> tuple[T | None, AnswerOutcome, str]:
    """Return the value of an answer; or None, what happened and the problem, in words the model can heed."""
    match message.stop_reason:
        case "refusal":
            return None, "refused", "it was a refusal."
        case "max_tokens" | "model_context_window_exceeded":
            return None, "cut_off", "it was too long and was cut off; be much shorter."
    text = "".join(block.text or "" for block in message.content if block.type == "text")
    try:
        return output.model_validate_json(text), "ok", ""
    except ValidationError as exc:
        return None, "invalid", _describe(exc)
    except UnicodeEncodeError:
        return None, "invalid", "its text is not valid Unicode."


def _describe(exc: ValidationError) -> str:
    """Say what is wrong with an answer by field, without repeating what it said."""
    problems = [
        f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}"
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"it does not fit the required structure ({'; '.join(problems[:5])})."[:500]
