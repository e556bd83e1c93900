"""Tenants and what they have published: a tenant file taken apart into rows, and put together again.

The profile (voice, hours, policies of behaviour) is one JSON document; catalogue, prices and passages are rows of
their own, so that they can be read, audited and changed one by one.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.errors import Misconfigured
from agent.ids import new_id
from agent.prices import to_amount, to_minor
from agent.store.db import Tx, fetch_one, set_tenant
from agent.tenant.file import ChannelAccount, TenantFile, account_document, from_document, to_document
from agent.types import Tenant, TenantId

_OWN_TABLES = ("catalogue", "policies", "facts", "channels")
_DOCUMENT = "tenant file"


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantName:
    """A tenant as operators list it."""

    id: TenantId
    slug: str
    name: str


async def list_tenants(tx: Tx) -> list[TenantName]:
    """Return all tenants of this installation, by slug."""
    cursor = await tx.execute("select * from list_tenants()")
    return [
        TenantName(id=row["tenant_id"], slug=row["tenant_slug"], name=row["tenant_name"])
        for row in await cursor.fetchall()
    ]


async def find_tenant_id(tx: Tx, slug: str) -> TenantId | None:
    """Return the id of the tenant with this slug."""
    row = await fetch_one(tx, "select find_tenant_id(%s) as id", (slug,))
    return row["id"] if row else None


@dataclass(frozen=True, slots=True)
class TenantCache:
    """Tenants as last read, kept until their row changes. The tenant is the key (promise P7)."""

    _kept: dict[TenantId, tuple[datetime, Tenant]] = field(default_factory=dict)

    async def get(self, tx: Tx, tenant_id: TenantId) -> Tenant:
        """Return the transaction's tenant as it is published now.

        Raises:
            LookupError: there is no such tenant.
        """
        row = await fetch_one(tx, "select updated_at from tenants where id = %s", (tenant_id,))
        if row is None:
            raise LookupError(f"tenant {tenant_id} does not exist")
        kept = self._kept.get(tenant_id)
        if kept is None or kept[0] != row["updated_at"]:
            kept = (row["updated_at"], (await get_tenant_file(tx, tenant_id)).tenant)
            self._kept[tenant_id] = kept
        return kept[1]


async def find_tenant_file(tx: Tx, tenant_id: TenantId) -> TenantFile | None:
    """Return what a tenant has published, or None when it is not there yet."""
    row = await fetch_one(
        tx,
        """select t.profile,
             (select coalesce(jsonb_agg(to_jsonb(a) order by id), '[]') from (
                  select id, channel, address, provider, messages_per_second, segment_microusd
                  from channel_accounts where tenant_id = t.id) a) as channels,
             (select coalesce(jsonb_agg(content order by position), '[]')
              from catalogue_items where tenant_id = t.id) as catalogue,
             (select coalesce(jsonb_agg(jsonb_build_object('key', key, 'kind', kind, 'content', content)
                                        order by position), '[]') from passages where tenant_id = t.id) as passages
           from tenants t where t.id = %s""",
        (tenant_id,),
    )
    if row is None:
        return None
    prices = await (
        await tx.execute(
            """select i.sku, p.amount_minor, p.currency, p.unit, p.valid_from, p.valid_to
               from price_rules p join catalogue_items i on i.id = p.item_id
               where p.tenant_id = %s order by p.position""",
            (tenant_id,),
        )
    ).fetchall()
    return from_document(_assembled(row, prices))


async def get_tenant_file(tx: Tx, tenant_id: TenantId) -> TenantFile:
    """Return what a tenant has published.

    Raises:
        LookupError: there is no such tenant.
    """
    found = await find_tenant_file(tx, tenant_id)
    if found is None:
        raise LookupError(f"tenant {tenant_id} does not exist; apply its file with `nightshift tenant apply`")
    return found


def _assembled(row: DictRow, prices: list[DictRow]) -> dict[str, Any]:
    by_sku: dict[str, list[dict[str, Any]]] = {}
    for price in prices:
        by_sku.setdefault(price["sku"], []).append(_price_entry(price))
    passages = row["passages"]
    return {
        **row["profile"],
        "channels": [account_document(_account(each)) for each in row["channels"]],
        "catalogue": [{**item, "prices": by_sku.get(item["sku"], [])} for item in row["catalogue"]],
        "policies": {each["key"]: each["content"] for each in passages if each["kind"] == "policy"},
        "facts": [{"id": each["key"], **each["content"]} for each in passages if each["kind"] == "fact"],
    }


def _account(row: dict[str, Any]) -> ChannelAccount:
    return ChannelAccount(**{key: value for key, value in row.items() if key != "id"})


def _price_entry(price: DictRow) -> dict[str, Any]:
    entry = {
        "amount": to_amount(price["amount_minor"], price["currency"]),
        "currency": price["currency"],
        "unit": price["unit"],
        "valid_from": price["valid_from"] and price["valid_from"].isoformat(),
        "valid_to": price["valid_to"] and price["valid_to"].isoformat(),
    }
    return {key: value for key, value in entry.items() if value is not None}


async def save_tenant_file(tx: Tx, file: TenantFile) -> None:
    """Make the database say what the file says, in the caller's transaction. Sets the transaction's tenant.

    Channel accounts that conversations hang on keep their rows; one that left the file is only removed when
    nothing was ever said on it.

    Raises:
        Misconfigured: an address belongs to another tenant, or one with conversations left the file.
    """
    tenant = file.tenant
    await set_tenant(tx, tenant.id)
    document = to_document(file)
    await tx.execute(
        """insert into tenants (id, slug, name, quiet_s, max_wait_s, profile) values (%s, %s, %s, %s, %s, %s)
           on conflict (id) do update set name = excluded.name, quiet_s = excluded.quiet_s,
               max_wait_s = excluded.max_wait_s, profile = excluded.profile, updated_at = clock_timestamp()""",
        (tenant.id, tenant.slug, tenant.name, tenant.policy.quiet_s, tenant.policy.max_wait_s, _profile(document)),
    )
    await _save_channels(tx, tenant.id, file.channels)
    await _save_catalogue(tx, tenant.id, document["catalogue"])
    await _save_passages(tx, tenant.id, document)


async def update_published(tx: Tx, file: TenantFile) -> None:
    """Make a tenant what the file says but for its channel accounts, in the caller's transaction and with its rights.

    Raises:
        LookupError: there is no such tenant, or it may not be changed by whoever asks.
    """
    tenant, document = file.tenant, to_document(file)
    done = await tx.execute(
        """update tenants set name = %s, quiet_s = %s, max_wait_s = %s, profile = %s, updated_at = clock_timestamp()
           where id = %s""",
        (tenant.name, tenant.policy.quiet_s, tenant.policy.max_wait_s, _profile(document), tenant.id),
    )
    if done.rowcount != 1:
        raise LookupError(f"tenant {tenant.id} cannot be changed")
    await _save_catalogue(tx, tenant.id, document["catalogue"])
    await _save_passages(tx, tenant.id, document)


def _profile(document: dict[str, Any]) -> Jsonb:
    """Return what stands in the tenant's own row."""
    return Jsonb({key: value for key, value in document.items() if key not in _OWN_TABLES})


