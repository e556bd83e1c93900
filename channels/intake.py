"""Takes verified webhooks: into the database or, while PostgreSQL is away, onto disk and later into it (promise P1).

A webhook is acknowledged when either has it. While anything waits on disk, everything goes by way of the disk: so a
prospect's newer message does not overtake an older one, and what is drained is drained in the order of receipt.
Draining is "receive, then remove": a process that dies in between receives again, and finds a duplicate.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import psycopg
import structlog

from agent.errors import BadRequest
from agent.ports import Deps
from agent.store import drains, events
from agent.store.reachability import is_away, is_busy
from channels.spool import Spool, SpoolFull, SpoolState, Torn, Webhook

ACKNOWLEDGE_S = 1.0
"""So long the database has to take a webhook; then the disk has it. Providers give up after seconds."""
PROBE_S = 0.25
"""How often PostgreSQL is tried while it is away, and a webhook that met a fault in it."""
LOOK_S = 1.0
"""How often the disk is looked at for what a process that died has left."""
REFUSED_S = 60.0
"""A webhook that the database refuses for so long, though it is there, goes aside. Not at once: it may be that the
database lacks a migration or a right, and then it is not this webhook's fault."""

AT_ONCE, AT_ONCE_BYTES = 16, 16 * 2**20
"""So many webhooks are drained at the same time, at most one of each lane."""

Act = Callable[[Webhook, Deps], Awaitable[None]]
LaneOf = Callable[[Webhook], str]
Lane = list[tuple[str, Webhook]]
"""Webhooks with their files' names, in order."""

log = structlog.get_logger(__name__)


