"""The agent on Twilio: the real sender, the stand-in for Twilio's API, and the web app that its callbacks reach."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from fastapi import FastAPI

from agent.delivery.claiming import CLAIM_S
from agent.store.tenants import save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile, tenant_id
from agent.turn import deliver, take_turn
from agent.types import Channel, ConversationId, Policy
from channels.twilio_outbound import TwilioSender
from channels.twilio_signature import WebhookSecret
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_messages import StoredMessage
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, post_signed
from tests.factories import make_item, make_tenant
from tests.integration.agents import ANA, OURS, Agent
from tests.serving import serving

KEYS = WebhookKeys(twilio=(WebhookSecret(value=AUTH_TOKEN, account_sid=ACCOUNT_SID),), email=())
QUESTION = "¿cuánto cuesta el intensivo?"


@dataclass(slots=True, kw_only=True)
class Line:
    """The school's number on WhatsApp and SMS."""

    agent: Agent
    double: TwilioDouble
    clock: FakeClock
    web: httpx.AsyncClient
    """Calls the web app as Twilio does."""

    async def publish(self, *changed: Channel, file_url: str = "", **account: Any) -> None:
        """Publish the school, with a file of its course; further keywords are fields of these accounts."""
        tenant = make_tenant(
            id=tenant_id("escuela"),
            policy=Policy(quiet_s=0, max_wait_s=0),
            catalogue=(make_item(file_url=file_url),),
        )
        kinds: tuple[Channel, ...] = ("whatsapp", "sms")
        channels = tuple(
            ChannelAccount(channel=each, address=OURS, provider="twilio", **(account if each in changed else {}))
            for each in kinds
        )
        async with self.agent.deps.db.tenant(tenant.id) as tx:
            await save_tenant_file(tx, TenantFile(tenant=tenant, channels=channels))

    async def ask(self, channel: Channel = "sms", *, sender: str = ANA, text: str = QUESTION) -> ConversationId:
        """Let a prospect write, and write the answer without sending it."""
        conversation = await self.agent.hear(text, sender=sender, provider="twilio", channel=channel)
        await take_turn(await self.agent.claim(conversation), self.agent.deps)
        return conversation

    async def answer(self, channel: Channel = "sms", *, sender: str = ANA) -> StoredMessage:
        """Let a prospect write, send the answer, and return it as Twilio has it."""
        await self.ask(channel, sender=sender)
        await self.agent.send_all()
        return self.double.messages[-1]

    async def send_lapsed(self) -> None:
        """Let all claims run out, and have other workers deliver what was claimed and what waits."""
        self.clock.advance(CLAIM_S)
        await self.agent.lapse_claims()
        for row in await self.agent.rows("select id from messages where state = 'sending' order by seq"):
            await deliver(self.agent.tenant_id, row["id"], self.agent.deps)
        await self.agent.send_all()

    async def report(self, message: StoredMessage, status: str, code: int | None = None) -> None:
        """Let Twilio report on a message, and see that the report is taken."""
        params = replace(message, status=status, error_code=code).callback_params(ACCOUNT_SID)
        answer = await post_signed(self.web, message.status_callback, params)
        answer.raise_for_status()

    async def outbound(self) -> list[dict[str, Any]]:
        """Return our messages, oldest first."""
        return await self.agent.rows("select * from messages where direction = 'outbound' order by seq")

    async def state(self) -> str:
        """Return the state of our only message."""
        (row,) = await self.outbound()
        return str(row["state"])


@asynccontextmanager
async def open_line(agent: Agent, clock: FakeClock, double: TwilioDouble) -> AsyncIterator[Line]:
    """Connect the agent with the stand-in, both ways over HTTP."""

    def build(url: str) -> FastAPI:
        settings = agent.deps.settings.model_copy(update={"nightshift_public_url": url})
        return create_app(replace(agent.deps, settings=settings), KEYS)

    async with serving(build) as url:
        sender = TwilioSender(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, public_url=url, base_url=double.base_url)
        agent.deps = replace(agent.deps, senders={"twilio": sender})
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as web:
            line = Line(agent=agent, double=double, clock=clock, web=web)
            await line.publish()
            yield line
        await sender.aclose()
