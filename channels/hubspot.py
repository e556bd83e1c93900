"""HubSpot as a source of outcomes: its signature, version 3, and the one mapping of a deal that we know.

In HubSpot, a workflow on deals with the action "Send a webhook" posts to `/webhooks/outcomes/hubspot?tenant=SLUG`,
signed with an app's client secret (`nightshift outcomes secret --hubspot` takes it). Its request body is customised:

    dealId              the deal's record id                                    wanted
    dealstage           a stage of the default pipeline, or `kind` instead      wanted
    kind                booked, won or lost, typed in: for pipelines with stages of their own
    email, phone        of the deal's contact                                   one of them is wanted
    amount              the deal's amount, as HubSpot writes it: 1299.00        won
    deal_currency_code  ISO 4217; without it, the tenant's currency             won
    closed_lost_reason  why it was lost
    occurredAt          in milliseconds since 1970; without it, now
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from agent.deals import DealState
from agent.errors import BadRequest
from agent.outcomes import CURRENCIES
from agent.prices import to_minor

WINDOW = timedelta(minutes=5)
"""A request older than this is refused, as HubSpot asks."""
STAGES: Mapping[str, str] = {
    "appointmentscheduled": "booked",
    "closedwon": "won",
    "closedlost": "lost",
}
"""Stages of HubSpot's default sales pipeline that are outcomes; others tell nothing."""
_DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}
"""What HubSpot decodes in the URL before it signs."""
_SUBSCRIPTION = (
    "This is a subscription of an app, which tells neither contact nor amount. Send a webhook from a workflow on "
    "deals; its fields are in the manual."
)


def sign_v3(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """Return the value of `X-HubSpot-Signature-v3`."""
    for code, character in _DECODED.items():
        url = url.replace(code, character).replace(code.lower(), character)
    signed = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, sha256).digest()).decode()


def is_signed(
    secrets: Sequence[str], method: str, url: str, body: bytes, headers: Mapping[str, str], *, now: datetime
) -> bool:
    """Whether one of the secrets has signed this request, in the last five minutes."""
    timestamp = headers.get("x-hubspot-request-timestamp", "")
    signature = headers.get("x-hubspot-signature-v3", "").encode()
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 15):
        return False
    if abs(now - _from_millis(int(timestamp))) > WINDOW:
        return False
    return any(hmac.compare_digest(sign_v3(each, method, url, body, timestamp).encode(), signature) for each in secrets)


def read_deal(fields: Any, currency: str, now: datetime) -> DealState | None:
    """Read what HubSpot says of a deal; None: its stage is no outcome. `currency` is the tenant's.

    Raises:
        BadRequest: a field is missing or makes no sense.
    """
    if isinstance(fields, list):
        raise BadRequest(_SUBSCRIPTION, status=422)
    if not isinstance(fields, dict):
        raise BadRequest("A JSON object is wanted.", status=422)
    said = {name: _text(value) for name, value in fields.items()}
    kind = said.get("kind") or STAGES.get(said.get("dealstage", ""))
    if kind is None:
        return None
    if kind not in STAGES.values():
        raise BadRequest(f"kind: {kind!r} is none of booked, won, lost.", status=422)
    deal, contact = said.get("dealId", ""), said.get("email") or said.get("phone", "")
    if not deal or not contact:
        raise BadRequest("dealId, and email or phone of the contact, are wanted.", status=422)
    money = _money(said, currency) if kind == "won" else {}
    return DealState(
        deal=f"hubspot:{deal}",
        contact=contact,
        kind=kind,  # type: ignore[arg-type]  # one of STAGES
        occurred_at=_occurred_at(said.get("occurredAt", ""), now),
        reason=(said.get("closed_lost_reason") or "no reason given")[:500] if kind == "lost" else "",
        **money,
    )


def _text(value: object) -> str:
    """Return a field as text; empty: it is none, or none that could be stored."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return text if text.isprintable() else ""


def _money(said: Mapping[str, str], currency: str) -> dict[str, Any]:
    code = said.get("deal_currency_code") or currency
    if code not in CURRENCIES:
        raise BadRequest(f"deal_currency_code: {code!r} is no ISO 4217 code.", status=422)
    try:
        return {"amount_minor": to_minor(said.get("amount", ""), code), "currency": code}
    except ValueError as exc:
        raise BadRequest(f"amount: {exc}.", status=422) from exc


def _occurred_at(millis: str, now: datetime) -> datetime:
    if not millis:
        return now
    if not (millis.isascii() and millis.isdecimal() and len(millis) <= 15):
        raise BadRequest("occurredAt: milliseconds since 1970 are wanted.", status=422)
    return _from_millis(int(millis))


def _from_millis(millis: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
