"""Audits texts that people or another bot have sent: the content rules, outside any conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from agent.audit_tenants import AuditedTenant
from agent.guardrails import SEVERITY, check_all
from agent.guardrails.grounding import claims_to_judge
from agent.guardrails.judge import judged_verdict
from agent.guardrails.rule import Rule
from agent.ports import Judge
from agent.types import (
    Candidate,
    Channel,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    Message,
    MessageId,
    Tenant,
    Turn,
    TurnId,
    Verdict,
)

_NOBODY = UUID(int=0)
"""A row belongs to no stored contact, conversation or turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedText:
    """A text that was, or is about to be, sent; `inbound` is what it answers, perhaps nothing."""

    text: str
    language: str
    channel: Channel
    inbound: str = ""


def audit(text: AuditedText, audited: AuditedTenant, rules: Sequence[Rule]) -> tuple[Verdict, ...]:
    """Return every rule's verdict on a text, as of noon of the tenant's day.

    The text is not taken for a first message: nobody knows what was sent before, so no disclosure is asked for.
    """
    candidate, turn, now = _case(text, audited)
    return check_all(rules, candidate, turn, audited.tenant, now)


def _case(text: AuditedText, audited: AuditedTenant) -> tuple[Candidate, Turn, datetime]:
    """Return what rules look at."""
    now = datetime.combine(audited.as_of, time(12), ZoneInfo(audited.tenant.timezone)).astimezone(UTC)
    candidate = Candidate(text=text.text, language=text.language, channel=text.channel)
    return candidate, _turn(text, audited.tenant, now), now


def _turn(text: AuditedText, tenant: Tenant, now: datetime) -> Turn:
    """Return the turn a text answers: one message, after something the business has said."""
    conversation = Conversation(
        id=ConversationId(_NOBODY),
        tenant_id=tenant.id,
        contact=Contact(id=ContactId(_NOBODY)),
        provider="email" if text.channel == "email" else "simulator",
        channel=text.channel,
        our_address="",
        contact_address="",
        last_inbound_at=now,
    )
    earlier = Message(id=MessageId(_NOBODY), seq=0, direction="outbound", author="agent", text="…", created_at=now)
    inbound = Message(
        id=MessageId(_NOBODY), seq=1, direction="inbound", author="contact", text=text.inbound, created_at=now
    )
    return Turn(
        id=TurnId(_NOBODY),
        tenant=tenant,
        conversation=conversation,
        inbound=(inbound,),
        history=(earlier,),
        attempt=1,
        trace_id="",
    )


async def audit_judged(
    text: AuditedText, audited: AuditedTenant, rules: Sequence[Rule], judge: Judge
) -> tuple[Verdict, ...]:
    """Return what `audit` does, and the judge's verdict where code lets the text pass but leaves statements open.

    Raises:
        ModelUnavailable: no answer in time.
        ModelRefused: no usable answer.
    """
    verdicts = audit(text, audited, rules)
    candidate, turn, _ = _case(text, audited)
    claims = () if objections(verdicts) else claims_to_judge(candidate, turn, audited.tenant)
    if not claims:
        return verdicts
    judged = await judge.judge(claims, turn)
    return (*verdicts, judged_verdict(judged.judgements))


def objections(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts that object, the worst first and otherwise in the rules' order."""
    objecting = (verdict for verdict in verdicts if verdict.outcome != "pass")
    return tuple(sorted(objecting, key=lambda verdict: -SEVERITY.index(verdict.outcome)))