async def _save_channels(tx: Tx, tenant_id: TenantId, channels: tuple[ChannelAccount, ...]) -> None:
    for account in channels:
        owner = await fetch_one(
            tx, "select account_tenant_id from find_channel_account(%s, %s)", (account.channel, account.address)
        )
        if owner and owner["account_tenant_id"] != tenant_id:
            raise Misconfigured(
                f"The {account.channel} address {account.address} already belongs to another tenant.",
                "An address can receive for one tenant only: use another one, or take it out of the other's file.",
            )
        await tx.execute(
            """insert into channel_accounts
                   (id, tenant_id, channel, address, provider, messages_per_second, segment_microusd)
               values (%(id)s, %(tenant_id)s, %(channel)s, %(address)s, %(provider)s, %(messages_per_second)s,
                       %(segment_microusd)s)
               on conflict (channel, lower(address)) do update
                   set provider = excluded.provider, address = excluded.address,
                       messages_per_second = excluded.messages_per_second,
                       segment_microusd = excluded.segment_microusd,
                       -- What another provider had before is history.
                       swept_until = case when channel_accounts.provider = excluded.provider
                                          then channel_accounts.swept_until else now() end""",
            {"id": new_id(), "tenant_id": tenant_id, **asdict(account)},
        )
    kept = [f"{account.channel}:{account.address.lower()}" for account in channels]
    await tx.execute(
        """delete from channel_accounts a where tenant_id = %s and not (channel || ':' || lower(address) = any(%s))
             and not exists (select from conversations c where c.channel_account_id = a.id)""",
        (tenant_id, kept),
    )
    left = await fetch_one(
        tx,
        """select channel, address from channel_accounts
           where tenant_id = %s and not (channel || ':' || lower(address) = any(%s)) limit 1""",
        (tenant_id, kept),
    )
    if left:
        raise Misconfigured(
            f"The {left['channel']} address {left['address']} has conversations but is not in the file any more.",
            "Put it back under `channels:`; messages to it would be refused otherwise.",
        )


