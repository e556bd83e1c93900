"""Short-lived links to stored files: whoever holds one may see one file for ten minutes, and nothing else.

A link names tenant, file and expiry, and is signed over all three. What is served came from strangers: the browser may
not guess its type, run it, or let it reach anything, and only pictures, sound and film are shown in place.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response

from agent.errors import BadRequest, MediaMissing, Retryable
from agent.media.types import IMAGE_TYPES
from agent.ports import Deps, MediaStore
from agent.store.media import find_served_media
from agent.store.secret_files import keep_secret
from agent.types import MediaId, TenantId

KEY_FILE = "media.key"
LIFETIME = timedelta(minutes=10)
INLINE_TYPES = IMAGE_TYPES | {
    *("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/wav", "audio/webm"),
    *("video/mp4", "video/webm"),
}
"""Types that no browser runs anything of. All others are downloaded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaKey:
    """What links are signed with: a random secret kept in the home directory."""

    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, home: Path) -> Self:
        """Read the secret under `home` (mode 0600), making it the first time; processes may race."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(secret=keep_secret(home / KEY_FILE).encode())

    def sign(self, tenant_id: UUID, media_id: UUID, expires_at: int) -> str:
        """Return the signature of a link."""
        said = f"{tenant_id}/{media_id}/{expires_at}".encode()
        return hmac.new(self.secret, said, hashlib.sha256).hexdigest()


def media_link(key: MediaKey, tenant_id: TenantId, media_id: MediaId, now: datetime) -> str:
    """Return the path and query at which a file can be had until `LIFETIME` from now."""
    expires_at = int((now + LIFETIME).timestamp())
    query = urlencode({"e": expires_at, "s": key.sign(tenant_id, media_id, expires_at)})
    return f"/media/{tenant_id}/{media_id}?{query}"


def build_media_links(deps: Deps, key: MediaKey, store: MediaStore) -> APIRouter:
    """Build the route that serves files by signed links."""
    router = APIRouter(include_in_schema=False)

    @router.get("/media/{tenant_id}/{media_id}", response_model=None)
    async def serve(
        tenant_id: UUID,
        media_id: UUID,
        expires_at: Annotated[int, Query(alias="e", ge=0, lt=2**40)],
        signature: Annotated[str, Query(alias="s", max_length=200)],
    ) -> Response:
        expected = key.sign(tenant_id, media_id, expires_at)
        if not hmac.compare_digest(expected.encode(), signature.encode()) or expires_at < deps.now().timestamp():
            raise BadRequest("The link is wrong or has expired; open the conversation again.", status=403)
        async with deps.db.tenant(TenantId(tenant_id)) as tx:
            found = await find_served_media(tx, media_id)
        if found is None:
            raise BadRequest("There is no such file.", status=404)
        try:
            content = await store.get(TenantId(tenant_id), MediaId(media_id))
        except MediaMissing as exc:
            raise BadRequest("The file is no longer kept.", status=404) from exc
        except Retryable as exc:
            raise BadRequest("The file store cannot be reached; try again.", status=503) from exc
        return Response(content, headers=_headers(found.content_type, found.filename or str(media_id)))

    return router


def _headers(content_type: str, filename: str) -> dict[str, str]:
    shown = content_type in INLINE_TYPES
    return {
        "content-type": content_type if shown else "application/octet-stream",
        "content-disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(filename, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "private, no-store",
    }
