"""The way of one message, top to bottom: receive → take_turn → deliver → record_status.

`receive` is committed before the provider gets its 2xx (P1). `take_turn` thinks with no transaction open and
decides in one (P2, P3). `deliver` claims, calls, records, and asks the provider before it ever sends again (P2);
what it sends has passed every guardrail twice (P4). Each step is one call; its code is one jump away.
"""

import asyncio
from dataclasses import replace
from functools import partial

import structlog
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from structlog.contextvars import bound_contextvars

from agent.answers.reuse import keep_answer, reuse_answer
from agent.beside import beside
from agent.check import prepare, settle, settle_notice
from agent.classify import classify
from agent.decide import Resolution, decide
from agent.delivery.claiming import claim_delivery
from agent.delivery.handover import hand_over, reconcile
from agent.delivery.reports import apply_report
from agent.detect import detect_language
from agent.errors import BudgetReached, ModelRefused, ModelUnavailable, UnknownRecipient
from agent.escalation.handoff import handoff_text
from agent.gather import Gathered
from agent.guardrails.bot_question import is_asked
from agent.judging import judge_draft
from agent.media.arriving import see_media
from agent.ports import AgentDeps, Deps, Drafted, ShowsTyping
from agent.render import render_notice, with_disclosure
from agent.route import Circumstances, choose_route, plan_writing
from agent.screening.injection import screen_injection
from agent.screening.screen import Screened, screen
from agent.screening.texts import bot_text, help_text, opt_in_text, opt_out_text
from agent.screening.unseen import Unseen, judge_unseen, unseen_text
from agent.spending.spend_cap import report_spend_cap
from agent.steps import Record, Steps
from agent.store import events
from agent.store.db import set_tenant
from agent.store.inbound import Received, store_inbound
from agent.templates.closed_window import settle_late
from agent.tracing.traced import attributes_of
from agent.trust.dial import ANSWERED_BY_STAFF, is_off
from agent.types import (
    Classification,
    ConsentChange,
    Decision,
    DeliveryStatus,
    Draft,
    Escalate,
    InboundMessage,
    MessageId,
    Nothing,
    Reply,
    Route,
    Send,
    Sources,
    TenantId,
    Turn,
    Verdict,
    Wait,
)
from agent.waiting import begin_wait, wait_for

log = structlog.get_logger(__name__)


async def receive(message: InboundMessage, deps: Deps) -> Received:
    """Store an inbound message once and have its turn taken; committed when this returns.

    Raises:
        UnknownRecipient: no tenant owns the address; an event says so.
    """
    try:
        received = await _store(message, deps)
    except PoolTimeout:
        raise
    except OperationalError:
        # The server was restarted and this connection is a dead one of before. Storing is idempotent: once more.
        await deps.db.revive()
        received = await _store(message, deps)
    if received.outcome == "unknown_recipient":
        raise UnknownRecipient(message.channel, message.recipient)
    log.info(
        "message.received",
        outcome=received.outcome,
        channel=message.channel,
        tenant=str(received.tenant_id),
        conversation=str(received.conversation_id),
        message=str(received.message_id),
    )
    return received


async def _store(message: InboundMessage, deps: Deps) -> Received:
    """One statement, so one transaction: the message, its conversation, and the job that wakes a worker."""
    deps.reach("receive.parsed")
    async with deps.db.system() as connection:
        received = await store_inbound(connection, message, deps.now())
        deps.reach("receive.committed")
        if received.outcome == "unknown_recipient":
            await events.insert_system_event(
                connection,
                "message.unroutable",
                {"channel": message.channel, "recipient": message.recipient, "provider_id": message.provider_id},
            )
    return received


async def take_turn(gathered: Gathered, deps: AgentDeps) -> Resolution:
    """Understand a burst, answer it once, hand it over or let it wait for a model, and commit that.

    Raises:
        Fenced: another worker has taken over; nothing was written.
    """
    turn = gathered.turn
    with deps.tracer.turn(**attributes_of(turn, attempt=str(turn.attempt)), input=turn.text) as root:
        deps.tracer.passed("queue", turn.inbound[-1].created_at, deps.now())
        for call in gathered.paid:
            deps.tracer.call(call)
        deps.reach("turn.gathered")
        resolution = await think(gathered, deps)
        with deps.tracer.step("decide") as observation:
            if isinstance(resolution.decision, Wait):
                committed = await begin_wait(turn, gathered.lease, resolution.decision, deps)
            else:
                committed = await decide(turn, gathered.lease, resolution, deps)
            observation.update(output=committed)
        deps.reach("turn.decided")
        deps.metrics.turns.labels(committed).inc()
        root.update(output=_said(resolution.decision), metadata={"decision": committed, "resumed": bool(gathered.paid)})
        return resolution


