"""Outcomes that a business's own systems report: `POST /webhooks/outcomes?tenant=SLUG`, signed by the tenant's secret.

    Nightshift-Signature: t=1763391600,v1=5f2c…      v1: hex of HMAC-SHA256 over `t`, a point, and the body

Several `v1` may stand in one header while a secret is being replaced. What is older or newer than five minutes is
refused; the same outcome, sent again, changes nothing. While PostgreSQL is away the answer is 503: send it again.
"""

import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from agent.deals import record_deal
from agent.errors import BadRequest
from agent.outcomes import Stored, read_outcome, record_outcome
from agent.ports import Deps
from agent.store.db import Tx
from agent.store.outcomes import Outcome, list_secrets
from agent.store.tenants import find_tenant_id
from agent.types import TenantId
from channels import hubspot
from channels.twilio_signature import signed_url
from channels.webhooks import read_body

MAX_BYTES = 64 * 1024
WINDOW = timedelta(minutes=5)
_REFUSED = (
    "The signature is missing, wrong or older than five minutes, or there is no such tenant. `nightshift outcomes "
    "secret` gives a tenant its secret."
)


def build_outcome_webhooks(deps: Deps) -> APIRouter:
    """Return the routes on which outcomes are reported."""
    router = APIRouter(prefix="/webhooks/outcomes")

    @router.post("")
    async def outcome(request: Request) -> JSONResponse:
        body, header = await read_body(request, MAX_BYTES), request.headers.get("nightshift-signature", "")
        now = deps.now()
        tenant_id = await _tenant_of(request, deps)
        async with deps.db.tenant(tenant_id) as tx:
            if not is_signed(await list_secrets(tx, "webhook", now), header, body, now):
                raise BadRequest(_REFUSED, status=403)
            reported = read_outcome(_json(body))
            stored, recorded = await record_outcome(tx, tenant_id, reported, "webhook", now=now)
        return _answer(stored, recorded)

    @router.post("/hubspot")
    async def hubspot_deal(request: Request) -> JSONResponse:
        body, now = await read_body(request, MAX_BYTES), deps.now()
        url = signed_url(deps.settings.public_url, request.scope["raw_path"], request.scope["query_string"])
        tenant_id = await _tenant_of(request, deps)
        async with deps.db.tenant(tenant_id) as tx:
            secrets = await list_secrets(tx, "hubspot", now)
            if not hubspot.is_signed(secrets, request.method, url, body, request.headers, now=now):
                raise BadRequest(_REFUSED, status=403)
            return await _take_deal(tx, tenant_id, _json(body), deps)

    return router


async def _take_deal(tx: Tx, tenant_id: TenantId, fields: Any, deps: Deps) -> JSONResponse:
    tenant = await deps.tenants.get(tx, tenant_id)
    state = hubspot.read_deal(fields, tenant.currency, deps.now())
    if state is None:
        return JSONResponse({"status": "ignored", "why": "this stage is no outcome"})
    stored, recorded = await record_deal(tx, tenant_id, state, "hubspot", now=deps.now())
    return _answer(stored, recorded)


def _answer(stored: Stored | str, outcome: Outcome) -> JSONResponse:
    told = {"status": stored, "outcome": str(outcome.id), "matched": outcome.contact_id is not None}
    return JSONResponse(told, status_code=201 if stored == "recorded" else 200)


async def _tenant_of(request: Request, deps: Deps) -> TenantId:
    """Return whose outcome it is; that there is no such tenant is nobody's to know."""
    slug = request.query_params.get("tenant", "")
    async with deps.db.system() as connection:
        found = await find_tenant_id(connection, slug) if slug.isprintable() else None
    if found is None:
        raise BadRequest(_REFUSED, status=403)
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadRequest("The body is not JSON in UTF-8.") from exc


def sign(secret: str, body: bytes, at: datetime) -> str:
    """Return the value of `Nightshift-Signature`."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={_digest(secret, seconds, body)}"


def is_signed(secrets: Sequence[str], header: str, body: bytes, now: datetime) -> bool:
    """Whether one of the secrets has signed this body within five minutes of now."""
    parts = [part.strip().partition("=") for part in header[:1000].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        return False
    if abs(now - (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(times[0])))) > WINDOW:
        return False
    given = [value.encode() for name, _, value in parts if name == "v1"]
    wanted = [_digest(each, times[0], body).encode() for each in secrets]
    return any(hmac.compare_digest(each, ours) for each in given for ours in wanted)


def _digest(secret: str, seconds: str, body: bytes) -> str:
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, sha256).hexdigest()
