"""One crash: a process kills itself at a fault point, another goes on, and what the provider has got is counted."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from agent.faults import POINTS
from tests.chaos.forked import START_S, ForkedProcess
from tests.chaos.ledger import HANDED_OVER, NOTHING_UNDER_WAY
from tests.chaos.ways import Way, WayName, open_way
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.processes import environment, reserved_port
from tests.stores import Store

DIES_S = 180.0
"""Longest wait for the crash: a point after a doubt is reached half a minute later."""
SETTLES_S = 240.0
"""Longest wait for the end of it."""
IN_DOUBT = frozenset({"deliver.claimed", "deliver.called", "deliver.asked", "deliver.recording"})
"""Where a crash leaves open whether the message has left."""
SETTLED = f"exists (select from messages where direction = 'inbound') and {NOTHING_UNDER_WAY}"
LAPSED = (
    "update conversations set lease_until = clock_timestamp() where turn_state = 'running'",
    "update messages set claimed_until = clock_timestamp() where state = 'sending'",
    "update mailboxes set lease_until = clock_timestamp()",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Crash:
    """What a crash led to."""

    way: WayName
    point: str
    exit_code: int | None
    """How the process ended; None: it never came to the point."""
    settled: bool
    inbound: int
    """How often the prospect's message is stored."""
    decided: int
    """Turns that have decided to answer."""
    states: tuple[str, ...]
    """Of what was to be sent."""
    taken: int
    """Messages that the provider has got."""
    shown: int
    """Questions to staff about a message of unknown fate."""
    model_calls: int
    took_s: float
    """From the crash to the end."""

    @property
    def verdict(self) -> str:
        """`once`, `unknown` with whether it had left, or what is wrong."""
        if self.exit_code != -signal.SIGKILL:
            return "WRONG: no crash"
        if not self.settled or (self.inbound, self.decided, len(self.states)) != (1, 1, 1):
            return f"WRONG: {self.inbound} stored, {self.decided} decided, {self.states}, settled: {self.settled}"
        state = self.states[0]
        if state in HANDED_OVER and self.taken == 1:
            return "once"
        if state == "unknown" and self.shown == 1 and self.taken <= 1 and self._may_be_unknown:
            return "unknown, sent" if self.taken else "unknown, not sent"
        return f"WRONG: {state}, taken {self.taken} times, shown {self.shown} times"

    @property
    def is_right(self) -> bool:
        """Whether it ended as it must."""
        return not self.verdict.startswith("WRONG")

    @property
    def _may_be_unknown(self) -> bool:
        return self.way in ("smtp", "sendgrid", "sendgrid, reported") and self.point in IN_DOUBT


def points_of(way: WayName) -> tuple[str, ...]:
    """Return the points that a message on this way reaches; where reports come by themselves, those of its delivery."""
    if way.endswith("reported"):
        return tuple(point for point in POINTS if point.startswith("deliver.") and point != "deliver.asked")
    is_mail = way in ("smtp", "sendgrid")
    return tuple(point for point in POINTS if is_mail or point != "receive.storing")


async def crash(way_name: WayName, point: str, store: Store, home: Path, logs: Path, *, hurry: bool = False) -> Crash:
    """Let a message of a prospect be answered with one crash on the way.

    `store` is a database of its own; `home` has the local engine trained; `logs` is an empty directory. `hurry`: leases
    and claims of the dead lapse at once, not by the clock.
    """
    async with open_way(way_name) as way:
        with ClaudeDouble() as claude, reserved_port() as port:
            if point == "deliver.asked":
                way.lose_answer()
            scene = _Scene(way=way, store=store, settings=_settings(way, store, claude, home, logs, port), logs=logs)
            crashed = await scene.play(point, hurry=hurry)
            return await _count(way_name, point, store, way, crashed, len(claude.requests))


def _settings(way: Way, store: Store, claude: ClaudeDouble, home: Path, logs: Path, port: int) -> Mapping[str, str]:
    return environment(
        database_url=store.app_url,
        nightshift_home=home,
        nightshift_spool=logs / "spool",
        nightshift_port=port,
        nightshift_public_url=f"http://127.0.0.1:{port}",
        nightshift_environment="test",
        nightshift_worker_concurrency=4,
        anthropic_api_key=API_KEY,
        anthropic_base_url=claude.base_url,
        **way.settings,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Crashed:
    exit_code: int | None
    settled: bool
    took_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """The processes of one installation, one of which will kill itself."""

    way: Way
    store: Store
    settings: Mapping[str, str]
    logs: Path

    async def play(self, point: str, *, hurry: bool) -> _Crashed:
        """Start all processes, let the prospect write, wait for the crash and for what comes of it."""
        role = self.way.receiver if point.startswith("receive.") else "worker"
        with ExitStack() as running:
            victim = running.enter_context(self._start(role, {**self.settings, "NIGHTSHIFT_FAULT": point}))
            others = [
                running.enter_context(self._start(each, self.settings)) for each in self.way.roles if each != role
            ]
            for process in (victim, *others):
                await asyncio.to_thread(process.wait_ready)
            await self.store.wait_until(self.way.begin_when, timeout_s=START_S)
            writing = asyncio.create_task(self.way.write(self.settings["NIGHTSHIFT_PUBLIC_URL"]))
            try:
                return await self._survive(role, victim, hurry=hurry)
            finally:
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing

    async def _survive(self, role: str, victim: ForkedProcess, *, hurry: bool) -> _Crashed:
        with suppress(TimeoutError):
            async with asyncio.timeout(DIES_S):
                while victim.is_running:
                    await asyncio.sleep(0.05)
        if victim.is_running:
            return _Crashed(exit_code=None, settled=False, took_s=0)
        begun = monotonic()
        if hurry:
            for statement in LAPSED:
                await self.store.change(statement)
        with self._start(role, self.settings) as heir:
            await asyncio.to_thread(heir.wait_ready)
            settled = await self._settles()
        return _Crashed(exit_code=victim.exit_code, settled=settled, took_s=monotonic() - begun)

    async def _settles(self) -> bool:
        with suppress(TimeoutError):
            await self.store.wait_until(SETTLED, timeout_s=SETTLES_S)
            return True
        return False

    def _start(self, role: str, settings: Mapping[str, str]) -> ForkedProcess:
        return ForkedProcess(role, settings, self.logs / f"{role}.log")


async def _count(name: WayName, point: str, store: Store, way: Way, crashed: _Crashed, model_calls: int) -> Crash:
    (found,) = await store.rows(
        """select (select count(*) from messages where direction = 'inbound') as inbound,
                  (select count(*) from turns where state = 'done' and decision = 'send') as decided,
                  array(select state from messages where direction = 'outbound' order by seq) as states,
                  (select count(*) from escalations
                   where state = 'open' and reason = 'Delivery outcome unknown') as shown
        """
    )
    return Crash(
        way=name,
        point=point,
        exit_code=crashed.exit_code,
        settled=crashed.settled,
        inbound=found["inbound"],
        decided=found["decided"],
        states=tuple(found["states"]),
        taken=len(way.taken()),
        shown=found["shown"],
        model_calls=model_calls,
        took_s=crashed.took_s,
    )
