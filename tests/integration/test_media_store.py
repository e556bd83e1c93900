"""The two media stores behind one port: the same promises on disk and in Supabase Storage."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from agent.errors import MediaMissing, Retryable
from agent.media.disk import DiskMediaStore
from agent.media.supabase import BUCKET, SupabaseMediaStore
from agent.ports import MediaStore
from agent.settings import Settings
from agent.types import MediaId, TenantId
from jobs.wiring import build_media_store
from tests.doubles.supabase_storage import SECRET_KEY, SupabaseStorageDouble
from tests.files import JPEG, PDF
from tests.serving import serving

ONE, OTHER = TenantId(UUID(int=1)), TenantId(UUID(int=2))
PHOTO, LATER = MediaId(UUID(int=0xA1)), MediaId(UUID(int=0xA2))


@pytest.fixture(params=["disk", "supabase"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MediaStore]:
    """Each implementation in turn."""
    if request.param == "disk":
        yield DiskMediaStore(tmp_path)
        return
    double = SupabaseStorageDouble()
    async with serving(lambda _: double.app()) as url:
        opened = SupabaseMediaStore(url=url, secret_key=SECRET_KEY)
        yield opened
        await opened.aclose()


async def test_file_is_found_again_and_only_under_its_tenant_and_id(store: MediaStore) -> None:
    await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    assert await store.get(ONE, PHOTO) == JPEG
    for tenant, media in ((OTHER, PHOTO), (ONE, LATER)):
        with pytest.raises(MediaMissing):
            await store.get(tenant, media)


async def test_deleted_file_is_gone_and_takes_no_other_with_it(store: MediaStore) -> None:
    await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    await store.put(ONE, LATER, PDF, "application/pdf")
    await store.delete(ONE, PHOTO)
    await store.delete(ONE, PHOTO)  # once more: nothing to do
    with pytest.raises(MediaMissing):
        await store.get(ONE, PHOTO)
    assert await store.get(ONE, LATER) == PDF


def test_configured_supabase_keeps_files_and_else_the_disk(tmp_path: Path) -> None:
    key = SecretStr(SECRET_KEY)
    configured = Settings(_env_file=None, supabase_url="https://x.supabase.co", supabase_secret_key=key)
    assert isinstance(build_media_store(configured), SupabaseMediaStore)
    assert isinstance(build_media_store(Settings(_env_file=None, nightshift_home=tmp_path)), DiskMediaStore)


async def test_id_that_is_none_leads_nowhere(tmp_path: Path) -> None:
    name: Any = "../../etc/passwd"
    with pytest.raises(ValueError, match="UUID"):
        await DiskMediaStore(tmp_path).get(ONE, name)


async def test_disk_keeps_a_file_for_its_owner_only_and_nothing_beside(tmp_path: Path) -> None:
    store = DiskMediaStore(tmp_path)
    await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    assert _files(tmp_path) == {tmp_path / str(ONE) / "a1" / str(PHOTO): 0o600}


def _files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}


async def test_disk_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    store = DiskMediaStore(tmp_path / "taken")
    for work in (store.put(ONE, PHOTO, JPEG, "image/jpeg"), store.get(ONE, PHOTO), store.delete(ONE, PHOTO)):
        with pytest.raises(Retryable, match="Check its disk"):
            await work


async def test_supabase_makes_its_bucket_private_at_the_first_need() -> None:
    double = SupabaseStorageDouble()
    async with serving(lambda _: double.app()) as url:
        store = SupabaseMediaStore(url=url, secret_key=SECRET_KEY)
        await store.put(ONE, PHOTO, JPEG, "image/jpeg")
        assert double.buckets == {BUCKET: {f"{ONE}/{PHOTO}": (JPEG, "image/jpeg")}}
        assert double.public == set()
        for work in (store.get(ONE, PHOTO), store.delete(ONE, PHOTO)):
            double.statuses = [503]
            with pytest.raises(Retryable, match="503"):
                await work
        await store.aclose()


async def test_supabase_with_a_wrong_key_or_away_is_told_and_tried_again() -> None:
    double = SupabaseStorageDouble()
    async with serving(lambda _: double.app()) as url:
        store = SupabaseMediaStore(url=url, secret_key="sb_secret_wrong")
        with pytest.raises(Retryable, match="SUPABASE_SECRET_KEY"):
            await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    with pytest.raises(Retryable, match="gave no answer"):
        await store.put(ONE, PHOTO, JPEG, "image/jpeg")
    await store.aclose()
