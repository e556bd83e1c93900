"""What Twilio's webhooks say, in our types: messages from prospects and reports on ours.

Pure functions over decoded parameters whose signature has been verified. All values are still untrusted text:
they are bounded, freed of what PostgreSQL and UTF-8 cannot hold, and never quoted in errors. Unknown fields
are kept in `raw`; Twilio adds some unannounced.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from agent.errors import BadRequest
from agent.types import (
    Channel,
    DeliveryState,
    DeliveryStatus,
    InboundMessage,
    Media,
    MessageId,
    Provider,
    TenantId,
)
from channels.twilio_errors import failure_class
from channels.twilio_kinds import MAX_URL_CHARS, describe, one_line, read_details, read_kind
from channels.twilio_signature import Params, WebhookSecret

MAX_TEXT_CHARS = 20_000
MAX_NAME_CHARS = 200
MAX_MEDIA = 10

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_WHATSAPP = re.compile(r"whatsapp:(\+[0-9]{7,15}|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})")
_E164 = re.compile(r"\+[0-9]{7,15}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
"""A number only programs write from."""

STATES: Mapping[str, DeliveryState] = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}
"""Twilio's message statuses, as ours."""

_WORDS = ("Body", "ButtonText", "ListTitle")
"""Where a person's words stand; of a button or a row of a list, what they chose."""

Fields = Mapping[str, str]
"""Cleaned parameters; the first value where a name repeats."""


def require_account(params: Params, secret: WebhookSecret) -> None:
    """Refuse a webhook that speaks for another account than the one its key belongs to.

    Raises:
        BadRequest: with status 403.
    """
    if _fields(params).get("AccountSid") != secret.account_sid:
        raise BadRequest(
            "AccountSid is not the account this webhook is configured for; check TWILIO_ACCOUNT_SID.",
            status=403,
        )


def parse_inbound(params: Params, provider: Provider = "twilio") -> InboundMessage:
    """Read a message webhook (SMS or WhatsApp). `provider` is that of the secret that signed it.

    A message without words (a location, a voice note) gets a readable `text` in brackets, such as
    `[location: …]`, so that nothing downstream takes it for silence.

    Raises:
        BadRequest: MessageSid, From or To is missing or malformed, or they contradict each other.
    """
    fields = _fields(params)
    channel, sender = _address(fields, "From")
    our_channel, recipient = _address(fields, "To")
    if channel != our_channel:
        raise BadRequest("From and To are addresses of different channels; a message has only one.")
    media = _media(fields)
    kind, details = read_kind(fields, media), read_details(fields)
    words = next((said for name in _WORDS if (said := fields.get(name, "")).strip()), "")
    text = words or describe(fields, media, kind)
    return InboundMessage(
        provider=provider,
        channel=channel,
        provider_id=_sid(fields),
        sender=sender,
        recipient=recipient,
        text=text[:MAX_TEXT_CHARS],
        sender_name=_sender_name(fields),
        also_known_as=_also_known_as(fields, sender) if channel == "whatsapp" else (),
        media=media,
        provider_handled_opt_out=bool(fields.get("OptOutType", "").strip()),
        automatic=_SHORT_CODE.fullmatch(sender) is not None,
        kind=kind,
        details=replace(details, wordless=bool(text) and not words),
        raw=_raw(params),
    )


def parse_status(params: Params, query: Params, provider: Provider = "twilio") -> DeliveryStatus:
    """Read a status callback. Our message id is the parameter `m` of the callback URL's query.

    Raises:
        BadRequest: MessageSid or MessageStatus is missing or unknown, or `m` is no id.
    """
    fields = _fields(params)
    status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
    if status not in STATES:
        raise BadRequest(f"MessageStatus is missing or not one of {', '.join(STATES)}.")
    message_id = _uuid(query, "m")
    return DeliveryStatus(
        provider=provider,
        provider_id=_sid(fields),
        state=STATES[status],
        message_id=MessageId(message_id) if message_id else None,
        error_code=_error_code(fields),
        failure=failure_class(_error_code(fields)),
        raw=_raw(params),
    )


def callback_tenant(query: Params) -> TenantId | None:
    """Return the tenant a status callback is about: the parameter `t` of its URL's query.

    Raises:
        BadRequest: `t` is no id.
    """
    tenant_id = _uuid(query, "t")
    return TenantId(tenant_id) if tenant_id else None


# --- fields --------------------------------------------------------------------------------------------------


def _clean(text: str) -> str:
    """Remove NUL, which PostgreSQL cannot store, and lone surrogates, which UTF-8 cannot encode."""
    text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _fields(params: Params) -> Fields:
    return {_clean(name): _clean(value) for name, value in reversed(params)}


def _raw(params: Params) -> dict[str, Any]:
    """Return all parameters, JSON-safe: a repeated one as the list of its values."""
    values: dict[str, list[str]] = {}
    for name, value in params:
        values.setdefault(_clean(name), []).append(_clean(value))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _sid(fields: Fields) -> str:
    sid = fields.get("MessageSid", "")
    if _SID.fullmatch(sid) is None:
        raise BadRequest("MessageSid is missing or malformed; expected SM or MM and 32 hexadecimal digits.")
    return sid


def _address(fields: Fields, name: str) -> tuple[Channel, str]:
    """Return channel and address without prefix. A WhatsApp user may have an id instead of a number."""
    value = fields.get(name, "")
    if _WHATSAPP.fullmatch(value):
        return "whatsapp", value.removeprefix("whatsapp:")
    if _E164.fullmatch(value) or _SHORT_CODE.fullmatch(value):
        return "sms", value
    raise BadRequest(
        f"{name} is missing or malformed; expected a number such as +14155550101, `whatsapp:` and a number, "
        "or `whatsapp:` and a user id such as US.13491208655302741918."
    )


def _sender_name(fields: Fields) -> str | None:
    """Return what the person calls themselves, on one line. Never an identity: anybody may choose any name."""
    for key in ("ProfileName", "ProfileUsername", "Username"):
        if name := one_line(fields.get(key, ""), MAX_NAME_CHARS):
            return name
    return None


def _also_known_as(fields: Fields, sender: str) -> tuple[str, ...]:
    """Return the other addresses of a WhatsApp user: the user ids beside a number, or the number beside a user id."""
    named = [fields.get(name, "") for name in ("ExternalUserId", "ParentExternalUserId")]
    if not sender.startswith("+"):
        named.append(f"whatsapp:+{fields.get('WaId', '')}")
    found = (value.removeprefix("whatsapp:") for value in named if _WHATSAPP.fullmatch(value))
    return tuple(dict.fromkeys(each for each in found if each != sender))


def _media(fields: Fields) -> tuple[Media, ...]:
    """Return the attachments. Their addresses count, not `NumMedia`; only web addresses are kept."""
    found = []
    for index in range(MAX_MEDIA):
        url = fields.get(f"MediaUrl{index}", "")
        if url.startswith(("https://", "http://")) and len(url) <= MAX_URL_CHARS:
            content_type = one_line(fields.get(f"MediaContentType{index}", ""), 100)
            found.append(Media(url=url, content_type=content_type or "application/octet-stream"))
    return tuple(found)


def _error_code(fields: Fields) -> str | None:
    code = fields.get("ErrorCode", "").strip()[:20]
    return code if code.strip("0") else None


def _uuid(query: Params, name: str) -> UUID | None:
    value = dict(query).get(name)
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError as exc:
        raise BadRequest(f"The parameter {name} of the callback URL is not one of our ids.") from exc
