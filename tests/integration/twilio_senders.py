"""A sender on the stand-in for Twilio, and messages for it: what its tests share."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from uuid import UUID

import httpx

from agent.types import Channel, MessageId, OutboundMessage, TenantId
from channels.twilio_outbound import TwilioSender
from tests.doubles.twilio_messages import StoredMessage
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN

PUBLIC_URL = "https://agent.example"
TENANT = TenantId(UUID("00000000-0000-7000-8000-000000000001"))
MESSAGE = MessageId(UUID("00000000-0000-7000-8000-000000000002"))
SINCE = datetime(2026, 11, 21, 12, 0, 0, 700_000, tzinfo=UTC)
SHORT = httpx.Timeout(20, read=2)


def outbound(
    text: str = "¡Hola! ¿Qué curso?", *, channel: Channel = "whatsapp", recipient: str = "+34600000001"
) -> OutboundMessage:
    return OutboundMessage(
        id=MESSAGE,
        tenant_id=TENANT,
        provider="twilio",
        channel=channel,
        sender="+14155550199",
        recipient=recipient,
        text=text,
    )


def stored(text: str, created_at: datetime, **params: str) -> StoredMessage:
    fields = {"To": "whatsapp:+34600000001", "From": "whatsapp:+14155550199", "Body": text, **params}
    sid = f"SM{token_hex(16)}"
    return StoredMessage(sid=sid, params=fields, created_at=created_at.replace(microsecond=0), status="sent")


def sender_for(base_url: str, **more: Any) -> TwilioSender:
    return TwilioSender(
        account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, public_url=PUBLIC_URL, base_url=base_url, **more
    )
