"""The review card: what the agent would say, what speaks against it, where it comes from, what sending it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from agent.escalation.why import why
from agent.guardrails import binding, check_all, warnings, worst
from agent.guardrails.explain import explain
from agent.guardrails.segments import count_segments
from agent.prices import PriceReferenceError
from agent.reply_window import ReplyWindow
from agent.spending.budgets import format_usd
from agent.staff.preview import load_writing_turn
from agent.staff.redrafting import last_draft
from agent.staff.sending import UNDO, StaffText, render_staff_text
from agent.store import review_cards, timeline
from agent.store.db import Tx
from agent.store.review_cards import ReviewRequest, TurnFacts
from agent.store.timeline import Head
from agent.types import Claim, Draft, Message, Tenant, Turn, Verdict
from channels.inbox.navigation import N_
from channels.inbox.review_words import CHANNELS, INTENTS, KINDS, RULES, UNKNOWN_RULE, Sentence
from channels.inbox.spans import Piece, mark_verdicts
from channels.inbox.visit import Visit

MAX_EXCERPT = 140
_VERDICTS = TypeAdapter(tuple[Verdict, ...])


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One objection to a draft."""

    number: int
    rule: str
    name: str
    """A message to translate, as `source` is."""
    source: str
    """What the rule compares with."""
    sentence: str
    """What it objects to, in the reader's language."""
    detail: str
    """What the rule itself said, in English."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """A claim of a draft, and where it comes from."""

    claim: str
    kind: str
    """A message to translate; empty: nothing of the kind is published."""
    name: str
    """What the source says of itself, else what the agent called it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftFacts:
    """What is known of how a draft came to be. What is empty or None is not known."""

    confidence: int | None
    """Percent."""
    model: str
    intent: str
    calls: int
    cost_usd: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the guardrails say now of a text that a member would send."""

    pieces: Sequence[Piece]
    text: str
    """As it would leave."""
    stops: Sequence[str] = ()
    """Why it must not leave at all, in the reader's language."""
    warnings: Sequence[Flag] = ()
    """What can be overridden with a reason."""
    waits_until: datetime | None = None
    segments: int = 0
    """SMS: parts it is carried as."""
    problem: str = ""

    @property
    def numbers(self) -> Mapping[str, int]:
        """The number of a warning, by its rule."""
        return {flag.rule: flag.number for flag in self.warnings}


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A request for a person, ready to be decided."""

    request: ReviewRequest
    head: Head
    why: str
    """A message to translate."""
    window: ReplyWindow | None
    pieces: Sequence[Piece]
    """The draft, with what was objected to marked."""
    flags: Sequence[Flag]
    numbers: Mapping[str, int]
    """The number of a flag, by its rule."""
    grounds: Sequence[Ground]
    facts: DraftFacts | None
    burst: Sequence[Message]
    standing: Standing | None
    """What holds of the draft now; None: there is none."""
    effects: Sequence[Sentence]
    translates: bool
    """Whether what they write is foreign to the reader."""
    can_translate: bool
    can_redraft: bool

    @property
    def digest(self) -> str:
        """Which draft this is: a form that was made for another is refused."""
        return digest_of(self.request.draft)

    @property
    def state(self) -> str:
        """What it shows, to be compared with how things stand later."""
        return state_of(self.request, self.head)

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        return self.request.state == "open"


def digest_of(draft: str | None) -> str:
    """Return what a draft is recognised by."""
    return sha256((draft or "").encode("utf-8", "replace")).hexdigest()[:16]


def state_of(request: ReviewRequest, head: Head) -> str:
    """Return what a card of a request would show: this request, decided or not, this draft, up to this message."""
    return f"{request.id}:{request.state}:{digest_of(request.draft)}:{head.newest_seq}"


async def load_card(tx: Tx, visit: Visit, request: ReviewRequest) -> Card | None:
    """Return the card of a request; None: its conversation is gone."""
    head = await timeline.load_head(tx, request.conversation_id)
    if head is None:
        return None
    turn = await load_writing_turn(tx, request.conversation_id, visit.member, visit.deps)
    facts = await review_cards.load_turn_facts(tx, request.turn_id) if request.turn_id else None
    tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
    written = last_draft(facts.steps, request.redraft) if facts else None
    flags = list_flags(_VERDICTS.validate_python(request.verdicts), visit.reader.language)
    standing = judge(request.draft, turn, visit) if request.draft and turn else None
    language = head.language or tenant.default_language
    return Card(
        request=request,
        head=head,
        why=why(request.cause, request.reason),
        window=head.window(visit.deps.now()),
        pieces=mark_verdicts(request.draft or "", _objections(request)),
        flags=flags,
        numbers={flag.rule: flag.number for flag in flags},
        grounds=_grounds(written, tenant, visit.reader.language) if request.draft else (),
        facts=_facts(facts, written),
        burst=turn.inbound if turn else (),
        standing=standing,
        effects=_effects(head, standing, visit, language) if standing else (),
        translates=language != visit.reader.language,
        can_translate=visit.deps.translator is not None,
        can_redraft=visit.deps.redrafter is not None and request.turn_id is not None,
    )


def _objections(request: ReviewRequest) -> tuple[Verdict, ...]:
    return tuple(each for each in _VERDICTS.validate_python(request.verdicts) if each.outcome not in ("pass", "delay"))


def list_flags(verdicts: Sequence[Verdict], language: str) -> tuple[Flag, ...]:
    """Return what objects to a text, numbered; one that merely waits is not objected to."""
    objecting = [each for each in verdicts if each.outcome not in ("pass", "delay")]
    return tuple(_flag(number, each, language) for number, each in enumerate(objecting, start=1))


def _flag(number: int, verdict: Verdict, language: str) -> Flag:
    name, source = RULES.get(verdict.rule, UNKNOWN_RULE)
    return Flag(
        number=number,
        rule=verdict.rule,
        name=name,
        source=source,
        sentence=explain(verdict, language),
        detail=verdict.reason,
    )


def judge(text: str, turn: Turn, visit: Visit) -> Standing:
    """Return what the guardrails say of a text, were the member to send it now."""
    wanted = StaffText(conversation_id=turn.conversation.id, text=text, seen_seq=0)
    now, language = visit.deps.now(), visit.reader.language
    try:
        candidate = render_staff_text(wanted, turn, now)
    except PriceReferenceError as exc:
        return Standing(pieces=mark_verdicts(text, ()), text=text, problem=str(exc))
    verdicts = check_all(visit.deps.rules, candidate, turn, turn.tenant, now)
    decisive, objecting = binding(verdicts, "staff"), warnings(verdicts, "staff")
    return Standing(
        pieces=mark_verdicts(candidate.text, objecting),
        text=candidate.text,
        stops=[explain(each, language) for each in decisive if each.outcome not in ("pass", "delay")],
        warnings=list_flags(objecting, language),
        waits_until=worst(decisive).until,
        segments=count_segments(candidate.text) if candidate.channel == "sms" else 0,
    )


def _grounds(draft: Draft | None, tenant: Tenant, language: str) -> tuple[Ground, ...]:
    return tuple(_ground(claim, tenant, language) for claim in draft.claims) if draft else ()


def _ground(claim: Claim, tenant: Tenant, language: str) -> Ground:
    kind, _, key = claim.source.partition(":")
    if kind == "conversation":
        return Ground(claim=claim.text, kind=KINDS[kind], name="")
    texts = _published(kind, key, tenant)
    if not texts:
        return Ground(claim=claim.text, kind="", name=claim.source)
    text = texts.get(language) or texts.get(tenant.default_language) or next(iter(texts.values()))
    excerpt = text if len(text) <= MAX_EXCERPT else f"{text[: MAX_EXCERPT - 1]}…"
    return Ground(claim=claim.text, kind=KINDS[kind], name=excerpt)


def _published(kind: str, key: str, tenant: Tenant) -> Mapping[str, str]:
    """Return what a source says of itself, by language; nothing, if it is not published (any more)."""
    if kind == "item":
        return next((each.name for each in tenant.catalogue if each.sku == key), {})
    return next((each.text for each in tenant.passages if each.id == key and each.kind == kind), {})


def _facts(turn: TurnFacts | None, draft: Draft | None) -> DraftFacts | None:
    if turn is None:
        return None
    classified: Mapping[str, Any] = turn.steps.get("classification") or {}
    return DraftFacts(
        confidence=round(draft.confidence * 100) if draft else None,
        model=draft.model if draft else "",
        intent=INTENTS.get(str(classified.get("intent", "")), ""),
        calls=turn.calls,
        cost_usd=format_usd(turn.cost_microusd),
    )


def _effects(head: Head, standing: Standing, visit: Visit, language: str) -> tuple[Sentence, ...]:
    """Say what sending the draft as it is would change."""
    reader = visit.reader
    if standing.waits_until and standing.waits_until > visit.deps.now() + UNDO:
        leaves = Sentence(
            text=N_("It waits until %(time)s: now is no time to write to them."),
            values={"time": reader.moment(standing.waits_until)},
        )
    else:
        leaves = Sentence(
            text=N_("It leaves in %(seconds)s seconds; until then you can take it back."),
            values={"seconds": int(UNDO.total_seconds())},
        )
    told = Sentence(
        text=N_("%(name)s reads it on %(channel)s, in %(language)s."),
        values={"name": head.name, "channel": CHANNELS[head.channel], "language": reader.language_name(language)},
    )
    goes_on = (
        Sentence(text=N_("The agent goes on answering this conversation."))
        if head.owner == "agent"
        else Sentence(text=N_("The agent stays silent: staff answer this conversation."))
    )
    closed = Sentence(text=N_("This request is closed, under your name."))
    parts = Sentence(text=N_("It is carried as %(count)s SMS parts."), values={"count": standing.segments})
    return (leaves, told, goes_on, closed, *([parts] if standing.segments > 1 else []))
