"""The media store on this machine: files by tenant and id, written whole or not at all."""

import asyncio
import os
import tempfile
from pathlib import Path
from uuid import UUID

from agent.errors import MediaMissing, Retryable
from agent.types import MediaId, TenantId


class DiskMediaStore:
    """Implements `agent.ports.MediaStore` in a directory: `<tenant>/<last two digits>/<id>`.

    Every path is made of two UUIDs, so no name of a sender can leave the directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, tenant_id: TenantId, media_id: MediaId, content: bytes, content_type: str) -> None:  # noqa: ARG002 — the port's
        """Keep a file; see `agent.ports.MediaStore`."""
        try:
            await asyncio.to_thread(_write, self._path(tenant_id, media_id), content)
        except OSError as exc:
            raise Retryable(f"The media directory {self._root} takes no file: {exc.strerror}. Check its disk.") from exc

    async def get(self, tenant_id: TenantId, media_id: MediaId) -> bytes:
        """Return a file; see `agent.ports.MediaStore`."""
        try:
            return await asyncio.to_thread(self._path(tenant_id, media_id).read_bytes)
        except FileNotFoundError as exc:
            raise MediaMissing(f"The file {media_id} of tenant {tenant_id} is not in {self._root}.") from exc
        except OSError as exc:
            raise Retryable(f"The media directory {self._root} gives no file: {exc.strerror}. Check its disk.") from exc

    async def delete(self, tenant_id: TenantId, media_id: MediaId) -> None:
        """Have a file no more; see `agent.ports.MediaStore`."""
        try:
            await asyncio.to_thread(self._path(tenant_id, media_id).unlink, missing_ok=True)
        except OSError as exc:
            raise Retryable(f"The media directory {self._root} keeps a file: {exc.strerror}. Check its disk.") from exc

    async def aclose(self) -> None:
        """Release nothing: there are no connections."""

    def _path(self, tenant_id: TenantId, media_id: MediaId) -> Path:
        name = str(UUID(str(media_id)))  # its last digits are random, its first ones the time
        return self._root / str(UUID(str(tenant_id))) / name[-2:] / name


def _write(path: Path, content: bytes) -> None:
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
