"""A school on WhatsApp and by mail with two templates, and replies of its agent that come too late."""

from datetime import time, timedelta
from typing import Any

from agent.store.templates import read_proposal, replace_templates
from agent.store.tenants import save_tenant_file
from agent.templates.types import Proposal, Template
from agent.tenant.file import ChannelAccount, TenantFile
from agent.turn import take_turn
from agent.types import ConversationId, OpeningHours, Policy, Provider
from tests.conftest import FakeClock
from tests.factories import make_tenant
from tests.integration.agents import OURS, Agent
from tests.template_samples import PRICE_TEMPLATE, PRICE_USE, make_template, make_use

MAIL = "hola@escuela.example"
DISCLOSED = "Soy la asistente virtual (IA) de Escuela Ejemplo."
PRICED = f"Hola, amiga o amigo. {DISCLOSED} El precio de Inglés intensivo es de 399,00 € por el curso completo."
WEEKDAYS = tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(5))
TOO_LATE = timedelta(hours=25).total_seconds()
TEMPLATES = (make_template(), PRICE_TEMPLATE)


async def publish(
    agent: Agent,
    clock: FakeClock,
    *,
    templates: tuple[Template, ...] = TEMPLATES,
    provider: Provider = "simulator",
    **policy: Any,
) -> None:
    """Publish the school with a policy, on WhatsApp and by mail."""
    tenant = make_tenant(
        id=agent.tenant_id,
        policy=Policy(quiet_s=0, max_wait_s=0, **policy),
        templates=(make_use(), PRICE_USE),
    )
    channels = (
        ChannelAccount(channel="whatsapp", address=OURS, provider=provider),
        ChannelAccount(channel="email", address=MAIL, provider="simulator"),
    )
    async with agent.deps.db.tenant(tenant.id) as tx:
        await save_tenant_file(tx, TenantFile(tenant=tenant, channels=channels))
        await replace_templates(tx, tenant.id, templates, clock())


async def decide_late(agent: Agent, clock: FakeClock) -> ConversationId:
    """Have a reply written in time, and try to deliver it a day later."""
    conversation_id = await agent.hear("¿cuánto cuesta el intensivo?")
    await take_turn(await agent.claim(conversation_id), agent.deps)
    clock.advance(TOO_LATE)
    await agent.send_all()
    return conversation_id


async def write_by_mail(agent: Agent, other: ConversationId) -> ConversationId:
    """Let the contact of a conversation also write by mail, from an address that is known to be theirs."""
    by_mail = await agent.hear("Hola", sender="ana@ruiz.example", channel="email", recipient=MAIL)
    contact = await agent.value("select contact_id from conversations where id = %s", other)
    await agent.change("update contact_points set contact_id = %s where kind = 'email'", contact)
    await agent.change("update conversations set contact_id = %s where id = %s", contact, by_mail)
    return by_mail


async def proposal_of(agent: Agent) -> Proposal:
    """Return the one proposal that staff have got."""
    (row,) = await agent.rows("select reason, proposal, draft from escalations")
    assert "399,00 €" in row["draft"]
    proposal = read_proposal(row["proposal"])
    assert proposal is not None
    return proposal
