"""Claude at the service of staff: writes a draft anew as they ask, translates what they read and write.

Who waits here is a colleague, not a prospect: no repair and no abler tier. What cannot be used is said to them.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from agent.errors import ModelRefused
from agent.models.answers import ReplyAnswer, Text
from agent.models.briefing import bounded, tenant_briefing, turn_briefing
from agent.models.claude import REPLY_MAX_TOKENS, objection_briefing, read_draft
from agent.models.gateway import Gateway
from agent.models.request import Request
from agent.models.usable import Usable
from agent.ports import Clock, Drafted, Translated, Wish
from agent.prompts import Prompts
from agent.types import ModelTier, Sources, Tenant, Turn

REDRAFT = ("reply/system.md", "reply/business.md", "redraft/user.md")
TRANSLATE = ("translate/system.md", "translate/user.md")
MAX_PREVIOUS_CHARS = 4000
MAX_INSTRUCTION_CHARS = 1000
CHARS_PER_TOKEN = 2
"""Of a translation, at the least: it must not be cut off."""
OVERHEAD_TOKENS = 200

T = TypeVar("T", bound=BaseModel)


class TranslationAnswer(BaseModel):
    """Translations, in the order of the originals."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    texts: Annotated[list[Text], Field(max_length=100)]


class _Begun(BaseModel):
    """An answer that is still being written, as far as its text has come."""

    text: str = ""


_BEGUN = TypeAdapter(_Begun)


class ClaudeDesk:
    """Implements `agent.ports.Redrafter` and `agent.ports.Translator`. Every call has `timeout_s` seconds in total."""

    def __init__(self, gateway: Gateway, *, prompts: Prompts, now: Clock, timeout_s: float) -> None:
        self._gateway = gateway
        self._prompts = prompts
        self._versions = {files: prompts.version(*files) for files in (REDRAFT, TRANSLATE)}
        self._now = now
        self._timeout_s = timeout_s

    async def redraft(self, turn: Turn, wish: Wish, *, on_text: Callable[[str], None]) -> Drafted:
        """Write a draft anew as a member of staff asks; `on_text` hears its text so far.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
            Misconfigured: the API refuses us; says what to mend.
        """
        now = self._now()
        today = now.astimezone(ZoneInfo(turn.tenant.timezone)).date()
        system, business, user = REDRAFT
        values = turn_briefing(turn, wish.classification, Sources(), now) | {
            "previous": bounded(wish.previous, MAX_PREVIOUS_CHARS),
            "instruction": bounded(wish.instruction, MAX_INSTRUCTION_CHARS),
            "objections": [objection_briefing(each) for each in wish.objections],
        }
        request = Request(
            task="redraft",
            tier=turn.tenant.policy.tiers.get("redraft", "standard"),
            system=self._prompts.render(system),
            published=self._prompts.render(business, **tenant_briefing(turn.tenant, today)),
            user=self._prompts.render(user, **values),
            output=ReplyAnswer,
            effort="medium",
            max_tokens=REPLY_MAX_TOKENS,
            prompt_version=self._versions[REDRAFT],
            tenant_id=turn.tenant.id,
            user_id=str(turn.conversation.contact.id),
            on_text=lambda answer: on_text(text_so_far(answer)),
        )
        answer = await self._ask(request)
        return Drafted(draft=read_draft(answer, request.prompt_version), calls=answer.calls)

    async def translate(
        self, texts: Sequence[str], language: str, tenant: Tenant, *, tier: ModelTier = "fast"
    ) -> Translated:
        """Return each of `texts` in `language`.

        Raises: as `redraft`.
        """
        system, user = TRANSLATE
        request = Request(
            task="translate",
            tier=tenant.policy.tiers.get("translate", tier),
            system=self._prompts.render(system),
            user=self._prompts.render(user, texts=texts, language=language),
            output=TranslationAnswer,
            effort="low",
            max_tokens=OVERHEAD_TOKENS + sum(len(text) for text in texts) // CHARS_PER_TOKEN,
            prompt_version=self._versions[TRANSLATE],
            tenant_id=tenant.id,
        )
        answer = await self._ask(request)
        if len(answer.value.texts) != len(texts) or not all(answer.value.texts):
            refused = ModelRefused(f"Claude ({answer.model}) has not translated every text. Try again.")
            refused.calls = answer.calls
            raise refused
        return Translated(texts=tuple(answer.value.texts), model=answer.model, calls=answer.calls)

    async def aclose(self) -> None:
        """Release connections."""
        await self._gateway.aclose()

    async def _ask(self, request: Request[T]) -> Usable[T]:
        completion = await self._gateway.complete(request, timeout_s=self._timeout_s)
        if completion.value is None:
            refused = ModelRefused(
                f"Claude ({completion.model}) gave no usable answer: {completion.problem} Try again, or write yourself."
            )
            refused.calls = completion.calls
            raise refused
        return Usable(value=completion.value, calls=completion.calls)


def text_so_far(answer: str) -> str:
    """Return the field `text` of an answer that is still being written; empty while there is none."""
    try:
        return _BEGUN.validate_python(from_json(answer, allow_partial="trailing-strings")).text
    except (ValueError, ValidationError):
        return ""
