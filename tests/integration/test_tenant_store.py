"""A tenant file in the database: it comes back as saved, saving again changes nothing, addresses are not taken over."""

import asyncio
from dataclasses import replace

import pytest

from agent.errors import Misconfigured
from agent.ports import Deps
from agent.store.db import Database, Tx, fetch_one
from agent.store.tenants import TenantCache, find_tenant_id, get_tenant_file, list_tenants, save_tenant_file
from agent.tenant.diff import diff
from agent.tenant.file import ChannelAccount, TenantFile, tenant_id
from agent.turn import receive
from agent.types import CatalogueItem, Tenant
from tests.factories import make_inbound

ACCOUNTS = "select id, address from channel_accounts order by id"


async def save(db: Database, file: TenantFile) -> None:
    async with db.tenant(file.tenant.id) as tx:
        await save_tenant_file(tx, file)


async def load(db: Database, file: TenantFile) -> TenantFile:
    async with db.tenant(file.tenant.id) as tx:
        return await get_tenant_file(tx, file.tenant.id)


def with_first_price(tenant: Tenant, amount_minor: int) -> Tenant:
    """Return the tenant with another first price of its first item."""
    item = tenant.catalogue[0]
    changed = replace(item, prices=(replace(item.prices[0], amount_minor=amount_minor), *item.prices[1:]))
    return replace(tenant, catalogue=(changed, *tenant.catalogue[1:]))


async def test_saved_files_come_back_equal(db: Database, lumen: TenantFile, verdesolar: TenantFile) -> None:
    assert await load(db, lumen) == lumen
    assert await load(db, verdesolar) == verdesolar


async def test_saving_again_changes_nothing(db: Database, admin: Tx, lumen: TenantFile) -> None:
    before = await (await admin.execute(ACCOUNTS)).fetchall()
    await save(db, lumen)
    assert diff(await load(db, lumen), lumen) == []
    assert await (await admin.execute(ACCOUNTS)).fetchall() == before, "conversations hang on these rows"


async def test_changes_come_back_and_what_left_the_file_is_gone(db: Database, lumen: TenantFile) -> None:
    tenant = lumen.tenant
    changed = replace(
        with_first_price(tenant, 12_345),
        name="Lumen",
        policy=replace(tenant.policy, quiet_s=1.5),
        passages=tenant.passages[1:],
        forbidden=(),
    )
    changed = replace(changed, catalogue=changed.catalogue[:-1])
    file = replace(lumen, tenant=changed, channels=lumen.channels[:-1])
    await save(db, file)
    assert await load(db, file) == file


async def test_catalogue_order_is_the_files(db: Database, lumen: TenantFile) -> None:
    file = replace(lumen, tenant=replace(lumen.tenant, catalogue=lumen.tenant.catalogue[::-1]))
    await save(db, file)
    assert await load(db, file) == file


async def test_two_at_once_leave_one_whole_file(db: Database, lumen: TenantFile) -> None:
    files = [replace(lumen, tenant=with_first_price(lumen.tenant, amount)) for amount in range(100, 600, 100)]
    await asyncio.gather(*(save(db, file) for file in files))
    assert await load(db, lumen) in files


@pytest.mark.parametrize("spelling", [str, str.upper], ids=["same", "other_case"])
async def test_address_of_another_tenant_is_refused_and_nothing_saved(
    db: Database, lumen: TenantFile, verdesolar: TenantFile, spelling: type[str]
) -> None:
    theirs = next(account for account in verdesolar.channels if account.channel == "email")
    taken = ChannelAccount(channel="email", address=spelling(theirs.address), provider="simulator")
    greedy = replace(lumen, tenant=replace(lumen.tenant, name="Greedy"), channels=(taken,))
    with pytest.raises(Misconfigured, match="belongs to another tenant"):
        await save(db, greedy)
    assert await load(db, lumen) == lumen
    assert await load(db, verdesolar) == verdesolar


async def test_channel_with_conversations_cannot_leave_the_file(deps: Deps, lumen: TenantFile) -> None:
    await receive(make_inbound(), deps)
    with pytest.raises(Misconfigured, match=r"\+34910555012 has conversations"):
        await save(deps.db, replace(lumen, channels=lumen.channels[1:]))
    assert await load(deps.db, lumen) == lumen
    without_mail = replace(lumen, channels=lumen.channels[:2])
    await save(deps.db, without_mail)
    assert await load(deps.db, lumen) == without_mail


async def test_price_change_is_seen_through_the_cache(db: Database, lumen: TenantFile) -> None:
    cache = TenantCache()

    async def cached() -> Tenant:
        async with db.tenant(lumen.tenant.id) as tx:
            return await cache.get(tx, lumen.tenant.id)

    def first_price(item: CatalogueItem) -> int:
        return item.prices[0].amount_minor

    kept = await cached()
    assert kept == lumen.tenant
    assert await cached() is kept
    await save(db, replace(lumen, tenant=with_first_price(lumen.tenant, 12_345)))
    assert first_price((await cached()).catalogue[0]) == 12_345


async def test_change_that_was_rolled_back_is_not_kept_by_the_cache(db: Database, lumen: TenantFile) -> None:
    cache = TenantCache()
    async with db.tenant(lumen.tenant.id) as tx:
        async with tx.transaction(force_rollback=True):
            await save_tenant_file(tx, replace(lumen, tenant=with_first_price(lumen.tenant, 12_345)))
            assert (await cache.get(tx, lumen.tenant.id)) != lumen.tenant
        assert await cache.get(tx, lumen.tenant.id) == lumen.tenant


async def test_operators_see_tenants_by_name(db: Database, lumen: TenantFile, verdesolar: TenantFile) -> None:
    async with db.system() as tx:
        assert [tenant.slug for tenant in await list_tenants(tx)] == ["lumen", "verdesolar"]
        assert await find_tenant_id(tx, "verdesolar") == verdesolar.tenant.id
        assert await find_tenant_id(tx, "nobody") is None


async def test_tenant_that_was_never_applied_says_so(db: Database) -> None:
    unknown = tenant_id("nobody")
    async with db.tenant(unknown) as tx:
        with pytest.raises(LookupError, match="nightshift tenant apply"):
            await get_tenant_file(tx, unknown)
        with pytest.raises(LookupError, match="does not exist"):
            await TenantCache().get(tx, unknown)
        assert await fetch_one(tx, "select from tenants") is None
