"""The media store on this machine: files by tenant and content, written whole or not at all."""

import asyncio
import hashlib
import os
import re
import tempfile
from pathlib import Path

from agent.errors import MediaMissing, Retryable
from agent.types import TenantId

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DiskMediaStore:
    """Implements `agent.ports.MediaStore` in a directory: `<tenant>/<first two digits>/<hash>`.

    Every path is made of a UUID and a hash that is checked, so no name of a sender can leave the directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, tenant_id: TenantId, content: bytes, content_type: str) -> str:  # noqa: ARG002 — the port's
        """Keep a file; return its SHA-256 in hexadecimal. The same content is kept once.

        Raises:
            Retryable: the disk does not take it.
        """
        try:
            return await asyncio.to_thread(self._put, tenant_id, content)
        except OSError as exc:
            raise Retryable(f"The media directory {self._root} takes no file: {exc.strerror}. Check its disk.") from exc

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        """Return a file.

        Raises:
            MediaMissing: it is not there.
        """
        try:
            return await asyncio.to_thread(self._path(tenant_id, sha256).read_bytes)
        except FileNotFoundError as exc:
            raise MediaMissing(f"The file {sha256} of tenant {tenant_id} is not in {self._root}.") from exc

    async def aclose(self) -> None:
        """Release nothing: there are no connections."""

    def _put(self, tenant_id: TenantId, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(tenant_id, sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return sha256

    def _path(self, tenant_id: TenantId, sha256: str) -> Path:
        if _SHA256.fullmatch(sha256) is None:
            raise ValueError("a file is known by the 64 hexadecimal digits of its SHA-256")
        return self._root / str(tenant_id) / sha256[:2] / sha256