async def think(gathered: Gathered, deps: AgentDeps, record: Record | None = None) -> Resolution:
    """Everything between reading a burst and committing what to do about it.

    `record` is where its steps are written down instead of the turn's row.
    """
    turn, deps = gathered.turn, deps.thinking_by(gathered.version)
    screened = _screen(turn, deps)
    if screened is None and turn.conversation.owner == "agent":
        turn = await see_media(turn, deps)
        screened = _screen(turn, deps) if turn.words != gathered.turn.words else None  # a voice note may say stop
    deps.reach("turn.screened")
    with deps.tracer.step("detect") as observation:
        spoken = detect_language(turn, deps.detector)
        language = spoken.language or turn.tenant.default_language
        observation.update(output={"language": language, "confidence": spoken.confidence})
    deps.reach("turn.detected")
    if screened:
        return Resolution(
            decision=_answer_screened(turn, screened, language, deps), spoken=spoken, consent=_consent_change(screened)
        )
    if turn.conversation.owner == "staff":
        return Resolution(decision=Escalate(reason="Wrote again to staff"), spoken=spoken)
    if unseen := judge_unseen(turn, hears=deps.media is not None and deps.media.transcriber is not None):
        return Resolution(decision=_answer_unseen(turn, unseen, language, deps), spoken=spoken)

    steps = Steps(turn=turn, lease=gathered.lease, saved=gathered.saved, deps=deps, record=record)
    async with beside(_retrieve(turn, deps)) as retrieved:
        classification = await classify(steps, language, steps.limit.level)
        sources = await retrieved
    deps.reach("turn.classified")
    signals = screen_injection(turn.text)
    route = choose_route(classification, turn.tenant.policy, signals, _circumstances(steps))
    with deps.tracer.step("route") as observation:
        observation.update(
            output={"tier": route.tier, "reason": route.reason},
            metadata={"signals": [each.kind for each in signals], "budget": str(steps.limit)},
        )

    deps.reach("turn.routed")
    consent = _classified_opt_out(turn, classification)
    if consent:
        decision = _confirm_opt_out(turn, classification, language, deps)
    elif route.tier == "none" and is_asked(turn):
        decision = _answer_bot_question(turn, language, deps, route.reason)
    elif route.tier == "none":
        decision = Nothing(reason=route.reason)
    elif route.tier == "person":
        decision = Escalate(reason=route.reason, reply=handoff_notice(turn, deps, language))
    elif is_off(turn, classification.intent):
        decision = Escalate(reason=ANSWERED_BY_STAFF)
    else:
        question, reused = await reuse_answer(steps, classification, sources, route)
        decision = reused or await _write_or_wait(steps, classification, sources, route)
        await keep_answer(steps, question, decision)
    return Resolution(decision=decision, spoken=spoken, consent=consent, classification=classification, route=route)


async def deliver(tenant_id: TenantId, message_id: MessageId, deps: AgentDeps) -> None:
    """Send one message of the outbox: re-check, claim, call the provider, record.

    Raises:
        Retryable: the provider surely has not taken it, or could not be asked; try again later.
        Ambiguous: nobody knows whether it was taken; the next attempt asks the provider first.
    """
    claimed = await claim_delivery(tenant_id, message_id, deps)
    if claimed is None:
        return
    deps.reach("deliver.claimed")
    correlated = bound_contextvars(
        tenant=str(tenant_id),
        conversation=str(claimed.conversation_id),
        turn=str(claimed.turn_id),
        message=str(message_id),
        trace=claimed.trace["trace_id"],
    )
    with correlated, deps.tracer.continued("deliver", **claimed.trace):
        if claimed.must_reconcile:
            await reconcile(claimed, deps)
        else:
            await hand_over(claimed, deps)


