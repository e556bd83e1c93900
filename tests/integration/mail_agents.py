"""An agent that is written to by mail: what tests of mail share."""

from dataclasses import replace
from typing import Any

from agent.ids import new_id
from agent.language import LanguageDetector
from agent.mail.arriving import receive_mail
from agent.store.db import Database
from agent.store.inbound import Received
from agent.types import ConversationId
from channels.email_inbound import parse_mime
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import make_mail
from tests.integration.agents import Agent, build_agent

OURS = "hola@lumen.example"
ANA = "ana@ruiz.example"
TRUSTED = "mx.lumen.example"
PROVEN = f"{TRUSTED}; dmarc=pass header.from=ruiz.example"
FAILED = f"{TRUSTED}; dmarc=fail header.from=ruiz.example"


async def build_mail_agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """Build an agent with a mail address."""
    agent = await build_agent(db, clock, detector)
    await agent.change(
        """insert into channel_accounts (id, tenant_id, channel, address, provider)
           values (%s, %s, 'email', %s, 'email')""",
        new_id(),
        agent.tenant_id,
        OURS,
    )
    return replace(agent, deps=replace(agent.deps, senders={"simulator": agent.sender, "email": agent.sender}))


async def hear_mail(agent: Agent, raw: bytes, *, to: str = OURS, envelope_from: str | None = None) -> Received:
    """Receive a mail as a provider would hand it over."""
    inbound = parse_mime(raw, envelope_from=envelope_from, envelope_to=[to], authserv_ids=[TRUSTED])
    return await receive_mail(inbound, agent.deps)


async def answered_mail(agent: Agent, sender: str = ANA) -> tuple[ConversationId, str]:
    """Have a prospect write and be answered; return the conversation and our mail's Message-ID."""
    received = await hear_mail(agent, make_mail("¿Cuánto cuesta el B2?", From=sender))
    assert received.conversation_id is not None
    await agent.answer(received.conversation_id)
    sent = await agent.value(
        "select id from messages where direction = 'outbound' and conversation_id = %s", received.conversation_id
    )
    ours = f"<{sent}@lumen.example>"
    await agent.change("update messages set provider_id = %s where id = %s", ours, sent)
    return received.conversation_id, ours


async def message_row(agent: Agent, received: Received) -> dict[str, Any]:
    """Return what is stored of a received message."""
    (row,) = await agent.rows("select * from messages where id = %s", received.message_id)
    return row
