"""The media store in Supabase Storage: a private bucket, one object per file.

Plain HTTP to the Storage API (https://supabase.com/docs/reference/api), so that no further client is needed. Its errors
are JSON whose `statusCode` counts, not always the HTTP status: a missing object or bucket is a 400.
"""

import asyncio

import httpx

from agent.errors import MediaMissing, Retryable
from agent.types import MediaId, TenantId

BUCKET = "nightshift-media"
TIMEOUT = httpx.Timeout(connect=5, read=20, write=20, pool=5)
TOTAL_TIMEOUT_S = 40.0


class SupabaseMediaStore:
    """Implements `agent.ports.MediaStore`. The bucket is made at the first need, private."""

    def __init__(self, *, url: str, secret_key: str, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/storage/v1",
            headers={"apikey": secret_key, "authorization": f"Bearer {secret_key}"},
            timeout=timeout,
        )

    async def put(self, tenant_id: TenantId, media_id: MediaId, content: bytes, content_type: str) -> None:
        """Keep a file; see `agent.ports.MediaStore`."""
        headers = {"content-type": content_type, "x-upsert": "true", "cache-control": "no-store"}
        path = _object(tenant_id, media_id)
        answer = await self._send("POST", path, content=content, headers=headers)
        if _status(answer) == 404:
            await self._make_bucket()
            answer = await self._send("POST", path, content=content, headers=headers)
        _require_success(answer)

    async def get(self, tenant_id: TenantId, media_id: MediaId) -> bytes:
        """Return a file; see `agent.ports.MediaStore`."""
        answer = await self._send("GET", _object(tenant_id, media_id))
        if _status(answer) == 404:
            raise MediaMissing(f"The file {media_id} of tenant {tenant_id} is not in Supabase Storage.")
        _require_success(answer)
        return answer.content

    async def delete(self, tenant_id: TenantId, media_id: MediaId) -> None:
        """Have a file no more; see `agent.ports.MediaStore`."""
        answer = await self._send("DELETE", _object(tenant_id, media_id))
        if _status(answer) != 404:
            _require_success(answer)

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

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


def _object(tenant_id: TenantId, media_id: MediaId) -> str:
    return f"/object/{BUCKET}/{tenant_id}/{media_id}"


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
