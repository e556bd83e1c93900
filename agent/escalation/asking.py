"""Ask for a person: judge how urgent it is, and put it in the queue. Every escalation is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from agent.escalation.urgency import Case, Urgency, judge_urgency
from agent.ports import Deps
from agent.store.db import Tx
from agent.store.escalations import (
    Circumstances,
    Escalation,
    find_open_escalation,
    get_circumstances,
    insert_escalation,
    set_urgency,
)
from agent.types import Classification, ConversationId, Tenant

_CLASSIFICATION = TypeAdapter(Classification)
_SEVERITY = ("block", "hold", "revise")


async def ask_person(
    tx: Tx, escalation: Escalation, deps: Deps, *, classification: Classification | None = None
) -> None:
    """Put a request for a person in the queue; one that is open already is replaced, with the earlier deadline.

    `classification` is that of the turn where its row does not have it yet.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    tenant = await deps.tenants.get(tx, escalation.tenant_id)
    known = await get_circumstances(tx, escalation.conversation_id, escalation.turn_id)
    case = _case(escalation.reason, escalation.verdicts, known, classification, deps.now())
    await insert_escalation(tx, escalation, _judge(case, tenant))


async def rejudge(tx: Tx, conversation_id: ConversationId, tenant: Tenant) -> None:
    """Give a conversation's open request the place in the queue that it has by what is known now; none: nothing."""
    request = await find_open_escalation(tx, conversation_id)
    if request is None:
        return
    known = await get_circumstances(tx, conversation_id, request.turn_id)
    case = _case(request.reason, request.verdicts, known, None, request.waiting_since)
    await set_urgency(tx, request.id, _judge(case, tenant))


def _judge(case: Case, tenant: Tenant) -> Urgency:
    return judge_urgency(case, tenant.policy, ZoneInfo(tenant.timezone))


def _case(
    reason: str,
    verdicts: Sequence[Mapping[str, Any]],
    known: Circumstances,
    classification: Classification | None,
    asked_at: datetime,
) -> Case:
    case = Case(
        reason=reason,
        asked_at=asked_at,
        channel=known.channel,
        last_inbound_at=known.last_inbound_at,
        objecting=_objecting(verdicts),
        is_urgent=known.is_urgent,
    )
    wanted = classification or _read_classification(known.classification)
    return case if wanted is None else _with_wish(case, wanted)


def _with_wish(case: Case, wanted: Classification) -> Case:
    return replace(case, intent=wanted.intent, stage=wanted.stage, sentiment=wanted.sentiment, entities=wanted.entities)


def _read_classification(kept: Mapping[str, Any] | None) -> Classification | None:
    """Read what a turn's row keeps; an older version's that no longer fits counts as none."""
    if not kept:
        return None
    try:
        return _CLASSIFICATION.validate_python(kept)
    except ValidationError:
        return None


def _objecting(verdicts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the rules that objected, the weightiest first."""
    return tuple(each["rule"] for outcome in _SEVERITY for each in verdicts if each["outcome"] == outcome)
