"""The media store in Supabase Storage: a private bucket, one object per tenant and content.

Plain HTTP to the Storage API (https://supabase.com/docs/reference/api), so that no further client is needed. Its errors
are JSON whose `statusCode` counts, not always the HTTP status: a missing object or bucket is a 400.
"""

import asyncio
import hashlib
import re

import httpx

from agent.errors import MediaMissing, Retryable
from agent.types import TenantId

BUCKET = "nightshift-media"
TIMEOUT = httpx.Timeout(connect=5, read=20, write=20, pool=5)
TOTAL_TIMEOUT_S = 40.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SupabaseMediaStore:
    """Implements `agent.ports.MediaStore`. The bucket is made at the first need, private."""

    def __init__(self, *, url: str, secret_key: str, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/storage/v1",
            headers={"apikey": secret_key, "authorization": f"Bearer {secret_key}"},
            timeout=timeout,
        )

    async def put(self, tenant_id: TenantId, content: bytes, content_type: str) -> str:
        """Keep a file; see `agent.ports.MediaStore`."""
        sha256 = hashlib.sha256(content).hexdigest()
        answer = await self._upload(tenant_id, sha256, content, content_type)
        if _status(answer) == 404:
            await self._make_bucket()
            answer = await self._upload(tenant_id, sha256, content, content_type)
        _require_success(answer)
        return sha256

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        """Return a file; see `agent.ports.MediaStore`."""
        answer = await self._send("GET", f"/object/{BUCKET}/{_path(tenant_id, sha256)}")
        if _status(answer) == 404:
            raise MediaMissing(f"The file {sha256} of tenant {tenant_id} is not in Supabase Storage.")
        _require_success(answer)
        return answer.content

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    async def _upload(self, tenant_id: TenantId, sha256: str, content: bytes, content_type: str) -> httpx.Response:
        headers = {"content-type": content_type, "x-upsert": "true", "cache-control": "no-store"}
        path = f"/object/{BUCKET}/{_path(tenant_id, sha256)}"
        return await self._send("POST", path, content=content, headers=headers)

    async def _make_bucket(self) -> None:
        answer = await self._send("POST", "/bucket", json={"id": BUCKET, "name": BUCKET, "public": False})
        if _status(answer) != 409:  # somebody was faster
            _require_success(answer)

    async def _send(self, method: str, path: str, **request: object) -> httpx.Response:
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                return await self._http.request(method, path, **request)  # type: ignore[arg-type]  # httpx's own names
        except (httpx.RequestError, TimeoutError) as exc:
            raise Retryable(f"Supabase Storage gave no answer: {type(exc).__name__}.") from exc


def _path(tenant_id: TenantId, sha256: str) -> str:
    if _SHA256.fullmatch(sha256) is None:
        raise ValueError("a file is known by the 64 hexadecimal digits of its SHA-256")
    return f"{tenant_id}/{sha256}"


def _status(answer: httpx.Response) -> int:
    """Return the status that counts."""
    if answer.is_success:
        return answer.status_code
    try:
        return int(answer.json()["statusCode"])
    except (ValueError, KeyError, TypeError):
        return answer.status_code


def _require_success(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    hint = " Check SUPABASE_URL and SUPABASE_SECRET_KEY." if _status(answer) in (401, 403) else ""
    raise Retryable(f"Supabase Storage answered {_status(answer)}.{hint}")