class NotKept(Exception):  # noqa: N818 — the provider acts: it tries again
    """Neither the database nor the disk could take a webhook."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """How webhooks are kept at the moment."""

    away: bool
    """Whether PostgreSQL is taken to be away."""
    spool: SpoolState


class Intake:
    """The one way in for webhooks of a web process. `act` does what one asks for, in the database."""

    def __init__(self, act: Act, lane_of: LaneOf, deps: Deps, spool: Spool) -> None:
        """`lane_of` names the line a webhook stands in: within one, order is kept."""
        self.spool = spool
        self._act, self._lane_of, self._deps = act, lane_of, deps
        self._away = False
        self._appending = 0
        self._wake = asyncio.Event()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._refused = ("", 0.0)
        """The waiting webhook that the database refuses, though it is there, and since when (loop time)."""

    async def take(self, webhook: Webhook) -> None:
        """Store what a webhook says, or keep it on disk; it may be acknowledged when this returns.

        Raises:
            BadRequest: it makes no sense, or is for nobody.
            NotKept: the disk has no room either.
            Exception: a fault of ours; the webhook is kept aside all the same.
        """
        if self._must_wait() or not await self._store(webhook):
            await self._append(webhook)

    async def keeping(self) -> Keeping:
        """Return what operators want to know."""
        return Keeping(away=self._away, spool=await asyncio.to_thread(self.spool.measure))

    @asynccontextmanager
    async def draining(self) -> AsyncIterator[None]:
        """Drain for as long as the block lasts: what is on disk already, and what will be."""
        task = asyncio.create_task(self._drain_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, *self._abandoned, return_exceptions=True)

    async def drain(self) -> bool:
        """Process all that waits, in order; False: the database does not take it yet, or somebody else drains."""
        with self.spool.draining() as mine:
            try:
                await self._deps.db.revive()
                drained = mine and await self._drain()
            except psycopg.Error as exc:
                self._note_away(exc)
                return False
        if drained or not mine:
            self._away = False
        return drained

    def _must_wait(self) -> bool:
        return self._away or self._appending > 0 or not self.spool.is_empty()

    # --- now ------------------------------------------------------------------------------------------------

    async def _store(self, webhook: Webhook) -> bool:
        """Store it now; False: it may be later, or is under way and nobody knows."""
        task = asyncio.ensure_future(self._act_on(webhook))
        await asyncio.wait({task}, timeout=ACKNOWLEDGE_S)
        if not task.done():
            self._abandon(task)  # not waited for: a query on a dead line may take long to cancel
            return False
        try:
            await task
        except BadRequest:
            raise
        except Exception as exc:
            if is_away(exc) or is_busy(exc):
                self._note_away(exc)
                return False
            await self._keep_aside(webhook, exc)
            raise
        return True

    async def _act_on(self, webhook: Webhook) -> None:
        """Act as of the time of receipt: that is when the prospect wrote, whenever we come to it."""
        await self._act(webhook, replace(self._deps, now=lambda: webhook.received_at))

    def _abandon(self, task: "asyncio.Task[None]") -> None:
        self._note_away(TimeoutError(f"no answer within {ACKNOWLEDGE_S:g} s"))
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            log.info("webhook.abandoned", error=type(exc).__name__)

    def _note_away(self, exc: BaseException) -> None:
        if not self._away:
            log.warning("web.database_away", error=type(exc).__name__)
        self._away = True
        self._wake.set()

    # --- on disk --------------------------------------------------------------------------------------------

    async def _append(self, webhook: Webhook) -> None:
        self._appending += 1
        try:
            await asyncio.to_thread(self.spool.append, webhook)
        except (SpoolFull, OSError) as exc:
            log.warning("spool.refused", error=type(exc).__name__, reason=str(exc))
            raise NotKept(str(exc)) from exc
        finally:
            self._appending -= 1
            self._wake.set()

    async def _keep_aside(self, webhook: Webhook, exc: BaseException) -> None:
        """Keep what a fault of ours stopped: providers do not repeat everything that they get a 500 for."""
        log.error("webhook.kept_aside", kind=webhook.kind, error=type(exc).__name__)
        try:
            await asyncio.to_thread(self.spool.keep_aside, webhook, _described(exc))
        except (SpoolFull, OSError) as full:
            log.warning("spool.refused", error=type(full).__name__, reason=str(full))

    # --- later ----------------------------------------------------------------------------------------------

    async def _drain_for_ever(self) -> None:
        while True:
            self._wake.clear()
            try:
                if self._must_wait() and not await self.drain():
                    await asyncio.sleep(PROBE_S)
                    continue
            except Exception:  # the disk, say: what waits must not wait for a restart
                log.exception("spool.drain_failed")
                await asyncio.sleep(LOOK_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def _drain(self) -> bool:
        async with self._deps.db.system() as connection, drains.holding(connection):
            while names := await asyncio.to_thread(self.spool.names):
                while names:
                    lanes = await self._read_some(names)
                    if not all(await asyncio.gather(*(self._drain_lane(lane) for lane in lanes))):
                        return False
        log.info("spool.drained")
        return True

    async def _read_some(self, names: list[str]) -> list[Lane]:
        """Take the first few off `names`, by lane: what is in different ones may be processed at the same time."""
        lanes: dict[str, Lane] = defaultdict(list)
        count = size = 0
        while names and count < AT_ONCE and size < AT_ONCE_BYTES:
            name = names.pop(0)
            try:
                webhook = await asyncio.to_thread(self.spool.read, name)
            except Torn as exc:
                await self._set_aside(name, str(exc))
                continue
            lanes[self._lane_of(webhook)].append((name, webhook))
            count, size = count + 1, size + len(webhook.body)
        return list(lanes.values())

    async def _drain_lane(self, lane: Lane) -> bool:
        for name, webhook in lane:
            if not await self._drain_one(name, webhook):
                return False
        return True

    async def _drain_one(self, name: str, webhook: Webhook) -> bool:
        """Process one webhook; False: it stays, because the database did not take it."""
        try:
            await self._act_on(webhook)
        except BadRequest as exc:
            await self._set_aside(name, str(exc))
        except psycopg.Error as exc:
            if is_away(exc):
                self._note_away(exc)
                return False
            if self._refused_for_s(name) < REFUSED_S:
                log.warning("spool.refused_by_database", name=name, error=type(exc).__name__)
                return False
            await self._set_aside(name, _described(exc))
        except Exception as exc:
            log.exception("spool.fault", name=name)
            await self._set_aside(name, _described(exc))
        else:
            await asyncio.to_thread(self.spool.remove, name)
        return True

    def _refused_for_s(self, name: str) -> float:
        now = asyncio.get_running_loop().time()
        if self._refused[0] != name:
            self._refused = (name, now)
        return now - self._refused[1]

    async def _set_aside(self, name: str, reason: str) -> None:
        log.error("spool.set_aside", name=name)
        await asyncio.to_thread(self.spool.set_aside, name, reason)
        with suppress(psycopg.Error):  # the file and its reason are what counts
            async with self._deps.db.system() as connection:
                data = {"name": name, "reason": reason[:500]}
                await events.insert_system_event(connection, "webhook.set_aside", data)


def _described(exc: BaseException) -> str:
    """Return what went wrong. No DETAIL of PostgreSQL's errors, which quotes rows."""
    first = str(exc).splitlines()[:1]
    return f"{type(exc).__name__}: {first[0][:300] if first else ''}"
