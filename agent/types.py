"""The core types: frozen, fully typed, free of I/O.

Times are aware datetimes in UTC. Money is an integer of minor units with an ISO 4217 code. Ids are UUIDs
(version 7 where we make them). A word means here what the glossary in `README.md` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal, NewType, get_args
from uuid import UUID

from agent.delivery.failures import Failure
from agent.ids import new_id
from agent.mail.sender_trust import Trust
from agent.message_details import Details, MessageKind
from agent.templates.types import FilledTemplate, Proposal, TemplateUse

TenantId = NewType("TenantId", UUID)
ContactId = NewType("ContactId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
MediaId = NewType("MediaId", UUID)
MemberId = NewType("MemberId", UUID)
TurnId = NewType("TurnId", UUID)

Channel = Literal["whatsapp", "sms", "email"]
Provider = Literal["twilio", "email", "simulator"]
Direction = Literal["inbound", "outbound"]
Author = Literal["contact", "agent", "staff", "system"]
Intent = Literal[
    "opt_out",
    "complaint",
    "human_request",
    "ready_to_buy",
    "negotiation",
    "payment",
    "scheduling",
    "support",
    "objection",
    "not_interested",
    "pricing",
    "product_question",
    "acknowledgement",
    "greeting",
    "off_topic",
]
INTENTS: tuple[Intent, ...] = get_args(Intent)  # in precedence order, as the labelling guide has them
Unit = Literal["month", "course", "session", "one_time", "seat_month", "item"]
Source = Literal["claude", "local", "rule", "cache", "staff"]
"""Who answered: Claude, the local engine that needs no network, a deterministic rule, an answer given before, staff."""
ModelTier = Literal["fast", "standard", "expert"]
"""How able, and how costly, a model is: Haiku, Sonnet and Opus unless configured otherwise."""
Task = Literal["classify", "draft", "revise", "judge", "summarise", "redraft", "translate"]
"""What a model is asked for."""
BudgetScope = Literal["message", "contact_day", "tenant_day", "tenant_month"]
"""What a budget bounds: one turn, one contact or the tenant in a day, the tenant in a month (tenant's time zone)."""
ContentRule = Literal[
    "pricing",
    "promises",
    "grounding",
    "pii",
    "leakage",
    "links",
    "language",
    "tone",
    "disclosure",
    "format",
]
CONTENT_RULES: tuple[ContentRule, ...] = get_args(ContentRule)
"""The rules about what a text says, in the order in which they run."""
TrustLevel = Literal["off", "shadow", "review", "canary", "autonomous"]
"""How free the agent is, from nothing to everything: writes nothing; writes what nobody reads; a person sends what it
writes; sends by itself in a share of conversations; sends by itself."""
TRUST_LEVELS: tuple[TrustLevel, ...] = get_args(TrustLevel)
Strictness = Literal["revise", "hold"]
"""What a tenant wants done with a text a redraft could mend: redraft it, or have a person see it at once."""


# --- what a tenant has published ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One published price, valid on the days `valid_from`..`valid_to` (inclusive, tenant's time zone)."""

    amount_minor: int
    currency: str
    unit: Unit
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Instalments:
    """How a price may be split: 2 to `max` equal parts; amounts are only stated where interest-free."""

    max: int
    interest_free: bool
    min_amount_minor: int | None = None
    """Least total, in the tenant's currency, that can be split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Discount:
    """A published discount: exactly one of `percent` and `amount_minor` (tenant's currency)."""

    condition: Mapping[str, str]
    """What must hold for it, by language."""
    percent: int | None = None
    amount_minor: int | None = None
    code: str | None = None
    valid_to: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueItem:
    """One thing the tenant sells."""

    sku: str
    name: Mapping[str, str]
    """Name by language; always has the tenant's default language."""
    description: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    """Other words prospects use for it, in any language."""
    prices: tuple[Price, ...] = ()
    instalments: Instalments | None = None
    discounts: tuple[Discount, ...] = ()
    file_url: str = ""
    """A picture or brochure of it that a reply can take along; empty: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A published fact or policy, the unit of retrieval. `text` is by language."""

    id: str
    kind: Literal["fact", "policy"]
    text: Mapping[str, str]
    questions: tuple[str, ...] = ()
    """How prospects ask for it, in any language: what retrieval compares with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpeningHours:
    """One opening in the tenant's week: `weekday` 0 is Monday; wall-clock times, `start` < `end`."""

    weekday: int
    start: time
    end: time


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A limit of model spend, in micro-dollars: from `soft` on cheaper tiers answer, from `hard` on staff do."""

    soft_microusd: int
    hard_microusd: int


def usual_budgets() -> dict[BudgetScope, Budget]:
    """Return limits far above an ordinary business's spend, which only loops, abuse and mistakes reach.

    An answer costs about a cent, a difficult one seven: a message may be redrafted by the expert, a contact may write
    all day, and a tenant may answer some thousand messages a day.
    """
    return {
        "message": Budget(soft_microusd=50_000, hard_microusd=150_000),
        "contact_day": Budget(soft_microusd=300_000, hard_microusd=1_000_000),
        "tenant_day": Budget(soft_microusd=20_000_000, hard_microusd=50_000_000),
        "tenant_month": Budget(soft_microusd=400_000_000, hard_microusd=1_000_000_000),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How the tenant wants its agent to behave. Durations carry their unit in the name."""

    quiet_s: float = 3.0
    """A turn starts when the prospect has been quiet this long …"""
    max_wait_s: float = 12.0
    """… or has waited this long."""
    min_confidence: float = 0.55
    """A draft or classification below this goes to a person."""
    sure_above: float = 0.75
    """A classification at least this sure decides by itself; below it, a stronger model is asked, and drafts."""
    human_intents: frozenset[Intent] = frozenset({"complaint", "human_request"})
    """Intents that always go to a person."""
    send_hours: tuple[OpeningHours, ...] = ()
    """When we may write, in the recipient's local time. Empty: at any hour."""
    reply_grace_minutes: int = 0
    """Outside `send_hours`, someone who wrote this recently may still be answered. 0: strict."""
    max_sms_segments: int = 3
    max_unanswered: int = 3
    """Our texts in a row without an answer of the contact; a further one needs a person."""
    max_per_day: int = 40
    """Our texts to one contact in 24 hours: far above a lively sales chat, so that only loops and abuse reach it."""
    max_per_week: int = 150
    """Our texts to one contact in 7 days."""
    strictness: Mapping[ContentRule, Strictness] = field(default_factory=dict)
    """Rules that are stricter than usual. No rule can be made laxer or turned off."""
    tiers: Mapping[Task, ModelTier] = field(default_factory=dict)
    """The tier of a task, where it is not to be chosen by what the turn needs."""
    classify_locally_above: float | None = None
    """Cascade: a local classification at least this sure is taken, at no cost. None: Claude classifies everything."""
    reuse_answers: bool = True
    """Whether a question without personal context may get the answer another prospect got."""
    budgets: Mapping[BudgetScope, Budget] = field(default_factory=usual_budgets)
    """Limits of model spend. A scope without one has none."""
    max_model_wait_minutes: int = 120
    """How long a turn may wait for a model when none answers; then a person gets it."""
    demand_judging: bool = False
    """Whether a statement that code cannot decide needs a model's judgement: without one it goes to a person."""
    send_templates: bool = False
    """Whether what comes too late for a reply window may leave as an approved template; else a person is asked."""
    trust: TrustLevel = "autonomous"
    """How free the agent is where nobody has moved the dial (`agent.trust.dial`)."""
    min_accuracy: float = 0.93
    """Share of the held-out messages that a version must classify right before anything is moved up."""
    sla_minutes: int = 60
    """How soon staff should answer what is put before them, counted in `send_hours`. The gravest: a quarter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A business we answer for, with everything it has published."""

    id: TenantId
    slug: str
    name: str
    country: str
    """ISO 3166 alpha-2."""
    timezone: str
    """IANA name."""
    languages: tuple[str, ...]
    default_language: str
    currency: str
    voice: str
    """How the agent should sound; goes into the prompt."""
    disclosure: Mapping[str, str]
    """"I am an automated assistant", by language."""
    help_text: Mapping[str, str]
    """Answer to HELP: who we are, how to reach a person, how to stop. By language."""
    holding: Mapping[str, str] = field(default_factory=dict)
    """What we say when no model answers for a while, by language, where it is not to be our own text."""
    links: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    mail_signature: Mapping[str, str] = field(default_factory=dict)
    """What our mails are signed with, by language; without one, only the name in From says who writes."""
    policy: Policy = Policy()
    catalogue: tuple[CatalogueItem, ...] = ()
    passages: tuple[Passage, ...] = ()
    templates: tuple[TemplateUse, ...] = ()
    """What may be sent when a reply window has closed, in order of preference."""


# --- what comes in -----------------------------------------------------------------------------------------


MediaState = Literal["pending", "stored", "refused", "failed"]
"""Not fetched yet; kept; nothing we keep (`reason`); not to be had (`reason`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """An attachment. Until it is stored, type, name and size are the provider's or the sender's claim."""

    url: str
    content_type: str
    filename: str | None = None
    size: int | None = None
    id: MediaId | None = None
    """None: only announced."""
    state: MediaState = "pending"
    reason: str = ""
    heard: bool = False
    """Whether it has been transcribed: then the message's text has what was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A stored picture that a model can look at."""

    media_id: MediaId
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessage:
    """One message as a provider delivered it, normalised but not yet stored."""

    provider: Provider
    channel: Channel
    provider_id: str
    """The provider's id, our key against duplicates (MessageSid, or Message-ID)."""
    sender: str
    """Address as received, without a channel prefix: E.164, a WhatsApp user id, or an e-mail address."""
    recipient: str
    """The tenant's own address on this channel, likewise."""
    text: str
    sender_name: str | None = None
    also_known_as: tuple[str, ...] = ()
    """Further addresses of the sender that the provider vouches for: a WhatsApp user id beside a number."""
    subject: str | None = None
    media: tuple[Media, ...] = ()
    provider_handled_opt_out: bool = False
    """The provider has already answered this STOP, START or HELP: we must stay silent."""
    automatic: bool = False
    """An auto-reply, a list or a bounce (RFC 3834): never answered."""
    references: tuple[str, ...] = ()
    """E-mail: message ids of the thread, oldest first."""
    trust: Trust = "proven"
    """How far the sender's address is known to be theirs."""
    hold: str = ""
    """Why a person must read it before a machine answers; empty: no reason."""
    kind: MessageKind = "text"
    details: Details = field(default_factory=Details)
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The payload as received (JSON-safe), kept for audit and replay."""


DeliveryState = Literal["queued", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryStatus:
    """A provider's later word on one of our messages."""

    provider: Provider
    provider_id: str
    state: DeliveryState
    message_id: MessageId | None = None
    """Our own id, when the callback carries it."""
    error_code: str | None = None
    failure: Failure | None = None
    """What kind of failure it is, where `state` is `failed`; None: nothing is known of the code."""
    raw: Mapping[str, Any] = field(default_factory=dict)


# --- a turn ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A stored message, either direction."""

    id: MessageId
    seq: int
    """Commit order within the conversation."""
    direction: Direction
    author: Author
    text: str
    created_at: datetime
    language: str | None = None
    subject: str | None = None
    media: tuple[Media, ...] = ()
    provider_id: str | None = None
    provider_handled_opt_out: bool = False
    automatic: bool = False
    references: tuple[str, ...] = ()
    trust: Trust = "proven"
    """How far the sender's address is known to be theirs."""
    hold: str = ""
    """Why a person must read it before a machine answers; empty: no reason."""
    kind: MessageKind = "text"
    details: Details = field(default_factory=Details)

    @property
    def has_words(self) -> bool:
        """Whether the text is what somebody wrote or said, not our description of what they sent."""
        return bool(self.text.strip()) and not self.details.wordless


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A prospect."""

    id: ContactId
    name: str | None = None
    language: str | None = None
    timezone: str | None = None
    """IANA name, only when the person stated it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppression:
    """A standing "do not write" for a contact. `since` is when it began."""

    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """The thread of one contact on one of the tenant's channel accounts."""

    id: ConversationId
    tenant_id: TenantId
    contact: Contact
    provider: Provider
    channel: Channel
    our_address: str
    contact_address: str
    owner: Literal["agent", "staff"] = "agent"
    language: str | None = None
    language_posterior: Mapping[str, float] = field(default_factory=dict)
    last_inbound_at: datetime | None = None
    suppression: Suppression | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A burst of unread inbound messages and all that is needed to answer it once."""

    id: TurnId
    tenant: Tenant
    conversation: Conversation
    inbound: tuple[Message, ...]
    """The burst, oldest first; never empty."""
    history: tuple[Message, ...]
    """Earlier messages, oldest first, bounded."""
    attempt: int
    trace_id: str
    sent_at: tuple[datetime, ...] = ()
    """When our texts of the last seven days went to this contact, in all conversations, oldest first."""
    summary: str = ""
    """What was said before `history`, in a few sentences; empty where the history is whole."""
    summarised_seq: int = 0
    """The last message that `summary` covers; the first few of `history` may be among them."""
    spent_microusd: Mapping[BudgetScope, int] = field(default_factory=dict)
    """What models have cost so far, by what it counts towards."""
    version: str = ""
    """Digest of the version that answers it; empty: none is recorded."""
    trust: Mapping[str, TrustLevel] = field(default_factory=dict)
    """Where the dial stood on the channel when the turn began, by intent (`agent.trust.dial`)."""
    images: tuple[Image, ...] = ()
    """Pictures of the burst and of shortly before that a model is shown, oldest first; no other has been seen."""

    @property
    def words(self) -> str:
        """What the person themselves wrote or said in the burst; empty where they only sent files and the like."""
        return "\n".join(message.text for message in self.inbound if message.has_words)

    @property
    def text(self) -> str:
        """The burst as one text, a line break between messages."""
        return "\n".join(message.text for message in self.inbound if message.text)

    @property
    def last_seq(self) -> int:
        """Order number of the newest message this turn answers."""
        return self.inbound[-1].seq

    @property
    def context(self) -> str | None:
        """What the burst answers: our message that it quotes, else our last one before it, if any."""
        quoted = next((m.details.quoted for m in reversed(self.inbound) if m.details.quotes_us), "")
        return quoted or next((m.text for m in reversed(self.history) if m.direction == "outbound"), None)

    @property
    def is_first_contact(self) -> bool:
        """Whether nothing has been sent in this conversation yet."""
        return all(message.direction == "inbound" for message in self.history)


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedLanguage:
    """A guess with its posterior. `language` is None below the threshold: keep the conversation's."""

    language: str | None
    confidence: float
    posterior: Mapping[str, float] = field(default_factory=dict)


Stage = Literal["new", "exploring", "comparing", "deciding", "customer"]
"""How far a prospect has come: knows nothing, asks around, weighs us against others, is about to buy, has bought."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """What the turn is about. `confidence` is the probability that `intent` is right."""

    intent: Intent
    language: str
    confidence: float
    needs_human: bool
    source: Source
    secondary: tuple[Intent, ...] = ()
    sentiment: Literal["negative", "neutral", "positive"] = "neutral"
    complexity: Literal["low", "medium", "high"] = "low"
    entities: Mapping[str, str] = field(default_factory=dict)
    stage: Stage = "new"
    score: float | None = None
    """What the model itself said of its confidence; None: `confidence` is its own."""
    model: str = ""
    prompt_version: str = ""


Tier = Literal["none", "fast", "standard", "expert", "person"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Who answers this turn, and why. `none` needs no reply; `person` hands over."""

    tier: Tier
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """What retrieval found for this turn, best first."""

    items: tuple[CatalogueItem, ...] = ()
    passages: tuple[Passage, ...] = ()
    similarity: Mapping[str, float] = field(default_factory=dict)
    """How close each is to the turn, 0 to 1, by its name (`item:SKU`, `fact:ID`, `policy:ID`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A checkable statement in a draft and where it comes from (`item:SKU`, `fact:ID`, `policy:ID`)."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a model wants to say. `text` holds `{price:…}` references, never an amount."""

    text: str
    language: str
    confidence: float
    needs_human: bool
    source: Source
    claims: tuple[Claim, ...] = ()
    human_reason: str = ""
    """Why the model wants a person, when `needs_human`."""
    model: str = ""
    prompt_version: str = ""


Purpose = Literal["reply", "opt_out_confirmation", "opt_in_confirmation", "help", "follow_up"]
"""What a text is for. A `follow_up` we start ourselves; all others answer what the contact has just written."""
WRITTEN: frozenset[Purpose] = frozenset({"reply", "follow_up"})
"""What is written for the occasion; all others are fixed texts, ours or the tenant's."""
PROACTIVE: frozenset[Purpose] = frozenset({"follow_up"})
"""What we start ourselves, and so needs a basis, the law's hours and its limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A rendered text about to leave, as the guardrails see it."""

    text: str
    language: str
    channel: Channel
    purpose: Purpose = "reply"
    author: Author = "agent"
    confidence: float = 1.0
    needs_human: bool = False
    template: FilledTemplate | None = None
    """What is sent instead of `text`, which is then its preview: an approved template needs no reply window."""
    media_urls: tuple[str, ...] = ()
    """Files that go with the text, where the provider can fetch them."""


Outcome = Literal["pass", "revise", "hold", "block", "delay"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A guardrail's answer. `delay` always has `until`; anything but `pass` has a `reason`."""

    rule: str
    outcome: Outcome
    reason: str = ""
    evidence: str = ""
    """What in the text, or in the facts, decided it: shown to staff."""
    span: tuple[int, int] | None = None
    """Where in the text: first character and the one after the last; None when it is about the whole."""
    until: datetime | None = None
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse states that mean nothing."""
        if (self.outcome == "delay") != (self.until is not None):
            raise ValueError(f"rule {self.rule}: `until` belongs to the outcome `delay`, and only to it")
        if self.outcome != "pass" and not self.reason:
            raise ValueError(f"rule {self.rule}: the outcome {self.outcome} needs a reason")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A checked text that may leave, now or from `not_before` on."""

    candidate: Candidate
    source: Source
    verdicts: tuple[Verdict, ...] = ()
    draft: Draft | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentChange:
    """The prospect asked us to stop, or to come back; `evidence` is the message that says so."""

    kind: Literal["opt_out", "opt_in"]
    reason: str
    evidence: MessageId


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """Decision: answer."""

    reply: Reply
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalate:
    """Decision: ask for a person. `reply` tells the prospect so, when it may be sent."""

    reason: str
    """Why, in a few words a seller understands."""
    detail: str = ""
    draft: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    reply: Reply | None = None
    proposal: Proposal | None = None
    """What staff could do, where the reply window has closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """Decision: stay silent, for a reason."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Decision: keep the turn until a model answers again. `line` tells the prospect so, when it may be sent."""

    reason: str
    priority: int
    """Who is answered first afterwards: 0 before 9."""
    line: Reply | None = None


Decision = Send | Escalate | Nothing | Wait


# --- what goes out -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Letterhead:
    """What a mail carries around its text. The tokens name its conversation; only its reader knows them."""

    sender_name: str = ""
    language: str = ""
    signature: str = ""
    reply_token: str | None = None
    """For the address that answers are to be sent to."""
    unsubscribe_token: str | None = None
    """For the way out that a mail which nobody asked for must offer (RFC 8058)."""
    is_automatic: bool = True
    """Written by a machine, which the mail says of itself (RFC 3834); staff are not."""
    is_proactive: bool = False
    """Begun by us, so no answer to anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """One message for a provider. `id` is our correlation key and travels with it."""

    id: MessageId
    tenant_id: TenantId
    provider: Provider
    channel: Channel
    sender: str
    recipient: str
    text: str
    subject: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    purpose: Purpose = "reply"
    media_urls: tuple[str, ...] = ()
    """Attachments, where the provider can fetch them: signed links of ours, or public ones."""
    letterhead: Letterhead = Letterhead()
    template: FilledTemplate | None = None
    """What is sent instead of `text`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A provider's immediate answer: it has the message, under this id."""

    provider_id: str
    state: DeliveryState
    """How far it has got; found again after a doubtful attempt, it may have failed already."""
    error_code: str | None = None
    failure: Failure | None = None
    """Where `state` is `failed`: as in `DeliveryStatus`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens of one model call; the four kinds are disjoint."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_5m_tokens: int = 0
    """Those of `cache_write_tokens` that were written for five minutes; the rest for an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One call to a model, for accounting. Cost is in micro-dollars."""

    task: Task
    provider: str
    model: str
    prompt_version: str
    usage: Usage
    cost_microusd: int
    latency_ms: int
    outcome: Literal["ok", "refused", "invalid", "cut_off", "error"]
    error: str = ""
    tier: ModelTier = "standard"
    attempt: int = 1
    """Counts the requests made for one answer, over retries, providers, repairs and tiers, from 1."""
    batch: bool = False
    """Whether it went through the Message Batches API, at half price."""
    ended_at: datetime | None = None
    """When its answer or failure came; None where that says nothing (batches)."""
    id: UUID = field(default_factory=new_id, compare=False)
