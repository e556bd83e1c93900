"""Signed links to stored files, through the web application: one file, ten minutes, nothing that a browser runs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from agent.media.disk import DiskMediaStore
from agent.ports import Deps
from agent.store.db import Database, Tx
from agent.types import MediaId, TenantId
from channels.media_links import LIFETIME, MediaKey, build_media_links, media_link
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.files import HTML, JPEG, OGG, PDF
from tests.integration.conftest import PUBLIC_URL
from tests.integration.tenant_rows import Rows

FRAME = "sandbox; default-src 'none'"


@dataclass(kw_only=True, slots=True)
class Shelf:
    """Stored files, the key that signs links to them, and a browser."""

    client: httpx.AsyncClient
    store: DiskMediaStore
    key: MediaKey
    db: Database
    tenant_id: TenantId
    clock: FakeClock

    async def keep(self, content: bytes, content_type: str, filename: str | None = None) -> MediaId:
        """Store a file as the media job does: the row `insert_rows` has made becomes it."""
        async with self.db.tenant(self.tenant_id) as tx:
            row = await (
                await tx.execute(
                    "update media set content_type = %s, filename = %s where state = 'stored' returning id",
                    (content_type, filename),
                )
            ).fetchone()
        assert row is not None
        media_id = MediaId(row["id"])
        await self.store.put(self.tenant_id, media_id, content, content_type)
        return media_id

    def link(self, media_id: MediaId, tenant_id: TenantId | None = None) -> str:
        """Return a link as the inbox gets it."""
        return media_link(self.key, tenant_id or self.tenant_id, media_id, self.clock())


@pytest.fixture
async def shelf(
    deps: Deps, db: Database, webhook_keys: WebhookKeys, tmp_path: Path, clock: FakeClock, b: Rows
) -> AsyncIterator[Shelf]:
    """The web application, with tenant B's files."""
    key, store = MediaKey.load(tmp_path), DiskMediaStore(tmp_path / "media")
    app = create_app(deps, webhook_keys, pages=[build_media_links(deps, key, store)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield Shelf(client=client, store=store, key=key, db=db, tenant_id=TenantId(b.tenant), clock=clock)


SERVED: dict[str, tuple[bytes, str, str, str]] = {
    "picture": (JPEG, "image/jpeg", "image/jpeg", "inline"),
    "voice note": (OGG, "audio/ogg", "audio/ogg", "inline"),
    "document": (PDF, "application/pdf", "application/octet-stream", "attachment"),
    "page": (HTML, "text/html", "application/octet-stream", "attachment"),
    "drawing that may have scripts": (b"<svg/>", "image/svg+xml", "application/octet-stream", "attachment"),
}


@pytest.mark.parametrize(("content", "kept_as", "content_type", "shown"), SERVED.values(), ids=SERVED.keys())
async def test_link_serves_its_file_so_that_no_browser_runs_it(
    shelf: Shelf, content: bytes, kept_as: str, content_type: str, shown: str
) -> None:
    answer = await shelf.client.get(shelf.link(await shelf.keep(content, kept_as, 'a"b\n é.html')))
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-disposition"] == f"{shown}; filename*=UTF-8''a%22b%0A%20%C3%A9.html"
    assert answer.headers["content-security-policy"] == FRAME
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"


async def test_link_ends_with_its_time(shelf: Shelf) -> None:
    link = shelf.link(await shelf.keep(JPEG, "image/jpeg"))
    shelf.clock.advance(LIFETIME.total_seconds())
    assert (await shelf.client.get(link)).status_code == 200
    shelf.clock.advance(1)
    answer = await shelf.client.get(link)
    assert answer.status_code == 403
    assert "expired" in answer.json()["error"]


def forged(link: str, what: str, value: str) -> str:
    """Return a link of which one thing is another, under its old signature."""
    parts = urlsplit(link)
    _, media, tenant, file = parts.path.split("/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    told = {"tenant": tenant, "file": file, **query, what: value}
    return f"/{media}/{told['tenant']}/{told['file']}?e={told['e']}&s={told['s']}"


FORGERIES: dict[str, tuple[str, str, int]] = {
    "another file": ("file", str(uuid4()), 403),
    "another tenant": ("tenant", str(uuid4()), 403),
    "a later end": ("e", "99999999999", 403),
    "no end at all": ("e", "never", 422),
    "another signature": ("s", "0" * 64, 403),
    "no signature": ("s", "", 403),
    "a signature that is no text": ("s", "%C3%A9%00", 403),
    "a path": ("file", "..%2F..%2Fetc", 404),
    "no file's name": ("file", "passwd", 422),
}


async def test_changed_link_opens_nothing(shelf: Shelf) -> None:
    link = shelf.link(await shelf.keep(JPEG, "image/jpeg"))
    assert (await shelf.client.get(link)).status_code == 200
    answers = {name: await shelf.client.get(forged(link, what, value)) for name, (what, value, _) in FORGERIES.items()}
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {name: status for name, (_, _, status) in FORGERIES.items()}
    assert not any(JPEG in answer.content for answer in answers.values())


async def test_link_signed_for_a_file_of_another_tenant_finds_none(shelf: Shelf, a: Rows) -> None:
    media_id = await shelf.keep(JPEG, "image/jpeg")
    await shelf.store.put(TenantId(a.tenant), media_id, b"the same id", "image/jpeg")
    answer = await shelf.client.get(shelf.link(media_id, TenantId(a.tenant)))
    assert answer.status_code == 404


async def test_another_installations_key_opens_nothing(shelf: Shelf, tmp_path: Path) -> None:
    media_id = await shelf.keep(JPEG, "image/jpeg")
    other = MediaKey.load(tmp_path / "other")
    answer = await shelf.client.get(media_link(other, shelf.tenant_id, media_id, shelf.clock()))
    assert answer.status_code == 403


@pytest.mark.parametrize("state", ["pending", "refused"])
async def test_file_that_is_not_stored_is_not_found(shelf: Shelf, admin: Tx, state: str, b: Rows) -> None:
    reason = "too large" if state == "refused" else ""
    await admin.execute("update media set state = %s, sha256 = null, reason = %s", (state, reason))
    assert (await shelf.client.get(shelf.link(MediaId(b.idle)))).status_code == 404


async def test_file_that_the_store_has_lost_is_not_found(shelf: Shelf) -> None:
    media_id = await shelf.keep(JPEG, "image/jpeg")
    await shelf.store.delete(shelf.tenant_id, media_id)
    answer = await shelf.client.get(shelf.link(media_id))
    assert (answer.status_code, answer.json()) == (404, {"error": "The file is no longer kept."})


def test_processes_of_one_installation_share_the_key(tmp_path: Path) -> None:
    assert MediaKey.load(tmp_path) == MediaKey.load(tmp_path)
    assert MediaKey.load(tmp_path).secret not in repr(MediaKey.load(tmp_path)).encode()
    assert (tmp_path / "media.key").stat().st_mode & 0o777 == 0o600


def test_signature_is_over_all_that_the_link_says(tmp_path: Path) -> None:
    key = MediaKey.load(tmp_path)
    said: list[tuple[Any, Any, int]] = [
        (UUID(int=one), UUID(int=two), end) for one in (1, 2) for two in (3, 4) for end in (5, 6)
    ]
    assert len({key.sign(*each) for each in said}) == len(said)
