"""Live updates: a stream of what happens to the member's tenant.

One reader a tenant and process asks the database; all browsers of the tenant listen to it. What is streamed are names
of events and conversations: the page then asks for the parts that show them, under its own rights. A stream begins with
`resync`, as soon as the reader follows what happens, upon which the page asks for all its parts: so nothing is missed,
however long a connection was away. `beat` comes now and then, for as long as the reader can read: a page that hears
none knows that what it shows may be old, and connects again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import psycopg
import structlog
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from agent.ports import StaffDeps
from agent.store.event_feed import LOOK_BACK, Event, last_event_id, list_events_after
from agent.types import TenantId
from channels.inbox.pages import find_visitor
from channels.inbox.visit import HEADERS, Visit

POLL_S = 0.2
AWAY_S = 2.0
MOST = 2000
"""Events read at once; more than that are not told one by one."""
BEAT_S = 15
"""How often a feed says that it reads; pages wait for two and a half times as long."""
CHECK_S = 20.0
"""How often a stream makes sure that its session has not ended."""
BEHIND = 50
"""Batches a slow browser may be behind before it is told to ask for everything."""

Told = asyncio.Queue[dict[str, str]]
RESYNC = {"event": "resync", "data": ""}
BEAT = {"event": "beat", "data": ""}

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Feed:
    """One tenant's events, read for as long as somebody listens."""

    deps: StaffDeps
    tenant_id: TenantId
    listeners: set[Told] = field(default_factory=set)
    seen: frozenset[int] = frozenset()
    newest: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nothing that happens can be missed."""
    beat_s: float = BEAT_S

    async def read(self) -> None:
        """Follow the tenant's events until cancelled; the database may come and go."""
        clock = asyncio.get_running_loop().time
        beat_at = clock() + self.beat_s
        while True:
            try:
                fresh = await self._fetch(is_first=not self.ready.is_set())
                self.ready.set()
            except psycopg.Error as exc:  # also that the server ended a transaction of a process that had stood still
                log.warning("inbox.feed_away", error=type(exc).__name__)
                await asyncio.sleep(AWAY_S)
                continue
            if fresh:
                self._tell({"event": "changes", "data": json.dumps([_told(event) for event in fresh])})
            if clock() >= beat_at:
                self._tell(BEAT)
                beat_at = clock() + self.beat_s
            await asyncio.sleep(POLL_S)

    async def _fetch(self, *, is_first: bool) -> Sequence[Event]:
        """Return what is new: also events whose number is lower than the newest, but which committed later."""
        async with self.deps.db.tenant(self.tenant_id) as tx:
            if is_first:
                self.newest = await last_event_id(tx)
            fresh = await list_events_after(tx, self.newest - LOOK_BACK, limit=MOST, seen=self.seen)
        self.newest = max(self.newest, fresh[-1].id if fresh else 0)
        known = (*self.seen, *(event.id for event in fresh))
        self.seen = frozenset(number for number in known if number > self.newest - LOOK_BACK)
        return [] if is_first else fresh

    def _tell(self, message: dict[str, str]) -> None:
        for listener in self.listeners:
            if listener.qsize() >= BEHIND:
                while not listener.empty():
                    listener.get_nowait()
                listener.put_nowait(RESYNC)
            else:
                listener.put_nowait(message)


class Feeds:
    """The feeds of the tenants whose staff have the inbox open."""

    def __init__(self, deps: StaffDeps) -> None:
        self._deps = deps
        self._feeds: dict[TenantId, tuple[Feed, asyncio.Task[None]]] = {}

    async def open(self, visit: Visit) -> Response:
        """Stream changes to a browser until it goes, or its session ends."""
        return EventSourceResponse(self._stream(visit), headers=HEADERS)

    async def _stream(self, visit: Visit) -> AsyncIterator[dict[str, str]]:
        told: Told = asyncio.Queue()
        feed = self.join(visit.member.tenant_id, told)
        try:
            await feed.ready.wait()
            yield RESYNC
            while await find_visitor(visit.request, self._deps):
                async for change in _listen(told, CHECK_S):
                    yield change
            yield {"event": "signed-out", "data": ""}
        finally:
            self.leave(feed, told)

    def join(self, tenant_id: TenantId, told: Told) -> Feed:
        """Have what happens to a tenant told from now on. A feed whose reader broke is given up for a new one."""
        feed, reading = self._feeds.get(tenant_id, (None, None))
        if feed is None or reading is None or reading.done():
            feed = Feed(deps=self._deps, tenant_id=tenant_id)
            self._feeds[tenant_id] = (feed, asyncio.create_task(feed.read()))
        feed.listeners.add(told)
        return feed

    def leave(self, feed: Feed, told: Told) -> None:
        """End what `join` began. Nobody reads for nobody."""
        feed.listeners.discard(told)
        current, reading = self._feeds.get(feed.tenant_id, (None, None))
        if current is feed and reading and not feed.listeners:
            reading.cancel()
            del self._feeds[feed.tenant_id]


async def _listen(told: Told, seconds: float) -> AsyncIterator[dict[str, str]]:
    """Yield what is told within a time. Sessions are not asked for with every event: all streams would ask at once."""
    ends = asyncio.get_running_loop().time() + seconds
    while (left := ends - asyncio.get_running_loop().time()) > 0:
        try:
            yield await asyncio.wait_for(told.get(), left)
        except TimeoutError:
            return


def _told(event: Event) -> dict[str, str]:
    return {"kind": event.kind, "actor": event.actor, "conversation": str(event.conversation_id or "")}
