"""What a member sees while they write: the text as it would leave, what the guardrails say of it, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.gather import load_answered_turn
from agent.guardrails.segments import count_segments
from agent.ports import StaffDeps
from agent.prices import (
    PriceReferenceError,
    choose_currency,
    format_money,
    item_currency,
    local_date,
    valid_prices,
)
from agent.staff.canned import VariableError, fill, known_values
from agent.staff.members import Member
from agent.staff.sending import NotReadable, Objected, StaffText, check_staff_text, introduce
from agent.store import desk
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, Tenant, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A text as it would leave."""

    objected: Objected
    characters: int
    segments: int
    """SMS: parts it would be carried as; else 0."""
    carriage_microusd: int | None
    """What they would cost; None: not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceChoice:
    """A published price that can be put into a text."""

    reference: str
    """What is written: `{price:SKU:EUR:course}`."""
    name: str
    amount: str
    unit: str


async def load_writing_turn(tx: Tx, conversation_id: ConversationId, member: Member, deps: StaffDeps) -> Turn | None:
    """Return the turn that a text of staff is counted to; None: the agent has read nothing of the conversation yet."""
    latest = await desk.find_latest_turn(tx, conversation_id)
    if latest is None:
        return None
    return introduce(member, await load_answered_turn(tx, latest, deps, is_waiting=True, up_to_now=True))


async def preview(tx: Tx, wanted: StaffText, turn: Turn, deps: StaffDeps) -> Preview | NotReadable:
    """Return what a text would look like; nothing is stored."""
    try:
        objected = check_staff_text(wanted, turn, deps)
    except PriceReferenceError as exc:
        return NotReadable(problem=str(exc))
    segments = count_segments(objected.text) if turn.conversation.channel == "sms" else 0
    return Preview(
        objected=objected,
        characters=len(objected.text),
        segments=segments,
        carriage_microusd=await _carriage(tx, wanted.conversation_id, segments) if segments else None,
    )


async def _carriage(tx: Tx, conversation_id: ConversationId, segments: int) -> int | None:
    row = await fetch_one(
        tx,
        """select a.segment_microusd from conversations c join channel_accounts a on a.id = c.channel_account_id
           where c.id = %s""",
        (conversation_id,),
    )
    return segments * int(row["segment_microusd"]) if row and row["segment_microusd"] is not None else None


def fill_variables(text: str, turn: Turn, member: Member) -> str | NotReadable:
    """Return a text with its variables filled, or why one cannot be."""
    try:
        return fill(text, known_values(turn.conversation.contact, member, turn.tenant))
    except VariableError as exc:
        return NotReadable(problem=str(exc))


def list_prices(tenant: Tenant, contact_address: str, language: str, now: datetime) -> Sequence[PriceChoice]:
    """Return the published prices of today, in the currency of the conversation where there is one."""
    today, preferred = local_date(tenant, now), choose_currency(tenant, contact_address)
    choices = []
    for item in tenant.catalogue:
        name = item.name.get(language) or item.name[tenant.default_language]
        for price in valid_prices(item, today, item_currency(item, tenant, preferred, today)):
            amount = format_money(price.amount_minor, price.currency, language, tenant.country)
            reference = f"{{price:{item.sku}:{price.currency}:{price.unit}}}"
            choices.append(PriceChoice(reference=reference, name=name, amount=amount, unit=price.unit))
    return choices
