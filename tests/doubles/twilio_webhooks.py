"""Webhooks as Twilio sends them. Signatures come from Twilio's own SDK, not from our code."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from urllib.parse import urlencode

import httpx
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

ACCOUNT_SID = "AC00000000000000000000000000000001"
AUTH_TOKEN = "twilio-double-token"
OUR_NUMBER = "+14155550199"

Fields = Mapping[str, str] | Sequence[tuple[str, str]]


def inbound_params(text: str = "Hola", **overrides: str) -> dict[str, str]:
    """Return a WhatsApp message as Twilio posts it, with a fresh id; keywords replace fields."""
    sid = overrides.get("MessageSid", f"SM{token_hex(16)}")
    return {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "SmsStatus": "received",
        "From": "whatsapp:+34600000001",
        "To": f"whatsapp:{OUR_NUMBER}",
        "WaId": "34600000001",
        "ProfileName": "Ana",
        "MessageType": "text",
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
        **overrides,
    }


def signature(url: str, params: Fields, token: str = AUTH_TOKEN) -> str:
    """Return the value of X-Twilio-Signature for a form."""
    form: ImmutableMultiDict[str, str] = ImmutableMultiDict(_pairs(params))
    return str(RequestValidator(token).compute_signature(url, form))


async def post_signed(client: httpx.AsyncClient, url: str, params: Fields, token: str = AUTH_TOKEN) -> httpx.Response:
    """Post a form as Twilio would to `url`: signed over it, sent to that path under the client's base URL."""
    return await client.post(
        httpx.URL(url).raw_path.decode(),
        content=urlencode(_pairs(params)),
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature(url, params, token),
        },
    )


async def post_inbound(
    client: httpx.AsyncClient, public_url: str, params: Fields, token: str = AUTH_TOKEN
) -> httpx.Response:
    """Post a prospect's message to the webhook for messages."""
    return await post_signed(client, f"{public_url}/webhooks/twilio/messages", params, token)


def _pairs(params: Fields) -> list[tuple[str, str]]:
    return list(params.items()) if isinstance(params, Mapping) else list(params)
