"""The sweeper: asks the provider for messages that no webhook brought, and receives each of them once (P1, P2).

Webhooks fail: we were down, a proxy answered for us, a name did not resolve. Of such a message Twilio keeps only a line
in its log. So every few minutes each number is asked for what was written to it since the last time, and a little
before; what we have already is left alone. The sweeper may run anywhere, twice, at any time: receiving is idempotent.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import psycopg
import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.delivery.missed import hold_if_late, receive_missed
from agent.errors import BadRequest, Misconfigured, NightshiftError, Permanent, Retryable
from agent.ports import Deps
from agent.settings import Settings
from agent.store import drains, events
from agent.store.reachability import is_away, is_busy
from agent.store.sweeps import SweptAccount, list_known, list_sweeps, note_problem, note_swept
from agent.types import Channel, InboundMessage
from channels.twilio_log import ListedMessage, TwilioLog
from jobs.wiring import open_store

GRACE = timedelta(minutes=2)
"""What is younger may still come by its webhook, which says more: Twilio tries for 15 s, then the fallback URL."""
OVERLAP = timedelta(minutes=15)
"""So much is asked for again: the provider's list may lag, its clock too."""
SPAN = timedelta(hours=6)
"""After a long time away, so much is asked for at once; what is done is noted after each."""

log = structlog.get_logger(__name__)


class MessageLog(Protocol):
    """Where the messages that a provider has received for us are asked for."""

    async def list_received(
        self, channel: Channel, address: str, after: datetime, before: datetime
    ) -> tuple[ListedMessage, ...]:
        """Return those to one number in a span of time, oldest first, or raise."""
        ...

    async def read(self, listed: ListedMessage) -> InboundMessage:
        """Return one of them, or raise."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """What came of asking for one number."""

    channel: Channel
    address: str
    since: datetime
    listed: int = 0
    found: int = 0
    """Messages that we had not."""
    problem: str = ""
    """Why it was not asked to the end; it is asked again the next time."""


async def sweep(deps: Deps, provider: MessageLog, *, look_back: timedelta | None = None) -> tuple[Swept, ...]:
    """Receive what is missing of every number; with `look_back`, at least of so long ago.

    While a spool drains nothing is asked: what it holds was written before.

    Raises:
        Misconfigured: the provider does not accept our credentials.
        psycopg.Error: the database cannot be reached. In either case, what was found until then is stored.
    """
    async with deps.db.system() as connection:
        if await drains.is_draining(connection):
            log.info("sweep.put_off", reason="a spool is being drained")
            return ()
        accounts = await list_sweeps(connection, "twilio")
    return tuple([await _sweep_number(each, deps, provider, look_back) for each in accounts])


async def _sweep_number(account: SweptAccount, deps: Deps, provider: MessageLog, look_back: timedelta | None) -> Swept:
    until = deps.now() - GRACE
    since = min(account.swept_until, until) if look_back is None else min(account.swept_until, until - look_back)
    swept = Swept(channel=account.channel, address=account.address, since=since)
    try:
        while since < until:
            end = min(since + SPAN, until)
            listed = await provider.list_received(account.channel, account.address, since - OVERLAP, end)
            missing = await _missing(account, listed, deps)
            swept = replace(swept, listed=swept.listed + len(listed))
            for each in missing:
                swept = replace(swept, found=swept.found + await _receive(each, account, deps, provider))
            since = end
            async with deps.db.tenant(account.tenant_id) as tx:
                await note_swept(tx, account.account_id, since)
    except (Retryable, Misconfigured, Permanent) as exc:
        log.warning("sweep.failed", channel=account.channel, error=type(exc).__name__)
        async with deps.db.tenant(account.tenant_id) as tx:
            await note_problem(tx, account.account_id, str(exc))
        if isinstance(exc, Misconfigured):  # the next number would fare no better
            raise
        return replace(swept, problem=str(exc))
    return swept


async def _missing(account: SweptAccount, listed: Sequence[ListedMessage], deps: Deps) -> list[ListedMessage]:
    if not listed:
        return []
    async with deps.db.tenant(account.tenant_id) as tx:
        known = await list_known(tx, account.account_id, [each.provider_id for each in listed])
    return [each for each in listed if each.provider_id not in known]


async def _receive(listed: ListedMessage, account: SweptAccount, deps: Deps, provider: MessageLog) -> bool:
    """Receive one message as of when it was written; False: its webhook was quicker, or it cannot be received.

    One that makes no sense fails alone. It is told once: later sweeps only meet it again in their overlap.
    """
    try:
        message = await provider.read(listed)
        held = hold_if_late(message, deps.now() - listed.written_at)
        received = await receive_missed(held, replace(deps, now=lambda: listed.written_at))
    except BadRequest as exc:
        reason = str(exc)
    except psycopg.Error as exc:
        if is_away(exc) or is_busy(exc):
            raise
        reason = type(exc).__name__
    else:
        return received.outcome == "stored"
    log.warning("sweep.unreadable", provider_id=listed.provider_id, reason=reason)
    if listed.written_at >= account.swept_until:
        data = {"provider_id": listed.provider_id, "reason": reason[:500]}
        async with deps.db.tenant(account.tenant_id) as tx:
            await events.insert_event(tx, account.tenant_id, "message.unreadable", actor="system", data=data)
    return False


async def sweep_quietly(deps: Deps) -> None:
    """Do a tick's work: the clock goes on whatever the provider says."""
    try:
        provider = TwilioLog.from_settings(deps.settings)
        try:
            swept = await sweep(deps, provider)
        finally:
            await provider.aclose()
    except (NightshiftError, psycopg.Error) as exc:
        log.warning("sweep.cut_short", error=type(exc).__name__)
    else:
        log.info("sweep.done", numbers=len(swept), found=sum(each.found for each in swept))


# --- command --------------------------------------------------------------------------------------------------


async def run_sweep(settings: Settings, hours: float, out: Console, *, as_json: bool) -> int:
    """Ask now, and show what came of it; return the exit code: 1 if some number could not be asked.

    Raises:
        NightshiftError: nothing could be asked.
    """
    provider = TwilioLog.from_settings(settings)
    try:
        async with open_store(settings, connections=4) as (deps, _):
            swept = await sweep(deps, provider, look_back=timedelta(hours=hours) if hours else None)
    finally:
        await provider.aclose()
    if as_json:
        out.print_json(json.dumps([asdict(each) for each in swept], default=str))
    else:
        _show(swept, out)
    return int(any(each.problem for each in swept))


def _show(swept: Sequence[Swept], out: Console) -> None:
    if not swept:
        out.print("Nothing was asked: no tenant has a number at Twilio, or webhooks are being drained from disk now.")
        return
    table = Table("channel", "number", "since (UTC)", "listed", "were missing", "problem")
    for each in swept:
        problem = f"[red]{escape(each.problem)}[/red]"
        table.add_row(
            each.channel, each.address, f"{each.since:%Y-%m-%d %H:%M}", str(each.listed), str(each.found), problem
        )
    out.print(table)