async def _save_catalogue(tx: Tx, tenant_id: TenantId, catalogue: list[dict[str, Any]]) -> None:
    await tx.execute("delete from price_rules where tenant_id = %s", (tenant_id,))
    await tx.execute(
        "delete from catalogue_items where tenant_id = %s and not (sku = any(%s))",
        (tenant_id, [item["sku"] for item in catalogue]),
    )
    for position, item in enumerate(catalogue):
        content = {key: value for key, value in item.items() if key != "prices"}
        row = await fetch_one(
            tx,
            """insert into catalogue_items (id, tenant_id, sku, position, content) values (%s, %s, %s, %s, %s)
               on conflict (tenant_id, sku) do update
                   set position = excluded.position, content = excluded.content returning id""",
            (new_id(), tenant_id, item["sku"], position, Jsonb(content)),
        )
        if row is None:
            raise RuntimeError(f"catalogue item {item['sku']} was not stored")
        for place, price in enumerate(item["prices"]):
            await tx.execute(
                """insert into price_rules
                       (id, tenant_id, item_id, position, amount_minor, currency, unit, valid_from, valid_to)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                (
                    new_id(),
                    tenant_id,
                    row["id"],
                    place,
                    to_minor(price["amount"], price["currency"]),
                    price["currency"],
                    price["unit"],
                    price.get("valid_from"),
                    price.get("valid_to"),
                ),
            )


async def _save_passages(tx: Tx, tenant_id: TenantId, document: dict[str, Any]) -> None:
    passages = [("policy", key, content) for key, content in document["policies"].items()]
    passages += [
        ("fact", fact["id"], {key: value for key, value in fact.items() if key != "id"}) for fact in document["facts"]
    ]
    row = await fetch_one(
        tx,
        """insert into documents (id, tenant_id, name, content_hash) values (%s, %s, %s, %s)
           on conflict (tenant_id, name) do update set content_hash = excluded.content_hash returning id""",
        (new_id(), tenant_id, _DOCUMENT, sha256(dumps(passages, sort_keys=True).encode()).hexdigest()),
    )
    if row is None:
        raise RuntimeError("the tenant file's document was not stored")
    await tx.execute("delete from passages where tenant_id = %s and document_id = %s", (tenant_id, row["id"]))
    for position, (kind, key, content) in enumerate(passages):
        await tx.execute(
            """insert into passages (id, tenant_id, document_id, position, key, kind, content)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            (new_id(), tenant_id, row["id"], position, key, kind, Jsonb(content)),
        )
