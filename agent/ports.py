"""What the agent needs from the outside, as protocols; `jobs/wiring.py` chooses who fulfils them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, Unpack, runtime_checkable
from uuid import UUID

from agent.answers.cache import AnswerCache
from agent.faults import Reach, pass_by
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.metrics import Metrics
from agent.rollouts.versions import Release, Version, release_of
from agent.settings import Settings
from agent.store.db import Database, Tx
from agent.store.prompt_links import PromptLink
from agent.store.tenants import TenantCache
from agent.store.traces import TraceState
from agent.tracing.traced import TraceAttributes
from agent.types import (
    Channel,
    Classification,
    ConversationId,
    Draft,
    MediaId,
    Message,
    MessageId,
    ModelCall,
    ModelTier,
    OutboundMessage,
    Provider,
    Receipt,
    Route,
    Sources,
    Tenant,
    TenantId,
    Turn,
    Verdict,
)

if TYPE_CHECKING:
    from agent.models.batches import BatchApi
    from agent.models.circuit import CircuitHealth


class Clock(Protocol):
    """The time, injected so that tests own it."""

    def __call__(self) -> datetime:
        """Return now, aware, in UTC."""
        ...


class Queue(Protocol):
    """Defers work inside the caller's transaction: it happens if and only if that commits."""

    async def wake_turn(
        self, tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, *, delay_s: float = 0
    ) -> None:
        """Wake a worker for a conversation, `delay_s` seconds from now. A hint: losing it loses nothing."""
        ...

    async def deliver(self, tx: Tx, tenant_id: TenantId, message_id: MessageId, *, delay_s: float = 0) -> None:
        """Have an outbox message sent, `delay_s` seconds from now."""
        ...

    async def advance_batch(self, tx: Tx, tenant_id: TenantId, batch_id: UUID) -> None:
        """Have the next step of a batch of model requests taken."""
        ...

    async def replay(self, tx: Tx, tenant_id: TenantId, replay_id: UUID) -> None:
        """Have a replay done that was asked for."""
        ...

    async def evaluate(self, tx: Tx, tenant_id: TenantId, run_id: UUID) -> None:
        """Have an evaluation done that was asked for."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a channel can carry, as data."""

    max_chars: int
    """Longest text, in UTF-16 code units."""
    reply_window_s: int | None = None
    """Free text is allowed this long after the last inbound message; None: always."""


class ChannelSender(Protocol):
    """One way to reach a prospect. Translates and decides nothing."""

    limits: Mapping[Channel, Limits]

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand a message to the provider, once.

        Raises:
            Retryable: it surely was not taken; trying again is safe.
            Ambiguous: nobody knows; reconcile first.
            Permanent: the provider refuses it for good (`OptedOut` where that is why).
        """
        ...

    async def find_sent(
        self, message: OutboundMessage, since: datetime, *, known: Collection[str] = ()
    ) -> Receipt | None:
        """Ask the provider whether it has this message from an attempt after `since`; None: it has not.

        `known` are the provider's ids of other messages of ours, which may say the very same.

        Raises:
            Retryable: the provider could not be asked now.
            CannotAsk: it can never be asked: nobody will know.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class ShowsTyping(Protocol):
    """A sender of a channel that shows people that they are read and answered."""

    def show_typing(self, provider_id: str) -> None:
        """Show it to whoever wrote this message. Returns at once, promises nothing, never raises."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Classified:
    """A classification and the model calls it cost (none for the local engine)."""

    classification: Classification
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Drafted:
    """A draft and the model calls it cost (none for the local engine)."""

    draft: Draft
    calls: tuple[ModelCall, ...] = ()


class Models(Protocol):
    """Understands and writes. Two implementations: Claude, and a local one that needs no network."""

    async def classify(self, turn: Turn, language: str, *, tier: ModelTier = "fast") -> Classified:
        """Say what the turn is about, as a model of `tier` sees it.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...

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
        """Write a reply in `classification.language`; on a revision, heed `objections` to `previous`.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...

    def tiers_up(self) -> frozenset[ModelTier]:
        """Return the tiers that can be asked now."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


