"""The two media stores behind one port: the same promises on disk and in Supabase Storage."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from agent.errors import MediaMissing, Retryable
from agent.media_disk import DiskMediaStore
from agent.media_supabase import BUCKET, SupabaseMediaStore
from agent.ports import MediaStore
from agent.types import TenantId
from tests.doubles.supabase_storage import SECRET_KEY, SupabaseStorageDouble
from tests.files import JPEG
from tests.serving import serving

ONE, OTHER = TenantId(UUID(int=1)), TenantId(UUID(int=2))
SHA256 = hashlib.sha256(JPEG).hexdigest()


@dataclass(slots=True, kw_only=True)
class Stores:
    """A store, and what is behind it."""

    store: MediaStore
    root: Path
    supabase: SupabaseStorageDouble


@pytest.fixture(params=["disk", "supabase"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Each implementation in turn."""
    double = SupabaseStorageDouble()
    if request.param == "disk":
        yield Stores(store=DiskMediaStore(tmp_path), root=tmp_path, supabase=double)
        return
    async with serving(lambda _: double.app()) as url:
        store = SupabaseMediaStore(url=url, secret_key=SECRET_KEY)
        yield Stores(store=store, root=tmp_path, supabase=double)
        await store.aclose()


async def test_file_is_found_again_by_its_content_and_only_under_its_tenant(stores: Stores) -> None:
    store = stores.store
    assert await store.put(ONE, JPEG, "image/jpeg") == SHA256
    assert await store.put(ONE, JPEG, "image/jpeg") == SHA256
    assert await store.get(ONE, SHA256) == JPEG
    with pytest.raises(MediaMissing):
        await store.get(OTHER, SHA256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, f"{'a' * 64}/../x", ""])
async def test_name_that_is_no_hash_is_refused_before_anything_is_asked(stores: Stores, name: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        await stores.store.get(ONE, name)


async def test_disk_keeps_one_file_for_its_owner_only_and_nothing_beside(tmp_path: Path) -> None:
    store = DiskMediaStore(tmp_path)
    await store.put(ONE, JPEG, "image/jpeg")
    await store.put(ONE, JPEG, "image/jpeg")
    assert _files(tmp_path) == {tmp_path / str(ONE) / SHA256[:2] / SHA256: 0o600}


def _files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}


async def test_disk_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    with pytest.raises(Retryable, match="Check its disk"):
        await DiskMediaStore(tmp_path / "taken").put(ONE, JPEG, "image/jpeg")


async def test_supabase_makes_its_bucket_private_at_the_first_need() -> None:
    double = SupabaseStorageDouble()
    async with serving(lambda _: double.app()) as url:
        store = SupabaseMediaStore(url=url, secret_key=SECRET_KEY)
        await store.put(ONE, JPEG, "image/jpeg")
        assert double.buckets == {BUCKET: {f"{ONE}/{SHA256}": (JPEG, "image/jpeg")}}
        assert double.public == set()
        double.statuses = [503]
        with pytest.raises(Retryable, match="503"):
            await store.get(ONE, SHA256)
        await store.aclose()


async def test_supabase_with_a_wrong_key_or_away_is_told_and_tried_again() -> None:
    double = SupabaseStorageDouble()
    async with serving(lambda _: double.app()) as url:
        store = SupabaseMediaStore(url=url, secret_key="sb_secret_wrong")
        with pytest.raises(Retryable, match="SUPABASE_SECRET_KEY"):
            await store.put(ONE, JPEG, "image/jpeg")
    with pytest.raises(Retryable, match="gave no answer"):
        await store.put(ONE, JPEG, "image/jpeg")
    await store.aclose()
