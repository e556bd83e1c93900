"""The commands about conversations: how long we may still write freely, what waits for a person, taking a proposal."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.errors import NightshiftError
from agent.settings import Settings
from agent.store.review import ReviewedConversation, list_conversations
from agent.store.review_cards import ReviewRequest, find_open_request
from agent.templates.proposals import take_proposal
from agent.types import ConversationId
from jobs.wiring import open_tenant

ACTOR = "staff (command line)"


async def run_list(settings: Settings, slug: str, out: Console, *, closing_h: float | None, as_json: bool) -> None:
    """List a tenant's conversations with their countdowns.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        within = None if closing_h is None else timedelta(hours=closing_h)
        now = opened.deps.now()
        rows = await list_conversations(opened.tx, now, closing_within=within)
    if as_json:
        out.print_json(json.dumps([as_row(each, now) for each in rows]))
        return
    if not rows:
        out.print("No conversations." if within is None else "No reply window closes by then.")
        return
    table = Table("conversation", "channel", "contact", "answers", "reply window", "open requests", "unsent")
    for each in rows:
        who = f"{each.contact_name or ''} {each.contact_address}".strip()
        counts = str(each.open_escalations), str(each.unsent)
        table.add_row(str(each.id), each.channel, escape(who), each.owner, _countdown(each, now), *counts)
    out.print(table)


async def run_show(settings: Settings, slug: str, conversation_id: UUID, out: Console, *, as_json: bool) -> None:
    """Show one conversation's countdown, and what is proposed about it.

    Raises:
        NightshiftError: there is no such tenant or conversation.
    """
    async with open_tenant(settings, slug) as opened:
        now = opened.deps.now()
        found = await list_conversations(opened.tx, now, only=ConversationId(conversation_id))
        request = await find_open_request(opened.tx, ConversationId(conversation_id))
    if not found:
        raise NightshiftError(f"{slug} has no conversation {conversation_id}; `nightshift conversations list` has all.")
    if as_json:
        requests = [_request_row(request)] if request else []
        out.print_json(json.dumps({**as_row(found[0], now), "requests": requests}))
        return
    for line in _lines(found[0], request, now, slug):
        out.print(line, markup=False)


async def run_accept(settings: Settings, slug: str, request: UUID, out: Console) -> None:
    """Send what a request proposes.

    Raises:
        NightshiftError: there is no such tenant or request, or it proposes nothing that may be sent now.
    """
    async with open_tenant(settings, slug) as opened:
        message_id = await take_proposal(opened.tx, request, opened.deps, actor=ACTOR)
    out.print(f"Message {message_id} waits to be sent; it is checked once more before it leaves.")


def as_row(conversation: ReviewedConversation, now: datetime) -> dict[str, Any]:
    """Return a conversation as JSON-safe data, with its countdown in seconds."""
    window = conversation.window(now)
    row = {**asdict(conversation), "id": str(conversation.id), "reply_window": None}
    row["last_inbound_at"] = conversation.last_inbound_at.isoformat() if conversation.last_inbound_at else None
    if window:
        row["reply_window"] = {
            "closes_at": window.closes_at.isoformat(),
            "remaining_s": window.remaining_s,
            "is_open": window.is_open,
            "closes_soon": window.closes_soon,
        }
    return row


def _request_row(request: ReviewRequest) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(json.dumps(asdict(request), default=str))
    return row


def _countdown(conversation: ReviewedConversation, now: datetime) -> str:
    window = conversation.window(now)
    if window is None:
        return "no limit" if conversation.channel != "whatsapp" else "never opened"
    colour = "yellow" if window.closes_soon else "green" if window.is_open else "red"
    return f"[{colour}]{window.label}[/{colour}]"


def _lines(
    conversation: ReviewedConversation, request: ReviewRequest | None, now: datetime, slug: str
) -> Iterator[str]:
    window = conversation.window(now)
    yield f"{conversation.contact_name or 'Unnamed'} {conversation.contact_address}, by {conversation.channel}"
    yield f"answered by: {conversation.owner}"
    if window:
        yield f"reply window: {window.label} ({window.closes_at:%Y-%m-%d %H:%M} UTC)"
    if request:
        yield f"request {request.id}: {request.reason}"
        yield from (f"  {line}" for line in _proposal_lines(request, slug))


def _proposal_lines(request: ReviewRequest, slug: str) -> Iterator[str]:
    proposal = request.proposal
    if proposal is None:
        return
    what = {"template": "template", "channel": f"by {proposal.channel}", "person": "nothing; a person must answer"}
    name = f" {proposal.template.name}" if proposal.template else ""
    yield f"proposed: {what[proposal.kind]}{name}. {proposal.reason}."
    yield from (f"  {line}" for line in proposal.text.splitlines())
    yield from (f"passed over: {each}" for each in proposal.passed_over)
    if proposal.kind != "person":
        yield f"to send it: nightshift conversations accept {request.id} --tenant {slug}"
