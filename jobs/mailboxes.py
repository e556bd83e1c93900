"""Reads the operator's mailboxes (IMAP) for as long as the worker lives: one process a mailbox, by a lease.

Every mail counts once. It is stored first, known by its Message-ID (or its content), and its UID noted afterwards: a
process that dies in between reads it again, and finds it stored. A mailbox is read from when it is first seen: what was
in it before is history. When the server gives new UIDs (UIDVALIDITY), the last days are read again. A mail that the
server does not give, though it is there, is left after a few tries: it must not keep back those behind it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import psycopg_pool
import structlog
from imap_tools.errors import ImapToolsError

from agent.errors import BadRequest
from agent.mail.arriving import InboundMail, receive_mail
from agent.ports import Deps
from agent.store import events, mail
from agent.store.mailboxes import ReadSoFar, claim_mailbox, record_fault, record_read, release_mailbox
from channels.email_imap import IMAP_FAULTS, FetchedMail, ImapConnection, ImapServer
from channels.email_inbound import mailbox_recipients, read_copies
from channels.webhooks import receive_any

LEASE_S = 40.0
"""After a process died, another reads its mailbox so much later, and `STAND_BY_S`."""
WAIT_S = 15.0
"""Longest wait for news; then the mailbox is looked at anyway."""
STAND_BY_S = 5.0
MAX_BACKOFF_S = 60.0
REREAD_DAYS = 3
"""After new UIDs: mails that arrived this long before the last look are read again."""
MAX_REFUSALS = 3
"""So often a server may say NO to one mail (Exchange does to what it cannot convert); then it is left to people."""
DATABASE_FAULTS = (psycopg.Error, psycopg_pool.PoolTimeout)

T = TypeVar("T")
log = structlog.get_logger(__name__)


async def read_mailboxes(
    servers: Sequence[ImapServer], deps: Deps, stop: asyncio.Event, *, wait_s: float = WAIT_S
) -> None:
    """Read all mailboxes until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(Mailbox(server=server, deps=deps, stop=stop, wait_s=wait_s).run())


