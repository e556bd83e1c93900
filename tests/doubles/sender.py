"""Stand-in for a provider at the sender's port: keeps what it took, and fails as scripted."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import Ambiguous, CannotAsk
from agent.ports import Limits
from agent.types import Channel, OutboundMessage, Receipt

Hook = Callable[[OutboundMessage], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class RecordingSender:
    """Takes every message unless an exception in `failures` says otherwise, one a call.

    `Ambiguous` in `failures` means that the message was taken (`lost_answer`) or not, and nobody heard.
    """

    limits: Mapping[Channel, Limits] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    lost_answer: bool = True
    before_send: Hook | None = None
    taken: list[OutboundMessage] = field(default_factory=list)
    answers: bool = True
    """Whether it can be asked what it took."""
    asked: int = 0
    told: frozenset[str] = frozenset()
    """Ids that were said to be other messages' when it was asked last."""

    async def send(self, message: OutboundMessage) -> Receipt:
        """Take a message, or fail as scripted."""
        if self.before_send:
            await self.before_send(message)
        failure = self.failures.pop(0) if self.failures else None
        if failure is None or (isinstance(failure, Ambiguous) and self.lost_answer):
            self.taken.append(message)
        if failure is not None:
            raise failure
        return Receipt(provider_id=f"SM{message.id.hex}", state="queued")

    async def find_sent(
        self, message: OutboundMessage, since: datetime, *, known: Collection[str] = ()
    ) -> Receipt | None:
        """Say whether the message was taken."""
        self.asked += 1
        self.told = frozenset(known)
        if not self.answers:
            raise CannotAsk("it may have left")
        found = any(each.id == message.id for each in self.taken)
        return Receipt(provider_id=f"SM{message.id.hex}", state="queued") if found else None

    async def aclose(self) -> None:
        """Nothing to release."""
