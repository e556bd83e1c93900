"""A rehearsal: the whole pipeline on one transaction that is never committed, with a stand-in for the channel.

The tenant of a rehearsal is a copy under an id of its own, so no row of the true one is locked or changed. No worker
ever sees the copy, and nothing of it stays: when the transaction ends, all that happened in it has not happened.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from agent.faults import pass_by
from agent.ids import new_id
from agent.metrics import Metrics
from agent.ports import AgentDeps, Limits, Tracer
from agent.rollouts.versions import Version, keep_version, with_version
from agent.store.db import Database, Tx, set_tenant
from agent.store.rehearsals import open_scope
from agent.store.tenants import TenantCache, save_tenant_file
from agent.store.versions import pin_version
from agent.tenant.file import ChannelAccount, TenantFile, tenant_id
from agent.types import Channel, ConversationId, MessageId, OutboundMessage, Receipt, TenantId


class RehearsalDatabase(Database):
    """A database whose every transaction is part of one that its owner will roll back."""

    def __init__(self, connection: Tx) -> None:
        """`connection` has a transaction open."""
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """Borrow the connection with no tenant."""
        async with self._turn, self._connection.transaction():
            await open_scope(self._connection)
            yield self._connection

    @asynccontextmanager
    async def tenant(self, tenant_id: TenantId) -> AsyncIterator[Tx]:
        """Run a part of the transaction that sees one tenant's rows."""
        async with self._turn, self._connection.transaction():
            await set_tenant(self._connection, tenant_id)
            yield self._connection


class NoQueue:
    """A queue that forgets: a rehearsal takes its turns and sends its texts itself. Implements `agent.ports.Queue`."""

    async def wake_turn(
        self, tx: Tx, tenant_id: TenantId, conversation_id: ConversationId, *, delay_s: float = 0
    ) -> None:
        """Forget it."""

    async def deliver(self, tx: Tx, tenant_id: TenantId, message_id: MessageId, *, delay_s: float = 0) -> None:
        """Forget it."""

    async def advance_batch(self, tx: Tx, tenant_id: TenantId, batch_id: UUID) -> None:
        """Forget it."""

    async def replay(self, tx: Tx, tenant_id: TenantId, replay_id: UUID) -> None:
        """Forget it."""

    async def evaluate(self, tx: Tx, tenant_id: TenantId, run_id: UUID) -> None:
        """Forget it."""


@dataclass(slots=True, kw_only=True)
class StandInChannel:
    """A channel that ends here: it takes every text, once, and keeps it. Implements `agent.ports.ChannelSender`."""

    limits: Mapping[Channel, Limits]
    taken: list[OutboundMessage] = field(default_factory=list)

    async def send(self, message: OutboundMessage) -> Receipt:
        """Take a text."""
        if all(each.id != message.id for each in self.taken):
            self.taken.append(message)
        return Receipt(provider_id=f"rehearsed-{message.id}", state="sent")

    async def find_sent(
        self,
        message: OutboundMessage,
        since: datetime,  # noqa: ARG002 — the port's
        *,
        known: Collection[str] = (),  # noqa: ARG002 — the port's
    ) -> Receipt | None:
        """Say whether a text was taken."""
        found = any(each.id == message.id for each in self.taken)
        return Receipt(provider_id=f"rehearsed-{message.id}", state="sent") if found else None

    async def aclose(self) -> None:
        """Release nothing."""


@dataclass(slots=True)
class StageClock:
    """The time of a rehearsal: it moves when the play says so."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the time on the stage."""
        return self.now


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Where a rehearsal happens."""

    deps: AgentDeps
    channel: StandInChannel
    clock: StageClock
    tenant_id: TenantId
    addresses: Mapping[Channel, str]
    """Ours, by channel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Theatre:
    """Whose prospects are rehearsed, by which version, and with what."""

    file: TenantFile
    version: Version
    deps: AgentDeps
    silent: Tracer
    """Tells nobody: a rehearsal is no turn of a prospect."""
    limits: Mapping[Channel, Limits]
    """What the true channels carry."""


@asynccontextmanager
async def rehearse(theatre: Theatre, *, at: datetime) -> AsyncIterator[Stage]:
    """Open a stage, where it is `at`; all that happens on it is undone at the end.

    Raises:
        Misconfigured: the version names a model whose price or abilities are unknown.
    """
    copy, addresses = _copy(theatre.file, theatre.version)
    deps, version = theatre.deps, theatre.version
    channel = StandInChannel(limits=theatre.limits)
    clock = StageClock(at)
    async with deps.db.system() as connection, connection.transaction(force_rollback=True):
        staged = replace(
            deps,
            db=RehearsalDatabase(connection),
            tenants=TenantCache(),
            queue=NoQueue(),
            now=clock,
            reach=pass_by,
            senders={"simulator": channel},
            tracer=theatre.silent,
            answers=None,
            batches=None,
            media=None,
            metrics=Metrics(),
        )
        async with staged.db.tenant(copy.tenant.id) as tx:
            await open_scope(tx, copy.tenant.id)
            await save_tenant_file(tx, copy)
            await keep_version(tx, copy.tenant.id, version)
            await pin_version(tx, copy.tenant.id, version.digest)
        yield Stage(deps=staged, channel=channel, clock=clock, tenant_id=copy.tenant.id, addresses=addresses)


def _copy(file: TenantFile, version: Version) -> tuple[TenantFile, Mapping[Channel, str]]:
    """Return a tenant's file under another name and with addresses of nobody; it answers at once."""
    mark = new_id()
    number = f"+88216{mark.int % 10**8:08d}"  # a satellite network that has no customers of ours
    addresses: Mapping[Channel, str] = {
        "whatsapp": number,
        "sms": number,
        "email": f"{mark.hex}@rehearsal.invalid",
    }
    tenant = with_version(file.tenant, version)
    policy = replace(tenant.policy, quiet_s=0, max_wait_s=0)
    slug = f"rehearsal-{mark.hex[-20:]}"
    copied = replace(tenant, id=tenant_id(slug), slug=slug, policy=policy)
    channels = tuple(
        ChannelAccount(channel=channel, address=address, provider="simulator") for channel, address in addresses.items()
    )
    return TenantFile(tenant=copied, channels=channels), addresses