async def record_status(tenant_id: TenantId, status: DeliveryStatus, deps: Deps) -> bool:
    """Log a provider's report, move the message's state forward, never back, and act. True: it is one of ours."""
    async with deps.db.system() as tx, tx.transaction():
        await set_tenant(tx, tenant_id)
        return await apply_report(tx, tenant_id, status, deps)


# --- the steps of thinking, in order ----------------------------------------------------------------------


def _answer_screened(turn: Turn, screened: Screened, language: str, deps: AgentDeps) -> Decision:
    """What deterministic screening decides without any model: confirm, help, or stay silent."""
    match screened:
        case Screened(kind="help"):
            candidate = render_notice(help_text(turn.tenant, language), turn, language, "help")
        case Screened(kind="opt_out", confirm=True):
            text = opt_out_text(turn.tenant, language)
            candidate = render_notice(text, turn, language, "opt_out_confirmation")
        case Screened(kind="opt_in", confirm=True):
            candidate = render_notice(opt_in_text(turn.tenant, language), turn, language, "opt_in_confirmation")
            turn = replace(turn, conversation=replace(turn.conversation, suppression=None))
        case Screened(kind="bot_question"):
            return _answer_bot_question(turn, language, deps, screened.reason)
        case Screened(kind="person") if turn.conversation.owner == "agent":
            notice = handoff_notice(turn, deps, language) if screened.confirm else None
            return Escalate(reason=screened.reason, reply=notice)
        case _:
            return Nothing(reason=screened.reason)
    return settle_notice(candidate, turn, screened.reason, deps)


def _screen(turn: Turn, deps: AgentDeps) -> Screened | None:
    with deps.tracer.step("screen") as observation:
        screened = screen(turn, deps.now())
        observation.update(output=screened.kind if screened else "pass")
        return screened


def _answer_unseen(turn: Turn, unseen: Unseen, language: str, deps: AgentDeps) -> Decision:
    """Own up to what nobody here has seen or heard, without any model: ask for words, once, then hand over."""
    match unseen.act:
        case "silent":
            return Nothing(reason=unseen.reason)
        case "person":
            return Escalate(reason=unseen.reason, reply=handoff_notice(turn, deps, language))
        case "ask":
            text = with_disclosure(unseen_text(unseen.what, turn.tenant, language), turn, language)
            candidate = render_notice(text, turn, language)
            return settle_notice(candidate, turn, unseen.reason, deps)


def _answer_bot_question(turn: Turn, language: str, deps: AgentDeps, reason: str) -> Decision:
    """Say truly that an assistant is writing, without any model."""
    candidate = render_notice(bot_text(turn.tenant, language), turn, language)
    return settle_notice(candidate, turn, reason, deps)


def _consent_change(screened: Screened) -> ConsentChange | None:
    if screened.kind not in ("opt_out", "opt_in") or screened.message is None:
        return None
    return ConsentChange(kind=screened.kind, reason=screened.reason, evidence=screened.message.id)


async def _retrieve(turn: Turn, deps: AgentDeps) -> Sources:
    with deps.tracer.step("retrieve", "retriever", input=turn.text) as observation:
        sources = await asyncio.to_thread(deps.retriever.retrieve, turn.tenant, turn.text, turn.context)
        observation.update(
            output={"items": [item.sku for item in sources.items], "passages": [p.id for p in sources.passages]}
        )
        deps.reach("turn.retrieved")
        return sources


def _circumstances(steps: Steps) -> Circumstances:
    return Circumstances(up=steps.deps.models.tiers_up(), limit=steps.limit.level)


def _writer(name: str, classification: Classification, steps: Steps) -> Route:
    """Who takes a step of writing as things stand now: the steps before may have used up the budget."""
    policy, circumstances = steps.turn.tenant.policy, _circumstances(steps)
    route = choose_route(classification, policy, circumstances=circumstances)
    return dict(plan_writing(route, policy, circumstances))[name]


def _classified_opt_out(turn: Turn, classification: Classification) -> ConsentChange | None:
    """An opt-out in words no keyword list knows; when in doubt a person decides instead."""
    if classification.intent != "opt_out" or classification.confidence < turn.tenant.policy.min_confidence:
        return None
    return ConsentChange(kind="opt_out", reason="asked to stop, in their own words", evidence=turn.inbound[-1].id)