Finding = Literal["supported", "unsupported", "contradicted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a statement is, and where that follows from (`item:SKU`, `fact:ID`, `policy:ID`, `conversation`)."""

    claim: str
    finding: Finding
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One judgement per statement, in their order, and the model calls they cost."""

    judgements: tuple[Judgement, ...]
    calls: tuple[ModelCall, ...] = ()


class Judge(Protocol):
    """Reads statements that code cannot decide against what a tenant has published."""

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        """Judge all `claims` of one text at once.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarised:
    """Notes of a conversation, bounded, and the model calls they cost."""

    text: str
    calls: tuple[ModelCall, ...] = ()
    prompt_version: str = ""


class Summariser(Protocol):
    """Keeps notes of conversations that are too long to be read whole."""

    async def summarise(self, turn: Turn, messages: Sequence[Message]) -> Summarised:
        """Return notes of `turn.summary` and of `messages`, which came after it.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...


class Redrafter(Protocol):
    """Writes a draft anew as a member of staff asks."""

    async def redraft(self, turn: Turn, wish: "Wish", *, on_text: Callable[[str], None]) -> Drafted:
        """Return the new draft; `on_text` hears its text so far, as it is written.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a member wants changed of a draft."""

    instruction: str
    previous: str
    """The draft as it stands: a text as it would leave, or one with references."""
    classification: Classification
    """What the turn is about."""
    objections: Sequence[Verdict] = ()
    """What the guardrails have against the draft as it stands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Translated:
    """Translations in the order of their originals, who made them, and the model calls they cost."""

    texts: tuple[str, ...]
    model: str
    calls: tuple[ModelCall, ...] = ()


class Translator(Protocol):
    """Lets staff read and write in their own language."""

    async def translate(
        self, texts: Sequence[str], language: str, tenant: Tenant, *, tier: ModelTier = "fast"
    ) -> Translated:
        """Return each of `texts` in `language` (ISO 639-1). References such as `{price:SKU}` stay as they are.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What thinks by one version; each but `models` is None where there is none."""

    models: Models
    judge: Judge | None = None
    summariser: Summariser | None = None
    answers: AnswerCache | None = None


class Engines(Protocol):
    """Has an engine for every version, so that one process can think by several at once."""

    def engine(self, release: Release) -> Engine:
        """Return what thinks with these prompts and models: the same one each time.

        Raises:
            Misconfigured: it names a model whose price or abilities are unknown.
        """
        ...


class ModelHealth(Protocol):
    """What is known of the way to the models, and how to find out more."""

    def health(self) -> "tuple[CircuitHealth, ...]":
        """Return the state of every circuit, as this process knows it."""
        ...

    async def probe(self) -> bool:
        """Try a circuit that is due to be tried, if any; say whether a call would now be answered."""
        ...


class Retriever(Protocol):
    """Finds what the tenant has published about a turn's subject."""

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        """Return the best catalogue items and passages. Computes: call it in a thread."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A file as it was got. `filename` is somebody's claim, without any folder."""

    content: bytes = field(repr=False)
    filename: str | None = None


class MediaFetcher(Protocol):
    """Gets files from where a provider keeps them."""

    async def fetch(self, url: str) -> Fetched:
        """Get a file, within bounds of time and size.

        Raises:
            Retryable: not to be had now.
            Permanent: not to be had at all.
            MediaRefused: none that we take: too large, or not where the provider keeps its files.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class MediaStore(Protocol):
    """Keeps files by tenant and id: each belongs to one message, and goes with it."""

    async def put(self, tenant_id: TenantId, media_id: MediaId, content: bytes, content_type: str) -> None:
        """Keep a file; one of the same id is replaced.

        Raises:
            Retryable: it could not be kept now.
        """
        ...

    async def get(self, tenant_id: TenantId, media_id: MediaId) -> bytes:
        """Return a file.

        Raises:
            MediaMissing: it is not there.
            Retryable: it could not be read now.
        """
        ...

    async def delete(self, tenant_id: TenantId, media_id: MediaId) -> None:
        """Have a file no more, whether or not there was one.

        Raises:
            Retryable: it could not be deleted now.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class Transcriber(Protocol):
    """Writes down what is said in a voice note."""

    async def transcribe(self, audio: bytes, content_type: str) -> str:
        """Return the words, in the language they were said in; empty if there are none.

        Raises:
            Retryable: no answer in time.
            Permanent: it will not transcribe this.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaAccess:
    """How files are got, kept and looked at."""

    store: MediaStore
    fetcher: MediaFetcher
    read_part: Callable[[bytes, int], Fetched | None]
    """Returns the attachment at a place of a mail. Computes: call it in a thread."""
    transcriber: Transcriber | None = None
    shows_images: bool = False
    """Whether `models` look at pictures."""
    link: Callable[[TenantId, MediaId, datetime], str] | None = None
    """Returns where a provider can fetch a file for the next minutes; None: nowhere."""


Level = Literal["DEBUG", "DEFAULT", "WARNING", "ERROR"]
ObservationType = Literal[
    "span", "generation", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "embedding"
]


class Observation(Protocol):
    """One step of a trace, open until its `with` block ends."""

    def update(
        self,
        *,
        output: Any = None,
        metadata: Mapping[str, Any] | None = None,
        level: Level | None = None,
        status_message: str | None = None,
    ) -> None:
        """Add what is known by now."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceFates:
    """What a process knows of the traces that it has sent."""

    states: Mapping[UUID, TraceState] = field(default_factory=dict)
    """By turn."""
    lost: int = 0
    """Spans that will never arrive."""
    is_well: bool = False
    """Whether Langfuse takes what it is sent."""


class Tracer(Protocol):
    """Where steps are reported. Never raises, never blocks, never slows a turn."""

    def trace_id(self, turn_id: str) -> str:
        """Return the trace id (32 hex digits) of a turn: the same at every call."""
        ...

    def turn(
        self,
        *,
        input: Any,  # noqa: A002 — Langfuse's word
        name: str = "turn",
        **attributes: Unpack[TraceAttributes],
    ) -> AbstractContextManager[Observation]:
        """Open the root observation of the trace of a turn, or of other work by its `name`."""
        ...

    def continued(self, name: str, **attributes: Unpack[TraceAttributes]) -> AbstractContextManager[Observation]:
        """Open an observation under the root of a turn taken earlier, perhaps by another process."""
        ...

    def step(
        self,
        name: str,
        kind: ObservationType = "span",
        *,
        input: Any = None,  # noqa: A002
        metadata: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[Observation]:
        """Open a step inside the current turn (or a step of it)."""
        ...

    def call(self, call: ModelCall) -> None:
        """Report a model call that has ended, under the current step: the only place of its usage and cost."""
        ...

    def passed(self, name: str, since: datetime, until: datetime) -> None:
        """Report time that has passed as a step of the current turn, such as a wait in the queue."""
        ...

    def link_prompts(self, links: Collection[PromptLink]) -> None:
        """Link generations from now on to the versions of their prompts in Langfuse."""
        ...

    def begin_again(self, turn_id: UUID) -> None:
        """Forget what was lost of a turn's trace: it is told again, whole."""
        ...

    def fates(self) -> TraceFates:
        """Return what has become of turns' traces since the last time."""
        ...

    def shutdown(self) -> None:
        """Send what can be sent within a bounded time (≤ 5 s) and stop. Blocks: call it in a thread."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Deps:
    """What storing and reporting need, passed explicitly: enough for a web process and a clock."""

    settings: Settings
    db: Database
    tenants: TenantCache
    queue: Queue
    now: Clock
    reach: Reach = pass_by
    """Called at every fault point."""

    @property
    def release(self) -> Release:
        """Return the prompts and models of this process, which a tenant has unless a version is pinned."""
        return release_of(self.settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffDeps(Deps):
    """What the inbox needs on top: staff's texts are checked while they wait for the answer."""

    rules: tuple[Rule, ...]
    """The guardrails, in order."""
    translator: Translator | None = None
    """Translates for staff; None without a model."""
    redrafter: Redrafter | None = None
    """Writes drafts anew; None without a model."""
    media: MediaStore | None = None
    """Where files are kept that staff send; None: they send none."""
    tracer: Tracer | None = None
    """Where verdicts and model calls are reported; None: only in the database."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentDeps(Deps):
    """What thinking and sending need on top."""

    senders: Mapping[Provider, ChannelSender]
    models: Models
    fallback: Models
    """Classifies when `models` cannot: the local engine."""
    retriever: Retriever
    detector: LanguageDetector
    rules: tuple[Rule, ...]
    """The guardrails, in order."""
    tracer: Tracer
    judge: Judge | None = None
    """Judges what the guardrails cannot decide; None without a model."""
    health: ModelHealth | None = None
    """Where `models` can be down; None for those that cannot."""
    summariser: Summariser | None = None
    """Keeps notes of long conversations; None without a model."""
    answers: AnswerCache | None = None
    """Answers to questions that anybody could ask; None without a model, whose answers alone cost anything."""
    batches: "BatchApi | None" = None
    """Takes model requests that can wait; None without a provider that has batches."""
    media: MediaAccess | None = None
    """How files of messages are got and kept; None: they are not, and nobody sees them."""
    metrics: Metrics = field(default_factory=Metrics)
    """Counters of this process."""
    engines: Engines | None = None
    """What thinks by a version; None: `models` and the rest do, whatever the version."""

    def thinking_by(self, version: Version | None) -> Self:
        """Return these with what thinks by a version.

        Raises:
            Misconfigured: the version names a model whose price or abilities are unknown.
        """
        if version is None or self.engines is None:
            return self
        engine = self.engines.engine(version.release)
        answers = engine.answers if self.answers is not None else None
        return replace(self, models=engine.models, judge=engine.judge, summariser=engine.summariser, answers=answers)
