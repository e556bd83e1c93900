"""The agent under test, with the hands and eyes of a test: scripted models, a recording sender, all else real."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from agent.gather import Gathered, claim_and_gather
from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.ports import AgentDeps
from agent.settings import Settings
from agent.store.db import Database
from agent.store.tenants import TenantCache, save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile, tenant_id
from agent.tracing.traces import SilentTracer
from agent.turn import deliver, receive, take_turn
from agent.types import ConversationId, InboundMessage, Policy, Sources, Tenant, TenantId
from jobs.queue import JobQueue
from tests.conftest import FakeClock
from tests.doubles.models import ScriptedModels
from tests.doubles.sender import RecordingSender
from tests.factories import make_classification, make_tenant

OURS = "+34910555012"
ANA = "+34600111222"


class NoRetrieval:
    """Finds nothing: the scripted models need no sources."""

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        return Sources()


@dataclass(slots=True, kw_only=True)
class Agent:
    """The agent under test, with the hands and eyes of a test."""

    deps: AgentDeps
    queue: JobQueue
    models: ScriptedModels
    sender: RecordingSender
    tenant_id: TenantId

    async def hear(
        self, text: str, *, provider_id: str | None = None, sender: str = ANA, **fields: Any
    ) -> ConversationId:
        """Receive a message as a webhook would."""
        message = InboundMessage(
            provider="simulator",
            channel="whatsapp",
            provider_id=provider_id or f"SM{uuid4().hex}",
            sender=sender,
            recipient=OURS,
            text=text,
        )
        received = await receive(replace(message, **fields), self.deps)
        assert received.conversation_id is not None
        return received.conversation_id

    async def claim(self, conversation_id: ConversationId) -> Gathered:
        """Claim a turn that is due."""
        found = await claim_and_gather(self.tenant_id, conversation_id, uuid4(), 10, self.deps)
        assert isinstance(found, Gathered)
        return found

    async def take(self, gathered: Gathered) -> None:
        """Take a claimed turn, without sending its answer."""
        await take_turn(gathered, self.deps)

    async def answer(self, conversation_id: ConversationId) -> None:
        """Take the conversation's turn and send what is due."""
        await take_turn(await self.claim(conversation_id), self.deps)
        await self.send_all()

    async def send_all(self) -> None:
        """Run the deliveries that are pending."""
        for row in await self.rows("select id from messages where state = 'pending' order by seq"):
            await deliver(self.tenant_id, row["id"], self.deps)

    async def rows(self, query: Any, *params: Any) -> list[dict[str, Any]]:
        """Read rows of the tenant."""
        async with self.deps.db.tenant(self.tenant_id) as tx:
            return await (await tx.execute(query, params)).fetchall()

    async def change(self, query: Any, *params: Any) -> None:
        """Change rows of the tenant."""
        async with self.deps.db.tenant(self.tenant_id) as tx:
            await tx.execute(query, params)

    async def value(self, query: Any, *params: Any) -> Any:
        """Read one value."""
        (row,) = await self.rows(query, *params)
        return next(iter(row.values()))

    async def live_now(self, clock: FakeClock) -> None:
        """Set the clock to the database's, which dates what is stored; the school answers at night as well."""
        await self.change(
            """update tenants set updated_at = now(),
                      profile = jsonb_set(profile, '{settings,reply_grace_minutes}', '60')"""
        )
        clock.now = await self.value("select clock_timestamp()")

    async def lapse_claims(self) -> None:
        """Let the time of every claim and lease run out."""
        await self.change("update messages set claimed_until = now() - interval '1 s' where state = 'sending'")
        await self.change("update conversations set lease_until = now() - interval '1 s' where turn_state = 'running'")


async def build_agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """Build an agent for a school that answers at once, in an empty database."""
    tenant = make_tenant(id=tenant_id("escuela"), policy=Policy(quiet_s=0, max_wait_s=0))
    file = TenantFile(tenant=tenant, channels=(ChannelAccount(channel="whatsapp", address=OURS, provider="simulator"),))
    async with db.tenant(tenant.id) as tx:
        await save_tenant_file(tx, file)
    queue = JobQueue(db)
    await queue.open()
    models = ScriptedModels(classification=make_classification(intent="pricing", confidence=0.95))
    sender = RecordingSender()
    deps = AgentDeps(
        settings=Settings(_env_file=None),
        db=db,
        tenants=TenantCache(),
        queue=queue,
        now=clock,
        senders={"simulator": sender},
        models=models,
        fallback=models,
        retriever=NoRetrieval(),
        detector=detector,
        rules=build_rules(detector.detect),
        tracer=SilentTracer(),
    )
    return Agent(deps=deps, queue=queue, models=models, sender=sender, tenant_id=tenant.id)
