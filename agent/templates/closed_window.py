"""When a reply window has closed under a text: look for another way, and take it or propose it to a person.

Three ways lead here: the text is checked too late (`agent.turn`), it leaves the outbox too late
(`agent.delivery.claiming`), or the provider says so (`agent.delivery.undelivered`). What leaves instead is a
template, and only where the tenant's policy lets it leave by itself; it is checked like any other text, again when it
leaves (P4).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from agent.check import dump_verdicts, settle_notice
from agent.decide import put_in_outbox
from agent.escalation.asking import ask_person
from agent.gather import load_answered_turn
from agent.guardrails import LEGAL_RULES, check_all, content_rules, worst
from agent.ports import AgentDeps, Deps
from agent.store import events, templates
from agent.store.db import Tx
from agent.store.escalations import Escalation
from agent.templates.filling import Filling, subject_of
from agent.templates.reopening import Closed, Elsewhere, is_only_too_late, propose, purpose_for, why_not_now
from agent.templates.types import FilledTemplate, Proposal
from agent.types import Candidate, Channel, Decision, Draft, Escalate, MessageId, Reply, Send, Turn, Verdict

REASON = "The reply window has closed"
RULES = (*LEGAL_RULES, *content_rules(None))
"""What a proposed template must pass. Language detectors are at hand in workers only: whoever delivers the template
runs that rule, too."""


async def find_way(tx: Tx, candidate: Candidate, draft: Draft | None, turn: Turn, now: datetime) -> Proposal:
    """Return the best way to say something that came too late, or to get a person to."""
    conversation = turn.conversation
    rows = await templates.list_other_conversations(tx, conversation.contact.id, conversation.id)
    closed = Closed(
        text=candidate.text,
        language=candidate.language,
        wanted=purpose_for(candidate, draft),
        filling=Filling.of_turn(turn, subject_of(draft, turn.tenant), now),
        is_suppressed=conversation.suppression is not None,
        has_unanswered_template=await templates.has_unanswered_template(tx, conversation.id),
        elsewhere=tuple(Elsewhere(**row) for row in rows),
        objection=partial(find_objection, turn=turn, now=now),
    )
    return propose(closed, await templates.list_templates(tx), now)


def find_objection(text: str, template: FilledTemplate, *, turn: Turn, now: datetime) -> str:
    """Return what the guardrails have against a filled template, now and when it may next leave; empty: nothing."""
    candidate = as_candidate(text, template, turn.conversation.channel)
    verdict = worst(check_all(RULES, candidate, turn, turn.tenant, now))
    return "" if verdict.outcome in {"pass", "delay"} else f"{verdict.rule}: {verdict.reason}"


def as_candidate(text: str, template: FilledTemplate, channel: Channel) -> Candidate:
    """Return a filled template as a text to be checked and sent.

    It starts a new exchange: consent, hours and limits of what we start ourselves apply.
    """
    return Candidate(
        text=text,
        language=template.language,
        channel=channel,
        purpose="follow_up",
        author="agent",
        template=template,
    )


async def why_template_may_not_leave(tx: Tx, candidate: Candidate) -> str:
    """Return why the template of a message may not leave as things stand now; empty: it may, or the message has none.

    Between the decision and the hour at which it may leave, WhatsApp may have paused or refused it.
    """
    if candidate.template is None:
        return ""
    return why_not_now(candidate.template, candidate.text, await templates.list_templates(tx))


async def settle_late(decision: Escalate, reply: Reply, turn: Turn, deps: AgentDeps) -> Decision:
    """Return what becomes of a checked reply that may not leave: a way round a closed window, where there is one."""
    if not is_only_too_late(reply.verdicts):
        return decision
    async with deps.db.tenant(turn.tenant.id) as tx:
        proposal = await find_way(tx, reply.candidate, reply.draft, turn, deps.now())
    return _take(proposal, turn, deps) or replace(decision, proposal=proposal)


def _take(proposal: Proposal, turn: Turn, deps: AgentDeps) -> Send | None:
    """Return the template as a decision, where it may leave by itself: the tenant wants it, and no check objects."""
    if proposal.template is None or not turn.tenant.policy.send_templates:
        return None
    candidate = as_candidate(proposal.text, proposal.template, turn.conversation.channel)
    decision = settle_notice(candidate, turn, proposal.reason, deps)
    return decision if isinstance(decision, Send) else None


async def reopen(tx: Tx, message_id: MessageId, deps: Deps, verdicts: Sequence[Verdict] = ()) -> bool:
    """Write what becomes of a message that was too late: a template in the outbox, or a request for a person.

    Called where the message itself has just been closed, in the same transaction. The template is checked by whoever
    delivers it, before it leaves. False: nothing was written, because the text was none that is worth a template.
    """
    late = await templates.find_late_message(tx, message_id)
    if late is None or late.turn_id is None or not late.is_written:
        return False
    turn = await load_answered_turn(tx, late.turn_id, deps, up_to_now=True)
    proposal = await find_way(tx, late.candidate, late.draft, turn, deps.now())
    sends = proposal.template is not None and turn.tenant.policy.send_templates and turn.conversation.owner == "agent"
    if proposal.template is not None and sends:
        candidate = as_candidate(proposal.text, proposal.template, turn.conversation.channel)
        await put_in_outbox(tx, turn, Reply(candidate=candidate, source="rule"), deps)
    else:
        wanted = Escalation(
            tenant_id=turn.tenant.id,
            conversation_id=turn.conversation.id,
            turn_id=turn.id,
            message_id=message_id,
            reason=REASON,
            detail=proposal.reason,
            draft=late.candidate.text,
            verdicts=dump_verdicts(verdicts),
            proposal=proposal,
        )
        await ask_person(tx, wanted, deps)
    await _record(tx, turn, message_id, proposal, sends=sends)
    return True


async def _record(tx: Tx, turn: Turn, message_id: MessageId, proposal: Proposal, *, sends: bool) -> None:
    await events.insert_event(
        tx,
        turn.tenant.id,
        "window.closed",
        actor="agent",
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        message_id=message_id,
        data={
            "proposal": proposal.kind,
            "template": proposal.template.name if proposal.template else None,
            "channel": proposal.channel or None,
            "sent": sends,
        },
    )
