"""`nightshift up`: database, web, worker and clock on one machine, in one process group.

The children stop when this process does, even when it is killed: they hold the other end of a pipe. A child that
dies is started again.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import monotonic

import structlog
from rich.console import Console

from agent.errors import Misconfigured
from agent.settings import Settings
from agent.staff.members import Member
from agent.store import embedded
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.members import find_member_by_email, insert_member, list_members
from agent.store.sessions import insert_signin_link
from agent.store.tenants import find_tenant_file, list_tenants, save_tenant_file
from agent.tenant.file import load_tenant_file
from agent.types import Tenant
from channels.inbox.pages import LOGIN
from jobs.process import READY
from jobs.wiring import example_tenants, local_url, open_store

ROLES = ("web", "worker", "clock")
RESTART_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Child:
    """One process of ours, started again while we live."""

    role: str
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None

    async def keep(self, stop: asyncio.Event) -> None:
        """Run the process until `stop` is set, then end it."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "jobs.cli",
                self.role,
                "--supervised",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # A terminal's Ctrl-C reaches the whole group: let only us act on it.
                start_new_session=False,
                preexec_fn=_ignore_interrupt if os.name == "posix" else None,
            )
            ended = asyncio.create_task(self._watch(self.process))
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await self._end(ended)
                return
            log.warning("up.child_died", role=self.role, code=await ended)
            await asyncio.sleep(RESTART_S)

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        if process.stdout is None:
            raise RuntimeError("a child was started without a pipe")
        async for line in process.stdout:
            if line.decode("utf-8", "replace").strip() == READY:
                self.ready.set()
        return await process.wait()

    async def _end(self, ended: "asyncio.Task[int]") -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(25):
                await asyncio.shield(ended)
        except TimeoutError:
            log.warning("up.child_killed", role=self.role)
            self.process.kill()
            await ended


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


async def run_up(settings: Settings, out: Console) -> int:
    """Start everything, say where to click, run until Ctrl-C or SIGTERM, and stop everything. Returns the exit code.

    Raises:
        Misconfigured: the port is taken, or the database cannot be started.
    """
    started_s = monotonic()
    _require_free_port(settings)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    own = embedded.in_use(settings.nightshift_home) if settings.database_url is None else nullcontext()
    with own:
        await _prepare(settings, out)
        children = [_Child(role) for role in ROLES]
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(child.keep(stop))
            group.create_task(_greet(settings, children, stop, out, started_s))
    out.print("Stopped. Everything that was said is kept.")
    return 0


def _require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.nightshift_host, settings.nightshift_port))
        except OSError as exc:
            raise Misconfigured(
                f"Port {settings.nightshift_port} is taken; is Nightshift running already?",
                "Stop the other one, or choose another port with NIGHTSHIFT_PORT.",
            ) from exc


async def _prepare(settings: Settings, out: Console) -> None:
    """Bring up the database, and the demo tenants where there is no tenant at all."""
    async with open_store(settings, connections=2) as (deps, _):
        async with deps.db.system() as connection:
            if await list_tenants(connection):
                return
        if not settings.simulator_enabled:
            out.print("There is no tenant yet: describe yours in a file and run `nightshift tenant apply FILE`.")
            return
        for path in sorted(example_tenants().glob("*.yaml")):
            file = load_tenant_file(path)
            async with deps.db.tenant(file.tenant.id) as tx:
                if await find_tenant_file(tx, file.tenant.id) is None:
                    await save_tenant_file(tx, file)


async def make_demo_links(settings: Settings) -> list[tuple[str, str]]:
    """Return, for each demo tenant, a one-time link that signs its first manager in, who is added if nobody is there.

    Where the demo has members of its own, and no more that first one, there is none.
    """
    links = []
    async with open_store(settings, connections=2) as (deps, _):
        for path in sorted(example_tenants().glob("*.yaml")):
            tenant = load_tenant_file(path).tenant
            async with deps.db.tenant(tenant.id) as tx:
                manager = await _demo_manager(tx, tenant)
                if manager:
                    secret = await insert_signin_link(tx, tenant.id, manager.id, deps.now())
                    links.append((tenant.name, f"{settings.public_url}{LOGIN}/link?token={secret}"))
    return links


async def _demo_manager(tx: Tx, tenant: Tenant) -> Member | None:
    email = f"manager@{tenant.slug}.example"
    if await find_tenant_file(tx, tenant.id) and not await list_members(tx):
        await insert_member(tx, tenant.id, email=email, name="Manager", role="manager")
        await insert_event(tx, tenant.id, "member.added", actor="nightshift up", data={"email": email})
    return await find_member_by_email(tx, email)


async def _greet(
    settings: Settings, children: list[_Child], stop: asyncio.Event, out: Console, started_s: float
) -> None:
    ready = asyncio.create_task(_all_ready(children))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    ready.cancel()
    if stop.is_set():
        return
    out.print(f"\n[bold]Nightshift is ready[/bold] ({monotonic() - started_s:.1f} s).")
    if settings.simulator_enabled:
        out.print(f"  Talk to it:  [bold]{local_url(settings)}/simulator[/bold]")
    else:
        out.print(f"  Webhooks:    {settings.public_url}/webhooks/…")
    engine = "Claude" if settings.has_models else "the local engine (set ANTHROPIC_API_KEY for Claude)"
    for name, link in await make_demo_links(settings) if settings.simulator_enabled else ():
        # Unbroken, so that it can be clicked and copied.
        out.print(f"  Inbox:       {link}  ({name}; works once, for 15 minutes)", soft_wrap=True, highlight=False)
    if not settings.simulator_enabled:
        out.print(f"  Inbox:       {settings.public_url}/inbox")
    out.print(f"  Answered by: {engine}")
    out.print("  Stop with Ctrl-C; what was said is kept.\n")


async def _all_ready(children: list[_Child]) -> None:
    for child in children:
        await child.ready.wait()
