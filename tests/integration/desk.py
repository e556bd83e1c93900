"""The school on WhatsApp, SMS and mail at once: real senders, stand-ins for both providers, the web app they call."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from agent.settings import Settings
from agent.store.tenants import save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile, tenant_id
from agent.types import Channel, ConversationId, Policy
from channels.web import create_app
from jobs.agent_wiring import build_senders
from jobs.wiring import build_keys
from tests.conftest import FakeClock
from tests.doubles import sendgrid as mail_api
from tests.doubles.sendgrid import SendGridDouble, TakenMail, post_events
from tests.doubles.sendgrid_webhooks import make_mail, post_form, raw_form
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound
from tests.factories import make_tenant
from tests.integration.agents import ANA, OURS, Agent

PUBLIC_URL = "https://agent.example"
MAILBOX = "hola@lumen.example"
ANA_BY_MAIL = "ana@ruiz.example"
QUESTION = "¿cuánto cuesta el intensivo?"
KINDS: tuple[Channel, ...] = ("whatsapp", "sms", "email")


@dataclass(slots=True, kw_only=True)
class Desk:
    """One prospect, Ana, on three channels."""

    agent: Agent
    clock: FakeClock
    web: httpx.AsyncClient
    twilio: TwilioDouble
    sendgrid: SendGridDouble
    key: ec.EllipticCurvePrivateKey
    """Signs what SendGrid posts."""

    async def hear(self, channel: Channel, text: str, **fields: str) -> ConversationId:
        """Post what Ana wrote, as her provider does; `fields` are the form's or, of a mail, its headers."""
        if channel == "email":
            raw = make_mail(text, **({"to": MAILBOX, "From": f"Ana <{ANA_BY_MAIL}>"} | fields))
            answer = await post_form(self.web, self.key, raw_form(raw, [fields.get("to", MAILBOX)]), self.clock())
        else:
            prefix = "whatsapp:" if channel == "whatsapp" else ""
            params = {"From": f"{prefix}{ANA}", "To": f"{prefix}{OURS}", **fields}
            answer = await post_inbound(self.web, PUBLIC_URL, inbound_params(text, **params))
        assert answer.status_code == 200, answer.text
        return ConversationId(
            await self.agent.value(
                """select c.id from conversations c join channel_accounts a on a.id = c.channel_account_id
                   where a.channel = %s""",
                channel,
            )
        )

    async def say(self, channel: Channel, text: str, **fields: str) -> ConversationId:
        """A minute later, post what Ana wrote, and have it answered."""
        self.clock.advance(60)
        conversation = await self.hear(channel, text, **fields)
        await self.agent.answer(conversation)
        return conversation

    def sent(self, channel: Channel) -> list[str]:
        """Return our texts as the provider has them, oldest first."""
        if channel == "email":
            return [str(mail.request["content"][0]["value"]) for mail in self.sendgrid.mails]
        is_whatsapp = channel == "whatsapp"
        params = [message.params for message in self.twilio.messages]
        return [each["Body"] for each in params if each["To"].startswith("whatsapp:") is is_whatsapp]

    async def report(self, mail: TakenMail, event: mail_api.EventName, **fields: Any) -> None:
        """Post an event on a mail, twice, as SendGrid sometimes does."""
        batch = [mail.event(event, self.clock(), **fields)] * 2
        answer = await post_events(self.web, self.key, batch, self.clock())
        assert answer.status_code == 204, answer.text

    async def suppressions(self, state: Literal["standing", "lifted"] = "standing") -> list[dict[str, Any]]:
        """Return the proofs of opt-outs, with what the message says that is one."""
        return await self.agent.rows(
            """select s.kind, s.normalised, s.reason, s.proof, s.created_at, m.body as said, m.provider_id as evidence
               from suppressions s left join messages m on m.id = s.evidence_message_id
               where (s.lifted_at is null) = %s order by s.kind""",
            state == "standing",
        )


def way_out(mail: TakenMail) -> tuple[str, str]:
    """Return the page and the address that a mail's List-Unsubscribe names."""
    page, address = re.findall(r"<([^>]+)>", mail.headers["List-Unsubscribe"])
    return page.removeprefix(PUBLIC_URL), address.removeprefix("mailto:").partition("?")[0]


@asynccontextmanager
async def open_desk(
    agent: Agent,
    settings: Settings,
    clock: FakeClock,
    twilio: TwilioDouble,
    sendgrid: SendGridDouble,
    keypair: tuple[ec.EllipticCurvePrivateKey, str],
    **tenant_fields: Any,
) -> AsyncIterator[Desk]:
    """Connect the agent with both stand-ins, both ways, as settings would."""
    tenant = make_tenant(id=tenant_id("escuela"), policy=Policy(quiet_s=0, max_wait_s=0), **tenant_fields)
    accounts = tuple(
        ChannelAccount(channel=kind, address=MAILBOX, provider="email")
        if kind == "email"
        else ChannelAccount(channel=kind, address=OURS, provider="twilio")
        for kind in KINDS
    )
    async with agent.deps.db.tenant(tenant.id) as tx:
        await save_tenant_file(tx, TenantFile(tenant=tenant, channels=accounts))
    settings = settings.model_copy(
        update={
            "nightshift_public_url": PUBLIC_URL,
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": SecretStr(AUTH_TOKEN),
            "twilio_base_url": twilio.base_url,
            "sendgrid_api_key": SecretStr(mail_api.API_KEY),
            "sendgrid_base_url": sendgrid.base_url,
            "sendgrid_inbound_public_keys": (keypair[1],),
            "sendgrid_event_public_keys": (keypair[1],),
        }
    )
    senders = build_senders(settings, agent.deps.db)
    agent.deps = replace(agent.deps, settings=settings, senders=senders)
    transport = httpx.ASGITransport(create_app(agent.deps, build_keys(settings)))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as web:
        yield Desk(agent=agent, clock=clock, web=web, twilio=twilio, sendgrid=sendgrid, key=keypair[0])
    for sender in senders.values():
        await sender.aclose()
