"""Measures a version on one case: the same steps as a prospect's turn takes, with nothing sent and nothing kept.

What it costs is the tenant's, and counts towards its budgets; what a version does never depends on how much of them is
left, because its figures would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from time import perf_counter
from uuid import UUID
from zoneinfo import ZoneInfo

from agent.audit import AuditedText, audit, objections
from agent.audit_tenants import AuditedTenant
from agent.classify import classify
from agent.decide import Resolution
from agent.detect import detect_language
from agent.errors import ModelUnavailable
from agent.evaluation.cases import ClassificationCase, GuardrailCase, Labelled, ReplyCase
from agent.evaluation.grading import Grader, weigh
from agent.faults import pass_by
from agent.gather import Gathered
from agent.ids import new_id
from agent.ports import AgentDeps
from agent.prices import local_date
from agent.replay import Recorder
from agent.rollouts.versions import Version, with_version
from agent.spending.accounting import Occasion, record_calls, report_calls
from agent.steps import Steps
from agent.store.conversations import Lease
from agent.store.eval_cases import CaseKind
from agent.turn import think
from agent.types import (
    CONTENT_RULES,
    Author,
    Channel,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    Direction,
    Escalate,
    Message,
    MessageId,
    ModelCall,
    Nothing,
    Reply,
    Send,
    Tenant,
    Turn,
    TurnId,
)

NUMBERS: Mapping[str, str] = {
    "ES": "+34600000001",
    "MX": "+525512345678",
    "BR": "+5511987654321",
    "PT": "+351910000001",
    "US": "+12025550123",
}
"""Telephone numbers of nobody in particular, by country: they decide the currency."""
CONTENT = frozenset(CONTENT_RULES)
NOON = time(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a version made of a case. No text of anybody in it: it is kept as it is."""

    key: str
    kind: CaseKind
    language: str
    expected: str
    got: str
    right: bool
    confidence: float | None = None
    latency_ms: int = 0
    cost_microusd: int = 0
    source: str = ""
    """Who understood it, where that was asked: `claude`, `local` …"""
    rules: tuple[str, ...] = ()
    """Rules that a text breaks, by its label."""
    found: tuple[str, ...] = ()
    """Rules that objected to it; of a reply, what is wrong with it."""
    scores: Mapping[str, int] = field(default_factory=dict)
    """Of a reply: the rubric's."""
    would_send: bool | None = None
    preferred: str = ""
    """Of a reply that has a reference: `candidate`, `reference` or `tie`."""
    is_consistent: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a version is measured with: everything but the cases."""

    tenant: Tenant
    """As the version has it."""
    version: Version
    deps: AgentDeps
    """Thinking by the version at noon of the tenant's day, whenever it is measured; sending nothing."""
    books: AgentDeps
    """What costs are recorded with, at the true time."""
    at: datetime
    grader: Grader | None = None


def set_up(tenant: Tenant, version: Version, deps: AgentDeps, *, grader: Grader | None = None) -> Bench:
    """Return the bench of a version: `deps` without anything that sends, or answers from what it kept.

    Raises:
        Misconfigured: the version names a model whose price or abilities are unknown.
    """
    zone = ZoneInfo(tenant.timezone)
    at = datetime.combine(deps.now().astimezone(zone).date(), NOON, zone).astimezone(UTC)
    still = replace(deps.thinking_by(version), now=lambda: at, senders={}, answers=None, reach=pass_by, media=None)
    return Bench(tenant=with_version(tenant, version), version=version, deps=still, books=deps, at=at, grader=grader)


async def measure(labelled: Labelled, bench: Bench) -> Result:
    """Measure a version on a case.

    Raises:
        ModelUnavailable: no model answered. Without one, the local engine's answer would be taken for the version's.
        ModelRefused: a model gave no usable answer where no way round is left.
    """
    started = perf_counter()
    match labelled.case:
        case ClassificationCase() as case:
            result = await _classified(labelled.key, case, bench)
        case GuardrailCase() as case:
            result = _checked(labelled.key, case, bench)
        case ReplyCase() as case:
            return await _replied(labelled.key, case, bench)
    return replace(result, latency_ms=_ms(started))


def _ms(started: float) -> int:
    return round((perf_counter() - started) * 1000)


# --- the three kinds -----------------------------------------------------------------------------------------


async def _classified(key: str, case: ClassificationCase, bench: Bench) -> Result:
    turn = case_turn(bench, (case.text,), case.channel, context=case.context)
    recorder = Recorder(tenant=bench.tenant, deps=bench.books)
    steps = Steps(turn=turn, lease=_lease(turn), saved={}, deps=bench.deps, record=recorder)
    spoken = detect_language(turn, bench.deps.detector).language or bench.tenant.default_language
    found = await classify(steps, spoken)
    if found.source == "local" and bench.version.models and bench.tenant.policy.classify_locally_above is None:
        raise ModelUnavailable("No model classified the case: the local engine did.")
    return Result(
        key=key,
        kind="classification",
        language=case.language or found.language,
        expected=case.intent,
        got=found.intent,
        right=found.intent == case.intent,
        confidence=found.confidence,
        cost_microusd=recorder.cost_microusd,
        source=found.source,
    )