def _confirm_opt_out(turn: Turn, classification: Classification, language: str, deps: AgentDeps) -> Decision:
    candidate = render_notice(opt_out_text(turn.tenant, language), turn, language, "opt_out_confirmation")
    decision = settle_notice(candidate, turn, "asked to stop", deps)
    if classification.needs_human and isinstance(decision, Send):
        return Escalate(reason="Opt-out that needs a person", detail=turn.text, reply=decision.reply)
    return decision


def handoff_notice(turn: Turn, deps: AgentDeps, language: str | None = None) -> Reply | None:
    """The notice that a person will answer, or None when nothing may be sent."""
    spoken = language or turn.conversation.language or turn.tenant.default_language
    candidate = render_notice(handoff_text(turn.tenant, spoken), turn, spoken)
    decision = settle_notice(candidate, turn, "handed over", deps)
    return decision.reply if isinstance(decision, Send) else None


async def _write_or_wait(steps: Steps, classification: Classification, sources: Sources, route: Route) -> Decision:
    """Write with a model. If none answers, the turn waits (P6); if none is paid for, the local engine writes."""
    turn, deps = steps.turn, steps.deps
    _show_typing(turn, deps)
    try:
        return await _write(steps, classification, sources, route)
    except ModelUnavailable as exc:
        if exc.spend_cap:
            await report_spend_cap(turn, exc, deps)
            local = replace(steps, saved={}, deps=replace(deps, models=deps.fallback, judge=None))
            return await _write(local, classification, sources, route)
        if steps.lease.is_overdue:
            notice = handoff_notice(turn, deps, classification.language)
            return Escalate(reason="The models were down for too long", detail=str(exc), reply=notice)
        return wait_for(turn, classification, exc, deps)


async def _write(steps: Steps, classification: Classification, sources: Sources, route: Route) -> Decision:
    """Draft, check, revise once with the reason, then once with the expert; else a person."""
    turn, deps = steps.turn, steps.deps
    notice = partial(handoff_notice, turn, deps, classification.language)
    objections: tuple[Verdict, ...] = ()
    previous: Draft | None = None
    for name in ("draft", "revise", "revise_expert"):
        write = partial(deps.models.draft, turn, classification, sources, _writer(name, classification, steps))
        try:
            drafted = await steps.model(name, Drafted, partial(write, objections=objections, previous=previous))
        except BudgetReached as exc:
            if objections:
                break  # a person gets the draft, and what is wrong with it
            return Escalate(reason="The budget is spent", detail=str(exc), reply=notice())
        except ModelRefused as exc:
            return Escalate(reason="The model gave no usable answer", detail=str(exc), reply=notice())
        deps.reach("turn.drafted")
        previous = drafted.draft
        candidate, checked = prepare(drafted.draft, turn, deps)
        verdicts = await judge_draft(steps, f"judge_{name}", candidate, checked)
        deps.reach("turn.checked")
        objections = tuple(verdict for verdict in verdicts if verdict.outcome == "revise")
        if objections:
            await steps.keep(f"verdicts_{name}", verdicts)
        else:
            reply = Reply(candidate=candidate, source=drafted.draft.source, verdicts=verdicts, draft=drafted.draft)
            decision = settle(reply, route.reason)
            if isinstance(decision, Escalate):
                return await settle_late(replace(decision, reply=notice()), reply, turn, deps)
            return decision
        if drafted.draft.source == "local":
            break  # it has nothing better to say
    return Escalate(reason=objections[0].reason, draft=candidate.text, verdicts=verdicts, reply=notice())


def _show_typing(turn: Turn, deps: AgentDeps) -> None:
    """Let the prospect see that they are read and an answer is being written, where a model can write one."""
    sender, newest = deps.senders.get(turn.conversation.provider), turn.inbound[-1].provider_id
    if (
        turn.conversation.channel == "whatsapp"
        and newest
        and isinstance(sender, ShowsTyping)
        and deps.models.tiers_up()
    ):
        sender.show_typing(newest)


def _said(decision: Decision) -> str:
    match decision:
        case Send(reply=reply):
            return reply.candidate.text
        case Escalate(reason=reason):
            return f"handed to a person: {reason}"
        case Nothing(reason=reason):
            return f"no reply: {reason}"
        case Wait(reason=reason):
            return f"waits for a model: {reason}"
