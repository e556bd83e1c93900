"""Versions as stored: written once, never changed; and whose prompts and models a tenant has by now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.store.db import Tx, fetch_one
from agent.types import ModelTier, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRow:
    """A version, and what it is for."""

    digest: str
    prompts: Mapping[str, str]
    models: Mapping[ModelTier, str]
    thresholds: Mapping[str, Any]
    policies: Mapping[str, Any]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionName:
    """A version as it is listed. `turns` counts what it has answered."""

    digest: str
    models: Mapping[ModelTier, str]
    note: str
    created_at: datetime
    turns: int


async def has_version(tx: Tx, tenant_id: TenantId, digest: str) -> bool:
    """Say whether a version is stored."""
    row = await fetch_one(tx, "select from versions where tenant_id = %s and digest = %s", (tenant_id, digest))
    return row is not None


async def insert_version(tx: Tx, tenant_id: TenantId, row: VersionRow) -> None:
    """Store a version; one that is stored already stays as it is."""
    await tx.execute(
        """insert into versions (tenant_id, digest, prompts, models, thresholds, policies, note)
           values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        (
            tenant_id,
            row.digest,
            *(Jsonb(dict(each)) for each in (row.prompts, row.models, row.thresholds, row.policies)),
            row.note,
        ),
    )


async def find_version(tx: Tx, tenant_id: TenantId, digest: str) -> VersionRow | None:
    """Return a version; None: this tenant has none of that name."""
    row = await fetch_one(
        tx,
        """select digest, prompts, models, thresholds, policies, note from versions
           where tenant_id = %s and digest = %s""",
        (tenant_id, digest),
    )
    return None if row is None else VersionRow(**row)


async def list_versions(tx: Tx, tenant_id: TenantId, *, limit: int = 50) -> list[VersionName]:
    """Return the versions of a tenant, newest first."""
    cursor = await tx.execute(
        """select digest, models, note, created_at,
                  (select count(*)::int from turns where turns.tenant_id = v.tenant_id and version = digest) as turns
           from versions v where tenant_id = %s order by created_at desc, digest limit %s""",
        (tenant_id, limit),
    )
    return [VersionName(**row) for row in await cursor.fetchall()]


async def find_pinned(tx: Tx, tenant_id: TenantId) -> VersionRow | None:
    """Return the version whose prompts and models a tenant has; None: it has the release's."""
    row = await fetch_one(
        tx,
        """select v.digest, v.prompts, v.models, v.thresholds, v.policies, v.note
           from pinned_versions p join versions v on v.tenant_id = p.tenant_id and v.digest = p.digest
           where p.tenant_id = %s""",
        (tenant_id,),
    )
    return None if row is None else VersionRow(**row)


async def pin_version(tx: Tx, tenant_id: TenantId, digest: str) -> None:
    """Give a tenant the prompts and models of a version, whatever release runs."""
    await tx.execute(
        """insert into pinned_versions (tenant_id, digest) values (%s, %s)
           on conflict (tenant_id) do update set digest = excluded.digest, since = clock_timestamp()""",
        (tenant_id, digest),
    )


async def unpin_version(tx: Tx, tenant_id: TenantId) -> bool:
    """Give a tenant the prompts and models of the release again; False: it had them."""
    cursor = await tx.execute("delete from pinned_versions where tenant_id = %s", (tenant_id,))
    return cursor.rowcount == 1
