"""The morning's digest: what is open, by mail, to members who want it. Numbers and reasons, no word of a prospect.

It leaves once a member and day: the tick is taken before the mail is handed over, and a mail that fails is not tried
again, because the queue itself says the same.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from agent.errors import NightshiftError
from agent.escalation.why import LABELS, why
from agent.ports import ChannelSender, Deps
from agent.staff.members import Member
from agent.store import ticks, work
from agent.store.db import Tx
from agent.store.members import list_digest_readers
from agent.store.tenants import list_tenants
from agent.store.work import WorkCounts, WorkFilter, WorkItem
from agent.types import Letterhead, MessageId, OutboundMessage, TenantId
from channels.inbox.words import Reader, load_translations

HOUR = 8
"""When it is sent, by the member's clock."""
LISTED = 8

log = structlog.get_logger(__name__)


async def send_digests(deps: Deps, sender: ChannelSender) -> int:
    """Send every digest that is due in this hour; return how many."""
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    return sum([await _send_for_tenant(each.id, deps, sender) for each in tenants])


async def _send_for_tenant(tenant_id: TenantId, deps: Deps, sender: ChannelSender) -> int:
    now = deps.now()
    async with deps.db.tenant(tenant_id) as tx:
        readers = [each for each in await list_digest_readers(tx) if now.astimezone(each.zone).hour == HOUR]
        ours = await work.find_mail_address(tx) if readers else None
        letters = [await _write(tx, each, ours, now) for each in readers] if ours else []
    sent = 0
    for letter in letters:
        if letter and await _is_first(letter.recipient, tenant_id, deps):
            sent += await _send(letter, sender)
    return sent


async def _is_first(recipient: str, tenant_id: TenantId, deps: Deps) -> bool:
    """Whether no other clock has sent it in this hour."""
    async with deps.db.system() as connection:
        return await ticks.insert_tick(connection, f"digest:{tenant_id}:{recipient}:{deps.now():%Y-%m-%dT%HZ}")


async def _send(letter: OutboundMessage, sender: ChannelSender) -> bool:
    try:
        await sender.send(letter)
    except NightshiftError as exc:
        log.warning("digest.not_sent", error=type(exc).__name__)
        return False
    return True


async def _write(tx: Tx, member: Member, ours: str | None, now: datetime) -> OutboundMessage | None:
    """Write a member's digest; None: nothing is open for them."""
    counts = await work.count_work(tx, member.id, now)
    if not ours or not counts.mine + counts.unassigned:
        return None
    pressing = [
        each
        for each in await work.list_work(tx, WorkFilter(), member.id, now, limit=3 * LISTED)
        if each.assignee_id in (None, member.id)
    ]
    subject, text = write_digest(member, counts, pressing[:LISTED], now)
    return OutboundMessage(
        id=MessageId(uuid4()),
        tenant_id=member.tenant_id,
        provider="email",
        channel="email",
        sender=ours,
        recipient=member.email,
        subject=subject,
        text=text,
        letterhead=Letterhead(sender_name="Nightshift", language=member.language),
    )


def write_digest(member: Member, counts: WorkCounts, pressing: list[WorkItem], now: datetime) -> tuple[str, str]:
    """Return the subject and the text of a digest, in the member's language."""
    reader = Reader(member=member, now=now)
    _ = load_translations(reader.language).gettext
    open_ = counts.mine + counts.unassigned
    subject = _("%(count)s conversations need a person") % {"count": open_}
    numbers = _("%(mine)s are yours, %(unassigned)s nobody's.") % {
        "mine": counts.mine,
        "unassigned": counts.unassigned,
    }
    lines = [_line(each, reader, _) for each in pressing]
    stop = _("You get this because you asked for it in the queue, under “Alerts”.")
    return subject, "\n\n".join([f"{subject}. {numbers}", "\n".join(lines), stop])


def _line(item: WorkItem, reader: Reader, _: Callable[[str], str]) -> str:
    # What a model wrote about a message may be the prospect's words: of a class that is unknown, only that it is.
    label = LABELS["other"] if item.cause == "other" else why(item.cause, "")
    is_late = item.due_at <= reader.now
    when = _("late since %(when)s") if is_late else _("due %(when)s")
    is_near = abs(item.due_at - reader.now) < timedelta(hours=12)
    at = reader.time(item.due_at) if is_near else reader.moment(item.due_at)
    return f"- {_(label)}: {when % {'when': at}}"