class _LeaseLost(Exception):  # noqa: N818 — no error: another process goes on
    """Another process reads this mailbox now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """One mailbox and the thread that talks to its server."""

    server: ImapServer
    deps: Deps
    stop: asyncio.Event
    wait_s: float = WAIT_S
    token: UUID = field(default_factory=uuid4)
    refusals: Counter[int] = field(default_factory=Counter)
    """How often the server has not given a mail, by UID."""
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="imap"))

    async def run(self) -> None:
        """Read while the lease is ours; stand by while it is another's; begin again after every fault."""
        faults = 0
        try:
            while not self.stop.is_set():
                try:
                    faults = 0 if await self._serve() else faults
                    await self._pause(STAND_BY_S)
                except IMAP_FAULTS as exc:
                    faults += 1
                    await self._report(exc)
                    await self._pause(min(MAX_BACKOFF_S, 2.0 ** min(faults, 6)))
                except DATABASE_FAULTS as exc:
                    log.warning("mailbox.database_away", mailbox=self.server.name, error=type(exc).__name__)
                    await self._pause(2.0)
        finally:
            self.thread.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> bool:
        """Read until told to stop or the lease is lost; False: it was never ours."""
        if await self._claim() is None:
            return False
        connection = await self._call(partial(ImapConnection.open, self.server))
        log.info("mailbox.open", mailbox=self.server.name)
        try:
            while not self.stop.is_set():
                await self._read_new(connection, await self._renew())
                await self._call(lambda: connection.wait(self.wait_s, self.stop.is_set))
        except _LeaseLost:
            log.info("mailbox.lease_lost", mailbox=self.server.name)
        finally:
            await self._call(connection.close)
            await self._release()
        return True

    async def _read_new(self, connection: ImapConnection, done: ReadSoFar) -> None:
        validity = connection.uid_validity
        if done.uid_validity == 0:
            await self._note(validity, await self._call(connection.last_uid), since=self.deps.now())
            return
        if done.uid_validity == validity:
            uids = await self._call(lambda: connection.uids_after(done.last_uid))
        else:
            since = (done.read_at or self.deps.now()) - timedelta(days=REREAD_DAYS)
            log.warning("mailbox.renumbered", mailbox=self.server.name)
            uids = await self._call(lambda: connection.uids_since(since.date()))
        for uid in uids:
            if self.stop.is_set():
                return
            await self._renew()
            fetched = await self._fetch(connection, uid)
            if fetched and not _is_history(fetched, done):
                await self._take(fetched)
            if done.uid_validity == validity:
                await self._note(validity, uid)
        if done.uid_validity != validity:  # only now: the days are read again from the start if this is cut short
            await self._note(validity, await self._call(connection.last_uid) if not uids else uids[-1])

    async def _fetch(self, connection: ImapConnection, uid: int) -> FetchedMail | None:
        """Get one mail; None: there is none, or the server will not give it."""
        try:
            return await self._call(partial(connection.fetch, uid))
        except ImapToolsError as exc:
            self.refusals[uid] += 1
            if self.refusals[uid] < MAX_REFUSALS:
                raise
            await self._give_up(uid, f"The server does not give this mail: {' '.join(str(exc).split())}")
            return None

    async def _take(self, fetched: FetchedMail) -> None:
        """Receive one mail. One that nobody can own fails alone; it stays in the mailbox, and an event says why."""
        try:
            await self._receive(fetched)
        except DATABASE_FAULTS:
            raise
        except BadRequest as exc:
            await self._give_up(fetched.uid, str(exc))
        except Exception as exc:
            log.exception("mailbox.poison", mailbox=self.server.name, uid=fetched.uid)
            await self._give_up(fetched.uid, type(exc).__name__)

    async def _receive(self, fetched: FetchedMail) -> None:
        named = await asyncio.to_thread(mailbox_recipients, fetched.content, self.server.username)
        for copy in await self._copies(fetched, named) if named else ():
            async with self.deps.db.system() as tx:
                known = await mail.find_account(tx, copy.message.recipient, copy.token)
            if known:
                await receive_mail(copy, self.deps)
                return
        await receive_any(await self._copies(fetched, []), self.deps)

    async def _copies(self, fetched: FetchedMail, envelope_to: Sequence[str]) -> list[InboundMail]:
        copies = await asyncio.to_thread(
            read_copies,
            fetched.content,
            envelope_from=None,
            envelope_to=envelope_to,
            provider="email",
            authserv_ids=self.deps.settings.imap_authserv_ids,
        )
        if fetched.is_whole:
            return copies
        hold = f"The mail has {fetched.size} bytes, so only its headers were fetched; it is in {self.server.name}."
        return [replace(each, message=replace(each.message, hold=hold)) for each in copies]

    async def _give_up(self, uid: int, reason: str) -> None:
        log.warning("mailbox.unreadable", mailbox=self.server.name, uid=uid)
        data = {"mailbox": self.server.name, "uid": uid, "reason": reason[:500]}
        async with self.deps.db.system() as connection:
            await events.insert_system_event(connection, "mail.unreadable", data)

    async def _claim(self) -> ReadSoFar | None:
        async with self.deps.db.system() as connection:
            return await claim_mailbox(connection, self.server.name, self.token, LEASE_S)

    async def _renew(self) -> ReadSoFar:
        done = await self._claim()
        if done is None:
            raise _LeaseLost
        return done

    async def _note(self, validity: int, uid: int, *, since: datetime | None = None) -> None:
        done = ReadSoFar(uid_validity=validity, last_uid=uid, read_at=self.deps.now(), since=since)
        async with self.deps.db.system() as connection:
            if not await record_read(connection, self.server.name, self.token, done):
                raise _LeaseLost

    async def _release(self) -> None:
        with suppress(*DATABASE_FAULTS):  # the lease lapses by itself
            async with self.deps.db.system() as connection:
                await release_mailbox(connection, self.server.name, self.token)

    async def _report(self, exc: Exception) -> None:
        said = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
        log.warning("mailbox.away", mailbox=self.server.name, error=said)
        with suppress(*DATABASE_FAULTS):
            async with self.deps.db.system() as connection:
                await record_fault(connection, self.server.name, self.token, said)

    async def _call(self, work: Callable[[], T]) -> T:
        """Run a step of the conversation with the server in the mailbox's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop.wait()


def _is_history(fetched: FetchedMail, done: ReadSoFar) -> bool:
    """Say whether a mail was there before us: after new UIDs, it is met again."""
    return bool(done.since and fetched.arrived_at and fetched.arrived_at < done.since)