def _checked(key: str, case: GuardrailCase, bench: Bench) -> Result:
    text = AuditedText(text=case.draft, language=case.language, channel=case.channel, inbound=case.inbound)
    audited = AuditedTenant(tenant=bench.tenant, as_of=local_date(bench.tenant, bench.at))
    content = tuple(rule for rule in bench.deps.rules if rule.name in CONTENT)
    found = tuple(verdict.rule for verdict in objections(audit(text, audited, content)))
    got = "violation" if found else "pass"
    return Result(
        key=key,
        kind="guardrail",
        language=case.language,
        expected=case.expect,
        got=got,
        right=got == case.expect,
        rules=case.rules,
        found=found,
    )


async def _replied(key: str, case: ReplyCase, bench: Bench) -> Result:
    turn = case_turn(bench, case.said, case.channel, context=case.context, sender=case.sender)
    recorder = Recorder(tenant=bench.tenant, deps=bench.books)
    started = perf_counter()
    gathered = Gathered(turn=turn, lease=_lease(turn), saved={}, version=bench.version)
    resolution = await think(gathered, bench.deps, recorder)
    took = _ms(started)
    decision, reply = decided(resolution)
    wrong = what_is_wrong(case, decision, reply)
    result = Result(
        key=key,
        kind="reply",
        language=case.language or (reply.candidate.language if reply else ""),
        expected=" or ".join(case.decisions),
        got=decision,
        right=not wrong,
        found=wrong,
        latency_ms=took,
        cost_microusd=recorder.cost_microusd,
        source=resolution.classification.source if resolution.classification else "rule",
    )
    if bench.grader is None or reply is None or not case.reference:
        return result
    return await _weighed(result, turn, reply.candidate.text, case.reference, bench)


async def _weighed(result: Result, turn: Turn, text: str, reference: str, bench: Bench) -> Result:
    """Add what the judge makes of a reply and of the one that people found good."""
    if bench.grader is None:
        return result
    weighed = await weigh(bench.grader, turn, text, reference)
    await pay(weighed.calls, bench)
    return replace(
        result,
        scores=dict(weighed.grade.scores),
        would_send=weighed.grade.would_send,
        preferred=weighed.preferred,
        is_consistent=weighed.is_consistent,
        cost_microusd=result.cost_microusd + sum(call.cost_microusd for call in weighed.calls),
    )


async def pay(calls: tuple[ModelCall, ...], bench: Bench) -> None:
    """Report and record what judging has cost: it is the tenant's."""
    report_calls(calls, bench.books)
    if calls:
        async with bench.books.db.tenant(bench.tenant.id) as tx:
            await record_calls(tx, Occasion(tenant=bench.tenant), calls, bench.books.now())


def decided(resolution: Resolution) -> tuple[str, Reply | None]:
    """Return what a turn came to, in a word, and what the prospect is told."""
    match resolution.decision:
        case Send(reply=reply):
            return "send", reply
        case Escalate(reply=reply):
            return "escalate", reply
        case Nothing():
            return "nothing", None
        case _:
            return "waiting", None


def what_is_wrong(case: ReplyCase, decision: str, reply: Reply | None) -> tuple[str, ...]:
    """Return what a reply lacks, or should not have: none, and it is right."""
    wrong = [] if decision in case.decisions else [f"decision:{decision}"]
    if decision != "send" or reply is None:
        return tuple(wrong)
    text = plain(reply.candidate.text)
    wrong += [f"lacks:{each}" for each in case.must if not any(plain(one) in text for one in each.split("|"))]
    wrong += [f"has:{each}" for each in case.never if plain(each) in text]
    if case.language and reply.candidate.language != case.language:
        wrong.append(f"language:{reply.candidate.language}")
    return tuple(wrong)


def plain(text: str) -> str:
    """Return a text as comparisons read it: any white space is one space, case does not matter."""
    return " ".join(text.split()).casefold()


# --- the turn ------------------------------------------------------------------------------------------------


def case_turn(
    bench: Bench, said: tuple[str, ...], channel: Channel, *, context: str | None = None, sender: str = ""
) -> Turn:
    """Return the turn of somebody who says this, of whom nothing is stored."""
    tenant, nobody = bench.tenant, new_id()
    conversation = Conversation(
        id=ConversationId(nobody),
        tenant_id=tenant.id,
        contact=Contact(id=ContactId(nobody)),
        provider="simulator",
        channel=channel,
        our_address="",
        contact_address=sender or ("ana@example.org" if channel == "email" else NUMBERS.get(tenant.country, "")),
        last_inbound_at=bench.at,
    )
    before = (_message(1, context, "outbound", bench.at),) if context else ()
    return Turn(
        id=TurnId(nobody),
        tenant=tenant,
        conversation=conversation,
        inbound=tuple(_message(seq, text, "inbound", bench.at) for seq, text in enumerate(said, start=2)),
        history=before,
        attempt=1,
        trace_id=bench.deps.tracer.trace_id(str(nobody)),
        version=bench.version.digest,
    )


def _message(seq: int, text: str, direction: Direction, at: datetime) -> Message:
    author: Author = "contact" if direction == "inbound" else "agent"
    return Message(id=MessageId(UUID(int=seq)), seq=seq, direction=direction, author=author, text=text, created_at=at)


def _lease(turn: Turn) -> Lease:
    """Return a lease that nobody has: nothing is written under it."""
    return Lease(tenant_id=turn.tenant.id, conversation_id=turn.conversation.id, token=new_id(), attempt=1)
